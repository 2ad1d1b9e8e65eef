//! What the measures did in some time: numbers from what was counted.

mod numbers;

pub use self::numbers::{CheckTime, Measure, Slice, Totals, WouldHave};

use super::slot_of;
use crate::clock::Timestamp;
use crate::store::{Journal, StoreError};

/// The numbers alone: told at once, however much is in the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// The recipients that were asked about.
    pub totals: Totals,
    /// What each measure did, the most frequent first.
    pub measures: Vec<Measure>,
    /// What observed steps would have done, the most frequent first.
    pub would_have: Vec<WouldHave>,
    /// How it went over the time, in slices of the same length.
    pub timeline: Vec<Slice>,
    /// How long checks took, the slowest first.
    pub checks: Vec<CheckTime>,
}

impl Figures {
    /// Adds up what was counted, to ten minutes.
    pub async fn of(journal: &dyn Journal, since: Timestamp, until: Timestamp) -> Result<Self, StoreError> {
        let tally = journal.tally(slot_of(since), until).await?;
        Ok(Self {
            totals: numbers::totals(&tally),
            measures: numbers::measures(&tally),
            would_have: numbers::would_have(&tally),
            timeline: numbers::timeline(&tally, since, until),
            checks: numbers::check_times(&tally),
        })
    }
}
