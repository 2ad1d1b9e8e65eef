//! What an administrator writes to say whom an entry means.
//!
//! Every pattern has one canonical spelling, which is what the table stores: two patterns mean the same
//! exactly if they are spelled the same. Case does not matter anywhere.

mod address;
mod client;
mod domain;
mod regex;

use thiserror::Error;

pub use self::address::AddressPattern;
pub use self::client::ClientPattern;
pub(super) use self::client::partial_network;
pub use self::domain::DomainPattern;
pub use self::regex::RegexPattern;
pub(super) use self::regex::compile_set;
use crate::net::NetworkError;
use crate::text::{is_unprintable, printable};

/// Why a text is no pattern, and what was probably meant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternError {
    /// Nothing was written.
    #[error("the pattern is empty{0}")]
    Empty(&'static str),
    /// A blank, a control character, or one that cannot be seen.
    #[error("`{0}` has a blank or an invisible character in it, which only a /regex/ may have")]
    Blank(String),
    /// Something that means nothing here, and why.
    #[error("`{given}` {why}")]
    Unreadable {
        /// What was written, cleaned.
        given: String,
        /// What is wrong with it, often with what to write instead.
        why: String,
    },
    /// An address or network that is none.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A regular expression that does not compile.
    #[error("`{given}` is no usable regular expression: {why}")]
    Regex {
        /// What was written, cleaned.
        given: String,
        /// What the compiler says.
        why: String,
    },
}

/// Longer patterns are mistakes: a name has at most 253 octets, a path 256 (RFC 1035 section 2.3.4, RFC 5321 section 4.5.3.1.3),
/// and the local parts that really arrive may be longer than that.
const LONGEST: usize = 4096;

fn unreadable(given: &str, why: impl Into<String>) -> PatternError {
    PatternError::Unreadable { given: shown(given), why: why.into() }
}

fn shown(given: &str) -> String {
    printable(given, 100).into_owned()
}

fn refuse_blanks(text: &str) -> Result<(), PatternError> {
    if text.len() > LONGEST {
        return Err(unreadable(text, format!("is longer than {LONGEST} octets")));
    }
    match text.chars().any(|character| character.is_whitespace() || is_unprintable(character)) {
        true => Err(PatternError::Blank(shown(text))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests;
