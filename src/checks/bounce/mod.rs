//! Does a bounce answer something that we have sent?
//!
//! Bounces have the null sender (RFC 5321 section 4.5.5) and go to the envelope sender of the message that they answer.
//! Where all mail of a domain leaves with a signed one ([`crate::batv::signing`]), a bounce to an address
//! without signature, or with one that is not ours or has expired, answers mail that somebody else has sent in our name:
//! backscatter.
//!
//! A bounce also has one recipient only: a message has one envelope sender.

mod options;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;

use serde_yaml::Value;

pub use self::options::{At, BounceOptions};

use super::{Check, Consequence, Context, Finding, Options, Parts, Pending, Reason, Registration};
use crate::batv;
use crate::batv::signing::{Tagging, Unsigned, Verdict};
use crate::clock::Timestamp;
use crate::mail::{Mailbox, ReversePath};
use crate::protocol::{ProtocolState, Request};

/// How the policy file gets here.
pub const REGISTRATION: Registration =
    Registration { name: "bounce", read: |section| Box::new(BounceOptions::read(section)) };

impl Options for BounceOptions {
    fn in_force(&self) -> Value {
        serde_yaml::to_value(self).unwrap_or_default()
    }

    fn build(&self, parts: &Parts) -> Box<dyn Check> {
        let exempt = self.exempt.iter().map(|name| name.0.clone()).collect();
        Box::new(Bounce { options: self.clone(), exempt, tagging: parts.tagging.clone() })
    }
}

/// The check at work.
struct Bounce {
    options: BounceOptions,
    exempt: HashSet<String>,
    tagging: Arc<Tagging>,
}

impl Check for Bounce {
    /// At DATA there may be several recipients, wherever each of them is judged; and at RCPT a signature counts, in any case.
    fn applies_to(&self, state: ProtocolState) -> bool {
        matches!(state, ProtocolState::Rcpt | ProtocolState::Data)
    }

    fn find<'a>(&'a self, context: &'a Context<'a>) -> Pending<'a, Finding> {
        Box::pin(std::future::ready(self.judge(context.request, context.now)))
    }

    fn consequence(&self, reason: Reason) -> Consequence {
        match reason {
            Reason::BounceSigned => self.options.signed,
            Reason::BounceUnsigned => self.options.unsigned,
            Reason::BounceExpired => self.options.expired,
            Reason::BounceForged => self.options.forged,
            Reason::BounceMultiple => self.options.multiple,
            _ => Consequence::Ignore,
        }
    }
}

impl Bounce {
    fn judge(&self, request: &Request, now: Timestamp) -> Finding {
        if self.tagging.is_off() {
            return Finding::nothing("batv.domains names no domain");
        }
        if request.sender != ReversePath::Null {
            return Finding::nothing("no bounce: it has a sender");
        }
        match &request.recipient {
            Some(_) if request.protocol_state == ProtocolState::Data && self.options.at == At::Rcpt => {
                Finding::nothing("its recipient was judged at RCPT")
            }
            Some(recipient) => self.in_time(request.protocol_state, self.judge_recipient(recipient, now)),
            // Only at DATA, and only then, Postfix leaves out the recipient: there are several (SMTPD_POLICY_README).
            None if request.recipient_count > 1 => Finding {
                text: "A bounce has one recipient, but this message has several".to_owned(),
                ..Finding::new(Reason::BounceMultiple, format!("{} recipients", request.recipient_count))
            },
            None => Finding::nothing("no recipient"),
        }
    }

    /// With `at: data` nothing is held against a bounce before that. But greylisting acts at RCPT: that the way past it is
    /// clear has to be known there.
    fn in_time(&self, state: ProtocolState, finding: Finding) -> Finding {
        let is_signed = finding.reason == Some(Reason::BounceSigned);
        match (self.options.at, state) {
            (At::Data, ProtocolState::Rcpt) if !is_signed => Finding::nothing("it is judged at DATA"),
            (At::Data, ProtocolState::Data) if is_signed => Finding::nothing("its signature has counted at RCPT"),
            _ => finding,
        }
    }

    fn judge_recipient(&self, recipient: &Mailbox, now: Timestamp) -> Finding {
        let verdict = self.tagging.verify(recipient.as_str(), now);
        if verdict == Verdict::Foreign {
            return Finding::nothing("the recipient is in none of batv.domains");
        }
        let core = batv::core(recipient);
        let local = core.as_ref().unwrap_or(recipient).local();
        if self.exempt.contains(local) {
            return Finding::nothing(format!("{local} is exempt"));
        }
        if verdict == Verdict::Untagged && batv::is_srs(recipient) {
            // Our own forwarding: its sender is not ours to sign, and has a signature that its maker verifies.
            return Finding::nothing("a forwarder's address (SRS), which has a signature of its own");
        }
        if verdict == Verdict::Untagged && self.tagging.sign(recipient.as_str(), now) == Err(Unsigned::TooLong) {
            return Finding::nothing("its mail leaves unsigned: the local part is too long for a signature");
        }
        finding(&verdict, recipient)
    }
}

fn finding(verdict: &Verdict, recipient: &Mailbox) -> Finding {
    let (reason, evidence, text) = match verdict {
        Verdict::Foreign => return Finding::default(),
        Verdict::Signed { core } => (Reason::BounceSigned, format!("{core} is signed"), ""),
        Verdict::Untagged => (
            Reason::BounceUnsigned,
            format!("{recipient} is not signed"),
            "The message that you return was not sent from here: ours have signed senders (BATV)",
        ),
        Verdict::Expired { core } => (
            Reason::BounceExpired,
            format!("{core} is signed, but its day has passed"),
            "The message that you return is too old: the signature of its sender has expired (BATV)",
        ),
        Verdict::Forged => (
            Reason::BounceForged,
            format!("{recipient} has a signature that is not ours"),
            "The message that you return was not sent from here: the signature of its sender is not ours (BATV)",
        ),
    };
    Finding { text: text.to_owned(), ..Finding::new(reason, evidence) }
}
