//! `postward greylist`: who is waiting, who has passed, and corrections.

mod import;

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::output::{Format, Output, count, json_line, line, note, write_table};
use super::selectors::Selectors;
use super::{Common, Failure};
use crate::chain::Policy;
use crate::checks::greylist::GreylistOptions;
use crate::clock::{Clock as _, SystemClock, Timestamp, earlier};
use crate::config::Period;
use crate::store::{Forgotten, Greylist, Selection, Triplet, TripletRecord, TripletState};

#[derive(Debug, Subcommand)]
pub(super) enum GreylistCommand {
    /// Show who waits and who has passed: triplets of client, sender and recipient
    #[command(after_help = SHOW)]
    Show(ShowArgs),
    /// Show how many wait, have passed, and are not greylisted any more
    Stats(Output),
    /// Let waiting triplets pass at their next attempt; with all three given also one that was never seen
    #[command(after_help = ALLOW)]
    Allow(Selectors),
    /// Forget triplets, waiting and passed ones: they are strangers again
    #[command(after_help = FORGET)]
    Forget(Selectors),
    /// Forget triplets that lapsed, or were not used for a time
    #[command(after_help = PRUNE)]
    Prune(PruneArgs),
    /// Take over what postgrey, sqlgrey or greylistd remember
    Import(import::ImportArgs),
}

const SHOW: &str = "\
Senders and recipients are shown as they are compared: in lower case, without what changes from mail to mail (BATV \
and SRS tags, +extensions, numbers in bounce addresses). LAST SEEN of a passed triplet is right to the hour.

Examples:
  postward greylist show --recipient b@example.net
  postward greylist show --client 192.0.2.0/24 --state waiting
  postward greylist show --sender '<>' --format json";

const ALLOW: &str = "\
Examples:
  postward greylist allow --sender example.org --recipient b@example.net
  postward greylist allow --client 192.0.2.1 --sender a@example.org \\
      --recipient b@example.net

It is for one conversation; `postward list add allow` or `skip=greylist` spare somebody for good.
Exit codes: 0 something may pass now; 1 nothing like that is waiting";

const FORGET: &str = "\
With --client alone, how often the client has passed is forgotten as well: known clients are greylisted again.

Examples:
  postward greylist forget --client 192.0.2.0/24
  postward greylist forget --sender a@example.org --recipient b@example.net

Exit codes: 0 something was forgotten; 1 nothing like that is remembered";

const PRUNE: &str = "\
What has lapsed counts no more, so forgetting it changes no answer: a triplet that has waited longer than \
`retry_window`, or passed and was not used for `max_age`. The daemon forgets it by itself. With --unused-for \
everything that was last seen longer ago is forgotten, and is greylisted again when it comes back.

Examples:
  postward greylist prune --lapsed
  postward greylist prune --unused-for 7d --sender example.org";

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    selectors: Selectors,
    /// Only those in this state
    #[arg(long, value_enum)]
    state: Option<State>,
    /// Show so many at most; 0: all
    #[arg(long, default_value_t = 1000, value_name = "NUMBER")]
    limit: usize,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub(super) struct PruneArgs {
    #[command(flatten)]
    selectors: Selectors,
    /// What was last seen longer ago than this, such as 7d, lapsed or not
    #[arg(long, value_name = "PERIOD")]
    unused_for: Option<Period>,
    /// What has lapsed, which is meant if --unused-for is not given
    #[arg(long, conflicts_with = "unused_for")]
    lapsed: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    Waiting,
    Passed,
}

/// A triplet as it is shown.
#[derive(Debug, Serialize)]
struct Shown {
    client: String,
    sender: String,
    recipient: String,
    state: &'static str,
    first_seen: Timestamp,
    last_seen: Timestamp,
    attempts: u32,
}

/// Numbers as they are shown.
#[derive(Debug, Serialize)]
struct Numbers {
    waiting: u64,
    passed: u64,
    clients: u64,
    known_clients: u64,
    networks_waiting: u64,
    oldest_waiting: Option<Timestamp>,
}

impl GreylistCommand {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        let policy = common.policy_without_keys()?;
        match self {
            Self::Show(args) => show(&args, common.open_read_only(&policy)?.as_ref()).await,
            Self::Stats(output) => stats(output, &policy, common.open_read_only(&policy)?.as_ref()).await,
            Self::Allow(selectors) => {
                selectors.require_one()?;
                allow(&selectors, &policy, common.open(&policy)?.as_ref()).await
            }
            Self::Forget(selectors) => {
                selectors.require_one()?;
                forget(&selectors.selection()?, common.open(&policy)?.as_ref()).await
            }
            Self::Prune(args) => {
                args.require_something()?;
                prune(&args, &options(&policy), common.open(&policy)?.as_ref()).await
            }
            Self::Import(args) => args.run(&options(&policy), || common.open_or_create(&policy)).await,
        }
    }
}

