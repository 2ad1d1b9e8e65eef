//! The policy file that does what a postgrey did with its options.
//!
//! Every option is translated, or named in a comment that says why not: nobody should have to find out what got lost.

mod options;
mod policy;

use std::path::PathBuf;

use thiserror::Error;

pub use self::policy::Translation;

use self::options::Given;

/// How postgrey was started: `/etc/default/postgrey` of Debian, which systemd and the init script read alike.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Start {
    /// `POSTGREY_OPTS`.
    options: Vec<String>,
    /// `POSTGREY_TEXT`, which comes last on the command line.
    text: Option<String>,
}

/// Why a file does not tell how postgrey was started.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StartError {
    /// It is no list of assignments.
    #[error("a quotation mark has no counterpart")]
    Quotation,
    /// Then postgrey would not have started.
    #[error("it does not set POSTGREY_OPTS")]
    NoOptions,
}

impl Start {
    /// Reads a file of `NAME="value"` lines.
    ///
    /// # Errors
    /// When the options are not in it.
    pub fn parse(file: &str) -> Result<Self, StartError> {
        let words = |text: &str| shlex::split(text).ok_or(StartError::Quotation);
        let assignments = words(file)?;
        // The last one counts.
        let value = |name: &str| {
            let value = |word: &&String| word.split_once('=').filter(|(given, _)| *given == name).is_some();
            assignments.iter().rev().find(value).and_then(|word| word.split_once('=')).map(|(_, value)| value)
        };
        let options = words(value("POSTGREY_OPTS").ok_or(StartError::NoOptions)?)?;
        let text = value("POSTGREY_TEXT").filter(|text| !text.is_empty()).map(str::to_owned);
        Ok(Self { options, text })
    }

    /// The policy file. `is_there` tells which files are there: postgrey reads some only then.
    pub fn translate(&self, is_there: impl Fn(&str) -> bool) -> Translation {
        let text = self.text.iter().map(|text| format!("--greylist-text={text}"));
        let words: Vec<String> = self.options.iter().cloned().chain(text).collect();
        policy::write(&Given::parse(&words), is_there)
    }
}

/// Where postgrey's database is, unless it was told otherwise.
fn usual_directory() -> PathBuf {
    "/var/lib/postgrey".into()
}
