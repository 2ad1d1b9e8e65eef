//! Moving the write-ahead log into the database, beside the writer.
//!
//! After a flood or during a purge that takes seconds, because the pages lie all over the file, and nobody's answer may wait for
//! it. So a thread of its own does it. The log begins anew when all of it was moved and nothing has come in between; where
//! something always does, the writer moves the last of it, but seldom, and not before the disk has written what was moved:
//! SQLite has it do so whenever all was moved, and whoever moved the last then waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::open;
use super::shared::{Shared, thread};

/// What was moved so fast did not wait for the disk.
const SHORT: Duration = Duration::from_millis(20);

/// With so many pages the log has to begin anew.
const LONG: i64 = 16_000;

/// How often, and for how long, it is tried to leave little to the writer: a flood may not end.
const TRIES: u32 = 30;
const PATIENCE: Duration = Duration::from_secs(5);

/// The thread that moves the log.
pub(super) struct Checkpointer {
    /// `None` once it is to end.
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    little_is_left: Arc<AtomicBool>,
}

impl Checkpointer {
    /// Starts the thread.
    pub(super) fn start(shared: Arc<Shared>) -> std::io::Result<Self> {
        let (wake, woken) = sync_channel(1);
        let little_is_left = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&little_is_left);
        let thread = thread("store-checkpoint").spawn(move || run(&woken, &shared, &done))?;
        Ok(Self { wake: Some(wake), thread: Some(thread), little_is_left })
    }

    /// Begins to move what is in the log, if that is not being done already.
    pub(super) fn begin(&self) {
        if let Some(wake) = &self.wake {
            let _ = wake.try_send(());
        }
    }

    /// Whether the writer is to move what is left now.
    pub(super) fn take_turn(&self) -> bool {
        self.little_is_left.swap(false, Ordering::AcqRel)
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Answers how many pages the log has. Takes no lock that anybody waits for (sqlite.org/c3ref/wal_checkpoint_v2.html, PASSIVE).
pub(super) fn checkpoint(connection: &Connection) -> i64 {
    let pages = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |row| row.get(1));
    pages.unwrap_or_else(|error| {
        tracing::debug!(%error, "a checkpoint failed; the write-ahead log is kept");
        0
    })
}

/// Moves all of the log, and waits for those who read as long as the connection waits for a lock; answers whether all of it was
/// moved. What is moved beside somebody who reads leaves out pages of which there are newer ones.
pub(super) fn checkpoint_all(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA wal_checkpoint(FULL)", (), |row| Ok(!row.get::<_, bool>(0)?))
}

fn run(woken: &Receiver<()>, shared: &Shared, little_is_left: &AtomicBool) {
    let _nobody_waits_for_it_any_more = LogGoesOn(shared);
    while let Ok(()) = woken.recv() {
        // A connection of its own, opened anew each time: another file may be there by now.
        if shared.check().is_ok()
            && let Ok(connection) = open::for_reading(shared)
        {
            let is_long = move_most(&connection, shared);
            while woken.try_recv().is_ok() {} // for what has been moved meanwhile
            little_is_left.store(is_long, Ordering::Release);
        }
    }
}

/// However the thread ends, its log does not.
struct LogGoesOn<'a>(&'a Shared);

impl Drop for LogGoesOn<'_> {
    fn drop(&mut self) {
        self.0.set_log_ends(false);
    }
}

/// Moves what is in the log. If it has to begin anew that is said at once, so that what can wait does, and the rest is moved until
/// the disk has written most of it. Answers whether it has.
fn move_most(connection: &Connection, shared: &Shared) -> bool {
    let is_long = checkpoint(connection) >= LONG;
    shared.set_log_ends(is_long);
    if is_long {
        move_rest(connection);
    }
    is_long
}

/// Moves again and again until it did not take long after it did.
fn move_rest(connection: &Connection) {
    let (begun, mut took_long) = (Instant::now(), false);
    for _ in 0..TRIES {
        let started = Instant::now();
        checkpoint(connection);
        let takes_long = started.elapsed() >= SHORT;
        if (took_long && !takes_long) || begun.elapsed() >= PATIENCE {
            break;
        }
        took_long |= takes_long;
    }
}
