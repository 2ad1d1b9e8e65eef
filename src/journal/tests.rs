//! Tests of the journal at work, with a store that a test breaks.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::store::{Answer, CameBack, JournalSelection, JournalWalk, StoreError, Thread, Timing, Triplet, Verdict};

/// What was written, as long as it can be.
#[derive(Default)]
struct Paper {
    away: AtomicBool,
    written: Mutex<Vec<String>>,
    tallies: Mutex<Vec<Tally>>,
}

impl Paper {
    fn answer<T: Default + Send + 'static>(&self, write: impl FnOnce()) -> Answer<'static, T> {
        let outcome = match self.away.load(Ordering::Relaxed) {
            true => Err(StoreError::Unavailable("away".to_owned())),
            false => Ok(T::default()),
        };
        if outcome.is_ok() {
            write();
        }
        Box::pin(std::future::ready(outcome))
    }
}

impl store::Journal for Paper {
    fn append<'a>(&'a self, records: Arc<[JournalRecord]>, _: &'a JournalRetention) -> Answer<'a, ()> {
        self.answer(|| lock(&self.written).extend(records.iter().map(|record| record.sender.clone())))
    }
    fn add_tally(&self, tally: Arc<Tally>) -> Answer<'_, ()> {
        self.answer(|| lock(&self.tallies).push((*tally).clone()))
    }
    fn records<'a>(
        &'a self,
        _: &'a JournalSelection,
        _: JournalWalk,
        _: usize,
    ) -> Answer<'a, Vec<(JournalRecord, Option<CameBack>)>> {
        self.answer(|| {})
    }
    fn record(&self, _: i64) -> Answer<'_, Option<(JournalRecord, Option<CameBack>)>> {
        self.answer(|| {})
    }
    fn last_record(&self) -> Answer<'_, i64> {
        self.answer(|| {})
    }
    fn tally(&self, _: Timestamp, _: Timestamp) -> Answer<'_, Tally> {
        self.answer(|| {})
    }
    fn purge_journal<'a>(&'a self, _: &'a JournalRetention, _: Timestamp) -> Answer<'a, u64> {
        self.answer(|| {})
    }
}

fn journal() -> (Journal, Arc<Paper>) {
    let paper = Arc::new(Paper::default());
    let retention = JournalRetention { keep: Duration::from_secs(86_400), rows: 1000 };
    (Journal::new(paper.clone(), retention), paper)
}

fn account(number: u64) -> Account {
    let sender = number.to_string();
    let triplet = Triplet { client: "192.0.2.0/24".into(), sender: sender.clone(), recipient: "b".into() };
    let record = JournalRecord {
        id: 0,
        time: Timestamp::UNIX_EPOCH,
        client: [192, 0, 2, 1].into(),
        client_name: None,
        helo: String::new(),
        sender_key: sender.clone(),
        sender,
        recipient: "b".into(),
        recipient_key: "b".into(),
        check: "greylist".into(),
        reason: "greylist-new".into(),
        observed: false,
        verdict: Verdict::Defer,
        action: "DEFER_IF_PERMIT".into(),
        evidence: String::new(),
        elapsed: Duration::ZERO,
        thread: Some(Thread::from(&triplet)),
        trace: Vec::new(),
    };
    let count = Count {
        slot: slot_of(Timestamp::UNIX_EPOCH),
        check: "greylist".into(),
        reason: "greylist-new".into(),
        verdict: Verdict::Defer,
        observed: false,
        passed: false,
    };
    let timings = vec![("greylist", Duration::from_micros(1000))];
    let thread = record.thread.map(|thread| (thread, record.verdict));
    let (records, counts) = (vec![record], vec![count]);
    Account { request: Some(number), records, unwritten: 0, thread, counts, timings, time: Timestamp::UNIX_EPOCH }
}

fn written(paper: &Paper) -> Vec<u64> {
    lock(&paper.written).iter().map(|sender| sender.parse().unwrap()).collect()
}

#[tokio::test]
async fn decisions_are_written_in_order() {
    let (journal, paper) = journal();
    (0..1234).for_each(|number| assert!(journal.note(account(number))));
    assert!(journal.write_records().await);
    assert_eq!(written(&paper), (0..1234).collect::<Vec<_>>());
    assert_eq!(journal.take_dropped(), 0);
}

