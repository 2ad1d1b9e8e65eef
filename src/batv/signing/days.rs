//! The days of tags: a circle of 1000 on which nobody can tell 2026 from 2028.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::clock::Timestamp;

const SECONDS_A_DAY: i64 = 86_400;

/// How far ahead a day may lie to be still to come, if lifetimes are not longer: whoever shortens his lifetime has
/// tags under way that were signed with the old one.
const AHEAD: u16 = 30;

/// A signer's clock may be in tomorrow already.
const SKEW: u16 = 1;

/// Days since 1970 modulo 1000, written with three digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Day(u16);

impl Day {
    const CIRCLE: u16 = 1000;

    pub(super) fn of(now: Timestamp) -> Self {
        let day = now.as_second().div_euclid(SECONDS_A_DAY).rem_euclid(i64::from(Self::CIRCLE));
        Self(u16::try_from(day).unwrap_or_default())
    }

    pub(super) fn plus(self, lifetime: Lifetime) -> Self {
        Self((self.0 + lifetime.0) % Self::CIRCLE)
    }

    /// Is this day today or still to come? Every day comes again; one is to come that lies no further ahead than tags
    /// are made for.
    pub(super) fn has_not_passed(self, today: Self, lifetime: Lifetime) -> bool {
        let ahead = (self.0 + Self::CIRCLE - today.0) % Self::CIRCLE;
        ahead <= lifetime.0.max(AHEAD) + SKEW
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}", self.0)
    }
}

impl FromStr for Day {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let is_day = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
        is_day.then(|| text.parse().ok()).flatten().map(Self).ok_or(())
    }
}

/// For how many days a tag is good after the one on which it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Lifetime(u16);

impl Lifetime {
    /// Half of the circle would leave no room for days that have passed.
    const LONGEST: u16 = 365;

    /// Tags count in days: what is begun counts whole.
    pub(super) fn of(duration: Duration) -> Self {
        let days = duration.as_secs().div_ceil(SECONDS_A_DAY.unsigned_abs());
        Self(u16::try_from(days).unwrap_or(Self::LONGEST).min(Self::LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::later;

    fn days(days: u64) -> Duration {
        Duration::from_secs(days * SECONDS_A_DAY.unsigned_abs())
    }

    fn day(number: u64) -> Day {
        Day::of(later(Timestamp::UNIX_EPOCH, days(number)))
    }

    #[test]
    fn a_day_begins_at_midnight_in_utc_and_comes_again_after_a_thousand() {
        for (at, expected) in [
            ("1970-01-01T00:00:00Z", "000"),
            ("1969-12-31T23:59:59Z", "999"),
            ("1972-09-26T23:59:59Z", "999"),
            ("1972-09-27T00:00:00Z", "000"),
            ("2026-11-21T12:00:00Z", "778"),
        ] {
            assert_eq!(Day::of(at.parse().unwrap()).to_string(), expected, "{at}");
        }
    }

    #[test]
    fn a_tag_is_good_through_its_day_and_for_as_long_as_anybody_may_have_made_it_ahead() {
        let lifetime = Lifetime::of(days(7));
        for today in [0, 500, 985, 992, 993, 998, 999] {
            let expiry = day(today).plus(lifetime);
            for (later, good) in [(0, true), (6, true), (7, true), (8, false), (300, false), (970, false)] {
                assert_eq!(expiry.has_not_passed(day(today + later), lifetime), good, "{today} and {later} days later");
            }
            assert!(expiry.has_not_passed(day(today + 999), lifetime), "the signer's clock is in tomorrow already");
        }
    }

    #[test]
    fn a_shorter_lifetime_does_not_end_what_was_signed_with_the_longer_one() {
        let signed = day(100).plus(Lifetime::of(days(21)));
        assert!(signed.has_not_passed(day(101), Lifetime::of(days(7))));
    }

    #[test]
    fn begun_days_count_whole() {
        for (seconds, expected) in [(1, 1), (86_400, 1), (86_401, 2), (7 * 86_400, 7), (u64::MAX, 365)] {
            assert_eq!(Lifetime::of(Duration::from_secs(seconds)).0, expected);
        }
    }
}
