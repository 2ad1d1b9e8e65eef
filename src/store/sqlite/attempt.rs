//! What an attempt finds, and what it leaves: the statements on which every deferral waits.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::arrivals::Book;
use super::filter::Filter;
use super::time::{Cutoffs, HOUR, moment, seconds};
use super::{greylist, room};
use crate::clock::Timestamp;
use crate::store::{Attempt, Retention, Sighting, Standing};

/// What an attempt finds.
pub(super) struct Look {
    /// What is answered.
    pub(super) sighting: Sighting,
    trace: Trace,
    /// Clients that lapsed, whose passes count no more.
    lapsed_clients: Vec<String>,
}

/// What an attempt leaves.
enum Trace {
    /// It was counted before, or was seen within the hour.
    Nothing,
    /// The known client is still in use.
    UsedClient,
    /// The passed triplet is still in use.
    UsedTriplet(i64),
    /// One more attempt for a waiting triplet.
    Counted(i64),
    /// A triplet that waits, in place of a lapsed one if there is any.
    Stored { lapsed: bool },
}

/// A row of `triplet`.
struct Row {
    id: i64,
    passed: bool,
    first_seen: i64,
    last_seen: i64,
    attempts: u32,
    instance: String,
}

/// Finds a triplet by its client, sender and recipient (`?1`, `?2`, `?3`), whether it waits or has passed: there is an index for
/// each. That no triplet does both is not the indexes' to hold: who stores one has looked in the same transaction, and who lets
/// one pass replaces what passed before.
pub(super) const OF_TRIPLET: &str = "id IN (
    SELECT id FROM triplet WHERE client = ?1 AND sender = ?2 AND recipient = ?3 AND passed = 0 UNION ALL
    SELECT id FROM triplet WHERE client = ?1 AND sender = ?2 AND recipient = ?3 AND passed = 1)";

const FIND: &str = "
    SELECT id, passed, first_seen, last_seen, attempts, instance FROM triplet
    WHERE client = ?1 AND sender = ?2 AND recipient = ?3 AND passed = 1
    UNION ALL SELECT id, passed, first_seen, last_seen, attempts, instance FROM triplet
    WHERE client = ?1 AND sender = ?2 AND recipient = ?3 AND passed = 0";

/// The same among arrivals too, one by one.
const FIND_ANYWHERE: &str = "
    SELECT id, passed, first_seen, last_seen, attempts, instance FROM triplet
    WHERE client = ?1 AND sender = ?2 AND recipient = ?3 AND passed = 1
    UNION ALL SELECT id, passed, first_seen, last_seen, attempts, instance FROM triplet
    WHERE client = ?1 AND sender = ?2 AND recipient = ?3 AND passed = 0
    UNION ALL SELECT id, 0, first_seen, first_seen, 1, instance FROM arriving
    WHERE client = ?1 AND sender = ?2 AND recipient = ?3";

/// Where triplets are looked for, and who is certainly not there.
#[derive(Clone, Copy)]
struct Among<'a> {
    find: &'static str,
    filter: Option<&'a Filter>,
}

impl Among<'_> {
    fn may_have_client(self, client: &str) -> bool {
        self.filter.is_none_or(|filter| filter.may_have_client(client))
    }

    fn may_have_triplet(self, key: [&str; 3]) -> bool {
        self.filter.is_none_or(|filter| filter.may_have_triplet(key))
    }
}

/// Looks, changes nothing.
pub(super) fn preview(
    connection: &Connection,
    attempt: &Attempt,
    retention: &Retention,
    now: Timestamp,
) -> rusqlite::Result<Sighting> {
    let among = Among { find: FIND_ANYWHERE, filter: None };
    Ok(look(connection, among, attempt, retention, now)?.sighting)
}

fn look(
    connection: &Connection,
    among: Among<'_>,
    attempt: &Attempt,
    retention: &Retention,
    now: Timestamp,
) -> rusqlite::Result<Look> {
    let cutoffs = Cutoffs::new(retention, now);
    let mut lapsed_clients = Vec::new();
    if retention.allow_client_after > 0 {
        for identity in &attempt.identities {
            match find_client(connection, among, identity)? {
                Some((_, last_seen)) if last_seen < cutoffs.used => lapsed_clients.push(identity.clone()),
                Some((passes, last_seen)) if passes >= retention.allow_client_after => {
                    return Ok(known_client(identity, last_seen, now, lapsed_clients));
                }
                _ => {}
            }
        }
    }
    let (sighting, trace) = match find_triplet(connection, among, attempt, cutoffs)? {
        Found::Known(identity, row) => judge(identity, &row, attempt, now),
        Found::None { lapsed } => (first_sight(attempt, now), Trace::Stored { lapsed }),
    };
    Ok(Look { sighting, trace, lapsed_clients })
}

