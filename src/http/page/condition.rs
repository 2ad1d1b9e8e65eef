//! How everything is: the daemon, its blocklists, its access lists, its database.

use std::time::Duration;

use super::shown::{age, count, moment, size, span};
use super::{paragraph, section};
use crate::clock::elapsed;
use crate::http::html::{Html, table};
use crate::http::status::{ListsStatus, SourceStatus, Status, StoreStatus, ZoneStatus};

/// One line about the whole.
pub(super) fn headline(status: &Status) -> Html {
    let up = span(elapsed(status.started, status.time).unwrap_or_default());
    let state = match &status.not_ready {
        None => Html::element("strong", &[("class", &"good")], &Html::of("In service")),
        Some(why) => Html::element("strong", &[("class", &"bad")], &Html::text(format_args!("Not ready: {why}"))),
    };
    let rest = format!(
        " for {up}, with {} open. Version {}. Times are in UTC; it is {}.",
        connections(status.connections),
        status.version,
        moment(status.time)
    );
    Html::element("p", &[("class", &"state")], &[state, Html::text(rest)].into_iter().collect())
}

fn connections(number: u64) -> String {
    if number == 1 { "1 connection".to_owned() } else { format!("{} connections", count(number)) }
}

/// The parts in detail.
pub(super) fn sections(status: &Status) -> Html {
    [
        section("Blocklists", &zones(&status.zones)),
        section("Access lists", &lists(&status.lists, status)),
        section("Names looked up", &lookups(status)),
        section("Database", &store(&status.store, status)),
    ]
    .into_iter()
    .collect()
}

fn zones(zones: &[ZoneStatus]) -> Html {
    if zones.is_empty() {
        return paragraph("None is asked.");
    }
    let row = |zone: &ZoneStatus| {
        let (class, word) = match zone.standing.as_str() {
            "good" => ("good", "counts"),
            "untested" => ("", "not tested yet"),
            _ => ("bad", "out"),
        };
        let said = zone.reason.as_ref().map_or_else(|| word.to_owned(), |why| format!("{word}: {why}"));
        let state = Html::element("span", &[("class", &class)], &Html::text(said));
        let [listed, not_listed, errors] = [zone.listed, zone.not_listed, zone.errors].map(|n| Html::text(count(n)));
        [Html::text(&zone.zone), state, listed, not_listed, errors]
    };
    table(["Zone", "State", "Listed", "Not listed", "Errors"], zones.iter().map(row))
}

fn lists(lists: &ListsStatus, status: &Status) -> Html {
    let entries = match lists.generation {
        None => "They could not be read yet.".to_owned(),
        Some(_) if lists.rejected == 0 => format!("{} entries count.", count(lists.entries)),
        Some(_) => format!("{} entries count; {} cannot be understood.", count(lists.entries), count(lists.rejected)),
    };
    let mut html = paragraph(entries);
    if lists.sources.is_empty() {
        return html;
    }
    let row = |source: &SourceStatus| {
        let read = source.read.map_or_else(|| "not yet".to_owned(), |read| age(read, status.time));
        let state = match &source.error {
            None => Html::element("span", &[("class", &"good")], &Html::of("good")),
            Some(why) => Html::element("span", &[("class", &"bad")], &Html::text(why)),
        };
        [Html::text(&source.name), Html::text(count(source.entries)), Html::text(read), state]
    };
    html.push(&table(["Source", "Entries", "Read", "State"], lists.sources.iter().map(row)));
    html
}

fn lookups(status: &Status) -> Html {
    let sum = |wanted: &[&str]| -> u64 {
        status.lookups.iter().filter(|lookup| wanted.contains(&&*lookup.outcome)).map(|lookup| lookup.number).sum()
    };
    let (answered, failed) = (sum(&["found", "nothing"]), sum(&["timeout", "failed", "unavailable"]));
    paragraph(format_args!("{} answered, {} without an answer, since the start.", count(answered), count(failed)))
}

fn store(store: &StoreStatus, status: &Status) -> Html {
    let mean = if store.commits == 0 { 0.0 } else { store.commit_seconds * 1000.0 / exact(store.commits) };
    let slowest = Duration::try_from_secs_f64(store.slowest_commit_seconds).unwrap_or_default().as_millis();
    let told = |number: Option<u64>, show: fn(u64) -> String| number.map_or_else(|| "?".to_owned(), show);
    let rows = [
        ("State", store.outage.clone().unwrap_or_else(|| "usable".to_owned())),
        ("Size", told(store.octets, size)),
        ("Waiting triplets", told(store.waiting_triplets, count)),
        ("Decisions in the journal", told(store.journal_records, count)),
        ("Changes that wait", count(store.waiting)),
        ("Transactions", format!("{}; {mean:.1} ms on average, the longest {slowest} ms", count(store.commits))),
        ("Decisions not written down", count(status.journal.dropped)),
    ];
    table(["", ""], rows.map(|(name, value)| [Html::text(name), Html::text(value)]))
}

#[expect(clippy::cast_precision_loss, reason = "for an average")]
fn exact(number: u64) -> f64 {
    number as f64
}
