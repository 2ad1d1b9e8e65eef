//! Names as the evaluation handles them: dots between labels, nothing escaped (RFC 7208 section 4.8).

/// A label holds at most this many octets, a name in this form this many (RFC 1035 section 2.3.4, RFC 7208 section
/// 7.3).
const LONGEST_LABEL: usize = 63;
pub(super) const LONGEST_NAME: usize = 253;

/// Could the DNS hold this name? Only ASCII: what is international arrives as A-labels (RFC 7208 section 4.3), and a
/// local part that is not ASCII matches nothing (RFC 8616 section 4).
pub(super) fn is_name(name: &str) -> bool {
    name.is_ascii()
        && name.len() <= LONGEST_NAME
        && name.split('.').all(|label| !label.is_empty() && label.len() <= LONGEST_LABEL)
}

/// Could this be the domain of a mailbox? Not if it has but one label (RFC 7208 section 4.3), nor if it is an address
/// literal (RFC 5321 section 4.1.3), which would only be asked for in vain.
pub(super) fn has_policy(domain: &str) -> bool {
    is_name(domain) && domain.contains('.') && !domain.starts_with('[')
}

/// Is `name` this domain, or below it?
pub(super) fn is_within(name: &str, domain: &str) -> bool {
    let Some(above) = name.len().checked_sub(domain.len()) else { return false };
    let (below, end) = name.as_bytes().split_at(above);
    end.eq_ignore_ascii_case(domain.as_bytes()) && (below.is_empty() || below.ends_with(b"."))
}

/// What remains of an expanded name: without final dot, and without labels from the left until it fits (RFC 7208
/// section 7.3). A name of one endless label remains, and is refused later.
pub(super) fn fit(name: &str) -> &str {
    let mut name = name.strip_suffix('.').unwrap_or(name);
    while name.len() > LONGEST_NAME {
        let Some((_, shorter)) = name.split_once('.') else { break };
        name = shorter;
    }
    name
}

/// Is this the last label of a name (`toplabel`, RFC 7208 section 7.1)? Letters, digits and inner hyphens, not all
/// digits.
pub(super) fn is_toplabel(label: &str) -> bool {
    let alphanumeric = |octet: Option<u8>| octet.is_some_and(|octet| octet.is_ascii_alphanumeric());
    alphanumeric(label.bytes().next())
        && alphanumeric(label.bytes().next_back())
        && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
        && !label.bytes().all(|octet| octet.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_dns_cannot_hold_are_none() {
        let long = format!("{}.example.org", "a".repeat(64));
        for name in ["", ".", "a..example.org", ".example.org", "example.org.", "größe.example.org", &long] {
            assert!(!is_name(name), "{name}");
        }
        assert!(is_name(&long[1..]));
        assert!(is_name("_spf.foo:bar/baz.%20 example.org"), "but it holds more than host names");
    }

    #[test]
    fn only_a_domain_of_several_labels_has_a_policy() {
        assert!(has_policy("example.org"));
        for name in ["org", "[192.0.2.1]", "", "a..org"] {
            assert!(!has_policy(name), "{name}");
        }
    }

    #[test]
    fn a_long_name_loses_labels_from_the_left() {
        let name = format!("{}.{}.org", "a".repeat(100), "b.".repeat(100));
        let fitting = fit(&name);
        assert!(fitting.len() <= LONGEST_NAME && name.ends_with(fitting) && fitting.starts_with("b."), "{fitting}");
        let label = "a".repeat(300);
        assert_eq!(fit(&label), label);
        assert_eq!(fit("example.org."), "example.org");
        assert_eq!(fit(&format!("a.{}", "b".repeat(LONGEST_NAME))).len(), LONGEST_NAME);
    }

    #[test]
    fn a_name_is_within_its_domains() {
        assert!(is_within("mail.Example.org", "example.ORG"));
        assert!(is_within("example.org", "example.org"));
        assert!(!is_within("bad-example.org", "example.org"));
        assert!(!is_within("org", "example.org"));
        assert!(!is_within("größe", "e"));
    }

    #[test]
    fn a_last_label_is_no_number() {
        for (label, expected) in [
            ("org", true),
            ("xn--zckzah", true),
            ("1a", true),
            ("1-2", true),
            ("44", false),
            ("-com", false),
            ("com-", false),
            ("", false),
            ("c_m", false),
        ] {
            assert_eq!(is_toplabel(label), expected, "{label}");
        }
    }
}
