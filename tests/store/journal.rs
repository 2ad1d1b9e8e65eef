//! The contract of journals, for every engine.

use std::sync::Arc;
use std::time::Duration;

use postward::store::{
    AddressSelection, CameBack, Count, Journal, JournalClient, JournalRecord, JournalRetention, JournalSelection,
    JournalWalk, Tally, Thread, Timing, TraceRecord, Verdict,
};

use crate::support::*;

const RETENTION: JournalRetention = JournalRetention { keep: Duration::from_secs(14 * DAY), rows: 1000 };

/// Runs every rule through the engine.
macro_rules! contract {
    ($module:ident, $engine:path) => {
        mod $module {
            use crate::journal as contract;
            use crate::support::JournalEngine as _;
            contract::contract!(@rules $engine:
                records_come_back_as_they_went,
                selections_of_decisions_are_met_exactly,
                the_newest_are_shown_oldest_first,
                a_walk_goes_on_behind_the_last,
                what_was_written_later_is_followed_whatever_its_time,
                a_deferral_is_followed_until_it_passes,
                the_oldest_make_room,
                ids_of_decisions_are_never_given_twice,
                what_is_too_old_goes,
                numbers_add_up,
            );
        }
    };
    (@rules $engine:path: $($rule:ident,)*) => {
        $(#[tokio::test]
        async fn $rule() {
            let engine = <$engine>::fresh();
            contract::$rule(engine.journal()).await;
        })*
    };
}
pub(crate) use contract;

fn deferral(seconds: u64, sender: &str) -> JournalRecord {
    JournalRecord {
        id: 0,
        time: at(seconds),
        client: "192.0.2.7".parse().unwrap(),
        client_name: Some("mail.example.org".into()),
        helo: "helo.example.org".into(),
        sender: sender.into(),
        sender_key: sender.into(),
        recipient: "bob+x@example.net".into(),
        recipient_key: "bob@example.net".into(),
        check: "greylist".into(),
        reason: "greylist-new".into(),
        observed: false,
        verdict: Verdict::Defer,
        action: "DEFER_IF_PERMIT 4.7.1 Later".into(),
        evidence: "first attempt\u{1b}".into(),
        elapsed: Duration::from_micros(1234),
        thread: Some(Thread::from(&triplet("192.0.2.0/24", sender))),
        trace: vec![TraceRecord {
            check: "greylist".into(),
            mode: "enforce".into(),
            reason: Some("greylist-new".into()),
            consequence: None,
            evidence: "\"'\n".into(),
            elapsed_us: 7,
        }],
    }
}

async fn write(journal: &dyn Journal, records: &[JournalRecord]) {
    journal.append(Arc::from(records), &RETENTION).await.unwrap();
}

async fn all(journal: &dyn Journal, selection: &JournalSelection, walk: JournalWalk) -> Vec<JournalRecord> {
    let records = journal.records(selection, walk, usize::MAX).await.unwrap();
    records.into_iter().map(|(record, _)| record).collect()
}

async fn ids(journal: &dyn Journal, selection: &JournalSelection) -> Vec<i64> {
    all(journal, selection, JournalWalk::Newest).await.iter().map(|record| record.id).collect()
}

pub(crate) async fn records_come_back_as_they_went(journal: &dyn Journal) {
    let plain = JournalRecord { client_name: None, thread: None, trace: Vec::new(), ..deferral(1, "") };
    let records = [deferral(0, "alice@example.org"), plain];
    write(journal, &records).await;
    for (id, record) in (1..).zip(records) {
        let expected = JournalRecord { id, ..record };
        assert_eq!(journal.record(id).await.unwrap().unwrap().0, expected);
        let listed = all(journal, &JournalSelection::default(), JournalWalk::Newest).await;
        assert!(listed.contains(&JournalRecord { trace: Vec::new(), ..expected }), "{listed:?}");
    }
    assert_eq!(journal.record(3).await.unwrap(), None);
    assert_eq!(journal.last_record().await.unwrap(), 2);
}

