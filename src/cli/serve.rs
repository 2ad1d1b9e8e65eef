//! `postward serve`: the daemon.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

use super::{Common, Failure};
use crate::daemon;

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// How to write the log, which goes to stderr: lines of text, or json: one JSON object a line
    #[arg(long, value_enum, default_value_t = LogFormat::Human, value_name = "human|json", hide_possible_values = true)]
    log_format: LogFormat,
    /// The least important messages to log: error, warn, info or debug [env: POSTWARD_LOG]
    #[arg(long, default_value = "info", value_name = "LEVEL", env = "POSTWARD_LOG", hide_env = true)]
    log_level: EnvFilter,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    Human,
    Json,
}

impl ServeArgs {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        self.start_logging();
        let file = common.policy_file()?;
        daemon::serve(&file, common.database.as_deref()).await?;
        Ok(ExitCode::SUCCESS)
    }

    /// A log that cannot be written, because its disk is full or its reader has gone, costs lines and no mail: telling of it
    /// on the same stderr would panic.
    fn start_logging(self) {
        let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(std::io::stderr)
            .with_env_filter(self.log_level)
            .with_target(false)
            .log_internal_errors(false)
            .with_ansi(coloured);
        match self.log_format {
            LogFormat::Human => subscriber.init(),
            LogFormat::Json => subscriber.json().flatten_event(true).init(),
        }
    }
}
