//! Addresses and networks of clients.

mod public;

use std::net::IpAddr;

use ipnet::IpNet;
use thiserror::Error;

pub use self::public::is_public;

/// Why a text is no network.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NetworkError {
    /// Neither an address nor `address/length`.
    #[error("`{0}` is not a network: write an address or address/length, such as 192.0.2.0/24 or 2001:db8::/32")]
    Malformed(String),
    /// `192.0.2.1/24`: one host, or its network?
    #[error("`{given}` names a host inside a network: was {network} meant, or the single address {host}?")]
    HostBits {
        /// What was written.
        given: String,
        /// The network that contains it.
        network: IpNet,
        /// The host itself.
        host: IpAddr,
    },
}

/// The name of this host, as the system knows it.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Reads `client_address` (SMTPD_POLICY_README). Postfix may also send `unknown` there, and nothing that
/// is no address is trusted further. IPv4-mapped IPv6 addresses count as IPv4.
pub fn parse_address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// Reads an address (a network of one) or a CIDR network without host bits. IPv4-mapped networks count as IPv4.
pub fn parse_network(text: &str) -> Result<IpNet, NetworkError> {
    let malformed = || NetworkError::Malformed(text.to_owned());
    if !text.contains('/') {
        return text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical())).map_err(|_| malformed());
    }
    let given: IpNet = text.parse().map_err(|_| malformed())?;
    let network = canonical(given);
    if network.trunc() != network {
        return Err(NetworkError::HostBits { given: text.to_owned(), network: network.trunc(), host: network.addr() });
    }
    Ok(network)
}

/// The network of `address` with the prefix length for its family. Lengths beyond the family's are cut.
pub fn network_of(address: IpAddr, ipv4_prefix: u8, ipv6_prefix: u8) -> IpNet {
    let (length, longest) = match address {
        IpAddr::V4(_) => (ipv4_prefix, 32),
        IpAddr::V6(_) => (ipv6_prefix, 128),
    };
    IpNet::new(address, length.min(longest)).map_or_else(|_| IpNet::from(address), |network| network.trunc())
}

/// An address as it is written. What `to_string` does, without its detours: this is done more than once for every recipient.
pub fn address_text(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let mut text = String::with_capacity("255.255.255.255/32".len());
            let [first, rest @ ..] = address.octets();
            push_decimal(&mut text, first);
            for octet in rest {
                text.push('.');
                push_decimal(&mut text, octet);
            }
            text
        }
        IpAddr::V6(address) => address.to_string(),
    }
}

/// A network as it is written, `address/length`.
pub fn network_text(network: IpNet) -> String {
    let mut text = address_text(network.addr());
    text.push('/');
    push_decimal(&mut text, network.prefix_len());
    text
}

/// Adds a number in digits.
pub(crate) fn push_decimal(text: &mut String, number: u8) {
    let digit = |value: u8| char::from(b'0' + value % 10);
    if number >= 100 {
        text.push(digit(number / 100));
    }
    if number >= 10 {
        text.push(digit(number / 10));
    }
    text.push(digit(number));
}

/// `::ffff:192.0.2.0/120` is `192.0.2.0/24`.
fn canonical(network: IpNet) -> IpNet {
    match (network.addr().to_canonical(), network) {
        (IpAddr::V4(address), IpNet::V6(mapped)) if mapped.prefix_len() >= 96 => {
            IpNet::new(address.into(), mapped.prefix_len() - 96).unwrap_or(network)
        }
        _ => network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_canonical() {
        assert_eq!(parse_address("::ffff:192.0.2.7"), parse_address("192.0.2.7"));
        assert_eq!(parse_address("unknown"), None);
    }

    #[test]
    fn addresses_and_networks_are_written_as_usual() {
        for text in
            ["0.0.0.0", "192.0.2.7", "255.255.255.255", "10.20.99.100", "::", "2001:db8::25", "::ffff:192.0.2.1"]
        {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(address_text(address), text);
            for length in [0, 9, 24, 32] {
                let network = IpNet::new(address, length).unwrap();
                assert_eq!(network_text(network), network.to_string());
            }
        }
    }

    #[test]
    fn malformed_addresses_are_none() {
        for text in [
            "",
            " ",
            "unknown",
            "192.0.2",
            "192.0.2.256",
            "192.0.2.1.1",
            "192.0.2.01",
            "192.0.2.1 ",
            " 192.0.2.1",
            "[192.0.2.1]",
            "192.0.2.1/32",
            "192.0.2.1:25",
            "0x7f000001",
            "2130706433",
            "127.1",
            "1e3",
            "localhost",
            "::g",
            ":::",
            "1::2::3",
            "fe80::1%eth0",
            "IPv6:2001:db8::1",
            "[2001:db8::1]",
            "2001:db8:::1",
            "12345::",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9",
            "192.0.2.1\0",
            "１９２.0.2.1",
            "-1.0.0.0",
            "a.b.c.d",
        ] {
            assert_eq!(parse_address(text), None, "{text:?}");
        }
    }

    #[test]
    fn host_bits_are_named() {
        let error = parse_network("192.0.2.1/24").unwrap_err().to_string();
        assert!(error.contains("192.0.2.0/24") && error.contains("192.0.2.1?"), "{error}");
    }

    #[test]
    fn networks_of_both_families() {
        for (text, expected) in [
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("192.0.2.7", "192.0.2.7/32"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
            ("0.0.0.0/0", "0.0.0.0/0"),
        ] {
            assert_eq!(parse_network(text).unwrap().to_string(), expected);
        }
        for text in ["192.0.2.0/33", "192.0.2.0/", "example.org", "2001:db8::/129", "192.0.2/24"] {
            assert!(matches!(parse_network(text), Err(NetworkError::Malformed(_))), "{text}");
        }
    }

    #[test]
    fn clients_share_their_network() {
        let client = |text: &str| network_of(parse_address(text).unwrap(), 24, 64).to_string();
        assert_eq!(client("192.0.2.77"), "192.0.2.0/24");
        assert_eq!(client("2001:db8::1:2:3:4"), "2001:db8::/64");
        assert_eq!(client("::ffff:192.0.2.77"), "192.0.2.0/24");
    }
}
