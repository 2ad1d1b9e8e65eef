//! The lists together with a table.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use super::formats::{Format, entry_line};
use super::*;
use crate::clock::Timestamp;
use crate::mail::ReversePath;
use crate::net::parse_address;
use crate::store::{Added, Answer, SourceChange};

/// A table in memory, with a switch that breaks it.
#[derive(Default)]
struct Table(Mutex<TableState>);

#[derive(Default)]
struct TableState {
    rows: Vec<EntryRecord>,
    generation: u64,
    last_id: i64,
    broken: bool,
    reads: u64,
}

fn broken() -> StoreError {
    StoreError::Unavailable("the table is broken".to_owned())
}

fn ready<'a, T: Send + 'a>(answer: Result<T, StoreError>) -> Answer<'a, T> {
    Box::pin(std::future::ready(answer))
}

impl Table {
    fn with<T>(&self, change: impl FnOnce(&mut TableState) -> T) -> Result<T, StoreError> {
        let mut state = self.0.lock().unwrap();
        if state.broken { Err(broken()) } else { Ok(change(&mut state)) }
    }

    fn set_broken(&self, broken: bool) {
        self.0.lock().unwrap().broken = broken;
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().rows.iter().map(entry_line).collect()
    }

    fn add(&self, client: &str, action: &str) {
        let row = EntryRecord { client: Some(client.to_owned()), action: action.to_owned(), ..EntryRecord::default() };
        self.with(|state| state.insert(row)).unwrap();
    }
}

impl TableState {
    fn insert(&mut self, row: EntryRecord) -> i64 {
        self.generation += 1;
        self.last_id += 1;
        self.rows.push(EntryRecord { id: self.last_id, ..row });
        self.last_id
    }

    fn remove(&mut self, is_gone: impl Fn(&EntryRecord) -> bool) -> u64 {
        let before = self.rows.len();
        self.rows.retain(|row| !is_gone(row));
        let removed = (before - self.rows.len()) as u64;
        self.generation += removed.min(1);
        removed
    }

    fn replace(&mut self, source: &str, rows: Vec<EntryRecord>) -> SourceChange {
        let same = |known: &EntryRecord, row: &EntryRecord| EntryRecord { id: 0, ..known.clone() } == *row;
        let of_source = |row: &EntryRecord| row.source.as_deref() == Some(source);
        let removed = self.remove(|known| of_source(known) && !rows.iter().any(|row| same(known, row)));
        let kept = self.rows.iter().filter(|row| of_source(row)).count() as u64;
        let new: Vec<_> = rows.into_iter().filter(|row| !self.rows.iter().any(|known| same(known, row))).collect();
        let added = new.into_iter().map(|row| self.insert(row)).count() as u64;
        SourceChange { added, removed, kept }
    }
}

impl Entries for Table {
    fn generation(&self) -> Answer<'_, u64> {
        ready(self.with(|state| state.generation))
    }

    fn entries(&self) -> mpsc::Receiver<Result<Vec<EntryRecord>, StoreError>> {
        let mut state = self.0.lock().unwrap();
        state.reads += 1;
        let mut batches: Vec<_> = state.rows.chunks(2).map(|batch| Ok(batch.to_vec())).collect();
        batches.push(if state.broken { Err(broken()) } else { Ok(Vec::new()) });
        let (sender, receiver) = mpsc::channel(batches.len().max(1));
        for batch in batches {
            sender.try_send(batch).unwrap();
        }
        receiver
    }

    fn add_entry(&self, entry: EntryRecord, _replace: bool) -> Answer<'_, Added> {
        ready(self.with(|state| Added::New(state.insert(entry))))
    }

    fn add_entries(&self, entries: Vec<EntryRecord>) -> Answer<'_, SourceChange> {
        let added = entries.len() as u64;
        ready(self.with(|state| {
            for entry in entries {
                state.insert(entry);
            }
            SourceChange { added, ..SourceChange::default() }
        }))
    }

    fn remove_entries(&self, ids: Vec<i64>) -> Answer<'_, Vec<i64>> {
        ready(self.with(|state| {
            state.remove(|row| ids.contains(&row.id));
            ids
        }))
    }

    fn replace_source(&self, source: String, rows: Vec<EntryRecord>) -> Answer<'_, SourceChange> {
        ready(self.with(|state| state.replace(&source, rows)))
    }

    fn keep_sources(&self, sources: Vec<String>) -> Answer<'_, u64> {
        let is_gone = move |row: &EntryRecord| row.source.as_ref().is_some_and(|source| !sources.contains(source));
        ready(self.with(|state| state.remove(is_gone)))
    }

    fn remove_expired(&self, now: Timestamp) -> Answer<'_, u64> {
        ready(self.with(|state| state.remove(|row| row.expires.is_some_and(|expires| expires <= now))))
    }
}

