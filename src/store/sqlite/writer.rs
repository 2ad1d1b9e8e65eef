//! The one thread that writes.
//!
//! It takes all that waits, commits it in one transaction, then answers. When it has nothing to do, or has been at it for a
//! while, it has the write-ahead log moved into the database.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::arrivals::Book;
use super::batch::{self, Change, Job, Jobs};
use super::checkpoint::{Checkpointer, checkpoint};
use super::keeper::Keeper;
use super::shared::{Shared, thread};
use super::trouble::Trouble;
use crate::store::{Answer, StoreError};

/// How many jobs are committed together at most: what comes later should not wait for all of a flood.
const TOGETHER: usize = 500;

/// How many jobs may wait. So many do only behind a disk that hangs, and each is some hundred octets.
const MOST_WAITING: usize = 10_000;

/// After this long without work the write-ahead log is moved into the database,
const IDLE: Duration = Duration::from_millis(200);

/// and this often while there is work.
const BUSY: Duration = Duration::from_secs(2);

/// How often an idle writer looks whether the database is still what it was.
const LOOK: Duration = Duration::from_secs(1);

const CROWDED: &str = "ten thousand changes wait for it already (does its disk hang?)";

/// Hands jobs to the writer thread.
pub(super) struct Writer {
    shared: Arc<Shared>,
    jobs: Option<SyncSender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(shared: Arc<Shared>, keeper: Keeper) -> Result<Self, Trouble> {
        let (sender, jobs) = sync_channel(MOST_WAITING);
        let work = Work {
            jobs,
            keeper,
            shared: Arc::clone(&shared),
            uncheckpointed: None,
            checkpointer: Checkpointer::start(Arc::clone(&shared))?,
        };
        let thread = thread("store-writer").spawn(move || work.run())?;
        Ok(Self { shared, jobs: Some(sender), thread: Some(thread) })
    }

    /// Queues a change at once; the answer is its outcome, once it is committed. Dropping the answer does not undo it.
    pub(super) fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&Book) -> rusqlite::Result<T> + Send + 'static,
    ) -> Answer<'static, T> {
        if let Err(error) = self.shared.check() {
            return Box::pin(std::future::ready(Err(error)));
        }
        let (job, outcome) = Change::new(work);
        let refused = |cause: &str| Trouble::Circumstances(cause.to_owned()).about(&self.shared.path);
        let failed = refused("writing it was broken off by a bug");
        self.shared.work.queued();
        let error = match self.jobs.as_ref().map(|jobs| jobs.try_send(Box::new(job))) {
            Some(Ok(())) => return Box::pin(async move { outcome.await.unwrap_or(Err(failed)) }),
            Some(Err(TrySendError::Full(_))) => refused(CROWDED),
            _ => failed,
        };
        self.shared.work.taken(1);
        Box::pin(std::future::ready(Err(error)))
    }

    /// Whether the thread still runs.
    pub(super) fn is_alive(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Finishes what is queued and ends the thread.
    pub(super) fn finish(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes the database died of a bug");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.finish();
    }
}

/// What the thread has.
struct Work {
    jobs: Receiver<Box<dyn Job>>,
    keeper: Keeper,
    shared: Arc<Shared>,
    /// Since when something is in the write-ahead log that is not in the database.
    uncheckpointed: Option<Instant>,
    checkpointer: Checkpointer,
}

