//! Room for one more waiting triplet: in a flood the oldest give way.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::arrivals::Book;
use super::attempt::execute;
use crate::store::Retention;

/// How many triplets one attempt removes at most. More than one are too many only after the limits were lowered; that is
/// made up for step by step, because somebody waits.
const AT_ONCE: u64 = 50;

/// Removes what is too much once another triplet of `network` waits. Arrivals give way only when they have got their places. Where
/// too many of those that could give way are arrivals, some get theirs, and until enough have, more wait than there may be.
pub(super) fn make(book: &Book, network: &str, retention: &Retention) -> rusqlite::Result<()> {
    if !evict_excess(book, network, retention)? && book.settle_for_room()? {
        evict_excess(book, network, retention)?;
    }
    Ok(())
}

/// As long as so many times more have their places, it is known from those which networks are crowded.
const PLACED: u64 = 10;

/// Answers whether all that is too much is gone.
fn evict_excess(book: &Book, network: &str, retention: &Retention) -> rusqlite::Result<bool> {
    let (in_network, in_all) = book.count_arrivals(network)?;
    let excess = excess(waiting_in(book, network)?.saturating_add(in_network), retention.waiting_per_network);
    if excess > 0 && evict_from_network(book, network, excess)? < excess {
        return Ok(false);
    }
    let excess = self::excess(waiting_in_all(book)?.saturating_add(in_all), retention.waiting);
    if excess > 0 && in_all.saturating_mul(PLACED) > retention.waiting {
        return Ok(false);
    }
    for _ in 0..excess {
        let crowded = most_crowded(book)?;
        let evicted =
            match crowded.map_or_else(|| most_crowded_neighbour(book, network), |crowded| Ok(Some(crowded)))? {
                Some(crowded) => evict_from_network(book, &crowded, 1)?,
                None => evict_oldest(book)?,
            };
        if evicted == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// One more triplet of `network` waits. When it waits no longer triggers take it off.
pub(super) fn count(connection: &Connection, network: &str) -> rusqlite::Result<()> {
    let sql = "INSERT INTO network VALUES (?1, 1) ON CONFLICT (network) DO UPDATE SET waiting = waiting + 1";
    execute(connection, sql, [network])?;
    execute(connection, "UPDATE counter SET value = value + 1 WHERE name = 'waiting'", ())
}

/// Whether another triplet of `network` can wait without any having to give way.
pub(super) fn is_left(book: &Book, network: &str, retention: &Retention) -> rusqlite::Result<bool> {
    let (in_network, in_all) = book.count_arrivals(network)?;
    Ok(waiting_in(book, network)?.saturating_add(in_network) < retention.waiting_per_network
        && waiting_in_all(book)?.saturating_add(in_all) < retention.waiting)
}

fn excess(waiting: u64, limit: u64) -> u64 {
    waiting.saturating_add(1).saturating_sub(limit.max(1)).min(AT_ONCE)
}

fn waiting_in(connection: &Connection, network: &str) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached("SELECT waiting FROM network WHERE network = ?1")?;
    Ok(statement.query_row([network], |row| row.get(0)).optional()?.unwrap_or(0))
}

fn waiting_in_all(connection: &Connection) -> rusqlite::Result<u64> {
    connection.prepare_cached("SELECT value FROM counter WHERE name = 'waiting'")?.query_row((), |row| row.get(0))
}

/// The network with most waiting; `None` when all have few. The number is that of the partial index.
fn most_crowded(connection: &Connection) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT network FROM network WHERE waiting > 10 ORDER BY waiting DESC LIMIT 1")?
        .query_row((), |row| row.get(0))
        .optional()
}

/// How many networks are looked at on either side when all have few waiting.
const NEIGHBOURS: u64 = 100;

/// In a flood from everywhere all networks come to have equally few waiting. Somebody who tries for the first time has one, and is older
/// than most of the flood. He is spared as long as some network near the newcomer's, in the order of their names, has more. To find the
/// one with most of all would take an index that costs more than all the rest.
fn most_crowded_neighbour(connection: &Connection, newcomer: &str) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT network FROM (
                   SELECT * FROM (SELECT * FROM network WHERE network >= ?1 ORDER BY network LIMIT ?2) UNION ALL
                   SELECT * FROM (SELECT * FROM network WHERE network < ?1 ORDER BY network DESC LIMIT ?2))
               WHERE waiting > 1 ORDER BY waiting DESC LIMIT 1";
    connection.prepare_cached(sql)?.query_row(params![newcomer, NEIGHBOURS], |row| row.get(0)).optional()
}

/// One by one, because SQLite makes a table of those that are meant unless it can only be one. To be rid of it takes longer than to
/// remove a triplet.
fn evict_from_network(connection: &Connection, network: &str, count: u64) -> rusqlite::Result<u64> {
    let sql = "DELETE FROM triplet WHERE id =
                   (SELECT id FROM triplet WHERE passed = 0 AND network = ?1 ORDER BY first_seen, id LIMIT 1)";
    let mut statement = connection.prepare_cached(sql)?;
    for evicted in 0..count {
        if statement.execute([network])? == 0 {
            return Ok(evicted);
        }
    }
    Ok(count)
}

/// The index knows the hour only; of those of the oldest hour so many are compared.
const PEERS: u64 = 50;

fn evict_oldest(connection: &Connection) -> rusqlite::Result<u64> {
    let sql = "DELETE FROM triplet WHERE id =
                   (SELECT id FROM (SELECT id, first_seen FROM triplet WHERE passed = 0
                                    ORDER BY first_seen / 4096, id LIMIT ?1)
                    ORDER BY first_seen, id LIMIT 1)";
    connection.prepare_cached(sql)?.execute([PEERS]).map(|evicted| evicted as u64)
}
