//! Where damaged databases go.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::lock::with_suffix;
use crate::clock::Timestamp;

/// Renames a database to `<name>.corrupt-<time>`, with its write-ahead log and index beside it as SQLite expects them, so
/// that `sqlite3 …  .recover` can still save what is in there. Nothing is ever overwritten.
pub(super) fn move_aside(database: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let target = unused_name(database, now)?;
    for suffix in ["-wal", "-shm", "-journal", ""] {
        match fs::rename(with_suffix(database, suffix), with_suffix(&target, suffix)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => renamed?,
        }
    }
    Ok(target)
}

fn unused_name(database: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let first = with_suffix(database, &format!(".corrupt-{}", now.strftime("%Y%m%dT%H%M%SZ")));
    let others = (2..1000).map(|number| with_suffix(&first, &format!("-{number}")));
    for name in std::iter::once(first.clone()).chain(others) {
        if !name.try_exists()? {
            return Ok(name);
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "too many damaged databases of this second are kept already"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_damaged_never_overwrite_each_other() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("postward.db");
        for content in ["first", "second"] {
            fs::write(&database, content).unwrap();
            fs::write(with_suffix(&database, "-wal"), content).unwrap();
            let target = move_aside(&database, Timestamp::UNIX_EPOCH).unwrap();
            assert_eq!(fs::read_to_string(&target).unwrap(), content);
            assert_eq!(fs::read_to_string(with_suffix(&target, "-wal")).unwrap(), content);
        }
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 4);
    }
}
