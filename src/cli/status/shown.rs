//! The status for people.

use std::time::Duration;

use super::{Decided, Report};
use crate::cli::Failure;
use crate::cli::output::{line, note, or_dash, write_table};
use crate::clock::{Timestamp, elapsed};
use crate::http::{SourceStatus, Status, ZoneStatus};
use crate::text::printable;

/// The most octets of one value.
const MAX_VALUE: usize = 1000;

pub(super) fn write(report: &Report) -> Result<(), Failure> {
    match &report.daemon {
        Some(status) => write_status(status)?,
        None => {
            line(&format!("in service     listens at {}", report.listen.join(", ")))?;
            note("hint: `http: inet:127.0.0.1:9187` in the policy file lets the daemon tell more of itself");
        }
    }
    if !report.decided.is_empty() {
        line("")?;
        let row = |decided: &Decided| {
            let totals = decided.totals;
            let [asked, passed, deferred, rejected] =
                [totals.asked, totals.passed, totals.deferred, totals.rejected].map(|number| number.to_string());
            [decided.last.to_owned(), asked, passed, deferred, rejected]
        };
        write_table(["last", "recipients", "passed", "deferred", "rejected"], report.decided.iter().map(row))?;
    }
    if let Some(status) = &report.daemon {
        write_parts(status)?;
    }
    Ok(())
}

fn write_status(status: &Status) -> Result<(), Failure> {
    let up = span(status.started, status.time);
    let state = match &status.not_ready {
        None => format!("for {up}, since {}", status.started.strftime("%Y-%m-%dT%H:%M:%SZ")),
        Some(why) => format!("no: {why}"),
    };
    let store = &status.store;
    let database = match &store.outage {
        Some(outage) => outage.clone(),
        None => format!(
            "{} triplets wait, {} decisions in the journal, {} KiB, {} changes wait to be committed",
            number(store.waiting_triplets),
            number(store.journal_records),
            number(store.octets.map(|octets| octets / 1024)),
            store.waiting
        ),
    };
    let lists = match status.lists.generation {
        Some(generation) => format!("{} entries, generation {generation}", status.lists.entries),
        None => "not read yet".to_owned(),
    };
    for (name, value) in [
        ("in service", state),
        ("version", status.version.clone()),
        ("listens at", status.listen.join(", ")),
        ("connections", status.connections.to_string()),
        ("access lists", lists),
        ("database", database),
        ("not journaled", status.journal.dropped.to_string()),
    ] {
        line(&format!("{name:<14} {}", printable(&value, MAX_VALUE)))?;
    }
    Ok(())
}

fn write_parts(status: &Status) -> Result<(), Failure> {
    if !status.zones.is_empty() {
        line("")?;
    }
    let zone = |zone: &ZoneStatus| {
        let said = [zone.listed, zone.not_listed, zone.errors].map(|number| number.to_string());
        let [listed, not_listed, errors] = said;
        [zone.zone.clone(), zone.standing.clone(), listed, not_listed, errors, or_dash(zone.reason.as_deref())]
    };
    write_table(["blocklist", "state", "listed", "not listed", "errors", "why"], status.zones.iter().map(zone))?;
    if !status.lists.sources.is_empty() {
        line("")?;
    }
    let source = |source: &SourceStatus| {
        let read = source.read.map(|read| format!("{} ago", span(read, status.time)));
        let state = source.error.clone().unwrap_or_else(|| "good".to_owned());
        [source.name.clone(), source.entries.to_string(), or_dash(read.as_deref()), state]
    };
    write_table(["source", "entries", "read", "state"], status.lists.sources.iter().map(source))
}

fn number(number: Option<u64>) -> String {
    number.map_or_else(|| "?".to_owned(), |number| number.to_string())
}

fn span(since: Timestamp, until: Timestamp) -> String {
    let span = elapsed(since, until).unwrap_or_default();
    humantime::format_duration(Duration::from_secs(span.as_secs())).to_string()
}
