//! What a blocklist's answer means.
//!
//! A list answers with addresses in 127.0.0.0/8 (RFC 5782 section 2.1), and which of them count is written as in Postfix's
//! `postscreen_dnsbl_sites`. Lists that refuse to answer say so in addresses too, and somebody who has taken over the domain
//! of a dead list answers everything with the address of a web server. Neither may ever count as a listing.

use std::fmt;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use thiserror::Error;

/// Answers that count: `127.0.0.2`, `127.0.0.[2..11]`, `127.0.[0..255].[1;3;7..9]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers([Octet; 4]);

/// One place of an address: the numbers that fit.
type Octet = Vec<RangeInclusive<u8>>;

/// Why a text says nothing about answers.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AnswersError {
    /// Not four places.
    #[error("`{0}` has not four parts: write an address in which a part may be a choice, such as 127.0.0.[2..11]")]
    Shape(String),
    /// A bracket without its other half, or one inside another.
    #[error("`{0}` has a bracket too many or too few: write a choice as [2;4;6..8]")]
    Bracket(String),
    /// Something else than a number.
    #[error("`{part}` in `{text}` is not a number from 0 to 255, and not a range such as 2..11")]
    Number {
        /// All of it.
        text: String,
        /// What is no number.
        part: String,
    },
    /// A range from more to less.
    #[error("`{part}` in `{text}` is empty: the smaller number comes first")]
    Backwards {
        /// All of it.
        text: String,
        /// The range.
        part: String,
    },
    /// Not in 127.0.0.0/8, where all answers of lists are.
    #[error("`{0}` does not begin with 127: lists answer with addresses in 127.0.0.0/8 only")]
    NoAnswer(String),
}

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Not on the list, or only for reasons that do not count.
    NotListed,
    /// On the list; the answers that count.
    Listed(Vec<Ipv4Addr>),
    /// The list does not want to answer us, and says so with this address.
    Refused(Ipv4Addr),
    /// No list answers with such an address: somebody else has the zone.
    Hijacked(Ipv4Addr),
}

impl Answers {
    /// What the addresses of an answer say. What is no answer outweighs whatever else is there.
    pub fn judge(&self, addresses: &[Ipv4Addr]) -> Verdict {
        if let Some(address) = addresses.iter().find(|address| !address.is_loopback()) {
            return Verdict::Hijacked(*address);
        }
        if let Some(address) = addresses.iter().find(|address| is_refusal(**address)) {
            return Verdict::Refused(*address);
        }
        let listed: Vec<_> = addresses.iter().copied().filter(|address| self.contain(*address)).collect();
        if listed.is_empty() { Verdict::NotListed } else { Verdict::Listed(listed) }
    }

    /// Is it one of those that count?
    pub fn contain(&self, address: Ipv4Addr) -> bool {
        self.0.iter().zip(address.octets()).all(|(ranges, octet)| ranges.iter().any(|range| range.contains(&octet)))
    }

    /// Whatever a list may say.
    pub(super) fn any() -> Self {
        Self([vec![127..=127], vec![0..=255], vec![0..=255], vec![0..=255]])
    }
}

/// What counts if nothing is said: 127.0.0.2 to 127.0.0.254.
impl Default for Answers {
    fn default() -> Self {
        Self([vec![127..=127], vec![0..=0], vec![0..=0], vec![2..=254]])
    }
}

/// Spamhaus says 127.255.255.252 for a typing error, .254 for a public resolver, .255 for too many questions; SURBL and
/// URIBL say 127.0.0.1, dnswl.org says 127.0.0.255. RFC 5782 section 5 keeps 127.0.0.1 free of listings anyway.
fn is_refusal(address: Ipv4Addr) -> bool {
    matches!(address.octets(), [127, 255, 255, _] | [127, 0, 0, 1 | 255])
}

impl FromStr for Answers {
    type Err = AnswersError;

