//! What Postfix says and hears when it looks something up (socketmap_table(5)).
//!
//! A lookup is `name SP key`, a reply a word and what belongs to it, each in a netstring: `LENGTH:OCTETS,`
//! ([Bernstein 1997](https://cr.yp.to/proto/netstrings.txt)). Where a frame ends is known only from the frame itself, so after a
//! broken one nothing on the connection can be understood any more.

use thiserror::Error;

/// The most octets a lookup may have. The longest address that Postfix takes from a client has 2048 octets
/// (`line_length_limit`), and twice as many when every one of them is quoted.
pub const MAX_LOOKUP: usize = 8 * 1024;

/// One question: what does the map have for the key?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The name of the map.
    pub map: Vec<u8>,
    /// What is looked up; not always UTF-8.
    pub key: Vec<u8>,
}

/// What a lookup has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookupReply {
    /// The map has this.
    Found(String),
    /// The map has nothing.
    NotFound,
    /// It cannot be said now; Postfix tells its client to try again.
    Temporary(&'static str),
    /// It can never be said: the question is wrong.
    Permanent(&'static str),
}

/// Why octets are no lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LookupError {
    /// It does not begin with `LENGTH:`, without zeros in front.
    #[error("not a lookup: a netstring begins with its length and a colon")]
    NoLength,
    /// It says that it is longer than anything Postfix looks up.
    #[error("a lookup of more than {MAX_LOOKUP} octets")]
    TooLarge,
    /// There is no comma where it says that it ends.
    #[error("not a lookup: no comma at the end of the netstring")]
    NoComma,
    /// It has no space between map and key.
    #[error("not a lookup: no key behind the name of a map")]
    NoKey,
}

/// Puts lookups together from octets that come in pieces of any size.
#[derive(Debug, Default)]
pub struct LookupDecoder {
    input: Vec<u8>,
    /// How much of `input` has been taken.
    taken: usize,
}

impl LookupDecoder {
    /// Where the next octets are to be appended.
    pub fn input(&mut self) -> &mut Vec<u8> {
        self.input.drain(..self.taken);
        self.taken = 0;
        self.input.shrink_to(MAX_LOOKUP);
        &mut self.input
    }

    /// Whether a lookup has begun that is not complete.
    pub fn in_progress(&self) -> bool {
        self.taken < self.input.len()
    }

    /// The next complete lookup; `None` when more octets are needed. After an error the connection is of no more use.
    pub fn next_lookup(&mut self) -> Result<Option<Lookup>, LookupError> {
        let Some(netstring) = first_netstring(self.input.get(self.taken..).unwrap_or_default())? else {
            return Ok(None);
        };
        let lookup = Lookup::parse(netstring.content)?;
        self.taken += netstring.size;
        Ok(Some(lookup))
    }
}

impl Lookup {
    fn parse(content: &[u8]) -> Result<Self, LookupError> {
        let mut parts = content.splitn(2, |octet| *octet == b' ');
        match (parts.next(), parts.next()) {
            (Some(map), Some(key)) => Ok(Self { map: map.to_vec(), key: key.to_vec() }),
            _ => Err(LookupError::NoKey),
        }
    }
}

impl LookupReply {
    /// The octets to send. The space is never missing: Postfix takes a reply without one for malformed.
    pub fn encode(&self) -> Vec<u8> {
        let (word, text) = match self {
            Self::Found(value) => ("OK", value.as_str()),
            Self::NotFound => ("NOTFOUND", ""),
            Self::Temporary(why) => ("TEMP", *why),
            Self::Permanent(why) => ("PERM", *why),
        };
        format!("{}:{word} {text},", word.len() + 1 + text.len()).into_bytes()
    }
}

/// A netstring at the beginning of some octets.
struct Netstring<'a> {
    content: &'a [u8],
    /// How long it is in all.
    size: usize,
}

/// Judges as soon as the octets that are there allow it: nobody is waited for who has already gone wrong.
fn first_netstring(octets: &[u8]) -> Result<Option<Netstring<'_>>, LookupError> {
    let digits = octets.iter().take_while(|octet| octet.is_ascii_digit()).count();
    let length = declared_length(octets.get(..digits).unwrap_or_default())?;
    let content = match octets.get(digits) {
        None => return Ok(None),
        Some(b':') if digits > 0 => digits + 1,
        Some(_) => return Err(LookupError::NoLength),
    };
    let end = content + length;
    match octets.get(end) {
        None => Ok(None),
        Some(b',') => Ok(octets.get(content..end).map(|content| Netstring { content, size: end + 1 })),
        Some(_) => Err(LookupError::NoComma),
    }
}

