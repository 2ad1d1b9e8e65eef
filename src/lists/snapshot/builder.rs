//! From rows to a snapshot.

use std::collections::HashMap;

use thiserror::Error;

use super::patterns::Patterns;
use super::rules::{Rule, Rules};
use super::{Outcome, Shape, Snapshot};
use crate::clock::Timestamp;
use crate::lists::{Entry, EntryError};
use crate::store::EntryRecord;

/// Takes rows in any number of batches. Most of a table's memory is only ever held in the compiled form.
#[derive(Default)]
pub struct SnapshotBuilder {
    snapshot: Snapshot,
    rules: Vec<Rule>,
    outcomes: HashMap<Outcome, u32>,
}

/// The rows that could not be read and count for nothing: a table written by a newer version, or by hand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rejected {
    /// The first of them, at most twenty: the row's id and why.
    pub first: Vec<(i64, EntryError)>,
    /// How many there are in all.
    pub count: u64,
}

/// Why there is no new snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SnapshotError {
    /// The table is larger than can be numbered.
    #[error("the access lists have more entries than postward can hold")]
    TooMany,
    /// The expressions compile alone, but not together.
    #[error("the regular expressions of the access lists cannot be compiled together: {0}")]
    Regexes(String),
}

/// A table that is broken throughout must not fill the memory with reasons.
const REASONS: usize = 20;

impl SnapshotBuilder {
    /// Takes one row. One that cannot be read is left out and noted; an error means that there is no room for more.
    pub fn add(&mut self, record: EntryRecord) -> Result<(), SnapshotError> {
        let id = record.id;
        match Entry::try_from(record) {
            Ok(entry) => self.add_entry(entry).ok_or(SnapshotError::TooMany),
            Err(error) => {
                self.snapshot.rejected.add(id, error);
                Ok(())
            }
        }
    }

    /// Compiles what was taken.
    pub fn finish(mut self) -> Result<Snapshot, SnapshotError> {
        let finish =
            |patterns: &mut Patterns| patterns.finish().map_err(|error| SnapshotError::Regexes(error.to_string()));
        finish(&mut self.snapshot.clients)?;
        finish(&mut self.snapshot.senders)?;
        finish(&mut self.snapshot.recipients)?;
        self.snapshot.rules = Rules::new(self.rules);
        self.snapshot.outcomes.shrink_to_fit();
        Ok(self.snapshot)
    }

    fn add_entry(&mut self, entry: Entry) -> Option<()> {
        let shape = Shape {
            client: entry.client.is_some(),
            sender: entry.sender.is_some(),
            recipient: entry.recipient.is_some(),
        };
        let Snapshot { clients, senders, recipients, .. } = &mut self.snapshot;
        let triple = [
            entry.client.map_or(Some(0), |pattern| clients.intern_client(&pattern, shape))?,
            entry.sender.map_or(Some(0), |pattern| senders.intern_address(&pattern, shape))?,
            entry.recipient.map_or(Some(0), |pattern| recipients.intern_address(&pattern, shape))?,
        ];
        self.snapshot.shapes.add(shape);
        u32::try_from(self.rules.len()).ok()?;
        let outcome = Outcome { action: entry.action, text: entry.text, source: entry.source };
        let outcome = self.intern_outcome(outcome)?;
        let until = entry.expires.map_or(i64::MAX, Timestamp::as_microsecond);
        self.rules.push(Rule { id: entry.id, until, triple, outcome });
        Some(())
    }

    fn intern_outcome(&mut self, outcome: Outcome) -> Option<u32> {
        if let Some(&known) = self.outcomes.get(&outcome) {
            return Some(known);
        }
        let new = u32::try_from(self.snapshot.outcomes.len()).ok()?;
        self.snapshot.outcomes.push(outcome.clone());
        self.outcomes.insert(outcome, new);
        Some(new)
    }
}

impl Rejected {
    fn add(&mut self, id: i64, error: EntryError) {
        self.count += 1;
        if self.first.len() < REASONS {
            self.first.push((id, error));
        }
    }
}
