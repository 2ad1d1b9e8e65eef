//! The maps that sign senders and take the tags off recipients (BATV), as Postfix looks them up.
//!
//! Postfix asks in external form, in the case in which an address was written, and in lower case to see whether a recipient
//! exists. The reply has to be in external form too: it would read `prvs=…="john doe"@example.org` as two addresses.
//! Everything that is not for us to change is "not found", which leaves it as it is.

use std::sync::Arc;

use super::dialogue::{Dialogue, Nonsense};
use super::service::Service;
use crate::batv::signing::{Tagging, Unsigned, Verdict};
use crate::clock::Timestamp;
use crate::mail::external;
use crate::protocol::{Lookup, LookupDecoder, LookupReply};
use crate::text;

/// How many octets of a key are logged, and of a map that nobody knows.
const SHOWN: usize = 200;

/// Lookups in maps (socketmap_table(5)).
pub(super) struct MapDialogue {
    decoder: LookupDecoder,
    service: Arc<Service>,
}

impl MapDialogue {
    /// A dialogue that has just begun.
    pub(super) fn with(service: Arc<Service>) -> Self {
        Self { decoder: LookupDecoder::default(), service }
    }
}

impl Dialogue for MapDialogue {
    type Request = (Map, Vec<u8>);

    fn input(&mut self) -> &mut Vec<u8> {
        self.decoder.input()
    }

    fn in_progress(&self) -> bool {
        self.decoder.in_progress()
    }

    fn next_request(&mut self) -> Result<Option<Self::Request>, Nonsense> {
        match self.decoder.next_lookup() {
            Ok(lookup) => lookup.map(understood).transpose(),
            Err(error) => Err(nonsense(error.to_string(), "that is no lookup")),
        }
    }

    async fn reply(&self, (map, key): Self::Request) -> Vec<u8> {
        let reply = map.look_up(&key, &self.service.tagging(), self.service.now());
        tracing::debug!(?map, key = shown(&key), found = matches!(reply, LookupReply::Found(_)), "looked up");
        reply.encode()
    }
}

fn understood(lookup: Lookup) -> Result<(Map, Vec<u8>), Nonsense> {
    match Map::named(&lookup.map) {
        Some(map) => Ok((map, lookup.key)),
        None => Err(nonsense(format!("there is no map `{}`", shown(&lookup.map)), "no such map")),
    }
}

/// Postfix logs what it is told, and tells its client to try again.
fn nonsense(why: String, told: &'static str) -> Nonsense {
    Nonsense { why, last_words: LookupReply::Permanent(told).encode() }
}

fn shown(octets: &[u8]) -> String {
    text::printable(&text::from_octets(octets), SHOWN).into_owned()
}

/// What one of the maps does to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Map {
    /// `batv-sign`: a sender of ours is tagged.
    Sign,
    /// `batv-verify`: a tag of ours is taken off a recipient.
    Verify,
}

impl Map {
    fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"batv-sign" => Some(Self::Sign),
            b"batv-verify" => Some(Self::Verify),
            _ => None,
        }
    }

    fn look_up(self, key: &[u8], tagging: &Tagging, now: Timestamp) -> LookupReply {
        // Octets that are no text could not be given back as they came.
        let Some(address) = std::str::from_utf8(key).ok().and_then(external::read) else {
            return LookupReply::NotFound;
        };
        match self {
            Self::Sign => signed(&tagging.sign(&address, now)),
            Self::Verify => verified(&tagging.verify(&address, now)),
        }
    }
}

/// Mail that should have been signed had better wait: a bounce to it would be refused.
fn signed(signed: &Result<String, Unsigned>) -> LookupReply {
    match signed {
        Ok(tagged) => found(tagged),
        Err(Unsigned::NoKey) => LookupReply::Temporary("there is no key to sign with"),
        Err(_) => LookupReply::NotFound,
    }
}

/// Also behind a tag that has expired there is somebody. That it is too late for a bounce is for the `bounce` check to
/// say, which knows whether it is one.
fn verified(verdict: &Verdict) -> LookupReply {
    match verdict {
        Verdict::Signed { core } | Verdict::Expired { core } => found(core),
        Verdict::Foreign | Verdict::Untagged | Verdict::Forged => LookupReply::NotFound,
    }
}