/// Looks, and leaves the trace.
pub(super) fn record(
    connection: &Book,
    attempt: &Attempt,
    retention: &Retention,
    now: Timestamp,
) -> rusqlite::Result<Sighting> {
    for identity in identities(attempt) {
        connection.settle_key([identity, &attempt.sender, &attempt.recipient])?;
    }
    let filter = connection.filter();
    let among = Among { find: FIND, filter: filter.as_deref() };
    let Look { sighting, trace, lapsed_clients } = look(connection, among, attempt, retention, now)?;
    for client in &lapsed_clients {
        execute(connection, "DELETE FROM client WHERE client = ?1", [client])?;
    }
    let now = seconds(now);
    match trace {
        Trace::Nothing => {}
        Trace::UsedClient => greylist::use_client(connection, &sighting.client, now)?,
        Trace::UsedTriplet(id) => {
            execute(connection, "UPDATE triplet SET last_seen = ?2 WHERE id = ?1", [id, now])?;
            greylist::use_client(connection, &sighting.client, now)?;
        }
        Trace::Counted(id) => {
            let sql = "UPDATE triplet SET attempts = ?2, instance = ?3, last_seen = ?4 WHERE id = ?1";
            execute(connection, sql, params![id, sighting.attempts, attempt.instance, now])?;
        }
        Trace::Stored { lapsed } => store(connection, &sighting.client, attempt, lapsed, retention, now)?,
    }
    Ok(sighting)
}

fn find_client(connection: &Connection, among: Among<'_>, identity: &str) -> rusqlite::Result<Option<(u32, i64)>> {
    let find = || {
        connection
            .prepare_cached("SELECT passes, last_seen FROM client WHERE client = ?1")?
            .query_row([identity], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()
    };
    if among.may_have_client(identity) {
        return find();
    }
    debug_assert!(!matches!(find(), Ok(Some(_))), "{identity} is stored");
    Ok(None)
}

fn known_client(identity: &str, last_seen: i64, now: Timestamp, lapsed_clients: Vec<String>) -> Look {
    let is_fresh = last_seen > seconds(now).saturating_sub(HOUR);
    let sighting = Sighting {
        client: identity.to_owned(),
        standing: Standing::KnownClient,
        first_seen: moment(last_seen),
        attempts: 1,
    };
    Look { sighting, trace: if is_fresh { Trace::Nothing } else { Trace::UsedClient }, lapsed_clients }
}

enum Found<'a> {
    /// Under this identity.
    Known(&'a str, Row),
    /// Only, perhaps, lapsed ones where the new one is to be.
    None { lapsed: bool },
}

/// The triplet under any identity: one that passed before one that waits, and the one that waits longest.
fn find_triplet<'a>(
    connection: &Connection,
    among: Among<'_>,
    attempt: &'a Attempt,
    cutoffs: Cutoffs,
) -> rusqlite::Result<Found<'a>> {
    let mut best: Option<(&str, Row)> = None;
    let mut lapsed = false;
    for (rank, identity) in identities(attempt).enumerate() {
        let Some(row) = find_row(connection, among, identity, attempt)? else { continue };
        if cutoffs.has_lapsed(row.passed, row.first_seen, row.last_seen) {
            lapsed |= rank == 0;
        } else if best.as_ref().is_none_or(|(_, best)| (!row.passed, row.first_seen) < (!best.passed, best.first_seen))
        {
            best = Some((identity, row));
        }
    }
    Ok(best.map_or(Found::None { lapsed }, |(identity, row)| Found::Known(identity, row)))
}

/// The network stands in for missing identities, which should not be.
fn identities(attempt: &Attempt) -> impl Iterator<Item = &str> {
    let network = attempt.identities.is_empty().then_some(attempt.network.as_str());
    attempt.identities.iter().map(String::as_str).chain(network)
}

