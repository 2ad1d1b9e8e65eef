//! postgrey's databases, as `db_dump` of Berkeley DB writes them.
//!
//! ```text
//! VERSION=3
//! format=print
//! type=btree
//! HEADER=END
//!  192.0.2.0/alice@example.org/bob@example.net
//!  1789136000,1789913600
//! DATA=END
//! ```
//!
//! A row is two lines: a key, and behind it when it was first and last seen, or for a client alone how often it passed and when it
//! last did. Lines begin with a blank; octets are written as `\c3` (`format=print`, of `db_dump -p`) or all in hexadecimal
//! digits (`format=bytevalue`).

use std::io::BufRead;

use super::{ReadError, Record, Refusal, Standing, Taking, client, nonsense, seconds};
use crate::lists::formats::Lines;
use crate::text::from_octets;

/// Where the number stands by which Berkeley DB knows its files, and that number (file(1)).
const MAGIC_AT: usize = 12;
const BTREE: u32 = 0x0005_3162;

/// With `--privacy` postgrey keeps nothing but SHA-1 sums.
const SHA1_DIGITS: usize = 40;

/// Reads one dump, or several one behind the other.
pub(super) fn read(file: &mut impl BufRead, taking: &mut Taking) -> Result<(), ReadError> {
    if is_database(file.fill_buf()?) {
        return Err(other("this is the Berkeley DB file itself, and its text is needed"));
    }
    let mut dump = Dump { lines: Lines::new(file), place: Place::Outside };
    while let Some((line, key, value)) = dump.next_row()? {
        let row = key.and_then(|key| Ok((key, value?)));
        taking.take(line, row.and_then(|(key, value)| record(&key, &value)))?;
    }
    Ok(())
}

fn is_database(start: &[u8]) -> bool {
    let magic = start.get(MAGIC_AT..).and_then(|rest| rest.first_chunk());
    magic.is_some_and(|magic| u32::from_le_bytes(*magic) == BTREE || u32::from_be_bytes(*magic) == BTREE)
}

fn other(what: &str) -> ReadError {
    // Without -h the newest rows are missing: postgrey keeps them in files beside it.
    let hint = "`db_dump -h /var/lib/postgrey -p postgrey.db` writes it (Debian's package db-util)".to_owned();
    ReadError::Other { what: what.to_owned(), hint }
}

/// Nobody would miss the rest.
fn truncated() -> ReadError {
    other("the dump ends in the middle: DATA=END is missing")
}

/// Where in a dump a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    Header { octets: Octets },
    Data { octets: Octets },
}

/// How octets are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Octets {
    Printed,
    Hexadecimal,
}

struct Dump<R> {
    lines: Lines<R>,
    place: Place,
}

/// The line of a key, the key and its value.
type Row = (u64, Result<String, Refusal>, Result<String, Refusal>);

impl<R: BufRead> Dump<R> {
    fn next_row(&mut self) -> Result<Option<Row>, ReadError> {
        loop {
            let Some(line) = self.lines.next_line()? else {
                return if self.place == Place::Outside { Ok(None) } else { Err(truncated()) };
            };
            let text = match line.text {
                Ok(text) => text,
                Err(why) if self.place == Place::Outside => return Err(other(&format!("this is no dump: {why}"))),
                Err(why) => {
                    if matches!(self.place, Place::Data { .. }) {
                        self.lines.next_line()?; // the value of this key
                    }
                    return Ok(Some((line.number, Err(Refusal::Nonsense(why)), Ok(String::new()))));
                }
            };
            match (self.place, text.strip_prefix(' ')) {
                (Place::Data { octets }, Some(key)) => {
                    let key = octets.read(key);
                    return Ok(Some((line.number, key, self.value(octets)?)));
                }
                _ => self.place = self.place.behind(&text)?,
            }
        }
    }

    fn value(&mut self, octets: Octets) -> Result<Result<String, Refusal>, ReadError> {
        match self.lines.next_line()?.map(|line| line.text) {
            Some(Ok(text)) => match text.strip_prefix(' ') {
                Some(value) => Ok(octets.read(value)),
                None => Err(other("the dump is damaged: a key without a value")),
            },
            Some(Err(why)) => Ok(Err(Refusal::Nonsense(why))),
            None => Err(truncated()),
        }
    }
}

impl Place {
    /// Where the next line stands after one that is no row.
    fn behind(self, text: &str) -> Result<Self, ReadError> {
        match (self, text) {
            (Self::Outside, "") => Ok(self),
            (Self::Outside, text) if text.starts_with("VERSION=") => Ok(Self::Header { octets: Octets::Hexadecimal }),
            (Self::Outside, _) => Err(other("this is no dump of Berkeley DB")),
            (Self::Header { .. }, "format=print") => Ok(Self::Header { octets: Octets::Printed }),
            (Self::Header { octets }, "HEADER=END") => Ok(Self::Data { octets }),
            (Self::Data { .. }, "DATA=END") => Ok(Self::Outside),
            (Self::Header { .. }, _) => Ok(self),
            (Self::Data { .. }, _) => Err(other("the dump is damaged: a line in its data does not begin with a blank")),
        }
    }
}

