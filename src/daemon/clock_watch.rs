//! Whether the wall clock can be believed when it says that something is old.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::Timestamp;

/// How long nothing counts as lapsed after a start or a jump of the wall clock.
pub(super) const TRUST_AFTER: Duration = Duration::from_secs(10 * 60);

/// How far the wall clock may run apart from the monotonic one between two looks.
const JUMP: Duration = Duration::from_secs(60);

/// How far it may before that is taken note of: clocks never agree quite, and drift.
const DRIFT: Duration = Duration::from_secs(1);

/// Compares the wall clock with the monotonic one.
///
/// A machine may start with a clock that is years ahead, and have it corrected a minute later. Nothing is lost by
/// forgetting late; everything by forgetting too early.
///
/// It is asked with every request, by threads that would wait for each other if it changed each time.
#[derive(Debug)]
pub(super) struct ClockWatch {
    start: Instant,
    /// What the wall clock showed when the monotonic one was at `start`, by what is known now; in microseconds.
    wall_at_start: AtomicI64,
    /// Since when the wall clock has been going as it should, in microseconds after `start`.
    doubted: AtomicI64,
}

impl ClockWatch {
    pub(super) fn new(wall: Timestamp, monotonic: Instant) -> Self {
        Self { start: monotonic, wall_at_start: AtomicI64::new(wall.as_microsecond()), doubted: AtomicI64::new(0) }
    }

    /// To be asked with every reading that somebody relies on, and every now and then: a jump shows between two looks.
    pub(super) fn trusts(&self, wall: Timestamp, monotonic: Instant) -> bool {
        let went = microseconds(monotonic.saturating_duration_since(self.start));
        let wall_at_start = wall.as_microsecond().saturating_sub(went);
        let apart = self.wall_at_start.load(Ordering::Acquire).abs_diff(wall_at_start);
        // In this order: who finds the jump taken note of finds the doubt as well.
        if apart > microseconds(JUMP).unsigned_abs() {
            self.doubted.fetch_max(went, Ordering::Relaxed);
        }
        if apart > microseconds(DRIFT).unsigned_abs() {
            self.wall_at_start.store(wall_at_start, Ordering::Release);
        }
        went.saturating_sub(self.doubted.load(Ordering::Relaxed)) >= microseconds(TRUST_AFTER)
    }
}

fn microseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{earlier, later};

    const MINUTE: Duration = Duration::from_secs(60);
    const YEAR: Duration = Duration::from_secs(365 * 86_400);

    #[test]
    fn a_clock_is_believed_ten_minutes_after_a_start_or_a_jump() {
        let (mut wall, mut monotonic) = (Timestamp::UNIX_EPOCH, Instant::now());
        let watch = ClockWatch::new(wall, monotonic);
        let mut minutes_until_trusted = |wall: &mut Timestamp, jump: fn(Timestamp, Duration) -> Timestamp, by| {
            *wall = jump(*wall, by);
            (1..).find(|_| {
                *wall = later(*wall, MINUTE);
                monotonic += MINUTE;
                watch.trusts(*wall, monotonic)
            })
        };
        let seconds = Duration::from_secs;
        assert_eq!(minutes_until_trusted(&mut wall, later, Duration::ZERO), Some(10), "after the start");
        assert_eq!(minutes_until_trusted(&mut wall, later, seconds(20)), Some(1), "a small correction");
        assert_eq!(minutes_until_trusted(&mut wall, earlier, seconds(20)), Some(1), "and back");
        assert_eq!(minutes_until_trusted(&mut wall, later, 10 * YEAR), Some(11), "a jump forward");
        assert_eq!(minutes_until_trusted(&mut wall, earlier, 10 * YEAR), Some(11), "and back again");
    }

    #[test]
    fn readings_that_overtake_each_other_are_no_jump() {
        let (wall, start) = (later(Timestamp::UNIX_EPOCH, YEAR), Instant::now());
        let watch = ClockWatch::new(wall, start);
        let at = |seconds| {
            let went = Duration::from_secs(seconds);
            watch.trusts(later(wall, went), start + went)
        };
        assert!(!at(300));
        assert!(at(601));
        assert!(at(600), "it was read before, and looked at later");
        assert!(at(602));
    }
}
