//! How a decision comes about.

use std::ops::ControlFlow;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::steps::Mode;
use crate::checks::{Consequence, Finding, Reason, clean};
use crate::protocol::{Action, Header};
use crate::store::Thread;

/// The answer to a request, and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What Postfix is told.
    pub action: Action,
    /// The check that decided, or that had the last word about a recipient who passes.
    pub check: Option<&'static str>,
    /// Its reason.
    pub reason: Option<Reason>,
    /// Every step that was asked.
    pub trace: Vec<TraceStep>,
    /// The conversation that the recipient belongs to, and the check that remembers it.
    pub thread: Option<(&'static str, Thread)>,
    /// How long it took to the end of its last step; nothing where none was asked.
    pub elapsed: Duration,
}

/// What one step did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TraceStep {
    /// The check.
    pub check: &'static str,
    /// Whether it counted.
    pub mode: Mode,
    /// What it found; `None`: nothing worth a word.
    pub reason: Option<Reason>,
    /// What followed, or in observe mode would have.
    pub consequence: Option<Consequence>,
    /// What the finding is based on.
    pub evidence: String,
    /// How long it took, in microseconds.
    pub elapsed_us: u64,
}

impl TraceStep {
    /// Whether it did not come to a finding, through no fault of the request's.
    pub(super) fn failed(&self) -> bool {
        matches!(self.reason, Some(Reason::Error | Reason::Deadline))
    }
}

impl Decision {
    /// Whether something inside postward was broken or too slow, so that the mail passed unchecked.
    pub fn failed_open(&self) -> bool {
        self.trace.iter().any(|step| step.mode == Mode::Enforce && step.failed())
    }

    pub(super) fn with_header(mut self, header: Option<Header>) -> Self {
        if let (Action::Dunno, Some(header)) = (&self.action, header) {
            self.action = Action::Prepend(header);
        }
        self
    }
}

/// A decision in the making.
#[derive(Debug, Default)]
pub(super) struct Course {
    trace: Vec<TraceStep>,
    action: Option<Action>,
    suspect: bool,
    trusted: bool,
    vouched_by: Option<String>,
    skip: Vec<String>,
    results: Vec<String>,
    delayed: Option<Duration>,
    thread: Option<(&'static str, Thread)>,
    running: Option<(&'static str, Mode, Instant)>,
    times: Times,
}

/// When it began, and when the last step ended, which is when the next begins: to look at the clock costs as much as some steps.
#[derive(Debug)]
struct Times {
    started: Instant,
    ended: Instant,
}

impl Default for Times {
    fn default() -> Self {
        let now = Instant::now();
        Self { started: now, ended: now }
    }
}

impl Course {
    /// When it began: when it was made.
    pub(super) fn started(&self) -> Instant {
        self.times.started
    }

    /// Whether a step found the request suspect.
    pub(super) fn suspect(&self) -> bool {
        self.suspect
    }

    /// Whether a step found the request to be trusted.
    pub(super) fn trusted(&self) -> bool {
        self.trusted
    }

    /// The domain that vouches for the client.
    pub(super) fn vouched_by(&self) -> Option<&str> {
        self.vouched_by.as_deref()
    }

    /// Whether the recipient passes.
    pub(super) fn passes(&self) -> bool {
        self.action.is_none()
    }

    /// What is told in an Authentication-Results header.
    pub(super) fn results(&self) -> &[String] {
        &self.results
    }

    /// Whether a step said that this check is to be left out.
    pub(super) fn skips(&self, check: &str) -> bool {
        self.skip.iter().any(|skipped| skipped == check)
    }

    /// For how long the recipient was delayed.
    pub(super) fn delayed(&self) -> Option<Duration> {
        self.delayed
    }

    /// The request is not checked at all.
    pub(super) fn exempt(&mut self, reason: Reason, evidence: &str) {
        self.begin("exempt", Mode::Enforce);
        self.end(Some(reason), clean(evidence.into()), Some(Consequence::Allow));
    }

    /// A check is asked; answers when.
    pub(super) fn begin(&mut self, check: &'static str, mode: Mode) -> Instant {
        self.running = Some((check, mode, self.times.ended));
        self.times.ended
    }

    /// The check that was asked has answered: breaks when the decision is made.
    pub(super) fn take(&mut self, finding: Finding, consequence: Option<Consequence>) -> ControlFlow<()> {
        if let (Some((check, ..)), Some(triplet)) = (self.running, &finding.triplet) {
            self.thread = Some((check, triplet.into()));
        }
        let mode = self.end(finding.reason, finding.evidence, consequence);
        if mode == Mode::Observe {
            return ControlFlow::Continue(());
        }
        self.delayed = finding.delayed.or(self.delayed);
        self.vouched_by = finding.vouched_by.or(self.vouched_by.take());
        self.results.extend(finding.result);
        match consequence {
            None | Some(Consequence::Ignore) => ControlFlow::Continue(()),
            Some(Consequence::Suspect) => {
                self.suspect = true;
                ControlFlow::Continue(())
            }
            Some(Consequence::Trust) => {
                self.trusted = true;
                ControlFlow::Continue(())
            }
            Some(Consequence::Skip) => {
                self.skip.extend(finding.skip);
                ControlFlow::Continue(())
            }
            Some(Consequence::Reject) => {
                self.answer(Action::refuse_with(finding.status.unwrap_or("5.7.1"), &finding.text))
            }
            Some(Consequence::Defer) => self.answer(Action::defer(&finding.text)),
            Some(Consequence::Allow) => ControlFlow::Break(()),
        }
    }

    /// The checks did not come to an end; whatever they were about to find counts against nobody. That changes the answer, even
    /// if it was an observed step that took so long.
    pub(super) fn fail(&mut self, reason: Reason, evidence: &str) {
        self.running.get_or_insert(("chain", Mode::Enforce, self.times.ended)).1 = Mode::Enforce;
        self.end(Some(reason), clean(evidence.into()), Some(Consequence::Ignore));
    }

    /// The decision. A refusal or deferral is the last enforced step's; a recipient who passes does so because of the last
    /// step that had anything to say.
    pub(super) fn into_decision(self) -> Decision {
        let last = self.trace.iter().rev().find(|step| step.mode == Mode::Enforce && step.reason.is_some());
        let (check, reason) = (last.map(|step| step.check), last.and_then(|step| step.reason));
        let (action, thread) = (self.action.unwrap_or(Action::Dunno), self.thread);
        let elapsed = self.times.ended.duration_since(self.times.started);
        Decision { action, check, reason, trace: self.trace, thread, elapsed }
    }

    fn answer(&mut self, action: Action) -> ControlFlow<()> {
        self.action = Some(action);
        ControlFlow::Break(())
    }

    fn end(&mut self, reason: Option<Reason>, evidence: String, consequence: Option<Consequence>) -> Mode {
        let Some((check, mode, begun)) = self.running.take() else { return Mode::Off };
        let now = Instant::now();
        self.times.ended = now;
        self.trace.push(TraceStep {
            check,
            mode,
            reason,
            consequence,
            evidence,
            elapsed_us: u64::try_from(now.duration_since(begun).as_micros()).unwrap_or(u64::MAX),
        });
        mode
    }
}
