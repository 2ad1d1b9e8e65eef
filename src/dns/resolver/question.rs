//! What is asked: a name as the DNS holds it, and a type of record.

use std::net::IpAddr;

use hickory_resolver::proto::rr::domain::Label;
use hickory_resolver::proto::rr::{Name, RecordType};

/// A question. Case makes no difference.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Question {
    /// Fully qualified: search domains are for people, not for names that came by mail.
    pub(super) name: Name,
    pub(super) kind: RecordType,
}

impl Question {
    /// What has `name`? `None` for a name that the DNS cannot hold (RFC 1035 section 2.3.4): empty labels, labels of more than
    /// 63 octets, more than 253 octets in all.
    ///
    /// Every other octet may be in a label (RFC 2181 section 11), a backslash too: nothing is an escape. Labels that are no
    /// ASCII are asked for as their A-labels (RFC 5890), if they have one.
    pub(super) fn about(name: &str, kind: RecordType) -> Option<Self> {
        let labels = name.strip_suffix('.').unwrap_or(name).split('.').map(label).collect::<Option<Vec<_>>>()?;
        Some(Self { name: Name::from_labels(labels).ok()?, kind })
    }

    /// What is the name of `address`? (RFC 1035 section 3.5, RFC 3596 section 2.5)
    pub(super) fn whose(address: IpAddr) -> Self {
        let mut name = Name::from(address.to_canonical());
        name.set_fqdn(true);
        Self { name, kind: RecordType::PTR }
    }

    /// What every server that resolves names can say without asking anybody else.
    pub(super) fn of_the_root() -> Self {
        Self { name: Name::root(), kind: RecordType::NS }
    }
}

fn label(text: &str) -> Option<Label> {
    let as_it_is = Label::from_raw_bytes(text.as_bytes()).ok();
    if text.is_ascii() { as_it_is } else { Label::from_utf8(text).ok().or(as_it_is) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &str) -> Option<String> {
        Question::about(name, RecordType::A).map(|question| question.name.to_ascii())
    }

    #[test]
    fn names_are_fully_qualified_and_taken_literally() {
        for (name, expected) in [
            ("example.org", "example.org."),
            ("example.org.", "example.org."),
            ("_dmarc.example.org", "_dmarc.example.org."),
            ("*.example.org", "*.example.org."),
            ("bücher.example", "xn--bcher-kva.example."),
            (r"a\.example.org", r"a\\.example.org."),
            ("1.2.0.192.list.example", "1.2.0.192.list.example."),
        ] {
            assert_eq!(asked(name).as_deref(), Some(expected));
        }
        let long = "a".repeat(63);
        assert!(asked(&long).is_some());
        assert!(asked(&format!("{long}.{long}.{long}.{}", "a".repeat(61))).is_some(), "253 octets");
    }

    #[test]
    fn what_the_dns_cannot_hold_is_not_asked() {
        let long = "a".repeat(63);
        for name in [
            "",
            ".",
            "..",
            ".example.org",
            "example..org",
            "example.org..",
            &"a".repeat(64),
            &format!("{long}.{long}.{long}.{}", "a".repeat(62)),
            &"a.".repeat(128),
            &"ü".repeat(64),
            &"x".repeat(100_000),
            &".".repeat(100_000),
        ] {
            assert_eq!(asked(name), None, "{}", name.len());
        }
    }

    #[test]
    fn case_makes_no_difference() {
        let question = |name| Question::about(name, RecordType::TXT).unwrap();
        assert_eq!(question("Example.ORG"), question("example.org."));
        let both = [question("Example.ORG"), question("example.org")];
        assert_eq!(both.into_iter().collect::<std::collections::HashSet<_>>().len(), 1);
    }

    #[test]
    fn addresses_are_reversed() {
        for (address, expected) in [
            ("192.0.2.1", "1.2.0.192.in-addr.arpa."),
            ("::ffff:192.0.2.1", "1.2.0.192.in-addr.arpa."),
            ("2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."),
        ] {
            let question = Question::whose(address.parse().unwrap());
            assert_eq!((question.name.to_ascii().as_str(), question.name.is_fqdn()), (expected, true));
        }
    }
}
