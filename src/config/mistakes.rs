//! What is wrong with a policy file, all of it.

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::document::{self, Location};
use super::path::KeyPath;
use crate::text::printable;

/// What is wrong in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where it is.
    pub location: Location,
    /// The option; empty where the file as a whole is no YAML.
    pub path: KeyPath,
    /// What is wrong.
    pub message: String,
    /// What was probably meant.
    pub hint: Option<String>,
}

/// So many mistakes are told. Finding the place of each takes another reading of the file, and a file of another kind
/// altogether, given by mistake, can have as many as lines.
const MOST: usize = 100;

/// Collects mistakes while a document is read.
#[derive(Debug)]
pub struct Mistakes {
    text: String,
    found: Vec<Mistake>,
    untold: usize,
}

impl Mistakes {
    pub(super) fn new(text: String) -> Self {
        Self { text, found: Vec::new(), untold: 0 }
    }

    /// The value at `path` is wrong.
    pub fn value(&mut self, path: KeyPath, message: impl fmt::Display) {
        self.add(path, message.to_string(), document::locate);
    }

    /// The key at the end of `path` is not one of `known`.
    pub fn unknown_key<'a>(&mut self, path: KeyPath, key: &str, known: impl IntoIterator<Item = &'a str>) {
        self.add(path, "unknown option".to_owned(), document::locate_key);
        if let Some(known) = crate::text::closest(key, known) {
            self.hint(format!("did you mean `{known}`?"));
        }
    }

    /// Adds a hint to the mistake that was noted last.
    pub fn hint(&mut self, hint: impl Into<String>) {
        if let Some(mistake) = self.found.last_mut().filter(|_| self.untold == 0) {
            mistake.hint = Some(hint.into());
        }
    }

    fn add(&mut self, path: KeyPath, message: String, locate: fn(&str, &KeyPath) -> Location) {
        if self.found.len() == MOST {
            self.untold += 1;
            return;
        }
        let location = locate(&self.text, &path);
        self.found.push(Mistake { location, path, message, hint: None });
    }

    pub(super) fn into_result(mut self, file: PathBuf) -> Result<(), ConfigError> {
        self.found.sort_by_key(|mistake| mistake.location);
        let Self { found: mistakes, untold, .. } = self;
        if mistakes.is_empty() { Ok(()) } else { Err(ConfigError::Mistakes { file, mistakes, untold }) }
    }
}

/// Why there is no configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the policy file {}: {cause}", file.display())]
    Unreadable {
        /// The policy file.
        file: PathBuf,
        /// Why.
        cause: String,
    },
    /// What the file says is not a policy.
    #[error("{}", describe(file, mistakes, *untold))]
    Mistakes {
        /// The policy file.
        file: PathBuf,
        /// At most a hundred, in the order of their places.
        mistakes: Vec<Mistake>,
        /// How many more there are.
        untold: usize,
    },
}

/// The most octets of a message that are shown: what was written may be part of it.
const SHOWN: usize = 1000;

fn describe(file: &Path, mistakes: &[Mistake], untold: usize) -> String {
    let file = file.display();
    let count = mistakes.len() + untold;
    let mut text = format!("{file}: {count} {}", if count == 1 { "mistake" } else { "mistakes" });
    for Mistake { location, path, message, hint } in mistakes {
        let (path, separator) = (path.to_string(), if path.segments().is_empty() { "" } else { ": " });
        let (path, message) = (printable(&path, SHOWN), printable(message, SHOWN));
        let _ = write!(text, "\n  {file}:{}:{}: {path}{separator}{message}", location.line, location.column);
        if let Some(hint) = hint {
            let _ = write!(text, "\n    hint: {hint}");
        }
    }
    if untold > 0 {
        let _ = write!(text, "\n  {file}: and {untold} more");
    }
    text
}
