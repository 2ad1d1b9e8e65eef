//! The DNS is away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use postward::dns::{Dns, DnsError, Resolver};
use tokio::task::JoinSet;

use super::support::DnsServer;
use super::support::dns::Manner;
use super::{AMPLE, BRIEF, resolver};

#[tokio::test]
async fn when_nobody_answers_lookups_end_at_once_until_somebody_does() {
    let mut server = DnsServer::start();
    server.add("*.example.org A 192.0.2.1");
    let dns = resolver([&server], BRIEF);
    assert!(dns.a("known.example.org").await.is_ok());
    server.stop();
    wait_until_unavailable(&dns).await;

    let started = Instant::now();
    for n in 0..1000 {
        assert_eq!(dns.a(&format!("b{n}.example.org")).await, Err(DnsError::Unavailable));
    }
    assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
    assert!(dns.a("known.example.org").await.is_ok(), "what is remembered is still known");

    server.restart();
    while dns.a("c.example.org").await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(started.elapsed() < AMPLE, "the server is back");
    }
}

#[tokio::test]
async fn zones_that_never_answer_do_not_take_the_rest_away() {
    let server = DnsServer::start();
    server.add("*.example.org A 192.0.2.1");
    server.behave("silent.example", Manner::Ignored);
    let dns = Arc::new(resolver([&server], BRIEF));
    for round in 0..3 {
        let mut tasks = JoinSet::new();
        for n in 0..50 {
            let dns = Arc::clone(&dns);
            tasks.spawn(async move { dns.a(&format!("a{round}-{n}.silent.example")).await });
        }
        assert!(tasks.join_all().await.iter().all(|outcome| *outcome == Err(DnsError::Timeout)));
        assert!(dns.a(&format!("a{round}.example.org")).await.is_ok());
    }
    assert!(server.count("") > 0, "the server has been asked whether it is there");
}

#[tokio::test]
async fn a_new_resolver_knows_nothing_of_the_old_one() {
    let mut server = DnsServer::start();
    server.add("mail.example.org A 192.0.2.1");
    server.stop();
    let dns = resolver([&server], BRIEF);
    wait_until_unavailable(&dns).await;
    server.restart();
    assert!(resolver([&server], AMPLE).a("mail.example.org").await.is_ok());
}

async fn wait_until_unavailable(dns: &Resolver) {
    for round in 0..20 {
        let lookups: JoinSet<_> = (0..10)
            .map(|n| {
                let dns = dns.clone();
                async move { dns.a(&format!("a{round}-{n}.example.org")).await }
            })
            .collect();
        if lookups.join_all().await.contains(&Err(DnsError::Unavailable)) {
            return;
        }
    }
    panic!("the resolver goes on asking");
}
