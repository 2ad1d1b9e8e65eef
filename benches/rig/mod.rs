//! What the benchmarks share: servers to be measured, and somebody who asks them as Postfix does.

#![allow(dead_code, unused_imports, reason = "each benchmark uses its own part")]

pub(crate) mod fill;
pub(crate) mod idle;
pub(crate) mod load;
pub(crate) mod null;
pub(crate) mod requests;
pub(crate) mod servers;
pub(crate) mod table;
