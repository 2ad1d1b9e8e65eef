//! Summing up a journal in the engine that we have.

use std::sync::Arc;

use super::*;
use crate::store::sqlite::Sqlite;
use crate::store::{Count, JournalRecord, JournalRetention, Tally, Thread, Timing, Triplet, Verdict};

const HOUR: i64 = 3600;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn record(seconds: i64, sender: &str, verdict: Verdict, reason: &str) -> JournalRecord {
    let triplet = Triplet { client: "192.0.2.0/24".into(), sender: sender.into(), recipient: "b".into() };
    JournalRecord {
        id: 0,
        time: at(seconds),
        client: [192, 0, 2, 7].into(),
        client_name: None,
        helo: String::new(),
        sender: sender.into(),
        sender_key: sender.into(),
        recipient: "bob@example.net".into(),
        recipient_key: "bob@example.net".into(),
        check: "greylist".into(),
        reason: reason.into(),
        observed: false,
        verdict,
        action: String::new(),
        evidence: String::new(),
        elapsed: Duration::ZERO,
        thread: reason.starts_with("greylist").then(|| Thread::from(&triplet)),
        trace: Vec::new(),
    }
}

fn count(reason: &'static str, verdict: Verdict, observed: bool, passed: bool) -> Count {
    Count { slot: slot_of(at(0)), check: "check".into(), reason: reason.into(), verdict, observed, passed }
}

/// Sums up a day with these records and numbers.
async fn summary(records: &[JournalRecord], tally: Tally) -> Summary {
    let directory = tempfile::tempdir().unwrap();
    let store = Sqlite::serve(&directory.path().join("postward.db")).unwrap();
    let retention = JournalRetention { keep: Duration::from_secs(86_400), rows: 1_000_000 };
    for portion in records.chunks(1000) {
        store.append(Arc::from(portion), &retention).await.unwrap();
    }
    store.add_tally(Arc::new(tally)).await.unwrap();
    Summary::of(&store, at(-HOUR), at(23 * HOUR), 3).await.unwrap()
}

#[tokio::test]
async fn every_recipient_counts_once() {
    let tally = Tally {
        counts: vec![
            (count("dnsbl-listed", Verdict::Reject, false, false), 620),
            (count("greylist-new", Verdict::Defer, false, false), 300),
            (count("greylist-known", Verdict::Pass, false, true), 80),
            (count("spf-fail", Verdict::Reject, true, true), 30),
            (count("spf-fail", Verdict::Reject, true, false), 70),
            (count("rdns-generic", Verdict::Pass, true, true), 500),
        ],
        timings: Vec::new(),
    };
    let summary = summary(&[], tally).await;
    assert_eq!(summary.figures.totals, Totals { asked: 1000, rejected: 620, deferred: 300, passed: 80 });
    let measures: Vec<_> =
        summary.figures.measures.iter().map(|row| (&*row.reason, row.verdict, row.percent)).collect();
    assert_eq!(
        measures,
        [("dnsbl-listed", "reject", 62.0), ("greylist-new", "defer", 30.0), ("greylist-known", "pass", 8.0)]
    );
    let would: Vec<_> =
        summary.figures.would_have.iter().map(|row| (&*row.reason, row.number, row.changed, row.percent)).collect();
    assert_eq!(
        would,
        [("spf-fail", 100, 30, 3.0), ("rdns-generic", 500, 0, 0.0)],
        "who is refused anyway is not changed"
    );
    assert_eq!(summary.figures.timeline.len(), 48);
    assert_eq!(summary.figures.timeline.iter().map(|slice| slice.totals.asked).sum::<u64>(), 1000);
}

#[tokio::test]
async fn conversations_are_told_apart_by_how_they_went_on() {
    let deferred = |seconds, sender: &str| record(seconds, sender, Verdict::Defer, "greylist-new");
    let early = |seconds, sender: &str| record(seconds, sender, Verdict::Defer, "greylist-early");
    let passed = |seconds, sender: &str| record(seconds, sender, Verdict::Pass, "greylist-passed");
    let summary = summary(
        &[
            deferred(0, "quick@example.org"),
            deferred(0, "slow@example.org"),
            deferred(0, "eager@example.org"),
            deferred(0, "gone@example.com"),
            deferred(1, "gone@example.net"),
            deferred(2, "gone2@example.com"),
            deferred(3, ""),
            early(60, "slow@example.org"),
            early(60, "eager@example.org"),
            passed(300, "quick@example.org"),
            passed(2 * HOUR, "slow@example.org"),
            deferred(22 * HOUR, "young@example.org"),
            record(5, "refused@example.org", Verdict::Reject, "spf-fail"),
        ],
        Tally::default(),
    )
    .await;
    let expected = Conversations { begun: 8, passed: 2, waiting: 1, not_yet: 1, never: 4 };
    assert_eq!(summary.conversations, expected);
    let never: Vec<_> = summary.never_retried.iter().map(|row| (&*row.domain, row.number, &*row.sender)).collect();
    assert_eq!(never, [("example.com", 2, "gone2@example.com"), ("<>", 1, ""), ("example.net", 1, "gone@example.net")]);
    let waits: Vec<_> = summary.waited_longest.iter().map(|row| (row.seconds, row.attempts, &*row.sender)).collect();
    assert_eq!(waits, [(7200, 2, "slow@example.org"), (300, 1, "quick@example.org")]);
    let [network] = &summary.networks[..] else { panic!("{:?}", summary.networks) };
    assert_eq!((&*network.network, network.rejected, network.deferred), ("192.0.2.0/24", 1, 10));
}

#[tokio::test]
async fn more_than_a_page_is_summed_up() {
    let records: Vec<_> = (0..4500)
        .map(|number| record(number / 3, &format!("s{number}@example.org"), Verdict::Defer, "greylist-new"))
        .collect();
    let summary = summary(&records, Tally::default()).await;
    assert_eq!((summary.conversations.begun, summary.conversations.never), (4500, 4500));
    assert_eq!(summary.never_retried[0].number, 4500);
}

#[tokio::test]
async fn the_slowest_checks_come_first() {
    let timing = |check: &'static str, magnitude| Timing { slot: slot_of(at(0)), check: check.into(), magnitude };
    let timings = vec![
        (timing("dnsbl", 10), 96, 96 * 700),
        (timing("dnsbl", 21), 4, 4 * 1_500_000),
        (timing("access", 4), 100, 1000),
    ];
    let summary = summary(&[], Tally { counts: Vec::new(), timings }).await;
    let times: Vec<_> = summary
        .figures
        .checks
        .iter()
        .map(|row| (&*row.check, row.asked, row.mean_us, row.p95_us, row.longest_us))
        .collect();
    assert_eq!(times, [("dnsbl", 100, 60_672, 1024, 1 << 21), ("access", 100, 10, 16, 16)]);
}
