//! Reading the greylist page by page, so that no reader holds a snapshot for long: an old one keeps the write-ahead log
//! from being emptied.

use rusqlite::{Connection, params};

use super::time::{Cutoffs, moment};
use crate::store::{ClientRecord, ClientSelection, Selection, Triplet, TripletRecord, TripletState};

/// Rows of one page.
const PAGE: usize = 2_000;

/// From where on to read triplets, in the order of their keys.
#[derive(Debug, Clone)]
pub(super) struct Place(Triplet);

impl Place {
    /// The first place where something that is meant may be.
    pub(super) fn first(selection: &Selection) -> Self {
        let client = match &selection.client {
            Some(ClientSelection::Identity(identity)) => identity.clone(),
            _ => String::new(),
        };
        Self(Triplet { client, sender: String::new(), recipient: String::new() })
    }

    /// Right behind `last`.
    fn behind(last: &Triplet) -> Self {
        Self(Triplet { recipient: behind(&last.recipient), ..last.clone() })
    }
}

/// The next text: none lies between a text and that text with a NUL.
pub(super) fn behind(text: &str) -> String {
    [text, "\0"].concat()
}

/// The triplets that are meant, in the order of their keys, at most `limit`.
pub(super) fn triplets(
    connection: &Connection,
    selection: &Selection,
    limit: usize,
) -> rusqlite::Result<Vec<TripletRecord>> {
    let mut found = Vec::new();
    let mut place = Some(Place::first(selection));
    while let Some(from) = place
        && found.len() < limit
    {
        let (page, next) = page_of_triplets(connection, selection, &from)?;
        found.extend(page);
        place = next;
    }
    found.truncate(limit);
    Ok(found)
}

/// The triplets of one page that are meant, and where the next page begins.
pub(super) fn page_of_triplets(
    connection: &Connection,
    selection: &Selection,
    from: &Place,
) -> rusqlite::Result<(Vec<TripletRecord>, Option<Place>)> {
    let Place(Triplet { client, sender, recipient }) = from;
    let mut statement = connection.prepare_cached(
        "SELECT client, sender, recipient, passed, first_seen, last_seen, attempts FROM triplet
         WHERE (client, sender, recipient) >= (?1, ?2, ?3) AND passed = 0
         UNION ALL SELECT client, sender, recipient, passed, first_seen, last_seen, attempts FROM triplet
         WHERE (client, sender, recipient) >= (?1, ?2, ?3) AND passed = 1
         UNION ALL SELECT client, sender, recipient, 0, first_seen, first_seen, 1 FROM arriving
         WHERE (client, sender, recipient) >= (?1, ?2, ?3)
         ORDER BY client, sender, recipient LIMIT ?4",
    )?;
    let rows = statement.query_map(params![client, sender, recipient, PAGE], triplet_record)?;
    let mut records = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let is_last = records.len() < PAGE;
    let next = records
        .last()
        .filter(|last| !is_last && may_have_more(selection, last))
        .map(|last| Place::behind(&last.triplet));
    records.retain(|record| selection.means_triplet(record));
    Ok((records, next))
}

fn may_have_more(selection: &Selection, last: &TripletRecord) -> bool {
    !matches!(&selection.client, Some(ClientSelection::Identity(identity)) if *identity != last.triplet.client)
}

fn triplet_record(row: &rusqlite::Row<'_>) -> rusqlite::Result<TripletRecord> {
    Ok(TripletRecord {
        triplet: Triplet { client: row.get(0)?, sender: row.get(1)?, recipient: row.get(2)? },
        state: if row.get(3)? { TripletState::Passed } else { TripletState::Waiting },
        first_seen: moment(row.get(4)?),
        last_seen: moment(row.get(5)?),
        attempts: row.get(6)?,
    })
}

/// The clients of one page, and where the next begins.
pub(super) fn page_of_clients(
    connection: &Connection,
    from: &str,
) -> rusqlite::Result<(Vec<ClientRecord>, Option<String>)> {
    let mut statement = connection
        .prepare_cached("SELECT client, passes, last_seen FROM client WHERE client >= ?1 ORDER BY client LIMIT ?2")?;
    let rows = statement.query_map(params![from, PAGE], super::greylist::client_record)?;
    let records = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let last = if records.len() < PAGE { None } else { records.last() };
    let next = last.map(|last| format!("{}\0", last.client));
    Ok((records, next))
}

/// The numbers of the triplets that have lapsed among those of one page, and where the next begins. This walks in the
/// order of the rows on disk.
pub(super) fn page_of_lapsed(
    connection: &Connection,
    cutoffs: Cutoffs,
    from: i64,
) -> rusqlite::Result<(Vec<i64>, Option<i64>)> {
    let mut statement = connection
        .prepare_cached("SELECT id, passed, first_seen, last_seen FROM triplet WHERE id >= ?1 ORDER BY id LIMIT ?2")?;
    let mut rows = statement.query(params![from, PAGE])?;
    let (mut lapsed, mut count, mut last) = (Vec::new(), 0, None);
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        if cutoffs.has_lapsed(row.get(1)?, row.get(2)?, row.get(3)?) {
            lapsed.push(id);
        }
        count += 1;
        last = id.checked_add(1);
    }
    Ok((lapsed, last.filter(|_| count == PAGE)))
}

/// Reads the pages that change when these triplets are removed.
pub(super) fn look_up(connection: &Connection, ids: &[i64]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "SELECT iif(passed,
            (SELECT id FROM triplet WHERE client = this.client AND sender = this.sender AND recipient = this.recipient
                                      AND passed = 1),
            (SELECT id FROM triplet WHERE client = this.client AND sender = this.sender AND recipient = this.recipient
                                      AND passed = 0)
            + (SELECT id FROM triplet WHERE network = this.network AND first_seen = this.first_seen AND passed = 0 LIMIT 1)
            + (SELECT waiting FROM network WHERE network = this.network))
         FROM triplet AS this WHERE id = ?1",
    )?;
    for id in ids {
        statement.query((id,))?.next()?;
    }
    Ok(())
}
