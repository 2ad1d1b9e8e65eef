//! A time as a person writes it: a day, a moment, or so long from now.

use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::clock::{Timestamp, earlier, later};
use crate::config::Period;

/// When something begins or ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    /// So long before or after now.
    Away(Period),
    /// At this moment.
    At(Timestamp),
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|midnight| midnight.timestamp());
        match (text.parse(), text.parse().ok().or_else(day)) {
            (Ok(period), _) => Ok(Self::Away(period)),
            (_, Some(time)) => Ok(Self::At(time)),
            _ => Err("write a period such as 30d, a day such as 2027-01-31, or a time such as 2027-01-31T12:00:00Z"
                .to_owned()),
        }
    }
}

impl When {
    /// The moment, a period being counted forward.
    pub(super) fn after(self, now: Timestamp) -> Timestamp {
        self.at(now, later)
    }

    /// The moment, a period being counted back.
    pub(super) fn before(self, now: Timestamp) -> Timestamp {
        self.at(now, earlier)
    }

    /// Tables keep whole seconds, and nobody means more.
    fn at(self, now: Timestamp, away: fn(Timestamp, std::time::Duration) -> Timestamp) -> Timestamp {
        match self {
            Self::Away(period) => Timestamp::from_second(away(now, period.0).as_second()).unwrap_or(Timestamp::MAX),
            Self::At(time) => time,
        }
    }
}
