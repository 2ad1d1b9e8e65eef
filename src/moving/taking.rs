//! From what others remember to what would be remembered here.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::mpsc;

use super::{ReadError, Record, Refusal, Standing};
use crate::batv;
use crate::checks::greylist::GreylistOptions;
use crate::clock::{Timestamp, earlier};
use crate::mail::{Mailbox, ReversePath};
use crate::net::parse_network;
use crate::store::{ClientRecord, Memory, Triplet, TripletRecord, TripletState};

/// How many memories are handed over together: some milliseconds' work for the database.
const TOGETHER: usize = 200;

/// How many lines that make no sense are told.
const SHOWN: usize = 10;

/// Passes within it count once.
const HOUR: i64 = 3600;

/// By which rules memories are taken over.
#[derive(Debug, Clone)]
pub struct Rules {
    /// How the daemon greylists.
    pub options: GreylistOptions,
    /// The time.
    pub now: Timestamp,
}

/// Takes records, turns them into memories and hands these over in portions.
pub struct Taking {
    rules: Rules,
    memories: mpsc::Sender<Vec<Memory>>,
    portion: Vec<Memory>,
    /// Clients of whom single passes are told, by their network.
    passes: HashMap<String, Passes>,
    file: String,
    summary: Summary,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// Rows.
    pub read: u64,
    /// Those of them that were not taken, and why.
    pub left_out: LeftOut,
    /// The first rows that make no sense: `file:line: why`.
    pub nonsense: Vec<String>,
}

/// How many rows were not taken, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeftOut {
    /// They had lapsed.
    pub too_old: u64,
    /// Their sender has lost its numbers, and nobody can tell whose it was.
    pub numbers_lost: u64,
    /// Their client is a larger network than the networks of the policy.
    pub too_wide: u64,
    /// They are black.
    pub blacklisted: u64,
    /// They make no sense.
    pub nonsense: u64,
}

/// What is known of a client that passed.
#[derive(Debug, Default)]
struct Passes {
    /// The hours in which it did, no more of them than matter.
    hours: BTreeSet<i64>,
    last_seen: i64,
}

impl Taking {
    /// Hands over to `memories`.
    pub fn new(rules: Rules, memories: mpsc::Sender<Vec<Memory>>) -> Self {
        let (portion, passes, file) = (Vec::new(), HashMap::new(), String::new());
        Self { rules, memories, portion, passes, file, summary: Summary::default() }
    }

    /// What was read so far.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// From now on records come from this file.
    pub(super) fn begin(&mut self, file: &str) {
        file.clone_into(&mut self.file);
    }

    /// Takes a record, or notes why there is none. `place` is the line, or whatever helps to find it.
    pub(super) fn take(&mut self, place: impl ToString, record: Result<Record, Refusal>) -> Result<(), ReadError> {
        self.summary.read += 1;
        match record.and_then(|record| self.memory(record)) {
            Ok(Some(memory)) => self.hand_over(memory),
            Ok(None) => Ok(()),
            Err(Refusal::Blacklisted) => {
                self.summary.left_out.blacklisted += 1;
                Ok(())
            }
            Err(Refusal::Nonsense(why)) => {
                self.summary.left_out.nonsense += 1;
                if self.summary.nonsense.len() < SHOWN {
                    self.summary.nonsense.push(format!("{}:{}: {why}", self.file, place.to_string()));
                }
                Ok(())
            }
        }
    }

    /// Hands over the rest.
    pub(super) fn finish(&mut self) {
        for (client, Passes { hours, last_seen }) in std::mem::take(&mut self.passes) {
            let passes = u32::try_from(hours.len()).unwrap_or(u32::MAX);
            let client = self.client_record(client, passes, last_seen);
            // Whoever wants no more has noticed that himself.
            let _ = self.hand_over(client);
        }
        if !self.portion.is_empty() {
            let _ = self.memories.blocking_send(std::mem::take(&mut self.portion));
        }
    }

    fn hand_over(&mut self, memory: Memory) -> Result<(), ReadError> {
        self.portion.push(memory);
        if self.portion.len() < TOGETHER {
            return Ok(());
        }
        self.memories.blocking_send(std::mem::take(&mut self.portion)).map_err(|_| ReadError::Stopped)
    }

