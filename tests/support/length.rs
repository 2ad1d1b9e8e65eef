//! How long a long test is.

use std::env;

/// `short`, or `long` where `POSTWARD_LONG_TESTS` is set: the numbers that are promised.
pub(crate) fn at_length<T>(short: T, long: T) -> T {
    if env::var_os("POSTWARD_LONG_TESTS").is_some() { long } else { short }
}