fn current(lists: &Lists) -> Arc<Snapshot> {
    lists.current().unwrap()
}

fn action_for(lists: &Lists, address: &str) -> Option<String> {
    let subject = Subject {
        client: parse_address(address),
        client_name: None,
        sender: Some(&ReversePath::Null),
        recipient: None,
    };
    current(lists).lookup(&subject, Timestamp::UNIX_EPOCH).map(|hit| hit.action.to_string())
}

fn source(name: &str, file: &Path, format: Format, action: Option<EntryAction>) -> Source {
    Source { name: name.to_owned(), file: file.to_owned(), format, action }
}

fn only_error(read: SourcesRead) -> String {
    read.sources.into_iter().next().unwrap().outcome.unwrap_err().to_string()
}

#[tokio::test]
async fn a_changed_table_comes_into_force() {
    let (lists, table) = (Lists::new(), Table::default());
    assert!(lists.current().is_none(), "nothing is known before the table was read");
    table.add("192.0.2.1", "deny");
    assert_eq!(lists.refresh_if_changed(&table).await, Ok(Refreshed::Swapped(1)));
    let held = current(&lists);
    assert_eq!(lists.refresh_if_changed(&table).await, Ok(Refreshed::Unchanged));
    assert_eq!(table.0.lock().unwrap().reads, 1, "an unchanged table is not read again");
    for last in 2..=5 {
        table.add(&format!("192.0.2.{last}"), "allow");
    }
    assert_eq!(lists.refresh_if_changed(&table).await, Ok(Refreshed::Swapped(5)));
    assert_eq!(action_for(&lists, "192.0.2.5").as_deref(), Some("allow"));
    assert_eq!((held.len(), current(&lists).len()), (1, 5), "who holds the lists keeps them as they were");
}

#[tokio::test]
async fn lists_that_cannot_be_read_stay_in_force() {
    let (lists, table) = (Lists::new(), Table::default());
    table.add("192.0.2.1", "deny");
    lists.refresh_if_changed(&table).await.unwrap();
    table.add("192.0.2.2", "deny");
    table.set_broken(true);
    let error = lists.refresh_if_changed(&table).await.unwrap_err();
    assert!(error.to_string().ends_with("the last ones stay in force: the table is broken"), "{error}");
    assert_eq!(action_for(&lists, "192.0.2.1").as_deref(), Some("deny"));
    table.set_broken(false);
    assert_eq!(lists.refresh_if_changed(&table).await, Ok(Refreshed::Swapped(2)));
}

#[test]
fn a_table_that_breaks_while_it_is_read_is_no_snapshot() {
    let row =
        || EntryRecord { id: 1, sender: Some("a.example".into()), action: "deny".into(), ..EntryRecord::default() };
    for (then, expected) in [(Some(Err(broken())), RefreshError::Store(broken())), (None, RefreshError::BrokenOff)] {
        let (sender, receiver) = mpsc::channel(2);
        sender.try_send(Ok(vec![row()])).unwrap();
        if let Some(batch) = then {
            sender.try_send(batch).unwrap();
        }
        drop(sender);
        assert_eq!(compile(receiver).err(), Some(expected));
    }
}

#[tokio::test]
async fn a_bad_row_does_not_keep_the_others_out() {
    let (lists, table) = (Lists::new(), Table::default());
    table.add("192.0.2.1/24", "deny");
    table.add("192.0.2.1", "allow");
    lists.refresh_if_changed(&table).await.unwrap();
    assert_eq!(action_for(&lists, "192.0.2.1").as_deref(), Some("allow"));
    assert_eq!(current(&lists).rejected().count, 1);
}

