//! Does the client say truly who it is?
//!
//! RFC 5321 section 4.1.1.1: the argument of EHLO is the client's fully qualified domain name, or an address literal if it has
//! none. Nobody is refused for a name that does not match (section 4.1.4), but a client that calls itself by our name lies, and
//! mail servers have names that resolve.

use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;
use serde_yaml::Value;

use super::{Check, Consequence, Context, Finding, Options, Parts, Pending, Reason, Registration};
use crate::config::Section;
use crate::dns::Dns;
use crate::mail::fold_host;
use crate::net::parse_address;

/// How the policy file gets here.
pub const REGISTRATION: Registration =
    Registration { name: "helo", read: |section| Box::new(HeloOptions::read(section)) };

/// What follows from what the client calls itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeloOptions {
    /// Our own names and addresses, by which nobody else may call itself. `.example.org` means all names below it.
    pub names: Vec<String>,
    /// The client calls itself by one of these.
    pub ours: Consequence,
    /// The client calls itself by an address without brackets.
    pub bare_ip: Consequence,
    /// What it calls itself is no fully qualified host name, or the literal of another address.
    pub invalid: Consequence,
    /// The name has no address.
    pub unresolvable: Consequence,
}

impl Default for HeloOptions {
    fn default() -> Self {
        let suspect = Consequence::Suspect;
        Self { names: Vec::new(), ours: Consequence::Reject, bare_ip: suspect, invalid: suspect, unresolvable: suspect }
    }
}

impl HeloOptions {
    fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        let names: Vec<String> = section.list("names", default.names);
        if names.iter().any(|name| name.trim_matches('.').is_empty()) {
            section.mistake("names", "an empty name is nobody's");
        }
        Self {
            names: names.iter().map(|name| canonical(name)).collect(),
            ours: section.parsed("ours", default.ours),
            bare_ip: section.parsed("bare_ip", default.bare_ip),
            invalid: section.parsed("invalid", default.invalid),
            unresolvable: section.parsed("unresolvable", default.unresolvable),
        }
    }
}

impl Options for HeloOptions {
    fn in_force(&self) -> Value {
        serde_yaml::to_value(self).unwrap_or_default()
    }

    fn build(&self, parts: &Parts) -> Box<dyn Check> {
        Box::new(HeloCheck { options: self.clone(), dns: parts.dns.clone() })
    }
}

struct HeloCheck {
    options: HeloOptions,
    dns: Arc<dyn Dns>,
}

impl Check for HeloCheck {
    fn find<'a>(&'a self, context: &'a Context<'a>) -> Pending<'a, Finding> {
        Box::pin(async move {
            let helo = Helo::parse(&context.request.helo_name);
            match self.judge(&helo, context.request.client_address) {
                Some(finding) => finding,
                None => self.resolve(&helo).await,
            }
        })
    }

    fn consequence(&self, reason: Reason) -> Consequence {
        match reason {
            Reason::HeloOurs => self.options.ours,
            Reason::HeloBareIp => self.options.bare_ip,
            Reason::HeloInvalid => self.options.invalid,
            Reason::HeloUnresolvable => self.options.unresolvable,
            _ => Consequence::Ignore,
        }
    }
}

/// What a client calls itself.
#[derive(Debug, PartialEq, Eq)]
enum Helo {
    /// `mail.example.org`
    Name(String),
    /// `[192.0.2.1]`, `[IPv6:2001:db8::1]`
    Literal(IpAddr),
    /// `192.0.2.1`
    Bare(IpAddr),
    /// Anything else.
    Invalid(String),
}

impl Helo {
    fn parse(text: &str) -> Self {
        let folded = fold_host(text);
        if let Some(address) = parse_address(&folded) {
            return Self::Bare(address);
        }
        let literal = folded.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        match literal.map(|literal| parse_address(literal.strip_prefix("ipv6:").unwrap_or(literal))) {
            Some(Some(address)) => Self::Literal(address),
            None if is_host_name(&folded) => Self::Name(folded),
            _ => Self::Invalid(folded),
        }
    }
}

/// A fully qualified name (RFC 1123 section 2.1), whose last label is no number. Names in other scripts may come as they are
/// (RFC 6531 section 3.7.1).
fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    let Some((_, top)) = name.rsplit_once('.') else { return false };
    name.len() <= 253 && name.split('.').all(label) && !top.bytes().all(|octet| octet.is_ascii_digit())
}

/// One of our names as [`Helo::parse`] gives it back: `[IPv6:2001:DB8:0::1]` is the address 2001:db8::1.
fn canonical(name: &str) -> String {
    match Helo::parse(name) {
        Helo::Literal(address) | Helo::Bare(address) => address.to_string(),
        Helo::Name(name) | Helo::Invalid(name) => name,
    }
}

impl HeloCheck {
    /// What can be said without asking the DNS.
    fn judge(&self, helo: &Helo, client: Option<IpAddr>) -> Option<Finding> {
        let shown = match helo {
            Helo::Name(name) | Helo::Invalid(name) => name.clone(),
            Helo::Literal(address) | Helo::Bare(address) => address.to_string(),
        };
        let found = |reason, evidence: &str, text: &str| {
            Some(Finding { text: format!("{text} (HELO {shown})"), ..Finding::new(reason, evidence) })
        };
        // Its own address is no lie, whosever it is: this machine may be its own client.
        if matches!(helo, Helo::Literal(address) if Some(*address) == client) {
            return Some(Finding::nothing("the client's address"));
        }
        if self.is_ours(&shown) {
            return found(Reason::HeloOurs, &format!("{shown} is ours"), "You are not who you say");
        }
        match helo {
            Helo::Name(_) => None,
            Helo::Literal(_) => {
                found(Reason::HeloInvalid, &format!("[{shown}] is not the client's address"), "Your address is another")
            }
            Helo::Bare(_) => {
                found(Reason::HeloBareIp, &format!("{shown} without brackets"), "An address has brackets (RFC 5321)")
            }
            Helo::Invalid(name) if name.is_empty() => found(Reason::HeloInvalid, "no HELO", "Say who you are"),
            Helo::Invalid(_) => {
                found(Reason::HeloInvalid, &format!("{shown} is no fully qualified host name"), "That is no host name")
            }
        }
    }

