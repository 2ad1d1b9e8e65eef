//! The journal as its users see it: what was decided, and how often.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::{AddressSelection, Answer, Triplet};
use crate::clock::Timestamp;

/// What a decision means for the recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// It passes.
    Pass,
    /// It is to be tried again later.
    Defer,
    /// It is refused for good.
    Reject,
}

impl Verdict {
    const ALL: [Self; 3] = [Self::Pass, Self::Defer, Self::Reject];

    /// The word for it, in the table and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Defer => "defer",
            Self::Reject => "reject",
        }
    }

    /// The verdict with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.as_str() == name)
    }
}

/// One decision, or what one observed step would have decided. Strangers' text in it is bounded, but not cleaned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRecord {
    /// Names the record; 0 in one that is yet to be stored.
    pub id: i64,
    /// When it was decided, to the second.
    pub time: Timestamp,
    /// The client's address.
    pub client: IpAddr,
    /// The client's confirmed name.
    pub client_name: Option<String>,
    /// What the client called itself.
    pub helo: String,
    /// The envelope sender; empty for the null sender.
    pub sender: String,
    /// The same as greylisting compares it.
    pub sender_key: String,
    /// The recipient; may be empty at DATA.
    pub recipient: String,
    /// The same as greylisting compares it.
    pub recipient_key: String,
    /// The check that decided.
    pub check: String,
    /// Its reason.
    pub reason: String,
    /// Whether the check was only observed.
    pub observed: bool,
    /// What it meant for the recipient, or would have.
    pub verdict: Verdict,
    /// What Postfix was told; of an observed step, what would have followed.
    pub action: String,
    /// What it is based on.
    pub evidence: String,
    /// How long the whole decision took.
    pub elapsed: Duration,
    /// The conversation it belongs to: the same for all attempts of a triplet.
    pub thread: Option<Thread>,
    /// Every step that was asked. Empty in records that are read as a list.
    pub trace: Vec<TraceRecord>,
}

/// What one step of the chain did, in the chain's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceRecord {
    /// The check.
    pub check: String,
    /// Whether it counted.
    pub mode: String,
    /// What it found.
    pub reason: Option<String>,
    /// What followed.
    pub consequence: Option<String>,
    /// What the finding is based on.
    pub evidence: String,
    /// How long it took, in microseconds.
    pub elapsed_us: u64,
}

/// A number for a triplet. Two triplets may share one by chance, once in very many journals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Thread(pub i64);

impl From<&Triplet> for Thread {
    /// FNV-1a: it has to be the same in every version of this program, and nobody gains anything by a collision.
    fn from(Triplet { client, sender, recipient }: &Triplet) -> Self {
        let octets = [client, sender, recipient].into_iter().flat_map(|part| part.bytes().chain([0]));
        let hash = octets
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3));
        Self(hash.cast_signed())
    }
}

/// What became of a deferral.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CameBack {
    /// How often it was tried again.
    pub attempts: u32,
    /// The last of these attempts.
    pub last: Option<Timestamp>,
    /// When it passed.
    pub passed: Option<Timestamp>,
}

/// Which records are meant. Everything given must fit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JournalSelection {
    /// Not before this moment.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// From which client.
    pub client: Option<JournalClient>,
    /// From whom.
    pub sender: Option<AddressSelection>,
    /// To whom.
    pub recipient: Option<AddressSelection>,
    /// From or to this domain, or one below it.
    pub domain: Option<String>,
    /// By this check.
    pub check: Option<String>,
    /// For this reason.
    pub reason: Option<String>,
}

/// Which clients are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalClient {
    /// Those in this network.
    Network(IpNet),
    /// Those whose confirmed name is this one, or below it.
    Name(String),
}

/// Where a walk through the journal goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalWalk {
    /// Over the newest records.
    Newest,
    /// From behind the record of this time and id on, in the order of time.
    Behind(Timestamp, i64),
    /// Over what was written after the record of this id, in that order: the way to follow the journal, because what took long
    /// to decide is written behind what came later.
    WrittenAfter(i64),
}

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalRetention {
    /// For how long.
    pub keep: Duration,
    /// How many records.
    pub rows: u64,
}

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Count {
    /// When: the beginning of a slot of time.
    pub slot: Timestamp,
    /// The check that decided.
    pub check: Cow<'static, str>,
    /// Its reason.
    pub reason: Cow<'static, str>,
    /// What it meant, or would have.
    pub verdict: Verdict,
    /// Whether the check was only observed.
    pub observed: bool,
    /// Whether the recipient passed in the end.
    pub passed: bool,
}

/// Whose answers are timed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Timing {
    /// When: the beginning of a slot of time.
    pub slot: Timestamp,
    /// The check.
    pub check: Cow<'static, str>,
    /// It took less than 2 to the power of this in microseconds, and at least half of that.
    pub magnitude: u8,
}

/// Numbers of decisions and durations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// How often each thing was decided.
    pub counts: Vec<(Count, u64)>,
    /// How often a check took so long, and how long in all, in microseconds.
    pub timings: Vec<(Timing, u64, u64)>,
}

/// What was decided.
pub trait Journal: Send + Sync {
    /// Writes records down; the oldest make room once there are more than `retention` allows.
    fn append<'a>(&'a self, records: Arc<[JournalRecord]>, retention: &'a JournalRetention) -> Answer<'a, ()>;

    /// Adds to what was counted.
    fn add_tally(&self, tally: Arc<Tally>) -> Answer<'_, ()>;

    /// The records that are meant and are met by the walk, oldest first, at most `limit`, without their traces.
    fn records<'a>(
        &'a self,
        selection: &'a JournalSelection,
        walk: JournalWalk,
        limit: usize,
    ) -> Answer<'a, Vec<(JournalRecord, Option<CameBack>)>>;

    /// One record with its trace.
    fn record(&self, id: i64) -> Answer<'_, Option<(JournalRecord, Option<CameBack>)>>;

    /// The id of the record that was written last; 0 if none ever was.
    fn last_record(&self) -> Answer<'_, i64>;

    /// What was counted in the slots that begin not before `since`, and before `until`.
    fn tally(&self, since: Timestamp, until: Timestamp) -> Answer<'_, Tally>;

    /// Removes what is too old, in steps small enough that no attempt waits for it; answers how many records.
    fn purge_journal<'a>(&'a self, retention: &'a JournalRetention, now: Timestamp) -> Answer<'a, u64>;
}
