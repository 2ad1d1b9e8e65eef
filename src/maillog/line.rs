//! The beginning of a line: when, and which program.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::clock::{Timestamp, later};

/// A line of one of Postfix's programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) time: Timestamp,
    /// Without `postfix/` and the name of a service: `smtpd`.
    pub(super) program: &'a str,
    pub(super) message: &'a str,
}

impl<'a> Line<'a> {
    /// `TIME HOST postfix/…/PROGRAM[PID]: MESSAGE`; `None` for what is none.
    pub(super) fn parse(line: &'a str, until: Timestamp, zone: &TimeZone) -> Option<Self> {
        let (time, rest) = traditional(line, until, zone).or_else(|| rfc3339(line))?;
        let (_host, rest) = rest.trim_start().split_once(' ')?;
        let (tag, message) = rest.split_once(": ")?;
        let (name, _pid) = tag.split_once('[')?;
        let (_syslog_name, program) = name.rsplit_once('/')?;
        Some(Self { time, program, message })
    }
}

/// `2026-11-21T14:26:08.123456+00:00`
fn rfc3339(line: &str) -> Option<(Timestamp, &str)> {
    let (time, rest) = line.split_once(' ')?;
    Some((time.parse().ok()?, rest))
}

/// `Nov 21 14:26:08` (RFC 3164 section 4.1.2). A moment that lies in the future was a year before; a day is left for clocks that
/// differ.
fn traditional<'a>(line: &'a str, until: Timestamp, zone: &TimeZone) -> Option<(Timestamp, &'a str)> {
    let (stamp, rest) = line.split_at_checked(15)?;
    if !stamp.starts_with(|c: char| c.is_ascii_uppercase()) {
        return None;
    }
    let latest = later(until, std::time::Duration::from_secs(86_400));
    let year = latest.to_zoned(zone.clone()).year();
    [year, year.saturating_sub(1)].into_iter().find_map(|year| {
        // Leap days are not in every year.
        let text = format!("{year} {stamp}");
        let time = DateTime::strptime("%Y %b %e %H:%M:%S", text).ok()?.to_zoned(zone.clone()).ok()?.timestamp();
        (time <= latest).then_some((time, rest))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(line: &str) -> Option<String> {
        let until = "2026-01-02T12:00:00Z".parse().unwrap();
        Line::parse(line, until, &TimeZone::UTC).map(|line| line.time.to_string())
    }

    #[test]
    fn both_kinds_of_time_stamps_are_read() {
        for (stamp, expected) in [
            ("Jan  2 11:59:59", Some("2026-01-02T11:59:59Z")),
            ("Jan 02 11:59:59", Some("2026-01-02T11:59:59Z")),
            ("Dec 31 23:00:00", Some("2025-12-31T23:00:00Z")), // of the year before
            ("Feb 29 23:00:00", None),
            ("2026-01-01T14:26:08.123456+01:00", Some("2026-01-01T13:26:08.123456Z")),
            ("2026-01-01T14:26:08Z", Some("2026-01-01T14:26:08Z")),
            ("2026-01-01 14:26:08", None),
            ("yesterday", None),
            ("", None),
        ] {
            let line = format!("{stamp} mx postfix/smtpd[1]: connect from unknown[192.0.2.1]");
            assert_eq!(time(&line).as_deref(), expected, "{stamp}");
        }
    }

    #[test]
    fn the_program_is_found_whatever_the_service_is_called() {
        for (tag, program) in [
            ("postfix/smtpd[5900]", Some("smtpd")),
            ("postfix/submission/smtpd[5900]", Some("smtpd")),
            ("postfix-mx/postscreen[1]", Some("postscreen")),
            ("sshd[1]", None),
            ("kernel", None),
        ] {
            let line = format!("Jan  2 11:00:00 mx {tag}: text: and more");
            let until = "2026-01-02T12:00:00Z".parse().unwrap();
            let parsed = Line::parse(&line, until, &TimeZone::UTC);
            assert_eq!(parsed.map(|line| line.program), program, "{tag}");
        }
    }
}
