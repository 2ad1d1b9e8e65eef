//! Which files make a database: a path says only where one is, and another may be there a moment later.

use std::fs;
use std::path::{Path, PathBuf};

use super::lock::with_suffix;

/// The files of a database in use.
#[derive(Debug, Clone)]
pub(super) struct Files {
    /// Where it is, without symbolic links: SQLite has the other files there.
    path: PathBuf,
    pub(super) database: FileId,
    /// The write-ahead log, and its index in shared memory.
    pub(super) log: Option<FileId>,
    pub(super) index: Option<FileId>,
}

impl Files {
    /// What is there now.
    pub(super) fn at(path: &Path) -> Option<Self> {
        let path = fs::canonicalize(path).ok()?;
        let beside = |suffix| FileId::of(&with_suffix(&path, suffix));
        Some(Self { database: FileId::of(&path)?, log: beside("-wal"), index: beside("-shm"), path })
    }

    /// The name of a file that goes with it.
    pub(super) fn beside(&self, suffix: &str) -> PathBuf {
        with_suffix(&self.path, suffix)
    }
}

/// Device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

impl FileId {
    /// Of what is there now; `None` where nothing is, or nothing can be seen.
    pub(super) fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        fs::metadata(path).ok().map(|metadata| Self(metadata.dev(), metadata.ino()))
    }
}
