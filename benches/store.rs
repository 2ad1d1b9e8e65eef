//! How fast the store starts and remembers: `cargo bench --bench store` prints it.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a measurement may fail loudly")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use postward::store::sqlite::Sqlite;
use postward::store::{Attempt, Greylist, Retention};
use rusqlite::{Connection, params};

const RETENTION: Retention = Retention {
    retry_window: Duration::from_secs(2 * 86_400),
    max_age: Duration::from_secs(35 * 86_400),
    allow_client_after: 5,
    waiting_per_network: 10_000,
    waiting: 1_000_000,
};

const CALLERS: u64 = 10;
const EACH: u64 = 30_000;

#[tokio::main]
async fn main() {
    for triplets in [10_000, 1_000_000] {
        start_with(triplets).await;
    }
    remember_new_triplets().await;
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

/// How many new triplets are committed in a second when ten callers wait for each of theirs.
async fn remember_new_triplets() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(Sqlite::serve(&directory.path().join("postward.db")).unwrap());
    let started = Instant::now();
    let callers = (0..CALLERS).map(|caller| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for number in 0..EACH {
                let attempt = attempt((caller * EACH + number).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20);
                store.record_attempt(&attempt, &RETENTION, Timestamp::now()).await.unwrap();
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    println!("{:.0} new triplets a second", (CALLERS * EACH) as f64 / started.elapsed().as_secs_f64());
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
}
