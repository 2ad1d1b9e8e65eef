//! How a list stands, after all that is known about it.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::Notify;

use super::probe::{Outcome, hijacked};
use crate::dns::DnsError;
use crate::dns::answers::Verdict;
use crate::net::network_of;

/// How often a list that is well is probed.
pub(super) const INTERVAL: Duration = Duration::from_secs(600);

/// How soon a failed probe is repeated; then the pause doubles each time, up to the usual one.
pub(super) const SOON: Duration = Duration::from_secs(5);

/// After so many failed probes in a row a list is out.
const FAILURES: u32 = 2;

/// So many distinct networks listed since the last probe are suspicious: it is a bad day, or the list lists everything.
pub(super) const SUSPICIOUS_LISTINGS: usize = 20;

/// So many lookups in a row without an answer are suspicious.
pub(super) const SUSPICIOUS_ERRORS: u32 = 3;

/// What is known about one list.
#[derive(Debug, Default)]
pub struct Health {
    state: Mutex<State>,
    suspicion: Notify,
    judged: Notify,
}

/// How a list stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Standing {
    /// Nobody knows yet: it does not count.
    #[default]
    Untested,
    /// It counts.
    Good,
    /// It does not count, and need not be asked; why.
    Out(String),
}

#[derive(Debug, Default)]
struct State {
    standing: Standing,
    /// Whether the first probe is over.
    is_judged: bool,
    /// Failed probes in a row.
    failures: u32,
    /// Lookups without an answer, in a row.
    errors: u32,
    /// Who was listed since the last probe; no more than are suspicious.
    listed: HashSet<IpNet>,
    heard: Heard,
}

/// What a list has said since it is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heard {
    /// Lookups that found something listed.
    pub listed: u64,
    /// Lookups that did not.
    pub not_listed: u64,
    /// Lookups without a usable answer.
    pub errors: u64,
}

impl Health {
    /// How the list stands.
    pub fn standing(&self) -> Standing {
        self.state().standing.clone()
    }

    /// What the list has said so far.
    pub fn heard(&self) -> Heard {
        self.state().heard
    }

    /// May its answers count? If not, it need not be asked either.
    pub fn counts(&self) -> bool {
        self.state().standing == Standing::Good
    }

    /// Takes note of what the list says about a mail from `client`. A hijacked list is out at once; ask [`counts`](Self::counts)
    /// again after this and before the answer is used.
    pub fn hear(&self, client: IpAddr, answer: Result<&Verdict, &DnsError>) {
        if self.state().hear(client, answer) {
            self.suspicion.notify_one();
        }
    }

    /// Takes the outcome of a probe, and tells how long to wait for the next, unless something suspicious happens.
    pub fn judge(&self, outcome: Outcome) -> Duration {
        let pause = self.state().judge(outcome);
        self.judged.notify_waiters();
        pause
    }

    /// Waits until the first probe is over, whatever came of it.
    pub async fn probed(&self) {
        loop {
            let judged = self.judged.notified();
            if self.state().is_judged {
                return;
            }
            judged.await;
        }
    }

    /// Waits until there is reason to probe the list at once.
    pub(super) async fn suspicion(&self) {
        self.suspicion.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heard {
    fn add(&mut self, answer: Result<&Verdict, &DnsError>) {
        *match answer {
            Ok(Verdict::Listed(_)) => &mut self.listed,
            Ok(Verdict::NotListed) => &mut self.not_listed,
            Ok(Verdict::Hijacked(_) | Verdict::Refused(_)) | Err(_) => &mut self.errors,
        } += 1;
    }
}

impl State {
    /// Tells whether it is suspicious.
    fn hear(&mut self, client: IpAddr, answer: Result<&Verdict, &DnsError>) -> bool {
        self.heard.add(answer);
        match answer {
            Ok(Verdict::Listed(_)) => {
                self.errors = 0;
                self.see_listed(network_of(client, 24, 64))
            }
            Ok(Verdict::NotListed) => {
                self.errors = 0;
                false
            }
            Ok(Verdict::Hijacked(address)) => {
                let is_news = !matches!(self.standing, Standing::Out(_));
                self.standing = Standing::Out(hijacked(*address));
                is_news
            }
            // It says something about us, and the next probe will say it, too.
            Ok(Verdict::Refused(_)) | Err(DnsError::Timeout | DnsError::Failed(_)) => {
                self.errors = self.errors.saturating_add(1);
                self.errors == SUSPICIOUS_ERRORS
            }
            Err(DnsError::Unavailable) => false,
        }
    }

    fn see_listed(&mut self, network: IpNet) -> bool {
        let is_new = self.listed.len() < SUSPICIOUS_LISTINGS && self.listed.insert(network);
        is_new && self.listed.len() == SUSPICIOUS_LISTINGS
    }

    fn judge(&mut self, outcome: Outcome) -> Duration {
        self.is_judged = true;
        self.listed.clear();
        self.errors = 0;
        match outcome {
            Outcome::NotAsked => return SOON,
            Outcome::Good => {
                self.failures = 0;
                self.standing = Standing::Good;
                return INTERVAL;
            }
            Outcome::Bad(why) => self.fail(FAILURES, why),
            Outcome::Hijacked(address) => self.fail(1, hijacked(address)),
        }
        SOON.saturating_mul(1 << (self.failures - 1).min(16)).min(INTERVAL)
    }

    /// Is out if it has failed often `enough`. One that has never been good does not count anyway, and now it is known why.
    fn fail(&mut self, enough: u32, why: String) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= enough || self.standing == Standing::Untested {
            self.standing = Standing::Out(why);
        }
    }
}
