//! `postward list`: who is let through, refused, or spared some checks.

mod add;
mod import;
mod refresh;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::failure::NO;
use super::output::{Format as OutputFormat, Output, count, json_line, line, or_dash};
use super::{Common, Failure};
use crate::chain::Policy;
use crate::checks::REGISTRY;
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::lists::{EntryAction, Lists, SourceError, Subject, UnknownCheck, entry_line};
use crate::mail::{Mailbox, ReversePath, fold_host};
use crate::net::parse_address;
use crate::store::{Entries, EntryRecord};

#[derive(Debug, Subcommand)]
pub(super) enum ListCommand {
    /// Add an entry
    Add(add::AddArgs),
    /// Remove entries
    #[command(after_help = REMOVE)]
    Remove {
        /// As `show` prints them
        #[arg(required = true, value_name = "ID")]
        ids: Vec<i64>,
    },
    /// Show all entries
    Show(Output),
    /// Show the entries that match a request, the one that decides first
    #[command(after_help = MATCH)]
    Match(MatchArgs),
    /// Add the entries of a file; those with the same patterns are replaced
    Import(import::ImportArgs),
    /// Write all entries in a form that `import --format entries` reads
    #[command(after_help = "Example:\n  postward list export > entries.txt")]
    Export,
    /// Read the sources that the policy file names, now instead of at the next `refresh`
    #[command(after_help = refresh::HELP)]
    Refresh,
}

const REMOVE: &str = "\
An entry of a source that the policy file names comes back when the source is read again: change its file, or add an \
entry of your own.

Example:
  postward list remove 2

Exit codes: 0 all were removed; 1 there was no such entry";

const MATCH: &str = "\
Examples:
  postward list match --client 192.0.2.1 --client-name mail.example.org --recipient b@example.net
  postward list match --sender '<>'

Exit codes: 0 an entry matches; 1 none does";

#[derive(Debug, Args)]
pub(super) struct MatchArgs {
    /// The client's address
    #[arg(long, value_name = "ADDRESS")]
    client: Option<String>,
    /// The client's confirmed host name
    #[arg(long, value_name = "NAME")]
    client_name: Option<String>,
    /// The sender's address; <> for the null sender
    #[arg(long, value_name = "ADDRESS")]
    sender: Option<String>,
    /// The recipient's address
    #[arg(long, value_name = "ADDRESS")]
    recipient: Option<String>,
    #[command(flatten)]
    output: Output,
}

/// An entry as it is shown.
#[derive(Debug, Serialize)]
struct Shown {
    id: i64,
    client: Option<String>,
    sender: Option<String>,
    recipient: Option<String>,
    action: String,
    text: Option<String>,
    comment: Option<String>,
    expires: Option<Timestamp>,
    source: Option<String>,
}

impl ListCommand {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        let policy = common.policy_without_keys()?;
        match self {
            Self::Add(args) => args.run(|| common.open_or_create(&policy)).await,
            Self::Remove { ids } => remove(ids, common.open(&policy)?.as_ref()).await,
            Self::Show(output) => show(output, common.open_read_only(&policy)?.as_ref()).await,
            Self::Match(args) => matching(&args, common.open_read_only(&policy)?.as_ref()).await,
            Self::Import(args) => args.run(|| common.open_or_create(&policy)).await,
            Self::Export => export(common.open_read_only(&policy)?.as_ref()).await,
            Self::Refresh => {
                // Without a policy file no source is named, and the entries of all of them would be removed.
                let policy = Policy::load(&common.policy_file()?)?;
                refresh::refresh(&policy, common.open_or_create(&policy)?.as_ref()).await
            }
        }
    }
}

async fn remove(ids: Vec<i64>, store: &dyn Entries) -> Result<ExitCode, Failure> {
    let removed = store.remove_entries(ids.clone()).await?;
    line(&format!("removed {}", count(removed.len() as u64, "entry", "entries")))?;
    let unknown: Vec<_> = ids.iter().filter(|id| !removed.contains(id)).map(i64::to_string).collect();
    match unknown.as_slice() {
        [] => Ok(ExitCode::SUCCESS),
        [id] => Err(Failure::no(format!("there is no entry {id}"))),
        ids => Err(Failure::no(format!("there are no entries {}", ids.join(", ")))),
    }
}

