//! `postward journal --follow`

use std::process::ExitCode;
use std::time::Duration;

use super::{HEADER, JournalArgs, Returns, Shown, row};
use crate::chain::Policy;
use crate::cli::output::{Format, json_line, line, note};
use crate::cli::{Common, Failure};
use crate::store::sqlite::Sqlite;
use crate::store::{Journal as _, JournalRecord, JournalSelection, JournalWalk, StoreError};
use crate::text::printable;

/// How often the journal is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// How many are shown to begin with.
const BEFORE: usize = 10;

/// The most that is shown at once.
const AT_ONCE: usize = 1000;

/// How wide the columns are: what comes is not known yet.
const WIDTHS: [usize; HEADER.len()] = [6, 20, 15, 30, 30, 18, 12, 9, 0];

/// The most octets of one cell.
const MAX_CELL: usize = 1000;

/// Shows the newest, then what comes. The database may be away for a while, or become another one.
pub(super) async fn follow(args: &JournalArgs, policy: &Policy, common: &Common) -> Result<ExitCode, Failure> {
    let selection = args.selectors.selection(Returns::now(policy).now)?;
    let path = common.existing_database(policy)?;
    let store = Sqlite::read_only(&path)?;
    let mut last = store.last_record().await?;
    let before = args.limit.unwrap_or(BEFORE);
    let before = if before == 0 { usize::MAX } else { before };
    for (record, _) in store.records(&selection, JournalWalk::Newest, before).await? {
        last = last.max(record.id);
        show(args, &record)?;
    }
    drop(store);
    let mut complained = false;
    loop {
        tokio::time::sleep(LOOK).await;
        match news(&path, &selection, &mut last).await {
            Ok(records) => {
                complained = false;
                records.iter().try_for_each(|record| show(args, record))?;
            }
            Err(error) if !complained => {
                complained = true;
                note(&format!("{error}; waiting for it"));
            }
            Err(_) => {}
        }
    }
}

/// What was written since the last look.
async fn news(
    path: &std::path::Path,
    selection: &JournalSelection,
    last: &mut i64,
) -> Result<Vec<JournalRecord>, StoreError> {
    let store = Sqlite::read_only(path)?;
    let newest = store.last_record().await?;
    if newest < *last {
        *last = 0; // another database took its place
    }
    let found = store.records(selection, JournalWalk::WrittenAfter(*last), AT_ONCE).await?;
    *last = match found.last() {
        Some((record, _)) if found.len() == AT_ONCE => record.id,
        Some((record, _)) => newest.max(record.id),
        None => newest,
    };
    Ok(found.into_iter().map(|(record, _)| record).collect())
}

fn show(args: &JournalArgs, record: &JournalRecord) -> Result<(), Failure> {
    if args.output.format == Format::Json {
        return json_line(&Shown::from(record));
    }
    let cells = row(record, None).into_iter().zip(WIDTHS);
    let cells = cells.map(|(cell, width)| format!("{:<width$}", printable(&cell, MAX_CELL)));
    line(cells.collect::<Vec<_>>().join("  ").trim_end())
}
