//! Does the client have a name?
//!
//! Postfix has looked already: `client_name` is only set when the name resolves back to the address
//! (SMTPD_POLICY_README). `unknown` mixes "has none" with "could not be asked", and only the first counts; so where Postfix
//! knows no name we ask ourselves.

use std::net::IpAddr;
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use serde::Serialize;
use serde_yaml::Value;

use super::{Check, Consequence, Context, Finding, Options, Parts, Pending, Reason, Registration};
use crate::config::Section;
use crate::dns::hosts::is_generic;
use crate::dns::{Dns, DnsError, leads_to};
use crate::mail::fold_host;
use crate::net::{address_text, is_public};
use crate::protocol::property_value;

/// How the policy file gets here.
pub const REGISTRATION: Registration =
    Registration { name: "reverse_dns", read: |section| Box::new(ReverseDnsOptions::read(section)) };

/// The most names of one address that are looked at: as many as SPF does (RFC 7208 section 4.6.4).
const MAX_NAMES: usize = 10;

/// What follows from what reverse DNS says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ReverseDnsOptions {
    /// The address has no name.
    pub missing: Consequence,
    /// It has names, none of which leads back to it.
    pub unconfirmed: Consequence,
    /// Its name is one that providers give to lines.
    pub generic: Consequence,
}

impl Default for ReverseDnsOptions {
    fn default() -> Self {
        Self { missing: Consequence::Reject, unconfirmed: Consequence::Suspect, generic: Consequence::Suspect }
    }
}

impl ReverseDnsOptions {
    fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        Self {
            missing: section.parsed("missing", default.missing),
            unconfirmed: section.parsed("unconfirmed", default.unconfirmed),
            generic: section.parsed("generic", default.generic),
        }
    }
}

impl Options for ReverseDnsOptions {
    fn in_force(&self) -> Value {
        serde_yaml::to_value(self).unwrap_or_default()
    }

    fn build(&self, parts: &Parts) -> Box<dyn Check> {
        Box::new(ReverseDnsCheck { options: *self, dns: parts.dns.clone() })
    }
}

struct ReverseDnsCheck {
    options: ReverseDnsOptions,
    dns: Arc<dyn Dns>,
}

impl Check for ReverseDnsCheck {
    fn find<'a>(&'a self, context: &'a Context<'a>) -> Pending<'a, Finding> {
        Box::pin(async move {
            let request = context.request;
            let Some(address) = request.client_address else { return Finding::nothing("no client address") };
            if !is_public(address) {
                return Finding::nothing("no public address");
            }
            let said = match &request.client_name {
                Some(name) => ReverseDns::Confirmed(name.clone()),
                None => ask(self.dns.as_ref(), address).await,
            };
            let finding = found(&said, address);
            let result = context.tells_results.then(|| result(&said, address));
            Finding { result, ..finding }
        })
    }

    fn consequence(&self, reason: Reason) -> Consequence {
        match reason {
            Reason::RdnsMissing => self.options.missing,
            Reason::RdnsUnconfirmed => self.options.unconfirmed,
            Reason::RdnsGeneric => self.options.generic,
            _ => Consequence::Ignore,
        }
    }
}

/// What reverse DNS says about a client (RFC 8601 section 2.7.3 calls it iprev).
#[derive(Debug, PartialEq, Eq)]
enum ReverseDns {
    Confirmed(String),
    Unconfirmed(String),
    Missing,
    NotAsked(DnsError),
}

async fn ask(dns: &dyn Dns, address: IpAddr) -> ReverseDns {
    let names = match dns.ptr(address).await {
        Ok(names) => names,
        Err(error) => return ReverseDns::NotAsked(error),
    };
    // Side by side: whose names are all slow to resolve would else use up the time of the checks that follow.
    let mut asked: FuturesUnordered<_> =
        names.iter().take(MAX_NAMES).map(|name| async move { (name, leads_to(dns, name, address).await) }).collect();
    let mut failed = None;
    while let Some((name, answer)) = asked.next().await {
        match answer {
            Ok(true) => return ReverseDns::Confirmed(fold_host(name)),
            Ok(false) => {}
            Err(error) => failed = Some(error),
        }
    }
    match (failed, names.first()) {
        (Some(error), _) => ReverseDns::NotAsked(error),
        (None, Some(name)) => ReverseDns::Unconfirmed(fold_host(name)),
        (None, None) => ReverseDns::Missing,
    }
}

fn found(said: &ReverseDns, address: IpAddr) -> Finding {
    let (reason, evidence, text) = match said {
        ReverseDns::Confirmed(name) if is_generic(name, address) => {
            let text = format!("Your host name {name} looks like that of a dynamic address, not of a mail server");
            (Some(Reason::RdnsGeneric), format!("{name} is a name for a line"), text)
        }
        ReverseDns::Confirmed(name) => (Some(Reason::RdnsConfirmed), name.clone(), String::new()),
        ReverseDns::Unconfirmed(name) => {
            let text = format!("Your host name {name} does not resolve to your address {address}");
            (Some(Reason::RdnsUnconfirmed), format!("{name} does not lead back to {address}"), text)
        }
        ReverseDns::Missing => {
            let text = format!("Your address {address} has no host name (reverse DNS)");
            (Some(Reason::RdnsMissing), format!("{address} has no name"), text)
        }
        ReverseDns::NotAsked(error) => (None, format!("could not be asked: {error}"), String::new()),
    };
    Finding { reason, text, ..Finding::nothing(evidence) }
}

