//! What became of those who were told to come back, and who they were.

use std::collections::HashMap;
use std::net::IpAddr;

use serde::Serialize;

use crate::clock::{Timestamp, elapsed};
use crate::net::network_of;
use crate::store::{CameBack, JournalRecord, Verdict};

/// How many of those who waited are kept; nobody wants to see more.
const MOST_WAITS: usize = 10_000;

/// How many conversations greylisting began, and how they went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Conversations {
    /// First attempts that were deferred.
    pub begun: u64,
    /// Came back and passed.
    pub passed: u64,
    /// Came back too early, and not again so far.
    pub waiting: u64,
    /// Did not come back yet, and may.
    pub not_yet: u64,
    /// Did not come back.
    pub never: u64,
}

/// A domain whose senders did not come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unreturned {
    /// The domain of the senders; `<>` for the null sender.
    pub domain: String,
    /// How many conversations.
    pub number: u64,
    /// When the last of them began.
    pub last: Timestamp,
    /// The sender of it.
    pub sender: String,
    /// The recipient.
    pub recipient: String,
    /// The client.
    pub client: IpAddr,
}

/// Somebody who waited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wait {
    /// From the first attempt to the one that passed.
    pub seconds: u64,
    /// How often it was tried after the first time.
    pub attempts: u32,
    /// The sender.
    pub sender: String,
    /// The recipient.
    pub recipient: String,
    /// The client.
    pub client: IpAddr,
}

/// A network that was turned away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NetworkCount {
    /// A /24, or a /64 of IPv6.
    pub network: String,
    /// How many recipients were refused.
    pub rejected: u64,
    /// How many were deferred.
    pub deferred: u64,
}

/// Takes one record after the other.
pub(super) struct Fold {
    /// Who began after this may still come back.
    patience_ends: Timestamp,
    pub(super) conversations: Conversations,
    unreturned: HashMap<String, Unreturned>,
    waits: Vec<Wait>,
    networks: HashMap<ipnet::IpNet, NetworkCount>,
}

impl Fold {
    pub(super) fn new(patience_ends: Timestamp) -> Self {
        let conversations = Conversations::default();
        Self { patience_ends, conversations, unreturned: HashMap::new(), waits: Vec::new(), networks: HashMap::new() }
    }

    pub(super) fn add(&mut self, record: &JournalRecord, back: Option<CameBack>) {
        if record.observed || record.verdict == Verdict::Pass {
            return;
        }
        self.add_network(record);
        if let Some(back) = back.filter(|_| record.reason == "greylist-new") {
            self.add_conversation(record, back);
        }
    }

    fn add_network(&mut self, record: &JournalRecord) {
        let network = network_of(record.client, 24, 64);
        let count = self.networks.entry(network).or_insert_with(|| NetworkCount {
            network: network.to_string(),
            rejected: 0,
            deferred: 0,
        });
        *(if record.verdict == Verdict::Reject { &mut count.rejected } else { &mut count.deferred }) += 1;
    }

    fn add_conversation(&mut self, record: &JournalRecord, back: CameBack) {
        let Conversations { begun, passed, waiting, not_yet, never } = &mut self.conversations;
        *begun += 1;
        match back {
            CameBack { passed: Some(at), attempts, .. } => {
                *passed += 1;
                self.waits.push(wait(record, at, attempts));
                if self.waits.len() > 2 * MOST_WAITS {
                    self.keep_longest(MOST_WAITS);
                }
            }
            CameBack { attempts: 1.., .. } => *waiting += 1,
            _ if record.time >= self.patience_ends => *not_yet += 1,
            _ => {
                *never += 1;
                self.add_unreturned(record);
            }
        }
    }

    /// Records come in the order of time: the last one is the one that is shown.
    fn add_unreturned(&mut self, record: &JournalRecord) {
        let domain = match record.sender.rsplit_once('@') {
            Some((_, domain)) => domain,
            None if record.sender.is_empty() => "<>",
            None => &record.sender,
        };
        let number = self.unreturned.get(domain).map_or(0, |unreturned| unreturned.number);
        let unreturned = Unreturned {
            domain: domain.to_owned(),
            number: number + 1,
            last: record.time,
            sender: record.sender.clone(),
            recipient: record.recipient.clone(),
            client: record.client,
        };
        self.unreturned.insert(unreturned.domain.clone(), unreturned);
    }

    pub(super) fn never_retried(&mut self, top: usize) -> Vec<Unreturned> {
        let mut rows: Vec<_> = self.unreturned.drain().map(|(_, row)| row).collect();
        rows.sort_by(|one, other| (other.number, &one.domain).cmp(&(one.number, &other.domain)));
        rows.truncate(top);
        rows
    }

    pub(super) fn waited_longest(&mut self, top: usize) -> Vec<Wait> {
        self.keep_longest(top);
        std::mem::take(&mut self.waits)
    }

    fn keep_longest(&mut self, number: usize) {
        self.waits.sort_by_key(|wait| std::cmp::Reverse(wait.seconds));
        self.waits.truncate(number);
    }

    pub(super) fn networks(&mut self, top: usize) -> Vec<NetworkCount> {
        let mut rows: Vec<_> = self.networks.drain().map(|(_, row)| row).collect();
        let turned_away = |row: &NetworkCount| row.rejected + row.deferred;
        rows.sort_by(|one, other| (turned_away(other), &one.network).cmp(&(turned_away(one), &other.network)));
        rows.truncate(top);
        rows
    }
}

fn wait(record: &JournalRecord, passed: Timestamp, attempts: u32) -> Wait {
    Wait {
        seconds: elapsed(record.time, passed).unwrap_or_default().as_secs(),
        attempts,
        sender: record.sender.clone(),
        recipient: record.recipient.clone(),
        client: record.client,
    }
}