    fn memory(&mut self, record: Record) -> Result<Option<Memory>, Refusal> {
        match record {
            Record::Triplet { client, sender, recipient, standing, first_seen, last_seen } => {
                let Some(triplet) = self.triplet(client, &sender, &recipient)? else { return Ok(None) };
                Ok(self.triplet_memory(triplet, standing, first_seen, last_seen))
            }
            Record::Pass { client, first_seen, last_seen } => {
                if let Some(network) = self.in_use(client, last_seen) {
                    self.count_pass(network, first_seen, last_seen);
                }
                Ok(None)
            }
            Record::Client { client, passes, last_seen } => {
                let passes = passes.unwrap_or(self.rules.options.allow_client_after.max(1));
                let network = self.in_use(client, last_seen);
                Ok(network.map(|network| self.client_record(network, passes, last_seen)))
            }
        }
    }

    /// The key under which the daemon would look; `None` if it could not be found there.
    fn triplet(&mut self, client: IpNet, sender: &str, recipient: &str) -> Result<Option<Triplet>, Refusal> {
        if recipient.is_empty() {
            return Err(Refusal::Nonsense("no recipient".to_owned()));
        }
        let (sender, recipient) = (ReversePath::parse(sender), Mailbox::parse(recipient));
        if numbers_are_lost(&sender) {
            self.summary.left_out.numbers_lost += 1;
            return Ok(None);
        }
        let triplet = self.rules.options.triplet(client.addr(), &sender, &recipient);
        Ok(self.fits(client, &triplet.client).then_some(triplet))
    }

    fn triplet_memory(&mut self, triplet: Triplet, standing: Standing, first: i64, last: i64) -> Option<Memory> {
        let GreylistOptions { delay, retry_window, max_age, .. } = self.rules.options;
        let (first_seen, last_seen) = (self.past(first), self.past(last.max(first)));
        let (state, is_used) = match has_passed(standing, first, last, delay.0) {
            true => (TripletState::Passed, last_seen >= earlier(self.rules.now, max_age.0)),
            false => (TripletState::Waiting, first_seen >= earlier(self.rules.now, retry_window.0)),
        };
        if !is_used {
            self.summary.left_out.too_old += 1;
            return None;
        }
        let attempts = if last > first { 2 } else { 1 };
        let network = triplet.client.clone();
        let record = TripletRecord { triplet, state, first_seen, last_seen, attempts };
        Some(Memory::Triplet { record, network })
    }

    /// The client's network, unless it has lapsed or is too large a network.
    fn in_use(&mut self, client: IpNet, last_seen: i64) -> Option<String> {
        if self.past(last_seen) < earlier(self.rules.now, self.rules.options.max_age.0) {
            self.summary.left_out.too_old += 1;
            return None;
        }
        let network = self.rules.options.network(client.addr());
        self.fits(client, &network).then_some(network)
    }

    fn fits(&mut self, client: IpNet, network: &str) -> bool {
        let fits = parse_network(network).is_ok_and(|network| network.contains(&client));
        self.summary.left_out.too_wide += u64::from(!fits);
        fits
    }

    fn count_pass(&mut self, network: String, first_seen: i64, last_seen: i64) {
        let enough = self.rules.options.allow_client_after as usize;
        let passes = self.passes.entry(network).or_default();
        if passes.hours.len() < enough.max(1) {
            passes.hours.insert(first_seen.div_euclid(HOUR));
        }
        passes.last_seen = passes.last_seen.max(last_seen);
    }

    fn client_record(&self, client: String, passes: u32, last_seen: i64) -> Memory {
        Memory::Client(ClientRecord { client, passes, last_seen: self.past(last_seen) })
    }

    /// What was seen in the future was seen by a clock that was wrong: it is as if it were now.
    fn past(&self, seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds.max(0)).map_or(self.rules.now, |moment| moment.min(self.rules.now))
    }
}

fn has_passed(standing: Standing, first: i64, last: i64, delay: Duration) -> bool {
    match standing {
        Standing::Waiting => false,
        Standing::Passed => true,
        Standing::ByTime => u64::try_from(last.saturating_sub(first)).is_ok_and(|waited| waited >= delay.as_secs()),
    }
}

/// postgrey writes `#` for every number, postward only for those of machines: what it knows as `john.1985` cannot be told from
/// `john.#`. If even a long number in its place would stay, no sender has this key.
fn numbers_are_lost(sender: &ReversePath) -> bool {
    let Some((local, domain)) = sender.as_str().rsplit_once('@').filter(|(local, _)| local.contains('#')) else {
        return false;
    };
    let with_numbers = ReversePath::parse(&format!("{}@{domain}", local.replace('#', "1234567")));
    batv::sender_key(&with_numbers) != batv::sender_key(sender)
}
