use super::hearing::Range;
use super::*;
use crate::checks::tests as testing;
use crate::dns::health::SelfTest;
use crate::dns::zones::Zones;

/// Three lists that pass their tests, an allow list, and one of names.
const HEALTHY: &str = "
    2.0.0.127.one.example    A    127.0.0.2
    2.0.0.127.two.example    A    127.0.0.2
    2.0.0.127.big.example    A    127.0.0.2
    2.0.0.127.allow.example  A    127.0.0.2
    test.names.example       A    127.0.0.2
    7.2.0.192.one.example    A    127.0.0.4
    7.2.0.192.one.example    TXT  Sent spam, see https://one.example/192.0.2.7
    8.2.0.192.one.example    A    127.0.0.4
    8.2.0.192.two.example    A    127.0.0.4
    8.2.0.192.big.example    A    127.0.0.4
    9.2.0.192.one.example    A    127.0.0.4
    9.2.0.192.allow.example  A    127.0.3.1
    10.2.0.192.allow.example A    127.0.3.1
    spam.example.names.example     A    127.0.1.2
    5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.one.example  A  127.0.0.2
";

fn list(zone: &str, weight: i32) -> ListOptions {
    let answers = if weight < 0 { "127.0.[0..255].[1..3]" } else { "127.0.0.[2..254]" }.parse().unwrap();
    let (of, only, text) = (Of::Client, Only::All, String::new());
    ListOptions { zone: zone.parse().unwrap(), weight, answers, of, only, text, selftest: SelfTest::Standard }
}

fn options(lists: Vec<ListOptions>) -> DnsblOptions {
    DnsblOptions { lists, ..DnsblOptions::default() }
}

fn all() -> DnsblOptions {
    let [one, two, big, allow] = [("one", 1), ("two", 2), ("big", 5), ("allow", -3)]
        .map(|(name, weight)| list(&format!("{name}.example"), weight));
    options(vec![one, two, big, allow])
}

async fn find(options: &DnsblOptions, client: &str) -> Finding {
    testing::find(options, HEALTHY, &testing::request(client, "a@spam.example", "mail.spam.example")).await
}

#[tokio::test]
async fn weights_add_up() {
    for (client, reason) in [
        ("192.0.2.6", None),
        ("192.0.2.7", Some(Reason::DnsblSuspect)),
        ("192.0.2.8", Some(Reason::DnsblListed)),
        ("192.0.2.9", Some(Reason::DnsblTrusted)), // 1 - 3
        ("192.0.2.10", Some(Reason::DnsblTrusted)),
        ("2001:db8::25", Some(Reason::DnsblSuspect)),
        ("::ffff:192.0.2.7", Some(Reason::DnsblSuspect)),
        ("10.0.0.1", None), // nobody asks about private addresses
    ] {
        let finding = find(&all(), client).await;
        assert_eq!(finding.reason, reason, "{client}: {}", finding.evidence);
    }
}

#[tokio::test]
async fn every_list_is_shown_with_what_it_said() {
    let finding = find(&all(), "192.0.2.7").await;
    for expected in
        ["weight 1: ", "one.example +1 listed (127.0.0.4)", "two.example +2 not listed", "allow.example -3 not"]
    {
        assert!(finding.evidence.contains(expected), "{expected} is not in {}", finding.evidence);
    }
    assert_eq!(finding.result.as_deref(), Some("dnswl=none"));
    let trusted = find(&all(), "192.0.2.10").await;
    assert_eq!(trusted.result.as_deref(), Some("dnswl=pass dns.zone=allow.example policy.ip=127.0.3.1"));
}

#[tokio::test]
async fn a_refusal_says_why() {
    let alone = options(vec![ListOptions { weight: 5, ..list("one.example", 5) }]);
    let text = "192.0.2.7 is listed by one.example: Sent spam, see https://one.example/192.0.2.7";
    assert_eq!(find(&alone, "192.0.2.7").await.text, text);
    assert_eq!(find(&alone, "192.0.2.9").await.text, "192.0.2.9 is listed by one.example");
    let both = options(vec![list("two.example", 2), list("big.example", 5), list("one.example", 1)]);
    assert_eq!(find(&both, "192.0.2.8").await.text, "192.0.2.8 is listed by big.example", "the one that counts most");
    let own = options(vec![ListOptions { text: "Ask us".to_owned(), ..list("one.example", 5) }]);
    assert_eq!(find(&own, "192.0.2.7").await.text, "Ask us");
}

