//! What the measures did in some time: numbers from what was counted, conversations from what was written down.

mod conversations;
mod numbers;

use std::time::Duration;

use serde::Serialize;

pub use self::conversations::{Conversations, NetworkCount, Unreturned, Wait};
pub use self::numbers::{CheckTime, Measure, Slice, Totals, WouldHave};

use self::conversations::Fold;
use super::slot_of;
use crate::clock::{Timestamp, earlier};
use crate::store::{Journal, JournalSelection, JournalWalk, StoreError};

/// How many records are read at once.
const PAGE: usize = 2000;

/// Who has not come back by then does not: a mail server tries again within the hour or so (RFC 5321 section 4.5.4.1).
pub const PATIENCE: Duration = Duration::from_secs(4 * 3600);

/// What was done in some time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// From when on; numbers to ten minutes.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// The numbers.
    #[serde(flatten)]
    pub figures: Figures,
    /// What became of those who were greylisted.
    pub conversations: Conversations,
    /// Those who never came back, by their domain, the most frequent first.
    pub never_retried: Vec<Unreturned>,
    /// Those who waited longest before they passed.
    pub waited_longest: Vec<Wait>,
    /// The networks that were refused or deferred most.
    pub networks: Vec<NetworkCount>,
}

impl Summary {
    /// Sums up what is in the journal; lists have at most `top` rows.
    pub async fn of(journal: &dyn Journal, since: Timestamp, until: Timestamp, top: usize) -> Result<Self, StoreError> {
        let figures = Figures::of(journal, since, until).await?;
        let mut fold = Fold::new(earlier(until, PATIENCE));
        let selection = JournalSelection { since: Some(since), until: Some(until), ..JournalSelection::default() };
        let mut walk = JournalWalk::Behind(since, 0);
        loop {
            let page = journal.records(&selection, walk, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            walk = JournalWalk::Behind(last.time, last.id);
            page.iter().for_each(|(record, back)| fold.add(record, *back));
        }
        Ok(Self {
            since,
            until,
            figures,
            conversations: fold.conversations,
            never_retried: fold.never_retried(top),
            waited_longest: fold.waited_longest(top),
            networks: fold.networks(top),
        })
    }
}

/// The numbers alone: told at once, however much is in the journal.
#[derive(Debug, Clone, PartialEq, Serialize)]
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

#[cfg(test)]
mod tests;
