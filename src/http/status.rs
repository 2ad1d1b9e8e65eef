//! How the daemon is: told to people, to `postward status` and to Prometheus alike.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// The running daemon at one moment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Status {
    /// The version of the daemon.
    pub version: String,
    /// When it was started.
    pub started: Timestamp,
    /// The moment.
    pub time: Timestamp,
    /// Why it lets everybody pass who would have to be remembered or looked up; `None`: it is ready.
    pub not_ready: Option<String>,
    /// Where it listens for Postfix.
    pub listen: Vec<String>,
    /// Connections that are open.
    pub connections: u64,
    /// The database.
    pub store: StoreStatus,
    /// What waits to be written down.
    pub journal: JournalStatus,
    /// The access lists.
    pub lists: ListsStatus,
    /// The blocklists.
    pub zones: Vec<ZoneStatus>,
    /// Lookups in the DNS.
    pub lookups: Vec<LookupStatus>,
}

/// How the database is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StoreStatus {
    /// Why it cannot be used now.
    pub outage: Option<String>,
    /// Changes that wait to be committed.
    pub waiting: u64,
    /// Transactions since the start.
    pub commits: u64,
    /// Changes in these.
    pub changes: u64,
    /// How long these took together.
    pub commit_seconds: f64,
    /// How long the longest took.
    pub slowest_commit_seconds: f64,
    /// Triplets that wait; `None` where the database did not say.
    pub waiting_triplets: Option<u64>,
    /// Decisions in the journal.
    pub journal_records: Option<u64>,
    /// The size of the database.
    pub octets: Option<u64>,
}

/// What the journal has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JournalStatus {
    /// Decisions that wait to be written down.
    pub waiting: u64,
    /// Decisions that could not be written in time.
    pub dropped: u64,
}

/// The access lists in force.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ListsStatus {
    /// Which state of the table is in force; `None`: it was never read.
    pub generation: Option<u64>,
    /// How many entries count.
    pub entries: u64,
    /// How many count for nothing because they cannot be understood.
    pub rejected: u64,
    /// Where entries come from.
    pub sources: Vec<SourceStatus>,
}

/// A source of entries.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SourceStatus {
    /// Its name in the policy file.
    pub name: String,
    /// How many entries it had when it was read last.
    pub entries: u64,
    /// When that was; `None`: not since the start.
    pub read: Option<Timestamp>,
    /// Why it could not be read the last time.
    pub error: Option<String>,
}

/// A blocklist.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ZoneStatus {
    /// Its name, without any key in it.
    pub zone: String,
    /// `good`, `untested` or `out`.
    pub standing: String,
    /// Why it is out.
    pub reason: Option<String>,
    /// Lookups that found something listed.
    pub listed: u64,
    /// Lookups that did not.
    pub not_listed: u64,
    /// Lookups without a usable answer.
    pub errors: u64,
}

/// How many lookups came to an outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookupStatus {
    /// The type of records.
    #[serde(rename = "type")]
    pub kind: String,
    /// `found`, `nothing`, `timeout`, `failed` or `unavailable`.
    pub outcome: String,
    /// How many.
    pub number: u64,
}
