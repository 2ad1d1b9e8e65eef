//! Which requests were answered a moment ago.

use std::collections::{HashSet, VecDeque};

/// How many are remembered. Postfix repeats a request within some seconds.
const REMEMBERED: usize = 4096;

#[derive(Default)]
pub(super) struct Recent {
    requests: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Recent {
    /// Remembers a request; answers whether it was not remembered before.
    pub(super) fn is_new(&mut self, request: u64) -> bool {
        if !self.requests.insert(request) {
            return false;
        }
        self.order.push_back(request);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.requests.remove(&oldest);
        }
        true
    }
}
