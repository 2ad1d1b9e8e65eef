//! What is asked: a name as the DNS holds it, and a type of record.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use hickory_resolver::proto::rr::domain::Label;
use hickory_resolver::proto::rr::{Name, RecordType};

/// The most octets of a name, the root's not counted (RFC 1035 section 3.1).
const MAX_NAME: usize = 254;

/// A question. Case makes no difference.
///
/// Most are answered from memory, so to make, hash and compare one is cheap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    /// Each label in lower case with its length before it (RFC 1035 section 3.1), without the root.
    labels: Vec<u8>,
    pub(super) kind: RecordType,
}

/// In fewer pieces than could be derived: each of them costs as much as all that is in it.
impl Hash for Question {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.labels);
        state.write_u16(self.kind.into());
    }
}

impl Question {
    /// What has `name`? `None` for a name that the DNS cannot hold (RFC 1035 section 2.3.4): empty labels, labels of more than
    /// 63 octets, more than 253 octets in all.
    ///
    /// Every other octet may be in a label (RFC 2181 section 11), a backslash too: nothing is an escape. Labels that are no
    /// ASCII are asked for as their A-labels (RFC 5890), if they have one.
    pub(super) fn about(name: &str, kind: RecordType) -> Option<Self> {
        let name = name.strip_suffix('.').unwrap_or(name);
        if name.is_ascii() {
            return Some(Self { labels: ascii_labels(name)?, kind });
        }
        let mut question = Self { labels: Vec::with_capacity(name.len().min(MAX_NAME) + 1), kind };
        for text in name.as_bytes().split(|octet| *octet == b'.') {
            match a_label(text) {
                Some(label) => question.push(label.as_bytes())?,
                None => question.push(text)?,
            }
        }
        Some(question)
    }

    /// What is the name of `address`? (RFC 1035 section 3.5, RFC 3596 section 2.5)
    pub(super) fn whose(address: IpAddr) -> Self {
        let mut question = Self { labels: Vec::with_capacity(MAX_NAME / 3), kind: RecordType::PTR };
        let pushed = Name::from(address.to_canonical()).iter().try_for_each(|label| question.push(label));
        debug_assert!(pushed.is_some(), "reversed addresses are names");
        question
    }

    /// What every server that resolves names can say without asking anybody else.
    pub(super) fn of_the_root() -> Self {
        Self { labels: Vec::new(), kind: RecordType::NS }
    }

    /// The name, fully qualified: search domains are for people, not for names that came by mail.
    pub(super) fn name(&self) -> Name {
        // What was pushed fits into a name.
        let mut name = Name::from_labels(self.labels()).unwrap_or_else(|_| Name::root());
        name.set_fqdn(true);
        name
    }

    fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.labels.as_slice();
        std::iter::from_fn(move || {
            let (length, behind) = rest.split_first()?;
            let (label, next) = behind.split_at_checked(usize::from(*length))?;
            rest = next;
            Some(label)
        })
    }

    /// Adds a label; `None` if it is none, or one too many.
    fn push(&mut self, label: &[u8]) -> Option<()> {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        self.labels.push(length);
        let start = self.labels.len();
        self.labels.extend_from_slice(label);
        self.labels.get_mut(start..)?.make_ascii_lowercase();
        (self.labels.len() <= MAX_NAME).then_some(())
    }
}

/// What pushing label by label comes to: nearly all names go this way.
fn ascii_labels(name: &str) -> Option<Vec<u8>> {
    if name.len() >= MAX_NAME {
        return None;
    }
    let mut labels = Vec::with_capacity(name.len() + 1);
    labels.push(b'.');
    labels.extend_from_slice(name.as_bytes());
    labels.make_ascii_lowercase();
    // Each dot gives its place to the length of the label behind it, which is known when one comes from there.
    let mut length = 0;
    for octet in labels.iter_mut().rev() {
        length += 1;
        if *octet == b'.' {
            *octet = Some(length - 1).filter(|length| (1..=63).contains(length))?;
            length = 0;
        }
    }
    Some(labels)
}

/// How a label that is no ASCII is asked for, if there is a way.
fn a_label(text: &[u8]) -> Option<Label> {
    if text.is_ascii() { None } else { Label::from_utf8(str::from_utf8(text).ok()?).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &str) -> Option<String> {
        Question::about(name, RecordType::A).map(|question| question.name().to_ascii())
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
    fn names_in_ascii_become_the_labels_that_pushing_makes() {
        let labels = |lengths: &[usize]| lengths.iter().map(|length| "x".repeat(*length)).collect::<Vec<_>>().join(".");
        for name in [
            "a",
            "Example.ORG",
            "1.2.0.192.list.example",
            r"a\.b.c",
            "x..y",
            ".x",
            "x.",
            &labels(&[46, 7]), // a length that is a dot
            &labels(&[7, 46, 46]),
            &labels(&[63, 1]),
            &labels(&[64, 1]),
            &labels(&[63, 63, 63, 61]),
            &labels(&[63, 63, 63, 62]),
            &labels(&[1; 127]),
            &labels(&[1; 128]),
        ] {
            let mut pushed = Question { labels: Vec::new(), kind: RecordType::A };
            let fits = name.split('.').try_for_each(|label| pushed.push(label.as_bytes()));
            assert_eq!(ascii_labels(name), fits.map(|()| pushed.labels), "{name}");
        }
    }

    #[test]
    fn addresses_are_reversed() {
        for (address, expected) in [
            ("192.0.2.1", "1.2.0.192.in-addr.arpa."),
            ("::ffff:192.0.2.1", "1.2.0.192.in-addr.arpa."),
            ("2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."),
        ] {
            let question = Question::whose(address.parse().unwrap());
            assert_eq!((question.name().to_ascii().as_str(), question.name().is_fqdn()), (expected, true));
        }
    }
}
