//! What every store promises, run through every engine, and what SQLite promises on top.
//!
//! The contract (`greylist`, `entries`, `journal`) knows no engine: another one is run through it by one more line here.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, and clippy knows only functions marked as tests for such"
)]

mod crash;
mod entries;
mod flood;
mod greylist;
mod journal;
mod outages;
mod remembered;
mod size;
mod support;
mod taken_over;

greylist::contract!(sqlite_greylist, crate::support::TempSqlite);
greylist::contract!(remembered_greylist, crate::support::TempRemembered);
entries::contract!(sqlite_entries, crate::support::TempSqlite);
journal::contract!(sqlite_journal, crate::support::TempSqlite);
