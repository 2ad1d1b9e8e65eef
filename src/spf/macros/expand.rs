//! What macros stand for (RFC 7208 sections 7.2 and 7.3).
//!
//! A hostile record holds thousands of macros, a hostile sender is long. So a text is only expanded until it is as long
//! as it can get: a name from its end, because it is cut at its beginning, an explanation from its beginning.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::IpAddr;

use super::{DomainSpec, Letter, Macro, MacroString, Piece};
use crate::spf::domain::{LONGEST_NAME, fit, is_within};
use crate::spf::limits;
use crate::spf::query::Subject;

/// What there is to fill in.
#[derive(Debug, Clone, Copy)]
pub(in crate::spf) struct Values<'a> {
    /// Who is checked.
    pub(in crate::spf) subject: &'a Subject,
    /// The domain whose record is evaluated.
    pub(in crate::spf) domain: &'a str,
    /// The validated names of the client; only needed for `%{p}`.
    pub(in crate::spf) names: &'a [String],
}

impl DomainSpec {
    /// The name, without final dot, cut from the left to what DNS can hold (section 7.3). It may still be no name at
    /// all.
    pub(in crate::spf) fn expand(&self, values: &Values<'_>) -> String {
        let mut length = 0;
        let mut pieces: Vec<_> = Vec::new();
        for piece in self.0.0.iter().rev() {
            let piece = piece.expand(values);
            length += piece.len();
            pieces.push(piece);
            // One for a final dot, one to be seen as too long.
            if length > LONGEST_NAME + 1 {
                break;
            }
        }
        pieces.reverse();
        fit(&pieces.concat()).to_owned()
    }
}

impl MacroString {
    /// The text of an explanation; `None` unless it is printable ASCII, which is all an SMTP reply may be (section
    /// 6.2).
    pub(in crate::spf) fn explain(&self, values: &Values<'_>) -> Option<String> {
        let mut text = String::new();
        for piece in &self.0 {
            text.push_str(&piece.expand(values));
            if text.len() > limits::EXPLANATION {
                break;
            }
        }
        let is_printable = text.bytes().all(|octet| octet.is_ascii_graphic() || octet == b' ');
        is_printable.then(|| text.chars().take(limits::EXPLANATION).collect())
    }
}

impl Piece {
    fn expand<'a>(&'a self, values: &Values<'a>) -> Cow<'a, str> {
        match self {
            Self::Literal(text) => Cow::Borrowed(text),
            Self::Escape(text) => Cow::Borrowed(text),
            Self::Macro(it) if it.escaped => Cow::Owned(url_escaped(&it.transform(values.of(it.letter)))),
            Self::Macro(it) => it.transform(values.of(it.letter)),
        }
    }
}

impl Macro {
    /// "If transformers or delimiters are provided, the <value> for a macro letter is split into parts […]. After
    /// performing any reversal operation and/or removal of left-hand parts, the parts are rejoined using "." and not
    /// the original splitting characters. […] No special treatment is given to leading, trailing, or consecutive
    /// delimiters" (section 7.3).
    fn transform<'a>(&self, value: Cow<'a, str>) -> Cow<'a, str> {
        if self.keep.is_none() && !self.reversed && self.delimiters.is_empty() {
            return value;
        }
        let delimiters = if self.delimiters.is_empty() { "." } else { &self.delimiters };
        let mut parts: Vec<_> = value.split(|c| delimiters.contains(c)).collect();
        if self.reversed {
            parts.reverse();
        }
        let removed = self.keep.map_or(0, |keep| parts.len().saturating_sub(keep));
        Cow::Owned(parts.split_off(removed).join("."))
    }
}

impl<'a> Values<'a> {
    fn of(&self, letter: Letter) -> Cow<'a, str> {
        let subject = self.subject;
        match letter {
            Letter::Sender => Cow::Owned(format!("{}@{}", subject.local, subject.domain)),
            Letter::LocalPart => Cow::Borrowed(&subject.local),
            Letter::SenderDomain => Cow::Borrowed(&subject.domain),
            Letter::Domain => Cow::Borrowed(self.domain),
            Letter::Address => Cow::Owned(dotted(subject.ip)),
            Letter::ValidatedName => Cow::Borrowed(preferred(self.names, self.domain)),
            Letter::Family => Cow::Borrowed(if subject.ip.is_ipv4() { "in-addr" } else { "ip6" }),
            Letter::Helo => Cow::Borrowed(&subject.helo),
            Letter::ReadableAddress => Cow::Owned(subject.ip.to_string()),
            Letter::Receiver => Cow::Borrowed(&subject.receiver),
            Letter::Time => Cow::Owned(subject.time.to_string()),
        }
    }
}

/// "If the <domain> is present in the list of validated domains, it SHOULD be used. Otherwise, if a subdomain of the
/// <domain> is present, it SHOULD be used. Otherwise, any name from the list can be used. If there are no validated
/// domain names or if a DNS error occurs, the string "unknown" is used" (section 7.3).
fn preferred<'a>(names: &'a [String], domain: &str) -> &'a str {
    let same = names.iter().find(|name| name.eq_ignore_ascii_case(domain));
    let below = || names.iter().find(|name| is_within(name, domain));
    same.or_else(below).or_else(|| names.first()).map_or("unknown", String::as_str)
}

/// Dotted quad, or 32 dotted nibbles, in capitals as the examples of RFC 4408 had them (section 7.3).
fn dotted(address: IpAddr) -> String {
    let IpAddr::V6(address) = address else { return address.to_string() };
    let nibbles = address.octets().into_iter().flat_map(|octet| [octet >> 4, octet & 15]);
    nibbles.map(|nibble| format!("{nibble:X}")).collect::<Vec<_>>().join(".")
}

/// "URL escaping MUST be performed for characters not in the "unreserved" set" (section 7.3, RFC 3986 section 2.3).
fn url_escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
            escaped.push(char::from(octet));
        } else {
            let _ = write!(escaped, "%{octet:02X}");
        }
    }
    escaped
}
