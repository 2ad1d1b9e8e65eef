//! Answers that need no asking: what passed once is known without the store.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use equivalent::Equivalent;
use hashbrown::DefaultHashBuilder;
use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use super::{
    Answer, Attempt, ClientRecord, Forgotten, Greylist, GreylistStats, Memory, Purged, Retention, Selection, Sighting,
    Standing, TakenOver, Triplet, TripletRecord, Used,
};
use crate::clock::{Timestamp, elapsed};

/// How many triplets, and how many clients, are remembered.
const CAPACITY: usize = 50_000;

/// How many attempts of waiting triplets are kept at hand until they are found to have waited long enough, which is at once or
/// never.
const PENDING: usize = 1_000;

/// Uses are written back this often at most.
const HOUR: Duration = Duration::from_secs(3600);

/// Every request is looked for in several of these. Nobody gets into the large ones without waiting, which makes it dear to search
/// for keys that collide, so the cheaper hasher will do; its seed differs from process to process.
type Known<K, V> = Cache<K, V, UnitWeighter, DefaultHashBuilder>;

/// A greylist in front of another, which remembers passed triplets and known clients.
///
/// It is right as long as nobody else changes what passed: when [`Greylist::revision`] moves or the retention changes, call
/// [`forget_answers`](Self::forget_answers).
#[derive(Debug)]
pub struct Remembered<G: ?Sized> {
    passed: Known<Triplet, Arc<Item>>,
    clients: Known<String, Arc<Item>>,
    /// Attempts whose triplets may pass any moment, with what the store said of them.
    pending: Known<Triplet, Sighting>,
    /// Counts `forget_answers`, so that an answer that was under way meanwhile is not remembered.
    era: AtomicU64,
    store: Arc<G>,
}

/// Something that passed.
#[derive(Debug)]
struct Item {
    sighting: Sighting,
    /// The setting under which a client became known.
    allow_client_after: u32,
    /// The last use, in seconds since 1970.
    used: AtomicI64,
    /// The last use that the store knows of.
    written: AtomicI64,
}

impl<G: Greylist + ?Sized + 'static> Remembered<G> {
    /// Remembers what `store` says.
    pub fn new(store: Arc<G>) -> Self {
        Self {
            passed: with_room(CAPACITY),
            clients: with_room(CAPACITY),
            pending: with_room(PENDING),
            era: AtomicU64::new(0),
            store,
        }
    }

    /// Asks the store again about everything.
    pub fn forget_answers(&self) {
        self.era.fetch_add(1, Ordering::AcqRel);
        self.passed.clear();
        self.clients.clear();
        self.pending.clear();
    }

    /// What is known without asking. Known clients come first, as in the store.
    fn recall(&self, attempt: &Attempt, retention: &Retention, now: Timestamp) -> Option<Sighting> {
        let client = attempt.identities.iter().find_map(|identity| self.recall_client(identity, retention, now));
        client.or_else(|| {
            attempt.identities.iter().find_map(|identity| self.recall_triplet(identity, attempt, retention, now))
        })
    }

    fn recall_client(&self, identity: &str, retention: &Retention, now: Timestamp) -> Option<Sighting> {
        let item = self.clients.get(identity)?;
        if item.allow_client_after != retention.allow_client_after || item.has_lapsed(retention, now) {
            self.clients.remove(identity);
            return None;
        }
        let last_seen = item.use_at(now);
        self.write_back(&item, || Used::Client(identity.to_owned()), now);
        Some(Sighting { first_seen: last_seen, ..item.sighting.clone() })
    }

    fn recall_triplet(
        &self,
        identity: &str,
        attempt: &Attempt,
        retention: &Retention,
        now: Timestamp,
    ) -> Option<Sighting> {
        let key = Key { client: identity, sender: &attempt.sender, recipient: &attempt.recipient };
        let item = self.passed.get(&key)?;
        if item.has_lapsed(retention, now) {
            self.passed.remove(&key);
            return None;
        }
        item.use_at(now);
        self.write_back(&item, || Used::Triplet(triplet_of(identity, attempt)), now);
        Some(item.sighting.clone())
    }

    /// Tells the store of a use, unless it knows of one within the hour. Nobody waits for it; if it fails, the next use
    /// tries again.
    fn write_back(&self, item: &Arc<Item>, used: impl FnOnce() -> Used, now: Timestamp) {
        let known = item.written.load(Ordering::Acquire);
        let is_due = elapsed(moment(known), now).is_some_and(|age| age >= HOUR);
        if !is_due || !item.claims(known, now.as_second()) {
            return;
        }
        let (store, item, used) = (Arc::clone(&self.store), Arc::clone(item), used());
        tokio::spawn(async move {
            if let Err(error) = store.note_use(used, now).await {
                tracing::debug!(%error, "a use was not written back");
                item.written.store(known, Ordering::Release);
            }
        });
    }

    fn learn(&self, attempt: &Attempt, sighting: &Sighting, retention: &Retention, now: Timestamp) {
        let triplet = triplet_of(&sighting.client, attempt);
        match sighting.standing {
            Standing::New => {} // it has to wait: remembering all of a flood would cost more than asking again
            Standing::Waiting => self.pending.insert(triplet, sighting.clone()),
            Standing::Passed => self.passed.insert(triplet, Item::new(sighting.clone(), 0, now)),
            Standing::KnownClient => {
                let item = Item::new(sighting.clone(), retention.allow_client_after, now);
                self.clients.insert(sighting.client.clone(), item);
            }
        }
    }
}

