//! What a report tells, as tables: the same for the terminal and for the page.

use std::time::Duration;

use crate::journal::summary::{PATIENCE, Summary};
use crate::maillog::MailLog;

/// A table with a heading.
pub(super) struct Section {
    pub(super) title: &'static str,
    /// What has to be known to read it.
    pub(super) note: String,
    pub(super) header: Vec<&'static str>,
    pub(super) rows: Vec<Row>,
}

/// A row, with a bar if it is a part of something.
pub(super) struct Row {
    pub(super) cells: Vec<String>,
    pub(super) share: Option<Share>,
}

/// A part of a whole.
#[derive(Clone, Copy)]
pub(super) struct Share {
    /// Between 0 and 1.
    pub(super) part: f64,
    /// What it is a part of, for its colour.
    pub(super) kind: Kind,
}

/// What a bar stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Rejected,
    Deferred,
    Passed,
    Other,
}

impl Kind {
    fn of_verdict(verdict: &str) -> Self {
        match verdict {
            "reject" | "permanent" => Self::Rejected,
            "defer" | "temporary" => Self::Deferred,
            "pass" => Self::Passed,
            _ => Self::Other,
        }
    }

    /// The name of its colour.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Deferred => "deferred",
            Self::Passed => "passed",
            Self::Other => "other",
        }
    }
}

/// Everything that there is to tell.
pub(super) fn all(summary: &Summary, maillog: Option<&MailLog>) -> Vec<Section> {
    let mut sections = vec![
        totals(summary),
        measures(summary),
        conversations(summary),
        never_retried(summary),
        waited_longest(summary),
        would_have(summary),
        networks(summary),
        checks(summary),
    ];
    if let Some(log) = maillog {
        sections.extend([refusals(log), postscreen(log), temporary(log), never_arrived(log)]);
    }
    sections.retain(|section| !section.rows.is_empty());
    sections
}

fn totals(summary: &Summary) -> Section {
    let totals = summary.figures.totals;
    let row = |what: &str, number, kind| part(vec![what.to_owned()], number, totals.asked, kind);
    let rows = [
        row("rejected", totals.rejected, Kind::Rejected),
        row("deferred", totals.deferred, Kind::Deferred),
        row("passed", totals.passed, Kind::Passed),
    ];
    Section {
        title: "Recipients asked about",
        note: format!("{} in all. One that is tried three times counts three times.", totals.asked),
        header: vec!["decision", "number", "percent"],
        rows: rows.into_iter().filter(|_| totals.asked > 0).collect(),
    }
}

fn measures(summary: &Summary) -> Section {
    let rows = summary.figures.measures.iter().map(|measure| {
        let [check, reason] = [&measure.check, &measure.reason].map(|name| something(name).to_owned());
        let cells = vec![check, reason, decided(measure.verdict).to_owned()];
        part(cells, measure.number, summary.figures.totals.asked, Kind::of_verdict(measure.verdict))
    });
    Section {
        title: "What each measure did",
        note: "Each recipient counts once, by what decided about it; - where nothing was found.".to_owned(),
        header: vec!["check", "reason", "decision", "number", "percent"],
        rows: rows.collect(),
    }
}

fn conversations(summary: &Summary) -> Section {
    let numbers = summary.conversations;
    let patience = humantime::format_duration(PATIENCE);
    let row = |what: &str, number, kind| part(vec![what.to_owned()], number, numbers.begun, kind);
    let rows = [
        row("came back and passed", numbers.passed, Kind::Passed),
        row("came back too early, and not again so far", numbers.waiting, Kind::Deferred),
        row("not tried again yet", numbers.not_yet, Kind::Other),
        row("never tried again", numbers.never, Kind::Rejected),
    ];
    Section {
        title: "Greylisted, and then",
        note: format!("First attempts that were deferred: {}. Never means: not within {patience}.", numbers.begun),
        header: vec!["what became of them", "number", "percent"],
        rows: rows.into_iter().filter(|_| numbers.begun > 0).collect(),
    }
}

fn never_retried(summary: &Summary) -> Section {
    let rows = summary.never_retried.iter().map(|row| {
        let (number, client, last) = (row.number.to_string(), row.client.to_string(), row.last.to_string());
        plain([&*row.domain, &number, sender(&row.sender), &row.recipient, &client, &last])
    });
    Section {
        title: "Never tried again, by the sender's domain",
        note: "Spam, or a broken mailer. You know a domain here? `postward list add skip=greylist --sender DOMAIN`"
            .to_owned(),
        header: vec!["domain", "number", "last sender", "recipient", "client", "time"],
        rows: rows.collect(),
    }
}

fn waited_longest(summary: &Summary) -> Section {
    let rows = summary.waited_longest.iter().map(|wait| {
        let waited = humantime::format_duration(Duration::from_secs(wait.seconds)).to_string();
        let (attempts, client) = ((wait.attempts + 1).to_string(), wait.client.to_string());
        plain([&*waited, &attempts, sender(&wait.sender), &wait.recipient, &client])
    });
    Section {
        title: "Who waited longest before passing",
        note: String::new(),
        header: vec!["waited", "attempts", "sender", "recipient", "client"],
        rows: rows.collect(),
    }
}

