//! Which arrivals there are, and in which order they are moved on: by client, as the indexes begin.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

/// The arrivals that have not been moved on.
#[derive(Default)]
pub(super) struct Roll {
    by_key: HashMap<u64, Place>,
    /// How many there are in each network, by its hash.
    by_network: HashMap<u64, u64>,
    hasher: RandomState,
    /// Those that came after `last`.
    waiting: Order,
    /// Those that are moved on now.
    moving: Order,
    /// The last arrival that is moved on now; 0 if none is.
    last: i64,
    next_id: i64,
}

/// The hashes of the keys of arrivals in the order of the indexes, in which clients come first.
type Order = BTreeMap<(Arc<str>, i64), u64>;

/// Where an arrival is.
struct Place {
    client: Arc<str>,
    id: i64,
    network: u64,
}

/// Arrivals that follow each other in the order of the indexes.
pub(super) struct Next {
    pub(super) ids: Vec<i64>,
    /// That of the last one.
    pub(super) client: Arc<str>,
}

impl Roll {
    /// Without any yet. Those up to `last` are moved on now.
    pub(super) fn new(last: i64, next_id: i64) -> Self {
        Self { last, next_id, ..Self::default() }
    }

    /// What the next arrival has to be called.
    pub(super) fn next_id(&self) -> i64 {
        self.next_id
    }

    /// The last arrival that is moved on now.
    pub(super) fn last(&self) -> i64 {
        self.last
    }

    /// How many are not moved on now.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether some are moved on now, or have been and are there still.
    pub(super) fn is_under_way(&self) -> bool {
        self.last != 0
    }

    /// Whether all have been that were to be.
    pub(super) fn is_moved(&self) -> bool {
        self.is_under_way() && self.moving.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// How many have not been moved on.
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// How many there are in a network, and in all.
    pub(super) fn count(&self, network: &str) -> (u64, u64) {
        let in_network = self.by_network.get(&self.hasher.hash_one(network)).copied().unwrap_or(0);
        (in_network, self.by_key.len() as u64)
    }

    /// An arrival with this key (client, sender, recipient).
    pub(super) fn enter(&mut self, key: [&str; 3], network: &str, id: i64) {
        let (client, network) = (Arc::from(key[0]), self.hasher.hash_one(network));
        let key = self.hasher.hash_one(key);
        self.by_key.insert(key, Place { client: Arc::clone(&client), id, network });
        *self.by_network.entry(network).or_default() += 1;
        self.order_of(id).insert((client, id), key);
        self.next_id = self.next_id.max(id.saturating_add(1));
    }

    /// Removes the arrival with this key, if there is one; answers its id.
    pub(super) fn strike(&mut self, key: [&str; 3]) -> Option<i64> {
        let Place { client, id, .. } = self.remove(self.hasher.hash_one(key))?;
        self.order_of(id).remove(&(client, id));
        Some(id)
    }

    /// Removes those that are to be moved on next. When all have been that were to be, it begins with all that came since: then
    /// [`last`](Self::last) is another.
    pub(super) fn strike_next(&mut self, most: usize) -> Option<Next> {
        if self.moving.is_empty() && !self.waiting.is_empty() {
            self.moving = std::mem::take(&mut self.waiting);
            self.last = self.next_id - 1;
        }
        let (mut ids, mut last) = (Vec::new(), None);
        while ids.len() < most
            && let Some(((client, id), key)) = self.moving.pop_first()
        {
            self.remove(key);
            ids.push(id);
            last = Some(client);
        }
        last.map(|client| Next { ids, client })
    }

    /// All have been moved on, and are gone.
    pub(super) fn begin_anew(&mut self) {
        self.last = 0;
    }

    fn remove(&mut self, key: u64) -> Option<Place> {
        let place = self.by_key.remove(&key)?;
        if let Entry::Occupied(mut count) = self.by_network.entry(place.network) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        Some(place)
    }

    fn order_of(&mut self, id: i64) -> &mut Order {
        if id > self.last { &mut self.waiting } else { &mut self.moving }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roll() -> Roll {
        let mut roll = Roll::new(0, 1);
        for (id, client) in [(1, "c"), (2, "a"), (3, "b"), (4, "a")] {
            roll.enter([client, "s", &id.to_string()], client, id);
        }
        roll
    }

    #[test]
    fn they_follow_each_other_by_client_and_then_as_they_came() {
        let mut roll = roll();
        let mut next = || roll.strike_next(3).map(|next| (next.ids, next.client.to_string()));
        assert_eq!(next(), Some((vec![2, 4, 3], "b".to_owned())));
        assert_eq!(next(), Some((vec![1], "c".to_owned())));
        assert_eq!(next(), None);
    }

    #[test]
    fn who_comes_when_it_has_begun_waits_for_the_next_time() {
        let mut roll = roll();
        roll.strike_next(1);
        roll.enter(["a", "s", "5"], "a", 5);
        assert_eq!((roll.last(), roll.waiting(), roll.strike_next(9).unwrap().ids), (4, 1, vec![4, 3, 1]));
        assert!(roll.is_moved());
        roll.begin_anew();
        assert_eq!((roll.strike_next(9).unwrap().ids, roll.last()), (vec![5], 5));
    }

    #[test]
    fn of_those_that_are_gone_nothing_is_left() {
        let mut roll = roll();
        assert_eq!(roll.count("a"), (2, 4));
        assert_eq!([roll.strike(["a", "s", "2"]), roll.strike(["a", "s", "2"])], [Some(2), None]);
        assert_eq!((roll.count("a"), roll.strike_next(9).unwrap().ids), ((1, 3), vec![4, 3, 1]));
        assert_eq!((roll.count("a"), roll.is_empty(), roll.by_network.len()), ((0, 0), true, 0));
    }
}
