//! Moving the write-ahead log into the database, beside the writer.
//!
//! After a flood or during a purge that takes seconds, because the pages lie all over the file, and nobody's answer may wait for
//! it. So a thread of its own does it, again and again until little is left. The log begins anew when all of it was moved and
//! nothing has come in between; where something always does, the writer moves the last of it, but seldom: whoever moves any
//! waits for the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::open;
use super::shared::Shared;

/// What was moved so fast has left little for the writer.
const SHORT: Duration = Duration::from_millis(20);

/// With so many pages the log has to begin anew.
const LONG: i64 = 16_000;

/// How often it is tried to get there: a flood may not end.
const TRIES: u32 = 5;

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
        let thread = std::thread::Builder::new().name("store-checkpoint".to_owned());
        let thread = thread.spawn(move || run(&woken, &shared, &done))?;
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

fn run(woken: &Receiver<()>, shared: &Shared, little_is_left: &AtomicBool) {
    while let Ok(()) = woken.recv() {
        // A connection of its own, opened anew each time: another file may be there by now.
        if shared.check().is_ok()
            && let Ok(connection) = open::for_reading(&shared.path)
        {
            little_is_left.store(move_most(&connection) >= LONG, Ordering::Release);
        }
    }
}

/// Answers how many pages the log has.
fn move_most(connection: &Connection) -> i64 {
    let mut pages = 0;
    for _ in 0..TRIES {
        let started = Instant::now();
        pages = checkpoint(connection);
        if started.elapsed() < SHORT {
            break;
        }
    }
    pages
}
