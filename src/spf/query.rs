//! What goes in.

use std::net::IpAddr;

use super::result::Identity;
use crate::clock::Timestamp;
use crate::mail::to_a_labels;

/// The arguments of check_host() (RFC 7208 section 4.1), as the mail server has them.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// The client.
    pub ip: IpAddr,
    /// What it called itself.
    pub helo: &'a str,
    /// The envelope sender, in any case; empty for the null sender, and to check what the client called itself.
    pub sender: &'a str,
    /// This host, for explanations; if empty, "unknown".
    pub receiver: &'a str,
    /// Now, for explanations.
    pub now: Timestamp,
}

/// Who is checked, with everything filled in that was missing.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) ip: IpAddr,
    pub(super) identity: Identity,
    pub(super) local: String,
    pub(super) domain: String,
    pub(super) helo: String,
    pub(super) receiver: String,
    pub(super) time: i64,
}

impl Subject {
    pub(super) fn new(query: &Query<'_>) -> Self {
        let helo = host(query.helo);
        let (identity, local, domain) = match split(query.sender) {
            // "When the reverse-path is null, this document defines the "MAIL FROM" identity to be the mailbox composed
            // of the local-part "postmaster" and the "HELO" identity" (section 2.4).
            None => (Identity::Helo, "", helo.clone()),
            Some((local, domain)) => (Identity::MailFrom, local, host(domain)),
        };
        Self {
            // "An IPv4-mapped IPv6 IP address MUST still be considered an IPv4 address" (section 5).
            ip: query.ip.to_canonical(),
            identity,
            // "If the <sender> has no local-part, substitute the string "postmaster"" (section 4.3).
            local: if local.is_empty() { "postmaster" } else { local }.to_owned(),
            domain,
            helo,
            receiver: if query.receiver.is_empty() { "unknown" } else { query.receiver }.to_owned(),
            time: query.now.as_second(),
        }
    }
}

/// At the last `@`: a local part may hold others (RFC 5321 section 4.1.2). An address without any has no domain.
fn split(sender: &str) -> Option<(&str, &str)> {
    (!sender.is_empty()).then(|| sender.rsplit_once('@').unwrap_or((sender, "")))
}

/// "Internationalized domain names MUST be encoded as A-labels" (section 4.3).
fn host(name: &str) -> String {
    to_a_labels(name.strip_suffix('.').unwrap_or(name)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(sender: &str) -> Subject {
        let ip = "::ffff:192.0.2.1".parse().unwrap();
        Subject::new(&Query { ip, helo: "mail.example.org.", sender, receiver: "", now: Timestamp::UNIX_EPOCH })
    }

    #[test]
    fn what_is_missing_is_filled_in() {
        for (sender, identity, local, domain) in [
            ("Alice@Example.org", Identity::MailFrom, "Alice", "Example.org"),
            ("alice@example.org.", Identity::MailFrom, "alice", "example.org"),
            ("@example.org", Identity::MailFrom, "postmaster", "example.org"),
            ("", Identity::Helo, "postmaster", "mail.example.org"),
            ("a@b@example.org", Identity::MailFrom, "a@b", "example.org"),
            ("alice", Identity::MailFrom, "alice", ""),
            ("größe@bücher.example", Identity::MailFrom, "größe", "xn--bcher-kva.example"),
        ] {
            let subject = subject(sender);
            assert_eq!((subject.identity, subject.local.as_str(), subject.domain.as_str()), (identity, local, domain));
        }
    }

    #[test]
    fn an_ipv4_address_in_ipv6_is_one_of_ipv4() {
        assert_eq!(subject("").ip.to_string(), "192.0.2.1");
        assert_eq!(subject("").receiver, "unknown");
    }
}
