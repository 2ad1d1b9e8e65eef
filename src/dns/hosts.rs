//! What the name of a host says about it.
//!
//! Providers name the lines of their customers by the address or by the kind of line: `dyn-192-0-2-7.example.net`,
//! `c0000207.dip.example.net`, `pool.192.0.2.7.example.net`. Mail from there comes from a compromised machine far more often
//! than from a mail server; a provider's own mail servers have names of their own.

use std::net::IpAddr;

/// Words by which providers name lines. They count where they stand alone or before digits: `dsl`, `dsl42`, `adsl-pool`.
const LINES: &[&str] = &[
    "abo",
    "adsl",
    "broadband",
    "cable",
    "catv",
    "client",
    "clients",
    "cpe",
    "cust",
    "customer",
    "customers",
    "dhcp",
    "dial",
    "dialin",
    "dialup",
    "dip",
    "docsis",
    "dsl",
    "dyn",
    "dynamic",
    "dynamicip",
    "fibre",
    "ftth",
    "gprs",
    "gpon",
    "hsd",
    "lte",
    "mobile",
    "modem",
    "nat",
    "pool",
    "pools",
    "ppp",
    "pppoe",
    "residential",
    "sdsl",
    "subs",
    "subscriber",
    "subscribers",
    "umts",
    "user",
    "vdsl",
    "wimax",
    "wireless",
    "xdsl",
];

/// Words by which mail hosts are named. Before the name of the organisation they outweigh everything.
const MAIL: &[&str] = &[
    "bounce",
    "bounces",
    "email",
    "gateway",
    "imap",
    "list",
    "lists",
    "mail",
    "mailer",
    "mailgw",
    "mailhost",
    "mailout",
    "mailrelay",
    "mailserver",
    "mailsrv",
    "mda",
    "mout",
    "mta",
    "mx",
    "mxout",
    "newsletter",
    "outbound",
    "post",
    "relay",
    "smtp",
    "smtpout",
    "webmail",
];

/// Whether the name is one that a provider gives to a line rather than to a server: it spells the address, or a word for a
/// kind of line. A name that speaks of mail is never generic. `name` is in lower case and without final dot.
pub fn is_generic(name: &str, address: IpAddr) -> bool {
    let (host, organisation) = split(name);
    // To look for two words of four letters at once is much faster than the library's search, which is made for long texts.
    if organisation.as_bytes().windows(4).any(|part| part == b"mail" || part == b"smtp") {
        return false; // it sends for others, and numbers its servers by their addresses
    }
    if words(host).any(|word| MAIL.contains(&without_number(word))) {
        return false;
    }
    spells_address(host, address) || words(host).any(|word| is_line(without_number(word)))
}

/// The name without the last labels, and these, which tell whose it is: `dynamic.example` is a company, not a line, and so is
/// `dynamic.co.uk`. Suffixes that a provider has had registered (publicsuffix.org calls them private) are part of its names.
fn split(name: &str) -> (&str, &str) {
    let registered = psl::domain(name.as_bytes()).filter(|domain| domain.suffix().typ() != Some(psl::Type::Private));
    let last_two = || name.rmatch_indices('.').nth(1).map_or(0, |(at, _)| at + 1);
    let start = registered.map_or_else(last_two, |domain| name.len().saturating_sub(domain.as_bytes().len()));
    let (host, organisation) = name.split_at_checked(start).unwrap_or(("", name));
    (host.strip_suffix('.').unwrap_or(host), organisation)
}

/// One of the words, or a brand that is made with one: `xyzdsl`.
fn is_line(word: &str) -> bool {
    LINES.contains(&word) || word.ends_with("dsl")
}

/// What stands between dots, hyphens and underscores.
fn words(host: &str) -> impl Iterator<Item = &str> {
    host.split(['.', '-', '_']).filter(|word| !word.is_empty())
}

/// `dsl42` is one of the `dsl`.
fn without_number(word: &str) -> &str {
    word.trim_end_matches(|c: char| c.is_ascii_digit())
}

fn spells_address(host: &str, address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => spells_ipv4(host, address.octets()),
        IpAddr::V6(address) => spells_ipv6(host, address.segments()),
    }
}

/// All four octets in either order, in decimal with or without zeros in front, or in hexadecimal; the last one or two before
/// the others, in decimal; or the last two alone: names like `c-2-77.example.net` are given out by the thousand.
fn spells_ipv4(host: &str, octets: [u8; 4]) -> bool {
    let [a, b, c, d] = octets;
    let decimal: Vec<u32> = numbers(host).collect();
    let is_written = |octets: [u8; 4]| decimal.windows(4).any(|window| window == octets.map(u32::from));
    [octets, [d, c, b, a]].into_iter().any(|octets| {
        let padded: String = octets.iter().map(|octet| format!("{octet:03}")).collect();
        let hexadecimal: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        is_written(octets) || host.contains(&padded) || words(host).any(|word| word.ends_with(&hexadecimal))
    }) || is_written([d, a, b, c])
        || is_written([c, d, a, b])
        || is_last_two(&decimal, c.into(), d.into())
}

/// Small numbers may count machines instead: `mx-1-2` says nothing of 192.0.1.2.
fn is_last_two(numbers: &[u32], third: u32, fourth: u32) -> bool {
    third.max(fourth) > 20 && (numbers == [third, fourth] || numbers == [fourth, third])
}

/// All eight groups, or the four of the interface if they are not just small numbers, with zeros in front or without.
fn spells_ipv6(host: &str, segments: [u16; 8]) -> bool {
    let interface = segments.get(4..).unwrap_or_default();
    let is_random = interface.iter().filter(|group| **group > 0xff).count() >= 2;
    ["-", ".", "_", ""].iter().any(|separator| {
        contains_groups(host, &segments, separator) || (is_random && contains_groups(host, interface, separator))
    })
}

