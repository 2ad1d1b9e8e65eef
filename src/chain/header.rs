//! The header that tells the recipient what was found.
//!
//! Postfix prepends a header for every request that is answered with `PREPEND`, but a message with ten recipients should
//! have it once: the first recipient of an instance that is worth a header gets it, and gets it again if Postfix repeats
//! the request; the others get DUNNO.

use std::time::Duration;

use hashbrown::DefaultHashBuilder;
use jiff::tz::TimeZone;
use moka::sync::Cache;

use super::decision::Course;
use crate::clock::Timestamp;
use crate::mail::Mailbox;
use crate::net::host_name;
use crate::protocol::{Header, ProtocolState, Request};

/// Transactions that are remembered: more than any Postfix has open at once.
const MAX_INSTANCES: u64 = 10_000;

/// How long a transaction is remembered: longer than any Postfix keeps one open.
const MAX_TRANSACTION: Duration = Duration::from_secs(3600);

/// Which recipient of which transaction has got which header.
pub(super) struct Headers {
    given: Cache<String, (Mailbox, Header), DefaultHashBuilder>,
    host: String,
}

impl Default for Headers {
    fn default() -> Self {
        Self {
            given: Cache::builder()
                .max_capacity(MAX_INSTANCES)
                .time_to_live(MAX_TRANSACTION)
                .build_with_hasher(DefaultHashBuilder::default()), // Postfix chooses the keys, no stranger
            host: host_name(),
        }
    }
}

impl Headers {
    /// The header for a recipient who passes, if there is one. Without an `authserv_id` it tells of a delay only.
    pub(super) fn of(&self, request: &Request, course: &Course, authserv_id: &str, now: Timestamp) -> Option<Header> {
        // At DATA Postfix would prepend it once more.
        let has_place = request.protocol_state == ProtocolState::Rcpt && course.passes();
        let recipient = request.recipient.as_ref().filter(|_| has_place)?;
        if let Some((receiver, header)) = self.given.get(&request.instance) {
            return (receiver == *recipient).then_some(header);
        }
        let header = match authserv_id {
            "" => self.delayed(course.delayed()?, now),
            authserv_id => authentication_results(authserv_id, course)?,
        };
        if !request.instance.is_empty() {
            self.given.insert(request.instance.clone(), (recipient.clone(), header.clone()));
        }
        Some(header)
    }

    fn delayed(&self, delay: Duration, now: Timestamp) -> Header {
        let (seconds, version, host) = (delay.as_secs(), env!("CARGO_PKG_VERSION"), &self.host);
        let date = jiff::fmt::rfc2822::to_string(&now.to_zoned(TimeZone::UTC)).unwrap_or_else(|_| now.to_string());
        Header::new("X-Greylist", &format!("delayed {seconds} seconds by postward-{version} at {host}; {date}"))
    }
}

/// What was really evaluated, and nothing else (RFC 8601 section 2.2); `None` if nothing was.
fn authentication_results(authserv_id: &str, course: &Course) -> Option<Header> {
    let delayed = course.delayed().map(|delay| format!("x-greylist=pass (delayed {} s)", delay.as_secs()));
    let results: Vec<&str> = course.results().iter().map(String::as_str).chain(delayed.as_deref()).collect();
    (!results.is_empty())
        .then(|| Header::new("Authentication-Results", &format!("{authserv_id}; {}", results.join("; "))))
}
