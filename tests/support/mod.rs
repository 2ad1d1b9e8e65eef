//! What black-box tests share: the real daemon, its clock, and processes that cannot outlive a test.
//!
//! A test binary takes it in by `#[path = "../support/mod.rs"] mod support;` (or `mod support;` beside it).

#![allow(dead_code, unused_imports, reason = "each test binary uses its own part")]

mod clock;
pub(crate) mod dns;
mod endpoint;
pub(crate) mod internet;
mod length;
mod postward;
mod process;
mod tools;
mod wait;

pub(crate) use clock::FakeClock;
pub(crate) use dns::DnsServer;
pub(crate) use endpoint::{Endpoint, Transport, free_port};
pub(crate) use length::{at_full_length, at_length};
pub(crate) use postward::{GREYLIST, NO_DNS, Postward};
pub(crate) use process::Tied;
pub(crate) use tools::Tools;
pub(crate) use wait::{eventually, until};
