//! What can be wrong with a database, sorted by what is to be done about it.

use std::path::Path;

use rusqlite::{Error, ErrorCode};

use crate::store::StoreError;

/// Why the database cannot be used. The texts complete "the database PATH cannot be used: …".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The file is damaged, or is no database at all.
    Corrupt(String),
    /// The circumstances are bad and may get better: full disk, lock, permissions.
    Circumstances(String),
    /// Another daemon serves it.
    InUse(String),
    /// It is whole, but not for us.
    Unusable(String),
}

impl Trouble {
    /// Another file is in its place, or none.
    pub(super) fn replaced() -> Self {
        Self::Circumstances("the file was removed or replaced while it was in use".to_owned())
    }

    /// The same for those who asked.
    pub(super) fn about(self, path: &Path) -> StoreError {
        let describe = |cause: String| format!("the database {} cannot be used: {cause}", path.display());
        match self {
            Self::Circumstances(cause) => StoreError::Unavailable(describe(cause)),
            Self::InUse(cause) => StoreError::InUse(describe(cause)),
            Self::Corrupt(cause) | Self::Unusable(cause) => StoreError::Unusable(describe(cause)),
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::Corrupt("the file is no SQLite database".to_owned()),
            Some(ErrorCode::DatabaseCorrupt) => Self::Corrupt(format!("it is damaged ({error})")),
            _ => Self::Circumstances(in_words(&error)),
        }
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Circumstances(error.to_string())
    }
}

/// Whether only the statement was at fault, and others may well succeed.
pub(super) fn is_statements_own(error: &Error) -> bool {
    match error.sqlite_error_code() {
        None => true,
        Some(code) => matches!(
            code,
            ErrorCode::ConstraintViolation
                | ErrorCode::TooBig
                | ErrorCode::TypeMismatch
                | ErrorCode::ApiMisuse
                | ErrorCode::ParameterOutOfRange
                | ErrorCode::Unknown
        ),
    }
}

/// SQLite says "unable to open database file" where an administrator wants to know what to do.
fn in_words(error: &Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full".to_owned(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "another process keeps it locked".to_owned(),
        Some(ErrorCode::ReadOnly) => "it is read-only for this user".to_owned(),
        Some(ErrorCode::CannotOpen) => {
            "it cannot be opened (is the directory there, and may this user write to it?)".to_owned()
        }
        Some(ErrorCode::SystemIoFailure) => format!("reading or writing failed ({error})"),
        _ => error.to_string(),
    }
}
