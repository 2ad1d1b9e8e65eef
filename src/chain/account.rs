//! What a decision leaves in the journal.

use std::hash::BuildHasher as _;
use std::sync::LazyLock;
use std::time::Duration;

use hashbrown::DefaultHashBuilder;

use super::decision::{Decision, TraceStep};
use super::steps::Mode;
use crate::batv;
use crate::checks::{Consequence, Reason};
use crate::clock::Timestamp;
use crate::journal::{Account, Interest, slot_of};
use crate::mail::Mailbox;
use crate::protocol::{Action, ProtocolState, Request};
use crate::store::{Count, JournalRecord, Thread, TraceRecord, Verdict};
use crate::text::cut;

/// The most octets of a name or address that are kept; triplets and the log have as many.
const MAX_KEPT: usize = 320;

impl Decision {
    /// What the decision about `request`, made at `time`, leaves in the journal: records of what was refused, deferred or
    /// passed after waiting, or would have been; numbers of everything. Whoever is awaited and passes now is written down, whatever
    /// the reason; without room, records are only counted.
    pub fn account(&self, request: &Request, time: Timestamp, interest: Interest) -> Account {
        let steps = self.trace.iter().filter(|step| step.check != EXEMPT);
        let enforced = self.enforced(interest.awaited);
        let thread = enforced.as_ref().and_then(|found| Some((self.thread_of(found.step)?, found.verdict)));
        let findings: Vec<_> = self.trace.iter().filter_map(would_have).chain(enforced).collect();
        let (records, unwritten) = match interest.has_room {
            true => (self.records(&findings, request, time), 0),
            false => (Vec::new(), findings.len() as u64),
        };
        Account {
            request: fingerprint(request),
            records,
            unwritten,
            thread,
            counts: self.counts(request, time),
            timings: steps.map(|step| (step.check, Duration::from_micros(step.elapsed_us))).collect(),
            time,
        }
    }

    fn records(&self, findings: &[Finding<'_>], request: &Request, time: Timestamp) -> Vec<JournalRecord> {
        let Some((last, others)) = findings.split_last() else { return Vec::new() };
        let Some(common) = self.common(request, time) else { return Vec::new() };
        let mut records: Vec<_> = others.iter().map(|finding| self.record(common.clone(), finding)).collect();
        records.push(self.record(common, last));
        records
    }

    /// The conversation, where this step is the one that tells of it.
    fn thread_of(&self, step: &TraceStep) -> Option<Thread> {
        self.thread.filter(|(check, _)| *check == step.check).map(|(_, thread)| thread)
    }

    /// The enforced step that refused, deferred, or let a waiting triplet pass.
    fn enforced(&self, awaited: bool) -> Option<Finding<'_>> {
        let verdict = self.verdict();
        let decided = |step: &&TraceStep| match verdict {
            Verdict::Pass if awaited => self.thread.is_some_and(|(check, _)| check == step.check),
            Verdict::Pass => step.reason == Some(Reason::GreylistPassed),
            _ => Some(step.check) == self.check && step.reason == self.reason,
        };
        let mut enforced = self.trace.iter().rev().filter(|step| step.mode == Mode::Enforce);
        enforced.find(decided).map(|step| Finding { step, verdict })
    }

    fn record(&self, common: JournalRecord, Finding { step, verdict }: &Finding<'_>) -> JournalRecord {
        let observed = step.mode == Mode::Observe;
        let would_follow = step.consequence.filter(|_| observed).map(|consequence| consequence.as_str().to_owned());
        JournalRecord {
            check: step.check.to_owned(),
            reason: step.reason.map_or(NONE, Reason::as_str).to_owned(),
            observed,
            verdict: *verdict,
            action: would_follow.unwrap_or_else(|| self.action.to_string()),
            evidence: step.evidence.clone(),
            thread: self.thread_of(step),
            ..common
        }
    }

