//! Names of hosts and domains in patterns.

use std::fmt;

use super::{PatternError, unreadable};
use crate::mail::fold_host;

/// `example.org`: the name and all below it; `.example.org`: only what is below.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DomainPattern(String);

impl DomainPattern {
    /// Reads a name, with or without leading dot; a final dot is ignored.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if let Some(parent) = text.strip_prefix("*.") {
            return Err(unreadable(text, format!("has a `*`: write `.{parent}` for everything below {parent}")));
        }
        let name = fold_host(text);
        check_name(name.strip_prefix('.').unwrap_or(&name)).map_err(|why| unreadable(text, why))?;
        Ok(Self(name))
    }

    /// The canonical spelling: lower case, without final dot.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DomainPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says why `name` cannot be the name of a domain. Postfix hands on what clients send, so underscores and
/// letters beyond ASCII pass, and so do address literals (RFC 5321 section 4.1.3).
pub(super) fn check_name(name: &str) -> Result<(), String> {
    if let Some(literal) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let plain = |character: char| character.is_ascii_alphanumeric() || ":.-".contains(character);
        return literal.chars().all(plain).then_some(()).ok_or_else(|| "is no address literal".to_owned());
    }
    if name.len() > 253 {
        return Err("is longer than a domain name can be (253 octets, RFC 1035)".to_owned());
    }
    if let Some(odd) = name.chars().find(|&character| !belongs_in_names(character)) {
        return Err(format!("is no domain name: `{odd}` cannot be in one"));
    }
    if name.split('.').any(str::is_empty) {
        return Err("is no domain name: a part between the dots is empty".to_owned());
    }
    if name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err("is no domain name: no top-level domain is a number".to_owned());
    }
    Ok(())
}

fn belongs_in_names(character: char) -> bool {
    !character.is_ascii() || character.is_ascii_alphanumeric() || ".-_".contains(character)
}
