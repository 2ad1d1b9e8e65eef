//! Signing envelope senders and knowing the signature again: BATV (draft-levine-smtp-batv-01).
//!
//! A bounce goes to the envelope sender of the message that could not be delivered. If that was
//! `prvs=KDDDSSSSSS=alice@example.org` on everything that Alice has sent, a bounce to `alice@example.org` answers
//! something that she has not. `K` is the number of the key, `DDD` the last day on which the tag is good, in days since
//! 1970 modulo 1000, and `SSSSSS` in hexadecimal the first three octets of HMAC-SHA1 over `K`, `DDD` and the address.
//!
//! [`Tagging`] does both. Addresses come in and go out in internal form (unquoted, as in policy requests);
//! [`mail::external`](crate::mail::external) has the other. Their case is kept, and means nothing to the signature.
//!
//! An address has one tag a day, not one a message, so that greylists elsewhere see the same sender again.

mod days;
#[cfg(test)]
mod exim;
mod file;
mod keys;
mod tag;
mod tagging;
#[cfg(test)]
mod tests;

pub use self::file::{Secret, SecretError};
pub use self::keys::{Key, KeyId, Keys};
pub use self::tagging::{Tagging, Unsigned, Verdict};
