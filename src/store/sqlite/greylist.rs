//! The greylist in SQL.

use rusqlite::{Connection, params};

use super::arrivals::Book;
use super::attempt::execute;
use super::time::{HOUR, moment, seconds};
use super::{Sqlite, attempt, sweep, take_over, walk};
use crate::clock::Timestamp;
use crate::store::{
    Answer, Attempt, ClientRecord, Forgotten, Greylist, GreylistStats, Memory, Purged, Retention, Selection, Sighting,
    TakenOver, Triplet, TripletRecord, Used,
};

impl Greylist for Sqlite {
    fn record_attempt<'a>(
        &'a self,
        attempt: &'a Attempt,
        retention: &'a Retention,
        now: Timestamp,
    ) -> Answer<'a, Sighting> {
        let (attempt, retention) = (attempt.clone(), *retention);
        self.write(move |connection| attempt::record(connection, &attempt, &retention, now))
    }

    fn preview_attempt<'a>(
        &'a self,
        attempt: &'a Attempt,
        retention: &'a Retention,
        now: Timestamp,
    ) -> Answer<'a, Sighting> {
        let (attempt, retention) = (attempt.clone(), *retention);
        self.read(move |connection| attempt::preview(connection, &attempt, &retention, now))
    }

    fn note_pass<'a>(&'a self, triplet: &'a Triplet, now: Timestamp) -> Answer<'a, ()> {
        let triplet = triplet.clone();
        self.write(move |connection| note_pass(connection, &triplet, seconds(now)))
    }

    fn note_use(&self, used: Used, now: Timestamp) -> Answer<'_, ()> {
        self.write(move |connection| note_use(connection, &used, seconds(now)))
    }

    fn triplets<'a>(&'a self, selection: &'a Selection, limit: usize) -> Answer<'a, Vec<TripletRecord>> {
        let selection = selection.clone();
        self.read(move |connection| walk::triplets(connection, &selection, limit))
    }

    fn clients<'a>(&'a self, selection: &'a Selection, limit: usize) -> Answer<'a, Vec<ClientRecord>> {
        let selection = selection.clone();
        self.read(move |connection| clients(connection, &selection, limit))
    }

    fn allow<'a>(&'a self, selection: &'a Selection, now: Timestamp) -> Answer<'a, u64> {
        Box::pin(sweep::allow(self, selection, now))
    }

    fn admit<'a>(&'a self, triplet: &'a Triplet, network: &'a str, now: Timestamp) -> Answer<'a, ()> {
        let (triplet, network) = (triplet.clone(), network.to_owned());
        self.write(move |connection| admit(connection, &triplet, &network, seconds(now)))
    }

    fn take_over<'a>(
        &'a self,
        memories: Vec<Memory>,
        retention: &'a Retention,
        now: Timestamp,
    ) -> Answer<'a, TakenOver> {
        let retention = *retention;
        self.write(move |connection| take_over::take_over(connection, &memories, &retention, now))
    }

    fn forget<'a>(&'a self, selection: &'a Selection) -> Answer<'a, Forgotten> {
        Box::pin(sweep::forget(self, selection))
    }

    fn purge<'a>(&'a self, retention: &'a Retention, now: Timestamp) -> Answer<'a, Purged> {
        Box::pin(sweep::purge(self, retention, now))
    }

    fn stats(&self, allow_client_after: u32) -> Answer<'_, GreylistStats> {
        self.read(move |connection| stats(connection, allow_client_after))
    }

    fn revision(&self) -> Answer<'_, u64> {
        self.read(revision)
    }
}

/// Another after something was changed on request.
pub(super) fn revision(connection: &Connection) -> rusqlite::Result<u64> {
    connection.prepare_cached("SELECT value FROM counter WHERE name = 'revision'")?.query_row((), |row| row.get(0))
}

/// Something was changed on request.
pub(super) fn bump_revision(connection: &Connection) -> rusqlite::Result<()> {
    connection.prepare_cached("UPDATE counter SET value = value + 1 WHERE name = 'revision'")?.execute(()).map(|_| ())
}

/// Lets a waiting triplet pass; answers how many did.
pub(super) fn pass(connection: &Connection, triplet: &Triplet, now: i64) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "UPDATE OR REPLACE triplet SET passed = 1, last_seen = ?4
             WHERE client = ?1 AND sender = ?2 AND recipient = ?3 AND passed = 0",
        )?
        .execute(params![triplet.client, triplet.sender, triplet.recipient, now])
}

