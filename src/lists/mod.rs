//! Whom we know: the access lists.
//!
//! The truth is the store's table. [`Lists`] holds what it said last, compiled into an immutable [`Snapshot`]; whoever judges a
//! request takes one snapshot and keeps it until the end. Entries come into the table by hand or from [`Source`]s, in
//! the spelling of [`pattern`], and leave it as lines of [`formats`].

mod action;
mod entry;
pub mod formats;
pub mod pattern;
pub mod snapshot;
mod source;

use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};
use thiserror::Error;
use tokio::sync::{Mutex, mpsc};

pub use self::action::{ActionError, EntryAction, UnknownCheck};
pub use self::entry::{Entry, EntryError};
pub use self::formats::{Format, entry_line};
pub use self::snapshot::{Hit, Snapshot, SnapshotBuilder, SnapshotError, Subject};
pub use self::source::{Source, SourceError, SourceRead, SourceReport, SourcesRead, read_file, read_sources};
use crate::store::{Entries, EntryRecord, StoreError};

/// The lists in force.
#[derive(Default)]
pub struct Lists {
    snapshot: ArcSwapOption<Snapshot>,
    /// The generation that `snapshot` was made of; held while a new one is made.
    generation: Mutex<Option<u64>>,
}

/// What looking at the table led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refreshed {
    /// The table is as it was.
    Unchanged,
    /// The lists in force are of this generation now.
    Swapped(u64),
}

/// Why the lists that were in force stay.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RefreshError {
    /// The table could not be read.
    #[error("the access lists cannot be read, the last ones stay in force: {0}")]
    Store(#[from] StoreError),
    /// The table was read, but not compiled.
    #[error("the access lists cannot be compiled, the last ones stay in force: {0}")]
    Snapshot(#[from] SnapshotError),
    /// The thread that reads or compiles ended without a result.
    #[error("reading the access lists was broken off, the last ones stay in force")]
    BrokenOff,
}

impl Lists {
    /// Nothing is known until the table is looked at for the first time.
    pub fn new() -> Self {
        Self::default()
    }

    /// The lists as they are now; `None` until the table was read for the first time. They do not change while the answer is held.
    pub fn current(&self) -> Option<Arc<Snapshot>> {
        self.snapshot.load_full()
    }

    /// The same, for a while. Nobody else is kept waiting by counting who has them.
    pub fn load(&self) -> Guard<Option<Arc<Snapshot>>> {
        self.snapshot.load()
    }

    /// Makes what the table says the lists in force, if it has changed. Nobody who asks meanwhile waits.
    pub async fn refresh_if_changed(&self, table: &dyn Entries) -> Result<Refreshed, RefreshError> {
        let mut last = self.generation.lock().await;
        // Asked before the rows are read: a change in between is read now and found again the next time.
        let generation = table.generation().await?;
        if *last == Some(generation) {
            return Ok(Refreshed::Unchanged);
        }
        let rows = table.entries();
        let compiled = tokio::task::spawn_blocking(move || compile(rows)).await;
        let snapshot = compiled.map_err(|_| RefreshError::BrokenOff)??;
        self.snapshot.store(Some(Arc::new(snapshot)));
        *last = Some(generation);
        Ok(Refreshed::Swapped(generation))
    }
}

type Batches = mpsc::Receiver<Result<Vec<EntryRecord>, StoreError>>;

fn compile(mut batches: Batches) -> Result<Snapshot, RefreshError> {
    let mut builder = SnapshotBuilder::default();
    loop {
        // Half a list could let in whom the other half refuses.
        let batch = batches.blocking_recv().ok_or(RefreshError::BrokenOff)??;
        if batch.is_empty() {
            return Ok(builder.finish()?);
        }
        for row in batch {
            builder.add(row)?;
        }
    }
}

#[cfg(test)]
mod tests;
