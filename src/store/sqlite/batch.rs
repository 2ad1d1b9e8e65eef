//! Many changes, one commit.

use hashbrown::HashMap;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::arrivals::Book;
use super::trouble::{Trouble, is_statements_own};
use crate::store::StoreError;

/// A change of the database and who waits for it.
pub(super) trait Job: Send {
    /// Makes the change inside a transaction, and keeps what came of it. If the transaction is rolled back it is made again.
    fn run(&mut self, book: &Book) -> rusqlite::Result<()>;

    /// Tells what came of it, once that is committed.
    fn committed(self: Box<Self>);

    /// Tells that nothing was changed.
    fn failed(self: Box<Self>, error: StoreError);

    /// Where those live who wait; `None` where they live outside of any runtime.
    fn runtime(&self) -> Option<&Handle>;
}

/// A job made of a closure.
pub(super) struct Change<T, F> {
    work: F,
    outcome: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
    runtime: Option<Handle>,
}

impl<T, F> Change<T, F>
where
    T: Send,
    F: FnMut(&Book) -> rusqlite::Result<T> + Send,
{
    /// The job, and where its outcome will arrive. Nobody needs to wait there: the job is done anyway.
    pub(super) fn new(work: F) -> (Self, oneshot::Receiver<Result<T, StoreError>>) {
        let (reply, outcome) = oneshot::channel();
        (Self { work, outcome: None, reply, runtime: Handle::try_current().ok() }, outcome)
    }
}

impl<T, F> Job for Change<T, F>
where
    T: Send,
    F: FnMut(&Book) -> rusqlite::Result<T> + Send,
{
    fn run(&mut self, book: &Book) -> rusqlite::Result<()> {
        self.outcome = Some((self.work)(book)?);
        Ok(())
    }

    fn committed(self: Box<Self>) {
        if let Some(outcome) = self.outcome {
            let _ = self.reply.send(Ok(outcome));
        }
    }

    fn failed(self: Box<Self>, error: StoreError) {
        let _ = self.reply.send(Err(error));
    }

    fn runtime(&self) -> Option<&Handle> {
        self.runtime.as_ref()
    }
}

/// Jobs that are committed together.
pub(super) type Jobs = Vec<Box<dyn Job>>;

/// Jobs that failed by their own fault, each with its error.
type Spoilt = Vec<(Box<dyn Job>, StoreError)>;

/// What came of jobs that were committed together. Nobody has been told yet.
pub(super) struct Outcomes {
    done: Jobs,
    spoilt: Spoilt,
}

impl Outcomes {
    /// Tells those who wait. To wake a task of another thread costs more than to find a row, so one task is begun in each runtime
    /// that wakes all the others there.
    pub(super) fn tell(self) {
        let done = self.done.into_iter().map(|job| (job, Ok(())));
        let spoilt = self.spoilt.into_iter().map(|(job, error)| (job, Err(error)));
        let mut groups: HashMap<_, (Option<Handle>, Vec<_>)> = HashMap::new();
        for (job, outcome) in done.chain(spoilt) {
            let runtime = job.runtime();
            let (_, group) = groups.entry(runtime.map(Handle::id)).or_insert_with(|| (runtime.cloned(), Vec::new()));
            group.push((job, outcome));
        }
        for (runtime, group) in groups.into_values() {
            match runtime {
                Some(runtime) => drop(runtime.spawn(async { tell_each(group) })),
                None => tell_each(group),
            }
        }
    }
}

fn tell_each(group: Vec<(Box<dyn Job>, Result<(), StoreError>)>) {
    for (job, outcome) in group {
        match outcome {
            Ok(()) => job.committed(),
            Err(error) => job.failed(error),
        }
    }
}

/// Runs all jobs in one transaction. Those that fail by their own fault do not spoil the others; when the database is at
/// fault nothing has happened, and the jobs come back with the trouble.
pub(super) fn commit_together(
    book: &Book,
    mut jobs: Jobs,
    describe: impl Fn(rusqlite::Error) -> StoreError,
) -> Result<Outcomes, (Jobs, Trouble)> {
    match run_all(book, &mut jobs) {
        Ok(()) => Ok(Outcomes { done: jobs, spoilt: Spoilt::new() }),
        Err(error) if is_statements_own(&error) => {
            roll_back(book);
            commit_the_good(book, jobs, describe)
        }
        Err(error) => {
            roll_back(book);
            Err((jobs, error.into()))
        }
    }
}

/// Runs jobs that hardly ever fail. Savepoints between them would cost a tenth of all.
fn run_all(book: &Book, jobs: &mut Jobs) -> rusqlite::Result<()> {
    begin(book)?;
    jobs.iter_mut().try_for_each(|job| job.run(book))?;
    execute(book, "COMMIT")
}

/// Runs jobs of which some fail by their own fault, apart from each other.
fn commit_the_good(
    book: &Book,
    jobs: Jobs,
    describe: impl Fn(rusqlite::Error) -> StoreError,
) -> Result<Outcomes, (Jobs, Trouble)> {
    let (mut done, mut spoilt) = (Jobs::with_capacity(jobs.len()), Spoilt::new());
    match run_each(book, jobs, &mut done, &mut spoilt, describe) {
        Ok(()) => Ok(Outcomes { done, spoilt }),
        Err(error) => {
            roll_back(book);
            done.extend(spoilt.into_iter().map(|(job, _)| job));
            Err((done, error.into()))
        }
    }
}

