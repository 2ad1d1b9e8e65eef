//! The secrets of signatures.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Serialize, Serializer};
use sha1::Sha1;

/// The octets of a signature that a tag has room for.
pub(super) const SIGNATURE: usize = 3;

/// The number of a key, 0 to 9: the first digit of a tag says with which key it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(u8);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.0)
    }
}

impl FromStr for KeyId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.as_bytes() {
            [digit @ b'0'..=b'9'] => Ok(Self(digit - b'0')),
            _ => Err(format!("`{text}` is no number of a key: tags have room for one digit, 0 to 9")),
        }
    }
}

/// A secret and its number. It is never shown.
#[derive(Clone)]
pub struct Key {
    id: KeyId,
    hmac: Hmac<Sha1>,
}

impl Key {
    /// A key of these octets.
    pub fn new(id: KeyId, secret: &[u8]) -> Self {
        #[expect(clippy::expect_used, reason = "RFC 2104 section 2 takes keys of any length, none at all included")]
        let hmac = Hmac::new_from_slice(secret).expect("HMAC takes keys of any length");
        Self { id, hmac }
    }

    /// Its number.
    pub fn id(&self) -> KeyId {
        self.id
    }

    pub(super) fn sign(&self, message: &str) -> [u8; SIGNATURE] {
        let whole = self.over(message).finalize().into_bytes();
        let [a, b, c, ..] = <[u8; 20]>::from(whole);
        [a, b, c]
    }

    /// In constant time, so that nobody can feel his way to a signature octet by octet.
    pub(super) fn has_signed(&self, message: &str, signature: [u8; SIGNATURE]) -> bool {
        self.over(message).verify_truncated_left(&signature).is_ok()
    }

    fn over(&self, message: &str) -> Hmac<Sha1> {
        self.hmac.clone().chain_update(message)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Keys, of which the first signs and all verify: the others are on their way in or out.
#[derive(Debug, Clone, Default)]
pub struct Keys(Vec<Key>);

impl Keys {
    /// In this order. Of two keys of one number the first counts.
    pub fn new(keys: Vec<Key>) -> Self {
        Self(keys)
    }

    /// The key that signs; `None` when there are no keys.
    pub fn first(&self) -> Option<&Key> {
        self.0.first()
    }

    pub(super) fn find(&self, id: KeyId) -> Option<&Key> {
        self.0.iter().find(|key| key.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2202 section 3, test cases 1, 2 and 6 (a key longer than a block), the first three octets.
    #[test]
    fn signatures_are_those_of_rfc_2202() {
        let sign = |secret: &[u8], message| Key::new(KeyId(0), secret).sign(message);
        assert_eq!(sign(&[0x0b; 20], "Hi There"), [0xb6, 0x17, 0x31]);
        assert_eq!(sign(b"Jefe", "what do ya want for nothing?"), [0xef, 0xfc, 0xdf]);
        assert_eq!(sign(&[0xaa; 80], "Test Using Larger Than Block-Size Key - Hash Key First"), [0xaa, 0x4a, 0xe5]);
    }

    #[test]
    fn keys_are_not_shown() {
        let key = Key::new(KeyId(3), b"do not show this");
        assert_eq!(format!("{key:?}"), "Key { id: KeyId(3), .. }");
    }

    #[test]
    fn numbers_have_one_digit() {
        assert_eq!("7".parse(), Ok(KeyId(7)));
        for text in ["", "10", "-1", "a", "٣"] {
            assert!(text.parse::<KeyId>().is_err(), "{text}");
        }
    }
}
