//! What the DNS says about names and addresses, and whether it could be asked at all.
//!
//! Whoever needs the DNS is given a [`Dns`]: the resolver in the daemon, zones written as data in tests. Only one
//! difference counts above this module: "there is nothing" is an answer, "could not be asked" is not, and never counts
//! against anybody.

pub mod answers;
pub mod blocklist;
pub mod counted;
pub mod health;
pub mod hosts;
mod nobody;
pub mod query;
mod resolver;
pub mod zones;

use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;

use futures_util::future::Either;
use thiserror::Error;

pub use self::nobody::Nobody;
pub use self::resolver::{MOST_DESCRIPTORS, Resolver, ResolverError};

/// What a lookup resolves to: the records, none if the name does not exist or has none of this type.
pub type Answer<T> = Result<Vec<T>, DnsError>;

/// A lookup. Most are [`known`] from memory: a mail has many recipients, and every one of them a dozen lookups, which cost next
/// to nothing as long as nothing has to be set up for waiting.
pub type Records<'a, T> = Either<Ready<Answer<T>>, Pin<Box<dyn Future<Output = Answer<T>> + Send + 'a>>>;

/// A lookup that needs no asking.
pub fn known<'a, T>(answer: Answer<T>) -> Records<'a, T> {
    Records::Left(ready(answer))
}

/// A lookup for which somebody has to be asked.
pub fn asked<'a, T>(answer: impl Future<Output = Answer<T>> + Send + 'a) -> Records<'a, T> {
    Records::Right(Box::pin(answer))
}

/// The DNS could not be asked, or did not answer in a way that can be used: asking again later may succeed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DnsError {
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
    /// The server said that it failed (SERVFAIL), or will not answer (REFUSED), or something that makes no sense.
    #[error("{0}")]
    Failed(String),
    /// Nobody could be asked: no server answers anything at the moment, or too many lookups are waiting already. It says
    /// nothing about the name.
    #[error("no DNS server could be asked")]
    Unavailable,
}

/// A mail exchanger (RFC 5321 section 5.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exchanger {
    /// The lower, the sooner.
    pub preference: u16,
    /// Its name, without final dot; empty where the domain takes no mail (RFC 7505).
    pub name: String,
}

/// Somebody who can be asked about names. All names are fully qualified, without the final dot, in any case.
///
/// Nothing is escaped in them: a label is what stands between dots, and may hold any ASCII (spaces, slashes, `%`),
/// because SPF makes names of whatever a sender gives (RFC 7208 section 4.8).
///
/// A name that the DNS cannot hold (empty or longer than 63 octets labels, more than 253 octets in all) has no records.
pub trait Dns: Send + Sync {
    /// IPv4 addresses, CNAMEs followed.
    fn a(&self, name: &str) -> Records<'_, Ipv4Addr>;

    /// IPv6 addresses, CNAMEs followed.
    fn aaaa(&self, name: &str) -> Records<'_, Ipv6Addr>;

    /// Mail exchangers, in no order.
    fn mx(&self, name: &str) -> Records<'_, Exchanger>;

    /// Texts, the strings of each record put together (RFC 7208 section 3.3). They need not be UTF-8.
    fn txt(&self, name: &str) -> Records<'_, Vec<u8>>;

    /// The names of an address, unconfirmed.
    fn ptr(&self, address: IpAddr) -> Records<'_, String>;

    /// Gives up the memory of answers that hold no more.
    fn forget_lapsed(&self) {}
}

/// Does `name` lead to `address`? A name that a PTR record gives is believed only then: it is the address's owner who writes
/// these records, and anybody's name can stand there.
pub async fn leads_to(dns: &dyn Dns, name: &str, address: IpAddr) -> Result<bool, DnsError> {
    Ok(match address {
        IpAddr::V4(address) => dns.a(name).await?.contains(&address),
        IpAddr::V6(address) => dns.aaaa(name).await?.contains(&address),
    })
}
