//! What we decided: written down beside the answers, never in front of them.
//!
//! Whoever answers hands in an [`Account`] and goes on at once. What cannot be written in time, because the database is slow or
//! away, waits in a bounded queue; what does not fit there is dropped and counted. Numbers are never dropped: they are added up
//! until they can be written.

mod queue;
mod recent;
pub mod summary;
mod sums;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use self::queue::Queue;
use self::recent::Recent;
use self::sums::Sums;
pub use self::sums::slot_of;
use crate::clock::Timestamp;
use crate::store::{self, Count, JournalRecord, JournalRetention, Tally, Thread, Verdict};

/// What one decision leaves in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// A number for the transaction, state and recipient: the same when Postfix asks again because a connection broke, and such
    /// a repetition is no second decision. `None` where it cannot be told.
    pub request: Option<u64>,
    /// What is written down.
    pub records: Vec<JournalRecord>,
    /// How many records were not made, because there was no room for them.
    pub unwritten: u64,
    /// The conversation that the decision was about, and what it meant for the recipient, where that changes who is awaited.
    pub thread: Option<(Thread, Verdict)>,
    /// What is counted.
    pub counts: Vec<Count>,
    /// How long each check took.
    pub timings: Vec<(&'static str, Duration)>,
    /// When.
    pub time: Timestamp,
}

/// What the journal wants to know of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interest {
    /// Whether the conversation was deferred and has not passed, as far as is remembered: whoever has become known meanwhile
    /// passes in another way than by waiting, and has come back nevertheless.
    pub awaited: bool,
    /// Whether there is room for more records. In a flood there is none most of the time, and to make them would cost as much as
    /// to decide.
    pub has_room: bool,
}

/// How far the writing has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nothing waits any more.
    Done,
    /// Some were written, others wait.
    More,
    /// They could not be written, and wait on.
    Failed,
}

/// The journal at work.
pub struct Journal {
    store: Arc<dyn store::Journal>,
    retention: Mutex<JournalRetention>,
    noted: Mutex<Noted>,
    arrived: Notify,
    /// Held while writing, so that batches stay in order.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Noted {
    queue: Queue,
    sums: Sums,
    /// Requests that were answered a moment ago. Postfix repeats a request within some seconds.
    recent: Recent<4096>,
    /// Conversations that were deferred and have not passed.
    open: Recent<100_000>,
}

impl Journal {
    /// A journal that is kept in `store`.
    pub fn new(store: Arc<dyn store::Journal>, retention: JournalRetention) -> Self {
        let (noted, writing) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { store, retention: Mutex::new(retention), noted, arrived: Notify::new(), writing }
    }

    /// Keeps more or less from now on.
    pub fn keep(&self, retention: JournalRetention) {
        *lock(&self.retention) = retention;
    }

    /// What it wants to know of a decision about this conversation.
    pub fn interest(&self, thread: Option<Thread>) -> Interest {
        let noted = lock(&self.noted);
        let awaited = thread.is_some_and(|thread| noted.open.contains(thread.0.cast_unsigned()));
        Interest { awaited, has_room: noted.queue.has_room() }
    }

    /// Takes an account; answers whether it is of a new request, and no repetition. This waits for nobody but others who do the
    /// same.
    pub fn note(&self, account: Account) -> bool {
        let Account { request, records, unwritten, thread, counts, timings, time } = account;
        let mut noted = lock(&self.noted);
        if request.is_some_and(|request| !noted.recent.insert(request)) {
            return false;
        }
        noted.sums.add(counts, &timings, time);
        match thread {
            Some((Thread(thread), Verdict::Defer)) => {
                noted.open.insert(thread.cast_unsigned());
            }
            Some((Thread(thread), _)) => noted.open.remove(thread.cast_unsigned()),
            None => {}
        }
        noted.queue.drop_some(unwritten);
        if records.is_empty() && unwritten == 0 {
            return true;
        }
        for record in records {
            noted.queue.push(record);
        }
        drop(noted);
        self.arrived.notify_one();
        true
    }

    /// Resolves when there is something to write.
    pub async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Writes the records that wait; answers whether all are written. Those that could not be written wait on.
    pub async fn write_records(&self) -> bool {
        loop {
            match self.write_batch().await {
                Progress::More => {}
                progress => return progress == Progress::Done,
            }
        }
    }

    /// Writes some of the records that wait, the oldest: so few that others who want to write hardly notice.
    pub async fn write_batch(&self) -> Progress {
        let _writing = self.writing.lock().await;
        let Some(batch) = lock(&self.noted).queue.next_batch() else { return Progress::Done };
        let retention = *lock(&self.retention);
        let written = self.store.append(batch, &retention).await;
        if let Err(error) = &written {
            tracing::debug!("{error}"); // the store itself tells what is wrong with it
        }
        let mut noted = lock(&self.noted);
        noted.queue.batch_done(written.is_ok());
        match (written, noted.queue.backlog()) {
            (Err(_), _) => Progress::Failed,
            (Ok(_), (0, _)) => Progress::Done,
            (Ok(_), _) => Progress::More,
        }
    }

    /// Writes what was counted since the last time.
    pub async fn write_sums(&self) {
        let tally = lock(&self.noted).sums.take();
        if tally == Tally::default() {
            return;
        }
        let tally = Arc::new(tally);
        if self.store.add_tally(Arc::clone(&tally)).await.is_err() {
            lock(&self.noted).sums.give_back(&tally);
        }
    }

    /// How many records wait to be written, and how many were ever dropped.
    pub fn backlog(&self) -> (u64, u64) {
        lock(&self.noted).queue.backlog()
    }

    /// How many records were dropped since this was asked last.
    pub fn take_dropped(&self) -> u64 {
        lock(&self.noted).queue.take_dropped()
    }

    /// Removes what is too old; answers how many records.
    pub async fn purge(&self, now: Timestamp) -> u64 {
        let retention = *lock(&self.retention);
        self.store.purge_journal(&retention, now).await.unwrap_or_default()
    }
}

/// Nothing that happens under these locks can leave half of itself behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
