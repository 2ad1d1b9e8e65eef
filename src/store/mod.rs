//! What postward remembers, in the words of those who ask.
//!
//! Nothing above this module names an engine: checks and commands see [`Greylist`], [`Entries`] and [`Journal`] only.
//! Every operation is atomic, takes the time it happens at, and is done when its future resolves with `Ok`:
//! from then on it survives the death of the process. The same contract tests run through every engine
//! (`tests/store`).

mod greylist;
mod journal;
mod rehearsal;
mod remembered;
mod selection;
pub mod sqlite;
mod taken_over;
mod vitals;

use std::pin::Pin;

use thiserror::Error;
use tokio::sync::mpsc;

pub use self::greylist::{
    AddressSelection, Attempt, ClientRecord, ClientSelection, Forgotten, Greylist, GreylistStats, Purged, Retention,
    Selection, Sighting, Standing, Triplet, TripletRecord, TripletState, Used,
};
pub use self::journal::{
    CameBack, Count, Journal, JournalClient, JournalRecord, JournalRetention, JournalSelection, JournalWalk, Tally,
    Thread, Timing, TraceRecord, Verdict,
};
pub use self::rehearsal::Rehearsal;
pub use self::remembered::Remembered;
pub use self::taken_over::{Memory, TakenOver};
pub use self::vitals::{StoreCondition, StoreSize, Vitals};
use crate::clock::Timestamp;

/// What an operation on a store resolves to.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Why a store could not do what it was asked. Its text names the thing and the path.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// Not now: full disk, locked, read-only, missing directory. Asking again later may succeed.
    #[error("{0}")]
    Unavailable(String),
    /// Another process serves this database.
    #[error("{0}")]
    InUse(String),
    /// The file is there but cannot be used as it is: no database, or a schema newer than this program knows.
    #[error("{0}")]
    Unusable(String),
}

/// One row of the access lists, as it is stored: patterns and action in their written form, which
/// [`lists`](crate::lists) gives a meaning.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EntryRecord {
    /// Names the row; 0 in one that is yet to be stored.
    pub id: i64,
    /// Client pattern, in its canonical spelling.
    pub client: Option<String>,
    /// Sender pattern, in its canonical spelling.
    pub sender: Option<String>,
    /// Recipient pattern, in its canonical spelling.
    pub recipient: Option<String>,
    /// `allow`, `deny`, `defer`, `suspect` or `skip=…`.
    pub action: String,
    /// What the sender is told.
    pub text: Option<String>,
    /// What the administrator wanted to remember.
    pub comment: Option<String>,
    /// From when on the row counts no more.
    pub expires: Option<Timestamp>,
    /// The source it was read from; `None` for rows made by hand.
    pub source: Option<String>,
}

/// What became of an entry that was to be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is stored under this id.
    New(i64),
    /// The row with this id had the same patterns and source, and was changed to it.
    Replaced(i64),
    /// The row with this id has the same patterns and source; nothing was changed.
    Exists(i64),
}

/// What reading a source again changed in its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SourceChange {
    /// Rows that were not there.
    pub added: u64,
    /// Rows that are gone.
    pub removed: u64,
    /// Rows that stay as they were, with their ids.
    pub kept: u64,
}

/// The access lists' table. A change and the new generation number come in one transaction.
pub trait Entries: Send + Sync {
    /// A number that grows with every change of the table, by whichever process.
    fn generation(&self) -> Answer<'_, u64>;

    /// All rows in the order of their ids, in batches, as of one moment. The last batch is empty: without it the reading was
    /// broken off, and what came is not all. Dropping the receiver ends the reading.
    fn entries(&self) -> mpsc::Receiver<Result<Vec<EntryRecord>, StoreError>>;

    /// Adds a row. One with the same three patterns from the same source is replaced or left, as `replace` says.
    fn add_entry(&self, entry: EntryRecord, replace: bool) -> Answer<'_, Added>;

    /// Adds or replaces many rows in one transaction, in the same sense as [`add_entry`](Self::add_entry) with `replace`.
    /// Rows that are there already, just so, count as kept.
    fn add_entries(&self, entries: Vec<EntryRecord>) -> Answer<'_, SourceChange>;

    /// Removes rows; answers the ids that were there.
    fn remove_entries(&self, ids: Vec<i64>) -> Answer<'_, Vec<i64>>;

    /// Makes `rows` the rows of `source`, touching only what differs; the generation moves only if something does.
    /// Rows of other sources and those made by hand are never touched.
    fn replace_source(&self, source: String, rows: Vec<EntryRecord>) -> Answer<'_, SourceChange>;

    /// Removes the rows of every source that was once given to [`replace_source`](Self::replace_source) and is not in `sources`:
    /// the policy file names it no more. Rows that were only added under the name of a source stay.
    fn keep_sources(&self, sources: Vec<String>) -> Answer<'_, u64>;

    /// Removes the rows that expired before `now`; answers how many.
    fn remove_expired(&self, now: Timestamp) -> Answer<'_, u64>;
}
