//! Moments as the database has them: whole seconds since 1970.

use std::time::Duration;

use crate::clock::{Timestamp, earlier};
use crate::store::Retention;

/// `last_seen` and counted passes are exact to this.
pub(super) const HOUR: i64 = 3600;

/// What is stored for a moment.
pub(super) fn seconds(moment: Timestamp) -> i64 {
    moment.as_second()
}

/// The moment that was stored; nonsense in the database becomes the nearest end of time.
pub(super) fn moment(seconds: i64) -> Timestamp {
    let end = if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_second(seconds).unwrap_or(end)
}

/// Before which moments things have lapsed. Nothing of the future has, so a clock that stepped back forgets nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cutoffs {
    /// For the first attempt of waiting triplets.
    pub(super) waiting: i64,
    /// For the last use of passed triplets and of clients.
    pub(super) used: i64,
}

impl Cutoffs {
    pub(super) fn new(retention: &Retention, now: Timestamp) -> Self {
        let before = |age: Duration| seconds(earlier(now, age));
        Self { waiting: before(retention.retry_window), used: before(retention.max_age) }
    }

    pub(super) fn has_lapsed(self, passed: bool, first_seen: i64, last_seen: i64) -> bool {
        if passed { last_seen < self.used } else { first_seen < self.waiting }
    }
}
