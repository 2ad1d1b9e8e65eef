//! DNS written as data, for tests: no network, and every kind of answer.
//!
//! ```
//! # use postward::dns::zones::Zones;
//! let zones: Zones = "
//!     example.org        MX       10 mail.example.org
//!     example.org        TXT      v=spf1 mx -all
//!     mail.example.org   A        192.0.2.1
//!     www.example.org    CNAME    mail.example.org
//!     192.0.2.1          PTR      mail.example.org
//!     slow.example.org   TIMEOUT
//! "
//! .parse()?;
//! # Ok::<(), postward::dns::zones::ZoneError>(())
//! ```

use std::collections::HashMap;
use std::future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use thiserror::Error;

use super::{Dns, DnsError, Exchanger, Records, asked, known};
use crate::mail::fold_host;

/// A chain of more aliases than this has no end.
const MOST_ALIASES: usize = 8;

/// What a name has, or how it fails. Failures concern the types the name has no data of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// A mail exchanger.
    Mx(Exchanger),
    /// A text.
    Txt(Vec<u8>),
    /// A name for the address that this name stands for.
    Ptr(String),
    /// Another name to look at instead.
    Cname(String),
    /// No answer in time; said at once.
    Timeout,
    /// The server says that it failed.
    Servfail,
    /// Never any answer, not even a failure.
    Silence,
}

/// A line that is no record.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no record: write `name TYPE data`")]
pub struct ZoneError(String);

/// Names and what they have. Keeps account of what was asked.
#[derive(Debug, Default)]
pub struct Zones {
    names: HashMap<String, Vec<Data>>,
    asked: Mutex<Vec<String>>,
}

impl Zones {
    /// Adds what `name` has, after what it has already.
    pub fn add(&mut self, name: &str, data: Data) {
        self.names.entry(fold_host(name)).or_default().push(data);
    }

    /// The questions so far, such as `MX example.org`, in their order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn look<T: Send + 'static>(&self, kind: &str, name: &str, pick: fn(&Data) -> Option<T>) -> Records<'_, T> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{kind} {name}"));
        let mut name = fold_host(name);
        for _ in 0..=MOST_ALIASES {
            let data = self.names.get(&name).map_or(&[][..], Vec::as_slice);
            let found: Vec<T> = data.iter().filter_map(pick).collect();
            let Some(alias) = alias(data).filter(|_| found.is_empty()) else {
                return if found.is_empty() { failure(data) } else { known(Ok(found)) };
            };
            name = fold_host(alias);
        }
        known(Err(DnsError::Failed("a chain of CNAMEs has no end".to_owned())))
    }
}

impl Dns for Zones {
    fn a(&self, name: &str) -> Records<'_, Ipv4Addr> {
        let pick = |data: &Data| if let Data::A(address) = data { Some(*address) } else { None };
        self.look("A", name, pick)
    }

    fn aaaa(&self, name: &str) -> Records<'_, Ipv6Addr> {
        let pick = |data: &Data| if let Data::Aaaa(address) = data { Some(*address) } else { None };
        self.look("AAAA", name, pick)
    }

    fn mx(&self, name: &str) -> Records<'_, Exchanger> {
        let pick = |data: &Data| if let Data::Mx(exchanger) = data { Some(exchanger.clone()) } else { None };
        self.look("MX", name, pick)
    }

    fn txt(&self, name: &str) -> Records<'_, Vec<u8>> {
        let pick = |data: &Data| if let Data::Txt(text) = data { Some(text.clone()) } else { None };
        self.look("TXT", name, pick)
    }

    fn ptr(&self, address: IpAddr) -> Records<'_, String> {
        let pick = |data: &Data| if let Data::Ptr(name) = data { Some(name.clone()) } else { None };
        self.look("PTR", &reverse_name(address), pick)
    }
}

impl FromStr for Zones {
    type Err = ZoneError;

    /// One record a line, as `name TYPE data`. The name of a PTR may be the address itself.
    fn from_str(text: &str) -> Result<Self, ZoneError> {
        let mut zones = Self::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (name, data) = record(line).ok_or_else(|| ZoneError(line.to_owned()))?;
            zones.add(&name, data);
        }
        Ok(zones)
    }
}

