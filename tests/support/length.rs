//! How long a long test is.

use std::env;

/// `short`; or `long` where `POSTWARD_LONG_TESTS` is set.
pub(crate) fn at_length<T: Clone>(short: T, long: T) -> T {
    at_full_length(short, long.clone(), long)
}

/// `short`; `long` where `POSTWARD_LONG_TESTS=1`; `full`, which takes an hour, where `POSTWARD_LONG_TESTS=full`.
pub(crate) fn at_full_length<T>(short: T, long: T, full: T) -> T {
    match env::var("POSTWARD_LONG_TESTS").as_deref() {
        Ok("full") => full,
        Ok(_) => long,
        Err(_) => short,
    }
}
