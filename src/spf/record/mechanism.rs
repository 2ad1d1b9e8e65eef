//! What a client can be (RFC 7208 section 5).

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::cidr::{Lengths, length};
use super::error::TermError;
use crate::spf::macros::DomainSpec;

/// What a client can be. Without a domain it is the one whose record this is (section 4.8).
#[derive(Debug, PartialEq, Eq)]
pub(in crate::spf) enum Mechanism {
    /// Anybody.
    All,
    /// Whoever passes there.
    Include(DomainSpec),
    /// One of its hosts.
    A(Option<DomainSpec>, Lengths),
    /// One of its mail exchangers.
    Mx(Option<DomainSpec>, Lengths),
    /// Whoever has a name in it.
    Ptr(Option<DomainSpec>),
    /// A member of this network.
    Ip(IpNet),
    /// Anybody for whom this name exists.
    Exists(DomainSpec),
}

impl Mechanism {
    /// Does it ask the DNS (section 4.6.4)?
    pub(in crate::spf) fn asks(&self) -> bool {
        !matches!(self, Self::All | Self::Ip(_))
    }

    /// "Mechanism and modifier names are case insensitive" (section 4.6.1).
    pub(super) fn parse(text: &str) -> Result<Self, TermError> {
        let (name, argument) = text.split_at(text.find([':', '/']).unwrap_or(text.len()));
        match name.to_ascii_lowercase().as_str() {
            "all" => nothing(argument).map(|()| Self::All),
            "include" => domain(argument).map(Self::Include),
            "a" => hosts(argument).map(|(domain, lengths)| Self::A(domain, lengths)),
            "mx" => hosts(argument).map(|(domain, lengths)| Self::Mx(domain, lengths)),
            "ptr" => optional_domain(argument).map(Self::Ptr),
            "ip4" => ipv4(argument).map(|network| Self::Ip(network.into())),
            "ip6" => ipv6(argument).map(|network| Self::Ip(network.into())),
            "exists" => domain(argument).map(Self::Exists),
            _ => Err(TermError::Unknown),
        }
    }
}

/// `all = "all"` (section 5.1)
fn nothing(argument: &str) -> Result<(), TermError> {
    if argument.is_empty() { Ok(()) } else { Err(TermError::Argument) }
}

/// `":" domain-spec` (sections 5.2 and 5.7)
fn domain(argument: &str) -> Result<DomainSpec, TermError> {
    DomainSpec::parse(argument.strip_prefix(':').ok_or(TermError::NoDomain)?)
}

/// `[ ":" domain-spec ]` (section 5.5)
fn optional_domain(argument: &str) -> Result<Option<DomainSpec>, TermError> {
    if argument.is_empty() { Ok(None) } else { domain(argument).map(Some) }
}

/// `[ ":" domain-spec ] [ dual-cidr-length ]` (sections 5.3 and 5.4)
fn hosts(argument: &str) -> Result<(Option<DomainSpec>, Lengths), TermError> {
    let (argument, lengths) = Lengths::split(argument)?;
    Ok((optional_domain(argument)?, lengths))
}

/// `":" ip4-network [ ip4-cidr-length ]` (section 5.6)
fn ipv4(argument: &str) -> Result<Ipv4Net, TermError> {
    let (address, digits) = network(argument).ok_or(TermError::Ipv4)?;
    let address: Ipv4Addr = address.parse().map_err(|_| TermError::Ipv4)?;
    Ipv4Net::new(address, length(digits, 32)?).map_err(|_| TermError::Length(32))
}

/// `":" ip6-network [ ip6-cidr-length ]` (section 5.6)
fn ipv6(argument: &str) -> Result<Ipv6Net, TermError> {
    let (address, digits) = network(argument).ok_or(TermError::Ipv6)?;
    let address: Ipv6Addr = address.parse().map_err(|_| TermError::Ipv6)?;
    Ipv6Net::new(address, length(digits, 128)?).map_err(|_| TermError::Length(128))
}

fn network(argument: &str) -> Option<(&str, Option<&str>)> {
    let network = argument.strip_prefix(':')?;
    Some(network.split_once('/').map_or((network, None), |(address, digits)| (address, Some(digits))))
}
