//! The DNS as it is: asking real servers.
//!
//! ```text
//! name → Question → remembered? → circuit open? → under way already? → a turn → servers → Found → remembered
//!                   Memory        Circuit         Lookups                       Servers (hickory)
//! ```

mod circuit;
mod lookups;
mod memory;
mod question;
mod servers;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use thiserror::Error;

use self::lookups::{Lookups, MOST_AT_A_TIME, Outcome};
use self::question::Question;
use self::servers::Servers;
use super::{Dns, Exchanger, Records, asked, known};
use crate::net::is_public;

/// The system's resolver uses no more servers either (resolv.conf(5), MAXNS).
const MOST_SERVERS: usize = 3;

/// The port of the DNS (RFC 1035 section 4.2).
const PORT: u16 = 53;

/// The most descriptors that lookups take while one server is asked, and it is found out whether it is there: hickory sends a
/// question up to three times, each time from another port.
pub const MOST_DESCRIPTORS: usize = 3 * (MOST_AT_A_TIME + 2);

/// Asks DNS servers, remembers what they say, and does not wait for them when they are away.
///
/// A lookup has one deadline, whatever it takes. Temporary failures are remembered for some seconds. Clones share everything;
/// for other servers a new one is made. It works in the tokio runtime in which it is made, whoever asks.
#[derive(Clone)]
pub struct Resolver(Arc<Lookups<Servers>>);

/// Why there is nobody to ask.
#[derive(Debug, Error)]
pub enum ResolverError {
    /// The system does not say whom to ask.
    #[error("cannot tell the DNS servers from /etc/resolv.conf: {0}")]
    System(String),
    /// hickory does not want to begin.
    #[error("cannot set up DNS lookups: {0}")]
    Setup(String),
}

impl Resolver {
    /// Asks `servers`, or those in resolv.conf if there are none. A lookup takes no longer than `limit`. Panics
    /// outside of a runtime.
    pub fn new(servers: &[SocketAddr], limit: Duration) -> Result<Self, ResolverError> {
        let system = if servers.is_empty() { system_servers()? } else { Vec::new() };
        let servers = Servers::new(if servers.is_empty() { &system } else { servers }, limit)?;
        Ok(Self(Lookups::new(servers, limit)))
    }

    fn records<'a, T: 'a>(&'a self, question: Option<Question>, pick: fn(&RData) -> Option<T>) -> Records<'a, T> {
        let Some(question) = question else { return known(Ok(Vec::new())) };
        let picked =
            move |outcome: Outcome| Ok(outcome?.iter().flat_map(|found| found.iter()).filter_map(pick).collect());
        match self.0.recall(&question) {
            Some(outcome) => known(picked(outcome)),
            None => asked(async move { picked(self.0.look_up(question).await) }),
        }
    }
}

impl Dns for Resolver {
    fn forget_lapsed(&self) {
        self.0.forget_lapsed();
    }

    fn a(&self, name: &str) -> Records<'_, Ipv4Addr> {
        self.records(Question::about(name, RecordType::A), |record| match record {
            RData::A(address) => Some(address.0),
            _ => None,
        })
    }

    fn aaaa(&self, name: &str) -> Records<'_, Ipv6Addr> {
        self.records(Question::about(name, RecordType::AAAA), |record| match record {
            RData::AAAA(address) => Some(address.0),
            _ => None,
        })
    }

    fn mx(&self, name: &str) -> Records<'_, Exchanger> {
        self.records(Question::about(name, RecordType::MX), |record| match record {
            RData::MX(mx) => Some(Exchanger { preference: mx.preference, name: text(&mx.exchange) }),
            _ => None,
        })
    }

    fn txt(&self, name: &str) -> Records<'_, Vec<u8>> {
        self.records(Question::about(name, RecordType::TXT), |record| match record {
            RData::TXT(txt) => Some(txt.txt_data.concat()),
            _ => None,
        })
    }

    /// Addresses that are not [public](is_public) have no names: the DNS knows nothing about them that could be true here.
    fn ptr(&self, address: IpAddr) -> Records<'_, String> {
        let question = is_public(address).then(|| Question::whose(address));
        self.records(question, |record| match record {
            RData::PTR(name) => Some(text(name)).filter(|name| !name.is_empty()),
            _ => None,
        })
    }
}

fn system_servers() -> Result<Vec<SocketAddr>, ResolverError> {
    let (config, _) = read_system_conf().map_err(|error| ResolverError::System(error.to_string()))?;
    let addresses = config.name_servers().iter().map(|server| SocketAddr::new(server.ip, PORT));
    Ok(addresses.take(MOST_SERVERS).collect())
}

/// Without the final dot; octets that are no part of a host's name as `\046` (RFC 1035 section 5.1). hickory would write octal
/// numbers.
fn text(name: &Name) -> String {
    let mut text = String::with_capacity(name.len());
    for label in name.iter() {
        if !text.is_empty() {
            text.push('.');
        }
        for octet in label {
            match octet {
                b'.' | b'\\' => text.extend(['\\', char::from(*octet)]),
                b'!'..=b'~' => text.push(char::from(*octet)),
                _ => text.push_str(&format!("\\{octet:03}")),
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_so_that_two_are_never_the_same() {
        for (labels, expected) in [
            (&[&b"mail"[..], b"example", b"org"][..], "mail.example.org"),
            (&[], ""),
            (&[b"_25", b"Example"], "_25.Example"),
            (&[b"a.b", b"example"], r"a\.b.example"),
            (&[b"a\\", b"example"], r"a\\.example"),
            (&[b"a b\0\xff\n", b"example"], r"a\032b\000\255\010.example"),
        ] {
            assert_eq!(text(&Name::from_labels(labels.iter().copied()).unwrap()), expected);
        }
    }
}
