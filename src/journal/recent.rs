//! What happened a moment ago, in bounded room.

use std::collections::VecDeque;

use hashbrown::HashSet;

/// The numbers that came last.
pub(super) struct Recent<const ROOM: usize> {
    known: HashSet<u64>,
    order: VecDeque<u64>,
}

impl<const ROOM: usize> Default for Recent<ROOM> {
    fn default() -> Self {
        Self { known: HashSet::new(), order: VecDeque::new() }
    }
}

impl<const ROOM: usize> Recent<ROOM> {
    /// Remembers a number, in place of the oldest if there is no room; answers whether it was not remembered before.
    pub(super) fn insert(&mut self, number: u64) -> bool {
        if !self.known.insert(number) {
            return false;
        }
        self.order.push_back(number);
        if self.order.len() > ROOM
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        self.known.contains(&number)
    }

    /// Forgets a number, whose place stays taken until it is the oldest.
    pub(super) fn remove(&mut self, number: u64) {
        self.known.remove(&number);
    }
}
