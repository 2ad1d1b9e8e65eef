//! The SQLite file itself.

use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::tz::TimeZone;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use super::{SQLITE, Table};
use crate::moving::{ReadError, Taking};
use crate::text::from_octets;

/// sqlgrey may be writing to it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads the tables; `false` if this is no such file.
pub(in crate::moving) fn read(path: &Path, taking: &mut Taking) -> Result<bool, ReadError> {
    if !begins_as_database(path)? {
        return Ok(false);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(other)?;
    connection.busy_timeout(PATIENCE).map_err(other)?;
    for table in Table::ALL {
        read_table(&connection, table, taking)?;
    }
    Ok(true)
}

fn begins_as_database(path: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(std::fs::File::open(path)?, SQLITE.len() as u64), &mut start)?;
    Ok(start == SQLITE)
}

fn read_table(connection: &Connection, table: Table, taking: &mut Taking) -> Result<(), ReadError> {
    let sql = format!("SELECT {} FROM {}", table.columns().join(", "), table.name());
    let mut statement = connection.prepare(&sql).map_err(other)?;
    let mut rows = statement.query(()).map_err(other)?;
    let mut number = 0_u64;
    while let Some(row) = rows.next().map_err(other)? {
        number += 1;
        let values = (0..table.columns().len()).map(|column| Ok(written(row.get_ref(column)?)));
        let values = values.collect::<rusqlite::Result<Vec<_>>>().map_err(other)?;
        let record = table.record(&table.row(None, &values), &TimeZone::UTC);
        taking.take(format_args!("{} row {number}", table.name()), record)?;
    }
    Ok(())
}

/// As a dump would have it.
fn written(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => from_octets(text).into_owned(),
        ValueRef::Blob(_) | ValueRef::Null => String::new(),
    }
}

fn other(error: rusqlite::Error) -> ReadError {
    ReadError::Other {
        what: format!("cannot be read as sqlgrey's database: {error}"),
        hint: "a dump of it as SQL can be read, too: `sqlite3 sqlgrey.db .dump`".to_owned(),
    }
}
