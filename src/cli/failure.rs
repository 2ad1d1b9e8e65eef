//! Why a command could not do what it was told, and the exit code for it.

use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

use crate::config::ConfigError;
use crate::daemon::ServeError;
use crate::store::StoreError;
use crate::text::printable;

/// The answer is no: nothing found, or the mail would not pass.
pub(super) const NO: u8 = 1;
/// Wrong use of the command line.
const USAGE: u8 = 2;
/// What is needed is not there: store, daemon (`EX_UNAVAILABLE` of sysexits).
const UNAVAILABLE: u8 = 69;
/// The policy file is wrong (`EX_CONFIG` of sysexits).
const CONFIGURATION: u8 = 78;

/// The most octets of one line of an error.
const MAX_LINE: usize = 4000;

/// An error as the person at the terminal sees it.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// Exit code 1.
    pub fn no(message: impl fmt::Display) -> Self {
        Self { code: NO, message: message.to_string(), hint: None }
    }

    /// Exit code 2.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self { code: USAGE, ..Self::no(message) }
    }

    /// Exit code 69.
    pub fn unavailable(message: impl fmt::Display) -> Self {
        Self { code: UNAVAILABLE, ..Self::no(message) }
    }

    /// Exit code 78.
    pub fn configuration(message: impl fmt::Display) -> Self {
        Self { code: CONFIGURATION, ..Self::no(message) }
    }

    /// What to do about it.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Says it on stderr; answers the exit code.
    pub fn report(&self) -> ExitCode {
        let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let cyan = Style::new().fg_color(Some(AnsiColor::Cyan.into()));
        let mut stderr = anstream::stderr().lock();
        // Nobody may be listening any more, which is no reason to end differently.
        let _ = writeln!(stderr, "{red}error:{red:#} {}", cleaned(&self.message));
        if let Some(hint) = &self.hint {
            let _ = writeln!(stderr, "{cyan}hint:{cyan:#} {}", cleaned(hint));
        }
        ExitCode::from(self.code)
    }
}

/// Paths, addresses and what stands in files may hold anything; only the line ends are ours.
fn cleaned(text: &str) -> String {
    text.split('\n').map(|line| printable(line, MAX_LINE)).collect::<Vec<_>>().join("\n")
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::configuration(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::unavailable(error)
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Policy(error) => error.into(),
            error => Self::unavailable(error),
        }
    }
}
