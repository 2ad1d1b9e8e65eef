//! `postward list add`

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::verify_checks;
use crate::cli::Failure;
use crate::cli::output::line;
use crate::cli::when::When;
use crate::clock::{Clock as _, SystemClock};
use crate::lists::Entry;
use crate::store::{Added, Entries, EntryRecord};

const HELP: &str = "\
ACTION is one of
  allow                let it pass; no further check is asked
  deny                 refuse it for good
  defer                ask to try again later
  suspect              mark it for checks that look at that
  skip=CHECK[,CHECK]   leave out these checks only, such as skip=greylist

Everything given must match. The more precise entry decides, and the recipient's before the sender's before the \
client's; `postward list match` shows which. A running daemon takes up changes within a second.

Examples:
  postward list add allow --client 192.0.2.0/24 --comment 'our office'
  postward list add deny --sender example.com --text 'No, thanks' --expires 30d
  postward list add skip=greylist --recipient example.net";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(in crate::cli) struct AddArgs {
    /// What to do with those it is about: see below
    #[arg(value_name = "ACTION")]
    action: String,
    /// An address, a network, a host name with all below it, .example.org for only those below it, or /regex/ on
    /// the name
    #[arg(long, value_name = "CLIENT")]
    client: Option<String>,
    /// An address, user@ in any domain, a domain with all below it, <> for the null sender, or /regex/
    #[arg(long, value_name = "SENDER")]
    sender: Option<String>,
    /// An address, user@ in any domain, a domain with all below it, or /regex/
    #[arg(long, value_name = "RECIPIENT")]
    recipient: Option<String>,
    /// When the entry ends: after a period such as 30d, or at a time such as 2027-01-31T12:00:00Z or 2027-01-31 (UTC)
    #[arg(long, value_name = "WHEN")]
    expires: Option<When>,
    /// What the sender is told when refused or deferred
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Why the entry is there
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// Change the entry with the same patterns, if there is one
    #[arg(long)]
    replace: bool,
}

impl AddArgs {
    /// Adds the entry to the table that `open` opens, which it does not if the entry is wrong.
    pub(super) async fn run<E: Entries>(
        self,
        open: impl FnOnce() -> Result<Arc<E>, Failure>,
    ) -> Result<ExitCode, Failure> {
        let entry = self.entry()?;
        match open()?.add_entry(entry.into(), self.replace).await? {
            Added::New(id) => line(&format!("added entry {id}"))?,
            Added::Replaced(id) => line(&format!("changed entry {id}"))?,
            Added::Exists(id) => {
                return Err(Failure::no(format!("entry {id} has the same patterns"))
                    .with_hint(format!("--replace changes it, `postward list remove {id}` removes it")));
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn entry(&self) -> Result<Entry, Failure> {
        let now = SystemClock.now();
        let record = EntryRecord {
            client: self.client.clone(),
            sender: self.sender.clone(),
            recipient: self.recipient.clone(),
            action: self.action.clone(),
            text: self.text.clone(),
            comment: self.comment.clone(),
            expires: self.expires.map(|expiry| expiry.after(now)),
            ..EntryRecord::default()
        };
        let entry = Entry::try_from(record).map_err(Failure::usage)?;
        verify_checks(&entry.action).map_err(Failure::usage)?;
        match entry.expires {
            Some(end) if end <= now => Err(Failure::usage(format!("--expires: {end} is over already"))),
            _ => Ok(entry),
        }
    }
}
