//! Rows out of SQL: what `sqlite3 .dump`, `mysqldump` and `pg_dump` write of a table, and nothing else of the language.
//!
//! ```text
//! INSERT INTO connect VALUES('alice','example.org','192.0.2.10','bob@example.net',1789996400);
//! INSERT INTO `connect` VALUES ('alice','example.org',…,'2026-09-21 14:13:20'),('bob',…);
//! COPY public.connect (sender_name, sender_domain, src, rcpt, first_seen) FROM stdin;
//! ```
//!
//! mysqldump writes a million octets on one line, so words are read, not lines. Every other statement is passed over.

use std::io::{self, BufRead};

use jiff::tz::TimeZone;

use super::super::ReadError;
use crate::text::from_octets;

/// The most octets of one word: no column of sqlgrey's has so many.
const LONGEST: usize = 4096;

/// How MySQL's and MariaDB's dumps begin. There a backslash in a string means something, and times are in UTC.
const MYSQL: [&str; 2] = ["MySQL dump", "MariaDB dump"];

/// A row that is put into a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) table: String,
    /// Their names, if the statement says them.
    pub(super) columns: Option<Vec<String>>,
    /// Where the row begins.
    pub(super) line: u64,
    pub(super) values: Vec<String>,
}

/// A text that is read word by word.
pub(super) struct Script<R> {
    input: R,
    line: u64,
    is_mysql: bool,
    /// What is filled by the rows that come next.
    filling: Option<Filling>,
}

struct Filling {
    table: String,
    columns: Option<Vec<String>>,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `(…), (…);`
    Values,
    /// Lines of values with tabs between them, up to `\.`.
    Copy,
}

/// A word, by how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    /// Letters, digits and what goes with them, or in quotes for names.
    Plain(String),
    /// In quotes for strings.
    Text(String),
    /// One of `( ) , ; .`, or anything else.
    Mark(u8),
}

