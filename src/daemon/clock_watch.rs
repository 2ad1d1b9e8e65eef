//! Whether the wall clock can be believed when it says that something is old.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::{Timestamp, elapsed};

/// How long nothing counts as lapsed after a start or a jump of the wall clock.
pub(super) const TRUST_AFTER: Duration = Duration::from_secs(10 * 60);

/// How far the wall clock may run apart from the monotonic one between two looks.
const JUMP: Duration = Duration::from_secs(60);

/// Compares the wall clock with the monotonic one.
///
/// A machine may start with a clock that is years ahead, and have it corrected a minute later. Nothing is lost by
/// forgetting late; everything by forgetting too early.
#[derive(Debug)]
pub(super) struct ClockWatch(Mutex<Looks>);

/// What was seen at the last look, and since when the wall clock has been going as it should.
#[derive(Debug)]
struct Looks {
    wall: Timestamp,
    monotonic: Instant,
    doubted: Instant,
}

impl ClockWatch {
    pub(super) fn new(wall: Timestamp, monotonic: Instant) -> Self {
        Self(Mutex::new(Looks { wall, monotonic, doubted: monotonic }))
    }

    /// To be asked with every reading that somebody relies on, and every now and then: a jump shows between two looks.
    pub(super) fn trusts(&self, wall: Timestamp, monotonic: Instant) -> bool {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Of two who look at the same time the second may have read first.
        let expected = monotonic.saturating_duration_since(looks.monotonic);
        if apart(looks.wall, wall, expected) > JUMP {
            looks.doubted = monotonic;
        }
        (looks.wall, looks.monotonic) = (wall, monotonic);
        monotonic.saturating_duration_since(looks.doubted) >= TRUST_AFTER
    }
}

fn apart(before: Timestamp, now: Timestamp, expected: Duration) -> Duration {
    match elapsed(before, now) {
        Some(went) => went.abs_diff(expected),
        None => elapsed(now, before).map_or(Duration::MAX, |back| back.saturating_add(expected)),
    }
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
