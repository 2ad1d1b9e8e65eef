//! Patterns for senders and recipients.

use std::fmt;
use std::str::FromStr;

use super::domain::check_name;
use super::{DomainPattern, PatternError, RegexPattern, refuse_blanks, unreadable};
use crate::mail::Mailbox;

/// Which senders or recipients are meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AddressPattern {
    /// `<>`: the null sender.
    Null,
    /// `user@example.org`
    Mailbox(Mailbox),
    /// `user@`: this local part in any domain, and unqualified. Held with the `@`.
    Local(String),
    /// A domain, or all below one.
    Domain(DomainPattern),
    /// Something found in the address. The null sender has no address to search.
    Regex(RegexPattern),
}

impl FromStr for AddressPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        match text {
            "" => return Err(PatternError::Empty(": write <> for the null sender")),
            "<>" => return Ok(Self::Null),
            text if text.starts_with('/') => return RegexPattern::parse(text).map(Self::Regex),
            _ => refuse_blanks(text)?,
        }
        if let Some(inner) = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) {
            return Err(unreadable(text, format!("has angle brackets: write `{inner}`")));
        }
        match text.rsplit_once('@') {
            Some((local, domain)) => with_local_part(text, local, domain),
            None if text.parse::<std::net::IpAddr>().is_ok() => {
                Err(unreadable(text, "is an IP address: those are clients, not senders or recipients"))
            }
            None => DomainPattern::parse(text).map(Self::Domain),
        }
    }
}

impl fmt::Display for AddressPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("<>"),
            Self::Mailbox(mailbox) => mailbox.fmt(f),
            Self::Local(local) => f.write_str(local),
            Self::Domain(domain) => domain.fmt(f),
            Self::Regex(regex) => regex.fmt(f),
        }
    }
}

fn with_local_part(text: &str, local: &str, domain: &str) -> Result<AddressPattern, PatternError> {
    match local {
        "" if domain.is_empty() => return Err(unreadable(text, "is no address")),
        "" | "*" => {
            return Err(unreadable(
                text,
                format!("has no local part: write `{domain}` for every address in it and below"),
            ));
        }
        local if local.contains('@') => return Err(unreadable(text, "has more than one `@`")),
        _ => {}
    }
    match domain {
        "*" => Err(unreadable(text, format!("has a `*`: write `{local}@` for this local part in any domain"))),
        "" => Ok(AddressPattern::Local(Mailbox::parse(text).as_str().to_owned())),
        domain if domain.starts_with(['.', '*']) => {
            Err(unreadable(text, "mixes a local part with many domains, which only a /regex/ can say"))
        }
        _ => {
            let mailbox = Mailbox::parse(text);
            check_name(mailbox.domain().unwrap_or_default()).map_err(|why| unreadable(text, why))?;
            Ok(AddressPattern::Mailbox(mailbox))
        }
    }
}