    fn from_str(text: &str) -> Result<Self, AnswersError> {
        let parts = split(text)?;
        let octets = parts.iter().map(|part| octet(text, part)).collect::<Result<Vec<_>, _>>()?;
        let octets: [Octet; 4] = octets.try_into().map_err(|_| AnswersError::Shape(text.to_owned()))?;
        match &octets[0][..] {
            [only] if *only == (127..=127) => Ok(Self(octets)),
            _ => Err(AnswersError::NoAnswer(text.to_owned())),
        }
    }
}

/// At the dots outside brackets.
fn split(text: &str) -> Result<Vec<&str>, AnswersError> {
    let mut parts = Vec::new();
    let (mut start, mut inside) = (0, false);
    for (at, character) in text.char_indices() {
        match character {
            '[' | ']' if inside == (character == '[') => return Err(AnswersError::Bracket(text.to_owned())),
            '[' | ']' => inside = !inside,
            '.' if !inside => {
                parts.extend(text.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(text.get(start..));
    if inside { Err(AnswersError::Bracket(text.to_owned())) } else { Ok(parts) }
}

/// `2`, `[2..11]`, `[1;3;7..9]`. A comma does as well as a semicolon, which main.cf needs because its lists have commas.
fn octet(text: &str, part: &str) -> Result<Octet, AnswersError> {
    match part.strip_prefix('[').and_then(|part| part.strip_suffix(']')) {
        Some(choice) => choice.split([';', ',']).map(|part| range(text, part.trim())).collect(),
        None => Ok(vec![number(text, part).map(|number| number..=number)?]),
    }
}

fn range(text: &str, part: &str) -> Result<RangeInclusive<u8>, AnswersError> {
    let Some((first, last)) = part.split_once("..") else {
        return number(text, part).map(|number| number..=number);
    };
    let range = number(text, first.trim())?..=number(text, last.trim())?;
    if range.is_empty() {
        return Err(AnswersError::Backwards { text: text.to_owned(), part: part.to_owned() });
    }
    Ok(range)
}

fn number(text: &str, part: &str) -> Result<u8, AnswersError> {
    let is_number = part.bytes().all(|octet| octet.is_ascii_digit());
    let number = part.parse().ok().filter(|_| is_number);
    number.ok_or_else(|| AnswersError::Number { text: text.to_owned(), part: part.to_owned() })
}

/// As Postfix reads it.
impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, ranges) in self.0.iter().enumerate() {
            f.write_str(if position == 0 { "" } else { "." })?;
            match &ranges[..] {
                [only] if only.start() == only.end() => write!(f, "{}", only.start())?,
                _ => write!(f, "[{}]", ranges.iter().map(shown).collect::<Vec<_>>().join(";"))?,
            }
        }
        Ok(())
    }
}

fn shown(range: &RangeInclusive<u8>) -> String {
    match (range.start(), range.end()) {
        (start, end) if start == end => start.to_string(),
        (start, end) => format!("{start}..{end}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(text: &str) -> Answers {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn answers_are_written_as_for_postscreen() {
        for (text, fitting, others) in [
            ("127.0.0.2", &["127.0.0.2"][..], &["127.0.0.3", "127.0.1.2"][..]),
            ("127.0.0.[2..11]", &["127.0.0.2", "127.0.0.7", "127.0.0.11"], &["127.0.0.1", "127.0.0.12"]),
            ("127.0.[0..255].3", &["127.0.0.3", "127.0.255.3"], &["127.0.0.2", "127.1.0.3"]),
            ("127.0.[2..15].[2;3]", &["127.0.2.2", "127.0.15.3"], &["127.0.1.2", "127.0.2.1"]),
            ("127.0.0.[1,3,5;7..9]", &["127.0.0.1", "127.0.0.5", "127.0.0.8"], &["127.0.0.2", "127.0.0.6"]),
            ("127.[0].[ 0 ; 1 ].[2 .. 4]", &["127.0.1.3"], &["127.0.2.3", "127.0.1.5"]),
        ] {
            for (addresses, expected) in [(fitting, true), (others, false)] {
                for address in addresses {
                    assert_eq!(answers(text).contain(address.parse().unwrap()), expected, "{address} in {text}");
                }
            }
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, expected) in [
            ("", "is not a number"),
            ("127.0.0", "not four parts"),
            ("127.0.0.2.3", "not four parts"),
            ("127.0.0.[2..11", "bracket"),
            ("127.0.0.2..11]", "bracket"),
            ("127.0.0.[[2]]", "bracket"),
            ("127.0.0.2..11", "`` in `127.0.0.2..11` is not a number"),
            ("127.0.0.256", "`256`"),
            ("127.0.0.+2", "`+2`"),
            ("127.0.0.-1", "`-1`"),
            ("127.0.0.[]", "`` in"),
            ("127.0.0.[2;]", "`` in"),
            ("127.0.0.[2-11]", "`2-11`"),
            ("127.0.0.[2...11]", "`.11`"),
            ("127.0.0.x[2]", "`x[2]`"),
            ("127.0.0.[2]3", "`[2]3`"),
            ("127.0.0.[11..2]", "`11..2` in `127.0.0.[11..2]` is empty"),
            ("127.0.0.٣", "`٣`"),
            ("10.0.0.2", "does not begin with 127"),
            ("[126..127].0.0.2", "does not begin with 127"),
        ] {
            let error = text.parse::<Answers>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn answers_are_shown_as_postfix_reads_them() {
        for (text, expected) in [
            ("127.0.0.2", "127.0.0.2"),
            ("127.0.0.[2]", "127.0.0.2"),
            ("127.0.[0..255].[1,3,5;7..9]", "127.0.[0..255].[1;3;5;7..9]"),
            ("127.0.0.[4..4;6]", "127.0.0.[4;6]"),
        ] {
            assert_eq!(answers(text).to_string(), expected);
            assert_eq!(answers(expected).to_string(), expected);
        }
        assert_eq!(answers("127.0.0.[2..254]"), Answers::default());
    }

    #[test]
    fn only_what_a_list_means_is_a_listing() {
        let address = |text: &str| text.parse::<Ipv4Addr>().unwrap();
        let listed = |text: &str| Verdict::Listed(vec![address(text)]);
        for (addresses, expected) in [
            (&[][..], Verdict::NotListed),
            (&["127.0.0.2"], listed("127.0.0.2")),
            (&["127.0.0.254"], listed("127.0.0.254")),
            (&["127.0.1.2"], Verdict::NotListed), // for something else than what was asked
            (&["127.0.1.2", "127.0.0.4"], listed("127.0.0.4")),
            // Spamhaus: typing error, public resolver, too many questions
            (&["127.255.255.252"], Verdict::Refused(address("127.255.255.252"))),
            (&["127.255.255.254"], Verdict::Refused(address("127.255.255.254"))),
            (&["127.255.255.255"], Verdict::Refused(address("127.255.255.255"))),
            // SURBL and URIBL, dnswl.org
            (&["127.0.0.1"], Verdict::Refused(address("127.0.0.1"))),
            (&["127.0.0.255"], Verdict::Refused(address("127.0.0.255"))),
            (&["127.0.0.2", "127.0.0.1"], Verdict::Refused(address("127.0.0.1"))),
            // a parked domain
            (&["203.0.113.80"], Verdict::Hijacked(address("203.0.113.80"))),
            (&["127.0.0.2", "203.0.113.80"], Verdict::Hijacked(address("203.0.113.80"))),
            (&["0.0.0.0"], Verdict::Hijacked(address("0.0.0.0"))),
        ] {
            let addresses: Vec<_> = addresses.iter().map(|text| address(text)).collect();
            assert_eq!(Answers::default().judge(&addresses), expected, "{addresses:?}");
        }
        let dnswl = answers("127.0.[0..255].[0..255]");
        assert_eq!(dnswl.judge(&[address("127.0.0.255")]), Verdict::Refused(address("127.0.0.255")), "even if it fits");
    }
}