impl Work {
    fn run(mut self) {
        loop {
            let patience = if self.uncheckpointed.is_some() { IDLE } else { LOOK };
            match self.jobs.recv_timeout(patience) {
                Ok(first) => {
                    let jobs: Jobs = std::iter::once(first).chain(self.jobs.try_iter()).take(TOGETHER).collect();
                    self.shared.work.taken(jobs.len() as u64);
                    self.serve_unless_panicking(jobs);
                    self.settle_arrivals();
                    self.checkpoint_after(BUSY);
                }
                Err(RecvTimeoutError::Timeout) => self.checkpoint_after(Duration::ZERO),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.keeper.look_after();
            self.tend();
        }
        let Self { checkpointer, mut keeper, .. } = self;
        drop(checkpointer); // the last connection that closes tidies up, and that has to be this one
        if let Some(book) = keeper.book() {
            checkpoint(book);
        }
        keeper.leave();
    }

    /// Whoever comes in meanwhile waits, but for less in all than if each arrival had been stored in its place.
    fn settle_arrivals(&mut self) {
        let is_time = if self.shared.log_ends() { Book::is_high_time_to_settle } else { Book::is_time_to_settle };
        if self.keeper.book().is_some_and(is_time) {
            let (settle, _) = Change::new(Book::settle_due);
            self.serve_unless_panicking(vec![Box::new(settle)]);
        }
    }

    fn checkpoint_after(&mut self, age: Duration) {
        if self.checkpointer.take_turn() {
            self.keeper.book().map(|book| checkpoint(book));
            self.shared.set_log_ends(false);
        } else if self.uncheckpointed.is_some_and(|since| since.elapsed() >= age) {
            self.uncheckpointed = None;
            self.checkpointer.begin();
        }
    }

    /// A panic is a bug, and must not mean that nothing is ever remembered again: those who wait are told, and the database is
    /// opened anew.
    fn serve_unless_panicking(&mut self, jobs: Jobs) {
        if catch_unwind(AssertUnwindSafe(|| self.serve(jobs))).is_err() {
            self.keeper.met(Trouble::Circumstances("writing it was broken off by a bug".to_owned()));
        }
    }

    /// The same holds here.
    fn tend(&mut self) {
        if catch_unwind(AssertUnwindSafe(|| self.keeper.book().map(Book::tend))).is_err() {
            self.keeper.met(Trouble::Circumstances("reading it was broken off by a bug".to_owned()));
        }
    }

    fn serve(&mut self, jobs: Jobs) {
        let Some(book) = self.keeper.book() else {
            return self.refuse(jobs);
        };
        let path = &self.shared.path;
        let (changes, started) = (jobs.len() as u64, Instant::now());
        match batch::commit_together(book, jobs, |error| Trouble::from(error).about(path)) {
            Ok(outcomes) => {
                self.shared.work.committed(changes, started.elapsed());
                self.uncheckpointed.get_or_insert(started);
                outcomes.tell();
            }
            Err((jobs, trouble)) => {
                let error = trouble.clone().about(path);
                // First, so that nobody who is answered finds the database still called well.
                self.keeper.met(trouble);
                jobs.into_iter().for_each(|job| job.failed(error.clone()));
            }
        }
    }

    /// What was queued while the database went away.
    fn refuse(&self, jobs: Jobs) {
        let unknown = || StoreError::Unavailable(format!("the database {} is closed", self.shared.path.display()));
        let error = self.shared.outage().unwrap_or_else(unknown);
        jobs.into_iter().for_each(|job| job.failed(error.clone()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Instant;

    use super::*;

    fn writer(directory: &tempfile::TempDir) -> Writer {
        let shared = Arc::new(Shared::new(directory.path().join("postward.db")));
        let keeper = Keeper::daemon(Arc::clone(&shared)).unwrap();
        Writer::start(shared, keeper).unwrap()
    }

    #[tokio::test]
    async fn a_bug_costs_those_who_wait_and_nobody_after() {
        let directory = tempfile::tempdir().unwrap();
        let writer = writer(&directory);
        let bug = writer.write(|_| -> rusqlite::Result<()> { panic!("a bug") });
        assert!(matches!(bug.await, Err(StoreError::Unavailable(text)) if text.contains("by a bug")));
        let begun = Instant::now();
        while writer.write(|_| Ok(())).await.is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(writer.is_alive());
    }

    #[tokio::test]
    async fn behind_a_disk_that_hangs_a_bounded_number_waits() {
        let directory = tempfile::tempdir().unwrap();
        let writer = writer(&directory);
        let (goes_on, hangs) = mpsc::channel::<()>();
        let first = writer.write(move |_| {
            let _ = hangs.recv();
            Ok(())
        });
        let mut others: Vec<_> = (0..2 * MOST_WAITING).map(|_| writer.write(|_| Ok(()))).collect();
        let last = others.pop().unwrap().await;
        assert!(matches!(last, Err(StoreError::Unavailable(text)) if text.contains("does its disk hang?")));
        drop(goes_on);
        assert_eq!(first.await, Ok(()));
        let mut written = 0;
        for other in others {
            written += usize::from(other.await.is_ok());
        }
        assert!((MOST_WAITING..=MOST_WAITING + TOGETHER).contains(&written), "{written}");
    }
}
