//! `postward list import`

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::{describe, verify_checks};
use crate::cli::Failure;
use crate::cli::output::{count, line, note};
use crate::lists::formats::Import;
use crate::lists::{EntryAction, Format, SourceError, entry_line, read_file};
use crate::store::Entries;

const HELP: &str = "\
Formats:
  entries              what `postward list export` writes; each line has its action
  cidr                 a network a line, comments after # or ;
  postgrey-clients     postgrey's whitelist_clients
  postgrey-recipients  postgrey's whitelist_recipients
  sqlgrey-clients      sqlgrey's clients_ip_whitelist, clients_fqdn_whitelist
  greylistd-clients    greylistd's whitelist-hosts

A file with a bad line is not imported at all. A file that changes by itself is better named as a source in the \
policy file, see `lists` in policy.example.yaml.

Examples:
  postward list import entries.txt --format entries
  postward list import drop.txt --format cidr --action deny
  postward list import whitelist_clients --format postgrey-clients";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(in crate::cli) struct ImportArgs {
    /// The file
    file: PathBuf,
    /// How the file is written: see below
    #[arg(long, value_name = "FORMAT")]
    format: Format,
    /// What to do with those that the file names [default: allow; cidr must say, entries says it in every line]
    #[arg(long, value_name = "ACTION")]
    action: Option<EntryAction>,
    /// A name for where the entries come from
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
}

impl ImportArgs {
    /// Adds the file's entries to the table that `open` opens, which it does not if anything is wrong with them.
    pub(super) async fn run<E: Entries>(
        self,
        open: impl FnOnce() -> Result<Arc<E>, Failure>,
    ) -> Result<ExitCode, Failure> {
        let import = self.read()?;
        let store = open()?;
        let shown = self.file.display();
        for text in &import.notes {
            note(&format!("{shown}: {text}"));
        }
        let change = store.add_entries(import.rows).await?;
        let (added, kept) = (count(change.added, "entry", "entries"), change.kept);
        line(&format!("imported {added} from {shown}; {kept} were there already"))?;
        Ok(ExitCode::SUCCESS)
    }

    fn read(&self) -> Result<Import, Failure> {
        self.action.as_ref().map_or(Ok(()), verify_checks).map_err(Failure::usage)?;
        let read = read_file(&self.file, self.format, self.action.as_ref(), self.source.as_deref());
        let import = read.map_err(|error| match error {
            SourceError::Action(error) => Failure::usage(error),
            error @ SourceError::BadLines { .. } => Failure::no(format!("nothing was imported: {}", describe(&error))),
            error => Failure::unavailable(format!("nothing was imported: {error}")),
        })?;
        for row in &import.rows {
            let unknown = verify_checks(&row.action.parse().map_err(Failure::usage)?);
            unknown.map_err(|error| Failure::no(format!("nothing was imported: {error}\n  {}", entry_line(row))))?;
        }
        Ok(import)
    }
}
