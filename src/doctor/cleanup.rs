//! cleanup(8) services: where senders are signed, and tags taken off.

use super::Site;
use super::postfix::{Place, Table, Target, View};

/// The socketmap that signs senders.
const SIGN: &str = "batv-sign";
/// The socketmap that takes tags off recipients.
const VERIFY: &str = "batv-verify";

/// Parameters in which tags can be taken off.
const VERIFYING: [&str; 2] = ["recipient_canonical_maps", "virtual_alias_maps"];

/// One of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cleanup<'a> {
    pub(crate) view: View<'a>,
}

/// A table of one of them that asks postward.
#[derive(Debug, Clone)]
pub(crate) struct MapUse<'a> {
    /// The service.
    pub(crate) view: View<'a>,
    /// Where it stands.
    pub(crate) place: Place,
    /// The table, as written.
    pub(crate) table: String,
    /// The endpoint, as written.
    pub(crate) endpoint: String,
    /// Where that is.
    pub(crate) target: Target,
}

impl Site {
    /// All of them.
    pub(crate) fn cleanups(&self) -> Vec<Cleanup<'_>> {
        let services = self.postfix.services().filter(|view| view.service.command == "cleanup");
        services.map(|view| Cleanup { view }).collect()
    }

    /// The one to which a service hands its mail.
    pub(crate) fn cleanup_of(&self, view: View<'_>) -> Option<Cleanup<'_>> {
        let name = format!("{}/unix", view.get("cleanup_service_name"));
        self.cleanups().into_iter().find(|cleanup| cleanup.view.service.name == name)
    }

    /// Those through which strangers' mail goes, each once.
    pub(crate) fn cleanups_for_strangers(&self) -> Vec<Cleanup<'_>> {
        let mut cleanups: Vec<_> = self.postfix.for_strangers().filter_map(|view| self.cleanup_of(view)).collect();
        cleanups.dedup_by(|one, other| one.view.service.name == other.view.service.name);
        cleanups
    }

    /// Every table that asks postward.
    pub(crate) fn map_uses(&self) -> Vec<MapUse<'_>> {
        self.cleanups().into_iter().flat_map(Cleanup::map_uses).collect()
    }
}

impl<'a> Cleanup<'a> {
    /// The table by which it signs senders.
    pub(crate) fn signing(self) -> Option<Table> {
        self.table("sender_canonical_maps", SIGN)
    }

    /// The parameter and the table by which it takes tags off.
    pub(crate) fn verifying(self) -> Option<(&'static str, Table)> {
        VERIFYING.into_iter().find_map(|parameter| Some((parameter, self.table(parameter, VERIFY)?)))
    }

    fn table(self, parameter: &str, map: &str) -> Option<Table> {
        Table::list(self.view.get(parameter)).into_iter().find(|table| table.socketmap(map).is_some())
    }

    fn map_uses(self) -> Vec<MapUse<'a>> {
        let signing = self.signing().map(|table| ("sender_canonical_maps", table, SIGN));
        let verifying = self.verifying().map(|(parameter, table)| (parameter, table, VERIFY));
        let tables = signing.into_iter().chain(verifying);
        let map_use = |(parameter, table, map): (&str, Table, &str)| {
            let endpoint = table.socketmap(map)?.to_owned();
            let target = Target::of(&endpoint, self.view);
            Some(MapUse {
                view: self.view,
                place: self.view.place(parameter),
                table: table.text.clone(),
                endpoint,
                target,
            })
        };
        tables.filter_map(map_use).collect()
    }
}
