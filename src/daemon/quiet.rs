//! Warnings that a stranger can cause as often as they like.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The least time between two warnings of one kind.
const INTERVAL: Duration = Duration::from_secs(10);

/// Lets one warning through in ten seconds and counts the others.
#[derive(Debug)]
pub(super) struct Quiet(Mutex<State>);

#[derive(Debug)]
struct State {
    last: Option<Instant>,
    suppressed: u64,
}

impl Quiet {
    /// Nothing was said yet.
    pub(super) const fn new() -> Self {
        Self(Mutex::new(State { last: None, suppressed: 0 }))
    }

    /// `None`: say nothing. Otherwise how many warnings were not said since the last one that was.
    pub(super) fn permit(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.is_some_and(|last| now.duration_since(last) < INTERVAL) {
            state.suppressed += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_warnings_is_one_line_and_a_number() {
        let quiet = Quiet::new();
        let start = Instant::now();
        assert_eq!(quiet.permit(start), Some(0));
        for _ in 0..1000 {
            assert_eq!(quiet.permit(start + INTERVAL / 2), None);
        }
        assert_eq!(quiet.permit(start + INTERVAL), Some(1000));
    }
}
