//! A report as one page that needs nothing else: it can be mailed, printed, and opened years later.
//!
//! Mail clients leave out what they do not know, some of them pictures and styles. So every number stands in a table, and
//! bars are coloured cells of tables.

use std::fmt::Write as _;

use super::chart;
use super::sections::{Row, Section, Share};
use crate::journal::summary::Slice;
use crate::text::printable;

/// The most octets of one cell.
const MAX_CELL: usize = 1000;

/// The most octets of a cell that is not broken into lines.
const MAX_WORD: usize = 24;

/// Both colour schemes; `color-scheme` tells mail clients not to make one of their own.
const STYLE: &str = "\
:root{color-scheme:light dark}
body{font:15px/1.45 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem;background:#fff;color:#1b1f24}
h1{font-size:1.4rem;margin:0 0 .2rem}h2{font-size:1.05rem;margin:2rem 0 .2rem}
p{margin:.2rem 0 .6rem;color:#57606a}
.wide{overflow-x:auto}.newest{direction:rtl}.newest svg{direction:ltr}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.25rem .8rem .25rem 0;border-bottom:1px solid #d0d7de;vertical-align:top}
th{font-weight:600;white-space:nowrap}td{overflow-wrap:anywhere}
td.s,th.s{white-space:nowrap}
td.n,th.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
td.bar{width:30%;min-width:6rem;padding-right:0;vertical-align:middle}td.bar div{height:.8rem;border-radius:2px}
.rejected{background:#c2342f;fill:#c2342f}.deferred{background:#d99a1c;fill:#d99a1c}
.passed{background:#2f80c2;fill:#2f80c2}.other{background:#6e7781;fill:#6e7781}
svg{width:100%;min-width:40rem;height:auto;display:block}svg text{font-size:11px;fill:#57606a}svg line{stroke:#d0d7de}
@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}p{color:#9198a1}
th,td{border-color:#30363d}.rejected{background:#ee6a63;fill:#ee6a63}.deferred{background:#e5b04a;fill:#e5b04a}
.passed{background:#5aa5e6;fill:#5aa5e6}.other{background:#9198a1;fill:#9198a1}
svg text{fill:#9198a1}svg line{stroke:#30363d}}
@media(max-width:45rem){.c{display:none}}";

/// The page.
pub(super) fn page(title: &str, timeline: &[Slice], sections: &[Section]) -> String {
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>\n{STYLE}\n</style>\n\
         </head>\n<body>\n<h1>{title}</h1>\n",
        title = escaped(title)
    );
    let _ = writeln!(html, "<div class=\"wide newest\">\n{}</div>", chart::timeline(timeline));
    if sections.is_empty() {
        html.push_str("<p>Nothing was asked in this time.</p>\n");
    }
    for section in sections {
        write_section(&mut html, section);
    }
    html.push_str("</body>\n</html>\n");
    html
}

fn write_section(html: &mut String, section: &Section) {
    let _ = writeln!(html, "<h2>{}</h2>", escaped(section.title));
    if !section.note.is_empty() {
        let _ = writeln!(html, "<p>{}</p>", escaped(&section.note));
    }
    let classes: Vec<_> = (0..section.header.len()).map(|column| class(section, column)).collect();
    let class = |column: usize| classes.get(column).copied().unwrap_or_default();
    html.push_str("<div class=\"wide\"><table>\n<tr>\n");
    for (column, name) in section.header.iter().enumerate() {
        let _ = writeln!(html, "<th{}>{}</th>", class(column), escaped(name));
    }
    if section.rows.iter().any(|row| row.share.is_some()) {
        html.push_str("<th></th>\n");
    }
    html.push_str("</tr>\n");
    for row in &section.rows {
        html.push_str("<tr>\n"); // mail has short lines (RFC 5322 section 2.1.1)
        for (column, cell) in row.cells.iter().enumerate() {
            let _ = writeln!(html, "<td{}>{}</td>", class(column), escaped(cell));
        }
        html.push_str(&row.share.map(bar).unwrap_or_default());
        html.push_str("</tr>\n");
    }
    html.push_str("</table></div>\n");
}

/// Numbers stand to the right, and short words in one line.
fn class(section: &Section, column: usize) -> &'static str {
    if column == 0 && section.header.get(1) == Some(&"reason") {
        return " class=\"s c\""; // the check, which the reason tells alone on a narrow screen
    }
    let all = |holds: fn(&str) -> bool| {
        section.rows.iter().all(|row: &Row| row.cells.get(column).is_some_and(|cell| holds(cell)))
    };
    if all(|cell| cell.trim_end_matches(" %").parse::<f64>().is_ok()) {
        " class=\"n\""
    } else if all(|cell| cell.len() <= MAX_WORD) {
        " class=\"s\""
    } else {
        ""
    }
}

fn bar(share: Share) -> String {
    let width = share.part.clamp(0.0, 1.0) * 100.0;
    format!("<td class=\"bar\"><div class=\"{}\" style=\"width:{width:.1}%\"></div></td>", share.kind.as_str())
}

/// Strangers' text in a page: nothing of it is markup.
pub(super) fn escaped(text: &str) -> String {
    let text = printable(text, MAX_CELL);
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
