//! Changing many entries: compare first, beside the writer, then write only what differs.
//!
//! A list of a million rows that did not change costs the writer nothing.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::Connection;

use super::Sqlite;
use super::entries::{COLUMNS, bump_generation, entry_record, find, generation, insert, is_same, update};
use crate::store::{EntryRecord, SourceChange, StoreError};

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The table for which it was made.
    generation: u64,
    new: Vec<EntryRecord>,
    changed: Vec<(i64, EntryRecord)>,
    gone: Vec<i64>,
    kept: u64,
    /// A source that is followed from now on.
    followed: Option<String>,
}

/// Makes a plan on a reader and writes it, in one transaction. If the table changes in between, it is made anew where
/// nothing can.
pub(super) async fn carry_out(
    store: &Sqlite,
    make: impl Fn(&Connection) -> rusqlite::Result<Plan> + Send + Sync + 'static,
) -> Result<SourceChange, StoreError> {
    let make = Arc::new(make);
    let first_try = Arc::clone(&make);
    let mut plan = store
        .read(move |connection| {
            // One snapshot for the plan and the number of the table it was made for.
            let snapshot = connection.unchecked_transaction()?;
            Ok(Plan { generation: generation(&snapshot)?, ..first_try(&snapshot)? })
        })
        .await?;
    if plan.is_empty() {
        return Ok(plan.outcome());
    }
    store
        .write(move |connection| {
            if generation(connection)? != plan.generation {
                plan = Plan { generation: generation(connection)?, ..make(connection)? };
            }
            plan.write(connection)?;
            Ok(plan.outcome())
        })
        .await
}

/// The patterns of a row: client, sender, recipient.
type Key = (Option<String>, Option<String>, Option<String>);

impl Plan {
    /// To add rows, and replace those with the same patterns and source. Of several the last counts.
    pub(super) fn to_add(connection: &Connection, rows: &[EntryRecord]) -> rusqlite::Result<Self> {
        let mut plan = Self::default();
        let mut seen = std::collections::HashSet::new();
        for row in rows.iter().rev() {
            if seen.insert((&row.source, &row.client, &row.sender, &row.recipient)) {
                let stored = find(connection, row)?;
                plan.compare(stored, row.clone());
            }
        }
        plan.new.reverse();
        Ok(plan)
    }

    /// To make `rows` the rows of `source`. Of several with the same patterns the last counts.
    pub(super) fn to_replace(connection: &Connection, source: &str, rows: &[EntryRecord]) -> rusqlite::Result<Self> {
        let mut wanted: HashMap<Key, usize> = HashMap::with_capacity(rows.len());
        for (position, row) in rows.iter().enumerate() {
            wanted.insert(key(row), position);
        }
        let is_followed =
            connection.prepare_cached("SELECT 1 FROM followed_source WHERE name = ?1")?.exists([source])?;
        let followed = (!is_followed).then(|| source.to_owned());
        let mut plan = Self { followed, ..Self::default() };
        let mut statement =
            connection.prepare_cached(&format!("SELECT {COLUMNS} FROM entry WHERE ifnull(source, 0) = ?1"))?;
        for stored in statement.query_map([source], entry_record)? {
            let stored = stored?;
            match wanted.remove(&key(&stored)).and_then(|position| rows.get(position)) {
                Some(row) => plan.compare(Some(stored), row.clone()),
                None => plan.gone.push(stored.id),
            }
        }
        let mut new: Vec<usize> = wanted.into_values().collect();
        new.sort_unstable();
        plan.new = new.into_iter().filter_map(|position| rows.get(position).cloned()).collect();
        Ok(plan)
    }

    fn compare(&mut self, stored: Option<EntryRecord>, row: EntryRecord) {
        match stored {
            None => self.new.push(row),
            Some(stored) if is_same(&stored, &row) => self.kept += 1,
            Some(stored) => self.changed.push((stored.id, row)),
        }
    }

    fn is_empty(&self) -> bool {
        self.changes_nothing() && self.followed.is_none()
    }

    fn changes_nothing(&self) -> bool {
        self.new.is_empty() && self.changed.is_empty() && self.gone.is_empty()
    }

    fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        if let Some(source) = &self.followed {
            connection.execute("INSERT OR IGNORE INTO followed_source VALUES (?1)", [source])?;
        }
        if self.changes_nothing() {
            return Ok(());
        }
        let mut remove = connection.prepare_cached("DELETE FROM entry WHERE id = ?1")?;
        for id in &self.gone {
            remove.execute([id])?;
        }
        for (id, row) in &self.changed {
            update(connection, *id, row)?;
        }
        for row in &self.new {
            insert(connection, row)?;
        }
        bump_generation(connection)
    }

    /// A changed row is one that went and one that came.
    fn outcome(&self) -> SourceChange {
        let changed = self.changed.len() as u64;
        SourceChange {
            added: self.new.len() as u64 + changed,
            removed: self.gone.len() as u64 + changed,
            kept: self.kept,
        }
    }
}

fn key(row: &EntryRecord) -> Key {
    (row.client.clone(), row.sender.clone(), row.recipient.clone())
}