    fn is_ours(&self, name: &str) -> bool {
        self.options.names.iter().any(|ours| match ours.strip_prefix('.') {
            Some(domain) => name.strip_suffix(domain).is_some_and(|host| host.ends_with('.')),
            None => ours == name,
        })
    }

    async fn resolve(&self, helo: &Helo) -> Finding {
        let Helo::Name(name) = helo else { return Finding::nothing("") };
        let (ipv4, ipv6) = tokio::join!(self.dns.a(name), self.dns.aaaa(name));
        let (has_ipv4, has_ipv6) = (ipv4.map(|found| !found.is_empty()), ipv6.map(|found| !found.is_empty()));
        match (has_ipv4, has_ipv6) {
            (Ok(true), _) | (_, Ok(true)) => Finding::nothing(format!("{name} has an address")),
            (Ok(false), Ok(false)) => Finding {
                text: format!("Your host name has no address (HELO {name})"),
                ..Finding::new(Reason::HeloUnresolvable, format!("{name} has no address"))
            },
            (Err(error), _) | (_, Err(error)) => Finding::nothing(format!("{name} could not be asked about: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::tests as testing;

    const ZONES: &str = "
        mail.example.org  A     192.0.2.7
        six.example.org   AAAA  2001:db8::25
        half.example.org  AAAA  2001:db8::26
        slow.example.org  TIMEOUT
        mx.example.net    A     192.0.2.1
    ";

    async fn find(client: &str, helo: &str) -> Finding {
        let names = ["mx.example.net", ".inside.example.net", "192.0.2.1"].map(str::to_owned).to_vec();
        let options = HeloOptions { names, ..HeloOptions::default() };
        testing::find(&options, ZONES, &testing::request(client, "a@example.org", helo)).await
    }

    #[tokio::test]
    async fn what_clients_call_themselves() {
        let bare = Some(Reason::HeloBareIp);
        let invalid = Some(Reason::HeloInvalid);
        let ours = Some(Reason::HeloOurs);
        let unresolvable = Some(Reason::HeloUnresolvable);
        for (helo, expected) in [
            ("mail.example.org", None),
            ("MAIL.Example.ORG.", None),
            ("six.example.org", None),
            ("slow.example.org", None), // could not be asked about
            ("[192.0.2.7]", None),
            ("[IPv6:::ffff:192.0.2.7]", None),
            ("192.0.2.7", bare),
            ("2001:db8::25", bare),
            ("[192.0.2.8]", invalid), // another's address
            ("[IPv6:2001:db8::25]", invalid),
            ("[192.0.2]", invalid),
            ("[]", invalid),
            ("", invalid),
            ("localhost", invalid),
            ("PC-123", invalid),
            ("win_server.example.org", invalid),
            ("-mail.example.org", invalid),
            ("mail..example.org", invalid),
            ("a?b.example.org", invalid), // Postfix writes `?` for blanks
            ("host.123", invalid),
            ("1.2.3.4.5", invalid),
            (&format!("{}.example.org", "a".repeat(64)), invalid),
            ("nowhere.example.org", unresolvable),
            ("b\u{fc}cher.example", unresolvable),
            ("mx.example.net", ours),
            ("MX.example.net", ours),
            ("any.inside.example.net", ours),
            ("inside.example.net", unresolvable),
            ("192.0.2.1", ours),
            ("[192.0.2.1]", ours),
        ] {
            let finding = find("192.0.2.7", helo).await;
            assert_eq!(finding.reason, expected, "{helo}: {}", finding.evidence);
        }
        assert_eq!(find("2001:db8::25", "[IPv6:2001:db8::25]").await.reason, None);
        assert_eq!(find("192.0.2.1", "[192.0.2.1]").await.reason, None, "ours, and true");
    }

    #[test]
    fn our_addresses_may_be_written_in_any_way() {
        for (written, expected) in [
            ("[192.0.2.1]", "192.0.2.1"),
            ("[IPv6:2001:DB8:0::1]", "2001:db8::1"),
            ("2001:db8:0:0::1", "2001:db8::1"),
            ("MX.example.net.", "mx.example.net"),
            (".Example.net", ".example.net"),
        ] {
            assert_eq!(canonical(written), expected);
        }
        let error = testing::policy("chain: [helo: {names: ['']}]").unwrap_err();
        assert!(error.contains("helo.names: an empty name"), "{error}");
    }

    #[test]
    fn the_administrator_says_what_follows() {
        let options = HeloOptions { bare_ip: Consequence::Reject, ..HeloOptions::default() };
        for (reason, expected) in [
            (Reason::HeloOurs, Consequence::Reject),
            (Reason::HeloBareIp, Consequence::Reject),
            (Reason::HeloInvalid, Consequence::Suspect),
            (Reason::HeloUnresolvable, Consequence::Suspect),
        ] {
            assert_eq!(testing::consequence(&options, reason), expected, "{reason}");
        }
        let error = testing::policy("chain: [helo: {ours: refuse}]").unwrap_err();
        assert!(error.contains("helo.ours: `refuse` is no consequence: reject, defer, suspect"), "{error}");
    }
}
