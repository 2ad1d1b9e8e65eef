//! Lookups: each question is asked once, for a limited time, by a limited number at a time, and remembered.
//!
//! A lookup runs as a task of its own. Whoever asked may give up, because their own time is over or because the answer makes
//! no difference any more; the answer is remembered nevertheless, and a failure counts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use hickory_resolver::proto::rr::RData;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::{info, warn};

use super::circuit::{Circuit, Verdict};
use super::memory::Memory;
use super::question::Question;
use crate::dns::DnsError;

/// The most lookups that are under way at a time; more wait for their turn.
pub(super) const MOST_AT_A_TIME: usize = 128;

/// How long after a server was found absent it is looked for again.
const PAUSE: Duration = Duration::from_secs(1);

/// What a lookup comes to. Nothing found is an answer: what most lists say of most clients, which takes no room.
pub(super) type Outcome = Result<Option<Arc<[RData]>>, DnsError>;

/// Records, and how long they hold.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) records: Vec<RData>,
    pub(super) ttl: Duration,
}

/// Who is asked for what is not remembered.
pub(super) trait Upstream: Send + Sync + 'static {
    /// Asks until there is an answer; whoever calls limits the time.
    fn ask(&self, question: &Question) -> impl Future<Output = Result<Found, DnsError>> + Send;

    /// Does anybody answer at all, whatever it is?
    fn is_there(&self) -> impl Future<Output = bool> + Send;
}

/// All lookups, under way and remembered.
#[derive(Debug)]
pub(super) struct Lookups<U> {
    upstream: U,
    /// Where lookups run, whoever asks: what they share must not hang because one of those who ask does.
    runtime: Handle,
    /// The time for one lookup, waiting for its turn included.
    limit: Duration,
    turns: Semaphore,
    memory: Memory,
    under_way: Mutex<HashMap<Question, Follower>>,
    circuit: Circuit,
}

/// Gets the outcome of a lookup under way; `None` until then.
type Follower = watch::Receiver<Option<Outcome>>;

impl<U: Upstream> Lookups<U> {
    /// Lookups that take no longer than `limit`, in the runtime in which this is called.
    pub(super) fn new(upstream: U, limit: Duration) -> Arc<Self> {
        Arc::new(Self {
            upstream,
            runtime: Handle::current(),
            limit,
            turns: Semaphore::new(MOST_AT_A_TIME),
            memory: Memory::new(),
            under_way: Mutex::default(),
            circuit: Circuit::default(),
        })
    }

    /// Gives up the memory of what holds no more.
    pub(super) fn forget_lapsed(&self) {
        self.memory.forget_lapsed();
        self.under_way().shrink_to_fit();
    }

    /// What is remembered.
    pub(super) fn recall(&self, question: &Question) -> Option<Outcome> {
        self.memory.recall(question)
    }

    /// Answers from memory, or with those who asked the same before, or asks.
    pub(super) async fn look_up(self: &Arc<Self>, question: Question) -> Outcome {
        if let Some(outcome) = self.recall(&question) {
            return outcome;
        }
        if self.circuit.is_open() {
            return Err(DnsError::Unavailable);
        }
        let mut follower = self.follow(question);
        match follower.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(outcome)) => outcome.clone(),
            // The task is gone, which only the end of the runtime or a panic explains.
            _ => Err(DnsError::Unavailable),
        }
    }

    /// Joins the lookup of this question, which begins now if it is not under way.
    fn follow(self: &Arc<Self>, question: Question) -> Follower {
        let mut under_way = self.under_way();
        if let Some(follower) = under_way.get(&question) {
            return follower.clone();
        }
        // It may have ended since the memory was looked at.
        let (teller, follower) = watch::channel(self.memory.recall(&question));
        if follower.borrow().is_none() {
            under_way.insert(question.clone(), follower.clone());
            self.runtime.spawn(Arc::clone(self).run(question, teller));
        }
        follower
    }

    async fn run(self: Arc<Self>, question: Question, teller: watch::Sender<Option<Outcome>>) {
        let ends = Ends { lookups: &self, question: &question };
        let outcome = self.ask(&question).await;
        drop(ends);
        let _ = teller.send(Some(outcome));
    }

    async fn ask(self: &Arc<Self>, question: &Question) -> Outcome {
        let deadline = Instant::now() + self.limit;
        let turn = timeout_at(deadline, self.turns.acquire()).await;
        // What was not asked is not remembered: it says nothing about the zone.
        if turn.is_err() || self.circuit.is_open() {
            return Err(DnsError::Unavailable);
        }
        let found = timeout_at(deadline, self.upstream.ask(question)).await.unwrap_or(Err(DnsError::Timeout));
        self.take_note(&found);
        let ttl = found.as_ref().map_or(Duration::ZERO, |found| found.ttl);
        let outcome = found.map(|Found { records, .. }| (!records.is_empty()).then(|| Arc::from(records)));
        self.memory.keep(question.clone(), outcome.clone(), ttl);
        outcome
    }

    fn take_note(self: &Arc<Self>, found: &Result<Found, DnsError>) {
        if !matches!(found, Err(DnsError::Timeout)) {
            self.close_circuit();
        } else if self.circuit.unanswered() {
            tokio::spawn(find_out(Arc::downgrade(self)));
        }
    }

    fn close_circuit(&self) {
        if self.circuit.answered() {
            info!("DNS answers again");
        }
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<Question, Follower>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Finds out whether the servers are there, until they are or nobody wants to know any more.
async fn find_out<U: Upstream>(lookups: Weak<Lookups<U>>) {
    while let Some(lookups) = lookups.upgrade() {
        if timeout(lookups.limit, lookups.upstream.is_there()).await == Ok(true) {
            return lookups.close_circuit();
        }
        match lookups.circuit.nobody_is_there() {
            Verdict::Refuted => return,
            Verdict::Opened => warn!("no DNS server answers: nothing is looked up until one does"),
            Verdict::StillOpen => {}
        }
        drop(lookups);
        sleep(PAUSE).await;
    }
}

/// Takes a lookup off the list when it ends, however it ends.
struct Ends<'a, U: Upstream> {
    lookups: &'a Arc<Lookups<U>>,
    question: &'a Question,
}

impl<U: Upstream> Drop for Ends<'_, U> {
    fn drop(&mut self) {
        self.lookups.under_way().remove(self.question);
    }
}

#[cfg(test)]
mod tests;
