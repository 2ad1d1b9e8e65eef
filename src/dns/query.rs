//! The names under which lists keep what they know.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::net::push_decimal;

/// A label of a zone that is longer than this is taken for a key.
const LONGEST_WORD: usize = 15;

/// A label with digits in it that is longer than this is taken for a key, too.
const LONGEST_MIXTURE: usize = 9;

/// The nibbles of an IPv6 address and the dots between them, and as much again for a zone.
const LONGEST_REVERSED: usize = 128;

/// What stands for a key.
const HIDDEN: &str = "…";

/// Where a list is asked. Who pays for one has a key in its name, such as `0123456789abcdefghijklmnop.zen.dq.spamhaus.net`:
/// that is never shown, however the zone is.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone(String);

/// Why a text is no zone. Does not repeat it, because a key may be in it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ZoneError {
    /// No name of several labels.
    #[error("must be a domain, such as zen.spamhaus.org")]
    NoDomain,
    /// `zen.spamhaus.org=127.0.0.2*3`, as in main.cf.
    #[error(
        "is a domain alone: the answers that count and the weight are options of their own, `answers` and `weight`"
    )]
    Postscreen,
}

impl Zone {
    /// The name to be asked, with the key. Not to be shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text with the keys hidden that are in the zone's name: some lists repeat what they were asked.
    pub fn without_key(&self, text: &str) -> String {
        let keys = hidden(&self.0).filter(|(_, is_hidden)| *is_hidden);
        keys.fold(text.to_owned(), |text, (key, _)| hide(&text, key))
    }
}

impl FromStr for Zone {
    type Err = ZoneError;

    fn from_str(text: &str) -> Result<Self, ZoneError> {
        if text.contains(['=', '*']) {
            return Err(ZoneError::Postscreen);
        }
        let zone = text.strip_suffix('.').unwrap_or(text).to_lowercase();
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet))
        };
        let is_domain = zone.contains('.') && zone.len() <= 253 && zone.split('.').all(is_label);
        if is_domain { Ok(Self(zone)) } else { Err(ZoneError::NoDomain) }
    }
}

/// Without key.
impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels = hidden(&self.0).map(|(label, is_hidden)| if is_hidden { HIDDEN } else { label });
        f.write_str(&labels.collect::<Vec<_>>().join("."))
    }
}

/// Without key.
impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Without key.
impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Every label, and whether it is taken for a key. The last two are not: they say whose list it is.
fn hidden(zone: &str) -> impl Iterator<Item = (&str, bool)> {
    let subdomains = zone.split('.').count().saturating_sub(2);
    zone.split('.').enumerate().map(move |(place, label)| (label, place < subdomains && is_key(label)))
}

/// The name of `address` in `zone`: octets (RFC 5782 section 2.1) or nibbles (section 2.4) in reverse. IPv4-mapped addresses
/// count as IPv4.
pub fn of_address(address: IpAddr, zone: &str) -> String {
    let mut name = reversed(address);
    name.push('.');
    name.push_str(zone);
    name
}

/// The name of `domain` in `zone` (RFC 5782 section 3), in lower case. `None` if it is no name but an address, with or without
/// brackets, or nothing at all: lists of names know nothing about addresses, and some answer with an error.
pub fn of_domain(domain: &str, zone: &str) -> Option<String> {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let is_address = domain.starts_with('[') || domain.parse::<IpAddr>().is_ok();
    (!domain.is_empty() && !is_address).then(|| format!("{}.{zone}", domain.to_lowercase()))
}

fn hide(text: &str, key: &str) -> String {
    let folded = text.to_ascii_lowercase(); // no octet longer or shorter
    let (mut shown, mut rest) = (String::with_capacity(text.len()), 0);
    for (at, _) in folded.match_indices(&key.to_ascii_lowercase()) {
        shown.push_str(text.get(rest..at).unwrap_or_default());
        shown.push_str(HIDDEN);
        rest = at + key.len();
    }
    shown.push_str(text.get(rest..).unwrap_or_default());
    shown
}

fn is_key(label: &str) -> bool {
    let has_digits = label.bytes().any(|octet| octet.is_ascii_digit());
    label.len() > if has_digits { LONGEST_MIXTURE } else { LONGEST_WORD }
}

