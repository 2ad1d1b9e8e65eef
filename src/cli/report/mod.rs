//! `postward report`: what each measure did.

mod chart;
mod html;
mod sections;
mod text;

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;
use serde::Serialize;

use super::output::{json_line, line, note};
use super::when::When;
use super::{Common, Failure};
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::config::Period;
use crate::journal::summary::Summary;
use crate::maillog::{Log, MailLog, Progress, Reader};
use crate::net::host_name;

/// From this size on it is shown how far a log has been read.
const LARGE: u64 = 50 * 1024 * 1024;

/// How often.
const TELL: Duration = Duration::from_millis(300);

const HELP: &str = "\
Numbers count recipients that Postfix asked about, and are right to ten minutes. What is told of single senders comes \
from the journal, which keeps as much as `journal` in the policy file says.

With --maillog, what Postfix refused by itself is told from its log, and which mails failed for a time and were never \
accepted. Traditional time stamps are taken to be in the time zone of this machine. Logs that are rotated may be \
given one after the other: zcat -f mail.log.1.gz mail.log | postward report --maillog -

Examples:
  postward report
  postward report --since 7d --format html > report.html
  postward report --since 2027-01-31 --until 2027-02-01 --format json";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct ReportArgs {
    /// Not before this: a period back from now such as 7d, a day such as 2027-01-31, or a time such as
    /// 2027-01-31T12:00:00Z (UTC)
    #[arg(long, value_name = "WHEN", default_value = "1d")]
    since: When,
    /// Before this, written in the same way [default: now]
    #[arg(long, value_name = "WHEN")]
    until: Option<When>,
    /// Show so many senders, networks and mails at most
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    top: u16,
    /// Postfix's log as well, packed by gzip or not; - for stdin
    #[arg(long, value_name = "FILE")]
    maillog: Option<PathBuf>,
    /// Text for people, json: one JSON object, or html: one page with charts, which can be mailed
    #[arg(long, value_enum, default_value_t = ReportFormat::Text, value_name = "text|json|html", hide_possible_values = true)]
    format: ReportFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    Text,
    Json,
    Html,
}

/// A report as it is shown to programs.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    maillog: Option<&'a MailLog>,
}

impl ReportArgs {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        let now = SystemClock.now();
        let (since, until) = (self.since.before(now), self.until.map_or(now, |until| until.before(now)));
        if since >= until {
            return Err(Failure::usage(format!("--since: {since} is not before {until}")));
        }
        let policy = common.policy_without_keys()?;
        let store = common.open_read_only(&policy)?;
        let maillog = self.maillog.as_deref().map(|_| self.read_maillog(since, until)).transpose()?;
        let summary = Summary::of(store.as_ref(), since, until, usize::from(self.top)).await?;
        self.show(&summary, maillog.as_ref())?;
        Ok(ExitCode::SUCCESS)
    }

    fn show(&self, summary: &Summary, maillog: Option<&MailLog>) -> Result<(), Failure> {
        if self.format == ReportFormat::Json {
            return json_line(&Shown { summary, maillog });
        }
        let title = title(summary);
        let sections = sections::all(summary, maillog);
        match self.format {
            ReportFormat::Html => line(html::page(&title, &summary.figures.timeline, &sections).trim_end()),
            _ => text::write(&title, &sections),
        }
    }

    fn read_maillog(&self, since: Timestamp, until: Timestamp) -> Result<MailLog, Failure> {
        let file = self.maillog.clone().unwrap_or_default();
        let unreadable =
            |error: std::io::Error| Failure::unavailable(format!("cannot read {}: {error}", file.display()));
        let mut log = if file.as_os_str() == "-" { Log::new(std::io::stdin(), None) } else { Log::open(&file) }
            .map_err(unreadable)?;
        let mut reader = Reader::new(since, until, TimeZone::system());
        let mut teller = Teller::for_size(log.progress().size);
        while let Some(line) = log.next_line().map_err(unreadable)? {
            reader.read(&line);
            teller.tell(|| log.progress());
        }
        teller.finish();
        let log = reader.finish(usize::from(self.top));
        if log.lines == 0 {
            note(&format!("{} has nothing that Postfix wrote from {since} to {until}", file.display()));
        }
        Ok(log)
    }
}

fn title(summary: &Summary) -> String {
    let time = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M").to_string();
    let span = crate::clock::elapsed(summary.since, summary.until).unwrap_or_default();
    let minutes = Duration::from_secs(span.as_secs().div_euclid(60) * 60);
    format!("postward at {}: {} to {} UTC ({})", host_name(), time(summary.since), time(summary.until), Period(minutes))
}

/// Tells on a terminal how far a large file has been read.
struct Teller {
    last: Option<Instant>,
    lines: u32,
}

impl Teller {
    fn for_size(size: Option<u64>) -> Self {
        let is_wanted = size.is_some_and(|size| size >= LARGE) && std::io::stderr().is_terminal();
        Self { last: is_wanted.then(Instant::now), lines: 0 }
    }

    fn tell(&mut self, progress: impl FnOnce() -> Progress) {
        self.lines = self.lines.wrapping_add(1);
        if !self.lines.is_multiple_of(4096) || self.last.is_none_or(|last| last.elapsed() < TELL) {
            return;
        }
        self.last = Some(Instant::now());
        let Progress { read, size } = progress();
        let percent = size.map_or(0, |size| read.saturating_mul(100) / size.max(1));
        let _ = write!(std::io::stderr(), "\rreading the log: {percent:3} %");
    }

    fn finish(&self) {
        if self.last.is_some() {
            let _ = write!(std::io::stderr(), "\r                       \r");
        }
    }
}
