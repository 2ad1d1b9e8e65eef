//! The access lists' table in SQL.

use std::sync::Arc;

use rusqlite::{Connection, params, params_from_iter};
use tokio::sync::mpsc;

use super::Sqlite;
use super::plan::{self, Plan};
use super::readers::Readers;
use super::shared::thread;
use super::time::{moment, seconds};
use crate::clock::Timestamp;
use crate::store::{Added, Answer, Entries, EntryRecord, SourceChange, StoreError};

/// Rows handed over at once.
const BATCH: usize = 1_000;

/// The columns that [`entry_record`] reads.
pub(super) const COLUMNS: &str = "id, client, sender, recipient, action, text, comment, expires, source";

/// As the index is written, so that it is used: there may be a million entries of other sources.
const REMOVE_SOURCE: &str = "DELETE FROM entry WHERE ifnull(source, 0) = ?1";

impl Entries for Sqlite {
    fn generation(&self) -> Answer<'_, u64> {
        self.read(generation)
    }

    fn entries(&self) -> mpsc::Receiver<Result<Vec<EntryRecord>, StoreError>> {
        let (sender, receiver) = mpsc::channel(4);
        let readers = Arc::clone(self.readers());
        let failed = sender.clone();
        if let Err(error) = thread("store-entries").spawn(move || send_all(&readers, &sender)) {
            let _ = failed.try_send(Err(StoreError::Unavailable(format!("no thread to read the lists: {error}"))));
        }
        receiver
    }

    fn add_entry(&self, entry: EntryRecord, replace: bool) -> Answer<'_, Added> {
        self.write(move |connection| add(connection, &entry, replace))
    }

    fn add_entries(&self, entries: Vec<EntryRecord>) -> Answer<'_, SourceChange> {
        Box::pin(plan::carry_out(self, move |connection| Plan::to_add(connection, &entries)))
    }

    fn remove_entries(&self, ids: Vec<i64>) -> Answer<'_, Vec<i64>> {
        self.write(move |connection| remove(connection, &ids))
    }

    fn replace_source(&self, source: String, rows: Vec<EntryRecord>) -> Answer<'_, SourceChange> {
        let rows: Vec<_> = rows.into_iter().map(|row| EntryRecord { source: Some(source.clone()), ..row }).collect();
        Box::pin(plan::carry_out(self, move |connection| Plan::to_replace(connection, &source, &rows)))
    }

    fn keep_sources(&self, sources: Vec<String>) -> Answer<'_, u64> {
        self.write(move |connection| {
            let marks = vec!["?"; sources.len()].join(", ");
            let gone = format!("SELECT name FROM followed_source WHERE name NOT IN ({marks})");
            let gone = connection
                .prepare(&gone)?
                .query_map(params_from_iter(&sources), |row| row.get(0))?
                .collect::<rusqlite::Result<Vec<String>>>()?;
            let mut removed = 0;
            for source in gone {
                removed += connection.execute(REMOVE_SOURCE, [&source])?;
                connection.execute("DELETE FROM followed_source WHERE name = ?1", [&source])?;
            }
            bump_if_any(connection, removed)
        })
    }

    fn remove_expired(&self, now: Timestamp) -> Answer<'_, u64> {
        self.write(move |connection| {
            let removed = connection
                .prepare_cached("DELETE FROM entry WHERE expires IS NOT NULL AND expires < ?1")?
                .execute([seconds(now)])?;
            bump_if_any(connection, removed)
        })
    }
}

/// Reads the columns of [`COLUMNS`].
pub(super) fn entry_record(row: &rusqlite::Row<'_>) -> rusqlite::Result<EntryRecord> {
    Ok(EntryRecord {
        id: row.get(0)?,
        client: row.get(1)?,
        sender: row.get(2)?,
        recipient: row.get(3)?,
        action: row.get(4)?,
        text: row.get(5)?,
        comment: row.get(6)?,
        expires: row.get::<_, Option<i64>>(7)?.map(moment),
        source: row.get(8)?,
    })
}

pub(super) fn generation(connection: &Connection) -> rusqlite::Result<u64> {
    connection.prepare_cached("SELECT value FROM counter WHERE name = 'generation'")?.query_row((), |row| row.get(0))
}

