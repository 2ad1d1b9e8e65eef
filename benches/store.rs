//! How fast the store starts and remembers: `cargo bench --bench store` prints it.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a measurement may fail loudly")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use postward::journal::{Account, Journal};
use postward::store::sqlite::Sqlite;
use postward::store::{
    AddressSelection, Attempt, Count, Greylist, Journal as _, JournalRecord, JournalRetention, JournalSelection,
    JournalWalk, Retention, Thread, TraceRecord, Triplet, Verdict,
};
use rusqlite::{Connection, params};

const RETENTION: Retention = Retention {
    retry_window: Duration::from_secs(2 * 86_400),
    max_age: Duration::from_secs(35 * 86_400),
    allow_client_after: 5,
    waiting_per_network: 10_000,
    waiting: 1_000_000,
};

const JOURNAL: JournalRetention = JournalRetention { keep: Duration::from_secs(14 * 86_400), rows: 500_000 };

const CALLERS: u64 = 10;
const EACH: u64 = 30_000;

#[tokio::main]
async fn main() {
    for triplets in [10_000, 1_000_000] {
        start_with(triplets).await;
    }
    remember_new_triplets(false).await;
    remember_new_triplets(true).await;
    count_known_triplets().await;
    search_a_full_journal().await;
}

/// How soon a daemon with so many stored triplets answers.
async fn start_with(triplets: u32) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("postward.db");
    fill(&path, triplets);
    let started = Instant::now();
    let store = Sqlite::serve(&path).unwrap();
    let opened = started.elapsed();
    store.record_attempt(&attempt(1), &RETENTION, Timestamp::now()).await.unwrap();
    let (answered, size) = (started.elapsed(), std::fs::metadata(&path).unwrap().len() / 1_000_000);
    println!("{triplets} triplets ({size} MB): open after {opened:.1?}, first answer after {answered:.1?}");
}