fn found(address: &str) -> LookupReply {
    LookupReply::Found(external::write(address).into_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::batv::signing::{Key, Keys};

    const DAY: Duration = Duration::from_secs(86_400);

    fn tagging() -> Tagging {
        let key = Key::new("0".parse().unwrap(), b"a secret that is long enough");
        Tagging::new(["example.org"], Keys::new(vec![key]), 7 * DAY)
    }

    fn noon() -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    fn look_up(map: Map, key: impl AsRef<[u8]>) -> Option<String> {
        match map.look_up(key.as_ref(), &tagging(), noon()) {
            LookupReply::Found(value) => Some(value),
            LookupReply::NotFound => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_address_is_given_back_as_it_was_written() {
        for address in [
            "alice@example.org",
            "Alice@Example.ORG",
            r#""john doe"@example.org"#,
            r#""a@b"@example.org"#,
            r#""a\"b\\c"@example.org"#,
            "jürgen@example.org",
            "alice+lists@example.org",
        ] {
            let signed = look_up(Map::Sign, address).unwrap_or_else(|| panic!("{address} is not signed"));
            assert!(signed.starts_with("prvs=0785") || signed.starts_with("\"prvs=0785"), "{signed}");
            assert_eq!(look_up(Map::Sign, &signed), None, "Postfix asks again about the answer");
            assert_eq!(look_up(Map::Verify, &signed).as_deref(), Some(address));
            assert_eq!(look_up(Map::Verify, signed.to_lowercase()), Some(address.to_lowercase()));
        }
    }

    #[test]
    fn what_is_not_ours_to_sign_is_not_found() {
        let too_long = format!("{}@example.org", "a".repeat(49));
        let quoted_as_long = format!("\"{} b\"@example.org", "a".repeat(45));
        for address in [
            "",
            r#""""#,
            "<>",
            "alice",
            "alice@",
            "alice@example.net",
            "alice@sub.example.org",
            "john doe@example.org",
            "\"john doe@example.org",
            "\"a\nb\"@example.org",
            r#""a"@example.net@example.org"#,
            "@example.org",
            r#"""@example.org"#,
            "prvs=0785afa14d=alice@example.org",
            &too_long,
            &quoted_as_long,
        ] {
            assert_eq!(look_up(Map::Sign, address), None, "{address}");
        }
        assert_eq!(look_up(Map::Sign, b"jos\xe9@example.org"), None);
        assert!(look_up(Map::Sign, format!("{}@example.org", "a".repeat(48))).is_some());
    }

    #[test]
    fn what_should_be_signed_and_cannot_be_has_to_wait() {
        let keyless = Tagging::new(["example.org"], Keys::default(), 7 * DAY);
        let look_up = |map: Map, key: &str| map.look_up(key.as_bytes(), &keyless, noon());
        assert!(matches!(look_up(Map::Sign, "alice@example.org"), LookupReply::Temporary(_)));
        assert_eq!(look_up(Map::Sign, "alice@example.net"), LookupReply::NotFound);
        assert_eq!(look_up(Map::Verify, "prvs=0785afa14d=alice@example.org"), LookupReply::NotFound);
    }

    #[test]
    fn what_has_no_tag_of_ours_is_not_found() {
        let signed = look_up(Map::Sign, "alice@example.org").unwrap();
        for address in [
            "",
            "alice@example.org",
            "prvs=0785afa14d=alice@example.org",
            "prvs=@example.org",
            &signed.replace("alice", "bob"),
            &signed.replace("example.org", "example.net"),
            &signed.replace("prvs=0785", "prvs=0786"),
            &signed.replace("prvs=0785", "prvs=1785"),
            &format!("\"{signed}"),
        ] {
            assert_eq!(look_up(Map::Verify, address), None, "{address}");
        }
    }

    #[test]
    fn a_tag_that_has_expired_is_taken_off_too() {
        let signed = look_up(Map::Sign, "alice@example.org").unwrap();
        let reply = Map::Verify.look_up(signed.as_bytes(), &tagging(), crate::clock::later(noon(), 30 * DAY));
        assert_eq!(reply, LookupReply::Found("alice@example.org".to_owned()));
    }
}
