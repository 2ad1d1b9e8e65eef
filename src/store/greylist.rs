//! The greylist as its users see it (RFC 6647).

use std::time::Duration;

use ipnet::IpNet;

use super::{Answer, Memory, TakenOver};
use crate::clock::Timestamp;

/// Who wrote, from which address, to whom: the key of greylisting (RFC 6647 section 2.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Triplet {
    /// The identity of the client: its network, its organisation's host name, or its SPF domain.
    pub client: String,
    /// The sender key; empty for the null sender.
    pub sender: String,
    /// The recipient key.
    pub recipient: String,
}

/// One delivery attempt that is to be remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The identities of the client, the preferred one first; never empty. A new triplet is stored under the first;
    /// one that waits or has passed under any of them counts.
    pub identities: Vec<String>,
    /// The client's network, for which waiting triplets are bounded.
    pub network: String,
    /// The sender key; empty for the null sender.
    pub sender: String,
    /// The recipient key.
    pub recipient: String,
    /// The `instance` of the transaction: a repetition with the same one is counted once.
    pub instance: String,
}

/// How long and how much the greylist remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How long after its first attempt a waiting triplet may still pass.
    pub retry_window: Duration,
    /// How long after its last use a passed triplet, or a client, stays known.
    pub max_age: Duration,
    /// How many counted passes make a client known; 0: none ever do.
    pub allow_client_after: u32,
    /// How many triplets of one network may wait.
    pub waiting_per_network: u64,
    /// How many triplets may wait in all.
    pub waiting: u64,
}

/// Where a triplet stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// This attempt is its first, or a repetition of the first in the same instance, or the first after it lapsed.
    New,
    /// It was tried before and has not passed.
    Waiting,
    /// It passed before.
    Passed,
    /// The client passed so often that its triplets are not looked at.
    KnownClient,
}

/// What the store knows about an attempt after recording it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The identity under which the triplet, or the client, was found or stored.
    pub client: String,
    /// Where it stands.
    pub standing: Standing,
    /// When the triplet was first tried; for a known client, when it was last seen.
    pub first_seen: Timestamp,
    /// How many attempts were counted, this one included.
    pub attempts: u32,
}

/// Something remembered that was relied upon and must not age.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Used {
    /// A passed triplet.
    Triplet(Triplet),
    /// The identity of a known client.
    Client(String),
}

/// Whether a triplet has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TripletState {
    /// Not yet.
    Waiting,
    /// It has.
    Passed,
}

/// A triplet as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TripletRecord {
    /// Its key.
    pub triplet: Triplet,
    /// Whether it has passed.
    pub state: TripletState,
    /// The first attempt.
    pub first_seen: Timestamp,
    /// The last attempt, or for a passed one the last use, to the hour.
    pub last_seen: Timestamp,
    /// Attempts counted until it passed.
    pub attempts: u32,
}

/// A client that has passed at least once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientRecord {
    /// Its identity.
    pub client: String,
    /// Passes counted, at least an hour apart.
    pub passes: u32,
    /// Its last use, to the hour.
    pub last_seen: Timestamp,
}

/// Which records a command means. Everything given must fit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Whose.
    pub client: Option<ClientSelection>,
    /// From whom.
    pub sender: Option<AddressSelection>,
    /// To whom.
    pub recipient: Option<AddressSelection>,
    /// Waiting or passed ones only.
    pub state: Option<TripletState>,
    /// Only what was last seen before this moment.
    pub unused_since: Option<Timestamp>,
}

/// Which client identities are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientSelection {
    /// Networks that overlap with this one.
    Network(IpNet),
    /// Exactly this identity, such as `host:example.org`.
    Identity(String),
}

/// Which sender or recipient keys are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressSelection {
    /// Exactly this key; empty: the null sender.
    Key(String),
    /// Every key in this domain or below it.
    Domain(String),
}

/// What was forgotten on request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forgotten {
    /// Triplets.
    pub triplets: u64,
    /// Clients' records.
    pub clients: u64,
}

