//! Many lookups in vain, in a process of their own: its descriptors are counted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by panicking")]

mod support;

use std::time::{Duration, Instant};

use postward::dns::{Dns, DnsError, MOST_DESCRIPTORS, Resolver};
use support::DnsServer;
use support::dns::Manner;
use tokio::task::JoinSet;

const LIMIT: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_thousand_lookups_in_vain_end_in_time_and_leave_nothing_behind() {
    let server = DnsServer::start();
    server.behave("", Manner::Ignored);
    let before = descriptors();
    let dns = Resolver::new(&[server.address()], LIMIT).unwrap();
    let started = Instant::now();
    let lookups: JoinSet<_> = (0..1000)
        .map(|n| {
            let dns = dns.clone();
            async move { dns.a(&format!("a{n}.example.org")).await }
        })
        .collect();
    let mut during = before;
    while started.elapsed() < LIMIT * 9 / 10 {
        during = during.max(descriptors());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let outcomes = lookups.join_all().await;
    let elapsed = started.elapsed();

    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(DnsError::Timeout | DnsError::Unavailable))));
    assert!(elapsed < LIMIT * 5 / 4, "{elapsed:?}");
    assert!(during <= before + MOST_DESCRIPTORS, "{before} before, {during} during");
    println!("{elapsed:?}, {before} descriptors before, {during} during");
    drop(dns);
    for _ in 0..500 {
        if descriptors() <= before {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{before} descriptors before, {during} during, {} after", descriptors());
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("Linux").count()
}
