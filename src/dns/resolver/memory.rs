//! What the DNS has said lately, and what it could not say.

use std::time::Duration;

use hickory_resolver::proto::rr::RData;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
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

/// How many answers that is, most of them small.
const ANSWERS: usize = 32 * 1024;

/// Answers and failures, for a while.
///
/// To look one up is what a lookup costs most of the time, a dozen times for each recipient; so it has to be little more than
/// finding a key in a table.
#[derive(Debug)]
pub(super) struct Memory(Cache<Question, Remembered, Weight>);

#[derive(Debug, Clone)]
struct Remembered {
    outcome: Outcome,
    until: Instant,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self(Cache::with_weighter(ANSWERS, CAPACITY, Weight))
    }

    /// What is known, if it still holds.
    pub(super) fn recall(&self, question: &Question) -> Option<Outcome> {
        let remembered = self.0.get(question)?;
        remembered.holds(Instant::now()).then_some(remembered.outcome)
    }

    /// Drops what holds no more, lest failures of seconds fill the memory for hours.
    pub(super) fn forget_lapsed(&self) {
        let now = Instant::now();
        self.0.retain(|_, remembered| remembered.holds(now));
    }

    /// Keeps `outcome`, an answer at most for its `ttl`.
    pub(super) fn keep(&self, question: Question, outcome: Outcome, ttl: Duration) {
        let period = match &outcome {
            Ok(None) => ttl.clamp(SHORTEST, LONGEST_NOTHING),
            Ok(Some(_)) => ttl.clamp(SHORTEST, LONGEST),
            Err(_) => FAILURE,
        };
        self.0.insert(question, Remembered { outcome, until: Instant::now() + period });
    }
}

impl Remembered {
    fn holds(&self, now: Instant) -> bool {
        now < self.until
    }
}

/// What an answer takes of the capacity.
#[derive(Debug, Clone)]
struct Weight;

impl Weighter<Question, Remembered> for Weight {
    fn weight(&self, _: &Question, remembered: &Remembered) -> u64 {
        let found = remembered.outcome.as_ref().ok().and_then(Option::as_ref);
        let records = found.map_or(0, |records| records.iter().map(size).sum());
        u64::try_from(ENTRY + records).unwrap_or(u64::MAX)
    }
}

fn size(record: &RData) -> usize {
    let text = match record {
        RData::TXT(text) => text.txt_data.iter().map(|string| string.len() + size_of::<Box<[u8]>>()).sum(),
        _ => 0,
    };
    size_of::<RData>() + text
}

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::rr::RecordType;
    use tokio::time::advance;

    use super::*;
    use crate::dns::DnsError;

    fn question(name: &str) -> Question {
        Question::about(name, RecordType::A).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn what_holds_no_more_takes_no_room() {
        let memory = Memory::new();
        memory.keep(question("broken.example"), Err(DnsError::Timeout), Duration::ZERO);
        memory.keep(question("example.org"), Ok(None), Duration::from_secs(60));
        memory.forget_lapsed();
        assert_eq!(memory.0.len(), 2);
        advance(FAILURE).await;
        memory.forget_lapsed();
        assert_eq!(memory.0.len(), 1);
        assert_eq!(memory.recall(&question("example.org")), Some(Ok(None)));
    }

    /// Whoever sends mail chooses names that are looked up.
    #[test]
    fn a_flood_of_names_takes_no_more_room_and_leaves_what_is_used() {
        let (memory, used) = (Memory::new(), question("mail.example.org"));
        let minute = Duration::from_secs(60);
        memory.keep(used.clone(), Ok(None), minute);
        for n in 0..2 * CAPACITY / ENTRY as u64 {
            memory.keep(question(&format!("{n}.example")), Ok(None), minute);
            if n % 100 == 0 {
                assert_eq!(memory.recall(&used), Some(Ok(None)), "{n}");
            }
        }
        assert!(memory.0.weight() <= CAPACITY, "{}", memory.0.weight());
        assert!(memory.0.weight() > CAPACITY / 2, "{}", memory.0.weight());
    }
}
