//! The format `entries`: everything about an entry in a line that a person can read and write.
//!
//! ```text
//! # comment
//! deny client=192.0.2.0/24 text="No thanks" expires=2027-01-01T00:00:00Z
//! skip=greylist recipient=example.org comment="asked for it" source=local
//! ```
//!
//! A value in quotes knows `\"`, `\\`, `\n`, `\r`, `\t` and `\u{…}`. One without is taken as it is, up to the next blank, so that
//! expressions keep their backslashes.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::clock::Timestamp;
use crate::lists::action::did_you_mean;
use crate::store::EntryRecord;
use crate::text::{closest, is_unprintable, printable};

const KEYS: [&str; 7] = ["client", "sender", "recipient", "text", "comment", "expires", "source"];

/// An entry as a line, without line end. Reading it gives the same record, except for the id.
pub fn entry_line(entry: &EntryRecord) -> String {
    let expires = entry.expires.map(|time| time.to_string());
    let fields = [
        ("client", entry.client.as_deref().map(plain)),
        ("sender", entry.sender.as_deref().map(plain)),
        ("recipient", entry.recipient.as_deref().map(plain)),
        ("text", entry.text.as_deref().map(quoted)),
        ("comment", entry.comment.as_deref().map(quoted)),
        ("expires", expires),
        ("source", entry.source.as_deref().map(plain)),
    ];
    let given = fields.into_iter().filter_map(|(key, value)| value.map(|value| format!(" {key}={value}")));
    std::iter::once(entry.action.clone()).chain(given).collect()
}

/// Reads a line; `None` when there is nothing on it.
pub(super) fn parse(line: &str) -> Result<Option<EntryRecord>, String> {
    let line = line.trim_start();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (action, mut rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let mut entry = EntryRecord { action: action.to_owned(), ..EntryRecord::default() };
    loop {
        rest = rest.trim_start();
        if rest.is_empty() || rest.starts_with('#') {
            return Ok(Some(entry));
        }
        let (key, value, after) = attribute(rest)?;
        set(&mut entry, key, value)?;
        rest = after;
    }
}

/// `key=value rest`
fn attribute(text: &str) -> Result<(&str, String, &str), String> {
    let word_end = text.find(char::is_whitespace).unwrap_or(text.len());
    let Some((key, value)) = text.split_once('=').filter(|(key, _)| key.len() < word_end) else {
        let word = printable(text.get(..word_end).unwrap_or(text), 100);
        return Err(format!("`{word}` is no key=value: after the action come {}", KEYS.join(", ")));
    };
    if let Some(quoted) = value.strip_prefix('"') {
        let (value, rest) = unquoted(quoted).map_err(|why| format!("{}: {why}", printable(key, 100)))?;
        return match rest.is_empty() || rest.starts_with(char::is_whitespace) {
            true => Ok((key, value, rest)),
            false => Err(format!("{}: a blank must follow the closing quote", printable(key, 100))),
        };
    }
    let end = value.find(char::is_whitespace).unwrap_or(value.len());
    let (value, rest) = value.split_at(end);
    Ok((key, value.to_owned(), rest))
}

fn set(entry: &mut EntryRecord, key: &str, value: String) -> Result<(), String> {
    let field = match key {
        "client" => &mut entry.client,
        "sender" => &mut entry.sender,
        "recipient" => &mut entry.recipient,
        "text" => &mut entry.text,
        "comment" => &mut entry.comment,
        "source" => &mut entry.source,
        "expires" if entry.expires.is_none() => {
            entry.expires = Some(moment(&value)?);
            return Ok(());
        }
        "expires" => return Err("expires is given twice".to_owned()),
        key => {
            let hint = did_you_mean(closest(key, KEYS));
            return Err(format!("`{}` is not known: {}{hint}", printable(key, 100), KEYS.join(", ")));
        }
    };
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("{key} is given twice")),
    }
}

/// A moment, or a day, which begins at midnight in UTC.
fn moment(text: &str) -> Result<Timestamp, String> {
    let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|midnight| midnight.timestamp());
    text.parse().ok().or_else(day).ok_or_else(|| {
        let shown = printable(text, 100);
        format!("expires: `{shown}` is no time such as 2027-01-31 or 2027-01-31T12:00:00Z")
    })
}

fn plain(value: &str) -> String {
    let odd = |character: char| character.is_whitespace() || is_unprintable(character);
    match value.is_empty() || value.starts_with('"') || value.contains(odd) {
        true => quoted(value),
        false => value.to_owned(),
    }
}

fn quoted(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    text.push('"');
    for character in value.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            character if is_unprintable(character) => text.extend(character.escape_default()),
            character => text.push(character),
        }
    }
    text.push('"');
    text
}

/// What stands before the closing quote, and after it.
fn unquoted(text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return Ok((value, characters.as_str())),
            '\\' => value.push(escaped(&mut characters)?),
            character => value.push(character),
        }
    }
    Err("the closing quote is missing".to_owned())
}

fn escaped(characters: &mut std::str::Chars<'_>) -> Result<char, String> {
    let wrong = || r#"in quotes a backslash must begin one of \" \\ \n \r \t \u{…}"#.to_owned();
    match characters.next().ok_or_else(wrong)? {
        character @ ('"' | '\\') => Ok(character),
        'n' => Ok('\n'),
        'r' => Ok('\r'),
        't' => Ok('\t'),
        'u' => {
            let (digits, rest) =
                characters.as_str().strip_prefix('{').and_then(|text| text.split_once('}')).ok_or_else(wrong)?;
            let character = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).ok_or_else(wrong)?;
            *characters = rest.chars();
            Ok(character)
        }
        _ => Err(wrong()),
    }
}
