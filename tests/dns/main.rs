//! The resolver against a real DNS server on loopback: what only the wire shows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by panicking")]

mod answers;
mod asking;
mod lists;
mod outages;
#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use postward::dns::Resolver;
use support::DnsServer;

/// The time for a lookup where the test waits until it is over.
const BRIEF: Duration = Duration::from_millis(400);

/// The time for a lookup that must not be over before its answer comes, on a machine that has much else to do.
const AMPLE: Duration = Duration::from_secs(20);

/// Asks these servers, in this order.
fn resolver<const N: usize>(servers: [&DnsServer; N], limit: Duration) -> Resolver {
    Resolver::new(&servers.map(DnsServer::address), limit).expect("a resolver")
}
