//! Every entry of a file counts once.

use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashTable;

use super::{Import, Note, SHOWN};
use crate::store::EntryRecord;

/// Collects rows. The same patterns again are dropped; if they say something else, `allow` counts, or else what came first.
#[derive(Default)]
pub(super) struct Once {
    rows: Vec<EntryRecord>,
    positions: HashTable<usize>,
    hasher: RandomState,
    notes: Vec<Note>,
    unnoted: u64,
}

impl Once {
    pub(super) fn add(&mut self, line: u64, row: EntryRecord) {
        let Self { rows, positions, hasher, .. } = self;
        let hash = hasher.hash_one(key(&row));
        let same = |&position: &usize| rows.get(position).is_some_and(|known| key(known) == key(&row));
        match positions.find(hash, same) {
            Some(&position) => self.again(line, position, row),
            None => {
                let position = rows.len();
                positions.insert_unique(hash, position, |&other| {
                    hasher.hash_one(rows.get(other).map_or_else(|| key(&row), key))
                });
                rows.push(row);
            }
        }
    }

    pub(super) fn finish(mut self) -> Import {
        if self.unnoted > 0 {
            self.notes.push(Note { line: None, text: format!("{} more lines contradict earlier ones", self.unnoted) });
        }
        Import { rows: self.rows, notes: self.notes }
    }

    fn again(&mut self, line: u64, position: usize, row: EntryRecord) {
        let Some(known) = self.rows.get_mut(position) else { return };
        if (&known.action, &known.text, known.expires) == (&row.action, &row.text, row.expires) {
            return;
        }
        let (first, second) = (known.action.clone(), row.action.clone());
        let allowed_now = second == "allow" && first != "allow";
        if allowed_now {
            *known = row;
        }
        let counts = if allowed_now { "this line counts, because it allows" } else { "the earlier line counts" };
        self.note(line, format!("says `{second}` of what an earlier line says `{first}` of: {counts}"));
    }

    fn note(&mut self, line: u64, text: String) {
        match self.notes.len() < SHOWN {
            true => self.notes.push(Note { line: Some(line), text }),
            false => self.unnoted += 1,
        }
    }
}

/// What makes two rows the same entry.
fn key(row: &EntryRecord) -> [Option<&str>; 4] {
    [&row.client, &row.sender, &row.recipient, &row.source].map(|field| field.as_deref())
}