#[tokio::test]
async fn a_flood_is_written_little_by_little() {
    let (journal, paper) = journal();
    (0..450).for_each(|number| assert!(journal.note(account(number))));
    for (progress, up_to) in [(Progress::More, 200), (Progress::More, 400), (Progress::Done, 450)] {
        assert_eq!(journal.write_batch().await, progress);
        assert_eq!(written(&paper), (0..up_to).collect::<Vec<_>>());
    }
    assert_eq!(journal.write_batch().await, Progress::Done);
}

#[tokio::test]
async fn a_request_that_postfix_repeats_is_written_and_counted_once() {
    let (journal, paper) = journal();
    for (number, is_new) in [(1, true), (2, true), (1, false)] {
        assert_eq!(journal.note(account(number)), is_new);
    }
    journal.note(Account { request: None, ..account(3) });
    journal.note(Account { request: None, ..account(3) });
    assert!(journal.write_records().await);
    journal.write_sums().await;
    assert_eq!(written(&paper), [1, 2, 3, 3]);
    assert_eq!(lock(&paper.tallies)[0].counts[0].1, 4);
}

#[tokio::test]
async fn whoever_makes_no_records_because_there_is_no_room_loses_none_from_the_count() {
    let (journal, paper) = journal();
    paper.away.store(true, Ordering::Relaxed);
    let thread = account(0).thread.map(|(thread, _)| thread);
    assert_eq!(journal.interest(thread), Interest { awaited: false, has_room: true });
    (0..10_000).for_each(|number| assert!(journal.note(account(number))));
    assert_eq!(journal.interest(thread), Interest { awaited: true, has_room: false });
    journal.arrived().await;
    journal.note(Account { records: Vec::new(), unwritten: 3, ..account(10_000) });
    let told = tokio::time::timeout(Duration::from_secs(10), journal.arrived()).await;
    assert!(told.is_ok(), "who writes is told as long as anything waits");
    assert_eq!((journal.backlog(), journal.take_dropped()), ((10_000, 3), 3));
    assert!(journal.interest(account(10_000).thread.map(|(thread, _)| thread)).awaited);
}

#[tokio::test]
async fn what_does_not_fit_is_dropped_and_counted() {
    let (journal, paper) = journal();
    paper.away.store(true, Ordering::Relaxed);
    (0..15_000).for_each(|number| assert!(journal.note(account(number))));
    assert!(!journal.write_records().await);
    assert_eq!(journal.take_dropped(), 5_000);
    assert_eq!(journal.take_dropped(), 0, "and told once");
    paper.away.store(false, Ordering::Relaxed);
    assert!(journal.write_records().await);
    assert_eq!(written(&paper), (0..10_000).collect::<Vec<_>>(), "the first ones are kept");
}

#[tokio::test]
async fn a_batch_that_can_never_be_written_does_not_stop_the_journal() {
    let (journal, paper) = journal();
    paper.away.store(true, Ordering::Relaxed);
    (0..250).for_each(|number| assert!(journal.note(account(number))));
    for _ in 0..100 {
        assert!(!journal.write_records().await);
    }
    assert_eq!(journal.take_dropped(), 200);
    paper.away.store(false, Ordering::Relaxed);
    assert!(journal.write_records().await);
    assert_eq!(written(&paper), (200..250).collect::<Vec<_>>());
}

#[tokio::test]
async fn numbers_wait_until_they_can_be_written() {
    let (journal, paper) = journal();
    paper.away.store(true, Ordering::Relaxed);
    for number in 0..3 {
        journal.note(account(number));
        journal.write_sums().await;
    }
    paper.away.store(false, Ordering::Relaxed);
    journal.write_sums().await;
    journal.write_sums().await;
    let tallies = lock(&paper.tallies).clone();
    let [tally] = tallies.as_slice() else { panic!("{tallies:?}") };
    assert_eq!(tally.counts[0].1, 3);
    let timing = Timing { slot: Timestamp::UNIX_EPOCH, check: "greylist".into(), magnitude: 10 };
    assert_eq!(tally.timings, [(timing, 3, 3000)]);
}

#[test]
fn slots_begin_at_whole_ten_minutes() {
    for (seconds, begin) in [(0, 0), (599, 0), (600, 600), (-1, -600)] {
        assert_eq!(slot_of(Timestamp::from_second(seconds).unwrap()).as_second(), begin);
    }
}
