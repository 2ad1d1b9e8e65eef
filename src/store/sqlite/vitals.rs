//! How the database is: what the writer has counted, and what SQLite knows without counting.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rusqlite::Connection;

use super::Sqlite;
use crate::store::{Answer, StoreCondition, StoreSize, Vitals};

/// What the writer has to do and has done.
#[derive(Debug, Default)]
pub(super) struct Work {
    waiting: AtomicU64,
    commits: AtomicU64,
    changes: AtomicU64,
    /// In microseconds.
    commit_time: AtomicU64,
    slowest_commit: AtomicU64,
}

impl Work {
    /// A change begins to wait.
    pub(super) fn queued(&self) {
        self.waiting.fetch_add(1, Relaxed);
    }

    /// So many changes wait no longer.
    pub(super) fn taken(&self, changes: u64) {
        self.waiting.fetch_sub(changes, Relaxed);
    }

    /// So many changes were committed together.
    pub(super) fn committed(&self, changes: u64, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.commits.fetch_add(1, Relaxed);
        self.changes.fetch_add(changes, Relaxed);
        self.commit_time.fetch_add(took, Relaxed);
        self.slowest_commit.fetch_max(took, Relaxed);
    }
}

impl Vitals for Sqlite {
    fn condition(&self) -> StoreCondition {
        let work = &self.shared.work;
        StoreCondition {
            outage: self.shared.outage(),
            waiting: work.waiting.load(Relaxed),
            commits: work.commits.load(Relaxed),
            changes: work.changes.load(Relaxed),
            commit_time: Duration::from_micros(work.commit_time.load(Relaxed)),
            slowest_commit: Duration::from_micros(work.slowest_commit.load(Relaxed)),
        }
    }

    fn size(&self) -> Answer<'_, StoreSize> {
        self.read(size)
    }
}

/// Ids are given in order, so the first and the last tell how many there are.
fn size(connection: &Connection) -> rusqlite::Result<StoreSize> {
    let sql = "SELECT (SELECT value FROM counter WHERE name = 'waiting') + (SELECT count(*) FROM arriving),
                      ifnull((SELECT max(id) FROM journal) - (SELECT min(id) FROM journal) + 1, 0),
                      (SELECT page_count * page_size FROM pragma_page_count, pragma_page_size)";
    connection.prepare_cached(sql)?.query_row((), |row| {
        Ok(StoreSize { waiting_triplets: row.get(0)?, journal_records: row.get(1)?, octets: row.get(2)? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::store::{Greylist as _, Triplet};

    #[tokio::test]
    async fn work_that_is_done_is_counted_and_does_not_wait() {
        let directory = tempfile::tempdir().unwrap();
        let store = Sqlite::serve(&directory.path().join("postward.db")).unwrap();
        for sender in ["a", "b", "c"] {
            let triplet = Triplet { client: "192.0.2.0/24".into(), sender: sender.into(), recipient: "d".into() };
            store.admit(&triplet, "192.0.2.0/24", Timestamp::UNIX_EPOCH).await.unwrap();
        }
        let looking = store.to_look_at();
        // Who waits for a change is told before it is counted.
        let counted = async {
            while looking.condition().changes < 3 {
                tokio::task::yield_now().await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(30), counted).await.is_ok());
        let condition = looking.condition();
        assert_eq!((condition.outage, condition.waiting, condition.changes), (None, 0, 3));
        assert!((1..=3).contains(&condition.commits) && condition.slowest_commit <= condition.commit_time);
        let size = looking.size().await.unwrap();
        assert_eq!((size.waiting_triplets, size.journal_records), (0, 0), "who is admitted does not wait");
        assert!(size.octets > 0);
        let another = Triplet { client: "192.0.2.0/24".into(), sender: "e".into(), recipient: "d".into() };
        let change = looking.admit(&another, "192.0.2.0/24", Timestamp::UNIX_EPOCH);
        assert!(change.await.is_err(), "who looks changes nothing");
    }
}
