//! Numbers that are added up until they are written.

use std::time::Duration;

use hashbrown::HashMap;

use crate::clock::Timestamp;
use crate::store::{Count, Tally, Timing};

/// What is counted is told apart by so many seconds.
const SLOT: i64 = 600;

/// How many different numbers are added up at most: months without a database.
const MOST: usize = 100_000;

/// Keys are words of this program: no stranger can choose them so that they collide, so the cheaper hasher will do.
#[derive(Default)]
pub(super) struct Sums {
    counts: HashMap<Count, u64>,
    timings: HashMap<Timing, (u64, u64)>,
}

/// The beginning of the slot that a moment is in.
pub fn slot_of(time: Timestamp) -> Timestamp {
    let seconds = time.as_second();
    Timestamp::from_second(seconds - seconds.rem_euclid(SLOT)).unwrap_or(Timestamp::MIN)
}

impl Sums {
    pub(super) fn add(&mut self, counts: Vec<Count>, timings: &[(&'static str, Duration)], time: Timestamp) {
        for count in counts {
            self.count(count, 1);
        }
        let slot = slot_of(time);
        for (check, took) in timings {
            let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            self.time(Timing { slot, check: (*check).into(), magnitude: magnitude(microseconds) }, 1, microseconds);
        }
    }

    pub(super) fn take(&mut self) -> Tally {
        let timings = self.timings.drain().map(|(timing, (number, total))| (timing, number, total));
        Tally { counts: self.counts.drain().collect(), timings: timings.collect() }
    }

    /// What could not be written is added to what was counted meanwhile.
    pub(super) fn give_back(&mut self, tally: &Tally) {
        for (count, number) in &tally.counts {
            self.count(count.clone(), *number);
        }
        for (timing, number, total) in &tally.timings {
            self.time(timing.clone(), *number, *total);
        }
    }

    fn count(&mut self, count: Count, number: u64) {
        if self.counts.len() < MOST || self.counts.contains_key(&count) {
            *self.counts.entry(count).or_default() += number;
        }
    }

    fn time(&mut self, timing: Timing, number: u64, microseconds: u64) {
        if self.timings.len() < MOST || self.timings.contains_key(&timing) {
            let (sum, total) = self.timings.entry(timing).or_default();
            *sum += number;
            *total = total.saturating_add(microseconds);
        }
    }
}

/// How many bits the number has: it is less than 2 to the power of this.
fn magnitude(microseconds: u64) -> u8 {
    u8::try_from(u64::BITS - microseconds.leading_zeros()).unwrap_or(u8::MAX)
}
