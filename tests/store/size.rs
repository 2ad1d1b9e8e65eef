//! SQLite alone: a large greylist stands in nobody's way.

use std::path::Path;

use postward::store::sqlite::Sqlite;
use postward::store::{Greylist, Standing};
use rusqlite::Connection;

use crate::support::*;

const CLIENT: &str = "192.0.2.0/24";

/// Writes `count` triplets beneath the store, all waiting since the beginning of time.
fn fill(path: &Path, count: usize) {
    Sqlite::serve(path).unwrap().close();
    let database = Connection::open(path).unwrap();
    database.pragma_update(None, "synchronous", "off").unwrap();
    database
        .execute(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
             INSERT INTO triplet (client, sender, recipient, network, passed, first_seen, last_seen, attempts, instance)
             SELECT '10.' || (n >> 8 & 255) || '.' || (n & 255) || '.0/24', 'sender-' || n || '@example.org',
                    'bob@example.net', '10.' || (n >> 8 & 255) || '.' || (n & 255) || '.0/24', 0, ?2, ?2, 1, '' FROM n",
            rusqlite::params![i64::try_from(count).unwrap(), at(0).as_second()],
        )
        .unwrap();
    let counted = "INSERT INTO network SELECT network, count(*) FROM triplet GROUP BY network;
        UPDATE counter SET value = (SELECT count(*) FROM triplet) WHERE name = 'waiting';";
    database.execute_batch(counted).unwrap();
}

#[tokio::test]
async fn attempts_are_answered_while_a_large_table_is_purged() {
    const LAPSED: usize = 20_000;
    let (_directory, path) = place();
    fill(&path, LAPSED);
    let store = Sqlite::serve(&path).unwrap();
    let retention = retention();
    let purge = store.purge(&retention, at(30 * DAY));
    let answers = async {
        for number in 0_u32.. {
            let seen = record(&store, &attempt(CLIENT, &number.to_string()), 30 * DAY).await;
            assert_eq!(seen.standing, Standing::New);
            tokio::task::yield_now().await;
            if store.stats(5).await.unwrap().waiting <= u64::from(number) + 1 {
                return number;
            }
        }
        0
    };
    let (purged, answered) = tokio::join!(purge, answers);
    assert_eq!(purged.unwrap().waiting, LAPSED as u64);
    // It is purged in portions of 200, and between any two of them attempts are answered.
    assert!(answered >= 30, "only {answered} attempts were answered meanwhile");
}
