//! What the writer thread, the readers and those who ask know together.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::{fs, io};

use super::lock::with_suffix;
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

    /// Removes the write-ahead log of a database that is no longer in its place: whoever opened what is there now would take it for
    /// the log of that, and spoil it.
    pub(super) fn remove_stray_log(&self) -> io::Result<()> {
        let log = with_suffix(&self.path, "-wal");
        let ours = self.files().and_then(|files| files.log);
        if self.is_in_place() || ours.is_none() || FileId::of(&log) != ours {
            return Ok(());
        }
        match fs::remove_file(with_suffix(&self.path, "-shm")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => fs::remove_file(log),
        }
    }

    fn files(&self) -> Option<Files> {
        *self.files.lock().unwrap_or_else(PoisonError::into_inner)
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

/// The files of a database in use.
#[derive(Debug, Clone, Copy)]
struct Files {
    database: FileId,
    log: Option<FileId>,
}

impl Files {
    fn at(path: &Path) -> Option<Self> {
        Some(Self { database: FileId::of(path)?, log: FileId::of(&with_suffix(path, "-wal")) })
    }
}

/// Device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId(u64, u64);

impl FileId {
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        fs::metadata(path).ok().map(|metadata| Self(metadata.dev(), metadata.ino()))
    }
}