#[tokio::test]
async fn names_are_asked_about_where_they_are_given() {
    let names = |of, only| {
        options(vec![ListOptions {
            of,
            only,
            answers: "127.0.1.[2..254]".parse().unwrap(),
            ..list("names.example", 5)
        }])
    };
    for (of, only, sender, helo, expected) in [
        (Of::SenderDomain, Only::All, "a@spam.example", "x.example", Some(Reason::DnsblListed)),
        (Of::SenderDomain, Only::All, "", "spam.example", None),
        (Of::Helo, Only::All, "a@x.example", "spam.example", Some(Reason::DnsblListed)),
        (Of::Helo, Only::NullSender, "a@x.example", "spam.example", None),
        (Of::Helo, Only::NullSender, "", "spam.example", Some(Reason::DnsblListed)),
        (Of::Helo, Only::All, "", "[192.0.2.7]", None),
        (Of::ClientName, Only::All, "a@spam.example", "spam.example", None), // it has no confirmed name
    ] {
        let finding = testing::find(&names(of, only), HEALTHY, &testing::request("192.0.2.7", sender, helo)).await;
        assert_eq!(finding.reason, expected, "{of:?} {only:?} {sender} {helo}: {}", finding.evidence);
        let mut allows = names(of, only);
        allows.lists.iter_mut().for_each(|list| list.weight = -5);
        let finding = testing::find(&allows, HEALTHY, &testing::request("192.0.2.7", sender, helo)).await;
        assert_eq!(finding.result, None, "dnswl is about addresses (RFC 8904)");
    }
}

#[tokio::test]
async fn what_is_no_listing_never_counts() {
    for (what, answer) in [
        ("a typing error, says Spamhaus", "127.255.255.252"),
        ("a public resolver, says Spamhaus", "127.255.255.254"),
        ("too many questions, says Spamhaus", "127.255.255.255"),
        ("refused, say SURBL and URIBL", "127.0.0.1"),
        ("refused, says dnswl.org", "127.0.0.255"),
        ("a parked domain", "198.51.100.80"),
        ("an address that is not among the answers", "127.0.9.9"),
    ] {
        let zones = format!("2.0.0.127.one.example A 127.0.0.2\n 7.2.0.192.one.example A {answer}");
        let request = testing::request("192.0.2.7", "a@example.org", "x.example");
        for weight in [5, -5] {
            let finding = testing::find(&options(vec![list("one.example", weight)]), &zones, &request).await;
            assert_eq!(finding.reason, None, "{what}: {}", finding.evidence);
            let is_out = finding.evidence.contains("out (it answers 198.51.100.80");
            assert_eq!(is_out, answer == "198.51.100.80", "at once: {}", finding.evidence);
        }
    }
}

#[tokio::test]
async fn a_list_counts_only_after_a_good_probe() {
    for (what, zones) in [
        ("it is not there", ""),
        ("it does not answer", "one.example TIMEOUT\n 2.0.0.127.one.example TIMEOUT"),
        ("it lists everything", "2.0.0.127.one.example A 127.0.0.2\n 1.0.0.127.one.example A 127.0.0.2"),
        ("it refuses", "2.0.0.127.one.example A 127.255.255.254"),
        ("it was sold", "2.0.0.127.one.example A 198.51.100.80"),
    ] {
        let zones = format!("{zones}\n 7.2.0.192.one.example A 127.0.0.2");
        let request = testing::request("192.0.2.7", "a@example.org", "x.example");
        let finding = testing::find(&options(vec![list("one.example", 5)]), &zones, &request).await;
        assert_eq!(finding.reason, None, "{what}");
        assert!(finding.evidence.contains("out ("), "{what}: {}", finding.evidence);
    }
}

#[tokio::test]
async fn what_cannot_change_the_answer_is_not_waited_for() {
    let zones = format!(
        "{HEALTHY}\n 8.2.0.192.one.example SILENCE\n 6.2.0.192.silent.example SILENCE\n 2.0.0.127.silent.example A 127.0.0.2\n 8.2.0.192.silent.example SILENCE"
    );
    let silent = options(vec![list("big.example", 5), list("silent.example", 1)]);
    let request = testing::request("192.0.2.8", "a@example.org", "x.example");
    let finding = testing::find(&silent, &zones, &request).await;
    assert_eq!(finding.reason, Some(Reason::DnsblListed));
    assert!(finding.evidence.ends_with("1 not waited for"), "{}", finding.evidence);
}

#[tokio::test]
async fn an_allow_list_that_could_not_be_asked_is_no_reason_to_refuse() {
    let zones = |allow| format!("{HEALTHY}\n 8.2.0.192.allow.example {allow}");
    let request = testing::request("192.0.2.8", "a@example.org", "x.example");
    for (weight, allow, reason) in [
        (3, "A 127.0.3.1", None), // 3 - 3
        (3, "SERVFAIL", Some(Reason::DnsblSuspect)),
        (3, "A 127.0.0.255", Some(Reason::DnsblSuspect)),
        (6, "SERVFAIL", Some(Reason::DnsblListed)), // it could not have helped
        (3, "TXT no", Some(Reason::DnsblListed)),
    ] {
        let lists = options(vec![list("one.example", weight), list("allow.example", -3)]);
        let finding = testing::find(&lists, &zones(allow), &request).await;
        assert_eq!(finding.reason, reason, "{weight} {allow}: {}", finding.evidence);
    }
    let gone = options(vec![list("one.example", 3), list("gone.example", -3)]);
    let finding = testing::find(&gone, HEALTHY, &request).await;
    assert_eq!(finding.reason, Some(Reason::DnsblListed), "one that is out is out: {}", finding.evidence);
}