fn note_pass(connection: &Book, triplet: &Triplet, now: i64) -> rusqlite::Result<()> {
    connection.settle(triplet)?;
    if pass(connection, triplet, now)? == 0 {
        return Ok(());
    }
    connection.enter_client(&triplet.client);
    // A last counted pass in the future was counted by a clock that was wrong: the hour begins anew.
    connection
        .prepare_cached(
            "INSERT INTO client (client, passes, last_counted, last_seen) VALUES (?1, 1, ?2, ?2)
             ON CONFLICT (client) DO UPDATE SET
                 passes = passes + (last_counted <= ?2 - ?3),
                 last_counted = iif(last_counted <= ?2 - ?3 OR last_counted > ?2, ?2, last_counted),
                 last_seen = max(last_seen, ?2)",
        )?
        .execute(params![triplet.client, now, HOUR])
        .map(|_| ())
}

fn note_use(connection: &Connection, used: &Used, now: i64) -> rusqlite::Result<()> {
    match used {
        Used::Triplet(triplet) => {
            connection
                .prepare_cached(
                    "UPDATE triplet SET last_seen = ?4
                     WHERE client = ?1 AND sender = ?2 AND recipient = ?3 AND passed = 1 AND last_seen < ?4",
                )?
                .execute(params![triplet.client, triplet.sender, triplet.recipient, now])?;
            use_client(connection, &triplet.client, now)
        }
        Used::Client(client) => use_client(connection, client, now),
    }
}

/// Who uses a triplet is in use too, known or on the way to it.
pub(super) fn use_client(connection: &Connection, client: &str, now: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE client SET last_seen = ?2 WHERE client = ?1 AND last_seen < ?2")?
        .execute(params![client, now])
        .map(|_| ())
}

fn admit(connection: &Book, triplet: &Triplet, network: &str, now: i64) -> rusqlite::Result<()> {
    connection.settle(triplet)?;
    let Triplet { client, sender, recipient } = triplet;
    execute(
        connection,
        "UPDATE OR REPLACE triplet SET passed = 1, last_seen = max(last_seen, ?4)
         WHERE client = ?1 AND sender = ?2 AND recipient = ?3 AND passed = 0",
        params![client, sender, recipient, now],
    )?;
    connection.enter_triplet([client, sender, recipient]);
    execute(
        connection,
        "INSERT INTO triplet (client, sender, recipient, network, passed, first_seen, last_seen, attempts, instance)
         VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5, 0, '')
         ON CONFLICT (client, sender, recipient) WHERE passed = 1 DO UPDATE SET last_seen = max(last_seen, ?5)",
        params![client, sender, recipient, network, now],
    )?;
    bump_revision(connection)
}

fn clients(connection: &Connection, selection: &Selection, limit: usize) -> rusqlite::Result<Vec<ClientRecord>> {
    let mut statement =
        connection.prepare_cached("SELECT client, passes, last_seen FROM client ORDER BY passes DESC, client")?;
    let records = statement.query_map((), client_record)?;
    records.filter(|record| record.as_ref().map_or(true, |record| selection.means_client(record))).take(limit).collect()
}

/// Reads `client, passes, last_seen`.
pub(super) fn client_record(row: &rusqlite::Row<'_>) -> rusqlite::Result<ClientRecord> {
    Ok(ClientRecord { client: row.get(0)?, passes: row.get(1)?, last_seen: moment(row.get(2)?) })
}

fn stats(connection: &Connection, allow_client_after: u32) -> rusqlite::Result<GreylistStats> {
    let sql = "SELECT (SELECT value FROM counter WHERE name = 'waiting') + (SELECT count(*) FROM arriving),
                      (SELECT count(*) FROM triplet WHERE passed = 1),
                      (SELECT count(*) FROM client),
                      (SELECT count(*) FROM client WHERE ?1 > 0 AND passes >= ?1),
                      (SELECT count(*) FROM (SELECT network FROM network UNION SELECT network FROM arriving)),
                      (SELECT min(first_seen) FROM
                          (SELECT * FROM (SELECT first_seen FROM triplet WHERE passed = 0
                                          ORDER BY first_seen / 4096 LIMIT 10000)
                           UNION ALL SELECT first_seen FROM arriving))";
    connection.prepare_cached(sql)?.query_row([allow_client_after], |row| {
        Ok(GreylistStats {
            waiting: row.get(0)?,
            passed: row.get(1)?,
            clients: row.get(2)?,
            known_clients: row.get(3)?,
            networks: row.get(4)?,
            oldest_waiting: row.get::<_, Option<i64>>(5)?.map(moment),
        })
    })
}