fn contains_groups(host: &str, groups: &[u16], separator: &str) -> bool {
    let plain: Vec<String> = groups.iter().map(|group| format!("{group:x}")).collect();
    let padded: Vec<String> = groups.iter().map(|group| format!("{group:04x}")).collect();
    host.contains(&plain.join(separator)) || host.contains(&padded.join(separator))
}

fn numbers(host: &str) -> impl Iterator<Item = u32> {
    host.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_lines_are_generic_and_names_of_servers_are_not() {
        for (name, address, expected) in [
            // the address, as providers spell it
            ("192-0-2-77.example.net", "192.0.2.77", true),
            ("77.2.0.192.in-addr.example.net", "192.0.2.77", true),
            ("ip192.0.2.77.example.net", "192.0.2.77", true),
            ("host-192-0-2-77.city.example.net", "192.0.2.77", true),
            ("192.0.2.77.broad.xy.example.net", "192.0.2.77", true),
            ("pc000024d.dip0.t.example.net", "192.0.2.77", true),
            ("c000024d.rev.example.net", "192.0.2.77", true),
            ("xdc000024d.example.net", "192.0.2.77", true),
            ("192000002077.example.net", "192.0.2.77", true),
            ("x192x0x2x77.example.net", "192.0.2.77", true),
            ("static-192-0-2-77.example.net", "192.0.2.77", true), // static, but still a line
            ("c-2-77.hsd1.example.net", "192.0.2.77", true),
            ("srv-2-77.example.net", "192.0.2.77", true),
            ("a8-55.example.net", "192.0.8.55", true),
            ("2001-db8-1-2-a11c-e5ff-fe12-3456.example.net", "2001:db8:1:2:a11c:e5ff:fe12:3456", true),
            ("a11ce5fffe123456.v6.example.net", "2001:db8:1:2:a11c:e5ff:fe12:3456", true),
            ("77.red-192-0-2.staticip.example.net", "192.0.2.77", true), // the last octet first
            ("host77.192-0-2.telecom.example.net", "192.0.2.77", true),
            ("lxyz-657-1-2-77.w192-0.abo.example.net", "192.0.2.77", true),
            ("xyz-7-2-77.w192-0.example.net", "192.0.2.77", true), // the last two, then the first two
            ("ool-c000024d.dyn.example.net", "192.0.2.77", true),
            ("ec2-192-0-2-77.compute-1.amazonaws.com", "192.0.2.77", true), // below a private suffix
            ("192-0-2-77.example.co.uk", "192.0.2.77", true),
            ("c0-2.example.net", "192.0.2.77", false),
            // the kind of line
            ("public-gprs393.example.net", "192.0.2.77", true),
            ("xyzdsl-123456.home.example.net", "192.0.2.77", true),
            ("abcd.pools.example.net", "192.0.2.77", true),
            ("77a.subs.example.net", "192.0.2.77", true),
            ("dyn-77.example.net", "192.0.2.77", true),
            ("a77.adsl.example.net", "192.0.2.77", true),
            ("dsl42-city.example.net", "192.0.2.77", true),
            ("pool-1.city.example.net", "192.0.2.77", true),
            ("ppp12.example.net", "192.0.2.77", true),
            ("cable.user.example.net", "192.0.2.77", true),
            ("dhcp77.campus.example.edu", "192.0.2.77", true),
            ("a.customer.example.net", "192.0.2.77", true),
            // mail hosts, with whatever else in their names
            ("mail.example.net", "192.0.2.77", false),
            ("mx1.example.net", "192.0.2.77", false),
            ("mail-192-0-2-77.example.net", "192.0.2.77", false),
            ("smtp-out-77.dynamic.example.net", "192.0.2.77", false),
            ("mta77.pool.example.net", "192.0.2.77", false),
            ("192-0-2-77.relay.example.net", "192.0.2.77", false),
            ("m2-77.mailer.example", "192.0.2.77", false), // the organisation sends mail for others
            ("o77.smtp.example", "192.0.2.77", false),
            ("192-0-2-77.freemail.example", "192.0.2.77", false),
            ("mout-77.pool.example.net", "192.0.2.77", false),
            // servers
            ("www.example.net", "192.0.2.77", false),
            ("srv77.example.net", "192.0.2.77", false),
            ("ns2.example.net", "192.0.2.77", false),
            ("vps-4711.example.net", "192.0.2.77", false),
            ("o1.ptr2077.example.net", "192.0.2.77", false),
            ("a1-2.example.net", "192.0.1.2", false), // counts machines
            ("node1.example.net", "2001:db8::1", false),
            ("example.net", "192.0.2.77", false),
            ("dynamic.example", "192.0.2.77", false), // the organisation's name
            ("www.dsl.example", "192.0.2.77", false),
            ("www.cable.co.uk", "192.0.2.77", false), // also below a suffix of several labels
            ("dynamic.co.uk", "192.0.2.77", false),
            ("clientele.example.net", "192.0.2.77", false), // only begins like one of the words
            ("dynamo.example.net", "192.0.2.77", false),
            ("poolside.example.net", "192.0.2.77", false),
        ] {
            assert_eq!(is_generic(name, address.parse().unwrap()), expected, "{name} for {address}");
        }
    }

    #[test]
    fn odd_names_are_not_generic() {
        for name in ["", ".", "..", "-", "\u{e4}.example.net", "4294967296-4294967296.example.net"] {
            assert!(!is_generic(name, "192.0.2.77".parse().unwrap()), "{name:?}");
        }
    }
}
