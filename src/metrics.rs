//! What was answered since the start, in numbers that only grow.
//!
//! Labels are words of this program (checks, reasons, actions), never anything that a stranger can choose: whoever could make
//! new series would fill the memory of those who keep them.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::chain::{Decision, Mode};
use crate::checks::Reason;

/// In seconds: from what memory answers to what Postfix would not wait for any more.
const BUCKETS: [f64; 14] = [0.000_1, 0.000_3, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.6, 1.0, 2.0, 4.0, 8.0, 16.0];

/// The word where no check had anything to say, as in the log.
const NONE: &str = "none";

/// All that is counted about answers.
pub struct Metrics {
    requests: Family<Answered, Counter>,
    observed: Family<Observed, Counter>,
    failed_open: Counter,
    durations: Histogram,
    check_durations: Family<Asked, Histogram>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    check: &'static str,
    reason: &'static str,
    action: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Observed {
    check: &'static str,
    reason: &'static str,
    consequence: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    check: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            observed: Family::default(),
            failed_open: Counter::default(),
            durations: histogram(),
            check_durations: Family::new_with_constructor(histogram),
        }
    }
}

impl Metrics {
    /// Counts a decision.
    pub fn count(&self, decision: &Decision) {
        let reason = decision.reason.map_or(NONE, Reason::as_str);
        let answered = Answered { check: decision.check.unwrap_or(NONE), reason, action: decision.action.verb() };
        self.requests.get_or_create(&answered).inc();
        self.durations.observe(decision.elapsed.as_secs_f64());
        if decision.failed_open() {
            self.failed_open.inc();
        }
        for step in &decision.trace {
            let took = Duration::from_micros(step.elapsed_us).as_secs_f64();
            self.check_durations.get_or_create(&Asked { check: step.check }).observe(took);
            if let (Mode::Observe, Some(reason), Some(consequence)) = (step.mode, step.reason, step.consequence) {
                let observed =
                    Observed { check: step.check, reason: reason.as_str(), consequence: consequence.as_str() };
                self.observed.get_or_create(&observed).inc();
            }
        }
    }

    /// Adds all of it to what is told.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("requests", "Requests answered", self.requests.clone());
        registry.register("observed", "What steps in observe mode found", self.observed.clone());
        let help = "Requests that passed unchecked in part because something was broken or too slow";
        registry.register("failed_open", help, self.failed_open.clone());
        let (requests, checks) = (self.durations.clone(), self.check_durations.clone());
        registry.register_with_unit("request_duration", "Time until an answer", Unit::Seconds, requests);
        registry.register_with_unit("check_duration", "Time that each check took", Unit::Seconds, checks);
    }
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;
    use crate::chain::TraceStep;
    use crate::checks::Consequence;
    use crate::protocol::Action;

    #[test]
    fn a_decision_counts_once_and_each_of_its_steps() {
        let step = |check, mode, reason, consequence| TraceStep {
            check,
            mode,
            reason: Some(reason),
            consequence: Some(consequence),
            evidence: "a stranger's <text>".to_owned(),
            elapsed_us: 2000,
        };
        let decision = Decision {
            action: Action::defer("Later"),
            check: Some("greylist"),
            reason: Some(Reason::GreylistNew),
            trace: vec![
                step("spf", Mode::Observe, Reason::SpfFail, Consequence::Reject),
                step("greylist", Mode::Enforce, Reason::GreylistNew, Consequence::Defer),
            ],
            thread: None,
            elapsed: Duration::from_millis(5),
        };
        let metrics = Metrics::default();
        metrics.count(&decision);
        metrics.count(&decision);
        let (mut registry, mut text) = (Registry::with_prefix("postward"), String::new());
        metrics.register(&mut registry);
        encode(&mut text, &registry).unwrap();
        for line in [
            r#"postward_requests_total{check="greylist",reason="greylist-new",action="defer_if_permit"} 2"#,
            r#"postward_observed_total{check="spf",reason="spf-fail",consequence="reject"} 2"#,
            r#"postward_request_duration_seconds_count 2"#,
            r#"postward_check_duration_seconds_bucket{le="0.003",check="greylist"} 2"#,
            r#"postward_check_duration_seconds_bucket{le="0.001",check="greylist"} 0"#,
            "postward_failed_open_total 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(!text.contains("stranger"));
    }
}