fn would_have(summary: &Summary) -> Section {
    let rows = summary.figures.would_have.iter().map(|row| {
        let would = format!("would {}", row.verdict);
        let cells = vec![row.check.clone(), row.reason.clone(), would, row.number.to_string()];
        part(cells, row.changed, summary.figures.totals.asked, Kind::of_verdict(row.verdict))
    });
    Section {
        title: "What observed steps would have changed",
        note: "Each step by itself. Changed are those who passed and would not have.".to_owned(),
        header: vec!["check", "reason", "decision", "found", "changed", "percent"],
        rows: rows.collect(),
    }
}

fn networks(summary: &Summary) -> Section {
    let rows = summary.networks.iter();
    let rows = rows.map(|row| plain([&*row.network, &row.rejected.to_string(), &row.deferred.to_string()]));
    Section {
        title: "Networks turned away most",
        note: String::new(),
        header: vec!["network", "rejected", "deferred"],
        rows: rows.collect(),
    }
}

fn checks(summary: &Summary) -> Section {
    let rows = summary.figures.checks.iter().map(|check| {
        let times = [check.mean_us, check.p95_us, check.longest_us].map(milliseconds);
        plain([&*check.check, &check.asked.to_string()].into_iter().chain(times.iter().map(String::as_str)))
    });
    Section {
        title: "How long checks took",
        note: "In milliseconds: on average, 95 of 100 less than, and all less than.".to_owned(),
        header: vec!["check", "asked", "average", "95 %", "all"],
        rows: rows.collect(),
    }
}

fn refusals(log: &MailLog) -> Section {
    let all = log.refusals.iter().map(|refusal| refusal.number).sum();
    let rows = log.refusals.iter().map(|refusal| {
        let cells = vec![refusal.restriction.clone(), refusal.kind.to_owned()];
        part(cells, refusal.number, all, Kind::of_verdict(refusal.kind))
    });
    Section {
        title: "What Postfix refused",
        note: format!("{} lines of its log; what policy services decide is among them.", log.lines),
        header: vec!["restriction", "kind", "number", "percent"],
        rows: rows.collect(),
    }
}

fn postscreen(log: &MailLog) -> Section {
    Section {
        title: "What postscreen saw",
        note: String::new(),
        header: vec!["event", "number"],
        rows: log.postscreen.iter().map(|count| plain([&*count.event, &count.number.to_string()])).collect(),
    }
}

fn temporary(log: &MailLog) -> Section {
    let numbers = log.temporary;
    let row = |what: &str, number, kind| part(vec![what.to_owned()], number, numbers.failed, kind);
    let rows = [
        row("accepted later", numbers.arrived, Kind::Passed),
        row("refused for good later", numbers.refused, Kind::Rejected),
        row("not seen again", numbers.never_arrived, Kind::Deferred),
    ];
    Section {
        title: "Temporary failures, and then",
        note: format!("{} mails, told apart by sender and recipient.", numbers.failed),
        header: vec!["what became of them", "number", "percent"],
        rows: rows.into_iter().filter(|_| numbers.failed > 0).collect(),
    }
}

fn never_arrived(log: &MailLog) -> Section {
    let rows = log.never_arrived.iter().map(|mail| {
        let (attempts, last) = (mail.attempts.to_string(), mail.last.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        plain([sender(&mail.sender), &mail.recipient, &mail.client, &attempts, &last, &mail.restriction])
    });
    Section {
        title: "Mails that never arrived",
        note: String::new(),
        header: vec!["sender", "recipient", "client", "attempts", "last", "refused by"],
        rows: rows.collect(),
    }
}

fn plain<'a>(cells: impl IntoIterator<Item = &'a str>) -> Row {
    Row { cells: cells.into_iter().map(str::to_owned).collect(), share: None }
}

/// The cells, then a number and how many percent that is.
#[expect(clippy::cast_precision_loss, reason = "for people, to a tenth of a percent")]
fn part(mut cells: Vec<String>, number: u64, whole: u64, kind: Kind) -> Row {
    let part = if whole == 0 { 0.0 } else { number as f64 / whole as f64 };
    cells.extend([number.to_string(), format!("{:.1} %", part * 100.0)]);
    Row { cells, share: Some(Share { part, kind }) }
}

/// The numbers are kept by `none` where no check had anything to say.
fn something(name: &str) -> &str {
    if name == "none" { "-" } else { name }
}

fn decided(verdict: &str) -> &str {
    match verdict {
        "reject" => "rejected",
        "defer" => "deferred",
        _ => "passed",
    }
}

fn sender(address: &str) -> &str {
    if address.is_empty() { "<>" } else { address }
}

#[expect(clippy::cast_precision_loss, reason = "for people, to a tenth of a millisecond")]
fn milliseconds(microseconds: u64) -> String {
    format!("{:.1}", microseconds as f64 / 1000.0)
}
