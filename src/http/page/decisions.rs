//! Why was this mail refused? The newest decisions, those that are looked for, and one in full.

use std::fmt::Display;
use std::time::Duration;

use super::shown::{moment, span};
use super::unavailable;
use crate::clock::{Timestamp, elapsed};
use crate::http::html::{Html, table};
use crate::http::search::Search;
use crate::store::{CameBack, Journal, JournalRecord, JournalWalk, TraceRecord, Verdict};

/// How many decisions are shown.
const NEWEST: usize = 20;

/// How many are shown that were looked for.
const FOUND: usize = 200;

/// A form to look for decisions, and the newest of those that are meant.
pub(super) async fn section(journal: &dyn Journal, search: &Search, now: Timestamp) -> Html {
    let mut html = form(search);
    html.push(&match search.selection() {
        Err(mistake) => Html::element("p", &[("class", &"bad")], &Html::text(mistake)),
        Ok(selection) => {
            let most = if search.is_empty() { NEWEST } else { FOUND };
            match journal.records(&selection, JournalWalk::Newest, most).await {
                Ok(records) if records.is_empty() => Html::element("p", &[], &Html::of(none(search))),
                Ok(records) => list(records, most, now),
                Err(error) => unavailable(&error),
            }
        }
    });
    super::section("Decisions", &html)
}

fn form(search: &Search) -> Html {
    let fields = [
        ("client", "Client", "192.0.2.1, a network, a host", &search.client),
        ("sender", "Sender", "address, domain or <>", &search.sender),
        ("recipient", "Recipient", "address or domain", &search.recipient),
    ];
    let field = |(name, label, example, value): (&str, &'static str, &str, &String)| {
        let attributes: [(&str, &dyn Display); 4] =
            [("name", &name), ("value", value), ("placeholder", &example), ("autocapitalize", &"off")];
        let label = [Html::of(label), Html::tag("input", &attributes)].into_iter().collect();
        Html::element("label", &[], &label)
    };
    let button = Html::of("<button>Search</button>");
    let content = fields.into_iter().map(field).chain([button]).collect();
    Html::element("form", &[("method", &"get"), ("action", &"/"), ("role", &"search")], &content)
}

/// What is said where there is nothing to show.
fn none(search: &Search) -> &'static str {
    match search.is_empty() {
        true => "There is none: nobody was refused, deferred, or passed after waiting.",
        false => "There is none like that. Who simply passed is not written down.",
    }
}

fn list(records: Vec<(JournalRecord, Option<CameBack>)>, most: usize, now: Timestamp) -> Html {
    let note = (records.len() == most).then(|| format!("The newest {most}; there may be more."));
    let rows = records.into_iter().rev().map(|(record, back)| row(&record, back, now));
    let rows = table(["Time", "Client", "From and to", "Decision", "Why"], rows);
    let mut html = Html::element("div", &[("class", &"decisions")], &rows);
    html.push(&note.map_or_else(Html::default, super::paragraph));
    html
}

fn row(record: &JournalRecord, back: Option<CameBack>, now: Timestamp) -> [Html; 5] {
    let link = format!("/decision?id={}", record.id);
    let time = Html::element("a", &[("href", &link)], &Html::text(moment(record.time)));
    let client = lines([Html::text(record.client), Html::text(record.client_name.as_deref().unwrap_or("no name"))]);
    let addresses = lines([Html::text(sender(record)), Html::text(&record.recipient)]);
    let mut decision = vec![verdict(record)];
    decision.extend(back.filter(|_| !record.observed).map(|back| Html::text(returned(record, back, now))));
    let reason = Html::element("b", &[], &Html::text(&record.reason));
    [time, client, addresses, lines(decision), lines([reason, Html::text(&record.evidence)])]
}

/// Everything about one decision.
pub(super) fn in_full(record: &JournalRecord, back: Option<CameBack>) -> Html {
    let client = format!("{} ({})", record.client, record.client_name.as_deref().unwrap_or("no confirmed name"));
    let back = back.filter(|_| !record.observed).map_or_else(|| "-".to_owned(), |back| came_back(record, back));
    let rows = [
        ("Time", Html::text(moment(record.time))),
        ("Client", Html::text(client)),
        ("Called itself", Html::text(&record.helo)),
        ("From", Html::text(sender(record))),
        ("To", Html::text(&record.recipient)),
        ("Decision", verdict(record)),
        (if record.observed { "Would" } else { "Answer" }, Html::text(&record.action)),
        ("By", Html::text(format_args!("{}: {}", record.check, record.reason))),
        ("Because", Html::text(&record.evidence)),
        ("Came back", Html::text(back)),
        ("Took", Html::text(format_args!("{} µs", record.elapsed.as_micros()))),
    ];
    let facts = table(["", ""], rows.map(|(name, value)| [Html::of(name), value]));
    let mut html = Html::element("div", &[("class", &"facts")], &facts);
    let header = ["Check", "Mode", "Reason", "Consequence", "Took", "Evidence"];
    html.push(&Html::element("div", &[("class", &"steps")], &table(header, record.trace.iter().map(step))));
    super::section("One decision", &html)
}

fn step(step: &TraceRecord) -> [Html; 6] {
    let or_dash = |text: &Option<String>| Html::text(text.as_deref().unwrap_or("-"));
    let took = Html::text(format_args!("{} µs", step.elapsed_us));
    let (reason, consequence) = (or_dash(&step.reason), or_dash(&step.consequence));
    [Html::text(&step.check), Html::text(&step.mode), reason, consequence, took, Html::text(&step.evidence)]
}

fn verdict(record: &JournalRecord) -> Html {
    let (class, word) = match record.verdict {
        Verdict::Pass => ("passed", "passed"),
        Verdict::Defer => ("deferred", "deferred"),
        Verdict::Reject => ("rejected", "rejected"),
    };
    match record.observed {
        false => Html::element("span", &[("class", &class)], &Html::of(word)),
        true => Html::text(format_args!("would {}", if record.action == "ignore" { "pass" } else { &record.action })),
    }
}

/// In few words; nothing about those of whom nothing is to be expected.
fn returned(record: &JournalRecord, back: CameBack, now: Timestamp) -> String {
    match (back.passed, back.attempts) {
        (Some(passed), _) => format!("passed after {}", waited(record.time, passed)),
        (None, 0) => format!("not seen again for {}", waited(record.time, now)),
        (None, attempts) => format!("tried again {}", times(attempts)),
    }
}

fn came_back(record: &JournalRecord, back: CameBack) -> String {
    match (back.passed, back.last, back.attempts) {
        (Some(passed), ..) => format!("yes, and passed at {}, after {}", moment(passed), waited(record.time, passed)),
        (None, Some(last), attempts) => format!("{}, the last time at {}", times(attempts), moment(last)),
        (None, None, _) => "not so far".to_owned(),
    }
}

fn times(number: u32) -> String {
    if number == 1 { "once".to_owned() } else { format!("{number} times") }
}

fn waited(since: Timestamp, until: Timestamp) -> String {
    span(elapsed(since, until).unwrap_or(Duration::ZERO))
}

/// The null sender as people write it.
fn sender(record: &JournalRecord) -> &str {
    if record.sender.is_empty() { "<>" } else { &record.sender }
}

fn lines(lines: impl IntoIterator<Item = Html>) -> Html {
    lines.into_iter().map(|line| Html::element("div", &[], &line)).collect()
}
