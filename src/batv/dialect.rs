//! The dialects, each taken off by one layer.
//!
//! Local parts arrive in lower case, which base64 hashes do not survive: they are recognised here, never verified.
//! Everything works on slices of the address and looks no further than the layer reaches, so that an address of
//! nothing but nested tags costs no more than its length.

use crate::mail::Mailbox;

/// What can stand between the parts of an SRS address. The paper's is `=`; `SRS0+` and `SRS0-` came before.
const SEPARATORS: [char; 3] = ['=', '+', '-'];

/// A local part that begins like this but is no such tag is left whole: where its extension begins is unknown.
const PREFIXES: [&str; 9] = ["prvs=", "btv1==", "msprvs1=", "srs0=", "srs0+", "srs0-", "srs1=", "srs1+", "srs1-"];

/// What is wrapped around an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer<'a> {
    /// A signature or an extension around a local part of the same domain.
    Tag {
        /// The local part without it.
        inside: &'a str,
    },
    /// A forwarder made the address its own (SRS).
    Forwarded {
        /// The forwarder before the one in the domain of the address, which SRS1 keeps.
        through: Option<&'a str>,
        /// Who sent it.
        original: Original<'a>,
    },
}

/// The address inside an SRS address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Original<'a> {
    /// Before the `@`.
    pub(super) local: &'a str,
    /// After the `@`.
    pub(super) domain: &'a str,
}

/// The outermost layer of a local part in lower case; what is inside is always shorter and never empty.
pub(super) fn outermost(local: &str) -> Option<Layer<'_>> {
    if PREFIXES.iter().any(|prefix| local.starts_with(prefix)) {
        return signed(local).map(|inside| Layer::Tag { inside }).or_else(|| forwarded(local));
    }
    extended(local)
}

/// Has a forwarder made the address its own, under a name that no person has? `alice+srs=…@` is Alice's, too.
pub fn is_srs(address: &Mailbox) -> bool {
    ["srs0", "srs1"].iter().any(|scheme| address.local().starts_with(scheme)) && forwarded(address.local()).is_some()
}

/// Whether the text can be the domain of an address: labels and at least one dot.
pub(super) fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    text.contains('.') && text.split('.').all(is_label)
}

fn signed(local: &str) -> Option<&str> {
    let (tag, inside) = if let Some(rest) = local.strip_prefix("prvs=") {
        private_signature(rest)?
    } else if let Some(rest) = local.strip_prefix("btv1==") {
        rest.split_once("==")?
    } else {
        local.strip_prefix("msprvs1=")?.split_once('=')?
    };
    (is_token(tag) && !inside.is_empty()).then_some(inside)
}

/// Tag first, as the draft says, or tag last. The order in which one of the two is a proper tag is the right one; then
/// the one in which it could be a home-made one.
fn private_signature(rest: &str) -> Option<(&str, &str)> {
    let as_drafted = rest.split_once('=');
    let swapped = || rest.rsplit_once(['=', '/']).map(|(local, tag)| (tag, local));
    let proper = |(tag, _): &(&str, &str)| is_proper_tag(tag);
    let homemade = |(tag, _): &(&str, &str)| is_homemade_tag(tag);
    as_drafted
        .filter(proper)
        .or_else(|| swapped().filter(proper))
        .or_else(|| as_drafted.filter(homemade))
        .or_else(|| swapped().filter(homemade))
}

/// `KDDDSSSSSS`: number of the key, day, signature. In the wild `K` is often missing and `S` sometimes longer.
fn is_proper_tag(tag: &str) -> bool {
    (9..=12).contains(&tag.len())
        && tag.bytes().all(|b| b.is_ascii_hexdigit())
        && tag.bytes().take(3).all(|b| b.is_ascii_digit())
}

fn is_homemade_tag(tag: &str) -> bool {
    (3..=32).contains(&tag.len())
        && tag.bytes().all(|b| b.is_ascii_hexdigit())
        && tag.bytes().any(|b| b.is_ascii_digit())
}

fn forwarded(local: &str) -> Option<Layer<'_>> {
    let (scheme, rest) = local.split_at_checked(4)?;
    let separator = rest.chars().next()?;
    let body = rest.strip_prefix(separator)?;
    match scheme {
        "srs0" => Some(Layer::Forwarded { through: None, original: original(body, separator)? }),
        "srs1" => twice_forwarded(body, separator),
        _ => None,
    }
}

/// `hash=first==hash=time=domain=local`; the second `=` of the pair is the separator that followed `SRS0` there.
fn twice_forwarded(body: &str, outer: char) -> Option<Layer<'_>> {
    ['=', outer].into_iter().find_map(|separator| {
        let (hash, rest) = body.split_once(separator)?;
        let (first, rest) = rest.split_once(separator)?;
        let inner = rest.chars().next().filter(|c| SEPARATORS.contains(c))?;
        let original = original(rest.strip_prefix(inner)?, inner)?;
        (is_token(hash) && is_domain(first)).then_some(Layer::Forwarded { through: Some(first), original })
    })
}

/// `hash=time=domain=local`, whatever follows `SRS0`; some use the character after `SRS0` throughout.
fn original(body: &str, outer: char) -> Option<Original<'_>> {
    ['=', outer].into_iter().find_map(|separator| {
        let (hash, rest) = body.split_once(separator)?;
        let (time, rest) = rest.split_once(separator)?;
        let (domain, local) = rest.split_once(separator)?;
        let well_formed = is_token(hash) && is_token(time) && is_domain(domain) && !local.is_empty();
        well_formed.then_some(Original { local, domain })
    })
}

