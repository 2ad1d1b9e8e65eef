//! sqlgrey's tables: its SQLite file, or a dump of any of its databases as SQL.
//!
//! `connect` has those who wait. `from_awl` has senders who came back, and `domain_awl` the domains of such senders when there
//! are several; both may then write to everybody, so sqlgrey does not remember to whom they wrote.

mod database;
mod sql;

use std::io::BufRead;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

pub(super) use self::database::read as read_database;
use self::sql::{Script, Statement};
use super::{ReadError, Record, Refusal, Standing, Taking, client, nonsense};

/// How an SQLite file begins (sqlite.org/fileformat.html).
const SQLITE: &[u8] = b"SQLite format 3\0";

/// What stands for the null sender, and for a missing domain.
const UNDEFINED: &str = "-undef-";

/// Reads a dump.
pub(super) fn read(input: &mut impl BufRead, taking: &mut Taking) -> Result<(), ReadError> {
    if input.fill_buf()?.starts_with(SQLITE) {
        return Err(ReadError::Other {
            what: "this is the SQLite file itself, which cannot be read from a pipe".to_owned(),
            hint: "name the file, or write it as text: `sqlite3 sqlgrey.db .dump`".to_owned(),
        });
    }
    let mut script = Script::new(input);
    while let Some(statement) = script.next_statement()? {
        let Statement { table, columns, line, values } = statement;
        if let Some(table) = Table::named(&table) {
            let zone = script.zone();
            taking.take(line, table.record(&table.row(columns.as_deref(), &values), &zone))?;
        }
    }
    Ok(())
}

/// A table that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Table {
    Connect,
    FromAwl,
    DomainAwl,
}

/// Values by the names of their columns.
type Row<'a> = Vec<(&'a str, &'a str)>;

impl Table {
    const ALL: [Self; 3] = [Self::Connect, Self::FromAwl, Self::DomainAwl];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name().eq_ignore_ascii_case(name))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::FromAwl => "from_awl",
            Self::DomainAwl => "domain_awl",
        }
    }

    /// In the order in which sqlgrey makes them (its version 3 of the tables, since 1.5.9).
    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Connect => &["sender_name", "sender_domain", "src", "rcpt", "first_seen"],
            Self::FromAwl => &["sender_name", "sender_domain", "src", "first_seen", "last_seen"],
            Self::DomainAwl => &["sender_domain", "src", "first_seen", "last_seen"],
        }
    }

    fn row<'a>(self, columns: Option<&'a [String]>, values: &'a [String]) -> Row<'a> {
        let values = values.iter().map(String::as_str);
        match columns {
            Some(columns) => columns.iter().map(String::as_str).zip(values).collect(),
            None => self.columns().iter().copied().zip(values).collect(),
        }
    }

    fn record(self, row: &Row<'_>, zone: &TimeZone) -> Result<Record, Refusal> {
        let value = |column: &str| {
            let found = row.iter().find(|(name, _)| name.eq_ignore_ascii_case(column)).map(|(_, value)| *value);
            found.ok_or_else(|| Refusal::Nonsense(format!("a row of {} without {column}", self.name())))
        };
        let client = client(value("src")?)?;
        let first_seen = moment(value("first_seen")?, zone)?;
        match self {
            Self::Connect => Ok(Record::Triplet {
                client,
                sender: sender(value("sender_name")?, value("sender_domain")?),
                recipient: value("rcpt")?.to_owned(),
                standing: Standing::Waiting,
                first_seen,
                last_seen: first_seen,
            }),
            Self::FromAwl => Ok(Record::Pass { client, first_seen, last_seen: moment(value("last_seen")?, zone)? }),
            Self::DomainAwl => {
                Ok(Record::Client { client, passes: None, last_seen: moment(value("last_seen")?, zone)? })
            }
        }
    }
}

fn sender(name: &str, domain: &str) -> String {
    match (name, domain) {
        (UNDEFINED, UNDEFINED) => String::new(),
        (name, UNDEFINED) => name.to_owned(),
        (name, domain) => format!("{name}@{domain}"),
    }
}

/// SQLite has seconds since 1970, the others `2026-09-21 14:13:20` with a fraction or without.
fn moment(text: &str, zone: &TimeZone) -> Result<i64, Refusal> {
    let civil = || text.parse::<DateTime>().ok()?.to_zoned(zone.clone()).ok();
    let in_seconds = text.parse().ok();
    in_seconds.or_else(|| Some(civil()?.timestamp().as_second())).ok_or_else(|| nonsense("no time", text))
}
