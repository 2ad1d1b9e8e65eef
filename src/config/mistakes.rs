//! What is wrong with a policy file, all of it.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

use super::document::{self, Location};
use super::path::KeyPath;

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

/// Collects mistakes while a document is read.
#[derive(Debug)]
pub struct Mistakes {
    text: String,
    found: Vec<Mistake>,
}

impl Mistakes {
    pub(super) fn new(text: String) -> Self {
        Self { text, found: Vec::new() }
    }

    /// The value at `path` is wrong.
    pub fn value(&mut self, path: KeyPath, message: impl fmt::Display) {
        let location = document::locate(&self.text, &path);
        self.found.push(Mistake { location, path, message: message.to_string(), hint: None });
    }

    /// The key at the end of `path` is not one of `known`.
    pub fn unknown_key<'a>(&mut self, path: KeyPath, key: &str, known: impl IntoIterator<Item = &'a str>) {
        let location = document::locate_key(&self.text, &path);
        let hint = crate::text::closest(key, known).map(|known| format!("did you mean `{known}`?"));
        self.found.push(Mistake { location, path, message: "unknown option".to_owned(), hint });
    }

    /// Adds a hint to the mistake that was noted last.
    pub fn hint(&mut self, hint: impl Into<String>) {
        if let Some(mistake) = self.found.last_mut() {
            mistake.hint = Some(hint.into());
        }
    }

    pub(super) fn into_result(mut self, file: PathBuf) -> Result<(), ConfigError> {
        self.found.sort_by_key(|mistake| mistake.location);
        if self.found.is_empty() { Ok(()) } else { Err(ConfigError::Mistakes { file, mistakes: self.found }) }
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
    #[error("{}", describe(file, mistakes))]
    Mistakes {
        /// The policy file.
        file: PathBuf,
        /// In the order of their places.
        mistakes: Vec<Mistake>,
    },
}

fn describe(file: &std::path::Path, mistakes: &[Mistake]) -> String {
    use fmt::Write as _;
    let file = file.display();
    let count = mistakes.len();
    let mut text = format!("{file}: {count} {}", if count == 1 { "mistake" } else { "mistakes" });
    for Mistake { location, path, message, hint } in mistakes {
        let (path, separator) = (path.to_string(), if path.segments().is_empty() { "" } else { ": " });
        let _ = write!(text, "\n  {file}:{}:{}: {path}{separator}{message}", location.line, location.column);
        if let Some(hint) = hint {
            let _ = write!(text, "\n    hint: {hint}");
        }
    }
    text
}