#[tokio::test]
async fn the_order_of_the_answers_decides_nothing() {
    let zones = format!("{HEALTHY}\n 8.2.0.192.allow.example SERVFAIL");
    let request = testing::request("192.0.2.8", "a@example.org", "x.example");
    let weights = [("allow", -3), ("one", 1), ("two", 3), ("big", 3)];
    for first in 0..weights.len() {
        let mut lists = weights.map(|(name, weight)| list(&format!("{name}.example"), weight)).to_vec();
        lists.rotate_left(first);
        for lists in [lists.clone(), lists.into_iter().rev().collect()] {
            let finding = testing::find(&options(lists), &zones, &request).await;
            assert_eq!(finding.reason, Some(Reason::DnsblListed), "7 - 3: {}", finding.evidence);
        }
    }
}

#[test]
fn the_range_knows_when_the_answer_cannot_change() {
    let options = all();
    for (settled, decided) in [
        (&[][..], false),
        (&[(5, true)][..], false), // the allow list may still bring it down to 2
        (&[(5, true), (-3, false)][..], true),
        (&[(5, false), (-3, true)][..], false), // 0 to -3
        (&[(5, false), (2, false), (1, false)][..], false),
        (&[(5, false), (2, false), (1, false), (-3, false)][..], true),
    ] {
        let mut range = Range::of(options.lists.iter().map(|list| list.weight));
        settled.iter().for_each(|(weight, listed)| range.settle(*weight, *listed));
        assert_eq!(range.is_decided(&options), decided, "{settled:?} {range:?}");
    }
}

#[tokio::test]
async fn a_key_is_never_shown() {
    let key = "0123456789abcdefghijklmnop";
    let zone = format!("{key}.zen.example.net");
    let zones =
        format!("2.0.0.127.{zone} A 127.0.0.2\n 7.2.0.192.{zone} A 127.0.0.2\n 7.2.0.192.{zone} TXT see {zone}");
    let options = options(vec![list(&zone, 5)]);
    let request = testing::request("192.0.2.7", "a@example.org", "x.example");
    let finding = testing::find(&options, &zones, &request).await;
    assert_eq!(finding.reason, Some(Reason::DnsblListed));
    let shown = serde_yaml::to_string(&options.in_force()).unwrap();
    let debugged = format!("{options:?}");
    for text in [finding.text, finding.evidence, shown, debugged] {
        assert!(!text.contains(key) && text.contains("zen.example.net"), "{text}");
    }
}

#[test]
fn mistakes_are_told_with_their_places() {
    let text = "chain:\n  - dnsbl:\n      lists:\n        - {zone: x, answers: 127.0.0, of: moon}\n        - {weight: 0}\n        - {zone: a.example*3, weight: -1001}\n      suspect_at: 5\n      trust_at: 1\n";
    let error = testing::policy(text).unwrap_err();
    for expected in [
        "chain[0].dnsbl.lists[0].zone: must be a domain",
        "chain[0].dnsbl.lists[0].answers: `127.0.0` has not four parts",
        "chain[0].dnsbl.lists[0].of: `moon` is nothing to ask about",
        "chain[0].dnsbl.lists[1]: `zone` is missing",
        "chain[0].dnsbl.lists[1].weight: 0 counts for nothing",
        "chain[0].dnsbl.lists[2].zone: is a domain alone",
        "chain[0].dnsbl.lists[2].weight: must be between -1000 and 1000",
        "chain[0].dnsbl.suspect_at: must not be more than `reject_at`",
        "chain[0].dnsbl.trust_at: must be less than 0",
    ] {
        assert!(error.contains(expected), "{expected}\nis not in\n{error}");
    }
    assert!(testing::policy("chain: [dnsbl: {lists: [zen.example.net]}]").is_ok());
    let error = testing::policy("chain: [dnsbl: {lists: ['0123456789abcdef.zen.example.net*3']}]").unwrap_err();
    assert!(!error.contains("0123456789abcdef"), "a key is not shown, not even where something is wrong with it");
}

/// What is asked for a request of `client`.
async fn asked(options: &DnsblOptions, client: &str) -> Vec<String> {
    let zones: Zones = HEALTHY.parse().unwrap();
    let dns = Arc::new(zones);
    let check = options.build(&Parts { dns: dns.clone(), ..testing::parts() });
    check.ready().await;
    let before = dns.asked().len();
    testing::look(check.as_ref(), &testing::request(client, "a@example.org", "x.example")).await;
    dns.asked().split_off(before)
}

#[tokio::test]
async fn lists_are_asked_once_each() {
    assert_eq!(asked(&all(), "192.0.2.6").await.len(), 4);
    assert_eq!(asked(&all(), "10.0.0.1").await.len(), 0, "not about private addresses");
}

#[tokio::test]
async fn nobody_is_asked_who_cannot_change_the_answer() {
    let lists = options(vec![list("one.example", 3), list("two.example", 1)]);
    assert_eq!(asked(&lists, "192.0.2.7").await, ["A 7.2.0.192.one.example", "TXT 7.2.0.192.one.example"]);
}
