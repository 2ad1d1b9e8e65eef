//! Memories of other programs. They fill gaps: nothing that is known here is lost by them, made older, or has to wait longer.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::arrivals::Book;
use super::attempt::OF_TRIPLET;
use super::greylist::bump_revision;
use super::room;
use super::time::{Cutoffs, seconds};
use crate::clock::Timestamp;
use crate::store::{ClientRecord, Memory, Retention, TakenOver, Triplet, TripletRecord, TripletState};

/// Takes over all that is new.
pub(super) fn take_over(
    connection: &Book,
    memories: &[Memory],
    retention: &Retention,
    now: Timestamp,
) -> rusqlite::Result<TakenOver> {
    let cutoffs = Cutoffs::new(retention, now);
    let mut taken = TakenOver::default();
    for memory in memories {
        let (count, outcome) = match memory {
            Memory::Triplet { record, network } => {
                (&mut taken.triplets, take_triplet(connection, record, network, retention, cutoffs)?)
            }
            Memory::Client(record) => (&mut taken.clients, take_client(connection, record, cutoffs)?),
        };
        match outcome {
            Outcome::News => *count += 1,
            Outcome::Known => taken.known += 1,
            Outcome::NoRoom => taken.no_room += 1,
        }
    }
    if taken.triplets + taken.clients > 0 {
        bump_revision(connection)?;
    }
    Ok(taken)
}

enum Outcome {
    News,
    Known,
    NoRoom,
}

/// What is stored of a triplet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stored {
    passed: bool,
    first_seen: i64,
    last_seen: i64,
}

fn take_triplet(
    connection: &Book,
    record: &TripletRecord,
    network: &str,
    retention: &Retention,
    cutoffs: Cutoffs,
) -> rusqlite::Result<Outcome> {
    let TripletRecord { triplet, state, first_seen, last_seen, .. } = record;
    let news = Stored {
        passed: *state == TripletState::Passed,
        first_seen: seconds(*first_seen),
        last_seen: seconds(*last_seen),
    };
    connection.settle(triplet)?;
    let stored = find(connection, triplet)?;
    let is_alive = |stored: &Stored| !cutoffs.has_lapsed(stored.passed, stored.first_seen, stored.last_seen);
    if let Some(stored) = stored.filter(is_alive) {
        return complete(connection, triplet, stored, news);
    }
    if !news.passed && !room::is_left(connection, network, retention)? {
        return Ok(Outcome::NoRoom);
    }
    if stored.is_some() {
        connection.prepare_cached(&format!("DELETE FROM triplet WHERE {OF_TRIPLET}"))?.execute(params![
            triplet.client,
            triplet.sender,
            triplet.recipient
        ])?;
    }
    insert(connection, record, network, news)?;
    Ok(Outcome::News)
}

/// One that has passed anywhere has passed; the clock of one that waits here is not touched.
fn complete(connection: &Connection, triplet: &Triplet, stored: Stored, news: Stored) -> rusqlite::Result<Outcome> {
    let better = match news.passed {
        true => Stored { passed: true, last_seen: stored.last_seen.max(news.last_seen), ..stored },
        false => stored,
    };
    if better == stored {
        return Ok(Outcome::Known);
    }
    connection
        .prepare_cached(&format!("UPDATE OR REPLACE triplet SET passed = ?4, last_seen = ?5 WHERE {OF_TRIPLET}"))?
        .execute(params![triplet.client, triplet.sender, triplet.recipient, better.passed, better.last_seen])?;
    Ok(Outcome::News)
}

fn find(connection: &Connection, triplet: &Triplet) -> rusqlite::Result<Option<Stored>> {
    connection
        .prepare_cached(&format!("SELECT passed, first_seen, last_seen FROM triplet WHERE {OF_TRIPLET}"))?
        .query_row(params![triplet.client, triplet.sender, triplet.recipient], |row| {
            Ok(Stored { passed: row.get(0)?, first_seen: row.get(1)?, last_seen: row.get(2)? })
        })
        .optional()
}

fn insert(connection: &Book, record: &TripletRecord, network: &str, news: Stored) -> rusqlite::Result<()> {
    let Triplet { client, sender, recipient } = &record.triplet;
    let Stored { passed, first_seen, last_seen } = news;
    connection.enter_triplet([client, sender, recipient]);
    connection
        .prepare_cached(
            "INSERT INTO triplet (client, sender, recipient, network, passed, first_seen, last_seen, attempts, instance)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, '')",
        )?
        .execute(params![client, sender, recipient, network, passed, first_seen, last_seen, record.attempts])?;
    if passed { Ok(()) } else { room::count(connection, network) }
}

/// The passes of two programs may be the same ones, so the greater number counts, not the sum.
fn take_client(connection: &Book, record: &ClientRecord, cutoffs: Cutoffs) -> rusqlite::Result<Outcome> {
    let ClientRecord { client, passes, last_seen } = record;
    let last_seen = seconds(*last_seen);
    let lapsed = connection
        .prepare_cached("DELETE FROM client WHERE client = ?1 AND last_seen < ?2")?
        .execute(params![client, cutoffs.used])?;
    connection.enter_client(client);
    let changed = connection
        .prepare_cached(
            "INSERT INTO client (client, passes, last_counted, last_seen) VALUES (?1, ?2, ?3, ?3)
             ON CONFLICT (client) DO UPDATE SET
                 passes = max(passes, ?2), last_counted = max(last_counted, ?3), last_seen = max(last_seen, ?3)
             WHERE passes < ?2 OR last_seen < ?3",
        )?
        .execute(params![client, passes, last_seen])?;
    Ok(if lapsed + changed > 0 { Outcome::News } else { Outcome::Known })
}