fn record(line: &str) -> Option<(String, Data)> {
    let (name, rest) = line.split_once(char::is_whitespace)?;
    let (kind, data) = rest.trim_start().split_once(char::is_whitespace).unwrap_or((rest.trim_start(), ""));
    let data = data.trim_start();
    let name = match name.parse() {
        Ok(address) if kind == "PTR" => reverse_name(address),
        _ => name.to_owned(),
    };
    Some((name, parse(kind, data)?))
}

fn parse(kind: &str, data: &str) -> Option<Data> {
    Some(match kind {
        "A" => Data::A(data.parse().ok()?),
        "AAAA" => Data::Aaaa(data.parse().ok()?),
        "MX" => {
            let (preference, name) = data.split_once(' ').unwrap_or((data, ""));
            let name = name.trim().trim_end_matches('.').to_owned();
            Data::Mx(Exchanger { preference: preference.parse().ok()?, name })
        }
        "TXT" => Data::Txt(data.as_bytes().to_vec()),
        "PTR" => Data::Ptr(data.trim_end_matches('.').to_owned()),
        "CNAME" => Data::Cname(data.to_owned()),
        "TIMEOUT" => Data::Timeout,
        "SERVFAIL" => Data::Servfail,
        "SILENCE" => Data::Silence,
        _ => return None,
    })
}

/// The name that PTR records of an address are at (RFC 1035 section 3.5, RFC 3596 section 2.5).
fn reverse_name(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let octets = address.octets().into_iter().rev();
            let nibbles: String = octets.map(|octet| format!("{:x}.{:x}.", octet & 15, octet >> 4)).collect();
            format!("{nibbles}ip6.arpa")
        }
    }
}

fn alias(data: &[Data]) -> Option<&str> {
    data.iter().find_map(|data| if let Data::Cname(name) = data { Some(name.as_str()) } else { None })
}

fn failure<T: Send + 'static>(data: &[Data]) -> Records<'static, T> {
    for data in data {
        match data {
            Data::Timeout => return known(Err(DnsError::Timeout)),
            Data::Servfail => return known(Err(DnsError::Failed("the server failed".to_owned()))),
            Data::Silence => return asked(future::pending()),
            _ => {}
        }
    }
    known(Ok(Vec::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zones() -> Zones {
        "example.org        MX       10 mail.example.org.
         example.org        TXT      v=spf1  mx -all
         example.org        SERVFAIL
         mail.example.org   A        192.0.2.1
         www.example.org    CNAME    Mail.example.org
         loop.example.org   CNAME    loop.example.org
         slow.example.org   TIMEOUT
         192.0.2.1          PTR      mail.example.org.
         2001:db8::25       PTR      mail.example.org"
            .parse()
            .unwrap()
    }

    #[tokio::test]
    async fn answers_are_what_was_written() {
        let zones = zones();
        let exchanger = Exchanger { preference: 10, name: "mail.example.org".to_owned() };
        assert_eq!(zones.mx("Example.ORG").await, Ok(vec![exchanger]));
        assert_eq!(zones.txt("example.org").await, Ok(vec![b"v=spf1  mx -all".to_vec()]));
        assert_eq!(zones.ptr("192.0.2.1".parse().unwrap()).await, Ok(vec!["mail.example.org".to_owned()]));
        assert_eq!(zones.ptr("2001:db8::25".parse().unwrap()).await, Ok(vec!["mail.example.org".to_owned()]));
        assert_eq!(zones.asked()[..2], ["MX Example.ORG", "TXT example.org"]);
    }

    #[tokio::test]
    async fn nothing_and_failure_are_told_apart() {
        let zones = zones();
        assert_eq!(zones.a("nobody.example.org").await, Ok(vec![]));
        assert_eq!(zones.aaaa("mail.example.org").await, Ok(vec![]));
        assert_eq!(zones.a("slow.example.org").await, Err(DnsError::Timeout));
        assert!(matches!(zones.a("example.org").await, Err(DnsError::Failed(_))), "only types it has none of fail");
    }

    #[tokio::test]
    async fn aliases_are_followed_to_their_end() {
        let zones = zones();
        assert_eq!(zones.a("www.example.org").await, Ok(vec![Ipv4Addr::new(192, 0, 2, 1)]));
        assert!(matches!(zones.a("loop.example.org").await, Err(DnsError::Failed(_))));
    }

    #[test]
    fn a_line_that_is_no_record_is_named() {
        for line in ["example.org", "example.org A", "example.org A mail.example.org", "example.org HINFO PDP-11"] {
            assert_eq!(line.parse::<Zones>().unwrap_err(), ZoneError(line.to_owned()));
        }
    }
}
