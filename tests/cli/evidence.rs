//! `postward check` about what only the DNS knows.

use std::time::Duration;

use serde_json::Value;

use crate::desk::{Desk, Said, ask_as, beside};
use crate::support::internet::{
    ALLOWED, CLEAN, LINES, LISTED, NAMELESS, ORGANISATION, OURS, POOL, POOLED, STRAY, STRICT, WHY_FORGED, WHY_LISTED,
    internet, whole_chain,
};
use crate::support::{DnsServer, Postward, Transport};

const LATER: &str = "DEFER_IF_PERMIT 4.7.1 Greylisted, please try again in 300 seconds";

/// A desk whose policy is the whole chain with these options of greylisting.
fn desk(dns: &DnsServer, greylist: &str) -> Desk {
    Desk::with_policy(&whole_chain(dns, greylist))
}

fn check(desk: &Desk, attributes: &str) -> Said {
    desk.say(&format!("check --format json recipient=alice@example.test {attributes}"))
}

/// What a check found, and what it is based on.
fn step<'a>(decision: &'a Value, check: &str) -> (&'a str, &'a str) {
    let step = decision["steps"].as_array().unwrap().iter().find(|step| step["check"] == check);
    let step = step.unwrap_or_else(|| panic!("{check} was not asked: {decision:#}"));
    (step["reason"].as_str().unwrap_or("-"), step["evidence"].as_str().unwrap())
}

#[test]
fn what_the_dns_says_about_a_client_is_explained() {
    let dns = internet();
    let desk = desk(&dns, "{when: suspect}");
    let refused = |text: &str| format!("550 5.7.1 {text}");
    let passes = || "DUNNO".to_owned();
    for (client, more, action, check_name, reason, evidence) in [
        (CLEAN.0, "", passes(), "greylist", "-", "not suspect"),
        (CLEAN.0, "", passes(), "reverse_dns", "rdns-confirmed", CLEAN.1),
        (CLEAN.0, "", passes(), "helo", "-", "mail.example.org has an address"),
        (CLEAN.0, "", passes(), "dnsbl", "-", "wl.example -2 not listed"),
        (
            NAMELESS,
            "",
            refused("Your address 192.0.2.20 has no host name (reverse DNS)"),
            "reverse_dns",
            "rdns-missing",
            "192.0.2.20 has no name",
        ),
        (STRAY, "", LATER.to_owned(), "reverse_dns", "rdns-unconfirmed", "stray.example.org does not lead back to"),
        (
            LINES[0].0,
            "",
            LATER.to_owned(),
            "reverse_dns",
            "rdns-generic",
            "dyn-198-51-100-77.provider.example is a name",
        ),
        (LISTED.0, "", refused(WHY_LISTED), "dnsbl", "dnsbl-listed", "weight 3: "),
        (LISTED.0, "", refused(WHY_LISTED), "dnsbl", "dnsbl-listed", "bl.example +3 listed (127.0.0.2)"),
        (ALLOWED.0, "", passes(), "dnsbl", "dnsbl-trusted", "wl.example -2 listed (127.0.9.3)"),
        (
            CLEAN.0,
            &format!("sender={STRICT}"),
            format!("550 5.7.23 {WHY_FORGED}"),
            "spf",
            "spf-fail",
            "strict.example by -all (0 lookups)",
        ),
        (POOL[0].0, &format!("sender={POOLED}"), passes(), "spf", "spf-pass", "pool.example by ip4:198.51.100.0/24"),
        (
            CLEAN.0,
            &format!("helo_name={OURS}"),
            refused(&format!("You are not who you say (HELO {OURS})")),
            "helo",
            "helo-ours",
            "mx.example.test is ours",
        ),
        (CLEAN.0, "helo_name=nowhere.example", LATER.to_owned(), "helo", "helo-unresolvable", "nowhere.example has no"),
    ] {
        let said = check(&desk, &format!("client_address={client} {more}"));
        let decision = said.json().remove(0);
        assert_eq!(decision["action"], action, "{client} {more}: {decision:#}");
        assert_eq!(said.code, i32::from(action != "DUNNO"));
        let (found, based_on) = step(&decision, check_name);
        assert!(found == reason && based_on.contains(evidence), "{client} {more}: {decision:#}");
    }
}

#[test]
fn names_that_are_given_are_not_looked_up() {
    let dns = internet();
    let desk = desk(&dns, "{}");
    for (given, reason, evidence) in [
        ("client_name=mail.example.com", "rdns-confirmed", "mail.example.com"),
        // What Postfix did not find is looked up by the check itself, to tell why.
        ("client_name=unknown", "rdns-confirmed", CLEAN.1),
    ] {
        let decision = check(&desk, &format!("client_address={} {given}", CLEAN.0)).json().remove(0);
        assert_eq!(step(&decision, "reverse_dns"), (reason, evidence));
        let identity = if given.ends_with("unknown") { "192.0.2.0/24" } else { "host:example.com" };
        assert!(step(&decision, "greylist").1.contains(identity), "{decision:#}");
    }
    let helo = check(&desk, &format!("client_address={} helo_name=", CLEAN.0)).json().remove(0);
    assert_eq!(step(&helo, "helo"), ("helo-invalid", "no HELO"));
}