impl Octets {
    fn read(self, text: &str) -> Result<String, Refusal> {
        let octets = match self {
            Self::Printed => printed(text.as_bytes()),
            Self::Hexadecimal => hexadecimal(text.as_bytes()),
        };
        octets.map(|octets| from_octets(&octets).into_owned()).ok_or_else(|| nonsense("cannot be decoded", text))
    }
}

/// `\\` and `\c3`
fn printed(text: &[u8]) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        rest = match rest {
            [] => return Some(octets),
            [b'\\', b'\\', rest @ ..] => {
                octets.push(b'\\');
                rest
            }
            [b'\\', high, low, rest @ ..] => {
                octets.push(octet(*high, *low)?);
                rest
            }
            [b'\\', ..] => return None,
            [plain, rest @ ..] => {
                octets.push(*plain);
                rest
            }
        };
    }
}

fn hexadecimal(text: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_chunks::<2>();
    rest.is_empty().then_some(())?;
    pairs.iter().map(|[high, low]| octet(*high, *low)).collect()
}

fn octet(high: u8, low: u8) -> Option<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

fn record(key: &str, value: &str) -> Result<Record, Refusal> {
    if key.len() == SHA1_DIGITS && key.bytes().all(|octet| octet.is_ascii_hexdigit()) {
        return Err(Refusal::Nonsense("postgrey ran with --privacy, and nobody can tell whose sum this is".to_owned()));
    }
    // Some versions have the client's last number behind a third comma.
    let mut numbers = value.split(',');
    let (first, second) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    match key.split_once('/') {
        None => Ok(Record::Client {
            client: client(key)?,
            passes: Some(first.parse().map_err(|_| nonsense("no number of passes", first))?),
            last_seen: seconds(second)?,
        }),
        Some((address, rest)) => {
            let (sender, recipient) = parties(rest).ok_or_else(|| nonsense("no sender and recipient", rest))?;
            Ok(Record::Triplet {
                client: client(address)?,
                sender: sender.to_owned(),
                recipient: recipient.to_owned(),
                standing: Standing::ByTime,
                first_seen: seconds(first)?,
                last_seen: seconds(second)?,
            })
        }
    }
}

/// `sender/recipient`, and before it `32/` or `128/` if postgrey ran with `--lookup-by-host`. Local parts may have slashes, domains
/// have none.
fn parties(rest: &str) -> Option<(&str, &str)> {
    let is_split = |rest: &&str| rest.contains('/');
    let rest = ["32/", "128/"].iter().find_map(|length| rest.strip_prefix(length).filter(is_split)).unwrap_or(rest);
    if let Some(recipient) = rest.strip_prefix('/') {
        return Some(("", recipient));
    }
    let behind_domain = rest.find('@').and_then(|at| Some(at + rest.get(at..)?.find('/')?));
    // A sender without a domain is on this host.
    let slash = behind_domain.or_else(|| rest.find('/'))?;
    Some((rest.get(..slash)?, rest.get(slash + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_parts_may_have_slashes() {
        for (rest, expected) in [
            ("a@example.org/b@example.net", Some(("a@example.org", "b@example.net"))),
            ("/b@example.net", Some(("", "b@example.net"))),
            ("sales/eu@example.org/b@example.net", Some(("sales/eu@example.org", "b@example.net"))),
            ("a@example.org//c=de/o=x@example.net", Some(("a@example.org", "/c=de/o=x@example.net"))),
            ("root/postmaster", Some(("root", "postmaster"))),
            ("root/b@example.net", Some(("root", "b@example.net"))),
            ("32/a@example.org/b@example.net", Some(("a@example.org", "b@example.net"))),
            ("128//b@example.net", Some(("", "b@example.net"))),
            ("32/b@example.net", Some(("32", "b@example.net"))), // somebody is called so
            ("a@example.org", None),
        ] {
            assert_eq!(parties(rest), expected, "{rest}");
        }
    }

    #[test]
    fn octets_are_read_in_both_ways_of_writing() {
        for (text, expected) in [
            (r"j\c3\bcrgen", Some("jürgen")),
            (r"a\\b", Some(r"a\b")),
            (r"\fc", Some(r"\xfc")), // as in a request
            (r"a\c", None),
            (r"a\zz", None),
        ] {
            assert_eq!(Octets::Printed.read(text).ok().as_deref(), expected, "{text}");
        }
        assert_eq!(Octets::Hexadecimal.read("6ac3bc").ok().as_deref(), Some("jü"));
        assert!(Octets::Hexadecimal.read("6ac").is_err() && Octets::Hexadecimal.read("6x").is_err());
    }
}
