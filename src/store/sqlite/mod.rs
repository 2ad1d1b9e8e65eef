//! The embedded engine: one file, one writer thread that commits all that waits in one transaction, readers beside it.
//!
//! | file | what it is about |
//! |---|---|
//! | `open` `migrate` | from a path to a connection with today's schema |
//! | `writer` `batch` `checkpoint` | the thread that writes; group commit; keeping the write-ahead log short |
//! | `keeper` `lock` `aside` `complaint` `trouble` | what happens when the file is away, locked, full, damaged |
//! | `readers` `shared` | reading beside the writer |
//! | `attempt` `arrivals` `roll` `room` `filter` | the hot path: what an attempt finds and leaves |
//! | `greylist` `walk` `sweep` `take_over` | all else about the greylist; long work in small steps |
//! | `entries` `plan` | the access lists |
//! | `journal` `recall` `tally` | what was decided: written, read, counted |
//! | `vitals` | how the database is |

mod arrivals;
mod aside;
mod attempt;
mod batch;
mod checkpoint;
mod complaint;
mod entries;
mod files;
mod filter;
mod greylist;
mod journal;
mod keeper;
mod lock;
mod migrate;
mod open;
mod plan;
mod readers;
mod recall;
mod roll;
mod room;
mod shared;
mod sweep;
mod take_over;
mod tally;
mod time;
mod trouble;
mod vitals;
mod walk;
mod writer;

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use self::arrivals::Book;
use self::keeper::Keeper;
use self::readers::Readers;
use self::shared::Shared;
use self::trouble::Trouble;
use self::writer::Writer;
use super::{Answer, StoreError};

/// An opened database. Dropping it finishes what is queued and checkpoints; that may take a moment.
pub struct Sqlite {
    shared: Arc<Shared>,
    readers: Arc<Readers>,
    /// `None` when the database was opened only to look at it.
    writer: Option<Writer>,
}

impl Sqlite {
    /// Opens the database for the daemon, the only one on it.
    ///
    /// What may get better does not fail: while the directory is missing, the disk full, the file locked or read-only,
    /// every operation answers `Unavailable` at once, and the database is tried again every second. A damaged
    /// file is moved aside, never deleted, and an empty one takes its place, now as well as later.
    ///
    /// # Errors
    /// `InUse` when another daemon serves the database; `Unusable` when its schema is newer than this program, it belongs to
    /// another program, or the SQLite library is one that can lose commits.
    pub fn serve(path: &Path) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared::new(path.to_owned()));
        let opened = open::check_library(rusqlite::version_number()).and_then(|()| Keeper::daemon(Arc::clone(&shared)));
        Self::with_writer(shared, opened)
    }

    /// Opens or creates the database for a command that writes, beside a running daemon or without one.
    ///
    /// # Errors
    /// `Unusable` when the file is no database of ours, which is then left as it is; `Unavailable` when the circumstances
    /// do not allow it.
    pub fn beside(path: &Path) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared::new(path.to_owned()));
        let opened = Keeper::command(Arc::clone(&shared));
        Self::with_writer(shared, opened)
    }

    /// Opens the database for a command that only looks. Operations that would write answer `Unusable`.
    ///
    /// # Errors
    /// `Unavailable` when there is no database yet; `Unusable` when the file is none of ours.
    pub fn read_only(path: &Path) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared::new(path.to_owned()));
        let readers = Readers::alone(Arc::clone(&shared)).map_err(|trouble| trouble.about(path))?;
        Ok(Self { shared, readers: Arc::new(readers), writer: None })
    }

    /// The same database, only to look at what the rest of this process makes of it.
    pub fn to_look_at(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), readers: Arc::clone(&self.readers), writer: None }
    }

    /// Whether anything can ever be written again. A database that is away may come back; a writer that died of a bug does not.
    pub fn is_alive(&self) -> bool {
        self.writer.as_ref().is_some_and(Writer::is_alive)
    }

    /// Finishes what is queued, checkpoints and closes the database.
    pub fn close(self) {
        drop(self);
    }

    fn with_writer(shared: Arc<Shared>, opened: Result<Keeper, Trouble>) -> Result<Self, StoreError> {
        let writer = opened
            .and_then(|keeper| Writer::start(Arc::clone(&shared), keeper))
            .map_err(|trouble| trouble.about(&shared.path))?;
        let readers = Arc::new(Readers::beside_writer(Arc::clone(&shared)));
        Ok(Self { shared, readers, writer: Some(writer) })
    }

    fn readers(&self) -> &Arc<Readers> {
        &self.readers
    }

    /// Reads beside the writer.
    fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Answer<'_, T> {
        Box::pin(self.readers.run(work))
    }

    /// Queues a change at once; the answer comes after its commit.
    fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&Book) -> rusqlite::Result<T> + Send + 'static,
    ) -> Answer<'_, T> {
        match &self.writer {
            Some(writer) => writer.write(work),
            None => {
                let why = Trouble::Unusable("it was opened only to look at it".to_owned());
                Box::pin(std::future::ready(Err(why.about(&self.shared.path))))
            }
        }
    }
}

impl Drop for Sqlite {
    /// The last connection that closes tidies up, and that has to be the writer's: readers may not write.
    fn drop(&mut self) {
        self.readers.close();
    }
}

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Sqlite").field(&self.shared.path).finish()
    }
}
