//! The command line as a person meets it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod desk;

mod batv;
mod changing_entries;
mod check;
mod config;
mod correcting_greylist;
mod database;
mod evidence;
mod greylist;
mod help;
mod importing;
mod journal;
mod list;
mod manual;
mod moving;
mod report;
mod sources;
mod terminal;