/// Whatever happens, every job ends up in `done` or in `spoilt`.
fn run_each(
    book: &Book,
    jobs: Jobs,
    done: &mut Jobs,
    spoilt: &mut Spoilt,
    describe: impl Fn(rusqlite::Error) -> StoreError,
) -> rusqlite::Result<()> {
    let mut jobs = jobs.into_iter();
    let mut ran = begin(book);
    while ran.is_ok()
        && let Some(mut job) = jobs.next()
    {
        match run_apart(book, &mut *job) {
            Ok(()) => done.push(job),
            Err(error) if is_statements_own(&error) && !book.is_autocommit() => {
                book.rolled_back();
                ran = execute(book, "ROLLBACK TO job").and_then(|()| execute(book, "RELEASE job"));
                spoilt.push((job, describe(error)));
            }
            Err(error) => {
                done.push(job);
                ran = Err(error);
            }
        }
    }
    done.extend(jobs);
    ran.and_then(|()| execute(book, "COMMIT"))
}

fn run_apart(book: &Book, job: &mut dyn Job) -> rusqlite::Result<()> {
    execute(book, "SAVEPOINT job")?;
    job.run(book)?;
    execute(book, "RELEASE job")
}

fn begin(book: &Book) -> rusqlite::Result<()> {
    execute(book, "BEGIN IMMEDIATE")?;
    book.begun()
}

/// A full disk or an I/O error may have rolled back already.
fn roll_back(book: &Book) {
    book.rolled_back();
    if !book.is_autocommit()
        && let Err(error) = execute(book, "ROLLBACK")
    {
        tracing::debug!(%error, "rolling back failed");
    }
}

fn execute(book: &Book, sql: &str) -> rusqlite::Result<()> {
    book.prepare_cached(sql)?.execute(()).map(|_| ())
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    fn database() -> Book {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY)").unwrap();
        Book::new(connection)
    }

    fn insert(numbers: &'static [i64]) -> (Box<dyn Job>, oneshot::Receiver<Result<usize, StoreError>>) {
        let (job, outcome) = Change::new(move |connection: &Book| {
            numbers.iter().try_fold(0, |sum, n| Ok(sum + connection.execute("INSERT INTO t VALUES (?)", [n])?))
        });
        (Box::new(job), outcome)
    }

    fn stored(connection: &Book) -> Vec<i64> {
        let mut statement = connection.prepare("SELECT n FROM t ORDER BY n").unwrap();
        statement.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    fn describe(error: rusqlite::Error) -> StoreError {
        StoreError::Unavailable(error.to_string())
    }

    #[test]
    fn the_end_of_one_runtime_costs_nobody_in_another() {
        let connection = database();
        let [ends, stays] = [(); 2].map(|()| tokio::runtime::Builder::new_current_thread().build().unwrap());
        let insert_in = |runtime: &tokio::runtime::Runtime, numbers| {
            let _here = runtime.enter();
            insert(numbers)
        };
        let (lost, lost_outcome) = insert_in(&ends, &[1]);
        let (kept, kept_outcome) = insert_in(&stays, &[2]);
        let (bad, bad_outcome) = insert_in(&stays, &[3, 3]);
        let outcomes = commit_together(&connection, vec![lost, kept, bad], describe).ok().unwrap();
        drop(ends);
        outcomes.tell();
        assert!(stays.block_on(lost_outcome).is_err(), "nobody is left there to be told");
        assert_eq!(stays.block_on(kept_outcome).unwrap(), Ok(1));
        assert!(stays.block_on(bad_outcome).unwrap().is_err());
        assert_eq!(stored(&connection), [1, 2]);
    }

    #[test]
    fn a_failing_job_does_not_spoil_the_others() {
        let connection = database();
        let (first, mut first_outcome) = insert(&[1]);
        let (bad, mut bad_outcome) = insert(&[2, 1]);
        let (last, mut last_outcome) = insert(&[3]);
        commit_together(&connection, vec![first, bad, last], describe).ok().unwrap().tell();
        assert_eq!(stored(&connection), [1, 3], "nothing of the job that failed is left");
        assert_eq!(first_outcome.try_recv().unwrap(), Ok(1));
        assert!(bad_outcome.try_recv().unwrap().is_err());
        assert_eq!(last_outcome.try_recv().unwrap(), Ok(1));
    }

    #[test]
    fn all_fail_when_the_commit_fails() {
        let connection = database();
        connection
            .execute_batch(
                "PRAGMA foreign_keys = ON;
                 CREATE TABLE child (n INTEGER REFERENCES t (n) DEFERRABLE INITIALLY DEFERRED);",
            )
            .unwrap();
        let (first, mut outcome) = insert(&[1]);
        let (orphan, _) = Change::new(|connection: &Book| connection.execute("INSERT INTO child VALUES (9)", ()));
        let (jobs, _) = commit_together(&connection, vec![first, Box::new(orphan)], describe).err().unwrap();
        assert_eq!(jobs.len(), 2);
        assert!(outcome.try_recv().is_err(), "nobody was told that it is done");
        assert!(stored(&connection).is_empty() && connection.is_autocommit());
    }

    #[test]
    fn nobody_is_told_before_the_commit() {
        let connection = database();
        let (first, mut outcome) = insert(&[1]);
        let (witness, mut seen) = Change::new(move |_: &Book| Ok(outcome.try_recv().is_err()));
        commit_together(&connection, vec![first, Box::new(witness)], describe).ok().unwrap().tell();
        assert_eq!(seen.try_recv().unwrap(), Ok(true));
    }
}