/// What was removed because it had lapsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Purged {
    /// Waiting triplets over their retry window.
    pub waiting: u64,
    /// Passed triplets not used for the maximal age.
    pub passed: u64,
    /// Clients not seen for the maximal age.
    pub clients: u64,
}

/// Numbers about the greylist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GreylistStats {
    /// Triplets that wait.
    pub waiting: u64,
    /// Triplets that have passed.
    pub passed: u64,
    /// Clients that passed at least once.
    pub clients: u64,
    /// Clients with at least `allow_client_after` passes.
    pub known_clients: u64,
    /// Networks with waiting triplets.
    pub networks: u64,
    /// The first attempt of the triplet that waits longest; where more than ten thousand began in the same hour, of one of those.
    pub oldest_waiting: Option<Timestamp>,
}

/// What greylisting remembers.
pub trait Greylist: Send + Sync {
    /// Counts an attempt and tells where its triplet stands, which it does not change itself: a waiting triplet
    /// passes by [`note_pass`](Self::note_pass).
    ///
    /// A known client's attempts leave no triplet. A triplet over its retry window or maximal age is new again. When
    /// too many wait, the oldest waiting one of the network gives way; when too many wait in all, the oldest of the
    /// network with most waiting, or the oldest of all where no network has more than a few.
    fn record_attempt<'a>(
        &'a self,
        attempt: &'a Attempt,
        retention: &'a Retention,
        now: Timestamp,
    ) -> Answer<'a, Sighting>;

    /// What [`record_attempt`](Self::record_attempt) would answer, without remembering anything.
    fn preview_attempt<'a>(
        &'a self,
        attempt: &'a Attempt,
        retention: &'a Retention,
        now: Timestamp,
    ) -> Answer<'a, Sighting>;

    /// A waiting triplet has waited long enough and passes. Its client's passes are counted, unless the last counted one
    /// is less than an hour old. Repeating it changes nothing.
    fn note_pass<'a>(&'a self, triplet: &'a Triplet, now: Timestamp) -> Answer<'a, ()>;

    /// Something was relied upon at `now`. Who uses a triplet is in use too.
    fn note_use(&self, used: Used, now: Timestamp) -> Answer<'_, ()>;

    /// The triplets that are meant, in the order of their keys, at most `limit`.
    fn triplets<'a>(&'a self, selection: &'a Selection, limit: usize) -> Answer<'a, Vec<TripletRecord>>;

    /// The clients that are meant (by `client` and `unused_since`; with a sender or recipient given: none), most passes
    /// first, at most `limit`.
    fn clients<'a>(&'a self, selection: &'a Selection, limit: usize) -> Answer<'a, Vec<ClientRecord>>;

    /// Lets the waiting triplets that are meant pass now; answers how many.
    fn allow<'a>(&'a self, selection: &'a Selection, now: Timestamp) -> Answer<'a, u64>;

    /// Stores a passed triplet, whether or not it was waiting.
    fn admit<'a>(&'a self, triplet: &'a Triplet, network: &'a str, now: Timestamp) -> Answer<'a, ()>;

    /// Takes over what another program remembered, in one transaction: a few hundred at a time, or attempts have to wait.
    /// Nothing that is known is lost by it, made older, or has to wait longer, and repeating it changes nothing.
    fn take_over<'a>(
        &'a self,
        memories: Vec<Memory>,
        retention: &'a Retention,
        now: Timestamp,
    ) -> Answer<'a, TakenOver>;

    /// Removes the triplets that are meant, and the clients' records where neither sender nor recipient nor state is given.
    fn forget<'a>(&'a self, selection: &'a Selection) -> Answer<'a, Forgotten>;

    /// Removes what has lapsed, in steps small enough that no attempt waits for it.
    fn purge<'a>(&'a self, retention: &'a Retention, now: Timestamp) -> Answer<'a, Purged>;

    /// Counts.
    fn stats(&self, allow_client_after: u32) -> Answer<'_, GreylistStats>;

    /// A number that grows whenever [`allow`](Self::allow), [`admit`](Self::admit), [`take_over`](Self::take_over) or
    /// [`forget`](Self::forget) changed something, by whichever process: who remembers answers must then ask again.
    fn revision(&self) -> Answer<'_, u64>;
}
