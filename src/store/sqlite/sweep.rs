//! Changes of many rows, in steps: pages are read beside the writer, and what is to change is handed to it in
//! portions so small that an attempt in between does not notice.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, params};
use tokio::time::{Instant, sleep};

use super::Sqlite;
use super::arrivals::Book;
use super::attempt::OF_TRIPLET;
use super::greylist::{bump_revision, pass};
use super::time::{Cutoffs, seconds};
use super::walk::{self, Place};
use crate::clock::Timestamp;
use crate::store::{Forgotten, Purged, Retention, Selection, StoreError, Triplet, TripletRecord, TripletState};

/// How many rows one job of the writer changes at most: some milliseconds.
const PORTION: usize = 200;

/// How long one job of the purge takes at most: where the pages are not at hand a few rows take as long as many.
const AT_ONCE: Duration = Duration::from_millis(5);

/// How much longer than at work the purge is at rest. It has an hour; attempts have not, and both wait for the disk.
const REST: u32 = 10;

/// How many rows are looked up in their indexes before they are removed. Whoever looks keeps the write-ahead log from being
/// emptied, and may have to wait for the disk at each row.
const LOOKED_UP: usize = 50;

/// How many arrivals are moved on in one job at least: some milliseconds too.
const ARRIVALS: usize = 500;

/// How long the purge waits at most for the write-ahead log to begin anew, and how often it looks.
const MOST_PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);

/// Lets waiting triplets pass.
pub(super) async fn allow(store: &Sqlite, selection: &Selection, now: Timestamp) -> Result<u64, StoreError> {
    let now = seconds(now);
    let pass = move |connection: &Connection, record: &TripletRecord| pass(connection, &record.triplet, now);
    change_triplets(store, selection, |record| record.state == TripletState::Waiting, pass).await
}

/// Removes triplets and clients.
pub(super) async fn forget(store: &Sqlite, selection: &Selection) -> Result<Forgotten, StoreError> {
    let remove = |connection: &Connection, record: &TripletRecord| {
        let Triplet { client, sender, recipient } = &record.triplet;
        connection
            .prepare_cached(&format!("DELETE FROM triplet WHERE {OF_TRIPLET}"))?
            .execute(params![client, sender, recipient])
    };
    let triplets = change_triplets(store, selection, |_| true, remove).await?;
    let clients = if selection.state.is_none() { forget_clients(store, selection).await? } else { 0 };
    Ok(Forgotten { triplets, clients })
}

/// Removes what has lapsed.
pub(super) async fn purge(store: &Sqlite, retention: &Retention, now: Timestamp) -> Result<Purged, StoreError> {
    settle(store).await?;
    let cutoffs = Cutoffs::new(retention, now);
    let mut purged = Purged { clients: purge_clients(store, cutoffs).await?, ..Purged::default() };
    let mut place = Some(i64::MIN);
    while let Some(from) = place {
        let (lapsed, next) = store.read(move |connection| walk::page_of_lapsed(connection, cutoffs, from)).await?;
        for ids in lapsed.chunks(LOOKED_UP) {
            purge_lapsed(store, ids.into(), cutoffs, &mut purged).await?;
        }
        place = next;
    }
    Ok(purged)
}

/// Removes those that have lapsed still. First their places in the indexes are looked up beside the writer, so that not the
/// writer waits for the disk to read them, and everybody for the writer.
async fn purge_lapsed(
    store: &Sqlite,
    ids: Arc<[i64]>,
    cutoffs: Cutoffs,
    purged: &mut Purged,
) -> Result<(), StoreError> {
    log_begins_anew(store).await; // whoever reads keeps it from that
    let to_look_up = Arc::clone(&ids);
    store.read(move |connection| walk::look_up(connection, &to_look_up)).await?;
    let mut done = 0;
    while done < ids.len() {
        log_begins_anew(store).await;
        let (started, ids) = (Instant::now(), Arc::clone(&ids));
        let remove = move |book: &Book| remove_lapsed(book, ids.get(done..).unwrap_or_default(), cutoffs, AT_ONCE);
        let (tried, waiting, passed) = store.write(remove).await?;
        sleep(started.elapsed() * REST).await;
        done += tried;
        purged.waiting += waiting;
        purged.passed += passed;
    }
    Ok(())
}

/// Waits while the write-ahead log is about to begin anew: the less is written meanwhile, the less is left to the writer, for
/// whom others wait.
async fn log_begins_anew(store: &Sqlite) {
    let begun = Instant::now();
    while store.shared.log_ends() && begun.elapsed() < MOST_PATIENCE {
        sleep(LOOK).await;
    }
}

/// Moves all arrivals on.
async fn settle(store: &Sqlite) -> Result<(), StoreError> {
    loop {
        log_begins_anew(store).await;
        let started = Instant::now();
        if store.write(|book| book.settle_some(ARRIVALS)).await? {
            return Ok(());
        }
        sleep(started.elapsed()).await;
    }
}

/// Applies `change` to every triplet that is meant and `wanted`; answers how many were changed.
async fn change_triplets(
    store: &Sqlite,
    selection: &Selection,
    wanted: impl Fn(&TripletRecord) -> bool,
    change: impl Fn(&Connection, &TripletRecord) -> rusqlite::Result<usize> + Copy + Send + 'static,
) -> Result<u64, StoreError> {
    let mut changed = 0;
    let mut place = Some(Place::first(selection));
    while let Some(from) = place {
        let meant = selection.clone();
        let (mut page, next) = store.read(move |connection| walk::page_of_triplets(connection, &meant, &from)).await?;
        page.retain(&wanted);
        for portion in portions(page) {
            let change = move |book: &Book, record: &TripletRecord| {
                book.settle(&record.triplet)?;
                change(book, record)
            };
            changed += store.write(move |book| change_portion(book, &portion, change)).await?;
        }
        place = next;
    }
    Ok(changed)
}

