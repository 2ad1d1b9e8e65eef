//! Reading a mapping of options, noting everything that is wrong with it.

use std::fmt::Display;
use std::str::FromStr;

use serde_yaml::{Mapping, Value};

use super::mistakes::Mistakes;
use super::path::KeyPath;
use crate::text::printable;

/// A mapping from which options are taken one by one. What is left in the end was not known to anybody.
///
/// Every mistake is noted and the default taken in place of the value, so that reading goes on to the next one.
#[derive(Debug)]
pub struct Section<'a> {
    path: KeyPath,
    values: Mapping,
    known: Vec<&'static str>,
    mistakes: &'a mut Mistakes,
}

impl<'a> Section<'a> {
    /// Reads `value` as a mapping; nothing at all is an empty one.
    pub fn new(path: KeyPath, value: Value, mistakes: &'a mut Mistakes) -> Self {
        let values = match value {
            Value::Mapping(values) => values,
            Value::Null => Mapping::new(),
            other => {
                mistakes.value(path.clone(), format_args!("expected options, found {}", kind(&other)));
                Mapping::new()
            }
        };
        Self { path, values, known: Vec::new(), mistakes }
    }

    /// An option that is one value: text, number or truth value.
    pub fn parsed<T>(&mut self, key: &'static str, default: T) -> T
    where
        T: FromStr<Err: Display>,
    {
        match self.take(key) {
            None | Some(Value::Null) => default,
            Some(value) => self.parse(self.path.key(key), &value).unwrap_or(default),
        }
    }

    /// An option that must be written as text, because YAML would make another number of it: `0o660` is 432.
    pub fn quoted<T>(&mut self, key: &'static str, default: T) -> T
    where
        T: FromStr<Err: Display>,
    {
        match self.take(key) {
            None | Some(Value::Null) => default,
            Some(Value::Number(_)) => {
                self.mistake(key, "must be written in quotes, or YAML takes it for another number");
                default
            }
            Some(value) => self.parse(self.path.key(key), &value).unwrap_or(default),
        }
    }

    /// An option that has to be there.
    pub fn required<T>(&mut self, key: &'static str) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        match self.take(key) {
            None | Some(Value::Null) => {
                self.mistakes.value(self.path.clone(), format_args!("`{key}` is missing"));
                None
            }
            Some(value) => self.parse(self.path.key(key), &value),
        }
    }

    /// An option that may be left out.
    pub fn optional<T>(&mut self, key: &'static str) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        match self.take(key) {
            None | Some(Value::Null) => None,
            Some(value) => self.parse(self.path.key(key), &value),
        }
    }

    /// An option that is a list of values. A single value counts as a list of one.
    pub fn list<T>(&mut self, key: &'static str, default: Vec<T>) -> Vec<T>
    where
        T: FromStr<Err: Display>,
    {
        match self.take(key) {
            None | Some(Value::Null) => default,
            Some(Value::Sequence(items)) => {
                let path = self.path.key(key);
                let parsed: Vec<Option<T>> =
                    items.iter().enumerate().map(|(index, item)| self.parse(path.index(index), item)).collect();
                parsed.into_iter().collect::<Option<_>>().unwrap_or(default)
            }
            Some(value) => self.parse(self.path.key(key), &value).map_or(default, |value| vec![value]),
        }
    }

    /// An option that holds options.
    pub fn section(&mut self, key: &'static str) -> Section<'_> {
        let value = self.take(key).unwrap_or_default();
        Section::new(self.path.key(key), value, self.mistakes)
    }

    /// An option that is a list of whatever its reader makes of it; `None` when it is not given.
    pub fn items(&mut self, key: &'static str) -> Option<Vec<(KeyPath, Value)>> {
        match self.take(key)? {
            Value::Null => None,
            Value::Sequence(items) => {
                let path = self.path.key(key);
                Some(items.into_iter().enumerate().map(|(index, item)| (path.index(index), item)).collect())
            }
            other => {
                self.mistake(key, format_args!("expected a list, found {}", kind(&other)));
                None
            }
        }
    }

    /// Notes that the value of `key` is wrong, or wrong together with another.
    pub fn mistake(&mut self, key: &str, message: impl Display) {
        self.mistakes.value(self.path.key(key), message);
    }

    /// Notes that an option of the section `section` is wrong together with one outside it.
    pub fn mistake_in(&mut self, section: &str, key: &str, message: impl Display) {
        self.mistakes.value(self.path.key(section).key(key), message);
    }

    /// Where everything wrong is noted.
    pub fn mistakes(&mut self) -> &mut Mistakes {
        self.mistakes
    }

    /// Ends the reading: every option that nobody asked for is a mistake.
    pub fn finish(self) {
        for key in self.values.keys() {
            let Some(name) = key.as_str() else {
                self.mistakes.value(self.path.clone(), "the name of an option must be text");
                continue;
            };
            self.mistakes.unknown_key(self.path.key(name), name, self.known.iter().copied());
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.values.shift_remove(key)
    }

    fn parse<T>(&mut self, path: KeyPath, value: &Value) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        let parsed = match value {
            Value::String(text) => text.parse(),
            Value::Number(number) => number.to_string().parse(),
            Value::Bool(truth) => truth.to_string().parse(),
            other => {
                self.mistakes.value(path, format_args!("expected a value, found {}", kind(other)));
                return None;
            }
        };
        parsed.map_err(|error: T::Err| self.mistakes.value(path, naming(value, &error.to_string()))).ok()
    }
}

/// The standard library's errors do not say what they are about.
fn naming(value: &Value, error: &str) -> String {
    let written = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        _ => String::new(),
    };
    if error.contains(&written) && !written.is_empty() {
        return error.to_owned();
    }
    let written = printable(&written, 100);
    match error {
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            format!("`{written}` is no whole number")
        }
        "number too large to fit in target type" => format!("`{written}` is too large a number"),
        _ => format!("`{written}`: {error}"),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Sequence(_) => "a list",
        Value::Mapping(_) => "options",
        Value::Tagged(_) => "a tagged value",
    }
}
