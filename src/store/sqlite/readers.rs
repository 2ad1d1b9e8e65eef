//! Reading beside the writer: in WAL mode neither waits for the other.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use super::open;
use super::shared::Shared;
use super::trouble::Trouble;
use crate::store::StoreError;

/// How many idle connections are kept.
const KEPT: usize = 4;

/// Connections for reading, opened as needed.
pub(super) struct Readers {
    shared: Arc<Shared>,
    open: fn(&Shared) -> Result<Connection, Trouble>,
    idle: Mutex<Vec<Reader>>,
}

struct Reader {
    connection: Connection,
    opening: u64,
}

impl Readers {
    /// Readers beside a writer of this process.
    pub(super) fn beside_writer(shared: Arc<Shared>) -> Self {
        Self { shared, open: open::for_reading, idle: Mutex::default() }
    }

    /// Readers alone; opens the first at once.
    pub(super) fn alone(shared: Arc<Shared>) -> Result<Self, Trouble> {
        let readers = Self { shared, open: open::for_looking, idle: Mutex::default() };
        let first = readers.open()?;
        readers.put_back(first);
        Ok(readers)
    }

    /// Does some reading on a thread that may block.
    pub(super) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || readers.run_here(work)).await;
        done.unwrap_or_else(|error| {
            Err(StoreError::Unavailable(format!("reading the database was cut short: {error}")))
        })
    }

    /// Does some reading on this thread.
    pub(super) fn run_here<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        self.shared.check()?;
        let reader = self.take().map_err(|trouble| trouble.about(&self.shared.path))?;
        match work(&reader.connection) {
            Ok(found) => {
                self.put_back(reader);
                Ok(found)
            }
            Err(error) => Err(self.give_up(&reader, error)),
        }
    }

    /// Closes the idle connections.
    pub(super) fn close(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn take(&self) -> Result<Reader, Trouble> {
        let opening = self.shared.opening();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|reader| reader.opening == opening);
        let reader = idle.pop();
        drop(idle);
        reader.map_or_else(|| self.open(), Ok)
    }

    fn open(&self) -> Result<Reader, Trouble> {
        let opening = self.shared.opening();
        Ok(Reader { connection: (self.open)(&self.shared)?, opening })
    }

    fn put_back(&self, reader: Reader) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(reader);
        }
    }

    fn give_up(&self, reader: &Reader, error: rusqlite::Error) -> StoreError {
        let trouble = Trouble::from(error);
        if matches!(trouble, Trouble::Corrupt(_)) {
            self.shared.report_damage(reader.opening);
        }
        trouble.about(&self.shared.path)
    }
}
