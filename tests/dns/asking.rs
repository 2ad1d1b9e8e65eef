//! How often somebody is asked, and who.

use std::sync::Arc;
use std::time::Duration;

use postward::dns::{Dns, DnsError};
use tokio::task::JoinSet;

use super::support::DnsServer;
use super::support::dns::{Manner, ResponseCode, nobody};
use super::{AMPLE, BRIEF, resolver};

#[tokio::test]
async fn five_hundred_identical_questions_are_one() {
    let server = DnsServer::start();
    server.add("mail.example.org A 192.0.2.1\nmail.example.org TXT x\nmail.example.org MX 1 x.example\n192.0.2.1 PTR x.example");
    server.behave("", Manner::After(Duration::from_millis(100)));
    let dns = Arc::new(resolver([&server], AMPLE));
    let mut tasks = JoinSet::new();
    for _ in 0..500 {
        let dns = Arc::clone(&dns);
        tasks.spawn(async move {
            assert_eq!(dns.a("mail.example.org").await.unwrap().len(), 1);
            assert_eq!(dns.aaaa("mail.example.org").await.unwrap().len(), 0);
            assert_eq!(dns.txt("mail.example.org").await.unwrap().len(), 1);
            assert_eq!(dns.mx("Mail.Example.org.").await.unwrap().len(), 1);
            assert_eq!(dns.ptr("192.0.2.1".parse().unwrap()).await.unwrap().len(), 1);
        });
    }
    tasks.join_all().await;
    let mut kinds: Vec<_> = server.queries().into_iter().map(|query| query.kind).collect();
    kinds.sort();
    assert_eq!(kinds, ["A", "AAAA", "MX", "PTR", "TXT"]);
}

#[tokio::test]
async fn answers_are_remembered_also_that_there_is_nothing() {
    let server = DnsServer::start();
    server.add("mail.example.org A 192.0.2.1");
    let dns = resolver([&server], AMPLE);
    for _ in 0..10 {
        assert_eq!(dns.a("mail.example.org").await.unwrap().len(), 1);
        assert_eq!(dns.a("MAIL.example.ORG.").await.unwrap().len(), 1);
        assert_eq!(dns.a("nobody.example.org").await, Ok(vec![]));
        assert_eq!(dns.clone().txt("mail.example.org").await, Ok(vec![]));
    }
    assert_eq!(server.queries().len(), 3);
}

#[tokio::test]
async fn failures_are_remembered_for_a_moment() {
    let server = DnsServer::start();
    server.behave("broken.example", Manner::Fails(ResponseCode::ServFail));
    server.behave("silent.example", Manner::Ignored);
    let dns = resolver([&server], BRIEF);
    for _ in 0..10 {
        assert!(matches!(dns.a("a.broken.example").await, Err(DnsError::Failed(_))));
    }
    assert_eq!(server.count("a.broken.example"), 1);

    assert_eq!(dns.a("a.silent.example").await, Err(DnsError::Timeout));
    let asked = server.count("a.silent.example");
    for _ in 0..10 {
        assert_eq!(dns.a("a.silent.example").await, Err(DnsError::Timeout));
    }
    assert_eq!(server.count("a.silent.example"), asked);
}

#[tokio::test]
async fn a_lost_packet_is_sent_again() {
    let server = DnsServer::start();
    server.add("mail.example.org A 192.0.2.1");
    server.behave("mail.example.org", Manner::LostOnce);
    assert_eq!(resolver([&server], Duration::from_secs(3)).a("mail.example.org").await.unwrap().len(), 1);
    assert!(server.count("mail.example.org") >= 2);
}

#[tokio::test]
async fn a_lost_packet_is_sent_again_also_after_much_silence() {
    let server = DnsServer::start();
    server.add("mail.example.org A 192.0.2.1");
    server.behave("silent.example", Manner::Ignored);
    server.behave("mail.example.org", Manner::LostOnce);
    let dns = resolver([&server], Duration::from_secs(1));
    let lookups: JoinSet<_> = (0..50)
        .map(|n| {
            let dns = dns.clone();
            async move { dns.a(&format!("a{n}.silent.example")).await }
        })
        .collect();
    lookups.join_all().await;
    assert_eq!(dns.a("mail.example.org").await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_answer_may_come_late() {
    let server = DnsServer::start();
    server.add("mail.example.org A 192.0.2.1");
    server.behave("mail.example.org", Manner::After(Duration::from_millis(900)));
    assert_eq!(resolver([&server], Duration::from_secs(4)).a("mail.example.org").await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_answer_is_remembered_although_nobody_waited_for_it() {
    let server = DnsServer::start();
    server.add("mail.example.org A 192.0.2.1");
    server.behave("mail.example.org", Manner::After(Duration::from_millis(200)));
    let dns = resolver([&server], AMPLE);
    let given_up = tokio::time::timeout(Duration::from_millis(20), dns.a("mail.example.org")).await;
    assert!(given_up.is_err());
    assert_eq!(dns.a("mail.example.org").await.unwrap().len(), 1);
    assert_eq!(server.count("mail.example.org"), 1);
}

#[tokio::test]
async fn another_server_is_asked_when_one_fails() {
    let good = DnsServer::start();
    good.add("*.example.org A 192.0.2.1");
    let refusing = DnsServer::start();
    refusing.behave("", Manner::Fails(ResponseCode::Refused));
    let dns = resolver([&refusing, &good], AMPLE);
    for n in 0..10 {
        assert_eq!(dns.a(&format!("a{n}.example.org")).await.unwrap().len(), 1);
    }
    assert_eq!((refusing.queries().len(), good.queries().len()), (1, 10), "the one that answers is asked first");
}

#[tokio::test]
async fn another_server_is_asked_when_one_is_silent() {
    let good = DnsServer::start();
    good.add("*.example.org A 192.0.2.1");
    let dns = postward::dns::Resolver::new(&[nobody(), good.address()], Duration::from_secs(4)).unwrap();
    let started = std::time::Instant::now();
    for n in 0..10 {
        assert_eq!(dns.a(&format!("a{n}.example.org")).await.unwrap().len(), 1);
    }
    assert!(started.elapsed() < Duration::from_secs(3), "only the first lookup waits: {:?}", started.elapsed());
}

#[tokio::test]
async fn all_servers_must_fail_for_a_failure() {
    let servers = [DnsServer::start(), DnsServer::start()];
    for server in &servers {
        server.behave("", Manner::Fails(ResponseCode::ServFail));
    }
    let dns = resolver([&servers[0], &servers[1]], AMPLE);
    assert!(matches!(dns.a("mail.example.org").await, Err(DnsError::Failed(_))));
    assert_eq!(servers.each_ref().map(|server| server.queries().len()), [1, 1]);
}