#[test]
fn a_client_is_called_as_postfix_would_call_it() {
    let dns = internet();
    dns.add("192.0.2.60 PTR gone.example.org\n2001:db8::25 PTR six.example.org\nsix.example.org AAAA 2001:db8::25");
    let desk = desk(&dns, "{}");
    desk.say("list add deny --client example.org --text By-name").ok();
    for (client, denied) in [(CLEAN.0, true), ("2001:db8::25", true), (STRAY, false), ("192.0.2.60", false)] {
        let said = check(&desk, &format!("client_address={client}"));
        assert_eq!(said.json()[0]["reason"] == "access-deny", denied, "{client}: {}", said.out);
    }
    let six = check(&desk, "client_address=2001:db8::26 helo_name=x").json().remove(0);
    assert_eq!(six["reason"], "rdns-missing");
    let literal = check(&desk, "client_address=2001:db8::26").json().remove(0);
    assert_eq!(step(&literal, "helo"), ("-", "the client's address"), "who has no name greets by its address");
}

#[test]
fn a_recorded_request_is_taken_as_it_is() {
    let dns = internet();
    let desk = desk(&dns, "{}");
    let request = format!(
        "request=smtpd_access_policy\nprotocol_state=RCPT\nclient_address={}\nrecipient=alice@example.test\n\n",
        CLEAN.0
    );
    let mut command = desk.command(["check", "--format", "json", "-"]);
    let decision = crate::desk::said(&mut command, request.as_bytes()).ended(1).json().remove(0);
    assert_eq!(step(&decision, "helo"), ("helo-invalid", "no HELO"));
    assert!(step(&decision, "greylist").1.contains("192.0.2.0/24"), "{decision:#}");
}

#[test]
fn a_list_that_cannot_be_believed_is_explained() {
    for (record, why) in [
        ("*.bl.example A 127.0.0.2", "out (it lists what no list may list, and so probably everything)"),
        (
            "*.bl.example A 198.51.100.80",
            "out (it answers 198.51.100.80, as no list does: somebody else has its domain)",
        ),
    ] {
        let dns = internet();
        dns.add(record);
        let decision =
            check(&desk(&dns, "{when: suspect}"), &format!("client_address={}", LISTED.0)).ok().json().remove(0);
        let (reason, evidence) = step(&decision, "dnsbl");
        assert!(reason == "-" && evidence.contains(&format!("bl.example +3 {why}")), "{evidence}");
    }
}

#[test]
fn where_the_dns_is_away_it_is_said_that_nobody_could_be_asked() {
    let mut dns = internet();
    dns.stop();
    let said = check(&desk(&dns, "{when: suspect}"), &format!("client_address={NAMELESS} sender={STRICT}")).ok();
    let decision = said.json().remove(0);
    for (check, reason, evidence) in [
        ("reverse_dns", "-", "could not be asked: "),
        ("dnsbl", "-", "bl.example +3 out ("),
        ("spf", "spf-temperror", "strict.example: "),
        ("greylist", "-", "not suspect"),
    ] {
        let (found, based_on) = step(&decision, check);
        assert!(found == reason && based_on.contains(evidence), "{decision:#}");
    }
}

#[test]
fn organisations_and_pools_are_explained_beside_the_daemon() {
    let dns = internet();
    let mut postward = Postward::install(Transport::Inet, &whole_chain(&dns, "{}"));
    postward.serve();
    let host = "a@example.org";
    assert!(ask_as(&postward, POOL[0], POOLED).starts_with("DEFER_IF_PERMIT"));
    assert!(ask_as(&postward, ORGANISATION[0], host).starts_with("DEFER_IF_PERMIT"));
    postward.advance(Duration::from_secs(301));
    for (client, sender, reason, evidence) in [
        (POOL[1], POOLED, "greylist-passed", "attempt 2 from spf:pool.example, 30"),
        (ORGANISATION[1], host, "greylist-passed", "attempt 2 from host:provider.example, 30"),
        (LINES[1], host, "greylist-new", "first attempt from 203.0.113.0/24"),
    ] {
        let line =
            format!("check --format json client_address={} sender={sender} recipient=alice@example.test", client.0);
        let decision = beside(&postward, &line).json().remove(0);
        let (found, based_on) = step(&decision, "greylist");
        assert!(found == reason && based_on.starts_with(evidence), "{client:?}: {decision:#}");
    }
}
