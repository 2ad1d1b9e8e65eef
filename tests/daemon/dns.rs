//! The whole chain and the DNS: how often it is asked, and what happens when it does not answer.

use std::time::{Duration, Instant};

use crate::peer::{Ask, Peer};
use crate::support::dns::Manner;
use crate::support::internet::{CLEAN, internet, whole_chain};
use crate::support::{DnsServer, Postward, Transport, eventually, until};
use crate::ways::{descriptors, memory};

/// For all checks of a request, as [`whole_chain`] has it.
const DEADLINE: Duration = Duration::from_secs(2);

/// A machine with much else to do takes so much longer to hear what was answered in time. Without the deadline it would take
/// longer still.
const BESIDE: Duration = Duration::from_secs(5);

/// So many clients at once.
const CLIENTS: usize = 1000;

fn serve(policy: &str) -> Postward {
    let mut postward = Postward::install(Transport::Inet, policy);
    postward.serve();
    postward
}

/// A request of CLEAN, whose name Postfix has not found.
fn from(sender: &str) -> Ask {
    Ask::from_sender(sender).with("client_address", CLEAN.0).with("helo_name", CLEAN.1)
}

#[test]
fn what_was_asked_about_a_sender_is_not_asked_again() {
    let dns = internet();
    dns.add(
        "busy.example      TXT  v=spf1 a mx include:inc.example exists:%{ir}.ok.example ptr -all
         busy.example      A    192.0.2.3
         busy.example      MX   10 mx.busy.example
         mx.busy.example   A    192.0.2.4
         inc.example       TXT  v=spf1 a:nobody.busy.example ?all",
    );
    let zones: Vec<_> = (1..=8).map(|n| format!("bl{n}.example")).collect();
    zones.iter().for_each(|zone| dns.add(&format!("2.0.0.127.{zone} A 127.0.0.2")));
    let lists = zones.iter().map(|zone| format!("{{zone: {zone}}}")).collect::<Vec<_>>().join(", ");
    let server = dns.address();
    let postward = serve(&format!(
        "dns: {{servers: [\"{server}\"]}}\n\
         chain: [access, helo, reverse_dns, {{dnsbl: {{lists: [{lists}]}}}}, {{spf: {{fail: ignore}}}}, greylist]\n"
    ));
    let mut peer = Peer::connect(postward.endpoint());
    eventually("all lists count", || {
        peer.ask(&from("a@busy.example"));
        zones.iter().all(|zone| dns.count(&format!("10.2.0.192.{zone}")) > 0)
    });
    for asked in ["10.2.0.192.in-addr.arpa", CLEAN.1, "busy.example", "mx.busy.example", "10.2.0.192.ok.example"] {
        assert!(dns.count(asked) > 0, "{asked}: {:?}", dns.queries());
    }
    assert!(dns.queries().iter().any(|query| query.name == "nobody.busy.example"), "what is not there, too");

    dns.forget_queries();
    let same = from("a@busy.example");
    for ask in [same.clone(), same, from("b@busy.example"), from("c@busy.example").with("recipient", "d@example.net")] {
        assert!(peer.ask(&ask).starts_with("DEFER_IF_PERMIT"), "{}", postward.log());
    }
    assert_eq!(dns.queries(), []);
}

#[test]
fn a_thousand_requests_are_answered_in_time_by_a_resolver_that_never_is() {
    let dns = internet();
    dns.behave("", Manner::Ignored);
    overwhelm(&serve(&whole_chain(&dns, "{when: suspect}")));
}

/// The resolver is there, so that it is asked on and on; but nothing that is asked for is ever answered.
#[test]
fn a_thousand_requests_about_zones_that_never_answer_are_answered_in_time() {
    let dns = internet();
    for zone in ["arpa", "example", "org"] {
        dns.behave(zone, Manner::Ignored);
    }
    overwhelm(&serve(&whole_chain(&dns, "{when: suspect}")));
}