/// RFC 8601 section 2.7.3
fn result(said: &ReverseDns, address: IpAddr) -> String {
    let iprev = match said {
        ReverseDns::Confirmed(_) => "pass",
        ReverseDns::Unconfirmed(_) => "fail",
        ReverseDns::Missing => "permerror",
        ReverseDns::NotAsked(_) => "temperror",
    };
    format!("iprev={iprev} policy.iprev={}", property_value(&address_text(address)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::tests as testing;
    use crate::protocol::Request;

    const ZONES: &str = "
        192.0.2.1         PTR   mail.example.org
        mail.example.org  A     192.0.2.1
        192.0.2.2         PTR   elsewhere.example.org
        elsewhere.example.org  A  192.0.2.99
        192.0.2.3         PTR   lost.example.org
        4.2.0.192.in-addr.arpa  TIMEOUT
        192.0.2.5         PTR   slow.example.org
        slow.example.org  SERVFAIL
        192.0.2.6         PTR   lost.example.org
        192.0.2.6         PTR   second.example.org
        second.example.org  A   192.0.2.6
        192.0.2.7         PTR   dyn-192-0-2-7.example.net
        dyn-192-0-2-7.example.net  A  192.0.2.7
        192.0.2.8         PTR   lost.example.org
        192.0.2.8         PTR   slow.example.org
        2001:db8::25      PTR   six.example.org
        six.example.org   AAAA  2001:db8::25
    ";

    async fn find(request: &Request) -> Finding {
        testing::find(&ReverseDnsOptions::default(), ZONES, request).await
    }

    #[tokio::test]
    async fn confirmed_unconfirmed_missing_and_not_asked_are_told_apart() {
        for (client, reason, result) in [
            ("192.0.2.1", Some(Reason::RdnsConfirmed), "pass"), // Postfix could not ask, we could
            ("192.0.2.2", Some(Reason::RdnsUnconfirmed), "fail"),
            ("192.0.2.3", Some(Reason::RdnsUnconfirmed), "fail"),
            ("192.0.2.4", None, "temperror"),
            ("192.0.2.5", None, "temperror"),
            ("192.0.2.6", Some(Reason::RdnsConfirmed), "pass"),
            ("192.0.2.7", Some(Reason::RdnsGeneric), "pass"),
            ("192.0.2.8", None, "temperror"), // the name that could not be asked about might lead back
            ("192.0.2.9", Some(Reason::RdnsMissing), "permerror"),
        ] {
            let finding = find(&testing::request(client, "a@example.org", "x")).await;
            assert_eq!(finding.reason, reason, "{client}: {}", finding.evidence);
            assert_eq!(finding.result, Some(format!("iprev={result} policy.iprev={client}")));
        }
        let finding = find(&testing::request("2001:db8::25", "a@example.org", "x")).await;
        assert_eq!(finding.result.as_deref(), Some("iprev=pass policy.iprev=\"2001:db8::25\""));
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_leads_back_is_found_among_names_that_never_answer() {
        let zones = "192.0.2.1 PTR silent.example\n silent.example SILENCE\n 192.0.2.1 PTR mail.example.org\n mail.example.org A 192.0.2.1";
        let request = testing::request("192.0.2.1", "a@example.org", "x");
        let finding = testing::find(&ReverseDnsOptions::default(), zones, &request).await;
        assert_eq!(finding.reason, Some(Reason::RdnsConfirmed));
    }

    #[tokio::test]
    async fn what_postfix_has_confirmed_is_not_asked_about_again() {
        for (name, reason) in [("mail.example.com", Reason::RdnsConfirmed), ("pool-7.example.com", Reason::RdnsGeneric)]
        {
            let client_name = Some(name.to_owned());
            let request = Request { client_name, ..testing::request("192.0.2.4", "a@example.org", "x") };
            assert_eq!(find(&request).await.reason, Some(reason), "the DNS would have timed out");
        }
    }

    #[tokio::test]
    async fn nobody_is_asked_about_addresses_that_have_no_names() {
        for client in ["10.1.2.3", "192.168.1.1", "fd00::1", "169.254.7.7"] {
            let finding = find(&testing::request(client, "a@example.org", "x")).await;
            assert_eq!((finding.reason, finding.result), (None, None), "{client}");
        }
    }

    #[test]
    fn the_administrator_says_what_follows() {
        let options = ReverseDnsOptions { generic: Consequence::Defer, ..ReverseDnsOptions::default() };
        for (reason, expected) in [
            (Reason::RdnsMissing, Consequence::Reject),
            (Reason::RdnsUnconfirmed, Consequence::Suspect),
            (Reason::RdnsGeneric, Consequence::Defer),
            (Reason::RdnsConfirmed, Consequence::Ignore),
        ] {
            assert_eq!(testing::consequence(&options, reason), expected, "{reason}");
        }
    }
}
