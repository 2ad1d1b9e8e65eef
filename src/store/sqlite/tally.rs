//! What was counted, in SQL.

use rusqlite::{Connection, params};

use super::time::{moment, seconds};
use crate::store::{Count, Tally, Timing, Verdict};

pub(super) fn add(connection: &Connection, tally: &Tally) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO tally (slot, check_name, reason, verdict, observed, passed, number) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT DO UPDATE SET number = number + excluded.number",
    )?;
    for (count, number) in &tally.counts {
        let Count { slot, check, reason, verdict, observed, passed } = count;
        statement.execute(params![seconds(*slot), check, reason, verdict.as_str(), observed, passed, number])?;
    }
    let mut statement = connection.prepare_cached(
        "INSERT INTO timing (slot, check_name, magnitude, number, total_us) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET number = number + excluded.number, total_us = total_us + excluded.total_us",
    )?;
    for (Timing { slot, check, magnitude }, number, total_us) in &tally.timings {
        statement.execute(params![seconds(*slot), check, magnitude, number, total_us])?;
    }
    Ok(())
}

pub(super) fn read(connection: &Connection, since: i64, until: i64) -> rusqlite::Result<Tally> {
    let mut statement = connection.prepare_cached(
        "SELECT slot, check_name, reason, verdict, observed, passed, number FROM tally WHERE slot >= ?1 AND slot < ?2",
    )?;
    let counts = statement.query_map([since, until], |row| {
        let count = Count {
            slot: moment(row.get(0)?),
            check: row.get::<_, String>(1)?.into(),
            reason: row.get::<_, String>(2)?.into(),
            verdict: Verdict::from_name(row.get_ref(3)?.as_str()?).unwrap_or(Verdict::Pass),
            observed: row.get(4)?,
            passed: row.get(5)?,
        };
        Ok((count, row.get(6)?))
    })?;
    let mut statement = connection.prepare_cached(
        "SELECT slot, check_name, magnitude, number, total_us FROM timing WHERE slot >= ?1 AND slot < ?2",
    )?;
    let timings = statement.query_map([since, until], |row| {
        let timing =
            Timing { slot: moment(row.get(0)?), check: row.get::<_, String>(1)?.into(), magnitude: row.get(2)? };
        Ok((timing, row.get(3)?, row.get(4)?))
    })?;
    Ok(Tally { counts: counts.collect::<Result<_, _>>()?, timings: timings.collect::<Result<_, _>>()? })
}

/// Removes what was counted before `oldest`, at most `limit` rows of each kind; answers how many.
pub(super) fn purge(connection: &Connection, oldest: i64, limit: i64) -> rusqlite::Result<usize> {
    let tally = "DELETE FROM tally WHERE (slot, check_name, reason, verdict, observed, passed) IN
        (SELECT slot, check_name, reason, verdict, observed, passed FROM tally WHERE slot < ?1 LIMIT ?2)";
    let timing = "DELETE FROM timing WHERE (slot, check_name, magnitude) IN
        (SELECT slot, check_name, magnitude FROM timing WHERE slot < ?1 LIMIT ?2)";
    Ok(connection.prepare_cached(tally)?.execute([oldest, limit])?
        + connection.prepare_cached(timing)?.execute([oldest, limit])?)
}
