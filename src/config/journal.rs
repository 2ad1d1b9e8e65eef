//! How much of what was decided is kept.

use serde::Serialize;

use super::{Period, Section};

/// How long, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct JournalSettings {
    /// How long a decision is kept.
    pub keep: Period,
    /// How many are kept at most: the oldest make room.
    pub rows: u64,
}

impl Default for JournalSettings {
    fn default() -> Self {
        Self { keep: Period::days(14), rows: 500_000 }
    }
}

impl JournalSettings {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let settings = Self { keep: section.parsed("keep", default.keep), rows: section.parsed("rows", default.rows) };
        if settings.keep < Period::seconds(3600) {
            section.mistake("keep", "must be at least 1h");
        }
        if settings.rows < 1000 {
            section.mistake("rows", "must be at least 1000");
        }
        section.finish();
        settings
    }
}
