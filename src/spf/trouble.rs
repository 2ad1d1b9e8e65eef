//! Why there is no result but an error.

use thiserror::Error;

use super::record::SyntaxError;
use super::result::SpfResult;
use crate::dns::DnsError;

/// What ends an evaluation before it has a result. Names come from records, and are cleaned before they are shown.
#[derive(Debug, PartialEq, Eq, Error)]
pub(super) enum Trouble {
    #[error("{name}: {error}")]
    Dns { name: String, error: DnsError },
    #[error("no result in time")]
    Time,
    #[error("{domain}: {error}")]
    Syntax { domain: String, error: SyntaxError },
    #[error("{domain}: has more than one SPF record")]
    SeveralRecords { domain: String },
    #[error("{domain}: has no SPF record, but is referred to by one")]
    NoRecord { domain: String },
    #[error("{domain}: has more than {most} mail exchangers")]
    Exchangers { domain: String, most: usize },
    #[error("more than {most} terms ask the DNS")]
    Lookups { most: u8 },
    #[error("more than {most} questions have no answer")]
    VoidLookups { most: u8 },
}

impl Trouble {
    /// What may be over soon, and what somebody must repair (RFC 7208 sections 2.6.6 and 2.6.7).
    pub(super) fn result(&self) -> SpfResult {
        match self {
            Self::Dns { .. } | Self::Time => SpfResult::TempError,
            _ => SpfResult::PermError,
        }
    }
}
