//! Everything that the rules look at.

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml::Value;

use super::maps::is_served;
use super::postfix::{PolicyUse, Postfix, Table, Target};
use crate::chain::{Mode, Policy};
use crate::config::Endpoint;

/// A Postfix and a postward.
#[derive(Debug)]
pub struct Site {
    /// Postfix's settings.
    pub postfix: Postfix,
    /// postward's.
    pub policy: Policy,
    /// What was seen by trying.
    pub facts: Facts,
}

/// What was seen by trying. What was not tried is not in here.
#[derive(Debug, Default)]
pub struct Facts {
    /// What the policy file says of `listen`, where it does not count because systemd has opened the sockets. What it has
    /// opened stands in its place.
    pub overruled: Option<Vec<Endpoint>>,
    /// Connections to policy services: what came of asking.
    pub answers: BTreeMap<Target, Result<(), String>>,
    /// Connections to maps that sign and verify: what came of asking.
    pub maps: BTreeMap<Target, Result<(), String>>,
    /// Guards that let no tags of a domain through: the table, and the domain.
    pub guard_misses: Vec<(String, String)>,
    /// Tables that know every address of a domain.
    pub wildcards: Vec<Wildcard>,
    /// Key files that cannot be used, and why.
    pub unusable_keys: Vec<(String, String)>,
    /// Key files with keys that are no good, and why.
    pub weak_keys: Vec<(String, String)>,
    /// Why the database is of no use; `None` if it is fine, or not there yet.
    pub database: Option<String>,
    /// Why the DNS cannot be asked.
    pub dns: Option<String>,
    /// Blocklists that cannot be believed, and why.
    pub blocklists: Vec<(String, String)>,
    /// Files of access lists that cannot be read, and why.
    pub sources: Vec<(String, String)>,
}

/// A table that knows every address of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wildcard {
    /// The parameter that names the table.
    pub parameter: String,
    /// The table.
    pub table: String,
    /// The domain.
    pub domain: String,
    /// What the table says of it.
    pub answer: String,
}

/// What the chain does about bounces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounces {
    /// Whether it does it, and does not only observe.
    pub(crate) is_enforced: bool,
    /// Whether a bounce without a tag is refused, or deferred until its sender gives up.
    pub(crate) refuses_unsigned: bool,
    /// Whether a bounce to several recipients is refused.
    pub(crate) refuses_multiple: bool,
    /// Whether bounces are judged at DATA, and not for each recipient.
    pub(crate) is_at_data: bool,
}

/// What an endpoint that Postfix asks has to do with postward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    /// postward listens there.
    Ours,
    /// postward listens there, but Postfix looks for the socket below its queue directory.
    HiddenByChroot,
    /// Somebody else's.
    Foreign,
}

impl Site {
    /// The domains whose senders are to be signed.
    pub fn batv_domains(&self) -> Vec<&str> {
        self.policy.config.batv.domains.iter().map(|domain| domain.0.as_str()).collect()
    }

    /// Where postward is to serve the maps that sign and verify.
    pub(crate) fn batv_endpoints(&self) -> &[Endpoint] {
        &self.policy.config.batv.socketmap
    }

    /// What the chain does about bounces, if it does anything.
    pub(crate) fn bounce(&self) -> Option<Bounces> {
        let step = self.policy.steps.iter().find(|step| step.name == "bounce" && step.mode != Mode::Off)?;
        let options = step.options.in_force();
        let is = |option: &str, value: &str| options.get(option).and_then(Value::as_str) == Some(value);
        Some(Bounces {
            is_enforced: step.mode == Mode::Enforce,
            refuses_unsigned: is("unsigned", "reject") || is("unsigned", "defer"),
            refuses_multiple: is("multiple", "reject"),
            is_at_data: is("at", "data"),
        })
    }

    /// What lets only tagged addresses through, before the map that takes the tags off.
    pub fn guards(&self) -> Vec<Table> {
        let verifying = self.cleanups_for_strangers().into_iter().filter_map(|cleanup| cleanup.verifying());
        verifying.filter_map(|(_, table)| table.members.into_iter().next()).collect()
    }

    /// Every map of postward's that Postfix asks, where postward should serve it.
    pub fn map_targets(&self) -> BTreeSet<Target> {
        let uses = self.map_uses().into_iter().map(|map| map.target);
        uses.filter(|target| is_served(self, target)).collect()
    }

    /// What an endpoint has to do with postward.
    pub(crate) fn relation(&self, policy: &PolicyUse<'_>) -> Relation {
        let listen = &self.policy.config.listen;
        if listen.iter().any(|endpoint| policy.target.is(endpoint)) {
            return Relation::Ours;
        }
        let as_written = policy.endpoint.split_once(':').map(|(_, path)| Target::Unix(path.into()));
        let is_hidden = matches!(policy.target, Target::Unix(_))
            && as_written.is_some_and(|target| listen.iter().any(|endpoint| target.is(endpoint)));
        if is_hidden { Relation::HiddenByChroot } else { Relation::Foreign }
    }

    /// Everywhere that postward should be there for Postfix to ask.
    pub fn postward_targets(&self) -> BTreeSet<Target> {
        let asks = self.asks();
        let ours = asks.iter().filter(|policy| self.relation(policy) == Relation::Ours);
        ours.map(|policy| policy.target.clone()).collect()
    }

    /// The questions to postward in services for strangers.
    pub(crate) fn asks(&self) -> Vec<PolicyUse<'_>> {
        let open: Vec<_> = self.postfix.for_strangers().map(|view| &view.service.name).collect();
        let mut uses = self.postfix.policy_uses();
        uses.retain(|policy| open.contains(&&policy.view.service.name) && self.relation(policy) != Relation::Foreign);
        uses
    }
}
