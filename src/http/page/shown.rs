//! Times, numbers and sizes as people read them.

use std::time::Duration;

use crate::clock::{Timestamp, elapsed};

/// A moment, to the second, in UTC.
pub(super) fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// How long ago it was.
pub(super) fn age(then: Timestamp, now: Timestamp) -> String {
    elapsed(then, now).map_or_else(|| "in the future".to_owned(), |age| format!("{} ago", span(age)))
}

/// A span of time in its two largest units.
pub(super) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (1.., ..) => format!("{days} d {hours} h"),
        (0, 1.., _) => format!("{hours} h {minutes} min"),
        (0, 0, 1..) => format!("{minutes} min {} s", seconds % 60),
        _ => format!("{seconds} s"),
    }
}

/// So many octets.
pub(super) fn size(octets: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut size = (octets, "octets");
    for unit in UNITS {
        if size.0 < 10_000 {
            break;
        }
        size = (size.0 / 1024, unit);
    }
    format!("{} {}", count(size.0), size.1)
}

/// A number with its thousands apart.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push('\u{202f}');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        for (seconds, expected) in
            [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3661, "1 h 1 min"), (90_000, "1 d 1 h")]
        {
            assert_eq!(span(Duration::from_secs(seconds)), expected);
        }
        for (octets, expected) in
            [(0, "0 octets"), (20_480, "20 KiB"), (9 << 20, "9\u{202f}216 KiB"), (100 << 30, "100 GiB")]
        {
            assert_eq!(size(octets), expected);
        }
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
    }

    #[test]
    fn a_clock_that_stepped_back_is_no_trouble() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(age(crate::clock::later(now, Duration::from_secs(5)), now), "in the future");
        assert_eq!(moment(now), "1970-01-01 00:00:00");
    }
}
