//! `postward serve`: the daemon.

use std::io::{IsTerminal as _, Stderr};
use std::panic::PanicHookInfo;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt, registry};

use super::fields::{Moment, Plain};
use super::log_lines::LogLines;
use super::{Common, Failure};
use crate::daemon;
use crate::text::printable;

/// The most octets of what a panic says.
const MAX_REASON: usize = 500;

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// How to write the log, which goes to stderr: lines of text, or json: one JSON object a line
    #[arg(long, value_enum, default_value_t = LogFormat::Human, value_name = "human|json", hide_possible_values = true)]
    log_format: LogFormat,
    /// The least important messages to log: error, warn, info or debug [env: POSTWARD_LOG]
    #[arg(long, default_value = "info", value_name = "LEVEL", env = "POSTWARD_LOG", hide_env = true)]
    log_level: LevelFilter,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    Human,
    Json,
}

impl ServeArgs {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        let _lines = self.start_logging()?;
        let file = common.policy_file()?;
        daemon::serve(&file, common.database.as_deref()).await?;
        Ok(ExitCode::SUCCESS)
    }

    /// A log that cannot be written, because its disk is full or its reader has gone, costs lines and no mail: telling of it
    /// on the same stderr would panic.
    fn start_logging(self) -> Result<LogLines<Stderr>, Failure> {
        let lines = LogLines::start(std::io::stderr())
            .map_err(|error| Failure::unavailable(format!("cannot start: {error}")))?;
        let writer = lines.writer();
        let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let only_ours = only_ours(self.log_level);
        let layer = fmt::layer()
            .with_writer(move || writer.clone())
            .with_timer(Moment)
            .with_target(false)
            .log_internal_errors(false)
            .with_ansi(coloured);
        match self.log_format {
            LogFormat::Human if coloured => registry().with(layer.with_filter(only_ours)).init(),
            LogFormat::Human => registry().with(layer.fmt_fields(Plain).with_filter(only_ours)).init(),
            LogFormat::Json => registry().with(layer.json().flatten_event(true).with_filter(only_ours)).init(),
        }
        std::panic::set_hook(Box::new(log_panic));
        Ok(lines)
    }
}

/// A panic is a bug. It is told in one line like everything else: programs that read the log expect no other.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let said = printable(panic.payload_as_str().unwrap_or("no reason given"), MAX_REASON);
    tracing::error!(place, "a part of postward has failed, which is a bug; the others go on: {said}");
}

/// hickory logs the names that it asks for, strangers' and those of blocklists' zones, which may hold a secret key.
fn only_ours(level: LevelFilter) -> Targets {
    Targets::new().with_target(env!("CARGO_PKG_NAME"), level)
}

#[cfg(test)]
mod tests {
    use std::fs::{File, read_to_string};

    use super::*;

    #[test]
    fn names_that_are_looked_up_are_never_logged() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let writer = File::create(file.path()).unwrap();
        let layer = fmt::layer().with_writer(writer).with_filter(only_ours(LevelFilter::TRACE));
        tracing::subscriber::with_default(registry().with(layer), || {
            tracing::error!(target: "hickory_net", "a secret");
            tracing::error!(target: "hickory_resolver::name_server_pool", "a secret");
            tracing::error!(target: "hickory_proto::rr", "a secret");
            tracing::trace!("ours");
        });
        let log = read_to_string(file.path()).unwrap();
        assert!(log.contains("ours") && !log.contains("secret"), "{log}");
    }
}
