use std::net::IpAddr;

use super::{DomainSpec, MacroString, Values};
use crate::clock::Timestamp;
use crate::spf::query::{Query, Subject};

const SENDER: &str = "strong-bad@email.example.com";

fn subject(ip: &str, sender: &str) -> Subject {
    let (ip, now) = (ip.parse::<IpAddr>().unwrap(), Timestamp::from_second(1_100_000_000).unwrap());
    Subject::new(&Query { ip, helo: "mx.example.org", sender, receiver: "mx.example.net", now })
}

fn expand(text: &str, ip: &str, sender: &str, names: &[&str]) -> String {
    let subject = subject(ip, sender);
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let values = Values { subject: &subject, domain: "email.example.com", names: &names };
    MacroString::in_explanation(text).unwrap().explain(&values).unwrap()
}

fn name(text: &str, sender: &str) -> String {
    let subject = subject("192.0.2.3", sender);
    DomainSpec::parse(text).unwrap().expand(&Values { subject: &subject, domain: &subject.domain, names: &[] })
}

#[test]
fn the_examples_of_section_7_4_expand_as_there() {
    for (text, expected) in [
        ("%{s}", "strong-bad@email.example.com"),
        ("%{o}", "email.example.com"),
        ("%{d}", "email.example.com"),
        ("%{d4}", "email.example.com"),
        ("%{d3}", "email.example.com"),
        ("%{d2}", "example.com"),
        ("%{d1}", "com"),
        ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"),
        ("%{l}", "strong-bad"),
        ("%{l-}", "strong.bad"),
        ("%{lr}", "strong-bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
        ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
        ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
        ("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"),
        ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
    ] {
        assert_eq!(expand(text, "192.0.2.3", SENDER, &[]), expected, "{text}");
        assert_eq!(name(&format!("{text}.x.org"), SENDER), format!("{expected}.x.org"), "{text}");
    }
    assert_eq!(
        expand("%{ir}.%{v}._spf.%{d2}", "2001:db8::cb01", SENDER, &[]).to_lowercase(),
        "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com"
    );
}

#[test]
fn the_other_letters_tell_about_the_client_and_the_check() {
    for (text, expected) in [
        ("%{h}", "mx.example.org"),
        ("%{c} %{i}", "192.0.2.3 192.0.2.3"),
        ("%{r} at %{t}", "mx.example.net at 1100000000"),
        ("100%% of%_%-", "100% of %20"),
        ("%{S}", "strong-bad%40email.example.com"),
        ("%{I2r.}", "0.192"),
        ("%{d-}", "email.example.com"),
    ] {
        assert_eq!(expand(text, "192.0.2.3", SENDER, &[]), expected, "{text}");
    }
    assert_eq!(expand("%{c}", "2001:db8::cb01", SENDER, &[]), "2001:db8::cb01");
}

#[test]
fn parts_are_put_together_by_dots_whatever_was_between_them() {
    for (text, sender, expected) in [
        ("%{l+-}", "foo-bar+baz@example.org", "foo.bar.baz"),
        ("%{l2r+-}", "foo-bar+baz@example.org", "bar.foo"),
        ("%{l2+}", "foo-bar+baz@example.org", "foo-bar.baz"),
        // A dot is a delimiter only if it is among those given.
        ("%{l1-}", "foo-bar.baz@example.org", "bar.baz"),
        ("%{l-}", "a--b@example.org", "a..b"),
        ("%{l127}", "a.b@example.org", "a.b"),
        ("%{l1r}", "@example.org", "postmaster"),
    ] {
        assert_eq!(expand(text, "192.0.2.3", sender, &[]), expected, "{text} of {sender}");
    }
}

#[test]
fn the_validated_name_nearest_to_the_domain_is_taken() {
    for (names, expected) in [
        (&["a.example.net", "mx.email.example.com", "Email.example.com"][..], "Email.example.com"),
        (&["a.example.net", "bademail.example.com", "mx.email.example.com"], "mx.email.example.com"),
        (&["a.example.net", "b.example.net"], "a.example.net"),
        (&[], "unknown"),
    ] {
        assert_eq!(expand("%{p}", "192.0.2.3", SENDER, names), expected);
    }
}

#[test]
fn what_is_not_unreserved_is_escaped_by_capital_letters() {
    let sender = "~jack&jill=up-a_b3.c@example.org";
    assert_eq!(expand("?l=%{L}", "192.0.2.3", sender, &[]), "?l=~jack%26jill%3Dup-a_b3.c");
    assert_eq!(expand("%{L}", "192.0.2.3", "größe@example.org", &[]), "gr%C3%B6%C3%9Fe");
}

#[test]
fn a_name_too_long_loses_its_left_labels() {
    let sender = format!("{}@example.org", "label.".repeat(50));
    let name = name("%{l}%{l}%{l}.%{d}", &sender);
    assert!(name.len() <= 253 && name.starts_with("label.") && name.ends_with(".example.org"), "{name}");
    assert!(name.len() + "label.".len() > 253, "no more than needed: {name}");
}

#[test]
fn a_name_is_cut_at_a_label_even_if_a_macro_alone_fills_it() {
    let domain = format!("{}{}", "label.".repeat(41), "example");
    assert_eq!(domain.len(), 253);
    let subject = subject("192.0.2.3", SENDER);
    let values = Values { subject: &subject, domain: &domain, names: &[] };
    let name = |text| DomainSpec::parse(text).unwrap().expand(&values);
    assert_eq!(name("%{d}"), domain);
    assert_eq!(name("x.%{d}"), domain);
    assert_eq!(name("x%{d}"), domain["label.".len()..], "the first label would be xlabel");
}

#[test]
fn an_explanation_is_short_printable_ascii() {
    let text = MacroString::in_explanation("%{l}").unwrap();
    let explain = |sender: &str| {
        let subject = subject("192.0.2.3", sender);
        text.explain(&Values { subject: &subject, domain: "example.org", names: &[] })
    };
    assert_eq!(explain("größe@example.org"), None);
    assert_eq!(explain("a\nb@example.org"), None);
    assert_eq!(explain(&format!("{}@example.org", "x".repeat(9000))).map(|text| text.len()), Some(512));
}

#[test]
fn a_hostile_text_is_expanded_only_as_far_as_it_counts() {
    let sender = format!("{}@example.org", "x".repeat(60_000));
    let text = "%{l1r-}".repeat(2_000);
    let started = std::time::Instant::now();
    assert!(name(&text, &sender).len() > 253);
    assert_eq!(expand(&text, "192.0.2.3", &sender, &[]).len(), 512);
    assert!(started.elapsed().as_secs() < 2, "2000 times 60000 octets take longer: {:?}", started.elapsed());
}