fn extended(local: &str) -> Option<Layer<'_>> {
    let (inside, extension) = local.split_once('+').filter(|(inside, _)| !inside.is_empty())?;
    let original = extension.strip_prefix("srs=").and_then(|body| original(body, '='));
    Some(original.map_or(Layer::Tag { inside }, |original| Layer::Forwarded { through: None, original }))
}

/// Base64 of either alphabet, base32 or hexadecimal; no dot, which tells a hash from a domain.
fn is_token(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/-_".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batv::core;
    use crate::mail::Mailbox;

    #[test]
    fn every_dialect_has_a_core() {
        for (address, expected) in [
            ("prvs=0785afa14d=alice@example.org", "alice@example.org"),
            ("PRVS=0785AFA14D=Alice@example.org", "alice@example.org"),
            // no key number, as the large gateways write it
            ("prvs=81176a5d5=alice@example.org", "alice@example.org"),
            ("prvs=alice=0785afa14d@example.org", "alice@example.org"),
            ("prvs=alice/0785afa14d@example.org", "alice@example.org"),
            // the local part could be a home-made tag, the other one is a proper one
            ("prvs=abc123=0785afa14d@example.org", "abc123@example.org"),
            ("prvs=123=alice@example.org", "alice@example.org"),
            ("prvs=0785afa14d=a=b@example.org", "a=b@example.org"),
            ("btv1==760cdc7c545==alice@example.org", "alice@example.org"),
            ("msprvs1=20570G1NGbo_G=bounces-274689-4@example.org", "bounces-274689-4@example.org"),
            ("msprvs1=20676xgzi92p-=bounces-1898@example.org", "bounces-1898@example.org"),
            ("alice+lists@example.org", "alice@example.org"),
            ("alice+@example.org", "alice@example.org"),
            ("alice+a+b@example.org", "alice@example.org"),
            ("SRS0=HHHH=TT=example.org=alice@forwarder.example", "alice@example.org"),
            ("SRS0+HHHH=TT=example.org=alice@forwarder.example", "alice@example.org"),
            ("SRS0-HHHH=TT=example.org=alice@forwarder.example", "alice@example.org"),
            ("SRS0+2a8e9b96702c01185f4b+406+example.org+alice@forwarder.example", "alice@example.org"),
            // base64 has `+` and `/`
            ("SRS0=r+5q=VJ=example.org=alice@forwarder.example", "alice@example.org"),
            ("SRS0+m+zo=SA=example.org=alice@forwarder.example", "alice@example.org"),
            ("SRS0=i6a/=S4=example.org=owner-list@forwarder.example", "owner-list@example.org"),
            ("SRS1=HHHH=first.example==HHHH=TT=example.org=alice@second.example", "alice@example.org"),
            ("SRS1=HHHH=first.example=+HHHH=TT=example.org=alice@second.example", "alice@example.org"),
            ("SRS1+HHHH=first.example=-HHHH=TT=example.org=alice@second.example", "alice@example.org"),
            ("bob+SRS=44ldt=IX=example.org=alice@forwarder.example", "alice@example.org"),
            ("bounces+SRS=44ldt=IX@forwarder.example", "bounces@forwarder.example"),
            ("SRS0=HHHH=TT=example.org=prvs=0785afa14d=alice+ext@forwarder.example", "alice@example.org"),
            ("prvs=0785afa14d=SRS0=HHHH=TT=example.org=alice@forwarder.example", "alice@example.org"),
            ("prvs=alice+ext=0785afa14d@example.org", "alice@example.org"),
            ("prvs=0785afa14d=alice", "alice"),
        ] {
            let found = core(&Mailbox::parse(address));
            assert_eq!(found, Some(Mailbox::parse(expected)), "{address}");
            assert_eq!(found.as_ref().and_then(core), None, "core of the core of {address}");
        }
    }

    #[test]
    fn what_only_looks_like_a_tag_stays() {
        for address in [
            "alice@example.org",
            "+ext@example.org",
            "+@example.org",
            "",
            "@example.org",
            "prvs=@example.org",
            "prvs==@example.org",
            "prvs=alice@example.org",
            "prvs=alice=bob@example.org",
            "prvs=alice=bob+ext@example.org",
            // nobody extends what was signed; a tag that does not end is none
            "prvs=alice=0785afa14d+ext@example.org",
            "prvs=0785afa14d=@example.org",
            "prvs=0785afa14d@example.org",
            "btv1=760cdc7c545=alice@example.org",
            "btv1====alice@example.org",
            "btv1==760cdc7c545=alice@example.org",
            "msprvs1==alice@example.org",
            "srs0@example.org",
            "srs0=@example.org",
            "srs0+alice@example.org",
            "SRS0=HHHH=TT=alice@forwarder.example",
            "SRS0=HHHH=TT=example.org=@forwarder.example",
            "SRS0=HHHH=TT=example..org=alice@forwarder.example",
            "SRS0==TT=example.org=alice@forwarder.example",
            "SRS1=HHHH=first.example=HHHH=TT=example.org=alice@second.example",
            "SRS1=HHHH=first.example==HHHH=TT=alice@second.example",
            "srs2=HHHH=TT=example.org=alice@forwarder.example",
            "srsÄ=HHHH@example.org",
        ] {
            assert_eq!(core(&Mailbox::parse(address)), None, "{address}");
        }
    }

    #[test]
    fn an_srs_address_keeps_who_forwarded_first() {
        let layer = outermost("srs1=hhhh=first.example==hhhh=tt=example.org=alice");
        let original = Original { local: "alice", domain: "example.org" };
        assert_eq!(layer, Some(Layer::Forwarded { through: Some("first.example"), original }));
    }
}
