//! Reading the journal, page by page, so that no reader holds a snapshot for long.

use std::net::IpAddr;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Row, named_params};

use super::journal::decode;
use super::time::{moment, seconds};
use crate::store::{
    AddressSelection, CameBack, JournalClient, JournalRecord, JournalSelection, JournalWalk, Thread, Verdict,
};

/// Rows of one page.
const PAGE: usize = 1_000;

const COLUMNS: &str = "id, time, client, client_name, helo, sender, sender_key, recipient, recipient_key, check_name, reason, \
    observed, verdict, action, evidence, elapsed_us, thread";

/// What most searches narrow by, so that few rows come out of the table; [`JournalSelection::means`] has the last word.
const NARROWED: &str = "time >= :since AND time < :until
    AND (:check IS NULL OR check_name = :check) AND (:reason IS NULL OR reason = :reason)
    AND (:sender IS NULL OR sender = :sender OR sender_key = :sender)
    AND (:recipient IS NULL OR recipient = :recipient OR recipient_key = :recipient)
    AND (:domain IS NULL OR instr(sender, :domain) OR instr(recipient, :domain) OR instr(sender_key, :domain))
    AND (:client IS NULL OR client = :client)";

/// The records that are meant, oldest first.
pub(super) fn records(
    connection: &Connection,
    selection: &JournalSelection,
    walk: JournalWalk,
    limit: usize,
) -> rusqlite::Result<Vec<(JournalRecord, Option<CameBack>)>> {
    let mut found = Vec::new();
    let mut place = Place::first(walk);
    while found.len() < limit {
        let page = page(connection, selection, place)?;
        let is_last = page.len() < PAGE;
        let Some(last) = page.last() else { break };
        place = place.behind(seconds(last.time), last.id);
        found.extend(page.into_iter().filter(|record| selection.means(record)));
        if is_last {
            break;
        }
    }
    found.truncate(limit);
    if walk == JournalWalk::Newest {
        found.reverse();
    }
    found
        .into_iter()
        .map(|record| Ok((came_back(connection, &record)?, record)).map(|(back, record)| (record, back)))
        .collect()
}

/// One record with its trace.
pub(super) fn record(connection: &Connection, id: i64) -> rusqlite::Result<Option<(JournalRecord, Option<CameBack>)>> {
    let sql = format!("SELECT {COLUMNS} FROM journal WHERE id = ?1");
    let Some(mut record) = connection.prepare_cached(&sql)?.query_row([id], journal_record).optional()? else {
        return Ok(None);
    };
    let steps = connection
        .prepare_cached("SELECT steps FROM journal_trace WHERE id = ?1")?
        .query_row([id], |row| row.get::<_, String>(0))
        .optional()?;
    record.trace = steps.as_deref().map(decode).unwrap_or_default();
    let back = came_back(connection, &record)?;
    Ok(Some((record, back)))
}

/// Where a page begins: at the bound of time and id in this direction.
#[derive(Debug, Clone, Copy)]
struct Place {
    condition: &'static str,
    order: &'static str,
    time: i64,
    id: i64,
}

impl Place {
    fn first(walk: JournalWalk) -> Self {
        let (condition, order, time, id) = match walk {
            JournalWalk::Newest => ("(time, id) < (:time, :id)", "time DESC, id DESC", i64::MAX, i64::MAX),
            JournalWalk::Behind(time, id) => ("(time, id) > (:time, :id)", "time, id", seconds(time), id),
            JournalWalk::WrittenAfter(id) => (":time IS NOT NULL AND id > :id", "id", 0, id),
        };
        Self { condition, order, time, id }
    }

    fn behind(self, time: i64, id: i64) -> Self {
        Self { time, id, ..self }
    }
}

fn page(connection: &Connection, selection: &JournalSelection, place: Place) -> rusqlite::Result<Vec<JournalRecord>> {
    let Place { condition, order, time, id } = place;
    let sql = format!("SELECT {COLUMNS} FROM journal WHERE {condition} AND {NARROWED} ORDER BY {order} LIMIT :page");
    let rows = named_params! {
        ":time": time,
        ":id": id,
        ":since": selection.since.map_or(i64::MIN, seconds),
        ":until": selection.until.map_or(i64::MAX, seconds),
        ":check": selection.check,
        ":reason": selection.reason,
        ":sender": address(selection.sender.as_ref()),
        ":recipient": address(selection.recipient.as_ref()),
        ":domain": selection.domain,
        ":client": single_client(selection),
        ":page": PAGE,
    };
    connection.prepare_cached(&sql)?.query_map(rows, journal_record)?.collect()
}

fn address(selection: Option<&AddressSelection>) -> Option<&str> {
    match selection? {
        AddressSelection::Key(key) => Some(key),
        AddressSelection::Domain(_) => None,
    }
}

fn single_client(selection: &JournalSelection) -> Option<String> {
    match selection.client.as_ref()? {
        JournalClient::Network(network) if *network == network.addr().into() => Some(network.addr().to_string()),
        _ => None,
    }
}

/// Reads [`COLUMNS`]. Nonsense in the database becomes something harmless.
fn journal_record(row: &Row<'_>) -> rusqlite::Result<JournalRecord> {
    let sender: String = row.get(5)?;
    let recipient: String = row.get(7)?;
    Ok(JournalRecord {
        id: row.get(0)?,
        time: moment(row.get(1)?),
        client: row.get_ref(2)?.as_str()?.parse().unwrap_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED)),
        client_name: row.get(3)?,
        helo: row.get(4)?,
        sender_key: row.get::<_, Option<_>>(6)?.unwrap_or_else(|| sender.clone()),
        sender,
        recipient_key: row.get::<_, Option<_>>(8)?.unwrap_or_else(|| recipient.clone()),
        recipient,
        check: row.get(9)?,
        reason: row.get(10)?,
        observed: row.get(11)?,
        verdict: Verdict::from_name(row.get_ref(12)?.as_str()?).unwrap_or(Verdict::Pass),
        action: row.get(13)?,
        evidence: row.get(14)?,
        elapsed: Duration::from_micros(row.get::<_, i64>(15)?.try_into().unwrap_or(0)),
        thread: row.get::<_, Option<_>>(16)?.map(Thread),
        trace: Vec::new(),
    })
}

/// What became of a deferral of a triplet; `None` for everything else.
fn came_back(connection: &Connection, record: &JournalRecord) -> rusqlite::Result<Option<CameBack>> {
    let Some(Thread(thread)) = record.thread.filter(|_| record.verdict == Verdict::Defer) else { return Ok(None) };
    let sql = "SELECT count(*), max(time), min(CASE verdict WHEN 'pass' THEN time END) FROM journal
               WHERE thread = ?1 AND id > ?2 AND observed = ?3";
    connection.prepare_cached(sql)?.query_row((thread, record.id, record.observed), |row| {
        Ok(Some(CameBack {
            attempts: row.get(0)?,
            last: row.get::<_, Option<i64>>(1)?.map(moment),
            passed: row.get::<_, Option<i64>>(2)?.map(moment),
        }))
    })
}
