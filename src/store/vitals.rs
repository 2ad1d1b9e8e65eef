//! How a store is, as far as that can be told without making anybody wait.

use std::time::Duration;

use super::{Answer, StoreError};

/// What a store knows of itself: asking costs nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreCondition {
    /// Why it cannot be used now; `None` while all is well.
    pub outage: Option<StoreError>,
    /// Changes that wait to be committed.
    pub waiting: u64,
    /// Transactions since the start.
    pub commits: u64,
    /// Changes in all of these.
    pub changes: u64,
    /// How long all of these took together.
    pub commit_time: Duration,
    /// How long the longest took.
    pub slowest_commit: Duration,
}

/// How much there is, as far as it can be told without counting rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreSize {
    /// Triplets that wait.
    pub waiting_triplets: u64,
    /// Decisions in the journal, at most: some in between may be gone.
    pub journal_records: u64,
    /// Octets of the database, without what was written last.
    pub octets: u64,
}

/// A store that can be looked at while it works.
pub trait Vitals: Send + Sync {
    /// How it is.
    fn condition(&self) -> StoreCondition;

    /// How much there is.
    fn size(&self) -> Answer<'_, StoreSize>;
}
