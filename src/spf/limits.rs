//! How much an evaluation may cost.

use std::time::Duration;

/// A record of more octets is an error. RFC 7208 section 3.4 wants records to fit into one UDP packet; nobody's is near
/// this, but 64 KiB of terms would be parsed a dozen times for one request.
pub(super) const RECORD: usize = 16 * 1024;

/// Names of a client that are looked at, and exchangers of a domain (RFC 7208 section 4.6.4).
pub(super) const NAMES: usize = 10;

/// Octets of an explanation: the longest SMTP reply line (RFC 5321 section 4.5.3.1.5, RFC 7208 section 6.2).
pub(super) const EXPLANATION: usize = 512;

/// The limits of RFC 7208 section 4.6.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Terms that ask the DNS.
    pub lookups: u8,
    /// Questions of theirs that have no answer.
    pub void_lookups: u8,
    /// All of it.
    pub time: Duration,
}

impl Default for Limits {
    /// "MUST limit the total number of those terms to 10", "SHOULD limit void lookups to two", "SHOULD allow at least
    /// 20 seconds" (RFC 7208 section 4.6.4).
    fn default() -> Self {
        Self { lookups: 10, void_lookups: 2, time: Duration::from_secs(20) }
    }
}
