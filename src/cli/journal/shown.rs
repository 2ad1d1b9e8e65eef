//! A decision as it is shown.

use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use crate::clock::{Timestamp, elapsed};
use crate::store::{CameBack, JournalRecord, TraceRecord, Verdict};

/// What every decision tells, to programs.
#[derive(Debug, Serialize)]
pub(super) struct Shown<'a> {
    id: i64,
    time: Timestamp,
    client: IpAddr,
    client_name: Option<&'a str>,
    helo: &'a str,
    sender: &'a str,
    recipient: &'a str,
    check: &'a str,
    reason: &'a str,
    mode: &'static str,
    action: &'a str,
    evidence: &'a str,
}

/// All that is known about one decision, to programs.
#[derive(Debug, Serialize)]
pub(super) struct InFull<'a> {
    #[serde(flatten)]
    decision: Shown<'a>,
    elapsed_us: u64,
    came_back: Option<Return>,
    steps: Vec<ShownStep<'a>>,
}

#[derive(Debug, Serialize)]
struct ShownStep<'a> {
    check: &'a str,
    mode: &'a str,
    reason: Option<&'a str>,
    consequence: Option<&'a str>,
    evidence: &'a str,
    elapsed_us: u64,
}

/// What became of a deferral.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Return {
    state: ReturnState,
    attempts: u32,
    last: Option<Timestamp>,
    passed: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum ReturnState {
    /// It came back and passed.
    Passed,
    /// It came back, and still waits.
    Waiting,
    /// It did not come back yet, and may.
    NotYet,
    /// It did not come back in time.
    Never,
}

impl<'a> From<&'a JournalRecord> for Shown<'a> {
    fn from(record: &'a JournalRecord) -> Self {
        Self {
            id: record.id,
            time: record.time,
            client: record.client,
            client_name: record.client_name.as_deref(),
            helo: &record.helo,
            sender: &record.sender,
            recipient: &record.recipient,
            check: &record.check,
            reason: &record.reason,
            mode: if record.observed { "observe" } else { "enforce" },
            action: &record.action,
            evidence: &record.evidence,
        }
    }
}

impl<'a> InFull<'a> {
    pub(super) fn new(record: &'a JournalRecord, came_back: Option<Return>) -> Self {
        let elapsed_us = u64::try_from(record.elapsed.as_micros()).unwrap_or(u64::MAX);
        Self {
            decision: record.into(),
            elapsed_us,
            came_back,
            steps: record.trace.iter().map(ShownStep::from).collect(),
        }
    }
}

impl<'a> From<&'a TraceRecord> for ShownStep<'a> {
    fn from(step: &'a TraceRecord) -> Self {
        let TraceRecord { check, mode, reason, consequence, evidence, elapsed_us } = step;
        let (reason, consequence) = (reason.as_deref(), consequence.as_deref());
        Self { check, mode, reason, consequence, evidence, elapsed_us: *elapsed_us }
    }
}

impl Return {
    /// What became of the deferral, as of `now`; who did not come back within `retry_window` would be a stranger again.
    pub(super) fn new(record: &JournalRecord, back: CameBack, retry_window: Duration, now: Timestamp) -> Self {
        let is_over = elapsed(record.time, now).is_some_and(|age| age > retry_window);
        let state = match back {
            CameBack { passed: Some(_), .. } => ReturnState::Passed,
            CameBack { attempts: 1.., .. } => ReturnState::Waiting,
            _ if is_over => ReturnState::Never,
            _ => ReturnState::NotYet,
        };
        let CameBack { attempts, last, passed } = back;
        Self { state, attempts, last, passed }
    }

    /// In few words.
    pub(super) fn brief(&self, since: Timestamp) -> String {
        let times = if self.attempts == 1 { "once".to_owned() } else { format!("{} times", self.attempts) };
        match (self.state, self.passed) {
            (ReturnState::Passed, Some(passed)) => format!("passed after {}", span(since, passed)),
            (ReturnState::Never, _) => "never".to_owned(),
            (ReturnState::NotYet, _) => "not yet".to_owned(),
            _ => format!("{times}, waits"),
        }
    }

    /// In a sentence.
    pub(super) fn in_full(&self, since: Timestamp) -> String {
        match (self.state, self.passed, self.last) {
            (ReturnState::Passed, Some(passed), _) => {
                format!("yes, and passed at {passed}, after {}", span(since, passed))
            }
            (ReturnState::Never, ..) => "no, and would be a stranger now".to_owned(),
            (ReturnState::NotYet, ..) => "not yet".to_owned(),
            (.., Some(last)) => format!("{}; the last time at {last}", self.brief(since)),
            _ => self.brief(since),
        }
    }
}

/// What was decided, in a word.
pub(super) fn decision(record: &JournalRecord) -> String {
    match (record.observed, record.verdict) {
        (true, _) => format!("would {}", if record.action == "ignore" { "pass" } else { &record.action }),
        (_, Verdict::Pass) => "passed".to_owned(),
        (_, Verdict::Defer) => "deferred".to_owned(),
        (_, Verdict::Reject) => "rejected".to_owned(),
    }
}

/// The null sender as people write it.
pub(super) fn sender(record: &JournalRecord) -> &str {
    if record.sender.is_empty() { "<>" } else { &record.sender }
}

fn span(since: Timestamp, until: Timestamp) -> String {
    let span = elapsed(since, until).unwrap_or_default();
    humantime::format_duration(Duration::from_secs(span.as_secs())).to_string()
}