/// Asks a thousand times at once, again and again. Descriptors must be given back each time; memory must do for all
/// further rounds as soon as failures of the first ones are forgotten, and be given back when there are no more, but for what
/// small things here and there hold on to.
fn overwhelm(postward: &Postward) {
    let idle = (memory(postward), descriptors(postward));
    let mut seen = Vec::new();
    while !has_settled(&seen) {
        let slowest = ask_all(postward, seen.len());
        assert!(slowest < DEADLINE + BESIDE, "{slowest:?}");
        eventually("the descriptors are given back", || descriptors(postward) <= idle.1 + 5); // idle readers of the database
        seen.push(memory(postward));
        assert!(seen.len() < 12, "it grows and grows, KiB after each round: {seen:?}");
    }
    let peak = seen.last().copied().unwrap_or_default();
    let given_back = until(Duration::from_secs(60), || {
        let now = memory(postward);
        (now < peak - (peak - idle.0) / 4).then(|| seen.push(now))
    });
    assert!(given_back.is_some(), "memory is kept, KiB after each round: {seen:?}, {} before", idle.0);
    println!("KiB and descriptors before: {idle:?}; KiB after each round: {seen:?}");
}

/// Three rounds have taken less than three thousand requests could leave behind.
fn has_settled(seen: &[u64]) -> bool {
    matches!(seen, [.., before, _, _, last] if *last < before + 1536)
}

/// How long the slowest of a thousand clients waited, each with names of its own. Nobody may be refused.
fn ask_all(postward: &Postward, round: usize) -> Duration {
    let mut peers = Peer::connect_often(postward.endpoint(), CLIENTS);
    let started = Instant::now();
    for (n, peer) in peers.iter_mut().enumerate() {
        let client = format!("198.51.{}.{}", 100 + n / 250, n % 250);
        let (sender, helo) = (format!("a@s{round}-{n}.example"), format!("h{round}-{n}.example"));
        peer.send(Ask::from_sender(sender).with("client_address", client).with("helo_name", helo).encode());
    }
    for peer in &mut peers {
        assert_eq!(peer.reply(), "DUNNO", "{}", postward.log());
    }
    started.elapsed()
}

#[test]
fn the_key_in_the_name_of_a_zone_is_never_shown() {
    const KEY: &str = "0123456789abcdefghijklmnop";
    let dns = DnsServer::start();
    dns.add(&format!(
        "2.0.0.127.{KEY}.zen.example  A    127.0.0.2
         7.2.0.192.{KEY}.zen.example  A    127.0.0.2
         7.2.0.192.{KEY}.zen.example  TXT  See https://zen.example/?q=7.2.0.192.{KEY}.zen.example
         9.2.0.192.{KEY}.zen.example  A    198.51.100.80"
    ));
    let policy = format!(
        "dns: {{servers: [\"{}\"], timeout: 500ms}}\n\
         chain: [{{dnsbl: {{lists: [{{zone: {}.zen.example, weight: 3}}]}}}}]\n",
        dns.address(),
        KEY.to_uppercase()
    );
    let mut postward = Postward::install(Transport::Inet, &policy);
    postward.serve_by(postward.command(["serve", "--log-level", "trace"]));
    let mut peer = Peer::connect(postward.endpoint());
    let mut ask = |client| peer.ask(&Ask::new().with("client_address", client));
    eventually("the list counts", || ask("192.0.2.7").starts_with("550"));
    let mut said = vec![ask("192.0.2.7")];
    assert!(said[0].contains("zen.example/?q="), "{said:?}");
    for (client, format) in
        [("192.0.2.7", "json"), ("192.0.2.7", "table"), ("192.0.2.9", "json"), ("192.0.2.9", "table")]
    {
        let output = postward.run(["check", &format!("client_address={client}"), "--format", format]);
        said.push(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned());
    }
    said.push(postward.ok(["config", "show"]));
    said.push(postward.ok(["config", "show", "--format", "json"]));

    dns.behave(&format!("{KEY}.zen.example"), Manner::Ignored);
    assert_eq!(ask("192.0.2.8"), "DUNNO", "nobody answers");
    dns.behave(&format!("{KEY}.zen.example"), Manner::Answered);
    eventually("the list is out", || {
        assert_eq!(ask("192.0.2.9"), "DUNNO");
        postward.log().contains("does not count until it recovers")
    });
    postward.set_policy(&policy.replace("weight: 3", "weight: 0, answers: 1, of: moon, selftest: x, extra: y"));
    let refused = postward.run(["config", "check"]);
    said.push(String::from_utf8_lossy(&refused.stderr).into_owned());
    postward.reload();
    eventually("the mistakes are told", || postward.log().contains("the policy stays as it was"));
    said.push(postward.log());
    for text in said {
        assert!(!text.to_lowercase().contains(KEY), "{text}");
        assert!(text.contains("zen.example") || text.contains("zone") || text.contains("moon"), "{text}");
    }
}
