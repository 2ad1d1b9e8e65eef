//! What became of the sources of access lists when they were read last.

use std::sync::{Mutex, PoisonError};

use crate::clock::Timestamp;
use crate::http::SourceStatus;
use crate::lists::{SourceReport, SourcesRead};
use crate::text::printable;

/// The most octets that are kept of what is wrong with a source.
const MAX_ERROR: usize = 500;

/// One page for each source.
#[derive(Debug, Default)]
pub(super) struct SourceBook(Mutex<Vec<SourceStatus>>);

impl SourceBook {
    /// Takes note of a reading. Of one that failed, what was read before stays true.
    pub(super) fn note(&self, read: &SourcesRead, now: Timestamp) {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *book);
        let page = |report: &SourceReport| {
            let last = before.iter().find(|source| source.name == report.name).cloned();
            let last = last.unwrap_or_else(|| SourceStatus { name: report.name.clone(), ..SourceStatus::default() });
            match &report.outcome {
                Ok(read) => {
                    let entries = read.change.added + read.change.kept;
                    SourceStatus { entries, read: Some(now), error: None, ..last }
                }
                Err(error) => {
                    let error = printable(&error.to_string(), MAX_ERROR).into_owned();
                    SourceStatus { error: Some(error), ..last }
                }
            }
        };
        *book = read.sources.iter().map(page).collect();
    }

    /// How each of them is.
    pub(super) fn read(&self) -> Vec<SourceStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
