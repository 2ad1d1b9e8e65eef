//! All entries, compiled to be asked.
//!
//! Every distinct pattern has a number within its field. A request is first turned into the numbers of the patterns
//! that match it: some for the client, some for the sender, some for the recipient, a handful each. Then each of the
//! seven lookups asks a hash table for the combinations. What a lookup costs depends on how many patterns match the request,
//! not on how many there are.

mod builder;
mod names;
mod patterns;
mod rules;

use std::net::IpAddr;

pub use self::builder::{Rejected, SnapshotBuilder, SnapshotError};
use self::patterns::{Matched, Matches, Patterns};
use self::rules::{Rule, Rules};
use super::EntryAction;
use crate::batv;
use crate::clock::Timestamp;
use crate::mail::{Mailbox, ReversePath, fold_host};

/// The number of a pattern within its field; 0: none is given.
type PatternId = u32;

/// Which of the three fields an entry names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    client: bool,
    sender: bool,
    recipient: bool,
}

impl Shape {
    /// The seven lookups, in their order.
    const ALL: [Self; 7] = [
        Self { client: true, sender: true, recipient: true },
        Self { client: false, sender: true, recipient: true },
        Self { client: true, sender: false, recipient: true },
        Self { client: true, sender: true, recipient: false },
        Self { client: false, sender: false, recipient: true },
        Self { client: false, sender: true, recipient: false },
        Self { client: true, sender: false, recipient: false },
    ];

    fn bits(self) -> u8 {
        u8::from(self.client) | u8::from(self.sender) << 1 | u8::from(self.recipient) << 2
    }
}

/// A set of lookups.
#[derive(Default, Clone, Copy)]
struct Shapes(u8);

impl Shapes {
    fn add(&mut self, shape: Shape) {
        self.0 |= 1 << shape.bits();
    }

    fn has(self, shape: Shape) -> bool {
        self.0 & (1 << shape.bits()) != 0
    }
}

/// All entries of one generation. It never changes.
#[derive(Default)]
pub struct Snapshot {
    clients: Patterns,
    senders: Patterns,
    recipients: Patterns,
    rules: Rules,
    outcomes: Vec<Outcome>,
    /// The lookups that some entry is for.
    shapes: Shapes,
    rejected: Rejected,
}

/// What entries do. Thousands of them share one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Outcome {
    action: EntryAction,
    text: Option<String>,
    source: Option<String>,
}

/// Who connects, writes, and is written to.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The address of the client, if it has one.
    pub client: Option<IpAddr>,
    /// Its name, only if it is confirmed. `unknown` counts as none.
    pub client_name: Option<&'a str>,
    /// Who writes; `None` only where nobody has been named yet.
    pub sender: Option<&'a ReversePath>,
    /// Who is written to.
    pub recipient: Option<&'a Mailbox>,
}

/// An entry that matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit<'a> {
    /// The id of the row.
    pub id: i64,
    /// What to do.
    pub action: &'a EntryAction,
    /// What the sender is told.
    pub text: Option<&'a str>,
    /// The source of the entry; `None` when made by hand.
    pub source: Option<&'a str>,
    /// The client pattern, in its canonical spelling.
    pub client: Option<String>,
    /// The sender pattern.
    pub sender: Option<String>,
    /// The recipient pattern.
    pub recipient: Option<String>,
}

