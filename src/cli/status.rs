//! `postward status`: how the running daemon is.

mod asked;
mod shown;

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use self::asked::{Answer, ask};
use super::failure::NO;
use super::opened::opened_by_systemd;
use super::output::{Format, Output, json_line};
use super::{Common, Failure};
use crate::clock::{Clock as _, SystemClock, earlier};
use crate::http::Status;
use crate::journal::summary::{Figures, Totals};

const EXAMPLES: &str = "\
Examples:
  postward status
  postward status --format json | jq .zones

With `http` in the policy file the daemon itself is asked; without it, all that can be told is whether it listens, and what \
the database says.

Exit codes: 0 it is in service; 1 it runs, but is not ready; 69 no daemon answers";

/// The spans that are summed up, in hours.
const SPANS: [(&str, u64); 3] = [("hour", 1), ("day", 24), ("week", 7 * 24)];

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    output: Output,
}

/// What is told.
#[derive(Debug, Serialize)]
struct Report {
    /// Whether the daemon is in service.
    ready: bool,
    /// Where Postfix comes to.
    listen: Vec<String>,
    /// What the daemon tells of itself; nothing without `http`.
    daemon: Option<Status>,
    /// What was decided, as the database knows it.
    decided: Vec<Decided>,
}

/// What was decided in a span of time.
#[derive(Debug, Serialize)]
struct Decided {
    last: &'static str,
    #[serde(flatten)]
    totals: Totals,
}

impl StatusArgs {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        let mut policy = common.policy_without_keys()?;
        if let Ok(file) = common.policy_file()
            && let Some(opened) = opened_by_systemd(&file).await
        {
            policy.config.listen = opened;
        }
        let answer = ask(&policy.config).await?;
        let decided = decided(common, &policy).await;
        let report = match answer {
            Answer::Status(status) => Report {
                ready: status.not_ready.is_none(),
                listen: status.listen.clone(),
                daemon: Some(*status),
                decided,
            },
            Answer::Listens(listen) => Report { ready: true, listen, daemon: None, decided },
        };
        match self.output.format {
            Format::Json => json_line(&report)?,
            Format::Table => shown::write(&report)?,
        }
        Ok(if report.ready { ExitCode::SUCCESS } else { ExitCode::from(NO) })
    }
}

/// Nothing where the database cannot be read: another user may ask, too.
async fn decided(common: &Common, policy: &crate::chain::Policy) -> Vec<Decided> {
    let Ok(store) = common.open_read_only(policy) else { return Vec::new() };
    let (now, mut decided) = (SystemClock.now(), Vec::with_capacity(SPANS.len()));
    for (last, hours) in SPANS {
        let since = earlier(now, std::time::Duration::from_secs(hours * 3600));
        if let Ok(figures) = Figures::of(&*store, since, now).await {
            decided.push(Decided { last, totals: figures.totals });
        }
    }
    decided
}
