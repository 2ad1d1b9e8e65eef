//! `postward journal`: what was decided, and why.

mod follow;
mod selection;
mod shown;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};

use self::selection::JournalSelectors;
use self::shown::{InFull, Return, Shown};
use super::output::{Format, Output, json_line, line, note, or_dash, write_steps, write_table};
use super::{Common, Failure};
use crate::chain::Policy;
use crate::checks::greylist::GreylistOptions;
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::store::{CameBack, Journal, JournalRecord, JournalWalk};
use crate::text::printable;

/// The most octets of one value of a decision that is shown in full.
const MAX_VALUE: usize = 1000;

const HELP: &str = "\
Every decision that refused or deferred a recipient, or let one pass after waiting, is kept for a time (`journal` in \
the policy file), and so is what steps with `mode: observe` would have done. CAME BACK tells of a greylisted one \
whether it was tried again. Who passed at once is only counted: see `postward report`.

Examples:
  postward journal --since 1d --recipient b@example.net
  postward journal --client 192.0.2.0/24 --reason spf-fail
  postward journal --domain example.org --check dnsbl --format json
  postward journal show 42";

const SHOW: &str = "\
Example:
  postward journal show 42 --format json

Exit codes: 0 shown; 1 there is no such decision, or no longer";

#[derive(Debug, Args)]
#[command(after_help = HELP, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct JournalArgs {
    #[command(subcommand)]
    command: Option<JournalCommand>,
    #[command(flatten)]
    selectors: JournalSelectors,
    /// Show so many at most, the newest; 0: all [default: 1000, with --follow 10]
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
    /// Go on showing what is decided from now on, until you stop it
    #[arg(short, long, conflicts_with = "until")]
    follow: bool,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum JournalCommand {
    /// Show single decisions in full, with every step of the chain
    #[command(after_help = SHOW)]
    Show(ShowArgs),
}

#[derive(Debug, Args)]
struct ShowArgs {
    /// As `journal` prints them
    #[arg(required = true, value_name = "ID")]
    ids: Vec<i64>,
    #[command(flatten)]
    output: Output,
}

/// What is needed to say what became of a deferral.
#[derive(Debug, Clone, Copy)]
struct Returns {
    retry_window: Duration,
    now: Timestamp,
}

impl JournalArgs {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        let policy = common.policy_without_keys()?;
        match &self.command {
            Some(JournalCommand::Show(args)) => {
                show(args, Returns::now(&policy), common.open_read_only(&policy)?.as_ref()).await
            }
            None if self.follow => follow::follow(&self, &policy, common).await,
            None => list(&self, &policy, common.open_read_only(&policy)?.as_ref()).await,
        }
    }
}

async fn list(args: &JournalArgs, policy: &Policy, store: &dyn Journal) -> Result<ExitCode, Failure> {
    let returns = Returns::now(policy);
    let selection = args.selectors.selection(returns.now)?;
    let limit = args.limit.map_or(1000, |limit| if limit == 0 { usize::MAX } else { limit });
    let mut records = store.records(&selection, JournalWalk::Newest, limit.saturating_add(1)).await?;
    if records.len() > limit {
        records.remove(0);
        note(&format!("there are older ones than these {limit}: --limit shows them, --limit 0 all"));
    }
    match args.output.format {
        Format::Json => records.iter().try_for_each(|(record, _)| json_line(&Shown::from(record)))?,
        Format::Table if records.is_empty() => note("nothing like that was decided"),
        Format::Table => {
            write_table(HEADER, records.iter().map(|(record, back)| row(record, returns.of(record, *back))))?
        }
    }
    Ok(ExitCode::SUCCESS)
}

const HEADER: [&str; 9] =
    ["id", "time", "client", "sender", "recipient", "reason", "decision", "came back", "evidence"];

fn row(record: &JournalRecord, back: Option<Return>) -> [String; 9] {
    [
        record.id.to_string(),
        record.time.to_string(),
        record.client.to_string(),
        shown::sender(record).to_owned(),
        record.recipient.clone(),
        record.reason.clone(),
        shown::decision(record),
        back.map_or("-".to_owned(), |back| back.brief(record.time)),
        record.evidence.clone(),
    ]
}

async fn show(args: &ShowArgs, returns: Returns, store: &dyn Journal) -> Result<ExitCode, Failure> {
    for id in &args.ids {
        let Some((record, back)) = store.record(*id).await? else {
            return Err(Failure::no(format!("there is no decision {id} in the journal"))
                .with_hint("what is too old is not kept: see `journal` in the policy file"));
        };
        let back = returns.of(&record, back);
        match args.output.format {
            Format::Json => json_line(&InFull::new(&record, back))?,
            Format::Table => in_full(&record, back)?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn in_full(record: &JournalRecord, back: Option<Return>) -> Result<(), Failure> {
    let decided = format!("{} by {}, {}", shown::decision(record), record.check, record.reason);
    let took = format!("{} µs", record.elapsed.as_micros());
    for (name, value) in [
        ("decision", record.id.to_string()),
        ("time", record.time.to_string()),
        ("client", record.client.to_string()),
        ("name", or_dash(record.client_name.as_deref())),
        ("helo", or_dash(Some(&*record.helo).filter(|helo| !helo.is_empty()))),
        ("sender", shown::sender(record).to_owned()),
        ("recipient", or_dash(Some(&*record.recipient).filter(|recipient| !recipient.is_empty()))),
        ("decided", decided),
        (if record.observed { "would" } else { "answer" }, record.action.clone()),
        ("evidence", record.evidence.clone()),
        ("came back", back.map_or("-".to_owned(), |back| back.in_full(record.time))),
        ("took", took),
    ] {
        line(&format!("{name:<10} {}", printable(&value, MAX_VALUE)))?;
    }
    line("")?;
    write_steps(record.trace.iter().cloned())
}

impl Returns {
    fn now(policy: &Policy) -> Self {
        let options = policy.options::<GreylistOptions>().cloned().unwrap_or_default();
        Self { retry_window: options.retry_window.0, now: SystemClock.now() }
    }

    /// Only of what was really deferred: whoever passed had no need to come back.
    fn of(self, record: &JournalRecord, back: Option<CameBack>) -> Option<Return> {
        let back = back.filter(|_| !record.observed)?;
        Some(Return::new(record, back, self.retry_window, self.now))
    }
}
