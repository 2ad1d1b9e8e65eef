//! Engines under test, and short ways to say what is attempted.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use postward::clock::{Timestamp, later};
use postward::store::sqlite::Sqlite;
use postward::store::{
    AddressSelection, Attempt, ClientSelection, Entries, Greylist, Journal, Remembered, Retention, Selection, Sighting,
    Triplet,
};
use tempfile::TempDir;

pub(crate) const MINUTE: u64 = 60;
pub(crate) const HOUR: u64 = 3_600;
pub(crate) const DAY: u64 = 86_400;

/// A fresh engine with a greylist.
pub(crate) trait GreylistEngine {
    fn fresh() -> Self;
    fn greylist(&self) -> &dyn Greylist;
}

/// A fresh engine with access lists.
pub(crate) trait EntriesEngine {
    fn fresh() -> Self;
    fn entries(&self) -> &dyn Entries;
}

/// A fresh engine with a journal.
pub(crate) trait JournalEngine {
    fn fresh() -> Self;
    fn journal(&self) -> &dyn Journal;
}

/// SQLite in a directory that goes away with it.
pub(crate) struct TempSqlite {
    store: Sqlite,
    _directory: TempDir,
}

impl TempSqlite {
    fn open() -> Self {
        let (directory, path) = place();
        Self { store: Sqlite::serve(&path).unwrap(), _directory: directory }
    }
}

impl GreylistEngine for TempSqlite {
    fn fresh() -> Self {
        Self::open()
    }
    fn greylist(&self) -> &dyn Greylist {
        &self.store
    }
}

impl EntriesEngine for TempSqlite {
    fn fresh() -> Self {
        Self::open()
    }
    fn entries(&self) -> &dyn Entries {
        &self.store
    }
}

impl JournalEngine for TempSqlite {
    fn fresh() -> Self {
        Self::open()
    }
    fn journal(&self) -> &dyn Journal {
        &self.store
    }
}

/// The memory in front of SQLite keeps the contract too.
pub(crate) struct TempRemembered {
    store: Remembered<Sqlite>,
    _directory: TempDir,
}

impl GreylistEngine for TempRemembered {
    fn fresh() -> Self {
        let (directory, path) = place();
        Self { store: Remembered::new(Arc::new(Sqlite::serve(&path).unwrap())), _directory: directory }
    }
    fn greylist(&self) -> &dyn Greylist {
        &self.store
    }
}

/// An empty directory, and where a database may be put in it.
pub(crate) fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("postward.db");
    (directory, path)
}

/// The names in the directory of `path`, in order.
pub(crate) fn names_beside(path: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// So many seconds after the tests' beginning of time.
pub(crate) fn at(seconds: u64) -> Timestamp {
    later(Timestamp::from_second(1_900_000_000).unwrap(), Duration::from_secs(seconds))
}

/// The defaults of the policy file.
pub(crate) fn retention() -> Retention {
    Retention {
        retry_window: Duration::from_secs(2 * DAY),
        max_age: Duration::from_secs(35 * DAY),
        allow_client_after: 5,
        waiting_per_network: 10_000,
        waiting: 1_000_000,
    }
}

/// From `client` by `sender` to bob, in a transaction of its own.
pub(crate) fn attempt(client: &str, sender: &str) -> Attempt {
    use std::sync::atomic::{AtomicU64, Ordering};
    static INSTANCE: AtomicU64 = AtomicU64::new(0);
    Attempt {
        identities: vec![client.to_owned()],
        network: client.to_owned(),
        sender: sender.to_owned(),
        recipient: "bob@example.net".to_owned(),
        instance: format!("instance-{}", INSTANCE.fetch_add(1, Ordering::Relaxed)),
    }
}

/// The same in the same transaction.
pub(crate) fn in_instance(instance: &str, attempt: Attempt) -> Attempt {
    Attempt { instance: instance.to_owned(), ..attempt }
}

/// The same from a client of several identities.
pub(crate) fn known_as(identities: &[&str], attempt: Attempt) -> Attempt {
    Attempt { identities: identities.iter().map(ToString::to_string).collect(), ..attempt }
}

/// What [`attempt`] is stored as.
pub(crate) fn triplet(client: &str, sender: &str) -> Triplet {
    Triplet { client: client.to_owned(), sender: sender.to_owned(), recipient: "bob@example.net".to_owned() }
}

/// Records with the default retention.
pub(crate) async fn record(greylist: &dyn Greylist, attempt: &Attempt, seconds: u64) -> Sighting {
    greylist.record_attempt(attempt, &retention(), at(seconds)).await.unwrap()
}

/// A triplet is tried and passes five minutes later.
pub(crate) async fn pass(greylist: &dyn Greylist, client: &str, sender: &str, seconds: u64) {
    record(greylist, &attempt(client, sender), seconds).await;
    let passed = seconds + 5 * MINUTE;
    record(greylist, &attempt(client, sender), passed).await;
    greylist.note_pass(&triplet(client, sender), at(passed)).await.unwrap();
}

pub(crate) fn from_client(identity: &str) -> Selection {
    Selection { client: Some(ClientSelection::Identity(identity.to_owned())), ..Selection::default() }
}

pub(crate) fn from_sender(key: &str) -> Selection {
    Selection { sender: Some(AddressSelection::Key(key.to_owned())), ..Selection::default() }
}

/// The senders of all triplets, in order.
pub(crate) async fn senders(greylist: &dyn Greylist) -> Vec<String> {
    let records = greylist.triplets(&Selection::default(), usize::MAX).await.unwrap();
    records.into_iter().map(|record| record.triplet.sender).collect()
}