fn find_row(
    connection: &Connection,
    among: Among<'_>,
    identity: &str,
    attempt: &Attempt,
) -> rusqlite::Result<Option<Row>> {
    let key = [identity, &attempt.sender, &attempt.recipient];
    let find = || {
        let row = |row: &rusqlite::Row<'_>| {
            Ok(Row {
                id: row.get(0)?,
                passed: row.get(1)?,
                first_seen: row.get(2)?,
                last_seen: row.get(3)?,
                attempts: row.get(4)?,
                instance: row.get(5)?,
            })
        };
        connection.prepare_cached(among.find)?.query_row(key, row).optional()
    };
    if among.may_have_triplet(key) {
        return find();
    }
    debug_assert!(!matches!(find(), Ok(Some(_))), "{key:?} is stored");
    Ok(None)
}

/// Postfix asks the same again on a new connection when the old one broke: then the `instance` is the same.
fn judge(identity: &str, row: &Row, attempt: &Attempt, now: Timestamp) -> (Sighting, Trace) {
    let is_repetition = !attempt.instance.is_empty() && row.instance == attempt.instance;
    let is_fresh = row.last_seen > seconds(now).saturating_sub(HOUR);
    let (standing, attempts, trace) = match row {
        row if row.passed && is_fresh => (Standing::Passed, row.attempts, Trace::Nothing),
        row if row.passed => (Standing::Passed, row.attempts, Trace::UsedTriplet(row.id)),
        row if !is_repetition => (Standing::Waiting, row.attempts.saturating_add(1), Trace::Counted(row.id)),
        row if row.attempts <= 1 => (Standing::New, row.attempts, Trace::Nothing),
        row => (Standing::Waiting, row.attempts, Trace::Nothing),
    };
    (Sighting { client: identity.to_owned(), standing, first_seen: moment(row.first_seen), attempts }, trace)
}

fn first_sight(attempt: &Attempt, now: Timestamp) -> Sighting {
    let client = identities(attempt).next().unwrap_or_default().to_owned();
    Sighting { client, standing: Standing::New, first_seen: moment(seconds(now)), attempts: 1 }
}

fn store(
    connection: &Book,
    client: &str,
    attempt: &Attempt,
    lapsed: bool,
    retention: &Retention,
    now: i64,
) -> rusqlite::Result<()> {
    if lapsed {
        let key = [client, &attempt.sender, &attempt.recipient];
        execute(connection, &format!("DELETE FROM triplet WHERE {OF_TRIPLET}"), key)?;
    }
    room::make(connection, &attempt.network, retention)?;
    connection.append(client, attempt, now)
}

/// Runs a statement that is prepared once.
pub(super) fn execute(connection: &Connection, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute(values).map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::open;
    use super::*;
    use crate::store::Triplet;

    const RETENTION: Retention = Retention {
        retry_window: Duration::from_secs(172_800),
        max_age: Duration::from_secs(3_024_000),
        allow_client_after: 5,
        waiting_per_network: 10,
        waiting: 10,
    };

    /// No statement makes this, but a hand at the database might.
    #[test]
    fn a_triplet_that_waits_and_has_passed_at_once_does_no_harm() {
        let attempt = Attempt {
            identities: vec!["c".to_owned()],
            network: "c".to_owned(),
            sender: "s".to_owned(),
            recipient: "r".to_owned(),
            instance: String::new(),
        };
        let triplet = Triplet { client: "c".to_owned(), sender: "s".to_owned(), recipient: "r".to_owned() };
        let at = |second| Timestamp::from_second(second).unwrap();
        for (now, standing) in [(1_000, Standing::Passed), (9_000_000, Standing::New)] {
            let directory = tempfile::tempdir().unwrap();
            let connection = open::for_writing(&directory.path().join("postward.db"), Duration::ZERO).unwrap();
            let connection = Book::new(connection);
            for passed in [0, 1] {
                let sql = "INSERT INTO triplet VALUES (NULL, 'c', 's', 'r', 'c', ?1, 900, 900, 1, '')";
                connection.execute(sql, [passed]).unwrap();
            }
            room::count(&connection, "c").unwrap();
            let seen = record(&connection, &attempt, &RETENTION, at(now)).unwrap();
            assert_eq!(seen.standing, standing, "at {now}");
            connection.settle(&triplet).unwrap();
            assert_eq!(greylist::pass(&connection, &triplet, now), Ok(1));
            let left = "SELECT count(*), sum(passed), (SELECT value FROM counter WHERE name = 'waiting') FROM triplet";
            let left = connection.query_one(left, (), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
            assert_eq!(left, Ok((1, 1, 0)), "at {now}");
        }
    }
}
