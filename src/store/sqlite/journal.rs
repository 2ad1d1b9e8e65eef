//! The journal in SQL: what is written down, and what makes room for it.

use std::sync::Arc;

use rusqlite::{Connection, params};

use super::time::seconds;
use super::{Sqlite, recall, tally};
use crate::clock::{Timestamp, earlier};
use crate::store::{
    Answer, CameBack, Journal, JournalRecord, JournalRetention, JournalSelection, JournalWalk, StoreError, Tally,
    TraceRecord,
};

/// How many records one job of the writer removes at most: some milliseconds.
const PORTION: i64 = 200;

impl Journal for Sqlite {
    fn append<'a>(&'a self, records: Arc<[JournalRecord]>, retention: &'a JournalRetention) -> Answer<'a, ()> {
        let rows = retention.rows;
        self.write(move |connection| append(connection, &records, rows))
    }

    fn add_tally(&self, tally: Arc<Tally>) -> Answer<'_, ()> {
        self.write(move |connection| tally::add(connection, &tally))
    }

    fn records<'a>(
        &'a self,
        selection: &'a JournalSelection,
        walk: JournalWalk,
        limit: usize,
    ) -> Answer<'a, Vec<(JournalRecord, Option<CameBack>)>> {
        let selection = selection.clone();
        self.read(move |connection| recall::records(connection, &selection, walk, limit))
    }

    fn record(&self, id: i64) -> Answer<'_, Option<(JournalRecord, Option<CameBack>)>> {
        self.read(move |connection| recall::record(connection, id))
    }

    fn last_record(&self) -> Answer<'_, i64> {
        self.read(|connection| {
            let sql = "SELECT ifnull(max(seq), 0) FROM sqlite_sequence WHERE name = 'journal'";
            connection.prepare_cached(sql)?.query_row((), |row| row.get(0))
        })
    }

    fn tally(&self, since: Timestamp, until: Timestamp) -> Answer<'_, Tally> {
        self.read(move |connection| tally::read(connection, seconds(since), seconds(until)))
    }

    fn purge_journal<'a>(&'a self, retention: &'a JournalRetention, now: Timestamp) -> Answer<'a, u64> {
        Box::pin(purge(self, earlier(now, retention.keep)))
    }
}

/// Ids are given in order, so the room that records take is told by the first and the last of them. Every call removes at most
/// twice as many as it adds: nobody waits long, and a bound that was lowered is reached soon enough.
fn append(connection: &Connection, records: &[JournalRecord], rows: u64) -> rusqlite::Result<()> {
    let mut last = 0;
    for record in records {
        last = insert(connection, record)?;
        let steps = encode(&record.trace);
        connection.prepare_cached("INSERT INTO journal_trace (id, steps) VALUES (?1, ?2)")?.execute((last, steps))?;
    }
    let beyond = last.saturating_sub(i64::try_from(rows).unwrap_or(i64::MAX));
    if beyond > 0 {
        remove(connection, "id <= ?1", beyond, i64::try_from(records.len()).unwrap_or(PORTION).saturating_mul(2))?;
    }
    Ok(())
}

fn insert(connection: &Connection, record: &JournalRecord) -> rusqlite::Result<i64> {
    let elapsed = u64::try_from(record.elapsed.as_micros()).unwrap_or(u64::MAX);
    connection
        .prepare_cached(
            "INSERT INTO journal (time, client, client_name, helo, sender, sender_key, recipient, recipient_key,
                                  check_name, reason, observed, verdict, action, evidence, elapsed_us, thread)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        )?
        .insert(params![
            seconds(record.time),
            record.client.to_string(),
            record.client_name,
            record.helo,
            record.sender,
            Some(&record.sender_key).filter(|key| **key != record.sender),
            record.recipient,
            Some(&record.recipient_key).filter(|key| **key != record.recipient),
            record.check,
            record.reason,
            record.observed,
            record.verdict.as_str(),
            record.action,
            record.evidence,
            i64::try_from(elapsed).unwrap_or(i64::MAX),
            record.thread.map(|thread| thread.0),
        ])
}

/// Removes the first records for which `condition` holds, at most `limit`; answers how many.
fn remove(connection: &Connection, condition: &str, bound: i64, limit: i64) -> rusqlite::Result<usize> {
    let meant = format!("IN (SELECT id FROM journal WHERE {condition} LIMIT ?2)");
    connection.prepare_cached(&format!("DELETE FROM journal_trace WHERE id {meant}"))?.execute([bound, limit])?;
    connection.prepare_cached(&format!("DELETE FROM journal WHERE id {meant}"))?.execute([bound, limit])
}

async fn purge(store: &Sqlite, oldest: Timestamp) -> Result<u64, StoreError> {
    let oldest = seconds(oldest);
    let mut purged = 0;
    loop {
        let removed = store.write(move |connection| remove(connection, "time < ?1", oldest, PORTION)).await?;
        purged += removed as u64;
        if removed == 0 {
            break;
        }
    }
    while store.write(move |connection| tally::purge(connection, oldest, PORTION)).await? > 0 {}
    Ok(purged)
}

/// A step in the table.
type Step<S> = (S, S, Option<S>, Option<S>, S, u64);

fn encode(trace: &[TraceRecord]) -> String {
    let steps = trace.iter().map(|step| -> Step<&str> {
        let TraceRecord { check, mode, reason, consequence, evidence, elapsed_us } = step;
        (check, mode, reason.as_deref(), consequence.as_deref(), evidence, *elapsed_us)
    });
    serde_json::to_string(&steps.collect::<Vec<_>>()).unwrap_or_default()
}

/// What was written by another version, or by nobody of us, is no trace.
pub(super) fn decode(steps: &str) -> Vec<TraceRecord> {
    let steps: Vec<Step<String>> = serde_json::from_str(steps).unwrap_or_default();
    let record = |(check, mode, reason, consequence, evidence, elapsed_us)| TraceRecord {
        check,
        mode,
        reason,
        consequence,
        evidence,
        elapsed_us,
    };
    steps.into_iter().map(record).collect()
}