async fn forget_clients(store: &Sqlite, selection: &Selection) -> Result<u64, StoreError> {
    let mut changed = 0;
    let mut place = Some(String::new());
    while let Some(from) = place {
        let (mut page, next) = store.read(move |connection| walk::page_of_clients(connection, &from)).await?;
        page.retain(|record| selection.means_client(record));
        for portion in portions(page) {
            changed += store
                .write(move |connection| {
                    change_portion(connection, &portion, |connection, record| {
                        connection.prepare_cached("DELETE FROM client WHERE client = ?1")?.execute([&record.client])
                    })
                })
                .await?;
        }
        place = next;
    }
    Ok(changed)
}

async fn purge_clients(store: &Sqlite, cutoffs: Cutoffs) -> Result<u64, StoreError> {
    let mut removed = 0;
    let mut place = Some(String::new());
    while let Some(from) = place {
        let (mut page, next) = store.read(move |connection| walk::page_of_clients(connection, &from)).await?;
        page.retain(|record| seconds(record.last_seen) < cutoffs.used);
        for portion in portions(page) {
            removed += store
                .write(move |connection| {
                    // It may have been used since it was read.
                    let sql = "DELETE FROM client WHERE client = ?1 AND last_seen < ?2";
                    portion.iter().try_fold(0, |sum, record| {
                        let removed = connection.prepare_cached(sql)?.execute(params![record.client, cutoffs.used])?;
                        Ok(sum + removed as u64)
                    })
                })
                .await?;
        }
        place = next;
    }
    Ok(removed)
}

/// Changes the rows and, if there was anything to change, the revision with them.
fn change_portion<R>(
    connection: &Book,
    portion: &[R],
    change: impl Fn(&Book, &R) -> rusqlite::Result<usize>,
) -> rusqlite::Result<u64> {
    let mut changed = 0;
    for record in portion {
        changed += change(connection, record)? as u64;
    }
    if changed > 0 {
        bump_revision(connection)?;
    }
    Ok(changed)
}

/// Removes those of the first triplets that have lapsed still; answers how many were tried, and how many waiting and passed ones
/// removed.
fn remove_lapsed(
    connection: &Connection,
    ids: &[i64],
    cutoffs: Cutoffs,
    time: Duration,
) -> rusqlite::Result<(usize, u64, u64)> {
    let started = Instant::now();
    let mut statement = connection.prepare_cached(
        "DELETE FROM triplet WHERE id = ?1 AND passed = ?2 AND iif(passed, last_seen, first_seen) < ?3",
    )?;
    let (mut tried, mut waiting, mut passed) = (0, 0, 0);
    for id in ids {
        waiting += statement.execute(params![id, false, cutoffs.waiting])? as u64;
        passed += statement.execute(params![id, true, cutoffs.used])? as u64;
        tried += 1;
        if started.elapsed() >= time {
            break;
        }
    }
    Ok((tried, waiting, passed))
}

fn portions<R>(rows: Vec<R>) -> impl Iterator<Item = Vec<R>> {
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        let portion: Vec<R> = rows.by_ref().take(PORTION).collect();
        (!portion.is_empty()).then_some(portion)
    })
}

#[cfg(test)]
mod tests {
    use super::super::open;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_purge_waits_for_the_log_to_begin_anew_but_not_for_ever() {
        let directory = tempfile::tempdir().unwrap();
        let store = Sqlite::serve(&directory.path().join("postward.db")).unwrap();
        let waits = async || {
            let begun = Instant::now();
            log_begins_anew(&store).await;
            begun.elapsed()
        };
        assert_eq!(waits().await, Duration::ZERO);
        store.shared.set_log_ends(true);
        assert_eq!(waits().await, MOST_PATIENCE);
        let (waited, ()) = tokio::join!(waits(), async {
            sleep(Duration::from_secs(1)).await;
            store.shared.set_log_ends(false);
        });
        assert!((Duration::from_secs(1)..=Duration::from_secs(1) + LOOK).contains(&waited), "{waited:?}");
    }

    #[test]
    fn what_was_used_since_it_was_found_lapsed_stays() {
        let directory = tempfile::tempdir().unwrap();
        let connection = open::for_writing(&directory.path().join("postward.db"), Duration::ZERO).unwrap();
        for (id, passed, first_seen, last_seen) in [(1, 0, 10, 10), (2, 0, 90, 90), (3, 1, 10, 10), (4, 1, 10, 90)] {
            let sql = "INSERT INTO triplet VALUES (?1, 'c', ?1, 'r', 'n', ?2, ?3, ?4, 1, '')";
            connection.execute(sql, params![id, passed, first_seen, last_seen]).unwrap();
        }
        let removed = remove_lapsed(&connection, &[1, 2, 3, 4], Cutoffs { waiting: 50, used: 50 }, Duration::MAX);
        assert_eq!(removed, Ok((4, 1, 1)));
        let kept: i64 = connection.query_row("SELECT sum(id) FROM triplet", (), |row| row.get(0)).unwrap();
        assert_eq!(kept, 2 + 4);
    }
}
