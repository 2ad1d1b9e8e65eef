//! Mail addresses and domains as Postfix hands them over (RFC 5321).
//!
//! Policy requests carry addresses in internal form: without angle brackets, unquoted, with whatever
//! octets the client sent. A local part may hold spaces, quotes and `@`; the domain begins after the last
//! `@`. Case is preserved by Postfix and folded here, because nobody means two people by it.

pub mod external;

use std::borrow::Cow;
use std::fmt;

/// The envelope sender, which may be null: bounces have none (RFC 5321 section 4.5.5).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ReversePath {
    /// `MAIL FROM:<>`
    Null,
    /// Somebody who can be answered.
    Mailbox(Mailbox),
}

impl ReversePath {
    /// Reads a `sender` attribute; empty is the null sender.
    pub fn parse(text: &str) -> Self {
        match text {
            "" => Self::Null,
            text => Self::Mailbox(Mailbox::parse(text)),
        }
    }

    /// The address, unless it is null.
    pub fn mailbox(&self) -> Option<&Mailbox> {
        match self {
            Self::Null => None,
            Self::Mailbox(mailbox) => Some(mailbox),
        }
    }

    /// The address in lower case; empty for the null sender.
    pub fn as_str(&self) -> &str {
        self.mailbox().map_or("", Mailbox::as_str)
    }
}

impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("<>"),
            Self::Mailbox(mailbox) => mailbox.fmt(f),
        }
    }
}

/// An address in lower case: a local part and, unless it is unqualified, a domain without final dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mailbox {
    address: Box<str>,
    local_length: usize,
}

impl Mailbox {
    /// Reads an address in internal form. Everything is an address to somebody: there are no errors.
    pub fn parse(text: &str) -> Self {
        // A dot that ends a local part belongs to it.
        let text = if text.contains('@') { text.trim_end_matches('.') } else { text };
        let address = fold_case(text);
        let local_length = address.rfind('@').unwrap_or(address.len());
        Self { address: address.into(), local_length }
    }

    /// Puts an address together; `None` for an unqualified one.
    pub fn new(local: &str, domain: Option<&str>) -> Self {
        let address = domain.map_or_else(|| local.to_owned(), |domain| format!("{local}@{domain}"));
        let local_length = local.len();
        Self { address: address.into(), local_length }
    }

    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// What stands before the last `@`.
    pub fn local(&self) -> &str {
        self.address.get(..self.local_length).unwrap_or(&self.address)
    }

    /// What stands after the last `@`; `None` when the address is unqualified.
    pub fn domain(&self) -> Option<&str> {
        self.address.get(self.local_length + 1..)
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

/// A host name as DNS compares it: lower case, without the final dot.
pub fn fold_host(name: &str) -> String {
    fold_case(name.strip_suffix('.').unwrap_or(name))
}

/// U-labels as A-labels (RFC 7208 section 4.3, RFC 8616 section 4). A name that has none remains as it is.
pub fn to_a_labels(name: &str) -> Cow<'_, str> {
    if name.is_ascii() {
        return Cow::Borrowed(name);
    }
    idna::domain_to_ascii(name).map_or(Cow::Borrowed(name), Cow::Owned)
}

/// The name itself and every name above it, the most specific first: `a.example.org`, `example.org`, `org`.
pub fn self_and_parents(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| name.split_once('.').map(|(_, parent)| parent))
}

fn fold_case(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.to_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_split_at_the_last_at() {
        for (text, local, domain) in [
            ("Alice@Example.ORG", "alice", Some("example.org")),
            ("alice@example.org.", "alice", Some("example.org")),
            ("alice@example.org..", "alice", Some("example.org")),
            ("alice.", "alice.", None),
            ("a@b@example.org", "a@b", Some("example.org")),
            ("john doe@example.org", "john doe", Some("example.org")),
            ("alice", "alice", None),
            ("@example.org", "", Some("example.org")),
            ("alice@", "alice", Some("")),
            ("ÄRGER@Müller.example", "ärger", Some("müller.example")),
        ] {
            let mailbox = Mailbox::parse(text);
            assert_eq!((mailbox.local(), mailbox.domain()), (local, domain), "{text}");
        }
    }

    #[test]
    fn an_empty_sender_is_null() {
        assert_eq!(ReversePath::parse(""), ReversePath::Null);
        assert_eq!(ReversePath::parse("").to_string(), "<>");
        assert!(ReversePath::parse("<>").mailbox().is_some(), "a quoted \"<>\" arrives like this and is somebody");
    }

    #[test]
    fn parents_end_at_the_top_level() {
        assert_eq!(self_and_parents("a.example.org").collect::<Vec<_>>(), ["a.example.org", "example.org", "org"]);
    }

    #[test]
    fn u_labels_become_a_labels() {
        assert_eq!(to_a_labels("Bücher.example"), "xn--bcher-kva.example");
        assert_eq!(to_a_labels("_spf.Example.org"), "_spf.Example.org");
    }
}
