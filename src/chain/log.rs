//! One log line for every decision, for people and programs alike.

use super::decision::Decision;
use super::steps::Mode;
use crate::checks::Consequence;
use crate::net::address_text;
use crate::protocol::Request;
use crate::text::printable;

/// The most octets of a name or address in the log.
const MAX_SHOWN: usize = 320;

/// Logs the decision, and what observed steps would have done.
pub(super) fn decision(decision: &Decision, request: &Request) {
    let client = request.client_address.map(address_text);
    let client = client.as_deref().unwrap_or("unknown");
    let client_name = printable(request.client_name.as_deref().unwrap_or("unknown"), MAX_SHOWN);
    let helo = printable(&request.helo_name, MAX_SHOWN);
    let sender = printable(request.sender.as_str(), MAX_SHOWN);
    let recipient = printable(request.recipient.as_ref().map_or("", |recipient| recipient.as_str()), MAX_SHOWN);

    macro_rules! line {
        ($level:ident, $message:literal, $action:expr, $check:expr, $reason:expr, $mode:expr, $evidence:expr) => {
            tracing::$level!(
                action = $action,
                check = $check,
                reason = $reason,
                mode = $mode,
                client,
                client_name = &*client_name,
                helo = &*helo,
                sender = &*sender,
                recipient = &*recipient,
                evidence = $evidence,
                elapsed_us = u64::try_from(decision.elapsed.as_micros()).unwrap_or(u64::MAX),
                $message
            )
        };
    }

    for step in decision.trace.iter().filter(|step| step.mode == Mode::Observe) {
        if step.failed() {
            let reason = step.reason.map_or("error", |reason| reason.as_str());
            line!(warn, "could not be observed", "ignore", step.check, reason, "observe", &*step.evidence);
        } else if let (Some(reason), Some(consequence)) = (step.reason, step.consequence)
            && consequence != Consequence::Ignore
        {
            line!(info, "would have", consequence.as_str(), step.check, reason.as_str(), "observe", &*step.evidence);
        }
    }
    let action = decision.action.to_string();
    let check = decision.check.unwrap_or("none");
    let reason = decision.reason.map_or("none", |reason| reason.as_str());
    let last = decision.trace.iter().rev().find(|step| step.reason.is_some() && Some(step.check) == decision.check);
    let evidence = last.map_or("", |step| &*step.evidence);
    if decision.failed_open() && decision.action.passes() {
        line!(warn, "passed unchecked", &*action, check, reason, "enforce", evidence);
    } else {
        line!(info, "decided", &*action, check, reason, "enforce", evidence);
    }
}