/// How many new triplets are committed in a second when ten callers wait for each of theirs, and each is written down.
async fn remember_new_triplets(journaled: bool) {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(Sqlite::serve(&directory.path().join("postward.db")).unwrap());
    let journal = Arc::new(Journal::new(store.clone(), JOURNAL));
    let writing = tokio::spawn({
        let journal = Arc::clone(&journal);
        async move {
            loop {
                journal.arrived().await;
                tokio::time::sleep(Duration::from_millis(100)).await;
                journal.write_records().await;
            }
        }
    });
    let (started, used) = (Instant::now(), cpu_time());
    let callers = (0..CALLERS).map(|caller| {
        let (store, journal) = (Arc::clone(&store), Arc::clone(&journal));
        tokio::spawn(async move {
            for number in 0..EACH {
                let attempt = attempt((caller * EACH + number).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20);
                store.record_attempt(&attempt, &RETENTION, Timestamp::now()).await.unwrap();
                if journaled {
                    journal.note(account(&attempt));
                }
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    let rate = (CALLERS * EACH) as f64 / started.elapsed().as_secs_f64();
    let dropped = journal.take_dropped();
    let how = if journaled { format!("with the journal, which dropped {dropped}") } else { "without".to_owned() };
    let each = (cpu_time() - used) / (CALLERS * EACH) as u32;
    println!("{rate:.0} new triplets a second, {each:.0?} of a processor each, {how}");
    writing.abort();
}

/// What an answer that only counts costs whoever gives it.
async fn count_known_triplets() {
    const TIMES: u32 = 1_000_000;
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(Sqlite::serve(&directory.path().join("postward.db")).unwrap());
    let journal = Journal::new(store, JOURNAL);
    let started = cpu_time();
    for number in 0..TIMES {
        let timings = ["access", "helo", "reverse_dns", "dnsbl", "spf", "greylist"];
        let count = Count {
            slot: Timestamp::UNIX_EPOCH,
            check: "greylist".into(),
            reason: "greylist-known".into(),
            verdict: Verdict::Pass,
            observed: false,
            passed: true,
        };
        journal.note(Account {
            request: Some(number.into()),
            counts: vec![count],
            timings: timings.map(|check| (check, Duration::from_micros(number.into()))).to_vec(),
            ..Account::default()
        });
    }
    println!("counting a known triplet takes {:.0?}", (cpu_time() - started) / TIMES);
}

/// What this process has used of its processors (proc_pid_stat(5)): on a busy machine the time says little.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit(')').next().unwrap().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

/// How long it takes to find what is nowhere, among so many decisions as are kept.
async fn search_a_full_journal() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("postward.db");
    let store = Sqlite::serve(&path).unwrap();
    let started = Instant::now();
    for portion in 0..JOURNAL.rows / 1000 {
        let records = (0..1000).flat_map(|number| account(&attempt(portion * 1000 + number)).records);
        store.append(records.collect(), &JOURNAL).await.unwrap();
    }
    let filled = JOURNAL.rows as f64 / started.elapsed().as_secs_f64();
    store.close();
    let size = std::fs::metadata(&path).unwrap().len() / 1_000_000;
    let store = Sqlite::read_only(&path).unwrap();
    let recipient = Some(AddressSelection::Key("nobody@example.net".into()));
    let domain = Some("example.com".into());
    for selection in
        [JournalSelection { recipient, ..Default::default() }, JournalSelection { domain, ..Default::default() }]
    {
        let started = Instant::now();
        assert!(store.records(&selection, JournalWalk::Newest, 1000).await.unwrap().is_empty());
        println!(
            "{} decisions ({size} MB, written at {filled:.0}/s) searched in {:.1?}",
            JOURNAL.rows,
            started.elapsed()
        );
    }
}

/// What the deferral of an attempt leaves, with a trace as long as that of the whole chain.
fn account(attempt: &Attempt) -> Account {
    let step = |check: &str| TraceRecord {
        check: check.to_owned(),
        mode: "enforce".to_owned(),
        reason: Some(format!("{check}-listed")),
        consequence: Some("ignore".to_owned()),
        evidence: "mail.example.org has the address 192.0.2.1, which is not listed".to_owned(),
        elapsed_us: 1234,
    };
    let record = JournalRecord {
        id: 0,
        time: Timestamp::now(),
        client: [192, 0, 2, 1].into(),
        client_name: Some("mail.example.org".to_owned()),
        helo: "mail.example.org".to_owned(),
        sender: attempt.sender.clone(),
        sender_key: attempt.sender.clone(),
        recipient: attempt.recipient.clone(),
        recipient_key: attempt.recipient.clone(),
        check: "greylist".to_owned(),
        reason: "greylist-new".to_owned(),
        observed: false,
        verdict: Verdict::Defer,
        action: "DEFER_IF_PERMIT 4.7.1 Greylisted, please try again in 300 seconds".to_owned(),
        evidence: format!("first attempt from {}; 300 s left", attempt.network),
        elapsed: Duration::from_millis(1),
        thread: Some(Thread::from(&Triplet {
            client: attempt.network.clone(),
            sender: attempt.sender.clone(),
            recipient: attempt.recipient.clone(),
        })),
        trace: ["access", "helo", "reverse_dns", "dnsbl", "spf", "greylist"].map(step).to_vec(),
    };
    Account { records: vec![record], ..Account::default() }
}

fn attempt(random: u64) -> Attempt {
    let network = format!("10.{}.{}.0/24", random >> 8 & 255, random & 255);
    Attempt {
        identities: vec![network.clone()],
        network,
        sender: format!("{random:x}@example.org"),
        recipient: "bob@example.net".to_owned(),
        instance: random.to_string(),
    }
}

fn fill(path: &Path, triplets: u32) {
    Sqlite::serve(path).unwrap().close();
    let database = Connection::open(path).unwrap();
    database.pragma_update(None, "synchronous", "off").unwrap();
    let sql = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
        INSERT INTO triplet (client, sender, recipient, network, passed, first_seen, last_seen, attempts, instance)
        SELECT '10.' || (n >> 8 & 255) || '.' || (n & 255) || '.0/24', 'sender-' || n || '@example.org',
               'bob@example.net', '10.' || (n >> 8 & 255) || '.' || (n & 255) || '.0/24', n & 1, ?2, ?2, 1, '' FROM n";
    database.execute(sql, params![triplets, Timestamp::now().as_second()]).unwrap();
    let counted = "INSERT INTO network SELECT network, count(*) FROM triplet WHERE passed = 0 GROUP BY network;
        UPDATE counter SET value = (SELECT count(*) FROM triplet WHERE passed = 0) WHERE name = 'waiting';";
    database.execute_batch(counted).unwrap();
}
