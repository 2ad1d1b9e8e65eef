//! `postward import`: a policy file that does what another program did.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::Failure;
use super::output::{line, note};
use crate::config::Config;
use crate::moving::settings::{Start, Translation};

const HELP: &str = "\
It goes to stdout, and what to do next to stderr. Each option of postgrey is translated, or named in a comment that says \
why not. postgrey's lists are followed where they are; its database is for `postward greylist import`.

Example:
  postward import postgrey > /etc/postward/policy.yaml

Exit codes: 0 printed; 1 the file does not say how postgrey is started; 69 it cannot be read";

#[derive(Debug, Subcommand)]
pub(super) enum ImportCommand {
    /// Print the policy that does what postgrey did
    #[command(after_help = HELP)]
    Postgrey(PostgreyArgs),
}

#[derive(Debug, Args)]
pub(super) struct PostgreyArgs {
    /// Where POSTGREY_OPTS and POSTGREY_TEXT are set
    #[arg(long, value_name = "FILE", default_value = "/etc/default/postgrey")]
    from: PathBuf,
}

impl ImportCommand {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Postgrey(args) => args.run(),
        }
    }
}

impl PostgreyArgs {
    fn run(&self) -> Result<ExitCode, Failure> {
        let shown = self.from.display();
        let file = std::fs::read_to_string(&self.from)
            .map_err(|error| Failure::unavailable(format!("cannot read {shown}: {error}")))?;
        let start = Start::parse(&file).map_err(|error| Failure::no(format!("{shown}: {error}")))?;
        let Translation { policy, database } = start.translate(|file| std::path::Path::new(file).exists());
        line(policy.trim_end())?;
        next_steps(&database.display()).lines().for_each(note);
        Ok(ExitCode::SUCCESS)
    }
}

/// postgrey stays in service until postward has shown what it would do.
fn next_steps(database: &dyn std::fmt::Display) -> String {
    let endpoint = Config::default().listen.first().map(ToString::to_string).unwrap_or_default();
    format!(
        "\
next, with this as /etc/postward/policy.yaml:
  postward config check
  systemctl reload postward    # or `postward serve`, in another terminal
  db_dump -h {database} -p postgrey.db | postward greylist import - --format postgrey
  db_dump -h {database} -p postgrey_clients.db | postward greylist import - --format postgrey
and in main.cf, behind postgrey's check_policy_service, which goes when you are content:
  check_policy_service {{ {endpoint}, timeout=10s, default_action=DUNNO }}
  postward doctor              # is it wired well?"
    )
}
