//! `postward list refresh`

use std::process::ExitCode;

use super::describe;
use crate::chain::Policy;
use crate::cli::Failure;
use crate::cli::output::{count, line, note as say};
use crate::lists::{SourceRead, read_sources};
use crate::store::Entries;

/// What `--help` says beside the options.
pub(super) const HELP: &str = "\
A source that cannot be read, or has a bad line, is reported and its last good entries stay. Entries of sources that \
the policy file names no more are removed.

Exit codes: 0 all sources were read; 1 not all";

/// Reads the sources that the policy names.
pub(super) async fn refresh(policy: &Policy, store: &dyn Entries) -> Result<ExitCode, Failure> {
    let read = read_sources(&policy.config.lists.sources, store).await;
    let mut code = ExitCode::SUCCESS;
    for source in &read.sources {
        let name = &source.name;
        match &source.outcome {
            Ok(SourceRead { change, notes }) => {
                line(&format!("{name}: {} added, {} removed, {} kept", change.added, change.removed, change.kept))?;
                notes.iter().for_each(|note| say(&format!("{name}: {note}")));
            }
            Err(error) => {
                let what = describe(error);
                code = Failure::no(format!("{name}: its last good entries stay: {what}")).report();
            }
        }
    }
    match read.removed? {
        0 if read.sources.is_empty() => say("the policy file names no sources"),
        0 => {}
        removed => {
            line(&format!("removed {} of sources that are configured no more", count(removed, "entry", "entries")))?
        }
    }
    Ok(code)
}
