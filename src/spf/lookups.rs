//! Asking the DNS within the limits of RFC 7208 section 4.6.4.

use std::net::IpAddr;

use super::domain::is_name;
use super::limits::{self, Limits};
use super::trouble::Trouble;
use crate::dns::{Dns, DnsError, Records};

/// The DNS, and what was asked so far.
pub(super) struct Lookups<'a> {
    dns: &'a dyn Dns,
    limits: Limits,
    terms: u8,
    voids: u8,
}

impl<'a> Lookups<'a> {
    pub(super) fn new(dns: &'a dyn Dns, limits: Limits) -> Self {
        Self { dns, limits, terms: 0, voids: 0 }
    }

    /// How many terms have asked.
    pub(super) fn terms(&self) -> u8 {
        self.terms
    }

    /// How many questions have had no answer.
    pub(super) fn voids(&self) -> u8 {
        self.voids
    }

    /// "SPF implementations MUST limit the total number of those terms to 10 during SPF evaluation […]. If this limit
    /// is exceeded, the implementation MUST return "permerror"."
    pub(super) fn count_term(&mut self) -> Result<(), Trouble> {
        let most = self.limits.lookups;
        count(&mut self.terms, most).ok_or(Trouble::Lookups { most })
    }

    /// The texts of a domain. One that has none is no void lookup: where a record refers to it, that is an error
    /// anyway.
    pub(super) async fn texts(&self, domain: &str) -> Result<Vec<Vec<u8>>, Trouble> {
        ask(domain, |name| self.dns.txt(name)).await.map_err(|error| failed(domain, error))
    }

    /// Addresses of the client's family: "When <ip> is an IPv4, A records are fetched; when <ip> is an IPv6 address,
    /// AAAA records are fetched" (section 5).
    pub(super) async fn addresses(&mut self, name: &str, client: IpAddr) -> Result<Vec<IpAddr>, Trouble> {
        let addresses = addresses(self.dns, name, client).await;
        self.count_void(name, addresses)
    }

    /// Does the name have an IPv4 address?
    pub(super) async fn exists(&mut self, name: &str) -> Result<bool, Trouble> {
        let addresses = ask(name, |name| self.dns.a(name)).await;
        self.count_void(name, addresses).map(|addresses| !addresses.is_empty())
    }

    /// The names of the mail exchangers, the preferred ones first. "The evaluation of each "MX" record MUST NOT result
    /// in querying more than 10 address records […]. If this limit is exceeded, the "mx" mechanism MUST produce a
    /// "permerror" result": whether or not the client is among the first ten, because their order is the server's whim.
    pub(super) async fn exchangers(&mut self, domain: &str) -> Result<Vec<String>, Trouble> {
        let exchangers = ask(domain, |name| self.dns.mx(name)).await;
        let mut exchangers = self.count_void(domain, exchangers)?;
        if exchangers.len() > limits::NAMES {
            return Err(Trouble::Exchangers { domain: domain.to_owned(), most: limits::NAMES });
        }
        exchangers.sort();
        Ok(exchangers.into_iter().map(|exchanger| exchanger.name).collect())
    }

    /// The names of the client that lead back to it (section 5.5). "If a DNS error occurs while doing the PTR RR
    /// lookup, then this mechanism fails to match. If a DNS error occurs while doing an A RR lookup, then that domain
    /// name is skipped and the search continues." Of more than ten names "all records other than the first 10 MUST be
    /// ignored".
    ///
    /// Nothing here is a void lookup: these names "are under control of the owner of the IP address actually making the
    /// connection", who could else turn `fail` into `permerror`.
    pub(super) async fn validated_names(&self, client: IpAddr) -> Vec<String> {
        let mut validated = Vec::new();
        for name in self.dns.ptr(client).await.unwrap_or_default().into_iter().take(limits::NAMES) {
            let name = name.strip_suffix('.').unwrap_or(&name);
            if addresses(self.dns, name, client).await.is_ok_and(|addresses| addresses.contains(&client)) {
                validated.push(name.to_owned());
            }
        }
        validated
    }

    /// "If the server returns "Name Error" (RCODE 3), then evaluation of the mechanism continues as if the server
    /// returned no error (RCODE 0) and zero answer records" (section 5), but "SPF implementations SHOULD limit "void
    /// lookups" to two. […] Exceeding the limit produces a "permerror" result."
    fn count_void<T>(&mut self, name: &str, answer: Result<Vec<T>, DnsError>) -> Result<Vec<T>, Trouble> {
        let records = answer.map_err(|error| failed(name, error))?;
        // What cannot be asked has not been asked.
        if records.is_empty() && is_name(name) {
            let most = self.limits.void_lookups;
            count(&mut self.voids, most).ok_or(Trouble::VoidLookups { most })?;
        }
        Ok(records)
    }
}

/// A name that the DNS cannot hold is not asked for: nothing is there (section 4.8 leaves this open).
async fn ask<'a, T>(name: &'a str, question: impl FnOnce(&'a str) -> Records<'a, T>) -> Result<Vec<T>, DnsError> {
    if is_name(name) { question(name).await } else { Ok(Vec::new()) }
}

async fn addresses(dns: &dyn Dns, name: &str, client: IpAddr) -> Result<Vec<IpAddr>, DnsError> {
    match client {
        IpAddr::V4(_) => Ok(ask(name, |name| dns.a(name)).await?.into_iter().map(IpAddr::V4).collect()),
        IpAddr::V6(_) => Ok(ask(name, |name| dns.aaaa(name)).await?.into_iter().map(IpAddr::V6).collect()),
    }
}

/// One more, unless that is too many.
fn count(counter: &mut u8, most: u8) -> Option<()> {
    *counter = counter.checked_add(1).filter(|count| *count <= most)?;
    Some(())
}

fn failed(name: &str, error: DnsError) -> Trouble {
    Trouble::Dns { name: name.to_owned(), error }
}
