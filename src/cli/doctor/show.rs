//! The report for people.

use std::path::Path;

use anstyle::{AnsiColor, Style};

use crate::cli::Failure;
use crate::cli::output::{coloured_line, count};
use crate::doctor::postfix::View;
use crate::doctor::{Area, Finding, Site, Weight};
use crate::text::printable;

/// The most octets of one value. Some lists of restrictions are long, and none of them is shown to be read whole.
const MOST: usize = 600;

/// What was looked at, in the words of the report.
#[derive(Debug, Default)]
pub(super) struct Looked(Vec<(&'static str, String)>);

impl Looked {
    /// Notes that something was looked at, and what was seen.
    pub(super) fn at(&mut self, what: &'static str, seen: String) {
        self.0.push((what, seen));
    }

    /// Notes whose settings were read.
    pub(super) fn at_settings(&mut self, site: &Site, policy_file: &Path) {
        let postfix = &site.postfix;
        let names = |views: Vec<View<'_>>| match views.as_slice() {
            [] => "no service".to_owned(),
            views => views.iter().map(|view| view.service.name.as_str()).collect::<Vec<_>>().join(", "),
        };
        let strangers = names(postfix.for_strangers().collect());
        let users = names(postfix.for_submission().collect());
        let (version, directory) = (postfix.get("mail_version"), postfix.get("config_directory"));
        self.at("postfix", format!("{version} in {directory}: {strangers} for strangers, {users} for users"));
        self.at("policy", policy_file.display().to_string());
    }
}

/// Tells what was looked at, then every finding, then how many there are.
pub(super) fn report(looked: &Looked, findings: &[Finding]) -> Result<(), Failure> {
    let width = looked.0.iter().map(|(what, _)| what.len()).max().unwrap_or_default();
    for (what, seen) in &looked.0 {
        coloured_line(&format!("{what:width$}  {}", printable(seen, MOST)))?;
    }
    for area in [Area::Wiring, Area::Backscatter, Area::Batv, Area::Postward] {
        section(area, findings)?;
    }
    coloured_line("")?;
    coloured_line(&summary(findings))
}

fn section(area: Area, findings: &[Finding]) -> Result<(), Failure> {
    let mut findings = findings.iter().filter(|finding| finding.area == area).peekable();
    if findings.peek().is_some() {
        let bold = Style::new().bold();
        coloured_line(&format!("\n{bold}{}{bold:#}", title(area)))?;
    }
    findings.try_for_each(|finding| lines(finding).iter().try_for_each(|line| coloured_line(line)))
}

fn title(area: Area) -> &'static str {
    match area {
        Area::Wiring => "How Postfix asks postward",
        Area::Backscatter => "Backscatter: mail to people who wrote nothing",
        Area::Batv => "BATV: signing senders, checking bounces",
        Area::Postward => "What postward needs",
    }
}

fn lines(finding: &Finding) -> Vec<String> {
    let (word, colour) = match finding.weight {
        Weight::Problem => ("problem", AnsiColor::Red),
        Weight::Notice => ("notice", AnsiColor::Yellow),
    };
    let style = Style::new().bold().fg_color(Some(colour.into()));
    let mut lines = vec![
        format!("{style}{word}{style:#}  {}  [{}]", finding.what, finding.id),
        format!("    is    {} = {}", printable(&finding.setting, MOST), printable(&finding.value, MOST)),
        format!("    why   {}", finding.why),
    ];
    let cure = finding.cure.lines().enumerate();
    // Not cut: it is there to be pasted.
    lines.extend(
        cure.map(|(at, line)| format!("    {:4}  {}", if at == 0 { "cure" } else { "" }, printable(line, usize::MAX))),
    );
    lines
}

fn summary(findings: &[Finding]) -> String {
    let of = |weight: Weight| findings.iter().filter(|finding| finding.weight == weight).count() as u64;
    let (problems, notices) = (of(Weight::Problem), of(Weight::Notice));
    let told = format!("{}, {}", count(problems, "problem", "problems"), count(notices, "notice", "notices"));
    let (colour, text) = match (problems, notices) {
        (0, 0) => (AnsiColor::Green, "healthy: nothing is wrong".to_owned()),
        (0, _) => (AnsiColor::Green, format!("healthy, with {}", count(notices, "notice", "notices"))),
        _ => (AnsiColor::Red, format!("{told}; after a cure: postfix reload, and a test mail")),
    };
    let style = Style::new().bold().fg_color(Some(colour.into()));
    format!("{style}{text}{style:#}")
}
