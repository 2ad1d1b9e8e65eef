//! One daemon per database.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::trouble::Trouble;
use crate::text::printable;

/// The right to serve a database, held until dropped; the kernel takes it back when the process dies.
///
/// It is a file of its own, because the database itself may be moved aside while it is served.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "the open file is what holds the lock")] File);

impl Lock {
    /// Takes `<database>.lock`, and writes this process's number into it for those who come second.
    pub(super) fn take(database: &Path) -> Result<Self, Trouble> {
        let path = with_suffix(database, ".lock");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600) // who may open it may hold it
            .open(&path)
            .map_err(|error| Trouble::Circumstances(format!("cannot open {}: {error}", path.display())))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Trouble::InUse(name_holder(&mut file))),
            Err(TryLockError::Error(error)) => {
                return Err(Trouble::Circumstances(format!("cannot lock {}: {error}", path.display())));
            }
        }
        // A full disk may keep the number from being written; the lock holds all the same.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self(file))
    }
}

/// `postward.db` and `-wal` give `postward.db-wal`.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn name_holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.take(32).read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => {
            format!("another postward serves it, process {}", printable(text.trim(), 32))
        }
        _ => "another postward serves it".to_owned(),
    }
}
