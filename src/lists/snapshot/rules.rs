//! Which patterns together mean what.

use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashTable;

use super::PatternId;

/// The numbers of an entry's client, sender and recipient pattern; 0 where none is given.
pub(super) type Triple = [PatternId; 3];

/// One entry, without its words.
pub(super) struct Rule {
    /// The id of the row.
    pub(super) id: i64,
    /// From this microsecond on it counts no more.
    pub(super) until: i64,
    /// Its patterns.
    pub(super) triple: Triple,
    /// What it does: a position in the snapshot's list of those.
    pub(super) outcome: u32,
}

/// All rules, found by their patterns in the same time however many there are.
#[derive(Default)]
pub(super) struct Rules {
    /// Those with the same patterns lie side by side.
    rules: Vec<Rule>,
    /// The first of each such run.
    runs: HashTable<u32>,
    hasher: RandomState,
}

impl Rules {
    /// Sorts and indexes; at most `u32::MAX` rules, which the builder sees to.
    pub(super) fn new(mut rules: Vec<Rule>) -> Self {
        rules.sort_unstable_by_key(|rule| (rule.triple, rule.id));
        rules.shrink_to_fit();
        let hasher = RandomState::new();
        let hash_of = |position: &u32| hasher.hash_one(rules.get(*position as usize).map(|rule| rule.triple));
        let mut runs = HashTable::new();
        let mut previous = None;
        for (position, rule) in (0_u32..).zip(&rules) {
            if previous.replace(rule.triple) != Some(rule.triple) {
                runs.insert_unique(hash_of(&position), position, hash_of);
            }
        }
        Self { rules, runs, hasher }
    }

    /// The rules with exactly these patterns, in the order of their ids.
    pub(super) fn with(&self, triple: Triple) -> impl Iterator<Item = &Rule> {
        let has_it = |position: &u32| self.rules.get(*position as usize).is_some_and(|rule| rule.triple == triple);
        let first = self.runs.find(self.hasher.hash_one(Some(triple)), has_it);
        let run = first.and_then(|&first| self.rules.get(first as usize..)).unwrap_or_default();
        run.iter().take_while(move |rule| rule.triple == triple)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.rules.len()
    }
}
