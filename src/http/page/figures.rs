//! The measures in action: the last hour, day and week.

use std::collections::BTreeMap;
use std::time::Duration;

use super::shown::count;
use super::{chart, unavailable};
use crate::clock::{Timestamp, earlier};
use crate::http::html::{Html, table};
use crate::journal::summary::{CheckTime, Figures, Measure, Totals, WouldHave};
use crate::store::{Journal, StoreError};

/// A span that is shown: its name, its seconds, and how moments in it are written.
const SPANS: [(&str, u64, &str); 3] =
    [("Last hour", 3600, "%H:%M"), ("Last day", 86_400, "%H:%M"), ("Last week", 7 * 86_400, "%b %-d %H h")];

/// Charts and numbers, or why there are none; and how long checks took.
pub(super) async fn sections(journal: &dyn Journal, now: Timestamp) -> [Html; 2] {
    match of(journal, now).await {
        Ok(sections) => sections,
        Err(error) => [super::section("Recipients", &unavailable(&error)), Html::default()],
    }
}

async fn of(journal: &dyn Journal, now: Timestamp) -> Result<[Html; 2], StoreError> {
    let mut all = Vec::with_capacity(SPANS.len());
    for (_, seconds, _) in SPANS {
        all.push(Figures::of(journal, earlier(now, Duration::from_secs(seconds)), now).await?);
    }
    let charts = SPANS.iter().zip(&all).map(|((name, _, label), figures)| card(name, figures, label)).collect();
    let mut html = Html::of(
        "<p class=\"legend\"><span class=\"passed\">passed</span> <span class=\"deferred\">deferred</span> \
         <span class=\"rejected\">rejected</span></p>",
    );
    html.push(&Html::element("div", &[("class", &"cards")], &charts));
    html.push(&measures(&all));
    let mut html = super::section("Recipients", &html);
    let week = all.last();
    html.push(&week.map_or_else(Html::default, |week| would_have(&week.would_have)));
    Ok([html, week.map_or_else(Html::default, |week| checks(&week.checks))])
}

fn card(name: &'static str, figures: &Figures, label: &str) -> Html {
    let Totals { asked, rejected, deferred, passed } = figures.totals;
    let [passed, deferred, rejected] = [passed, deferred, rejected].map(|part| percent(part, asked));
    let told = format!("{} asked about: {passed} passed, {deferred} deferred, {rejected} rejected", count(asked));
    let parts = [
        Html::element("h3", &[], &Html::of(name)),
        chart::timeline(&format!("{name}: {told}"), &figures.timeline, label),
        Html::element("figcaption", &[], &Html::text(told)),
    ];
    Html::element("figure", &[], &parts.into_iter().collect())
}

/// In whole percent; what happened at all is more than nothing.
fn percent(part: u64, whole: u64) -> String {
    match (part * 100 + whole / 2).checked_div(whole) {
        Some(0) if part > 0 => "<\u{a0}1\u{a0}%".to_owned(),
        percent => format!("{}\u{a0}%", percent.unwrap_or(0)),
    }
}

/// One row for each thing that was decided, with its numbers in each span; the most frequent of the week first.
fn measures(spans: &[Figures]) -> Html {
    let mut rows: BTreeMap<(&str, &str, &str), [u64; SPANS.len()]> = BTreeMap::new();
    for (place, figures) in spans.iter().enumerate() {
        for Measure { check, reason, verdict, number, .. } in &figures.measures {
            if let Some(cell) = rows.entry((check.as_str(), reason.as_str(), *verdict)).or_default().get_mut(place) {
                *cell += number;
            }
        }
    }
    let mut rows: Vec<_> = rows.into_iter().collect();
    rows.sort_by_key(|(_, numbers)| std::cmp::Reverse(*numbers.last().unwrap_or(&0)));
    let row = |((check, reason, verdict), numbers): ((&str, &str, &str), [u64; SPANS.len()])| {
        let class = match verdict {
            "reject" => "rejected",
            "defer" => "deferred",
            _ => "passed",
        };
        let answer = Html::element("span", &[("class", &class)], &Html::text(class));
        let [hour, day, week] = numbers.map(|number| Html::text(count(number)));
        let [check, reason] = [check, reason].map(|name| Html::text(if name == "none" { "-" } else { name }));
        [check, reason, answer, hour, day, week]
    };
    if rows.is_empty() {
        return Html::element("p", &[], &Html::of("Nothing was asked in this time."));
    }
    by_reason(&table(["Check", "Reason", "Answer", "Hour", "Day", "Week"], rows.into_iter().map(row)))
}

/// On a narrow screen the reason alone tells the check.
fn by_reason(table: &Html) -> Html {
    Html::element("div", &[("class", &"reasons")], table)
}

fn would_have(found: &[WouldHave]) -> Html {
    if found.is_empty() {
        return Html::default();
    }
    let row = |found: &WouldHave| {
        let WouldHave { check, reason, verdict, number, changed, .. } = found;
        let [number, changed] = [number, changed].map(|number| Html::text(count(*number)));
        [Html::text(check), Html::text(reason), Html::text(verdict), number, changed]
    };
    let header = ["Check", "Reason", "Would", "Found", "Let through now"];
    let table = table(header, found.iter().map(row));
    super::section("What observed steps would have done in the last week", &by_reason(&table))
}

fn checks(times: &[CheckTime]) -> Html {
    if times.is_empty() {
        return Html::default();
    }
    let milliseconds = |us: u64| Html::text(format_args!("{}.{} ms", us / 1000, us % 1000 / 100));
    let row = |time: &CheckTime| {
        let [mean, p95, longest] = [time.mean_us, time.p95_us, time.longest_us].map(milliseconds);
        [Html::text(&time.check), Html::text(count(time.asked)), mean, p95, longest]
    };
    let header = ["Check", "Asked", "On average", "95 of 100 within", "All within"];
    super::section("How long checks took in the last week", &table(header, times.iter().map(row)))
}
