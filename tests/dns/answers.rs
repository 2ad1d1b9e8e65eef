//! What an answer says.

use postward::dns::{Dns, DnsError, Exchanger};
use tokio::task::JoinSet;

use super::support::DnsServer;
use super::support::dns::{Manner, ResponseCode, Transport};
use super::{AMPLE, BRIEF, resolver};

#[tokio::test]
async fn every_type_of_record_is_read() {
    let server = DnsServer::start();
    server.add(&format!(
        "mail.example.org A 192.0.2.1
         mail.example.org A 192.0.2.2
         mail.example.org AAAA 2001:db8::1
         example.org MX 10 mail.example.org
         example.org TXT v=spf1 mx -all
         example.org TXT {}
         null.example.org MX 0 .
         192.0.2.1 PTR Mail.Example.org
         2001:db8::1 PTR mail.example.org",
        "long ".repeat(100)
    ));
    let dns = resolver([&server], AMPLE);
    let sorted = |mut texts: Vec<Vec<u8>>| {
        texts.sort();
        texts
    };

    assert_eq!(dns.a("mail.example.org").await.unwrap().len(), 2);
    assert_eq!(dns.aaaa("MAIL.example.org.").await.unwrap(), ["2001:db8::1".parse::<std::net::Ipv6Addr>().unwrap()]);
    let mail = Exchanger { preference: 10, name: "mail.example.org".to_owned() };
    assert_eq!(dns.mx("example.org").await.unwrap(), [mail]);
    let none = Exchanger { preference: 0, name: String::new() };
    assert_eq!(dns.mx("null.example.org").await.unwrap(), [none]);
    let texts = sorted(dns.txt("example.org").await.unwrap());
    assert_eq!(texts, ["long ".repeat(100).trim_end().as_bytes(), b"v=spf1 mx -all"]);
    assert_eq!(dns.ptr("192.0.2.1".parse().unwrap()).await.unwrap(), ["Mail.Example.org"]);
    assert_eq!(dns.ptr("::ffff:192.0.2.1".parse().unwrap()).await.unwrap(), ["Mail.Example.org"]);
    assert_eq!(dns.ptr("2001:db8::1".parse().unwrap()).await.unwrap(), ["mail.example.org"]);
}

#[tokio::test]
async fn nothing_is_an_answer() {
    let server = DnsServer::start();
    server.add(
        "mail.example.org A 192.0.2.1
         alias.example.org CNAME mail.example.org
         gone.example.org CNAME nobody.example.org
         nosoa.example.org A 192.0.2.1
         alias.nosoa.example.org CNAME nosoa.example.org",
    );
    server.behave("nosoa.example.org", Manner::WithoutSoa);
    server.behave("one.example.org", Manner::OneAliasAtATime);
    server.add("one.example.org CNAME gone.example.org");
    let dns = resolver([&server], AMPLE);
    for name in [
        "nobody.example.org",       // no such name
        "mail.example.org",         // no TXT record
        "example.org",              // no record, but names below
        "alias.example.org",        // no TXT record under its other name
        "gone.example.org",         // no such other name
        "one.example.org",          // the same, told step by step
        "nosoa.example.org",        // no word on how long
        "alias.nosoa.example.org",  // the same after an alias
        "nobody.nosoa.example.org", // the same with no such name
    ] {
        assert_eq!(dns.txt(name).await, Ok(vec![]), "{name}");
    }
    assert_eq!(dns.ptr("192.0.2.99".parse().unwrap()).await, Ok(vec![]));
}