    /// What all records of the decision have in common; `None` for a client that Postfix does not know itself.
    fn common(&self, request: &Request, time: Timestamp) -> Option<JournalRecord> {
        let recipient = request.recipient.as_ref();
        let kept = |text: &str| cut(text, MAX_KEPT).to_owned();
        Some(JournalRecord {
            id: 0,
            time,
            client: request.client_address?,
            client_name: request.client_name.as_deref().map(kept),
            helo: kept(&request.helo_name),
            sender: kept(request.sender.as_str()),
            sender_key: kept(&batv::sender_key(&request.sender)),
            recipient: kept(recipient.map_or("", |recipient| recipient.as_str())),
            recipient_key: kept(&recipient.map(batv::recipient_key).unwrap_or_default()),
            check: String::new(),
            reason: String::new(),
            observed: false,
            verdict: Verdict::Pass,
            action: String::new(),
            evidence: String::new(),
            elapsed: self.elapsed,
            thread: None,
            trace: self.trace.iter().map(TraceRecord::from).collect(),
        })
    }

    /// Every recipient counts once by what decided about it, and once more for every observed step that would have done
    /// something. In other states only what is refused or deferred is about anybody.
    fn counts(&self, request: &Request, time: Timestamp) -> Vec<Count> {
        let (slot, passed) = (slot_of(time), self.action.passes());
        let count = |check: &'static str, reason: Option<Reason>, verdict, observed| {
            let reason = reason.map_or(NONE, Reason::as_str).into();
            Count { slot, check: check.into(), reason, verdict, observed, passed }
        };
        let observed = self.trace.iter().filter_map(would_have);
        let mut counts: Vec<_> =
            observed.map(|found| count(found.step.check, found.step.reason, found.verdict, true)).collect();
        if request.protocol_state == ProtocolState::Rcpt || !passed {
            counts.push(count(self.check.unwrap_or(NONE), self.reason, self.verdict(), false));
        }
        counts
    }

    fn verdict(&self) -> Verdict {
        match self.action {
            Action::Dunno | Action::Prepend(_) => Verdict::Pass,
            Action::DeferIfPermit(_) => Verdict::Defer,
            Action::Refuse(_) => Verdict::Reject,
        }
    }
}

/// The word for a decision that no check had a part in, as in the log.
const NONE: &str = "none";

/// Not a check: nothing was asked.
const EXEMPT: &str = "exempt";

/// A step that is worth a record.
struct Finding<'a> {
    step: &'a TraceStep,
    verdict: Verdict,
}

/// What an observed step would have done. What came to no finding has done nothing.
fn would_have(step: &TraceStep) -> Option<Finding<'_>> {
    let consequence = step.consequence.filter(|_| step.mode == Mode::Observe && !step.failed())?;
    if consequence == Consequence::Ignore && step.reason != Some(Reason::GreylistPassed) {
        return None;
    }
    let verdict = match consequence {
        Consequence::Reject => Verdict::Reject,
        Consequence::Defer => Verdict::Defer,
        _ => Verdict::Pass,
    };
    Some(Finding { step, verdict })
}

impl From<&TraceStep> for TraceRecord {
    fn from(step: &TraceStep) -> Self {
        Self {
            check: step.check.to_owned(),
            mode: step.mode.as_str().to_owned(),
            reason: step.reason.map(|reason| reason.as_str().to_owned()),
            consequence: step.consequence.map(|consequence| consequence.as_str().to_owned()),
            evidence: step.evidence.clone(),
            elapsed_us: step.elapsed_us,
        }
    }
}

/// Another one in each process: it is compared with those of the last seconds only.
fn fingerprint(request: &Request) -> Option<u64> {
    static HASHER: LazyLock<DefaultHashBuilder> = LazyLock::new(DefaultHashBuilder::default);
    if request.instance.is_empty() {
        return None;
    }
    let recipient = request.recipient.as_ref().map(Mailbox::as_str);
    Some(HASHER.hash_one((&*request.instance, recipient, request.protocol_state == ProtocolState::Rcpt)))
}