fn declared_length(digits: &[u8]) -> Result<usize, LookupError> {
    if let [b'0', _, ..] = digits {
        return Err(LookupError::NoLength);
    }
    digits
        .iter()
        .try_fold(0, |length, digit| {
            Some(10 * length + usize::from(digit - b'0')).filter(|length| *length <= MAX_LOOKUP)
        })
        .ok_or(LookupError::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGN: &[u8] = b"27:batv-sign alice@example.org,";

    fn decode(pieces: &[&[u8]]) -> Result<Vec<(String, String)>, LookupError> {
        let mut decoder = LookupDecoder::default();
        let mut lookups = Vec::new();
        for piece in pieces {
            decoder.input().extend_from_slice(piece);
            while let Some(lookup) = decoder.next_lookup()? {
                let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
                lookups.push((text(&lookup.map), text(&lookup.key)));
            }
        }
        Ok(lookups)
    }

    fn one(map: &str, key: &str) -> Vec<(String, String)> {
        vec![(map.to_owned(), key.to_owned())]
    }

    #[test]
    fn a_lookup_may_arrive_in_any_two_pieces_and_octet_by_octet() {
        for split in 0..=SIGN.len() {
            let (first, second) = SIGN.split_at(split);
            assert_eq!(decode(&[first, second]).unwrap(), one("batv-sign", "alice@example.org"), "split at {split}");
        }
        let octets: Vec<&[u8]> = SIGN.chunks(1).collect();
        assert_eq!(decode(&octets).unwrap(), one("batv-sign", "alice@example.org"));
    }

    #[test]
    fn several_lookups_may_arrive_at_once() {
        assert_eq!(decode(&[&[SIGN, SIGN, SIGN].concat()]).unwrap().len(), 3);
        let (first, second) = SIGN.split_at(7);
        assert_eq!(decode(&[&[SIGN, first].concat(), &[second, SIGN].concat()]).unwrap().len(), 3);
    }

    #[test]
    fn a_key_is_whatever_follows_the_first_space() {
        for (netstring, map, key) in [
            (&b"4:m a,,"[..], "m", "a,"),
            (b"2:m ,", "m", ""),
            (b"1: ,", "", ""),
            (b"7:m a b c,", "m", "a b c"),
            (b"5:m a\0b,", "m", "a\0b"),
            (b"4:m \xff\xfe,", "m", "\u{fffd}\u{fffd}"),
            (b"5:m \"\":,", "m", "\"\":"),
        ] {
            assert_eq!(decode(&[netstring]).unwrap(), one(map, key), "{}", netstring.escape_ascii());
        }
    }

    #[test]
    fn what_is_no_lookup_is_an_error_as_soon_as_it_shows() {
        use LookupError::{NoComma, NoKey, NoLength, TooLarge};
        for (octets, expected) in [
            (&b"batv-sign alice@example.org\n"[..], NoLength),
            (b":m a,", NoLength),
            (b",", NoLength),
            (b" 3:m a,", NoLength),
            (b"+3:m a,", NoLength),
            (b"-1:", NoLength),
            (b"3 :m a,", NoLength),
            (b"3\0", NoLength),
            (b"\0", NoLength),
            (b"\xff", NoLength),
            (b"\x16\x03\x01\x02\x00\x01", NoLength), // TLS
            (b"GET / HTTP/1.1\r\n", NoLength),
            (b"request=smtpd_access_policy\n", NoLength),
            (b"03:m a,", NoLength),
            (b"00", NoLength),
            (b"8193", TooLarge),
            (b"99999", TooLarge),
            (b"18446744073709551616", TooLarge), // 2^64
            (&[b'9'; 4096], TooLarge),
            (b"3:m a;", NoComma),
            (b"3:m a\0", NoComma),
            (b"3:m a3:", NoComma),
            (b"2:m a,", NoComma), // too short by one
            (b"0:,", NoKey),
            (b"1:m,", NoKey),
            (b"9:batv-sign,", NoKey),
        ] {
            assert_eq!(decode(&[octets]), Err(expected), "{}", octets.escape_ascii());
        }
    }

    #[test]
    fn what_may_still_become_a_lookup_is_waited_for() {
        for octets in [&b""[..], b"3", b"0", b"8192", b"8192:", b"0:", b"3:", b"3:m", b"4:m a,"] {
            assert_eq!(decode(&[octets]).unwrap(), [], "{}", octets.escape_ascii());
        }
    }

    #[test]
    fn a_lookup_has_bounds() {
        let largest = [b"8192:m ".as_slice(), &[b'a'; MAX_LOOKUP - 2], b","].concat();
        assert_eq!(decode(&[&largest]).unwrap().len(), 1);
        let mut decoder = LookupDecoder::default();
        for _ in 0..1000 {
            decoder.input().extend_from_slice(&largest);
            assert!(decoder.next_lookup().unwrap().is_some());
        }
        assert!(!decoder.in_progress());
        assert!(decoder.input().capacity() <= MAX_LOOKUP);
    }

    #[test]
    fn replies_have_a_word_and_a_space() {
        for (reply, expected) in [
            (LookupReply::Found("alice@example.org".into()), "20:OK alice@example.org,"),
            (LookupReply::Found("jürgen@example.org".into()), "22:OK jürgen@example.org,"),
            (LookupReply::NotFound, "9:NOTFOUND ,"),
            (LookupReply::Temporary("later"), "10:TEMP later,"),
            (LookupReply::Permanent("no such map"), "16:PERM no such map,"),
        ] {
            assert_eq!(reply.encode(), expected.as_bytes());
        }
    }
}
