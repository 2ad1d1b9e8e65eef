//! The files that lists come in.
//!
//! A file is read whole before anything of it counts: all its bad lines are reported at once, and one of them is enough for the
//! file to count for nothing, because half a list is no list.

mod entries;
mod lines;
mod once;
mod plain;

use std::fmt;
use std::io::{self, BufRead};
use std::str::FromStr;

use serde::{Serialize, Serializer};
use thiserror::Error;

pub use self::entries::entry_line;
pub(crate) use self::lines::Lines;
use self::once::Once;
use super::action::did_you_mean;
use super::{Entry, EntryAction};
use crate::store::EntryRecord;
use crate::text::{closest, printable};

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// What `list export` writes: an entry a line.
    Entries,
    /// A network a line; what follows `#` or `;` is a comment.
    Cidr,
    /// postgrey's `whitelist_clients`.
    PostgreyClients,
    /// postgrey's `whitelist_recipients`.
    PostgreyRecipients,
    /// sqlgrey's `clients_ip_whitelist` and `clients_fqdn_whitelist`.
    SqlgreyClients,
    /// greylistd's `whitelist-hosts`: a host list of Exim.
    GreylistdClients,
}

/// Why a text names no format.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{given}` is no format: {}{}", Format::NAMES.join(", "), did_you_mean(*.nearest))]
pub struct UnknownFormat {
    /// What was written, cleaned.
    pub given: String,
    /// What was probably meant.
    pub nearest: Option<&'static str>,
}

/// Why a format and an action do not go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WrongAction {
    /// The format says nothing of what to do with those it names.
    #[error("a list of format `{0}` needs an action: allow, deny, defer, suspect or skip=CHECK")]
    Missing(Format),
    /// Each line says what to do.
    #[error("a list of format `{0}` names the action in every line: leave the action out")]
    Superfluous(Format),
}

/// A file's entries, in canonical spelling, each only once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Import {
    /// The rows, with id 0.
    pub rows: Vec<EntryRecord>,
    /// What the administrator should know, at most twenty.
    pub notes: Vec<Note>,
}

/// Something about a line that is no mistake, or about the file when there is no line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Counted from 1.
    pub line: Option<u64>,
    /// One line of text.
    pub text: String,
}

/// The lines that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BadLines {
    /// The first of them, at most twenty: the line's number, from 1 on, and what is wrong.
    pub first: Vec<(u64, String)>,
    /// How many there are in all.
    pub count: u64,
}

/// Why nothing was read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The action is missing, or there is one too many.
    #[error(transparent)]
    Action(#[from] WrongAction),
    /// Lines that cannot be read.
    #[error("{} cannot be read", count(.0.count, "line", "lines"))]
    BadLines(BadLines),
}

/// Enough to see what kind of mistake it is.
const SHOWN: usize = 20;

/// Reads a list. Rows get `action` if the format has none of its own (without one, postgrey's and sqlgrey's are allowed), and
/// `source`; without a source, rows of format `entries` keep the one they name.
pub fn read(
    input: impl BufRead,
    format: Format,
    action: Option<&EntryAction>,
    source: Option<&str>,
) -> Result<Import, ReadError> {
    let action = format.action(action)?;
    let mut lines = Lines::new(input);
    let mut once = Once::default();
    let mut bad = BadLines::default();
    let mut plain_hosts = 0;
    while let Some(line) = lines.next_line()? {
        let parsed = line.text.and_then(|text| format.parse(&text, &action));
        match parsed {
            Ok(None) => {}
            Ok(Some(mut parsed)) => {
                plain_hosts += u64::from(parsed.widened);
                parsed.row.source = source.map(str::to_owned).or(parsed.row.source);
                once.add(line.number, parsed.row);
            }
            Err(why) => bad.add(line.number, why),
        }
    }
    if bad.count > 0 {
        return Err(ReadError::BadLines(bad));
    }
    let mut import = once.finish();
    import.notes.extend(widened_note(plain_hosts, format));
    Ok(import)
}

/// One line's entry.
struct Parsed {
    row: EntryRecord,
    /// It means more here than where it comes from.
    widened: bool,
}

impl Format {
    /// All names.
    pub const NAMES: [&str; 6] =
        ["entries", "cidr", "postgrey-clients", "postgrey-recipients", "sqlgrey-clients", "greylistd-clients"];

    const ALL: [Self; 6] = [
        Self::Entries,
        Self::Cidr,
        Self::PostgreyClients,
        Self::PostgreyRecipients,
        Self::SqlgreyClients,
        Self::GreylistdClients,
    ];

    /// The name, as in the policy file and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Entries => "entries",
            Self::Cidr => "cidr",
            Self::PostgreyClients => "postgrey-clients",
            Self::PostgreyRecipients => "postgrey-recipients",
            Self::SqlgreyClients => "sqlgrey-clients",
            Self::GreylistdClients => "greylistd-clients",
        }
    }

    /// The action of lines that name none, when `given` is what the administrator says.
    pub fn action(self, given: Option<&EntryAction>) -> Result<EntryAction, WrongAction> {
        match (self, given) {
            (Self::Entries, Some(_)) => Err(WrongAction::Superfluous(self)),
            (Self::Cidr, None) => Err(WrongAction::Missing(self)),
            (_, Some(given)) => Ok(given.clone()),
            (_, None) => Ok(EntryAction::Allow),
        }
    }

    fn parse(self, line: &str, action: &EntryAction) -> Result<Option<Parsed>, String> {
        let parsed = match self {
            Self::Entries => entries::parse(line)?.map(|row| Parsed { row, widened: false }),
            Self::Cidr => plain::cidr(line, action)?,
            Self::PostgreyClients => plain::postgrey_client(line, action)?,
            Self::PostgreyRecipients => plain::postgrey_recipient(line, action)?,
            Self::SqlgreyClients => plain::sqlgrey_client(line, action)?,
            Self::GreylistdClients => plain::greylistd_client(line, action)?,
        };
        parsed.map(canonical).transpose()
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        Self::ALL.into_iter().find(|format| format.name() == text).ok_or_else(|| UnknownFormat {
            given: printable(text, 100).into_owned(),
            nearest: closest(text, Self::NAMES),
        })
    }
}

impl Serialize for Format {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl BadLines {
    /// One line of text for each that is kept, and one for the rest: `drop.txt:3: …`.
    pub fn describe(&self, file: &str) -> Vec<String> {
        let mut lines: Vec<_> = self.first.iter().map(|(line, why)| format!("{file}:{line}: {why}")).collect();
        let rest = self.count.saturating_sub(lines.len() as u64);
        if rest > 0 {
            lines.push(format!("{file}: and {}", count(rest, "more bad line", "more bad lines")));
        }
        lines
    }

    fn add(&mut self, line: u64, why: String) {
        self.count += 1;
        if self.first.len() < SHOWN {
            self.first.push((line, why));
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

fn canonical(parsed: Parsed) -> Result<Parsed, String> {
    let entry = Entry::try_from(parsed.row).map_err(|error| error.to_string())?;
    Ok(Parsed { row: entry.into(), ..parsed })
}

fn widened_note(hosts: u64, format: Format) -> Option<Note> {
    let hosts = (hosts > 0).then(|| count(hosts, "plain host name is", "plain host names are"))?;
    let program = if format == Format::GreylistdClients { "Exim" } else { "sqlgrey" };
    let text = format!("{hosts} taken as the name and all below it; {program} takes it as the name alone");
    Some(Note { line: None, text })
}

/// `1 line`, `2 lines`
fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests;
