//! What the writer thread, the readers and those who ask know together.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::{fs, io};

use super::files::{FileId, Files};
use super::vitals::Work;
use crate::store::StoreError;

/// Octets of stack. Where the system limits what a process may have (`RLIMIT_DATA`), all of it counts, and SQLite needs little.
const STACK: usize = 512 * 1024;

/// A thread of the store, to be started.
pub(super) fn thread(name: &str) -> std::thread::Builder {
    std::thread::Builder::new().name(name.to_owned()).stack_size(STACK)
}

/// The state of one opened database.
#[derive(Debug)]
pub(super) struct Shared {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Why it cannot be used now; `None` while all is well.
    outage: RwLock<Option<StoreError>>,
    /// Counts the openings: another file may be at the path after each.
    opening: AtomicU64,
    /// What the writer has open, or had last.
    files: Mutex<Option<Files>>,
    /// The opening in which a reader met damage; 0: none did.
    damaged_opening: AtomicU64,
    /// What the writer has to do and has done.
    pub(super) work: Work,
    /// Whether the write-ahead log is about to begin anew: what can wait should not write now.
    log_ends: AtomicBool,
}

impl Shared {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            outage: RwLock::new(None),
            opening: AtomicU64::new(1),
            files: Mutex::new(None),
            damaged_opening: AtomicU64::new(0),
            work: Work::default(),
            log_ends: AtomicBool::new(false),
        }
    }

    /// Fails at once while the database is away: nobody waits for what is known to be broken.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        self.outage().map_or(Ok(()), Err)
    }

    pub(super) fn outage(&self) -> Option<StoreError> {
        self.outage.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn went_down(&self, why: StoreError) {
        *self.outage.write().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    /// The writer has opened the database.
    pub(super) fn came_up(&self) {
        *self.files.lock().unwrap_or_else(PoisonError::into_inner) = Files::at(&self.path);
        self.opening.fetch_add(1, Ordering::AcqRel);
        *self.outage.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether the file is neither removed nor replaced since the writer opened it.
    pub(super) fn is_in_place(&self) -> bool {
        self.files().is_some_and(|files| FileId::of(&self.path) == Some(files.database))
    }

    /// Takes the write-ahead log's name from a database that is no longer in its place, and is still open: whoever opens what is
    /// there now would take it for the log of that, and spoil it. One of which not all `is_moved` is kept under another name.
    pub(super) fn put_log_away(&self, is_moved: bool) -> io::Result<()> {
        let Some(files) = self.files.lock().unwrap_or_else(PoisonError::into_inner).take() else { return Ok(()) };
        if files.index.is_some() && FileId::of(&files.beside("-shm")) == files.index {
            fs::remove_file(files.beside("-shm"))?;
        }
        let log = files.beside("-wal");
        if files.log.is_none() || FileId::of(&log) != files.log {
            return Ok(());
        }
        if is_moved {
            return fs::remove_file(log);
        }
        let mut names = (1..1000).map(|number| files.beside(&format!(".replaced-{number}-wal")));
        let kept_as = names.find(|name| !name.exists()).ok_or(io::ErrorKind::AlreadyExists)?;
        fs::rename(log, &kept_as)?;
        tracing::error!(
            database = %self.path.display(), kept_as = %kept_as.display(),
            "the last changes could not be moved into the database that was replaced; they are kept in its write-ahead log"
        );
        Ok(())
    }

    fn files(&self) -> Option<Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn opening(&self) -> u64 {
        self.opening.load(Ordering::Acquire)
    }

    /// A reader met damage in this opening.
    pub(super) fn report_damage(&self, opening: u64) {
        self.damaged_opening.store(opening, Ordering::Release);
    }

    /// Whether a reader met damage in the file that is open now.
    pub(super) fn is_damaged(&self) -> bool {
        self.damaged_opening.load(Ordering::Acquire) == self.opening()
    }

    /// Sets whether the write-ahead log is about to begin anew.
    pub(super) fn set_log_ends(&self, ends: bool) {
        self.log_ends.store(ends, Ordering::Release);
    }

    pub(super) fn log_ends(&self) -> bool {
        self.log_ends.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::super::lock::with_suffix;
    use super::*;

    #[test]
    fn the_log_of_a_database_that_was_replaced_loses_its_name() {
        for is_moved in [true, false] {
            let directory = tempfile::tempdir().unwrap();
            let [link, real] = ["link.db", "real.db"].map(|name| directory.path().join(name));
            for suffix in ["", "-wal", "-shm"] {
                fs::write(with_suffix(&real, suffix), suffix).unwrap();
            }
            std::os::unix::fs::symlink(&real, &link).unwrap();
            let shared = Shared::new(link.clone());
            shared.came_up();
            assert!(shared.is_in_place());
            fs::remove_file(&link).unwrap();
            fs::write(&link, "another").unwrap();
            assert!(!shared.is_in_place());
            shared.put_log_away(is_moved).unwrap();
            for suffix in ["-wal", "-shm"] {
                assert!(!with_suffix(&real, suffix).exists(), "{suffix}");
            }
            assert_eq!(with_suffix(&real, ".replaced-1-wal").exists(), !is_moved);
        }
    }

    #[test]
    fn logs_that_are_kept_never_overwrite_each_other() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("postward.db");
        for log in ["first", "second"] {
            fs::write(&path, "old").unwrap();
            fs::write(with_suffix(&path, "-wal"), log).unwrap();
            let shared = Shared::new(path.clone());
            shared.came_up();
            fs::remove_file(&path).unwrap();
            shared.put_log_away(false).unwrap();
        }
        for (suffix, log) in [(".replaced-1-wal", "first"), (".replaced-2-wal", "second")] {
            assert_eq!(fs::read_to_string(with_suffix(&path, suffix)).unwrap(), log);
        }
    }

    #[test]
    fn a_log_that_somebody_put_there_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("postward.db");
        let log = with_suffix(&path, "-wal");
        fs::write(&path, "old").unwrap();
        fs::write(&log, "old").unwrap();
        let shared = Shared::new(path.clone());
        shared.came_up();
        for file in [&path, &log] {
            let new = with_suffix(file, ".new");
            fs::write(&new, "new").unwrap();
            fs::rename(new, file).unwrap();
        }
        shared.put_log_away(true).unwrap();
        assert_eq!(fs::read_to_string(log).unwrap(), "new");
    }
}
