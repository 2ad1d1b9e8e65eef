//! SPF from outside: the public test suite of RFC 7208, another implementation, and anything at all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by panicking")]

mod differential;
mod properties;
mod suite;

use postward::clock::Timestamp;
use postward::dns::zones::Zones;
use postward::spf::{Evaluation, Limits, Query, evaluate};

/// Evaluates at once; no zone here is slow.
fn check(zones: &Zones, ip: &str, helo: &str, sender: &str) -> Evaluation {
    let query = Query { ip: ip.parse().unwrap(), helo, sender, receiver: "", now: Timestamp::UNIX_EPOCH };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(evaluate(zones, &query, &Limits::default()))
}