impl<R: BufRead> Script<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, line: 1, is_mysql: false, filling: None }
    }

    /// The zone of times that do not say it: `pg_dump` writes those of its server, which is probably in the same place.
    pub(super) fn zone(&self) -> TimeZone {
        if self.is_mysql { TimeZone::UTC } else { TimeZone::system() }
    }

    /// The next row of any table.
    pub(super) fn next_statement(&mut self) -> Result<Option<Statement>, ReadError> {
        loop {
            let row = match self.filling.as_ref().map(|filling| filling.form) {
                Some(Form::Values) => self.next_values()?,
                Some(Form::Copy) => self.next_copied()?,
                None => match self.next_word()? {
                    None => return Ok(None),
                    Some(word) => {
                        self.filling = self.begin(word)?;
                        continue;
                    }
                },
            };
            let (Some((line, values)), Some(filling)) = (row, &self.filling) else {
                self.filling = None;
                continue;
            };
            let Filling { table, columns, .. } = filling;
            return Ok(Some(Statement { table: table.clone(), columns: columns.clone(), line, values }));
        }
    }

    /// Reads up to the rows of a statement that has any, else to its end.
    fn begin(&mut self, first: Word) -> Result<Option<Filling>, ReadError> {
        let (mut table, mut columns) = (String::new(), None);
        let is_copy = first.is("COPY");
        let is_insert = first.is("INSERT") || first.is("REPLACE");
        let mut word = Some(first);
        while let Some(this) = word {
            match &this {
                Word::Mark(b';') => break,
                Word::Mark(b'(') if (is_insert || is_copy) && columns.is_none() => columns = Some(self.names()?),
                word if is_insert && word.is("VALUES") => {
                    return Ok(Some(Filling { table, columns, form: Form::Values }));
                }
                word if is_copy && word.is("stdin") => {
                    self.skip_line()?;
                    return Ok(Some(Filling { table, columns, form: Form::Copy }));
                }
                // The last name counts: `public.connect`.
                Word::Plain(name) if columns.is_none() => table.clone_from(name),
                _ => {}
            }
            word = self.next_word()?;
        }
        Ok(None)
    }

    /// `a, b, c)`
    fn names(&mut self) -> Result<Vec<String>, ReadError> {
        let mut names = Vec::new();
        while let Some(word) = self.next_word()? {
            match word {
                Word::Mark(b')') => break,
                Word::Plain(name) | Word::Text(name) => names.push(name),
                Word::Mark(_) => {}
            }
        }
        Ok(names)
    }

    /// `('a', 1)`, with what stands before it; nothing behind the last.
    fn next_values(&mut self) -> Result<Option<(u64, Vec<String>)>, ReadError> {
        loop {
            match self.next_word()? {
                Some(Word::Mark(b'(')) => {
                    let line = self.line;
                    return Ok(Some((line, self.names()?)));
                }
                None | Some(Word::Mark(b';')) => return Ok(None),
                Some(_) => {}
            }
        }
    }

    fn next_copied(&mut self) -> Result<Option<(u64, Vec<String>)>, ReadError> {
        let line = self.line;
        let mut octets = Vec::new();
        while let Some(octet) = self.next_octet()?.filter(|octet| *octet != b'\n') {
            push(&mut octets, octet)?;
        }
        match octets.as_slice() {
            b"" | b"\\." => Ok(None),
            row => Ok(Some((line, row.split(|octet| *octet == b'\t').map(copied).collect()))),
        }
    }

    fn next_word(&mut self) -> Result<Option<Word>, ReadError> {
        loop {
            let Some(octet) = self.next_octet()? else { return Ok(None) };
            match octet {
                b'\'' => return self.quoted(b'\'').map(|text| Some(Word::Text(text))),
                b'"' | b'`' => return self.quoted(octet).map(|name| Some(Word::Plain(name))),
                b'-' if self.peek()? == Some(b'-') => self.comment()?,
                b'/' if self.peek()? == Some(b'*') => self.long_comment()?,
                octet if octet.is_ascii_whitespace() => {}
                octet if is_word(octet) || octet == b'-' => return self.plain(octet).map(Some),
                octet => return Ok(Some(Word::Mark(octet))),
            }
        }
    }

    fn plain(&mut self, first: u8) -> Result<Word, ReadError> {
        let mut octets = vec![first];
        while let Some(octet) = self.peek()?.filter(|octet| is_word(*octet)) {
            push(&mut octets, octet)?;
            self.next_octet()?;
        }
        Ok(Word::Plain(from_octets(&octets).into_owned()))
    }

    /// A quote within is written twice, in MySQL also behind a backslash.
    fn quoted(&mut self, quote: u8) -> Result<String, ReadError> {
        let mut octets = Vec::new();
        while let Some(octet) = self.next_octet()? {
            if octet == b'\\' && self.is_mysql {
                let escaped = self.next_octet()?;
                push(&mut octets, unescaped(escaped.unwrap_or(b'\\')))?;
            } else if octet != quote {
                push(&mut octets, octet)?;
            } else if self.peek()? == Some(quote) {
                self.next_octet()?;
                push(&mut octets, quote)?;
            } else {
                break;
            }
        }
        Ok(from_octets(&octets).into_owned())
    }

    /// `-- MySQL dump 10.13 …`
    fn comment(&mut self) -> Result<(), ReadError> {
        let mut start = Vec::new();
        while let Some(octet) = self.next_octet()?.filter(|octet| *octet != b'\n') {
            if start.len() < LONGEST {
                start.push(octet);
            }
        }
        let start = from_octets(&start);
        self.is_mysql |= MYSQL.iter().any(|name| start.contains(name));
        Ok(())
    }

    fn long_comment(&mut self) -> io::Result<()> {
        let mut before = 0;
        while let Some(octet) = self.next_octet()? {
            if before == b'*' && octet == b'/' {
                break;
            }
            before = octet;
        }
        Ok(())
    }

    fn skip_line(&mut self) -> io::Result<()> {
        while self.next_octet()?.is_some_and(|octet| octet != b'\n') {}
        Ok(())
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.input.fill_buf()?.first().copied())
    }

    fn next_octet(&mut self) -> io::Result<Option<u8>> {
        let Some(octet) = self.peek()? else { return Ok(None) };
        self.input.consume(1);
        self.line += u64::from(octet == b'\n');
        Ok(Some(octet))
    }
}

impl Word {
    fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Plain(word) if word.eq_ignore_ascii_case(keyword))
    }
}

fn is_word(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'$' | 0x80..)
}

fn push(octets: &mut Vec<u8>, octet: u8) -> Result<(), ReadError> {
    if octets.len() >= LONGEST {
        return Err(ReadError::Other {
            what: format!("this is no dump of sqlgrey's tables: a word has more than {LONGEST} octets"),
            hint: "`sqlite3 FILE .dump`, `mysqldump sqlgrey` and `pg_dump sqlgrey` write one".to_owned(),
        });
    }
    octets.push(octet);
    Ok(())
}

/// What stands behind a backslash in MySQL's strings; patterns are of no concern here.
fn unescaped(octet: u8) -> u8 {
    match octet {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'0' => 0,
        octet => octet,
    }
}

/// A value of PostgreSQL's COPY: `\N` for none, and a backslash before what would end it.
fn copied(octets: &[u8]) -> String {
    if octets == b"\\N" {
        return String::new();
    }
    let mut value = Vec::with_capacity(octets.len());
    let mut rest = octets.iter().copied();
    while let Some(octet) = rest.next() {
        value.push(if octet == b'\\' { unescaped(rest.next().unwrap_or(octet)) } else { octet });
    }
    from_octets(&value).into_owned()
}
