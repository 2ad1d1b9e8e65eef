//! The running daemon, as Postfix and strangers meet it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by panicking")]
#![allow(clippy::indexing_slicing, reason = "and an index out of bounds says it too")]

#[path = "../support/mod.rs"]
mod support;

mod metrics;
mod peer;
mod reply;
mod ways;

mod activation;
mod bad_input;
mod bounces;
mod clock;
mod damage;
mod descriptors;
mod dialogues;
mod dns;
mod fail2ban;
mod full_disk;
mod http;
mod journal;
mod kills;
mod life;
mod log;
mod maps;
mod memory;
mod reloads;
mod soak;
mod sockets;
mod store_trouble;
mod streams;
mod supervisor;