pub(crate) async fn selections_of_decisions_are_met_exactly(journal: &dyn Journal) {
    let tagged =
        JournalRecord { sender: "prvs=1=alice@mail.example.org".into(), ..deferral(10, "alice@mail.example.org") };
    let refused = JournalRecord {
        client: "2001:db8::1".parse().unwrap(),
        client_name: None,
        check: "spf".into(),
        reason: "spf-fail".into(),
        ..deferral(20, "")
    };
    write(journal, &[tagged, refused]).await;
    let key = |key: &str| Some(AddressSelection::Key(key.into()));
    let within = |domain: &str| Some(AddressSelection::Domain(domain.into()));
    let network = |network: &str| Some(JournalClient::Network(network.parse().unwrap()));
    let name = |name: &str| Some(JournalClient::Name(name.into()));
    let none = JournalSelection::default;
    for (selection, expected) in [
        (none(), &[1, 2][..]),
        (JournalSelection { since: Some(at(20)), ..none() }, &[2]),
        (JournalSelection { until: Some(at(20)), ..none() }, &[1]),
        (JournalSelection { client: network("192.0.2.0/24"), ..none() }, &[1]),
        (JournalSelection { client: network("2001:db8::/32"), ..none() }, &[2]),
        (JournalSelection { client: name("example.org"), ..none() }, &[1]),
        (JournalSelection { client: name("ample.org"), ..none() }, &[]),
        (JournalSelection { sender: key("alice@mail.example.org"), ..none() }, &[1]),
        (JournalSelection { sender: key("prvs=1=alice@mail.example.org"), ..none() }, &[1]),
        (JournalSelection { sender: key(""), ..none() }, &[2]),
        (JournalSelection { sender: within("example.org"), ..none() }, &[1]),
        (JournalSelection { recipient: key("bob@example.net"), sender: key(""), ..none() }, &[2]),
        (JournalSelection { recipient: within("example.org"), ..none() }, &[]),
        (JournalSelection { domain: Some("example.org".into()), ..none() }, &[1]),
        (JournalSelection { domain: Some("example.net".into()), ..none() }, &[1, 2]),
        (JournalSelection { check: Some("spf".into()), ..none() }, &[2]),
        (JournalSelection { reason: Some("greylist-new".into()), ..none() }, &[1]),
        (JournalSelection { reason: Some("greylist-new".into()), check: Some("spf".into()), ..none() }, &[]),
    ] {
        assert_eq!(ids(journal, &selection).await, expected, "{selection:?}");
    }
}

pub(crate) async fn the_newest_are_shown_oldest_first(journal: &dyn Journal) {
    let records: Vec<_> = [30, 10, 20].map(|seconds| deferral(seconds, "a@example.org")).to_vec();
    write(journal, &records).await;
    let newest = journal.records(&JournalSelection::default(), JournalWalk::Newest, 2).await.unwrap();
    assert_eq!(newest.iter().map(|(record, _)| record.id).collect::<Vec<_>>(), [3, 1]);
}

pub(crate) async fn a_walk_goes_on_behind_the_last(journal: &dyn Journal) {
    let records: Vec<_> = (0..50).map(|number| deferral(number / 7, "a@example.org")).collect();
    write(journal, &records).await;
    let (mut walk, mut seen) = (JournalWalk::Behind(at(0), 0), Vec::new());
    loop {
        let page = journal.records(&JournalSelection::default(), walk, 8).await.unwrap();
        let Some((last, _)) = page.last() else { break };
        walk = JournalWalk::Behind(last.time, last.id);
        seen.extend(page.iter().map(|(record, _)| record.id));
    }
    assert_eq!(seen, (1..=50).collect::<Vec<_>>());
}

pub(crate) async fn what_was_written_later_is_followed_whatever_its_time(journal: &dyn Journal) {
    write(journal, &[deferral(100, "a@example.org")]).await;
    write(journal, &[deferral(50, "b@example.org"), deferral(150, "c@example.org")]).await;
    let news = all(journal, &JournalSelection::default(), JournalWalk::WrittenAfter(1)).await;
    assert_eq!(news.iter().map(|record| record.id).collect::<Vec<_>>(), [2, 3]);
}

