//! What Postfix itself wrote into its log: whom it refused, and who came back.
//!
//! Lines are read as smtpd(8), postscreen(8), cleanup(8) and the delivery agents write them, with traditional time stamps or
//! those of RFC 3339. What is no line of Postfix's is passed over.

mod conversations;
mod line;
mod read;
mod refusal;
mod restriction;

use std::collections::HashMap;

use jiff::tz::TimeZone;
use serde::Serialize;

pub use self::conversations::{NeverArrived, Temporary};
pub use self::read::{Log, Progress};
pub use self::restriction::restriction;

use self::conversations::Open;
use self::line::Line;
use self::refusal::Refusal;
use crate::clock::Timestamp;

/// What is in a log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct MailLog {
    /// Lines that were written in the time in question.
    pub lines: u64,
    /// Whom Postfix refused, by what, the most frequent first.
    pub refusals: Vec<RefusalCount>,
    /// What postscreen found, the most frequent first.
    pub postscreen: Vec<PostscreenCount>,
    /// What became of temporary failures.
    pub temporary: Temporary,
    /// Mails that failed temporarily and were never accepted or refused for good, the most frequently tried first.
    pub never_arrived: Vec<NeverArrived>,
}

/// How often something was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusalCount {
    /// The restriction in main.cf, or what was refused where that cannot be told.
    pub restriction: String,
    /// `temporary`, `permanent`, or `warning` by `warn_if_reject`.
    pub kind: &'static str,
    /// How often.
    pub number: u64,
}

/// How often postscreen found something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PostscreenCount {
    /// As it writes it, such as `PREGREET`.
    pub event: String,
    /// How often.
    pub number: u64,
}

/// Reads lines, one after the other.
pub struct Reader {
    since: Timestamp,
    until: Timestamp,
    zone: TimeZone,
    lines: u64,
    refusals: HashMap<(String, &'static str), u64>,
    postscreen: HashMap<&'static str, u64>,
    open: Open,
}

/// What postscreen(8) logs, beside NOQUEUE lines.
const POSTSCREEN: [&str; 19] = [
    "PREGREET",
    "DNSBL",
    "HANGUP",
    "PASS NEW",
    "PASS OLD",
    "BARE NEWLINE",
    "COMMAND PIPELINING",
    "COMMAND TIME LIMIT",
    "COMMAND COUNT LIMIT",
    "COMMAND LENGTH LIMIT",
    "NON-SMTP COMMAND",
    "DENYLISTED",
    "BLACKLISTED",
    "ALLOWLISTED",
    "WHITELISTED",
    "ALLOWLIST VETO",
    "WHITELIST VETO",
    "DATA without valid RCPT",
    "BDAT without valid RCPT",
];

impl Reader {
    /// Takes what was written in this time. Traditional time stamps have no year and are in `zone`: they are of the year before
    /// `until`.
    pub fn new(since: Timestamp, until: Timestamp, zone: TimeZone) -> Self {
        let (refusals, postscreen, open) = (HashMap::new(), HashMap::new(), Open::default());
        Self { since, until, zone, lines: 0, refusals, postscreen, open }
    }

    /// Reads one line.
    pub fn read(&mut self, line: &str) {
        let Some(Line { time, program, message }) = Line::parse(line, self.until, &self.zone) else { return };
        if time < self.since || time >= self.until {
            return;
        }
        self.lines += 1;
        if let Some(refusal) = Refusal::parse(message) {
            let key = (restriction(refusal.text), refusal.kind.as_str());
            *self.refusals.entry(key).or_default() += 1;
            self.open.refused(time, &refusal);
        } else if program == "postscreen" {
            if let Some(event) = POSTSCREEN.iter().find(|event| message.starts_with(**event)) {
                *self.postscreen.entry(event).or_default() += 1;
            }
        } else {
            self.open.queued(message);
        }
    }

    /// All that was read; lists of mails have at most `top` rows.
    pub fn finish(self, top: usize) -> MailLog {
        let refusals = self.refusals.into_iter();
        let mut refusals: Vec<_> =
            refusals.map(|((restriction, kind), number)| RefusalCount { restriction, kind, number }).collect();
        refusals.sort_by(|one, other| (other.number, &one.restriction).cmp(&(one.number, &other.restriction)));
        let postscreen = self.postscreen.into_iter();
        let mut postscreen: Vec<_> =
            postscreen.map(|(event, number)| PostscreenCount { event: event.to_owned(), number }).collect();
        postscreen.sort_by(|one, other| (other.number, &one.event).cmp(&(one.number, &other.event)));
        let (temporary, never_arrived) = self.open.finish(top);
        MailLog { lines: self.lines, refusals, postscreen, temporary, never_arrived }
    }
}

#[cfg(test)]
mod tests;