#[tokio::test]
async fn a_referral_does_not_say_that_there_is_nothing() {
    let server = DnsServer::start();
    server.add("below.example.org A 192.0.2.1");
    server.behave("example.org", Manner::Refers);
    let dns = resolver([&server], AMPLE);
    match dns.txt("below.example.org").await {
        Err(DnsError::Failed(why)) => assert!(why.contains("does not resolve"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn failures_are_no_answers() {
    let server = DnsServer::start();
    server.add("*.example.org A 192.0.2.1");
    for (name, manner, expected) in [
        ("servfail.example.org", Manner::Fails(ResponseCode::ServFail), "SERVFAIL"),
        ("refused.example.org", Manner::Fails(ResponseCode::Refused), "REFUSED"),
        ("formerr.example.org", Manner::Fails(ResponseCode::FormErr), "FORMERR"),
        ("notimp.example.org", Manner::Fails(ResponseCode::NotImp), "NOTIMP"),
        ("unknown.example.org", Manner::Fails(ResponseCode::Unknown(14)), "RCODE"),
        ("garbage.example.org", Manner::Garbage, "makes no sense"),
        ("cut.example.org", Manner::TruncatedAlways, "cuts off"),
    ] {
        server.behave(name, manner);
        match resolver([&server], AMPLE).a(name).await {
            Err(DnsError::Failed(text)) => assert!(text.contains(expected), "{name}: {text}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn silence_and_forgery_are_silence() {
    let server = DnsServer::start();
    server.add("*.example.org A 192.0.2.1");
    for (name, manner) in [
        ("silent.example.org", Manner::Ignored),
        ("id.example.org", Manner::WrongId),
        ("question.example.org", Manner::WrongQuestion),
        ("cut.example.org", Manner::TruncatedAndIgnored),
    ] {
        server.behave(name, manner);
        assert_eq!(resolver([&server], BRIEF).a(name).await, Err(DnsError::Timeout), "{name}");
    }
}

#[tokio::test]
async fn a_forged_answer_does_not_keep_the_right_one_out() {
    let server = DnsServer::start();
    server.add("mail.example.org A 192.0.2.1");
    server.behave("mail.example.org", Manner::WrongIdFirst);
    assert_eq!(resolver([&server], AMPLE).a("mail.example.org").await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_cut_off_is_fetched_over_tcp() {
    let server = DnsServer::start();
    let records: String = (0..1000).map(|n| format!("big.example.org A 192.0.{}.{}\n", n / 250, n % 250)).collect();
    server.add(&records);
    server.add(&format!("long.example.org TXT {}", "x".repeat(60_000)));
    let dns = resolver([&server], AMPLE);
    assert_eq!(dns.a("big.example.org").await.unwrap().len(), 1000);
    assert_eq!(dns.txt("long.example.org").await.unwrap().concat().len(), 60_000);
    let transports: Vec<_> = server.queries().iter().map(|query| query.transport).collect();
    assert_eq!(transports, [Transport::Udp, Transport::Tcp, Transport::Udp, Transport::Tcp]);
}

#[tokio::test]
async fn many_are_fetched_over_tcp_at_a_time() {
    let server = DnsServer::start();
    server.add("*.example.org A 192.0.2.1");
    server.behave("", Manner::Truncated);
    let dns = resolver([&server], AMPLE);
    let lookups: JoinSet<_> = (0..100)
        .map(|n| {
            let dns = dns.clone();
            async move { dns.a(&format!("a{n}.example.org")).await }
        })
        .collect();
    assert!(lookups.join_all().await.iter().all(|outcome| outcome.as_ref().is_ok_and(|records| records.len() == 1)));
}

#[tokio::test]
async fn records_of_other_names_are_no_answer() {
    let server = DnsServer::start();
    server.add("mail.example.org A 192.0.2.1\nalias.example.org CNAME mail.example.org");
    server.behave("", Manner::WithOthers);
    let dns = resolver([&server], AMPLE);
    for name in ["mail.example.org", "alias.example.org"] {
        assert_eq!(dns.a(name).await.unwrap().len(), 1, "{name}");
    }
}

#[tokio::test]
async fn what_is_cut_off_and_cannot_be_fetched_is_a_failure() {
    let server = DnsServer::start_without_tcp();
    server.add("mail.example.org A 192.0.2.1");
    server.behave("mail.example.org", Manner::Truncated);
    let outcome = resolver([&server], AMPLE).a("mail.example.org").await;
    assert!(matches!(&outcome, Err(DnsError::Failed(text)) if text.contains("cuts off")), "{outcome:?}");
}

#[tokio::test]
async fn aliases_are_followed_however_they_are_told() {
    let server = DnsServer::start();
    for hop in 0..6 {
        server.add(&format!("a{hop}.example.org CNAME a{}.example.org", hop + 1));
        server.add(&format!("b{hop}.one.example.org CNAME b{}.one.example.org", hop + 1));
    }
    server.add("a6.example.org A 192.0.2.6\nb6.one.example.org A 192.0.2.7");
    server.behave("one.example.org", Manner::OneAliasAtATime);
    let dns = resolver([&server], AMPLE);
    assert_eq!(dns.a("a0.example.org").await.unwrap(), [std::net::Ipv4Addr::new(192, 0, 2, 6)]);
    assert_eq!(dns.a("b0.one.example.org").await.unwrap(), [std::net::Ipv4Addr::new(192, 0, 2, 7)]);
}

#[tokio::test]
async fn aliases_without_end_are_a_failure() {
    let server = DnsServer::start();
    server.add(
        "self.example.org CNAME self.example.org
         a.example.org CNAME b.example.org
         b.example.org CNAME a.example.org
         a.one.example.org CNAME b.one.example.org
         b.one.example.org CNAME c.one.example.org
         c.one.example.org CNAME a.one.example.org",
    );
    server.behave("one.example.org", Manner::OneAliasAtATime);
    let dns = resolver([&server], AMPLE);
    for name in ["self.example.org", "a.example.org", "a.one.example.org"] {
        assert!(matches!(dns.a(name).await, Err(DnsError::Failed(_))), "{name}");
    }
    assert!(server.queries().len() < 40, "{}", server.queries().len());
}

#[tokio::test]
async fn names_are_not_completed() {
    let server = DnsServer::start();
    let dns = resolver([&server], AMPLE);
    for name in ["mail", "mail.example.org", "1.2.0.192.list.example"] {
        assert_eq!(dns.a(name).await, Ok(vec![]));
    }
    let names: Vec<_> = server.queries().into_iter().map(|query| query.name).collect();
    assert_eq!(names, ["mail", "mail.example.org", "1.2.0.192.list.example"]);
}

#[tokio::test]
async fn odd_names_do_no_harm() {
    let server = DnsServer::start();
    let dns = resolver([&server], AMPLE);
    for name in
        ["a b.example.org", r"\.example.org", "\u{0}.example.org", "caf\u{e9}.example.org", "\u{fffd}.example.org"]
    {
        assert_eq!(dns.a(name).await, Ok(vec![]), "{name:?}");
        assert_eq!(dns.txt(name).await, Ok(vec![]), "{name:?}");
    }
    assert_eq!(server.queries().len(), 10);
    for name in ["", ".", "a..example.org", &"a".repeat(64), &"a.".repeat(127).repeat(2)] {
        assert_eq!(dns.a(name).await, Ok(vec![]), "{name:?}");
    }
    assert_eq!(server.queries().len(), 10, "what the DNS cannot hold is not asked");
}

#[tokio::test]
async fn nobody_is_asked_about_private_addresses() {
    let server = DnsServer::start();
    let dns = resolver([&server], AMPLE);
    for address in ["127.0.0.1", "10.1.2.3", "192.168.0.1", "::1", "fe80::1", "fd00::1", "::ffff:10.0.0.1", "0.0.0.0"] {
        assert_eq!(dns.ptr(address.parse().unwrap()).await, Ok(vec![]), "{address}");
    }
    assert_eq!(server.queries(), []);
}
