//! Which addresses somebody in the Internet may have.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// May somebody in the Internet have this address? Not if it is private, loopback, link-local, multicast or reserved
/// (RFC 6890, and the registries that IANA keeps for it: whatever is not globally reachable).
///
/// The networks for documentation count as public. Nobody has them either, but then nobody comes from there, and
/// examples behave like what they are examples of.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !v4_is_in(&NOT_PUBLIC_V4, address) || v4_is_in(&PUBLIC_AFTER_ALL_V4, address),
        IpAddr::V6(address) => {
            v6_is_in(&PUBLIC_V6, address) && !v6_is_in(&NOT_PUBLIC_V6, address)
                || v6_is_in(&PUBLIC_AFTER_ALL_V6, address)
        }
    }
}

const NOT_PUBLIC_V4: [Ipv4Net; 12] = [
    v4([0, 0, 0, 0], 8),      // this network (RFC 791)
    v4([10, 0, 0, 0], 8),     // private (RFC 1918)
    v4([100, 64, 0, 0], 10),  // shared, behind a provider's NAT (RFC 6598)
    v4([127, 0, 0, 0], 8),    // loopback (RFC 1122)
    v4([169, 254, 0, 0], 16), // link-local (RFC 3927)
    v4([172, 16, 0, 0], 12),  // private (RFC 1918)
    v4([192, 0, 0, 0], 24),   // protocol assignments (RFC 6890)
    v4([192, 88, 99, 0], 24), // relays of 6to4, given up (RFC 7526)
    v4([192, 168, 0, 0], 16), // private (RFC 1918)
    v4([198, 18, 0, 0], 15),  // benchmarking (RFC 2544)
    v4([224, 0, 0, 0], 4),    // multicast (RFC 5771)
    v4([240, 0, 0, 0], 4),    // reserved, and broadcast (RFC 1112, RFC 8190)
];

const PUBLIC_AFTER_ALL_V4: [Ipv4Net; 2] = [
    v4([192, 0, 0, 9], 32),  // Port Control Protocol anycast (RFC 7723)
    v4([192, 0, 0, 10], 32), // TURN anycast (RFC 8155)
];

const PUBLIC_V6: [Ipv6Net; 2] = [
    v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3), // global unicast; the rest was never given out (RFC 4291)
    v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96), // IPv4 behind a translator (RFC 6052)
];

const NOT_PUBLIC_V6: [Ipv6Net; 1] = [
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), // protocol assignments (RFC 2928)
];

const PUBLIC_AFTER_ALL_V6: [Ipv6Net; 7] = [
    v6([0x2001, 1, 0, 0, 0, 0, 0, 1], 128), // Port Control Protocol anycast (RFC 7723)
    v6([0x2001, 1, 0, 0, 0, 0, 0, 2], 128), // TURN anycast (RFC 8155)
    v6([0x2001, 1, 0, 0, 0, 0, 0, 3], 128), // DNS-SD anycast (RFC 9665)
    v6([0x2001, 3, 0, 0, 0, 0, 0, 0], 32),  // AMT (RFC 7450)
    v6([0x2001, 4, 0x112, 0, 0, 0, 0, 0], 48), // AS112 (RFC 7535)
    v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28), // ORCHIDv2 (RFC 7343)
    v6([0x2001, 0x30, 0, 0, 0, 0, 0, 0], 28), // drone remote identification (RFC 9374)
];

const fn v4([a, b, c, d]: [u8; 4], length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), length)
}

fn v4_is_in(networks: &[Ipv4Net], address: Ipv4Addr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

fn v6_is_in(networks: &[Ipv6Net], address: Ipv6Addr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_what_is_not_public() {
        // first and last address of each network, and their neighbours
        for (first, last, before, after) in [
            ("0.0.0.0", "0.255.255.255", None, Some("1.0.0.0")),
            ("10.0.0.0", "10.255.255.255", Some("9.255.255.255"), Some("11.0.0.0")),
            ("100.64.0.0", "100.127.255.255", Some("100.63.255.255"), Some("100.128.0.0")),
            ("127.0.0.0", "127.255.255.255", Some("126.255.255.255"), Some("128.0.0.0")),
            ("169.254.0.0", "169.254.255.255", Some("169.253.255.255"), Some("169.255.0.0")),
            ("172.16.0.0", "172.31.255.255", Some("172.15.255.255"), Some("172.32.0.0")),
            ("192.0.0.0", "192.0.0.8", Some("191.255.255.255"), Some("192.0.0.9")),
            ("192.0.0.11", "192.0.0.255", Some("192.0.0.10"), Some("192.0.1.0")),
            ("192.88.99.0", "192.88.99.255", Some("192.88.98.255"), Some("192.88.100.0")),
            ("192.168.0.0", "192.168.255.255", Some("192.167.255.255"), Some("192.169.0.0")),
            ("198.18.0.0", "198.19.255.255", Some("198.17.255.255"), Some("198.20.0.0")),
            ("224.0.0.0", "255.255.255.255", Some("223.255.255.255"), None),
            ("::ffff:10.0.0.0", "::ffff:10.255.255.255", Some("::ffff:9.255.255.255"), Some("::ffff:11.0.0.0")),
            ("::", "64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff", None, Some("64:ff9b::")),
            ("64:ff9b::1:0:0", "1fff:ffff::", Some("64:ff9b::ffff:ffff"), Some("2000::")),
            ("2001::", "2001:1::", Some("2000:ffff::"), Some("2001:1::1")),
            ("2001:1::4", "2001:1::ffff", Some("2001:1::3"), None),
            ("2001:1:0:1::", "2001:2:ffff::", None, Some("2001:3::")),
            ("2001:4::", "2001:4:111:ffff::", Some("2001:3:ffff::"), Some("2001:4:112::")),
            ("2001:10::", "2001:1f:ffff::", None, Some("2001:20::")),
            ("2001:40::", "2001:1ff:ffff::", Some("2001:3f:ffff::"), Some("2001:200::")),
            ("4000::", "ffff:ffff::", Some("3fff:ffff::"), None),
        ] {
            for address in [first, last] {
                assert!(!is_public(address.parse().unwrap()), "{address}");
            }
            for address in [before, after].into_iter().flatten() {
                assert!(is_public(address.parse().unwrap()), "{address}");
            }
        }
    }

    #[test]
    fn examples_count_as_public() {
        for address in ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1", "2002:c000:201::1"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn private_addresses_are_not_public() {
        for address in ["::1", "fe80::1", "fd00::1", "ff02::1", "100::1", "5f00::1", "64:ff9b:1::1", "255.255.255.255"]
        {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }
}
