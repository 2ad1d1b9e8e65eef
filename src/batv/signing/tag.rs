//! `KDDDSSSSSS`, read and written.

use std::fmt;

use super::days::Day;
use super::keys::{Key, KeyId, SIGNATURE};

/// What every tagged local part begins with, in whatever case.
const SCHEME: &str = "prvs=";

/// What stands between `prvs=` and the local part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) key: KeyId,
    pub(super) expires: Day,
    signature: [u8; SIGNATURE],
}

impl Tag {
    pub(super) fn made_with(key: &Key, expires: Day, canonical: &str) -> Self {
        Self { key: key.id(), expires, signature: key.sign(&signed_text(key.id(), expires, canonical)) }
    }

    pub(super) fn is_made_with(&self, key: &Key, canonical: &str) -> bool {
        key.has_signed(&signed_text(self.key, self.expires, canonical), self.signature)
    }

    /// The tag of a local part, and the local part without it.
    pub(super) fn split_off(local: &str) -> Option<(Self, &str)> {
        let (key, rest) = strip_scheme(local)?.split_at_checked(1)?;
        let (expires, rest) = rest.split_at_checked(3)?;
        let (signature, rest) = rest.split_at_checked(2 * SIGNATURE)?;
        let inside = rest.strip_prefix('=').filter(|inside| !inside.is_empty())?;
        let tag = Self { key: key.parse().ok()?, expires: expires.parse().ok()?, signature: octets(signature)? };
        Some((tag, inside))
    }
}

/// Does the local part begin like a tagged one? Not every one that does has a tag.
pub(super) fn looks_tagged(local: &str) -> bool {
    strip_scheme(local).is_some()
}

fn strip_scheme(local: &str) -> Option<&str> {
    let (scheme, rest) = local.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then_some(rest)
}

/// The draft calls it hash-source.
fn signed_text(key: KeyId, expires: Day, canonical: &str) -> String {
    format!("{key}{expires}{canonical}")
}

fn octets(hexadecimal: &str) -> Option<[u8; SIGNATURE]> {
    // `from_str_radix` would take a sign.
    let number = hexadecimal.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(hexadecimal, 16));
    let [_, a, b, c] = number?.ok()?.to_be_bytes();
    Some([a, b, c])
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c] = self.signature;
        write!(f, "{SCHEME}{}{}{a:02x}{b:02x}{c:02x}=", self.key, self.expires)
    }
}
