//! Records that wait to be written.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::store::JournalRecord;

/// How many records may wait: some seconds of the heaviest traffic, and at most some ten megabytes.
const CAPACITY: usize = 10_000;

/// How many records are written at once. The attempts that come in between wait for them some milliseconds; fewer at once would cost
/// twice as much, because every time the same pages are written again.
const BATCH: usize = 200;

/// After so many failures in a row it may be the batch that is at fault, and not the database.
const TRIES: u32 = 100;

/// A bounded queue of which one batch is being written.
#[derive(Default)]
pub(super) struct Queue {
    waiting: VecDeque<JournalRecord>,
    batch: Option<Arc<[JournalRecord]>>,
    failures: u32,
    dropped: u64,
    dropped_ever: u64,
}

impl Queue {
    /// Whether there is room for a record.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < CAPACITY
    }

    /// Takes a record, or drops it if there is no room.
    pub(super) fn push(&mut self, record: JournalRecord) {
        if self.has_room() {
            self.waiting.push_back(record);
        } else {
            self.drop_some(1);
        }
    }

    /// What is to be written now: the batch that failed, or the next.
    pub(super) fn next_batch(&mut self) -> Option<Arc<[JournalRecord]>> {
        if self.batch.is_none() && !self.waiting.is_empty() {
            let count = self.waiting.len().min(BATCH);
            self.batch = Some(self.waiting.drain(..count).collect());
        }
        self.batch.clone()
    }

    /// The batch was written, or was not.
    pub(super) fn batch_done(&mut self, written: bool) {
        self.failures = if written { 0 } else { self.failures + 1 };
        if written {
            self.batch = None;
        } else if self.failures >= TRIES {
            self.failures = 0;
            let given_up = self.batch.take().map_or(0, |batch| batch.len() as u64);
            self.drop_some(given_up);
        }
    }

    /// How many wait, and how many were ever dropped.
    pub(super) fn backlog(&self) -> (u64, u64) {
        let in_batch = self.batch.as_ref().map_or(0, |batch| batch.len());
        ((self.waiting.len() + in_batch) as u64, self.dropped_ever)
    }

    /// So many records are lost.
    pub(super) fn drop_some(&mut self, records: u64) {
        self.dropped += records;
        self.dropped_ever += records;
    }

    pub(super) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }
}
