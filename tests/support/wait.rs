//! Waiting for another process: as short as possible, never for ever.

use std::thread;
use std::time::{Duration, Instant};

/// How often a question is asked again.
const PAUSE: Duration = Duration::from_millis(10);

/// Asks until there is an answer; `None` after `limit`.
pub(crate) fn until<T>(limit: Duration, mut answer: impl FnMut() -> Option<T>) -> Option<T> {
    let started = Instant::now();
    loop {
        if let Some(answer) = answer() {
            return Some(answer);
        }
        if started.elapsed() > limit {
            return None;
        }
        thread::sleep(PAUSE);
    }
}

/// Waits up to ten seconds until `holds`; says `what` was awaited if it never does.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let limit = Duration::from_secs(10);
    assert!(until(limit, || holds().then_some(())).is_some(), "waited {limit:?} in vain: {what}");
}
