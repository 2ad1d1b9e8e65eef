//! What the recipient is told of the checks.

use std::time::Duration;

use crate::instance::Postfix;
use crate::smtp::{Client, Session};
use crate::support::internet::{OURS, POOL, internet, whole_chain};
use crate::support::{DnsServer, Postward, Transport, eventually};

const ACCEPTED: &str = "250 2.1.5 Ok";

/// A site that says what it found, and whose lists do not agree about POOL.
fn site() -> (DnsServer, Postward, Postfix) {
    let dns = internet();
    dns.add("10.100.51.198.bl.example A 127.0.0.2\n10.100.51.198.wl.example A 127.0.9.2");
    dns.add("2001:db8::25 PTR six.example.org\nsix.example.org AAAA 2001:db8::25");
    let policy = format!("authserv_id: {OURS}\n{}", whole_chain(&dns, "{}"));
    let mut postward = Postward::install(Transport::Inet, &policy);
    postward.serve();
    eventually("the allow list is probed", || dns.count("2.0.0.127.wl.example") > 0);
    let postfix = Postfix::start(postward.endpoint());
    (dns, postward, postfix)
}

/// The parts of the one header, after our name.
fn results(postfix: &Postfix, mailbox: &str) -> Vec<String> {
    let [message] = &postfix.delivered(mailbox, 1)[..] else { unreachable!("one was asked for") };
    assert_eq!(message.headers("X-Greylist"), [""; 0], "it is among the results: {message:?}");
    let [header] = &message.headers("Authentication-Results")[..] else { panic!("not one header: {message:?}") };
    let mut parts = header.split("; ").map(str::to_owned);
    assert_eq!(parts.next().as_deref(), Some(OURS));
    parts.collect()
}

fn offer(session: &mut Session, sender: &str, recipients: &[&str]) -> Vec<String> {
    assert_eq!(session.mail(sender), "250 2.1.0 Ok");
    recipients.iter().map(|recipient| session.rcpt(recipient)).collect()
}

#[test]
fn a_message_to_two_recipients_tells_once_what_was_found() {
    let (_dns, postward, postfix) = site();
    let mut session = postfix.session(&Client::named(POOL[0].0, POOL[0].1));
    let (sender, recipients) = ("\"john doe\"@pool.example", ["alice@example.test", "bob@example.test"]);
    assert!(offer(&mut session, sender, &recipients).iter().all(|reply| reply.starts_with("450 4.7.1")));
    postward.advance(Duration::from_secs(301));
    assert_eq!(offer(&mut session, sender, &recipients), [ACCEPTED; 2], "{}", postward.log());
    assert!(session.data("results").starts_with("250 2.0.0 Ok: queued"));
    for mailbox in ["alice", "bob"] {
        let parts = results(&postfix, mailbox);
        let (delay, found) = parts.split_last().unwrap();
        assert_eq!(
            found,
            [
                "iprev=pass policy.iprev=198.51.100.10",
                "dnswl=pass dns.zone=wl.example policy.ip=127.0.9.2",
                "spf=pass smtp.mailfrom=\"john doe@pool.example\"",
            ]
        );
        let seconds = delay.strip_prefix("x-greylist=pass (delayed ").and_then(|rest| rest.strip_suffix(" s)"));
        assert!((300..400).contains(&seconds.unwrap().parse::<u32>().unwrap()), "{delay}");
    }
}

#[test]
fn only_what_was_evaluated_is_told() {
    let (_dns, postward, postfix) = site();
    postward.ok(["list", "add", "skip=greylist,spf", "--recipient", "bob@example.test"]);
    let mut session = postfix.session(&Client::named("2001:db8::25", "six.example.org"));
    eventually("the entry is in force", || offer(&mut session, "a@example.org", &["bob@example.test"]) == [ACCEPTED]);
    assert!(session.data("results").starts_with("250 "));
    assert_eq!(results(&postfix, "bob"), ["iprev=pass policy.iprev=\"2001:db8::25\"", "dnswl=none"]);
}