async fn show(args: &ShowArgs, store: &dyn Greylist) -> Result<ExitCode, Failure> {
    let state = args.state.map(|state| match state {
        State::Waiting => TripletState::Waiting,
        State::Passed => TripletState::Passed,
    });
    let selection = Selection { state, ..args.selectors.selection()? };
    let limit = if args.limit == 0 { usize::MAX } else { args.limit };
    let mut triplets = store.triplets(&selection, limit.saturating_add(1)).await?;
    if triplets.len() > limit {
        triplets.truncate(limit);
        note(&format!("there are more than these {limit}: --limit shows them, --limit 0 all"));
    }
    let triplets: Vec<Shown> = triplets.into_iter().map(Shown::from).collect();
    let header = ["client", "sender", "recipient", "state", "first seen", "last seen", "attempts"];
    args.output.rows(header, "no such triplet", &triplets, |shown| {
        [
            shown.client.clone(),
            display_sender(&shown.sender).to_owned(),
            shown.recipient.clone(),
            shown.state.to_owned(),
            shown.first_seen.to_string(),
            shown.last_seen.to_string(),
            shown.attempts.to_string(),
        ]
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn stats(output: Output, policy: &Policy, store: &dyn Greylist) -> Result<ExitCode, Failure> {
    let stats = store.stats(options(policy).allow_client_after).await?;
    let numbers = Numbers {
        waiting: stats.waiting,
        passed: stats.passed,
        clients: stats.clients,
        known_clients: stats.known_clients,
        networks_waiting: stats.networks,
        oldest_waiting: stats.oldest_waiting,
    };
    if output.format == Format::Json {
        json_line(&numbers)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = [
        ("triplets waiting", numbers.waiting.to_string()),
        ("networks they are from", numbers.networks_waiting.to_string()),
        ("the oldest waits since", numbers.oldest_waiting.map_or("-".to_owned(), |since| since.to_string())),
        ("triplets passed", numbers.passed.to_string()),
        ("clients that passed", numbers.clients.to_string()),
        ("of these not greylisted any more", numbers.known_clients.to_string()),
    ];
    write_table(["what", "value"], rows.into_iter().map(|(what, value)| [what.to_owned(), value]))?;
    Ok(ExitCode::SUCCESS)
}

async fn allow(selectors: &Selectors, policy: &Policy, store: &dyn Greylist) -> Result<ExitCode, Failure> {
    let now = SystemClock.now();
    let passed = store.allow(&selectors.selection()?, now).await?;
    if passed > 0 {
        line(&format!("{} may pass now", count(passed, "waiting triplet", "waiting triplets")))?;
        return Ok(ExitCode::SUCCESS);
    }
    let triplet = selectors.triplet(&options(policy)).ok_or_else(|| {
        Failure::no("nothing like that is waiting")
            .with_hint("to let in somebody who was never seen, give a --client's address, --sender and --recipient")
    })?;
    store.admit(&triplet, &triplet.client, now).await?;
    let Triplet { client, sender, recipient } = &triplet;
    line(&format!("{} may now write to {recipient} from {client}", display_sender(sender)))?;
    Ok(ExitCode::SUCCESS)
}

async fn forget(selection: &Selection, store: &dyn Greylist) -> Result<ExitCode, Failure> {
    let forgotten = store.forget(selection).await?;
    if forgotten == Forgotten::default() {
        return Err(Failure::no("nothing like that is remembered"));
    }
    tell(forgotten.triplets, forgotten.clients)
}

async fn prune(args: &PruneArgs, options: &GreylistOptions, store: &dyn Greylist) -> Result<ExitCode, Failure> {
    let now = SystemClock.now();
    let selection = args.selectors.selection()?;
    if let Some(Period(period)) = args.unused_for {
        let forgotten = store.forget(&Selection { unused_since: Some(earlier(now, period)), ..selection }).await?;
        return tell(forgotten.triplets, forgotten.clients);
    }
    if args.selectors.are_empty() {
        let purged = store.purge(&options.retention(), now).await?;
        return tell(purged.waiting + purged.passed, purged.clients);
    }
    let mut triplets = 0;
    for (state, lifetime) in [(TripletState::Waiting, options.retry_window), (TripletState::Passed, options.max_age)] {
        let unused_since = Some(earlier(now, lifetime.0));
        let lapsed = Selection { state: Some(state), unused_since, ..selection.clone() };
        triplets += store.forget(&lapsed).await?.triplets;
    }
    tell(triplets, 0)
}

fn tell(triplets: u64, clients: u64) -> Result<ExitCode, Failure> {
    let triplets = count(triplets, "triplet", "triplets");
    match clients {
        0 => line(&format!("forgot {triplets}"))?,
        _ => {
            line(&format!("forgot {triplets}, and how often {} passed", count(clients, "client has", "clients have")))?
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl PruneArgs {
    fn require_something(&self) -> Result<(), Failure> {
        match self.lapsed || self.unused_for.is_some() || !self.selectors.are_empty() {
            true => Ok(()),
            false => Err(Failure::usage("nothing is selected")
                .with_hint("say --lapsed, --unused-for PERIOD, --client, --sender or --recipient")),
        }
    }
}

impl From<TripletRecord> for Shown {
    fn from(record: TripletRecord) -> Self {
        let Triplet { client, sender, recipient } = record.triplet;
        let state = match record.state {
            TripletState::Waiting => "waiting",
            TripletState::Passed => "passed",
        };
        let TripletRecord { first_seen, last_seen, attempts, .. } = record;
        Self { client, sender, recipient, state, first_seen, last_seen, attempts }
    }
}

fn display_sender(key: &str) -> &str {
    if key.is_empty() { "<>" } else { key }
}

fn options(policy: &Policy) -> GreylistOptions {
    policy.options::<GreylistOptions>().cloned().unwrap_or_default()
}
