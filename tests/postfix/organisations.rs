//! One sender on many machines.

use std::time::Duration;

use crate::instance::Postfix;
use crate::smtp::Client;
use crate::support::internet::{LINES, ORGANISATION, POOL, POOLED, internet, whole_chain};
use crate::support::{DnsServer, Postward, Transport};

const ACCEPTED: &str = "250 2.1.5 Ok";
const DELAY: Duration = Duration::from_secs(301);

/// The answers to a first attempt from one client, and to one after the delay from another.
fn attempts(first: (&str, &str), second: (&str, &str), sender: &str) -> [String; 2] {
    let (_dns, postward, postfix) = site();
    let attempt = |(address, name): (&str, &str)| {
        postfix.session(&Client::named(address, name)).attempt(sender, "alice@example.test")
    };
    let early = attempt(first);
    postward.advance(DELAY);
    [early, attempt(second)]
}

fn site() -> (DnsServer, Postward, Postfix) {
    let dns = internet();
    let mut postward = Postward::install(Transport::Inet, &whole_chain(&dns, "{}"));
    postward.serve();
    let postfix = Postfix::start(postward.endpoint());
    (dns, postward, postfix)
}

fn is_deferred(reply: &str) -> bool {
    reply.starts_with("450 4.7.1 <alice@example.test>: Recipient address rejected: Greylisted")
}

#[test]
fn a_retry_from_another_network_of_a_senders_pool_is_let_in() {
    let [first, retry] = attempts(POOL[0], POOL[1], POOLED);
    assert!(is_deferred(&first), "{first}");
    assert_eq!(retry, ACCEPTED);
}

#[test]
fn a_pool_is_the_sender_domains_and_nobody_elses() {
    let (dns, postward, postfix) = site();
    dns.add("other.example TXT v=spf1 ip4:203.0.113.0/24 -all");
    let mut session = postfix.session(&Client::named(POOL[0].0, POOL[0].1));
    assert!(is_deferred(&session.attempt(POOLED, "alice@example.test")));
    postward.advance(DELAY);
    let mut other = postfix.session(&Client::named("203.0.113.99", "out.other.example"));
    assert!(is_deferred(&other.attempt("a@other.example", "alice@example.test")));
}

#[test]
fn a_retry_from_another_host_of_an_organisation_is_let_in() {
    let [first, retry] = attempts(ORGANISATION[0], ORGANISATION[1], "a@example.org");
    assert!(is_deferred(&first), "{first}");
    assert_eq!(retry, ACCEPTED);
}

#[test]
fn lines_of_the_same_provider_have_nothing_in_common() {
    for (first, second) in [(ORGANISATION[0], LINES[1]), (LINES[0], LINES[1]), (LINES[0], ORGANISATION[1])] {
        let replies = attempts(first, second, "a@example.org");
        assert!(replies.iter().all(|reply| is_deferred(reply)), "{first:?}, then {second:?}: {replies:?}");
    }
}
