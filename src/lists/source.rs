//! Lists that are kept elsewhere and read again and again.
//!
//! A source that cannot be read, or has a bad line, changes nothing: its last good rows stay until it can be read again.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde::Serialize;
use thiserror::Error;

use super::EntryAction;
use super::formats::{BadLines, Format, Import, Note, ReadError, WrongAction, read};
use crate::store::{Entries, SourceChange, StoreError};

/// A file whose entries are to be in the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Source {
    /// Names its rows.
    pub name: String,
    /// Where it is; the policy file may say it relative to its own directory.
    pub file: PathBuf,
    /// How it is written.
    pub format: Format,
    /// What to do with those it names, unless each line says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<EntryAction>,
}

/// Why a source's last good rows stay.
#[derive(Debug, Error)]
pub enum SourceError {
    /// There is no such file.
    #[error("{0} does not exist")]
    Missing(PathBuf),
    /// It could not be read.
    #[error("{file} cannot be read: {cause}")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// A directory, a pipe or a device.
    #[error("{0} is no regular file")]
    NoFile(PathBuf),
    /// So large that it cannot be meant.
    #[error("{file} is larger than {most} MiB")]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The limit, in MiB.
        most: u64,
    },
    /// Lines that cannot be read.
    #[error("{}", .lines.describe(&.file.to_string_lossy()).join("\n"))]
    BadLines {
        /// The file.
        file: PathBuf,
        /// The lines.
        lines: BadLines,
    },
    /// The action is missing, or there is one too many.
    #[error(transparent)]
    Action(#[from] WrongAction),
    /// The table could not be changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of one source.
#[derive(Debug)]
pub struct SourceReport {
    /// Its name.
    pub name: String,
    /// What was read; or why nothing changed.
    pub outcome: Result<SourceRead, SourceError>,
}

/// A source that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRead {
    /// What that changed in the table.
    pub change: SourceChange,
    /// What the administrator should know about the file.
    pub notes: Vec<Note>,
}

/// What reading all sources did.
#[derive(Debug)]
pub struct SourcesRead {
    /// One for each source, in their order.
    pub sources: Vec<SourceReport>,
    /// How many rows were removed because their source is configured no more.
    pub removed: Result<u64, StoreError>,
}

/// Ten million networks fit in.
const LARGEST: u64 = 256 << 20;

/// Reads every source again into the table, and removes the rows of those that are not among them.
pub async fn read_sources(sources: &[Source], table: &dyn Entries) -> SourcesRead {
    let mut reports = Vec::with_capacity(sources.len());
    for source in sources {
        let outcome = read_source(source, table).await;
        reports.push(SourceReport { name: source.name.clone(), outcome });
    }
    let names = sources.iter().map(|source| source.name.clone()).collect();
    SourcesRead { sources: reports, removed: table.keep_sources(names).await }
}

/// Reads a list from a regular file, without touching any table. It blocks.
pub fn read_file(
    file: &Path,
    format: Format,
    action: Option<&EntryAction>,
    source: Option<&str>,
) -> Result<Import, SourceError> {
    let unreadable = |cause: std::io::Error| match cause.kind() {
        std::io::ErrorKind::NotFound => SourceError::Missing(file.to_owned()),
        _ => SourceError::Unreadable { file: file.to_owned(), cause },
    };
    // Opening a pipe would wait for somebody to write to it.
    let metadata = fs::metadata(file).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(SourceError::NoFile(file.to_owned()));
    }
    if metadata.len() > LARGEST {
        return Err(SourceError::TooLarge { file: file.to_owned(), most: LARGEST >> 20 });
    }
    let input = BufReader::new(File::open(file).map_err(unreadable)?);
    read(input, format, action, source).map_err(|error| match error {
        ReadError::Io(cause) => unreadable(cause),
        ReadError::Action(error) => error.into(),
        ReadError::BadLines(lines) => SourceError::BadLines { file: file.to_owned(), lines },
    })
}

async fn read_source(source: &Source, table: &dyn Entries) -> Result<SourceRead, SourceError> {
    let Import { rows, notes } = read_beside(source.clone()).await?;
    let change = table.replace_source(source.name.clone(), rows).await?;
    Ok(SourceRead { change, notes })
}

/// Files may be large and disks slow, and requests must not wait for them.
async fn read_beside(source: Source) -> Result<Import, SourceError> {
    let file = source.file.clone();
    let reading = move || read_file(&source.file, source.format, source.action.as_ref(), Some(&source.name));
    let read = tokio::task::spawn_blocking(reading).await;
    read.unwrap_or_else(|stopped| Err(SourceError::Unreadable { file, cause: stopped.into() }))
}
