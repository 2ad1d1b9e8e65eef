//! What must hold, whatever strangers send and administrators write.
//!
//! Every module looks at octets in its own way (`look`), and panics if something does not hold. They are found by a fuzzer
//! (`fuzz/run`), and those that are kept as seeds are looked at by every `cargo test` (`tests/fuzz`).

pub mod addresses;
pub mod batv;
pub mod blocklists;
pub mod decisions;
pub mod lists;
pub mod policy;
pub mod requests;
pub mod socketmap;
pub mod spf;

mod pieces;
#[path = "../../tests/daemon/reply.rs"]
mod reply;
mod world;

/// A module, and what it does with octets.
pub type Target = (&'static str, fn(&[u8]));

/// Every module.
pub const TARGETS: [Target; 9] = [
    ("addresses", addresses::look),
    ("batv", batv::look),
    ("blocklists", blocklists::look),
    ("decisions", decisions::look),
    ("lists", lists::look),
    ("policy", policy::look),
    ("requests", requests::look),
    ("socketmap", socketmap::look),
    ("spf", spf::look),
];