/// With room for a zone behind it.
pub(super) fn reversed(address: IpAddr) -> String {
    let mut name = String::with_capacity(LONGEST_REVERSED);
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, rest @ ..] = address.octets();
            for octet in rest.into_iter().rev() {
                push_decimal(&mut name, octet);
                name.push('.');
            }
            push_decimal(&mut name, first);
        }
        IpAddr::V6(address) => {
            let nibbles = address.octets().into_iter().rev().flat_map(|octet| [octet & 0xf, octet >> 4]);
            let digits = nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16));
            name.extend(digits.flat_map(|digit| ['.', digit]).skip(1));
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_reversed() {
        for (address, expected) in [
            ("192.0.2.99", "99.2.0.192.list.example"),
            ("::ffff:192.0.2.99", "99.2.0.192.list.example"),
            (
                "2001:db8:1:2:3:4:567:89ab",
                "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.list.example", // RFC 5782 section 2.4
            ),
        ] {
            assert_eq!(of_address(address.parse().unwrap(), "list.example"), expected);
        }
    }

    #[test]
    fn domains_are_put_in_front() {
        for (domain, expected) in [
            ("example.org", Some("example.org.list.example")),
            ("Mail.Example.ORG.", Some("mail.example.org.list.example")),
            ("localhost", Some("localhost.list.example")),
            ("192.0.2.1", None),
            ("2001:db8::1", None),
            ("[192.0.2.1]", None),
            ("[IPv6:2001:db8::1]", None),
            ("", None),
            (".", None),
        ] {
            assert_eq!(of_domain(domain, "list.example").as_deref(), expected, "{domain}");
        }
    }

    #[test]
    fn keys_are_not_shown() {
        for (zone, expected) in [
            ("zen.spamhaus.org", "zen.spamhaus.org"),
            ("b.barracudacentral.org", "b.barracudacentral.org"),
            ("bl.spameatingmonkey.net", "bl.spameatingmonkey.net"),
            ("hostkarma.junkemailfilter.com", "hostkarma.junkemailfilter.com"),
            ("0123456789abcdefghijklmnop.zen.dq.spamhaus.net", "….zen.dq.spamhaus.net"),
            ("escalations.dnsbl-1.example.net", "escalations.dnsbl-1.example.net"),
            ("dob.sibl.support-intelligence.net", "dob.sibl.support-intelligence.net"),
            ("a1b2c3d4e5.list.example.net", "….list.example.net"),
            ("abcdefghijklmnopqrstuvwxyz.zen.dq.spamhaus.net", "….zen.dq.spamhaus.net"),
            ("0123456789abcdef0123456789abcdef.combined.mail.abusix.zone", "….combined.mail.abusix.zone"),
        ] {
            let zone: Zone = zone.parse().unwrap();
            assert_eq!((zone.to_string(), format!("{zone:?}")), (expected.to_owned(), expected.to_owned()));
        }
    }

    #[test]
    fn a_zone_is_a_domain_and_nothing_else() {
        assert_eq!("Zen.Example.NET.".parse::<Zone>().unwrap().as_str(), "zen.example.net");
        for text in ["", ".", "zen", "a..example", ".example.net", "a b.example", "….example.net", &"a".repeat(300)] {
            assert_eq!(text.parse::<Zone>(), Err(ZoneError::NoDomain), "{text}");
        }
        for text in ["zen.example.net*3", "zen.example.net=127.0.0.2"] {
            assert_eq!(text.parse::<Zone>(), Err(ZoneError::Postscreen), "{text}");
        }
    }

    #[test]
    fn keys_that_a_list_repeats_are_not_shown() {
        let zone: Zone = "0123456789abcdefghijklmnop.zen.dq.spamhaus.net".parse().unwrap();
        for (text, expected) in [
            ("See https://zen.example/", "See https://zen.example/"),
            ("?q=7.2.0.192.0123456789abcdefghijklmnop.zen.dq", "?q=7.2.0.192.….zen.dq"),
            ("ä 0123456789ABCDEFGHIJKLMNOP, 0123456789abcdefghijklmnop", "ä …, …"),
            ("", ""),
        ] {
            assert_eq!(zone.without_key(text), expected);
        }
    }
}
