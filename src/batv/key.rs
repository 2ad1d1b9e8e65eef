//! By what a correspondent is recognised who comes again.

use super::dialect::{self, Layer};
use super::verp;
use crate::mail::{Mailbox, ReversePath};

/// What stays the same in a sender's address from day to day and from message to message; empty for the null sender.
///
/// * Signatures (BATV and its kin) and `+extension` go.
/// * SRS: hash and time stamp go, the original address and the forwarder's domain stay:
///   `srs0=example.org=alice@forwarder.example`. One forwarder may be trusted, and another one not.
/// * In an address that a machine has made, what differs from message to message becomes `#`, and so does the
///   subscriber's address. Two people never get one key: `john.1985`, `user2` and `10001` stay what they are.
/// * The domain stays, sub-domains and all.
///
/// RFC 6647 section 2.3 has the sender in the key of greylisting but does not say that it varies; without this, the
/// mail of large senders is delayed each time it comes.
pub fn sender_key(sender: &ReversePath) -> String {
    sender.mailbox().map_or_else(String::new, |mailbox| key(mailbox, verp::fold_into))
}

/// What stays the same in a recipient's address: no `+extension`, and no tags, because bounces to somebody who signs
/// his mail go to another address every day. Numbers stay: recipients are not made up by the sender.
pub fn recipient_key(recipient: &Mailbox) -> String {
    key(recipient, |key, local, _| key.push_str(local))
}

/// The key is never longer than the address. `write` puts the innermost local part into it, of which it is also told
/// the domain.
fn key(address: &Mailbox, write: impl FnOnce(&mut String, &str, Option<&str>)) -> String {
    let mut key = String::with_capacity(address.as_str().len());
    let (mut local, mut domain) = (address.local(), address.domain());
    while let Some(layer) = dialect::outermost(local) {
        match layer {
            Layer::Tag { inside } => local = inside,
            Layer::Forwarded { through, original } => {
                match through {
                    Some(first) => key.extend(["srs1=", first, "=", original.domain, "="]),
                    None => key.extend(["srs0=", original.domain, "="]),
                }
                (local, domain) = (original.local, Some(original.domain));
            }
        }
    }
    write(&mut key, local, domain);
    if let Some(domain) = address.domain() {
        key.extend(["@", domain]);
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_null_sender_has_an_empty_key() {
        assert_eq!(sender_key(&ReversePath::Null), "");
    }

    #[test]
    fn a_forwarder_is_part_of_the_sender() {
        for (address, expected) in [
            ("SRS0=HHHH=TT=example.org=Alice@fwd.example", "srs0=example.org=alice@fwd.example"),
            ("SRS0+a/+b=UV=example.org=alice@fwd.example", "srs0=example.org=alice@fwd.example"),
            ("SRS0=HHHH=TT=example.org=alice@other.example", "srs0=example.org=alice@other.example"),
            ("SRS0=HHHH=TT=example.org=alice+x@fwd.example", "srs0=example.org=alice@fwd.example"),
            ("prvs=0785afa14d=SRS0=HHHH=TT=example.org=alice@fwd.example", "srs0=example.org=alice@fwd.example"),
            ("SRS0=HHHH=TT=example.org=prvs=0785afa14d=alice@fwd.example", "srs0=example.org=alice@fwd.example"),
            ("bob+SRS=44ldt=IX=example.org=alice@fwd.example", "srs0=example.org=alice@fwd.example"),
            (
                "SRS1=HH=first.example==HH=TT=example.org=alice@second.example",
                "srs1=first.example=example.org=alice@second.example",
            ),
            (
                "SRS0=HHHH=TT=example.org=news-return-12-bob=example.net@fwd.example",
                "srs0=example.org=news-return-#-#@fwd.example",
            ),
        ] {
            assert_eq!(sender_key(&ReversePath::parse(address)), expected, "{address}");
        }
    }

    #[test]
    fn recipients_keep_their_numbers() {
        for (address, expected) in [
            ("Alice@Example.ORG", "alice@example.org"),
            ("alice+lists@example.org", "alice@example.org"),
            ("prvs=0785afa14d=alice@example.org", "alice@example.org"),
            ("prvs=alice=0785afa14d@example.org", "alice@example.org"),
            ("bounce-12345@example.org", "bounce-12345@example.org"),
            ("SRS0=HHHH=TT=example.net=bob@example.org", "srs0=example.net=bob@example.org"),
            ("alice", "alice"),
        ] {
            assert_eq!(recipient_key(&Mailbox::parse(address)), expected, "{address}");
        }
    }
}
