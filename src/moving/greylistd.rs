//! greylistd's `states`, and its `triplets` that tell what is meant by them.
//!
//! ```text
//! [white]
//! 740828175649172975 = 1785680600 1785680600 1
//!
//! 740828175649172975 = 192.0.2.30 old@example.org bob@example.net
//! ```
//!
//! In `states` a number has its last use, its first and how often it was seen; in `triplets` it has the words that greylistd was
//! asked about: client, sender unless it is null, recipient, or a client alone.

use std::collections::HashMap;
use std::io::BufRead;

use super::{ReadError, Record, Refusal, Standing, Taking, client, nonsense, seconds};
use crate::lists::formats::Lines;

/// What is known of each number. greylistd holds as much in memory.
#[derive(Default)]
pub(super) struct States(HashMap<i64, State>);

#[derive(Debug, Clone, Copy)]
struct State {
    list: List,
    last_seen: i64,
    first_seen: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    White,
    Grey,
    Black,
    /// Statistics, and whatever else there may be.
    None,
}

/// Reads either file, or both one behind the other. The states come first.
pub(super) fn read(file: &mut impl BufRead, states: &mut States, taking: &mut Taking) -> Result<(), ReadError> {
    let mut lines = Lines::new(file);
    let mut list = List::None;
    while let Some(line) = lines.next_line()? {
        let parsed = line.text.map_err(Refusal::Nonsense).and_then(|text| parse(&text));
        match parsed {
            Ok(Line::Nothing) => {}
            Ok(Line::Section(section)) => list = section,
            Ok(Line::State { .. }) if list == List::None => {}
            Ok(Line::State { number, last_seen, first_seen }) => {
                states.0.insert(number, State { list, last_seen, first_seen });
            }
            Ok(Line::Words { .. }) if states.0.is_empty() => return Err(no_states()),
            // The number is forgotten already: greylistd tidies up this file less often.
            Ok(Line::Words { number, words }) => {
                if let Some(state) = states.0.get(&number) {
                    taking.take(line.number, record(&words, *state))?;
                }
            }
            Err(why) => taking.take(line.number, Err(why))?,
        }
    }
    Ok(())
}

fn no_states() -> ReadError {
    ReadError::Other {
        what: "these are triplets without their states".to_owned(),
        hint: "name both files of /var/lib/greylistd, first states, then triplets".to_owned(),
    }
}

enum Line {
    Nothing,
    Section(List),
    State { number: i64, last_seen: i64, first_seen: i64 },
    Words { number: i64, words: String },
}

fn parse(text: &str) -> Result<Line, Refusal> {
    let text = text.trim();
    if text.is_empty() || text.starts_with('#') {
        return Ok(Line::Nothing);
    }
    if let Some(section) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return Ok(Line::Section(match section {
            "white" => List::White,
            "grey" => List::Grey,
            "black" => List::Black,
            _ => List::None,
        }));
    }
    let (number, value) = text.split_once('=').ok_or_else(|| nonsense("neither a state nor a triplet", text))?;
    // Statistics have words instead of numbers.
    let Ok(number) = number.trim().parse() else { return Ok(Line::Nothing) };
    let words: Vec<&str> = value.split_whitespace().collect();
    match words.as_slice() {
        [last_seen, first_seen, count] if count.parse::<u64>().is_ok() && last_seen.parse::<i64>().is_ok() => {
            Ok(Line::State { number, last_seen: seconds(last_seen)?, first_seen: seconds(first_seen)? })
        }
        _ => Ok(Line::Words { number, words: value.trim().to_owned() }),
    }
}

fn record(words: &str, state: State) -> Result<Record, Refusal> {
    let State { list, last_seen, first_seen } = state;
    let standing = match list {
        List::White => Standing::Passed,
        List::Grey => Standing::Waiting,
        List::Black | List::None => return Err(Refusal::Blacklisted),
    };
    let parts: Vec<&str> = words.split_whitespace().collect();
    let (address, sender, recipient) = match parts.as_slice() {
        [address] if standing == Standing::Passed => {
            return Ok(Record::Client { client: client(address)?, passes: None, last_seen });
        }
        // Exim has nothing to say for the null sender.
        [address, recipient] => (address, "", recipient),
        [address, sender, recipient] => (address, *sender, recipient),
        _ => return Err(nonsense("no client, sender and recipient", words)),
    };
    let (sender, recipient) = (sender.to_owned(), (*recipient).to_owned());
    Ok(Record::Triplet { client: client(address)?, sender, recipient, standing, first_seen, last_seen })
}