impl Snapshot {
    /// The entry that decides.
    pub fn lookup(&self, subject: &Subject<'_>, now: Timestamp) -> Option<Hit<'_>> {
        if self.is_empty() {
            return None;
        }
        self.best(&Asked::new(subject), now)
    }

    /// All entries that match, the one that decides first.
    pub fn lookup_all(&self, subject: &Subject<'_>, now: Timestamp) -> Vec<Hit<'_>> {
        self.all(&Asked::new(subject), now)
    }

    /// How many entries there are, expired ones included.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows that were left out because they cannot be read.
    pub fn rejected(&self) -> &Rejected {
        &self.rejected
    }

    fn best(&self, asked: &Asked<'_>, now: Timestamp) -> Option<Hit<'_>> {
        let found = self.find(asked);
        self.shapes_in_use().find_map(|shape| {
            let candidates = self.candidates(&found, shape, now);
            candidates.iter().min_by_key(|candidate| candidate.order()).map(Candidate::hit)
        })
    }

    fn all(&self, asked: &Asked<'_>, now: Timestamp) -> Vec<Hit<'_>> {
        let found = self.find(asked);
        let in_order = |shape: Shape| {
            let mut candidates = self.candidates(&found, shape, now);
            candidates.sort_by_key(Candidate::order);
            candidates
        };
        self.shapes_in_use().flat_map(in_order).map(|candidate| candidate.hit()).collect()
    }

    /// Most lists have entries of one shape or two.
    fn shapes_in_use(&self) -> impl Iterator<Item = Shape> {
        Shape::ALL.into_iter().filter(|shape| self.shapes.has(*shape))
    }

    fn find<'f>(&'f self, asked: &'f Asked<'_>) -> Found<'f> {
        let sender = match asked.sender {
            None => Matches::default(),
            Some(ReversePath::Null) => self.senders.of_null(),
            Some(ReversePath::Mailbox(mailbox)) => self.senders.of_address(mailbox, asked.sender_core.as_ref()),
        };
        let recipient =
            asked.recipient.map(|mailbox| self.recipients.of_address(mailbox, asked.recipient_core.as_ref()));
        Found {
            client: self.clients.of_client(asked.client, asked.client_name.as_deref()),
            sender,
            recipient: recipient.unwrap_or_default(),
        }
    }

    /// The entries of one lookup that match and have not expired, in no order.
    fn candidates<'s, 'f>(&'s self, found: &'f Found<'f>, shape: Shape, now: Timestamp) -> Vec<Candidate<'s, 'f>> {
        let of = |given: bool, patterns: &Patterns, matches: &'f Matches<'f>| match given {
            true => patterns.used_in(matches, shape),
            false => vec![Matched::ANY],
        };
        let clients = of(shape.client, &self.clients, &found.client);
        let senders = of(shape.sender, &self.senders, &found.sender);
        let recipients = of(shape.recipient, &self.recipients, &found.recipient);
        let now = now.as_microsecond();
        let mut candidates = Vec::new();
        for &recipient in &recipients {
            for &sender in &senders {
                for &client in &clients {
                    let rules = self.rules.with([client.id, sender.id, recipient.id]).filter(|rule| now < rule.until);
                    let outcome = |rule: &'s Rule| Some((rule, self.outcomes.get(rule.outcome as usize)?));
                    let matched = [client, sender, recipient];
                    candidates.extend(rules.filter_map(outcome).map(|(rule, outcome)| Candidate {
                        rule,
                        outcome,
                        matched,
                    }));
                }
            }
        }
        candidates
    }
}

/// A [`Subject`] with what can be said of it without looking at any list.
struct Asked<'a> {
    client: Option<IpAddr>,
    client_name: Option<String>,
    sender: Option<&'a ReversePath>,
    sender_core: Option<Mailbox>,
    recipient: Option<&'a Mailbox>,
    recipient_core: Option<Mailbox>,
}

impl<'a> Asked<'a> {
    fn new(subject: &Subject<'a>) -> Self {
        Self {
            client: subject.client.map(|address| address.to_canonical()),
            client_name: subject.client_name.map(fold_host).filter(|name| !name.is_empty() && name != "unknown"),
            sender: subject.sender,
            sender_core: subject.sender.and_then(ReversePath::mailbox).and_then(batv::core),
            recipient: subject.recipient,
            recipient_core: subject.recipient.and_then(batv::core),
        }
    }
}

/// The patterns that match a request.
struct Found<'a> {
    client: Matches<'a>,
    sender: Matches<'a>,
    recipient: Matches<'a>,
}

/// An entry that matches, and by which patterns: client, sender, recipient.
struct Candidate<'s, 'f> {
    rule: &'s Rule,
    outcome: &'s Outcome,
    matched: [Matched<'f>; 3],
}

impl<'s> Candidate<'s, '_> {
    /// What comes first decides: the recipient's precision, the sender's, the client's; then the milder action, the older row.
    fn order(&self) -> ([u32; 3], &'s EntryAction, i64) {
        let [client, sender, recipient] = self.matched.map(|matched| matched.rank);
        ([recipient, sender, client], &self.outcome.action, self.rule.id)
    }

    fn hit(&self) -> Hit<'s> {
        let spelled = |matched: Matched<'_>| (matched.id != 0).then(|| matched.spelling.to_string());
        let [client, sender, recipient] = self.matched.map(spelled);
        Hit {
            id: self.rule.id,
            action: &self.outcome.action,
            text: self.outcome.text.as_deref(),
            source: self.outcome.source.as_deref(),
            client,
            sender,
            recipient,
        }
    }
}

impl Hit<'_> {
    /// The patterns that matched, in words: `client 192.0.2.0/24, recipient example.org`.
    pub fn matched(&self) -> String {
        let fields = [("client", &self.client), ("sender", &self.sender), ("recipient", &self.recipient)];
        let given = fields.iter().filter_map(|(name, pattern)| pattern.as_ref().map(|text| format!("{name} {text}")));
        given.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests;