#[tokio::test]
async fn a_source_is_kept_as_the_file_says() {
    let (directory, table) = (tempfile::tempdir().unwrap(), Table::default());
    let file = directory.path().join("drop.txt");
    let sources = [source("drop", &file, Format::Cidr, Some(EntryAction::Deny))];
    table.add("203.0.113.1", "allow");

    fs::write(&file, "192.0.2.0/24\n198.51.100.0/24\n").unwrap();
    let read = read_sources(&sources, &table).await;
    let change = read.sources[0].outcome.as_ref().unwrap().change;
    assert_eq!(change, SourceChange { added: 2, removed: 0, kept: 0 });

    let generation = table.with(|state| state.generation).unwrap();
    read_sources(&sources, &table).await;
    assert_eq!(table.with(|state| state.generation), Ok(generation), "nothing new, nothing changed");

    fs::write(&file, "192.0.2.0/24\n").unwrap();
    read_sources(&sources, &table).await;
    assert_eq!(table.lines(), ["allow client=203.0.113.1", "deny client=192.0.2.0/24 source=drop"]);

    assert_eq!(read_sources(&[], &table).await.removed, Ok(1));
    assert_eq!(table.lines(), ["allow client=203.0.113.1"], "rows made by hand stay");
}

#[tokio::test]
async fn a_dead_source_keeps_its_last_good_rows() {
    let (directory, table) = (tempfile::tempdir().unwrap(), Table::default());
    let file = directory.path().join("list");
    let sources = [source("list", &file, Format::PostgreyClients, None)];
    fs::write(&file, "mx.example.org\n").unwrap();
    assert!(read_sources(&sources, &table).await.sources[0].outcome.is_ok());

    fs::write(&file, "mx.example.net\nmx example\n/(/\n").unwrap();
    let error = only_error(read_sources(&sources, &table).await);
    let lines: Vec<_> = error.lines().collect();
    let name = file.display();
    assert_eq!(lines.len(), 2, "{error}");
    assert!(lines[0].starts_with(&format!("{name}:2: ")) && lines[1].starts_with(&format!("{name}:3: ")), "{error}");

    fs::remove_file(&file).unwrap();
    assert_eq!(only_error(read_sources(&sources, &table).await), format!("{name} does not exist"));
    fs::create_dir(&file).unwrap();
    assert_eq!(only_error(read_sources(&sources, &table).await), format!("{name} is no regular file"));
    fs::remove_dir(&file).unwrap();
    fs::write(&file, "mx.example.com\n").unwrap();
    table.set_broken(true);
    let read = read_sources(&sources, &table).await;
    assert_eq!(read.removed, Err(broken()));
    assert_eq!(only_error(read), "the table is broken");
    assert_eq!(table.lines(), ["allow client=mx.example.org source=list"]);
}

#[tokio::test]
async fn one_bad_source_does_not_stop_the_others() {
    let (directory, table) = (tempfile::tempdir().unwrap(), Table::default());
    let (missing, good) = (directory.path().join("missing"), directory.path().join("good"));
    fs::write(&good, "deny sender=<> recipient=list@example.org\n").unwrap();
    let sources = [
        source("missing", &missing, Format::Entries, None),
        source("no-action", &good, Format::Cidr, None),
        source("good", &good, Format::Entries, None),
    ];
    let read = read_sources(&sources, &table).await;
    let outcomes: Vec<_> = read.sources.iter().map(|report| (report.name.as_str(), report.outcome.is_ok())).collect();
    assert_eq!(outcomes, [("missing", false), ("no-action", false), ("good", true)]);
    assert_eq!(table.lines(), ["deny sender=<> recipient=list@example.org source=good"]);
}

#[test]
fn what_is_no_regular_file_is_not_opened() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [pipe.as_path(), Path::new("/dev/zero")] {
        let error = read_file(path, Format::Entries, None, None).unwrap_err();
        assert!(matches!(error, SourceError::NoFile(_)), "{error}");
    }
    let huge = directory.path().join("huge");
    fs::File::create(&huge).unwrap().set_len(LARGEST_AND_MORE).unwrap();
    let error = read_file(&huge, Format::Entries, None, None).unwrap_err().to_string();
    assert!(error.ends_with("is larger than 256 MiB"), "{error}");
}

const LARGEST_AND_MORE: u64 = (256 << 20) + 1;
