//! Results: tables for people, JSON for programs.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write as _};

use clap::{Args, ValueEnum};
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::Failure;
use crate::store::TraceRecord;
use crate::text::{is_unprintable, printable};

/// The most octets of one cell.
const MAX_CELL: usize = 1000;

/// How results are shown.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Output {
    /// A table for people, or json: one JSON object a line for programs
    #[arg(long, value_enum, default_value_t = Format::Table, value_name = "table|json", hide_possible_values = true)]
    pub(super) format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Table,
    Json,
}

impl Output {
    /// Shows one row for each item. People are told when there is none.
    pub(super) fn rows<T: Serialize, const N: usize>(
        self,
        header: [&str; N],
        none: &str,
        items: &[T],
        row: impl Fn(&T) -> [String; N],
    ) -> Result<(), Failure> {
        match self.format {
            Format::Json => items.iter().try_for_each(json_line),
            Format::Table if items.is_empty() => {
                note(none);
                Ok(())
            }
            Format::Table => write_table(header, items.iter().map(row)),
        }
    }
}

/// Writes a table without borders; its header only if it has rows.
pub(super) fn write_table<const N: usize>(
    header: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> Result<(), Failure> {
    columns(&header.map(str::to_uppercase), rows.map(Vec::from))
}

/// The same for rows that may have more cells than the header.
pub(super) fn columns(header: &[String], rows: impl Iterator<Item = Vec<String>>) -> Result<(), Failure> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    for row in rows {
        table.add_row(row.iter().map(|cell| printable(cell, MAX_CELL)));
    }
    if table.is_empty() {
        return Ok(());
    }
    table.to_string().lines().try_for_each(|row| line(row.trim()))
}

/// Writes what each step of the chain did.
pub(super) fn write_steps(steps: impl Iterator<Item = TraceRecord>) -> Result<(), Failure> {
    let row = |step: TraceRecord| {
        let took = format!("{} µs", step.elapsed_us);
        let (reason, consequence) = (or_dash(step.reason.as_deref()), or_dash(step.consequence.as_deref()));
        [step.check, step.mode, reason, consequence, step.evidence, took]
    };
    write_table(["check", "mode", "reason", "consequence", "evidence", "time"], steps.map(row))
}

/// Writes one object as a line.
pub(super) fn json_line<T: Serialize>(item: &T) -> Result<(), Failure> {
    let json = serde_json::to_string(item).map_err(|error| Failure::unavailable(format!("no JSON for it: {error}")))?;
    line(&escaped(&json))
}

/// JSON escapes control characters below 32 only; terminals obey others too. Outside strings it is all ASCII.
fn escaped(json: &str) -> Cow<'_, str> {
    if !json.chars().any(is_unprintable) {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        match is_unprintable(character) {
            true => character.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                let _ = write!(escaped, "\\u{unit:04x}");
            }),
            false => escaped.push(character),
        }
    }
    Cow::Owned(escaped)
}

/// Writes a line to stdout. A reader that has gone away, as `head` does, is the end and no error.
pub(super) fn line(line: &str) -> Result<(), Failure> {
    text(format!("{line}\n").as_bytes())
}

/// Writes a whole text to stdout, in the same way.
pub(super) fn text(text: &[u8]) -> Result<(), Failure> {
    match io::stdout().lock().write_all(text) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(Failure::unavailable(format!("cannot write the result: {error}"))),
    }
}

/// Writes a line with colours in it to stdout: they stay only on a terminal, and not with `NO_COLOR`.
pub(super) fn coloured_line(text: &str) -> Result<(), Failure> {
    let mut octets = anstream::AutoStream::new(Vec::new(), anstream::AutoStream::choice(&io::stdout()));
    let _ = octets.write_all(text.as_bytes());
    line(&String::from_utf8_lossy(&octets.into_inner()))
}

/// A number and what it counts: `1 entry`, `5 entries`.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// A dash for what is not there.
pub(super) fn or_dash(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}

/// Says something beside the result, on stderr.
pub(super) fn note(text: &str) {
    let _ = writeln!(anstream::stderr(), "{}", printable(text, MAX_CELL));
}