pub(crate) async fn a_deferral_is_followed_until_it_passes(journal: &dyn Journal) {
    let early = JournalRecord { reason: "greylist-early".into(), ..deferral(60, "a@example.org") };
    let passed = JournalRecord { verdict: Verdict::Pass, ..deferral(400, "a@example.org") };
    let observed = JournalRecord { observed: true, ..deferral(500, "a@example.org") };
    write(journal, &[deferral(0, "a@example.org"), deferral(1, "b@example.org"), early, passed, observed]).await;
    let back = |attempts, last: Option<u64>, passed: Option<u64>| {
        Some(CameBack { attempts, last: last.map(at), passed: passed.map(at) })
    };
    let expected =
        [back(2, Some(400), Some(400)), back(0, None, None), back(1, Some(400), Some(400)), None, back(0, None, None)];
    for (id, expected) in (1..).zip(expected) {
        assert_eq!(journal.record(id).await.unwrap().unwrap().1, expected, "{id}");
    }
}

pub(crate) async fn the_oldest_make_room(journal: &dyn Journal) {
    let few = JournalRetention { rows: 5, ..RETENTION };
    for number in 0..12 {
        let records: Arc<[_]> = Arc::from([deferral(number, "a@example.org")]);
        journal.append(records, &few).await.unwrap();
    }
    assert_eq!(ids(journal, &JournalSelection::default()).await, [8, 9, 10, 11, 12]);
    assert_eq!(journal.record(7).await.unwrap(), None);
    let fewer = JournalRetention { rows: 2, ..RETENTION };
    for number in 12..20 {
        journal.append(Arc::from([deferral(number, "a@example.org")]), &fewer).await.unwrap();
    }
    assert_eq!(ids(journal, &JournalSelection::default()).await, [19, 20], "a lowered bound is reached");
}

pub(crate) async fn ids_of_decisions_are_never_given_twice(journal: &dyn Journal) {
    write(journal, &[deferral(0, "a@example.org"), deferral(0, "b@example.org")]).await;
    assert_eq!(journal.purge_journal(&RETENTION, at(15 * DAY)).await.unwrap(), 2);
    write(journal, &[deferral(0, "c@example.org")]).await;
    assert_eq!(ids(journal, &JournalSelection::default()).await, [3]);
}

pub(crate) async fn what_is_too_old_goes(journal: &dyn Journal) {
    let records: Vec<_> =
        (0..500).map(|number| deferral(if number < 450 { 0 } else { DAY }, "a@example.org")).collect();
    write(journal, &records).await;
    assert_eq!(journal.purge_journal(&RETENTION, at(14 * DAY)).await.unwrap(), 0);
    assert_eq!(journal.purge_journal(&RETENTION, at(14 * DAY + 1)).await.unwrap(), 450);
    assert_eq!(ids(journal, &JournalSelection::default()).await.len(), 50);
    assert_eq!(journal.record(450).await.unwrap(), None);
    assert!(!journal.record(451).await.unwrap().unwrap().0.trace.is_empty());
}

pub(crate) async fn numbers_add_up(journal: &dyn Journal) {
    let count = |seconds, reason: &'static str| Count {
        slot: at(seconds),
        check: "greylist".into(),
        reason: reason.into(),
        verdict: Verdict::Defer,
        observed: false,
        passed: false,
    };
    let timing = Timing { slot: at(0), check: "greylist".into(), magnitude: 10 };
    for _ in 0..2 {
        let tally = Tally {
            counts: vec![
                (count(0, "greylist-new"), 3),
                (count(600, "greylist-new"), 1),
                (count(0, "greylist-early"), 5),
            ],
            timings: vec![(timing.clone(), 2, 1500)],
        };
        journal.add_tally(Arc::new(tally)).await.unwrap();
    }
    let mut tally = journal.tally(at(0), at(600)).await.unwrap();
    tally.counts.sort_by_key(|(_, number)| *number);
    assert_eq!(tally.counts, [(count(0, "greylist-new"), 6), (count(0, "greylist-early"), 10)]);
    assert_eq!(tally.timings, [(timing, 4, 3000)]);
    journal.purge_journal(&RETENTION, at(14 * DAY + 1)).await.unwrap();
    assert_eq!(journal.tally(at(0), at(DAY)).await.unwrap().counts, [(count(600, "greylist-new"), 2)]);
}
