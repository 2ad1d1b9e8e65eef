//! What the DNS has said lately, and what it could not say.

use std::time::Duration;

use hickory_resolver::proto::rr::RData;
use moka::Expiry;
use moka::sync::Cache;
use tokio::time::Instant;

use super::lookups::Outcome;
use super::question::Question;

/// How long a failure is remembered: long enough that a broken zone is not asked for every recipient of a mail, and
/// shorter than the pause before a blocklist's failed probe is repeated.
pub(super) const FAILURE: Duration = Duration::from_secs(4);

/// No answer is forgotten sooner, whatever its TTL: a mail with many recipients asks the same again and again.
const SHORTEST: Duration = Duration::from_secs(5);

/// No answer is kept longer, so that a correction is seen.
const LONGEST: Duration = Duration::from_secs(3600);

/// The same where there was nothing (RFC 2308 section 5 suggests at most hours): new names must be found soon.
const LONGEST_NOTHING: Duration = Duration::from_secs(900);

/// The most octets that all answers may take, roughly.
const CAPACITY: u64 = 16 * 1024 * 1024;

/// What an entry takes beside its records, roughly.
const ENTRY: usize = 256;

/// Answers and failures, for a while.
#[derive(Debug)]
pub(super) struct Memory(Cache<Question, Remembered>);

#[derive(Debug, Clone)]
struct Remembered {
    outcome: Outcome,
    until: Instant,
}

impl Memory {
    pub(super) fn new() -> Self {
        let weigh = |_: &Question, remembered: &Remembered| weight(&remembered.outcome);
        Self(Cache::builder().max_capacity(CAPACITY).weigher(weigh).expire_after(Lapse).build())
    }

    /// What is known, if it still holds.
    pub(super) fn recall(&self, question: &Question) -> Option<Outcome> {
        let remembered = self.0.get(question)?;
        (Instant::now() < remembered.until).then_some(remembered.outcome)
    }

    /// The cache does so by itself only while it is asked.
    pub(super) fn forget_lapsed(&self) {
        self.0.run_pending_tasks();
    }

    /// Keeps `outcome`, an answer at most for its `ttl`.
    pub(super) fn keep(&self, question: Question, outcome: Outcome, ttl: Duration) {
        let period = match &outcome {
            Ok(records) if records.is_empty() => ttl.clamp(SHORTEST, LONGEST_NOTHING),
            Ok(_) => ttl.clamp(SHORTEST, LONGEST),
            Err(_) => FAILURE,
        };
        self.0.insert(question, Remembered { outcome, until: Instant::now() + period });
    }
}

/// What holds no more is dropped, lest failures of seconds fill the memory for hours.
struct Lapse;

impl Expiry<Question, Remembered> for Lapse {
    fn expire_after_create(&self, _: &Question, new: &Remembered, _: std::time::Instant) -> Option<Duration> {
        Some(new.until.saturating_duration_since(Instant::now()))
    }

    fn expire_after_update(
        &self,
        _: &Question,
        new: &Remembered,
        _: std::time::Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(new.until.saturating_duration_since(Instant::now()))
    }
}

fn weight(outcome: &Outcome) -> u32 {
    let records = outcome.as_ref().map_or(0, |records| records.iter().map(size).sum());
    u32::try_from(ENTRY + records).unwrap_or(u32::MAX)
}

fn size(record: &RData) -> usize {
    let text = match record {
        RData::TXT(text) => text.txt_data.iter().map(|string| string.len() + size_of::<Box<[u8]>>()).sum(),
        _ => 0,
    };
    size_of::<RData>() + text
}