async fn show(output: Output, store: &dyn Entries) -> Result<ExitCode, Failure> {
    match output.format {
        OutputFormat::Json => for_each(store, |entry| json_line(&Shown::from(entry))).await?,
        OutputFormat::Table => {
            let mut entries = Vec::new();
            for_each(store, |entry| {
                entries.push(Shown::from(entry));
                Ok(())
            })
            .await?;
            show_entries(output, "the lists have no entries", &entries)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn matching(args: &MatchArgs, store: &dyn Entries) -> Result<ExitCode, Failure> {
    if args.client.is_none() && args.client_name.is_none() && args.sender.is_none() && args.recipient.is_none() {
        return Err(
            Failure::usage("nothing to match").with_hint("say --client, --client-name, --sender or --recipient")
        );
    }
    let address = |text: &String| {
        parse_address(text).ok_or_else(|| {
            Failure::usage(format!("`{text}` is no address")).with_hint("--client-name takes a host name")
        })
    };
    let client_name = args.client_name.as_deref().map(fold_host);
    // Without a sender no pattern for senders may match, not even the one for the null sender.
    let sender = args.sender.as_deref().map(|sender| ReversePath::parse(if sender == "<>" { "" } else { sender }));
    let recipient = args.recipient.as_deref().map(Mailbox::parse);
    let subject = Subject {
        client: args.client.as_ref().map(address).transpose()?,
        client_name: client_name.as_deref(),
        sender: sender.as_ref(),
        recipient: recipient.as_ref(),
    };
    let lists = Lists::default();
    lists.refresh_if_changed(store).await.map_err(Failure::unavailable)?;
    let snapshot = lists.current().unwrap_or_default();
    let ids: Vec<_> = snapshot.lookup_all(&subject, SystemClock.now()).iter().map(|hit| hit.id).collect();
    let mut hits = Vec::new();
    for_each(store, |entry| {
        hits.extend(ids.contains(&entry.id).then(|| Shown::from(entry)));
        Ok(())
    })
    .await?;
    hits.sort_by_key(|hit| ids.iter().position(|id| *id == hit.id));
    show_entries(args.output, "no entry matches", &hits)?;
    Ok(ExitCode::from(if hits.is_empty() { NO } else { 0 }))
}

async fn export(store: &dyn Entries) -> Result<ExitCode, Failure> {
    for_each(store, |entry| line(&entry_line(&entry))).await?;
    Ok(ExitCode::SUCCESS)
}

/// All entries, however many, without holding them all.
async fn for_each(
    store: &dyn Entries,
    mut each: impl FnMut(EntryRecord) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut batches = store.entries();
    loop {
        match batches.recv().await {
            None => return Err(Failure::unavailable("reading the entries was broken off: these are not all")),
            Some(batch) => match batch? {
                batch if batch.is_empty() => return Ok(()),
                batch => batch.into_iter().try_for_each(&mut each)?,
            },
        }
    }
}

/// Bad lines stand on lines of their own.
fn describe(error: &SourceError) -> String {
    match error {
        SourceError::BadLines { file, lines } => {
            let file = file.display().to_string();
            let described = lines.describe(&file).join("\n  ");
            format!("{file} has {}\n  {described}", count(lines.count, "bad line", "bad lines"))
        }
        error => error.to_string(),
    }
}

fn show_entries(output: Output, none: &str, entries: &[Shown]) -> Result<(), Failure> {
    let header = ["id", "action", "client", "sender", "recipient", "expires", "source", "text", "comment"];
    output.rows(header, none, entries, |entry| {
        [
            entry.id.to_string(),
            entry.action.clone(),
            or_dash(entry.client.as_deref()),
            or_dash(entry.sender.as_deref()),
            or_dash(entry.recipient.as_deref()),
            entry.expires.map_or("-".to_owned(), |time| time.to_string()),
            or_dash(entry.source.as_deref()),
            or_dash(entry.text.as_deref()),
            or_dash(entry.comment.as_deref()),
        ]
    })
}

fn verify_checks(action: &EntryAction) -> Result<(), UnknownCheck> {
    let known: Vec<_> = REGISTRY.iter().map(|check| check.name).collect();
    action.verify_checks(&known)
}

impl From<EntryRecord> for Shown {
    fn from(record: EntryRecord) -> Self {
        let EntryRecord { id, client, sender, recipient, action, text, comment, expires, source } = record;
        Self { id, client, sender, recipient, action, text, comment, expires, source }
    }
}