/// The table has changed.
pub(super) fn bump_generation(connection: &Connection) -> rusqlite::Result<()> {
    connection.prepare_cached("UPDATE counter SET value = value + 1 WHERE name = 'generation'")?.execute(()).map(|_| ())
}

/// The row with the same patterns from the same source.
pub(super) fn find(connection: &Connection, entry: &EntryRecord) -> rusqlite::Result<Option<EntryRecord>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM entry WHERE ifnull(source, 0) = ifnull(?1, 0) AND ifnull(recipient, 0) = ifnull(?2, 0)
         AND ifnull(sender, 0) = ifnull(?3, 0) AND ifnull(client, 0) = ifnull(?4, 0)"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![entry.source, entry.recipient, entry.sender, entry.client])?;
    rows.next()?.map(entry_record).transpose()
}

pub(super) fn insert(connection: &Connection, entry: &EntryRecord) -> rusqlite::Result<i64> {
    let EntryRecord { id: _, client, sender, recipient, action, text, comment, expires, source } = entry;
    connection
        .prepare_cached(
            "INSERT INTO entry (client, sender, recipient, action, text, comment, expires, source)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .insert(params![client, sender, recipient, action, text, comment, expires.map(seconds), source])
}

/// Changes what is not part of the key.
pub(super) fn update(connection: &Connection, id: i64, entry: &EntryRecord) -> rusqlite::Result<()> {
    let EntryRecord { action, text, comment, expires, .. } = entry;
    connection
        .prepare_cached("UPDATE entry SET action = ?2, text = ?3, comment = ?4, expires = ?5 WHERE id = ?1")?
        .execute(params![id, action, text, comment, expires.map(seconds)])
        .map(|_| ())
}

/// Whether both say the same; the database knows whole seconds only.
pub(super) fn is_same(stored: &EntryRecord, entry: &EntryRecord) -> bool {
    let fields = |entry: &EntryRecord| {
        (entry.action.clone(), entry.text.clone(), entry.comment.clone(), entry.expires.map(seconds))
    };
    fields(stored) == fields(entry)
}

fn add(connection: &Connection, entry: &EntryRecord, replace: bool) -> rusqlite::Result<Added> {
    let added = match find(connection, entry)? {
        None => Added::New(insert(connection, entry)?),
        Some(stored) if !replace => return Ok(Added::Exists(stored.id)),
        Some(stored) if is_same(&stored, entry) => return Ok(Added::Replaced(stored.id)),
        Some(stored) => {
            update(connection, stored.id, entry)?;
            Added::Replaced(stored.id)
        }
    };
    bump_generation(connection)?;
    Ok(added)
}

fn remove(connection: &Connection, ids: &[i64]) -> rusqlite::Result<Vec<i64>> {
    let mut statement = connection.prepare_cached("DELETE FROM entry WHERE id = ?1")?;
    let mut removed = Vec::new();
    for &id in ids {
        if statement.execute([id])? > 0 {
            removed.push(id);
        }
    }
    bump_if_any(connection, removed.len())?;
    Ok(removed)
}

fn bump_if_any(connection: &Connection, changed: usize) -> rusqlite::Result<u64> {
    if changed > 0 {
        bump_generation(connection)?;
    }
    Ok(changed as u64)
}

/// One statement is one snapshot, however long the reading takes.
fn send_all(readers: &Readers, sender: &mpsc::Sender<Result<Vec<EntryRecord>, StoreError>>) {
    let sent = readers.run_here(|connection| {
        let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM entry ORDER BY id"))?;
        let mut rows = statement.query_map((), entry_record)?;
        loop {
            let batch = rows.by_ref().take(BATCH).collect::<rusqlite::Result<Vec<_>>>()?;
            let is_last = batch.is_empty();
            if sender.blocking_send(Ok(batch)).is_err() || is_last {
                return Ok(());
            }
        }
    });
    if let Err(error) = sent {
        let _ = sender.blocking_send(Err(error));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::open;
    use super::*;

    #[test]
    fn to_remove_a_source_only_its_entries_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let connection = open::for_writing(&directory.path().join("postward.db"), Duration::from_secs(10)).unwrap();
        let plan = format!("EXPLAIN QUERY PLAN {REMOVE_SOURCE}");
        let plan: String = connection.query_one(&plan, ["x"], |row| row.get("detail")).unwrap();
        assert!(plan.contains("SEARCH entry USING") && plan.contains("entry_patterns"), "{plan}");
    }
}
