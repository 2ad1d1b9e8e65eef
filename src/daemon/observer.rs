//! How the running daemon is, put together of what its parts tell.

use std::pin::Pin;
use std::sync::Arc;

use super::registry::Registry;
use super::service::Service;
use crate::clock::Timestamp;
use crate::dns::blocklist::Blocklist;
use crate::dns::health::Standing;
use crate::http::{JournalStatus, ListsStatus, LookupStatus, Running, Status, StoreStatus, ZoneStatus};
use crate::store::{StoreCondition, StoreSize, Vitals};

/// Looks at the parts; changes nothing.
pub(super) struct Observer {
    service: Arc<Service>,
    store: Arc<dyn Vitals>,
    registry: Registry,
    listen: Vec<String>,
    started: Timestamp,
}

impl Observer {
    /// Looks at these, from now on. `listen` is where Postfix comes to.
    pub(super) fn new(
        service: &Arc<Service>,
        store: Arc<dyn Vitals>,
        registry: &Registry,
        listen: Vec<String>,
    ) -> Self {
        Self { service: service.clone(), store, registry: registry.clone(), listen, started: service.now() }
    }

    async fn look(&self) -> Status {
        let condition = self.store.condition();
        let size = self.store.size().await.ok();
        let lists = self.lists();
        let (waiting, dropped) = self.service.journal().backlog();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: self.started,
            time: self.service.now(),
            not_ready: not_ready(&condition, &lists),
            listen: self.listen.clone(),
            connections: self.registry.open_connections() as u64,
            store: store(condition, size),
            journal: JournalStatus { waiting, dropped },
            lists,
            zones: self.service.blocklists().iter().map(|list| zone(list)).collect(),
            lookups: self.lookups(),
        }
    }

    fn lists(&self) -> ListsStatus {
        let sources = self.service.sources().read();
        let Some((lists, generation)) = self.service.lists() else {
            return ListsStatus { sources, ..ListsStatus::default() };
        };
        let (generation, entries) = (Some(generation), lists.len() as u64);
        ListsStatus { generation, entries, rejected: lists.rejected().count, sources }
    }

    fn lookups(&self) -> Vec<LookupStatus> {
        let lookup = |(kind, outcome, number): (&str, &str, u64)| LookupStatus {
            kind: kind.to_owned(),
            outcome: outcome.to_owned(),
            number,
        };
        self.service.lookups().read().map(lookup).collect()
    }
}

impl Running for Observer {
    fn status(&self) -> Pin<Box<dyn Future<Output = Status> + Send + '_>> {
        Box::pin(self.look())
    }
}

fn not_ready(store: &StoreCondition, lists: &ListsStatus) -> Option<String> {
    let store = store.outage.as_ref().map(ToString::to_string);
    let lists = || lists.generation.is_none().then(|| "the access lists could not be read yet".to_owned());
    store.or_else(lists)
}

fn store(condition: StoreCondition, size: Option<StoreSize>) -> StoreStatus {
    let StoreCondition { outage, waiting, commits, changes, commit_time, slowest_commit } = condition;
    StoreStatus {
        outage: outage.map(|outage| outage.to_string()),
        waiting,
        commits,
        changes,
        commit_seconds: commit_time.as_secs_f64(),
        slowest_commit_seconds: slowest_commit.as_secs_f64(),
        waiting_triplets: size.map(|size| size.waiting_triplets),
        journal_records: size.map(|size| size.journal_records),
        octets: size.map(|size| size.octets),
    }
}

fn zone(list: &Blocklist) -> ZoneStatus {
    let (standing, heard) = list.condition();
    let (standing, reason) = match standing {
        Standing::Good => ("good", None),
        Standing::Untested => ("untested", None),
        Standing::Out(why) => ("out", Some(why)),
    };
    ZoneStatus {
        zone: list.shown().to_owned(),
        standing: standing.to_owned(),
        reason,
        listed: heard.listed,
        not_listed: heard.not_listed,
        errors: heard.errors,
    }
}