impl Item {
    fn new(sighting: Sighting, allow_client_after: u32, now: Timestamp) -> Arc<Self> {
        let now = now.as_second();
        Arc::new(Self { sighting, allow_client_after, used: AtomicI64::new(now), written: AtomicI64::new(now) })
    }

    fn has_lapsed(&self, retention: &Retention, now: Timestamp) -> bool {
        elapsed(moment(self.used.load(Ordering::Acquire)), now).is_some_and(|age| age > retention.max_age)
    }

    /// Uses it; answers when it was used before.
    fn use_at(&self, now: Timestamp) -> Timestamp {
        moment(self.used.fetch_max(now.as_second(), Ordering::AcqRel))
    }

    /// Of several who want to write back, one does.
    fn claims(&self, known: i64, now: i64) -> bool {
        self.written.compare_exchange(known, now, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl<G: Greylist + ?Sized + 'static> Greylist for Remembered<G> {
    fn record_attempt<'a>(
        &'a self,
        attempt: &'a Attempt,
        retention: &'a Retention,
        now: Timestamp,
    ) -> Answer<'a, Sighting> {
        Box::pin(async move {
            if let Some(known) = self.recall(attempt, retention, now) {
                return Ok(known);
            }
            let era = self.era.load(Ordering::Acquire);
            let sighting = self.store.record_attempt(attempt, retention, now).await?;
            if era == self.era.load(Ordering::Acquire) {
                self.learn(attempt, &sighting, retention, now);
            }
            Ok(sighting)
        })
    }

    fn preview_attempt<'a>(
        &'a self,
        attempt: &'a Attempt,
        retention: &'a Retention,
        now: Timestamp,
    ) -> Answer<'a, Sighting> {
        self.store.preview_attempt(attempt, retention, now)
    }

    fn note_pass<'a>(&'a self, triplet: &'a Triplet, now: Timestamp) -> Answer<'a, ()> {
        Box::pin(async move {
            let sighting = self.pending.remove(triplet).map(|(_, sighting)| sighting);
            let era = self.era.load(Ordering::Acquire);
            self.store.note_pass(triplet, now).await?;
            if let Some(sighting) = sighting
                && era == self.era.load(Ordering::Acquire)
            {
                let passed = Sighting { standing: Standing::Passed, ..sighting };
                self.passed.insert(triplet.clone(), Item::new(passed, 0, now));
            }
            Ok(())
        })
    }

    fn note_use(&self, used: Used, now: Timestamp) -> Answer<'_, ()> {
        self.store.note_use(used, now)
    }

    fn triplets<'a>(&'a self, selection: &'a Selection, limit: usize) -> Answer<'a, Vec<TripletRecord>> {
        self.store.triplets(selection, limit)
    }

    fn clients<'a>(&'a self, selection: &'a Selection, limit: usize) -> Answer<'a, Vec<ClientRecord>> {
        self.store.clients(selection, limit)
    }

    fn allow<'a>(&'a self, selection: &'a Selection, now: Timestamp) -> Answer<'a, u64> {
        self.store.allow(selection, now)
    }

    fn admit<'a>(&'a self, triplet: &'a Triplet, network: &'a str, now: Timestamp) -> Answer<'a, ()> {
        self.store.admit(triplet, network, now)
    }

    fn take_over<'a>(
        &'a self,
        memories: Vec<Memory>,
        retention: &'a Retention,
        now: Timestamp,
    ) -> Answer<'a, TakenOver> {
        self.store.take_over(memories, retention, now)
    }

    fn forget<'a>(&'a self, selection: &'a Selection) -> Answer<'a, Forgotten> {
        Box::pin(async move {
            let forgotten = self.store.forget(selection).await;
            self.forget_answers();
            forgotten
        })
    }

    fn purge<'a>(&'a self, retention: &'a Retention, now: Timestamp) -> Answer<'a, Purged> {
        self.store.purge(retention, now)
    }

    fn stats(&self, allow_client_after: u32) -> Answer<'_, GreylistStats> {
        self.store.stats(allow_client_after)
    }

    fn revision(&self) -> Answer<'_, u64> {
        self.store.revision()
    }
}

fn with_room<K: Eq + Hash, V: Clone>(room: usize) -> Known<K, V> {
    Cache::with(room, room as u64, UnitWeighter, DefaultHashBuilder::default(), DefaultLifecycle::default())
}

/// A [`Triplet`] that is only looked for.
#[derive(Hash)]
struct Key<'a> {
    client: &'a str,
    sender: &'a str,
    recipient: &'a str,
}

impl Equivalent<Triplet> for Key<'_> {
    fn equivalent(&self, Triplet { client, sender, recipient }: &Triplet) -> bool {
        (self.client, self.sender, self.recipient) == (client, sender, recipient)
    }
}

fn triplet_of(identity: &str, attempt: &Attempt) -> Triplet {
    Triplet { client: identity.to_owned(), sender: attempt.sender.clone(), recipient: attempt.recipient.clone() }
}

fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}
