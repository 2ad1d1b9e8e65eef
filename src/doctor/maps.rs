//! Does Postfix reach the maps that sign and verify?

use super::cleanup::MapUse;
use super::postfix::Target;
use super::{Area, Rule, Site, Symptom, Weight};
use crate::config::Endpoint;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "batv-map-not-served",
        area: Area::Batv,
        weight: Weight::Problem,
        what: "Postfix asks for a map where postward does not serve it",
        why: "users' mail and bounces are put off with 451 until somebody answers there",
        look: not_served,
    },
    Rule {
        id: "batv-map-hidden-by-chroot",
        area: Area::Batv,
        weight: Weight::Problem,
        what: "Postfix looks for the socket of a map below its queue directory, and postward's is elsewhere",
        why: "cleanup runs chrooted and finds no socket: users' mail and bounces are put off with 451",
        look: hidden_by_chroot,
    },
    Rule {
        id: "batv-map-unreachable",
        area: Area::Batv,
        weight: Weight::Problem,
        what: "nobody answers where Postfix asks for a map",
        why: "users' mail and bounces are put off with 451 until somebody answers there",
        look: unreachable,
    },
    Rule {
        id: "batv-map-for-everybody",
        area: Area::Batv,
        weight: Weight::Notice,
        what: "other hosts can reach the maps that sign",
        why: "whoever can ask gets a tag for every address of yours, and can then send bounces that pass",
        look: open_to_others,
    },
];

fn not_served(site: &Site) -> Vec<Symptom> {
    let served: Vec<_> = site.batv_endpoints().iter().map(ToString::to_string).collect();
    let symptom = |map: MapUse<'_>| Symptom {
        setting: map.place.to_string(),
        value: map.table.clone(),
        cure: match served.first() {
            Some(endpoint) => {
                let list = site.postfix.written(&map.place).replace(&map.endpoint, endpoint);
                site.set(&map.place, &list)
            }
            None => format!("in the policy file: batv: {{socketmap: [\"{}\"], …}}", map.target),
        },
    };
    let uses = site.map_uses().into_iter();
    uses.filter(|map| !is_served(site, &map.target) && !is_hidden(site, map)).map(symptom).collect()
}

fn hidden_by_chroot(site: &Site) -> Vec<Symptom> {
    let queue = site.postfix.get("queue_directory");
    let symptom = |map: MapUse<'_>| Symptom {
        setting: map.place.to_string(),
        value: format!("{} of the chrooted service {} is {}", map.endpoint, map.view.service.name, map.target),
        cure: format!(
            "in the policy file: batv: {{socketmap: [\"unix:{queue}/postward/map.sock\"], …}}\n{}",
            site.set(&map.place, &site.postfix.written(&map.place).replace(&map.endpoint, "unix:postward/map.sock"))
        ),
    };
    site.map_uses().into_iter().filter(|map| is_hidden(site, map)).map(symptom).collect()
}

fn unreachable(site: &Site) -> Vec<Symptom> {
    let symptom = |map: MapUse<'_>| {
        let error = site.facts.maps.get(&map.target)?.as_ref().err()?;
        Some(Symptom {
            setting: format!("socketmap:{}", map.endpoint),
            value: error.clone(),
            cure: "start postward, or look at its log".to_owned(),
        })
    };
    site.map_uses().into_iter().filter(|map| is_served(site, &map.target)).filter_map(symptom).collect()
}

/// A firewall may keep them out; no setting tells.
fn open_to_others(site: &Site) -> Vec<Symptom> {
    let symptom = |endpoint: &Endpoint| match endpoint {
        Endpoint::Inet(address) if !address.ip().is_loopback() => Some(Symptom {
            setting: "batv: socketmap".to_owned(),
            value: endpoint.to_string(),
            cure: format!(
                "in the policy file: batv: {{socketmap: [\"inet:127.0.0.1:{}\"], …}}; or let a firewall keep out who is not \
                 Postfix",
                address.port()
            ),
        }),
        _ => None,
    };
    site.batv_endpoints().iter().filter_map(symptom).collect()
}

/// Whether postward is to serve maps here.
pub(super) fn is_served(site: &Site, target: &Target) -> bool {
    site.batv_endpoints().iter().any(|endpoint| target.is(endpoint))
}

fn is_hidden(site: &Site, map: &MapUse<'_>) -> bool {
    let is_as_written =
        |endpoint: &Endpoint| matches!(endpoint, Endpoint::Unix(_)) && endpoint.to_string() == map.endpoint;
    !is_served(site, &map.target) && site.batv_endpoints().iter().any(is_as_written)
}
