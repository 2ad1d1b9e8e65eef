//! From a path to a connection that is fit for use.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::process::{Resource, getrlimit};

use super::migrate;
use super::shared::Shared;
use super::trouble::Trouble;

/// The first SQLite in which two connections that checkpoint cannot lose commits (the "WAL-reset" bug).
const OLDEST_SAFE: i32 = 3_051_003;

/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 64;

/// How long reading waits for a lock; in WAL mode only recovery takes one.
const READING_PATIENCE: Duration = Duration::from_millis(500);

/// How many octets of its pages the writer keeps at hand; the others the kernel has.
const CACHE: u64 = 32 << 20;

/// Where this process may have little memory in all, what is kept at hand has no more than this part of it.
const SHARE: u64 = 16;

/// Refuses to run with an SQLite that can lose commits.
pub(super) fn check_library(version: i32) -> Result<(), Trouble> {
    if version >= OLDEST_SAFE {
        return Ok(());
    }
    Err(Trouble::Unusable(format!(
        "the SQLite library is version {}, and those before 3.51.3 can lose commits",
        rusqlite::version()
    )))
}

/// Opens, creates or upgrades a database to write to. `patience` is how long a write waits for other processes.
///
/// Nothing is written before the file is known to be ours, or empty.
pub(super) fn for_writing(path: &Path, patience: Duration) -> Result<Connection, Trouble> {
    check_directory(path)?;
    check_header(path)?;
    create_private(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(patience)?;
    migrate::current(migrate::inspect(&connection)?)?;
    if connection.is_readonly("main")? {
        return Err(Trouble::Circumstances("it is read-only for this user".to_owned()));
    }
    tune(&connection)?;
    migrate::migrate(&mut connection)?;
    prove_writable(&connection)?;
    Ok(connection)
}

/// Who mails whom is nobody else's business: SQLite would make the file readable for everybody. Its other files follow the
/// permissions of this one.
fn create_private(path: &Path) -> Result<(), Trouble> {
    match OpenOptions::new().write(true).create_new(true).mode(0o640).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(()),
    }
}

/// Opens a database that a writer of this process keeps in order, and no other file that may be there by now: the writer's
/// write-ahead log would be taken for the log of that.
pub(super) fn for_reading(shared: &Shared) -> Result<Connection, Trouble> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&shared.path, flags)?;
    if !shared.is_in_place() {
        return Err(Trouble::replaced());
    }
    connection.pragma_update(None, "query_only", true)?;
    settle_reader(connection)
}

/// Opens a database only to look at it.
pub(super) fn for_looking(shared: &Shared) -> Result<Connection, Trouble> {
    let path = &shared.path;
    if !path.try_exists()? {
        return Err(Trouble::Circumstances("there is no such file yet; the daemon creates it".to_owned()));
    }
    check_header(path)?;
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    let version = migrate::current(migrate::inspect(&connection)?)?;
    if version < migrate::newest() {
        return Err(Trouble::Circumstances(
            "it is empty or of an older version; the daemon brings it up to date when it starts".to_owned(),
        ));
    }
    settle_reader(connection)
}

fn settle_reader(connection: Connection) -> Result<Connection, Trouble> {
    connection.busy_timeout(READING_PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// WAL with `synchronous=NORMAL` survives the death of the process; a power failure may cost the last commits, never
/// the database (sqlite.org/pragma.html#pragma_synchronous).
fn tune(connection: &Connection) -> Result<(), Trouble> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "normal")?;
    let kibibytes = i64::try_from(share_of(may_have(), CACHE) >> 10).unwrap_or(i64::MAX);
    connection.pragma_update(None, "cache_size", -kibibytes)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    // There is a thread that does this; should it fail, the log must not grow for ever.
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 64_000, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", 128 << 20, |_| Ok(()))?;
    Ok(())
}

/// How much memory this process may have (setrlimit(2)). What asks for more is ended, not refused. A limit of nothing is none:
/// otherwise nobody would ask.
pub(super) fn may_have() -> Option<u64> {
    let limits = [Resource::Data, Resource::As].into_iter().filter_map(|resource| getrlimit(resource).current);
    limits.filter(|limit| *limit > 0).min()
}

