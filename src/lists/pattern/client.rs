//! Patterns for the connecting client.

use std::fmt;
use std::str::FromStr;

use ipnet::IpNet;

use super::{DomainPattern, PatternError, RegexPattern, refuse_blanks, unreadable};
use crate::net::{NetworkError, parse_network};

/// Which clients are meant: by address, or by the name that Postfix has confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ClientPattern {
    /// An address or a network.
    Network(IpNet),
    /// A host name, or all hosts below one.
    Host(DomainPattern),
    /// Something found in the host name.
    Regex(RegexPattern),
}

impl FromStr for ClientPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text.starts_with('/') {
            return RegexPattern::parse(text).map(Self::Regex);
        }
        if text.is_empty() {
            return Err(PatternError::Empty(""));
        }
        refuse_blanks(text)?;
        if text.contains('@') {
            return Err(unreadable(text, "is a mail address: a client is an address, a network or a host name"));
        }
        if is_numeric(text) {
            return network(text).map(Self::Network);
        }
        // Postfix writes this where there is no confirmed name (SMTPD_POLICY_README), so nothing can match it.
        if text.eq_ignore_ascii_case("unknown") {
            return Err(unreadable(text, "is what Postfix calls a client without a confirmed name: it matches nobody"));
        }
        DomainPattern::parse(text).map(Self::Host)
    }
}

impl fmt::Display for ClientPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) if network.prefix_len() == network.max_prefix_len() => network.addr().fmt(f),
            Self::Network(network) => network.fmt(f),
            Self::Host(host) => host.fmt(f),
            Self::Regex(regex) => regex.fmt(f),
        }
    }
}

/// The IPv4 network of an address of which only the first numbers are written, as older lists do: `192.0.2` is 192.0.2.0/24.
pub(crate) fn partial_network(text: &str) -> Option<IpNet> {
    let numbers: Vec<&str> = text.trim_end_matches(".*").trim_end_matches('.').split('.').collect();
    let missing = 4_usize.checked_sub(numbers.len()).filter(|&missing| missing > 0)?;
    let address = format!("{}{}", numbers.join("."), ".0".repeat(missing));
    let length = 8 * numbers.len();
    parse_network(&format!("{address}/{length}")).ok()
}

/// Names never consist of these characters alone, and networks of nothing else.
fn is_numeric(text: &str) -> bool {
    text.contains([':', '/', '[']) || text.bytes().all(|byte| byte.is_ascii_digit() || b".*".contains(&byte))
}

fn network(text: &str) -> Result<IpNet, PatternError> {
    parse_network(text).map_err(|error| match (partial_network(text), bracketed(text)) {
        (Some(network), _) => unreadable(text, format!("is part of an address: write {network} for the network")),
        (_, Some(inner)) => unreadable(text, format!("has brackets: write {inner}")),
        _ if matches!(error, NetworkError::Malformed(_)) && text.contains("://") => unreadable(text, "is a URL"),
        _ => error.into(),
    })
}

fn bracketed(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    parse_network(inner).ok().map(|_| inner)
}
