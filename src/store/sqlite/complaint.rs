//! Saying what is wrong with the database: loudly, but not every second.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::store::StoreError;

/// The same complaint is repeated this often at most.
const PAUSE: Duration = Duration::from_secs(60);

/// What was last complained about.
#[derive(Debug, Default)]
pub(super) struct Complaint {
    last: Option<(StoreError, Instant)>,
    /// Whether the outage that lasts was told of, so that its end is worth a line too.
    standing: bool,
}

impl Complaint {
    /// Logs the trouble, unless just that was logged within the last minute.
    pub(super) fn make(&mut self, error: &StoreError) {
        if self.is_due(error, Instant::now()) {
            tracing::error!("{error}; nothing is remembered until that is over, and mail is let through");
        }
    }

    /// Logs that all is well again, if the trouble was logged.
    pub(super) fn withdraw(&mut self, path: &Path) {
        if std::mem::take(&mut self.standing) {
            tracing::warn!(database = %path.display(), "the database can be used again");
        }
    }

    fn is_due(&mut self, error: &StoreError, now: Instant) -> bool {
        let repeated = |(last, at): &(StoreError, Instant)| last == error && now.duration_since(*at) < PAUSE;
        if self.last.as_ref().is_some_and(repeated) {
            return false;
        }
        self.last = Some((error.clone(), now));
        self.standing = true;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_trouble_is_told_once_a_minute() {
        let (full, locked) = (StoreError::Unavailable("full".into()), StoreError::Unavailable("locked".into()));
        let start = Instant::now();
        let mut complaint = Complaint::default();
        for (error, seconds, due) in
            [(&full, 0, true), (&full, 1, false), (&locked, 2, true), (&locked, 61, false), (&locked, 62, true)]
        {
            assert_eq!(complaint.is_due(error, start + Duration::from_secs(seconds)), due, "{error} at {seconds}");
        }
    }
}
