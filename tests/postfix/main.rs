//! postward behind a real Postfix: what a sender sees, and what arrives.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod batv_site;
mod instance;
mod layout;
mod sink;
mod smtp;
mod stub;

mod batv;
mod batv_flood;
mod crowds;
mod dns;
mod doctor;
mod greylisting;
mod harness;
mod interruptions;
mod lists;
mod organisations;
mod report;
mod restarts;
mod results;
