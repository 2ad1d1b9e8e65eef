//! SQLite alone: what happens when the file is away, locked, full, damaged, or somebody else's.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use postward::store::sqlite::Sqlite;
use postward::store::{Added, Entries, EntryRecord, Greylist, Selection, Standing, StoreError};
use rusqlite::Connection;

use crate::support::*;

const CLIENT: &str = "192.0.2.0/24";

/// One attempt of somebody new.
async fn remember(store: &Sqlite, sender: &str) -> Result<Standing, StoreError> {
    let attempt = attempt(CLIENT, sender);
    store.record_attempt(&attempt, &retention(), at(0)).await.map(|sighting| sighting.standing)
}

/// The daemon looks at its database once a second, so this takes a moment.
async fn recovers(store: &Sqlite) {
    let start = Instant::now();
    while let Err(error) = remember(store, "again").await {
        assert!(start.elapsed() < Duration::from_secs(20), "still away: {error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn fails_at_once(store: &Sqlite) -> String {
    let start = Instant::now();
    let failures = [
        remember(store, "x").await.map(|_| ()),
        store.generation().await.map(|_| ()),
        store.stats(5).await.map(|_| ()),
        store.triplets(&Selection::default(), 1).await.map(|_| ()),
        store.forget(&Selection::default()).await.map(|_| ()),
    ];
    assert!(start.elapsed() < Duration::from_millis(300), "it took {:?}", start.elapsed());
    for failure in &failures {
        assert!(matches!(failure, Err(StoreError::Unavailable(_))), "{failure:?}");
    }
    failures[0].clone().unwrap_err().to_string()
}

fn corrupt_files(path: &Path) -> Vec<String> {
    names_beside(path).into_iter().filter(|name| name.contains(".corrupt-")).collect()
}

#[tokio::test]
async fn a_file_that_is_no_database_is_moved_aside_whole() {
    let (_directory, path) = place();
    for suffix in ["", "-wal", "-shm"] {
        fs::write(path.with_file_name(format!("postward.db{suffix}")), format!("precious notes{suffix}")).unwrap();
    }
    let store = Sqlite::serve(&path).unwrap();
    assert_eq!(remember(&store, "a").await, Ok(Standing::New));
    let kept = corrupt_files(&path);
    assert_eq!(kept.len(), 3, "{kept:?}");
    for (name, suffix) in kept.iter().zip(["", "-shm", "-wal"]) {
        assert!(name.ends_with(suffix));
        assert_eq!(fs::read_to_string(path.with_file_name(name)).unwrap(), format!("precious notes{suffix}"));
    }
}

/// A database that opens well, and whose triplets cannot be read.
async fn damaged_database(path: &Path) {
    let store = Sqlite::serve(path).unwrap();
    let senders: Vec<_> = (0..2_000).map(|number| format!("sender-{number}")).collect();
    for answer in senders.iter().map(|sender| remember(&store, sender)).collect::<Vec<_>>() {
        answer.await.unwrap();
    }
    store.close();
    let mut octets = fs::read(path).unwrap();
    for page in octets.chunks_mut(4096).filter(|page| page.windows(7).any(|octets| octets == b"sender-")) {
        page.fill(0xa5);
    }
    fs::write(path, octets).unwrap();
}

#[tokio::test]
async fn damage_met_by_the_writer_is_moved_aside() {
    let (_directory, path) = place();
    damaged_database(&path).await;
    let store = Sqlite::serve(&path).unwrap();
    assert!(remember(&store, "sender-7").await.is_err());
    recovers(&store).await;
    assert!(!corrupt_files(&path).is_empty());
    assert_eq!(remember(&store, "sender-7").await, Ok(Standing::New));
}

#[tokio::test]
async fn damage_met_by_a_reader_is_moved_aside() {
    let (_directory, path) = place();
    damaged_database(&path).await;
    let store = Sqlite::serve(&path).unwrap();
    let start = Instant::now();
    while store.triplets(&Selection::default(), 9999).await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!corrupt_files(&path).is_empty());
}

#[tokio::test]
async fn a_newer_schema_is_refused_with_both_versions() {
    let (_directory, path) = place();
    Sqlite::serve(&path).unwrap().close();
    let database = Connection::open(&path).unwrap();
    let ours: i64 = database.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    database.pragma_update(None, "user_version", 4711).unwrap();
    drop(database);
    let ours = format!("version {ours}");
    for opened in [Sqlite::serve(&path), Sqlite::beside(&path), Sqlite::read_only(&path)] {
        match opened {
            Err(StoreError::Unusable(text)) => {
                assert!(text.contains("4711") && text.contains(&ours) && text.contains("postward.db"), "{text}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(corrupt_files(&path).is_empty(), "it is whole");
}

#[tokio::test]
async fn the_database_of_another_program_is_left_alone() {
    let (_directory, path) = place();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE bookmarks (url)").unwrap();
    let before = fs::read(&path).unwrap();
    for opened in [Sqlite::serve(&path), Sqlite::beside(&path), Sqlite::read_only(&path)] {
        assert!(matches!(opened, Err(StoreError::Unusable(_))), "{opened:?}");
    }
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn commands_leave_a_file_that_is_no_database_untouched() {
    for content in ["x", "precious notes", &"precious notes ".repeat(10_000)] {
        let (_directory, path) = place();
        let log = path.with_file_name("postward.db-wal");
        fs::write(&path, content).unwrap();
        fs::write(&log, content).unwrap();
        for opened in [Sqlite::beside(&path), Sqlite::read_only(&path)] {
            assert!(matches!(opened, Err(StoreError::Unusable(_))), "{opened:?}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
        assert_eq!(fs::read_to_string(&log).unwrap(), content);
        assert_eq!(names_beside(&path), ["postward.db", "postward.db-wal"]);
    }
}

#[tokio::test]
async fn looking_creates_nothing() {
    let (_directory, path) = place();
    match Sqlite::read_only(&path) {
        Err(StoreError::Unavailable(text)) => assert!(text.contains("no such file yet"), "{text}"),
        other => panic!("{other:?}"),
    }
    assert!(names_beside(&path).is_empty());
}

#[tokio::test]
async fn looking_changes_nothing() {
    let (_directory, path) = place();
    let store = Sqlite::serve(&path).unwrap();
    remember(&store, "a").await.unwrap();
    store.close();
    let before = fs::read(&path).unwrap();
    let looking = Sqlite::read_only(&path).unwrap();
    assert_eq!(senders(&looking).await, ["a"]);
    assert!(matches!(remember(&looking, "b").await, Err(StoreError::Unusable(_))));
    drop(looking);
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_second_daemon_is_told_of_the_first() {
    let (_directory, path) = place();
    let first = Sqlite::serve(&path).unwrap();
    match Sqlite::serve(&path) {
        Err(StoreError::InUse(text)) => {
            assert!(text.contains(&std::process::id().to_string()) && text.contains("postward.db"), "{text}");
        }
        other => panic!("{other:?}"),
    }
    first.close();
    Sqlite::serve(&path).unwrap();
}

#[tokio::test]
async fn commands_work_beside_the_daemon() {
    let (_directory, path) = place();
    let daemon = Sqlite::serve(&path).unwrap();
    remember(&daemon, "a").await.unwrap();
    let (generation, revision) = (daemon.generation().await.unwrap(), daemon.revision().await.unwrap());
    let command = Sqlite::beside(&path).unwrap();
    assert_eq!(command.allow(&Selection::default(), at(1)).await, Ok(1));
    let row = EntryRecord { sender: Some("a".into()), action: "allow".into(), ..EntryRecord::default() };
    assert_eq!(command.add_entry(row, false).await, Ok(Added::New(1)));
    assert!(daemon.generation().await.unwrap() > generation && daemon.revision().await.unwrap() > revision);
    assert_eq!(remember(&daemon, "a").await, Ok(Standing::Passed));
    command.admit(&triplet(CLIENT, "b"), CLIENT, at(1)).await.unwrap();
    assert_eq!(remember(&daemon, "b").await, Ok(Standing::Passed), "whom the daemon has never seen");
    assert_eq!(daemon.stats(5).await.unwrap().waiting, 0, "counts are right whoever writes");
}

#[tokio::test]
async fn a_missing_directory_is_waited_for() {
    let (_directory, path) = place();
    let path = path.with_file_name("later").join("postward.db");
    let store = Sqlite::serve(&path).unwrap();
    let told = fails_at_once(&store).await;
    assert!(told.contains("later") && told.contains("directory"), "{told}");
    assert!(matches!(Sqlite::beside(&path), Err(StoreError::Unavailable(_))));
    fs::create_dir(path.parent().unwrap()).unwrap();
    recovers(&store).await;
    assert!(matches!(Sqlite::serve(&path), Err(StoreError::InUse(_))), "the lock was taken, too");
}

#[tokio::test]
async fn a_removed_file_is_made_anew() {
    let (_directory, path) = place();
    let store = Sqlite::serve(&path).unwrap();
    remember(&store, "a").await.unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(path.with_file_name(format!("postward.db{suffix}")));
    }
    let start = Instant::now();
    while !path.exists() {
        assert!(start.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    recovers(&store).await;
    assert_eq!(senders(&Sqlite::beside(&path).unwrap()).await, ["again"]);
}

#[tokio::test]
async fn a_locked_database_is_not_waited_for_long() {
    let (_directory, path) = place();
    let store = Sqlite::serve(&path).unwrap();
    remember(&store, "a").await.unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let start = Instant::now();
    assert!(matches!(remember(&store, "b").await, Err(StoreError::Unavailable(_))));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    let told = fails_at_once(&store).await;
    assert!(told.contains("locked"), "{told}");
    other.execute_batch("ROLLBACK").unwrap();
    recovers(&store).await;
    assert_eq!(remember(&store, "a").await, Ok(Standing::Waiting), "what was remembered still is");
}

#[tokio::test]
async fn a_lock_at_the_start_is_waited_for() {
    let (_directory, path) = place();
    Sqlite::serve(&path).unwrap().close();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let store = Sqlite::serve(&path).unwrap();
    fails_at_once(&store).await;
    other.execute_batch("ROLLBACK").unwrap();
    recovers(&store).await;
}

#[tokio::test]
async fn closing_finishes_what_is_queued() {
    let (_directory, path) = place();
    let store = Sqlite::serve(&path).unwrap();
    let attempts: Vec<_> = (0..1_000).map(|number| attempt(CLIENT, &number.to_string())).collect();
    let retention = retention();
    for attempt in &attempts {
        drop(store.record_attempt(attempt, &retention, at(0)));
    }
    store.close();
    assert_eq!(names_beside(&path), ["postward.db", "postward.db.lock"], "the log was moved into the database");
    assert_eq!(senders(&Sqlite::read_only(&path).unwrap()).await.len(), 1_000);
}

/// A small file system, for those who may mount one.
struct TinyDisk(tempfile::TempDir);

impl TinyDisk {
    fn mount(options: &str) -> Option<Self> {
        let disk = Self(tempfile::tempdir().unwrap());
        disk.run("mount", &["-t", "tmpfs", "-o", options, "tmpfs"]).then_some(disk)
    }

    fn remount(&self, options: &str) -> bool {
        self.run("mount", &["-o", &format!("remount,{options}")])
    }

    fn run(&self, program: &str, arguments: &[&str]) -> bool {
        let output = Command::new(program).args(arguments).arg(self.0.path()).output();
        output.is_ok_and(|output| output.status.success())
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        self.run("umount", &["-l"]);
    }
}

#[tokio::test]
async fn a_full_disk_is_survived() {
    let disk = TinyDisk::mount("size=2m").expect("mounting a tmpfs takes root");
    let path = disk.0.path().join("postward.db");
    let store = Sqlite::serve(&path).unwrap();
    let mut remembered = Vec::new();
    let full = loop {
        let sender = format!("sender-{}", remembered.len());
        match remember(&store, &sender).await {
            Ok(_) => remembered.push(sender),
            Err(error) => break error.to_string(),
        }
        assert!(remembered.len() < 100_000, "that disk was never full");
    };
    assert!(full.contains("full") && full.contains("postward.db"), "{full}");
    assert!(disk.remount("size=64m"));
    recovers(&store).await;
    for sender in remembered {
        assert_eq!(remember(&store, &sender).await, Ok(Standing::Waiting), "{sender} was answered before");
    }
}

#[tokio::test]
async fn a_read_only_disk_is_waited_for() {
    let disk = TinyDisk::mount("ro").expect("mounting a tmpfs takes root");
    let path = disk.0.path().join("postward.db");
    let store = Sqlite::serve(&path).unwrap();
    fails_at_once(&store).await;
    assert!(disk.remount("rw"));
    recovers(&store).await;
}

#[tokio::test]
async fn a_database_is_nobody_elses_business() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_directory, path) = place();
    let store = Sqlite::serve(&path).unwrap();
    remember(&store, "a").await.unwrap();
    for (suffix, mode) in [("", 0o640), ("-wal", 0o640), (".lock", 0o600)] {
        let file = path.with_file_name(format!("postward.db{suffix}"));
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, mode & !umask(), "postward.db{suffix}");
    }
}

/// As a new file shows it.
fn umask() -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("new");
    fs::write(&file, "").unwrap();
    0o666 & !(fs::metadata(file).unwrap().permissions().mode() & 0o777)
}
