//! How many bits of an address count (`dual-cidr-length`, RFC 7208 section 5.6).

use std::net::IpAddr;

use super::TermError;
use crate::net::network_of;

/// The lengths for both families.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::spf) struct Lengths {
    ipv4: u8,
    ipv6: u8,
}

impl Lengths {
    /// Takes the lengths off the end of a term: `:example.org/24//64` → `:example.org`.
    ///
    /// A domain may hold slashes but cannot end with one and digits (its last label has none), so that what looks like
    /// a length is one.
    pub(super) fn split(text: &str) -> Result<(&str, Self), TermError> {
        let (text, ipv6) = split_off(text, "//");
        let (text, ipv4) = split_off(text, "/");
        Ok((text, Self { ipv4: length(ipv4, 32)?, ipv6: length(ipv6, 128)? }))
    }

    /// Is the client in the network of this length around `host`? Never if they are of different families.
    pub(in crate::spf) fn match_hosts(self, client: IpAddr, host: IpAddr) -> bool {
        network_of(host, self.ipv4, self.ipv6).contains(&client)
    }
}

/// The digits, which may be missing, then all bits count (RFC 7208 section 5).
pub(super) fn length(digits: Option<&str>, longest: u8) -> Result<u8, TermError> {
    let Some(digits) = digits else { return Ok(longest) };
    // `"0" / %x31-39 0*2DIGIT`: no leading zeros (RFC 7208 section 5.6).
    let leading_zero = digits.len() > 1 && digits.starts_with('0');
    let is_number = !leading_zero && digits.bytes().all(|octet| octet.is_ascii_digit());
    let length = digits.parse().ok().filter(|length| is_number && *length <= longest);
    length.ok_or(TermError::Length(longest))
}

fn split_off<'a>(text: &'a str, mark: &str) -> (&'a str, Option<&'a str>) {
    match text.rsplit_once(mark) {
        Some((rest, digits)) if !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit()) => {
            (rest, Some(digits))
        }
        _ => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_taken_off_the_end() {
        for (text, rest, ipv4, ipv6) in [
            ("", "", 32, 128),
            ("/24", "", 24, 128),
            ("//64", "", 32, 64),
            ("/24//64", "", 24, 64),
            (":example.org", ":example.org", 32, 128),
            (":foo/24.example.org/0//0", ":foo/24.example.org", 0, 0),
            (":%{d/}/8", ":%{d/}", 8, 128),
            // These are no lengths, and what remains is no domain.
            ("/24/16", "/24", 16, 128),
            ("///64", "/", 32, 64),
            ("/", "/", 32, 128),
            ("/x", "/x", 32, 128),
            ("//", "//", 32, 128),
        ] {
            assert_eq!(Lengths::split(text), Ok((rest, Lengths { ipv4, ipv6 })), "{text}");
        }
    }

    #[test]
    fn lengths_are_small_numbers_without_leading_zeros() {
        for text in ["/33", "//129", "/032", "//00", "/99999999999999999999"] {
            assert!(Lengths::split(text).is_err(), "{text}");
        }
    }
}
