//! The memory in front of a greylist: right, and silent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use postward::clock::Timestamp;
use postward::store::sqlite::Sqlite;
use postward::store::{
    Answer, Attempt, ClientRecord, Forgotten, Greylist, GreylistStats, Memory, Purged, Rehearsal, Remembered,
    Retention, Selection, Sighting, Standing, StoreError, TakenOver, Triplet, TripletRecord, Used,
};

use crate::support::*;

const CLIENT: &str = "192.0.2.0/24";
const ALICE: &str = "alice@example.org";

/// Counts what reaches the store.
struct Counted {
    store: Sqlite,
    attempts: AtomicU64,
    uses: AtomicU64,
    refuses_passes: bool,
    /// Holds an attempt up after the store has answered it, until there is a permit.
    gate: tokio::sync::Semaphore,
    _directory: tempfile::TempDir,
}

impl Counted {
    fn new() -> Self {
        let (directory, path) = place();
        let store = Sqlite::serve(&path).unwrap();
        Self {
            store,
            attempts: 0.into(),
            uses: 0.into(),
            refuses_passes: false,
            gate: tokio::sync::Semaphore::new(1_000_000),
            _directory: directory,
        }
    }

    fn attempts(&self) -> u64 {
        self.attempts.load(Ordering::Relaxed)
    }

    fn uses(&self) -> u64 {
        self.uses.load(Ordering::Relaxed)
    }
}

