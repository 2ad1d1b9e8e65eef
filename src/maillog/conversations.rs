//! Temporary failures, and whether the mail came after all.

use std::collections::HashMap;

use serde::Serialize;

use super::refusal::{Kind, Refusal};
use super::restriction::restriction;
use crate::batv;
use crate::clock::Timestamp;
use crate::mail::{Mailbox, ReversePath};
use crate::text::cut;

/// How many mails, and how many queue files, are followed at once.
const MOST: usize = 500_000;

/// Whoever is refused as a relay has nothing for us, though Postfix's default says 454 to it (smtpd_relay_restrictions).
const RELAY: &str = "reject_unauth_destination";

/// The most octets of an address that are kept.
const MAX_KEPT: usize = 320;

/// What became of mails that failed temporarily.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Temporary {
    /// Mails, told apart by sender and recipient.
    pub failed: u64,
    /// Accepted later.
    pub arrived: u64,
    /// Refused for good later.
    pub refused: u64,
    /// Neither.
    pub never_arrived: u64,
}

/// A mail that failed temporarily and was not seen again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NeverArrived {
    /// The sender; empty for the null sender.
    pub sender: String,
    /// The recipient.
    pub recipient: String,
    /// The client that tried last.
    pub client: String,
    /// By what it was refused last.
    pub restriction: String,
    /// How often it was tried.
    pub attempts: u64,
    /// The first time.
    pub first: Timestamp,
    /// The last time.
    pub last: Timestamp,
}

/// Mails that have failed, and mails in the queue.
#[derive(Debug, Default)]
pub(super) struct Open {
    failed: HashMap<(String, String), NeverArrived>,
    /// Senders by queue id; `None` until qmgr tells.
    queue: HashMap<String, Option<String>>,
    temporary: Temporary,
}

impl Open {
    pub(super) fn refused(&mut self, time: Timestamp, refusal: &Refusal<'_>) {
        let (Some(sender), Some(recipient)) = (refusal.sender, refusal.recipient) else { return };
        if restriction(refusal.text) == RELAY {
            return;
        }
        let key = key(sender, recipient);
        match refusal.kind {
            Kind::Warning => {}
            Kind::Permanent => self.temporary.refused += u64::from(self.failed.remove(&key).is_some()),
            Kind::Temporary => self.failed(key, time, sender, recipient, refusal),
        }
    }

    fn failed(&mut self, key: (String, String), time: Timestamp, sender: &str, recipient: &str, refusal: &Refusal<'_>) {
        if !self.failed.contains_key(&key) {
            if self.failed.len() >= MOST {
                return;
            }
            self.temporary.failed += 1;
        }
        let kept = |text: &str| cut(text, MAX_KEPT).to_owned();
        let mail = self.failed.entry(key).or_insert_with(|| NeverArrived {
            sender: kept(sender),
            recipient: kept(recipient),
            client: String::new(),
            restriction: String::new(),
            attempts: 0,
            first: time,
            last: time,
        });
        mail.client = kept(refusal.client);
        mail.restriction = restriction(refusal.text);
        mail.attempts += 1;
        mail.last = time;
    }

    /// `ID: client=…` by smtpd, `ID: from=<…>` by qmgr, `ID: to=<…>` by whoever delivers, `ID: removed` by qmgr.
    pub(super) fn queued(&mut self, message: &str) {
        let Some((id, rest)) = message.split_once(": ") else { return };
        if rest.starts_with("client=") && self.queue.len() < MOST {
            self.queue.insert(id.to_owned(), None);
        } else if rest == "removed" {
            self.queue.remove(id);
        } else if let (Some(sender), Some(known)) = (within("from=<", rest), self.queue.get_mut(id)) {
            *known = Some(sender.to_owned());
        } else if let (Some(recipient), Some(Some(sender))) = (within("to=<", rest), self.queue.get(id)) {
            // Aliases change the recipient; what was asked for is told beside it.
            let original = rest.split_once(", orig_to=<").and_then(|(_, rest)| Some(rest.split_once('>')?.0));
            for recipient in [Some(recipient), original].into_iter().flatten() {
                self.temporary.arrived += u64::from(self.failed.remove(&key(sender, recipient)).is_some());
            }
        }
    }

    pub(super) fn finish(self, top: usize) -> (Temporary, Vec<NeverArrived>) {
        let mut temporary = self.temporary;
        let mut never: Vec<_> = self.failed.into_values().collect();
        temporary.never_arrived = never.len() as u64;
        never.sort_by(|one, other| {
            (other.attempts, other.last, &one.sender).cmp(&(one.attempts, one.last, &other.sender))
        });
        never.truncate(top);
        (temporary, never)
    }
}

/// A sender who signs anew every day is still the same.
fn key(sender: &str, recipient: &str) -> (String, String) {
    let (mut sender, mut recipient) =
        (batv::sender_key(&ReversePath::parse(sender)), batv::recipient_key(&Mailbox::parse(recipient)));
    sender.truncate(cut(&sender, MAX_KEPT).len());
    recipient.truncate(cut(&recipient, MAX_KEPT).len());
    (sender, recipient)
}

/// What stands between `begin`, which must come first, and `>`.
fn within<'a>(begin: &str, text: &'a str) -> Option<&'a str> {
    Some(text.strip_prefix(begin)?.split_once('>')?.0)
}
