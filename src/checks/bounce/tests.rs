//! Bounces of all kinds.

use std::time::Duration;

use super::*;
use crate::batv::signing::{Key, Keys};
use crate::checks::tests as testing;
use crate::clock::later;
use crate::lists::Snapshot;
use crate::protocol::{Attribute, Attributes};

const DAY: Duration = Duration::from_secs(86_400);

fn tagging() -> Tagging {
    let key = Key::new("0".parse().unwrap(), b"a secret that is long");
    Tagging::new(["example.net"], Keys::new(vec![key]), 7 * DAY)
}

fn tagged(address: &str) -> String {
    tagging().sign(address, Timestamp::UNIX_EPOCH).unwrap()
}

fn check(options: BounceOptions, tagging: Tagging) -> Box<dyn Check> {
    options.build(&Parts { tagging: Arc::new(tagging), ..testing::parts() })
}

fn request(state: &str, sender: &str, recipient: &str, count: &str) -> Request {
    let mut attributes = Attributes::default();
    for (attribute, value) in [
        (Attribute::Request, "smtpd_access_policy"),
        (Attribute::ProtocolState, state),
        (Attribute::ClientAddress, "192.0.2.10"),
        (Attribute::Sender, sender),
        (Attribute::Recipient, recipient),
        (Attribute::RecipientCount, count),
    ] {
        attributes.set_first(attribute, value.into());
    }
    Request::from_attributes(&attributes).unwrap()
}

/// What is found, if the check is asked at all.
async fn find_at(check: &dyn Check, request: &Request, now: Timestamp) -> Option<Finding> {
    let lists = Snapshot::default();
    let context = Context { now, ..testing::context(request, &lists) };
    if check.applies_to(request.protocol_state) { Some(check.find(&context).await) } else { None }
}

async fn find(sender: &str, recipient: &str) -> Finding {
    let check = check(BounceOptions::default(), tagging());
    let request = request("RCPT", sender, recipient, "0");
    find_at(check.as_ref(), &request, Timestamp::UNIX_EPOCH).await.unwrap()
}

#[tokio::test]
async fn only_bounces_to_what_we_have_sent_are_ours() {
    let (signed, unsigned, forged) = (Reason::BounceSigned, Reason::BounceUnsigned, Reason::BounceForged);
    let local_of = |octets: usize| format!("{}@example.net", "a".repeat(octets));
    for (sender, recipient, expected) in [
        ("", &*tagged("alice@example.net"), Some(signed)),
        ("", &tagged("alice@example.net").to_uppercase(), Some(signed)),
        ("", &tagged("john doe@example.net"), Some(signed)),
        ("", &tagged("alice@example.net").replace("alice", "bob"), Some(forged)),
        ("", "prvs=0785afa14d=alice@example.net", Some(forged)),
        ("", "prvs=alice@example.net", Some(forged)),
        ("", "alice@example.net", Some(unsigned)),
        ("", "ALICE@Example.NET.", Some(unsigned)),
        ("", "alice+lists@example.net", Some(unsigned)),
        ("", "btv1==760cdc7c545==alice@example.net", Some(unsigned)),
        ("", "alice+srs=hh=tt=example.org=bob@example.net", Some(unsigned)),
        ("", "srs0=nothing@example.net", Some(unsigned)),
        // not ours to sign
        ("", "alice@example.org", None),
        ("", "alice@sub.example.net", None),
        ("", "alice", None),
        ("", &local_of(48), Some(unsigned)),
        ("", &local_of(49), None),
        ("", "SRS0=HHHH=TT=example.org=bob@example.net", None),
        ("", "SRS1=HH=first.example==HH=TT=example.org=bob@example.net", None),
        // exempt
        ("", "postmaster@example.net", None),
        ("", "Abuse+ticket5@example.net", None),
        ("", "prvs=0785afa14d=postmaster@example.net", None),
        // no bounces
        ("carol@example.org", "alice@example.net", None),
        ("carol@example.org", "prvs=0785afa14d=alice@example.net", None),
        ("<>", "alice@example.net", None), // somebody's strange address
    ] {
        let finding = find(sender, recipient).await;
        assert_eq!(finding.reason, expected, "{sender} to {recipient}: {}", finding.evidence);
        assert_eq!(finding.text.is_empty(), matches!(expected, None | Some(Reason::BounceSigned)), "{recipient}");
    }
}