impl Greylist for Counted {
    fn record_attempt<'a>(&'a self, a: &'a Attempt, r: &'a Retention, now: Timestamp) -> Answer<'a, Sighting> {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            let answer = self.store.record_attempt(a, r, now).await;
            self.gate.acquire().await.unwrap().forget();
            answer
        })
    }
    fn preview_attempt<'a>(&'a self, a: &'a Attempt, r: &'a Retention, now: Timestamp) -> Answer<'a, Sighting> {
        self.store.preview_attempt(a, r, now)
    }
    fn note_pass<'a>(&'a self, triplet: &'a Triplet, now: Timestamp) -> Answer<'a, ()> {
        if self.refuses_passes {
            return Box::pin(std::future::ready(Err(StoreError::Unavailable("away".into()))));
        }
        self.store.note_pass(triplet, now)
    }
    fn note_use(&self, used: Used, now: Timestamp) -> Answer<'_, ()> {
        self.uses.fetch_add(1, Ordering::Relaxed);
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
    fn take_over<'a>(&'a self, m: Vec<Memory>, r: &'a Retention, now: Timestamp) -> Answer<'a, TakenOver> {
        self.store.take_over(m, r, now)
    }

    fn forget<'a>(&'a self, selection: &'a Selection) -> Answer<'a, Forgotten> {
        self.store.forget(selection)
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

fn remembered() -> (Remembered<Counted>, Arc<Counted>) {
    let store = Arc::new(Counted::new());
    (Remembered::new(Arc::clone(&store)), store)
}

#[tokio::test]
async fn what_passed_is_known_without_asking() {
    let (greylist, store) = remembered();
    pass(&greylist, CLIENT, ALICE, 0).await;
    let asked = store.attempts();
    for (identities, second) in [(vec![CLIENT], 600), (vec!["host:example.org", CLIENT], 700)] {
        let seen = record(&greylist, &known_as(&identities, attempt(CLIENT, ALICE)), second).await;
        assert_eq!((seen.client.as_str(), seen.standing, seen.first_seen), (CLIENT, Standing::Passed, at(0)));
    }
    assert_eq!(store.attempts(), asked);
    greylist.forget_answers();
    let seen = record(&greylist, &attempt(CLIENT, ALICE), 800).await;
    assert_eq!((seen.standing, seen.first_seen), (Standing::Passed, at(0)));
    assert_eq!(store.attempts(), asked + 1);
}

#[tokio::test]
async fn an_answer_that_was_under_way_when_all_was_forgotten_is_not_remembered() {
    let store = Arc::new(Counted { gate: tokio::sync::Semaphore::new(2), ..Counted::new() });
    let greylist = Arc::new(Remembered::new(Arc::clone(&store)));
    pass(&*greylist, CLIENT, ALICE, 0).await;
    greylist.forget_answers();
    let under_way = tokio::spawn({
        let greylist = Arc::clone(&greylist);
        async move { record(&*greylist, &attempt(CLIENT, ALICE), 600).await.standing }
    });
    while store.attempts() < 3 {
        tokio::task::yield_now().await;
    }
    store.forget(&from_sender(ALICE)).await.unwrap();
    greylist.forget_answers();
    store.gate.add_permits(9);
    assert_eq!(under_way.await.unwrap(), Standing::Passed);
    assert_eq!(record(&*greylist, &attempt(CLIENT, ALICE), 700).await.standing, Standing::New);
}

#[tokio::test]
async fn a_pass_that_was_not_stored_is_not_remembered() {
    let store = Arc::new(Counted { refuses_passes: true, ..Counted::new() });
    let greylist = Remembered::new(Arc::clone(&store));
    record(&greylist, &attempt(CLIENT, ALICE), 0).await;
    assert!(greylist.note_pass(&triplet(CLIENT, ALICE), at(600)).await.is_err());
    assert_eq!(record(&greylist, &attempt(CLIENT, ALICE), 601).await.standing, Standing::Waiting);
}

#[tokio::test]
async fn what_waits_is_asked_for() {
    let (greylist, store) = remembered();
    for count in 1..4 {
        record(&greylist, &attempt(CLIENT, ALICE), count).await;
        assert_eq!(store.attempts(), count);
    }
}

#[tokio::test]
async fn known_clients_are_known_without_asking() {
    let (greylist, store) = remembered();
    for number in 1..6 {
        pass(&greylist, CLIENT, &format!("sender-{number}"), number * HOUR).await;
    }
    assert_eq!(record(&greylist, &attempt(CLIENT, "x"), 6 * HOUR).await.standing, Standing::KnownClient);
    let asked = store.attempts();
    assert_eq!(record(&greylist, &attempt(CLIENT, "y"), 6 * HOUR + 1).await.standing, Standing::KnownClient);
    assert_eq!(store.attempts(), asked);
    let stricter = Retention { allow_client_after: 50, ..retention() };
    let seen = greylist.record_attempt(&attempt(CLIENT, "z"), &stricter, at(6 * HOUR + 2)).await.unwrap();
    assert_eq!(seen.standing, Standing::New, "another setting is another question");
}

#[tokio::test]
async fn uses_are_written_back_once_an_hour() {
    let (greylist, store) = remembered();
    pass(&greylist, CLIENT, ALICE, 0).await;
    for minute in 0..=180 {
        record(&greylist, &attempt(CLIENT, ALICE), 5 * MINUTE + minute * MINUTE).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(store.uses(), 3);
    // Queued before this is asked, and written in order.
    record(&greylist, &attempt(CLIENT, "other"), 3 * HOUR).await;
    let kept = store.triplets(&from_sender(ALICE), 1).await.unwrap();
    assert_eq!(kept[0].last_seen, at(5 * MINUTE + 3 * HOUR));
}

#[tokio::test]
async fn what_was_not_used_for_the_maximal_age_is_asked_for() {
    let (greylist, _) = remembered();
    pass(&greylist, CLIENT, ALICE, 0).await;
    assert_eq!(record(&greylist, &attempt(CLIENT, ALICE), 20 * DAY).await.standing, Standing::Passed);
    assert_eq!(record(&greylist, &attempt(CLIENT, ALICE), 50 * DAY).await.standing, Standing::Passed);
    assert_eq!(record(&greylist, &attempt(CLIENT, ALICE), 100 * DAY).await.standing, Standing::New);
}

#[tokio::test]
async fn a_rehearsal_changes_nothing() {
    let (_directory, path) = place();
    let store = Sqlite::serve(&path).unwrap();
    record(&store, &attempt(CLIENT, "waits"), 0).await;
    store.close();
    let before = std::fs::read(&path).unwrap();

    let rehearsal = Rehearsal::new(Arc::new(Sqlite::read_only(&path).unwrap()));
    assert_eq!(record(&rehearsal, &attempt(CLIENT, ALICE), 600).await.standing, Standing::New);
    let seen = record(&rehearsal, &attempt(CLIENT, "waits"), 600).await;
    assert_eq!((seen.standing, seen.first_seen, seen.attempts), (Standing::Waiting, at(0), 2));
    rehearsal.note_pass(&triplet(CLIENT, "waits"), at(600)).await.unwrap();
    rehearsal.admit(&triplet(CLIENT, "x"), CLIENT, at(600)).await.unwrap();
    assert_eq!(rehearsal.forget(&Selection::default()).await, Ok(Forgotten::default()));
    drop(rehearsal);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}