/// How much of so much memory may be spent on something that wants so much.
pub(super) fn share_of(limit: Option<u64>, wanted: u64) -> u64 {
    limit.map_or(wanted, |limit| wanted.min(limit / SHARE))
}

/// A full disk, a lock or a read-only file system shows only when something is really written.
fn prove_writable(connection: &Connection) -> Result<(), Trouble> {
    connection.execute("UPDATE counter SET value = value + 1 WHERE name = 'probe'", ())?;
    Ok(())
}

/// Whether the file begins as a database does. Asked in the usual way SQLite would delete the write-ahead log of a file that
/// does not, and with it what might be saved. It has to be SQLite that reads: closing a file that was opened otherwise
/// releases the locks of this process on it (sqlite.org/howtocorrupt.html section 2.2).
fn check_header(path: &Path) -> Result<(), Trouble> {
    match std::fs::metadata(path).map(|metadata| metadata.len()) {
        Ok(0) | Err(_) => return Ok(()),
        // SQLite takes a single octet for an empty file, and writes over it.
        Ok(1) => return Err(Trouble::Corrupt("the file is no SQLite database".to_owned())),
        Ok(_) => {}
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(immutable_uri(path), flags)?;
    match connection.pragma_query_value(None, "application_id", |row| row.get::<_, i64>(0)) {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => Err(error.into()),
        // Anything else is for those to judge who see the write-ahead log too: without it a file is often incomplete.
        _ => Ok(()),
    }
}

/// `immutable=1` looks at the main file alone, without locks (sqlite.org/uri.html).
fn immutable_uri(path: &Path) -> OsString {
    let mut uri = b"file:".to_vec();
    for octet in path.as_os_str().as_bytes() {
        match octet {
            b'?' | b'#' | b'%' => uri.extend(format!("%{octet:02x}").bytes()),
            octet => uri.push(*octet),
        }
    }
    uri.extend(b"?immutable=1");
    OsString::from_vec(uri)
}

pub(super) fn check_directory(path: &Path) -> Result<(), Trouble> {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() && !directory.is_dir() => {
            Err(Trouble::Circumstances(format!("there is no directory {}", directory.display())))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::migrate::Schema;
    use super::*;

    const PATIENCE: Duration = Duration::from_millis(10);

    #[test]
    fn the_linked_sqlite_does_not_lose_commits() {
        assert_eq!(check_library(rusqlite::version_number()), Ok(()));
    }

    #[test]
    fn an_sqlite_that_loses_commits_is_refused() {
        assert!(matches!(check_library(3_051_002), Err(Trouble::Unusable(text)) if text.contains("3.51.3")));
    }

    #[test]
    fn the_cache_leaves_most_of_little_memory_to_others() {
        for (limit, cache) in [(None, 32), (Some(1 << 30), 32), (Some(512 << 20), 32), (Some(64 << 20), 4)] {
            assert_eq!(share_of(limit, CACHE), cache << 20, "{limit:?}");
        }
    }

    #[test]
    fn a_database_is_created_once_and_then_found() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("postward.db");
        for _ in 0..2 {
            drop(for_writing(&path, PATIENCE).unwrap());
            let schema = migrate::inspect(&Connection::open(&path).unwrap()).unwrap();
            assert_eq!(schema, Schema::Version(migrate::newest()));
        }
    }

    #[test]
    fn what_was_committed_survives_the_death_of_the_process_and_a_power_failure_costs_no_database() {
        let directory = tempfile::tempdir().unwrap();
        let connection = for_writing(&directory.path().join("postward.db"), PATIENCE).unwrap();
        let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
        assert_eq!(pragma("journal_mode"), Ok("wal".to_owned().into()));
        assert_eq!(pragma("synchronous"), Ok(1.into()), "NORMAL");
    }

    #[test]
    fn the_database_of_another_program_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("other.db");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
        assert!(matches!(for_writing(&path, PATIENCE), Err(Trouble::Unusable(_))));
    }
}