#[tokio::test]
async fn a_bounce_that_comes_too_late_is_expired() {
    let check = check(BounceOptions::default(), tagging());
    let request = request("RCPT", "", &tagged("alice@example.net"), "0");
    for (days, expected) in [(7, Reason::BounceSigned), (8, Reason::BounceExpired)] {
        let now = later(Timestamp::UNIX_EPOCH, days * DAY);
        assert_eq!(find_at(check.as_ref(), &request, now).await.unwrap().reason, Some(expected), "{days}");
    }
}

#[tokio::test]
async fn each_recipient_is_judged_where_the_administrator_wants_and_several_ones_at_data() {
    let (signed, unsigned, multiple) = (Reason::BounceSigned, Reason::BounceUnsigned, Reason::BounceMultiple);
    for (at, state, recipient, count, expected) in [
        (At::Rcpt, "RCPT", "alice@example.net", "0", Some(Some(unsigned))),
        (At::Rcpt, "DATA", "alice@example.net", "1", Some(None)), // judged already
        (At::Rcpt, "DATA", "", "2", Some(Some(multiple))),
        (At::Data, "RCPT", "alice@example.net", "0", Some(None)), // a callout hears that she exists
        (At::Data, "RCPT", "prvs=0785afa14d=alice@example.net", "0", Some(None)),
        (At::Data, "RCPT", &*tagged("alice@example.net"), "0", Some(Some(signed))), // greylisting acts here
        (At::Data, "DATA", &*tagged("alice@example.net"), "1", Some(None)),
        (At::Data, "DATA", "alice@example.net", "1", Some(Some(unsigned))),
        (At::Data, "DATA", "", "2", Some(Some(multiple))),
        (At::Data, "DATA", "", "", Some(None)), // of which nothing is known
        (At::Data, "DATA", "", "-3", Some(None)),
        (At::Data, "DATA", "alice@example.org", "1", Some(None)),
        (At::Data, "VRFY", "alice@example.net", "0", None),
        (At::Rcpt, "VRFY", "alice@example.net", "0", None),
        (At::Rcpt, "END-OF-MESSAGE", "alice@example.net", "1", None),
    ] {
        let check = check(BounceOptions { at, ..BounceOptions::default() }, tagging());
        let found = find_at(check.as_ref(), &request(state, "", recipient, count), Timestamp::UNIX_EPOCH).await;
        assert_eq!(found.map(|finding| finding.reason), expected, "{at:?} {state} {recipient} {count}");
    }
    let check = check(BounceOptions::default(), tagging());
    let letter = request("DATA", "carol@example.org", "", "2");
    let found = find_at(check.as_ref(), &letter, Timestamp::UNIX_EPOCH).await;
    assert_eq!(found.unwrap().reason, None, "a letter may have several recipients");
}

#[tokio::test]
async fn without_domains_nothing_is_found() {
    let check = check(BounceOptions::default(), Tagging::default());
    for (state, recipient, count) in
        [("RCPT", "alice@example.net", "0"), ("RCPT", "prvs=0785afa14d=alice@example.net", "0"), ("DATA", "", "2")]
    {
        let found = find_at(check.as_ref(), &request(state, "", recipient, count), Timestamp::UNIX_EPOCH).await;
        assert_eq!(found.unwrap().reason, None, "{state} {recipient}");
    }
}

#[test]
fn the_administrator_says_what_follows() {
    let options = BounceOptions { unsigned: Consequence::Defer, ..BounceOptions::default() };
    for (reason, expected) in [
        (Reason::BounceSigned, Consequence::Trust),
        (Reason::BounceUnsigned, Consequence::Defer),
        (Reason::BounceExpired, Consequence::Reject),
        (Reason::BounceForged, Consequence::Reject),
        (Reason::BounceMultiple, Consequence::Reject),
    ] {
        assert_eq!(testing::consequence(&options, reason), expected, "{reason}");
    }
    for (text, expected) in [
        ("chain: [bounce: {at: eom}]", "chain[0].bounce.at: `eom` is neither rcpt nor data"),
        ("chain: [bounce: {forged: refuse}]", "bounce.forged: `refuse` is no consequence"),
        ("chain: [bounce: {exempt: [a@example.net]}]", "`postward list add skip=bounce --recipient a@example.net`"),
        ("chain: [bounce: {exempt: ['']}]", "bounce.exempt[0]: ``: an empty local part is nobody"),
        ("chain: [bounce: {unsinged: reject}]", "did you mean `unsigned`?"),
    ] {
        let error = testing::policy(text).unwrap_err();
        assert!(error.contains(expected), "{expected} is not in {error}");
    }
}
