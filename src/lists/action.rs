//! What an entry does with the requests it matches.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::text::{closest, printable};

/// What an entry does with the requests it matches.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntryAction {
    // The order is that of preference between entries that match equally well: the mildest first.
    /// Lets the request leave the chain at once.
    Allow,
    /// Leaves out the named checks only. In the order written, each once.
    Skip(Vec<String>),
    /// Marks the request.
    Suspect,
    /// Answers that it should be tried again later.
    Defer,
    /// Refuses.
    Deny,
}

/// Why a text is no action.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ActionError {
    /// A word that is none of them.
    #[error("`{given}` is no action: allow, deny, defer, suspect or skip=CHECK{}", did_you_mean(*.nearest))]
    Unknown {
        /// What was written, cleaned.
        given: String,
        /// What was probably meant.
        nearest: Option<&'static str>,
    },
    /// `skip` does not say what.
    #[error("`{0}` must name the checks to leave out, such as skip=greylist or skip=greylist,spf")]
    SkipsNothing(String),
}

/// A check named in `skip=` that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`skip={name}` names no check{}", did_you_mean(.nearest.as_deref()))]
pub struct UnknownCheck {
    /// What was written.
    pub name: String,
    /// What was probably meant.
    pub nearest: Option<String>,
}

impl EntryAction {
    /// Makes sure that the checks to be skipped are among `known`.
    pub fn verify_checks(&self, known: &[&str]) -> Result<(), UnknownCheck> {
        let Self::Skip(names) = self else { return Ok(()) };
        match names.iter().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(UnknownCheck {
                name: name.clone(),
                nearest: closest(name, known.iter().copied()).map(str::to_owned),
            }),
        }
    }
}

impl FromStr for EntryAction {
    type Err = ActionError;

    fn from_str(text: &str) -> Result<Self, ActionError> {
        match text.to_ascii_lowercase().as_str() {
            "allow" => Ok(Self::Allow),
            "deny" => Ok(Self::Deny),
            "defer" => Ok(Self::Defer),
            "suspect" => Ok(Self::Suspect),
            "skip" => Err(ActionError::SkipsNothing(text.to_owned())),
            word => match word.strip_prefix("skip=") {
                Some(checks) => {
                    skip(checks).ok_or_else(|| ActionError::SkipsNothing(printable(text, 100).into_owned()))
                }
                None => Err(ActionError::Unknown { given: printable(text, 100).into_owned(), nearest: meant(word) }),
            },
        }
    }
}

impl Serialize for EntryAction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for EntryAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => f.write_str("allow"),
            Self::Skip(checks) => write!(f, "skip={}", checks.join(",")),
            Self::Suspect => f.write_str("suspect"),
            Self::Defer => f.write_str("defer"),
            Self::Deny => f.write_str("deny"),
        }
    }
}

fn skip(checks: &str) -> Option<EntryAction> {
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    let mut names: Vec<String> = Vec::new();
    for name in checks.split(',').map(str::trim) {
        if !is_name(name) {
            return None;
        }
        if names.iter().all(|known| known != name) {
            names.push(name.to_owned());
        }
    }
    Some(EntryAction::Skip(names))
}

/// Other programs' words for the same, then the likeliest slip of the finger.
fn meant(word: &str) -> Option<&'static str> {
    match word {
        "accept" | "ok" | "permit" | "pass" | "dunno" | "whitelist" => Some("allow"),
        "reject" | "block" | "refuse" | "drop" | "blacklist" => Some("deny"),
        "tempfail" | "defer_if_permit" => Some("defer"),
        word if word.starts_with("skip") => Some("skip=CHECK"),
        word => closest(word, ["allow", "deny", "defer", "suspect"]),
    }
}

pub(super) fn did_you_mean(word: Option<&str>) -> String {
    word.map(|word| format!(" (did you mean `{word}`?)")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_read_and_printed() {
        for (text, printed) in [
            ("allow", "allow"),
            ("Deny", "deny"),
            ("defer", "defer"),
            ("suspect", "suspect"),
            ("skip=greylist", "skip=greylist"),
            ("skip=greylist, spf,greylist", "skip=greylist,spf"),
            ("skip=reverse_dns", "skip=reverse_dns"),
        ] {
            assert_eq!(text.parse::<EntryAction>().unwrap().to_string(), printed);
        }
    }

    #[test]
    fn wrong_actions_are_answered_with_the_right_one() {
        for (text, part) in [
            ("alow", "did you mean `allow`"),
            ("reject", "did you mean `deny`"),
            ("ok", "did you mean `allow`"),
            ("skip greylist", "did you mean `skip=CHECK`"),
            ("skip", "must name the checks"),
            ("skip=", "must name the checks"),
            ("skip=a,,b", "must name the checks"),
            ("", "is no action"),
            ("client=192.0.2.1", "is no action"),
            ("\u{1b}[2J", "`\\u{1b}[2J`"),
        ] {
            let error = text.parse::<EntryAction>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn only_checks_that_exist_can_be_skipped() {
        let known = ["access", "greylist", "spf"];
        let action: EntryAction = "skip=spf,graylist".parse().unwrap();
        let error = action.verify_checks(&known).unwrap_err();
        assert_eq!(error.to_string(), "`skip=graylist` names no check (did you mean `greylist`?)");
        assert_eq!(EntryAction::Allow.verify_checks(&[]), Ok(()));
    }
}
