//! The text of the policy file, and where its parts stand in it.

use std::fmt;

use serde::de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_yaml::Value;

use super::path::{KeyPath, Segment};

/// A place in a text, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// Why a text is no YAML.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub(super) location: Location,
    pub(super) message: String,
}

impl Location {
    /// Where the text goes on.
    pub(super) fn behind(text: &str) -> Self {
        let last_line = text.rsplit('\n').next().unwrap_or_default();
        Self { line: text.matches('\n').count() + 1, column: last_line.chars().count() + 1 }
    }
}

const START: Location = Location { line: 1, column: 1 };

/// Reads YAML into a tree of values.
pub(super) fn parse(text: &str) -> Result<Value, SyntaxError> {
    serde_yaml::from_str(text).map_err(|error| {
        let location = location(&error);
        let message = error.to_string();
        let position = format!(" at line {} column {}", location.line, location.column);
        SyntaxError { location, message: message.replace(&position, "") }
    })
}

/// Where the value that `path` leads to begins.
///
/// The YAML reader tells places only in its errors, so the document is read once more with a reader that follows the
/// path and fails at its end. That costs a reading per mistake, and nothing while there are none.
pub(super) fn locate(text: &str, path: &KeyPath) -> Location {
    find(text, path.segments(), Target::Value)
}

/// Where the last key of `path` stands.
pub(super) fn locate_key(text: &str, path: &KeyPath) -> Location {
    find(text, path.segments(), Target::Key)
}

fn find(text: &str, segments: &[Segment], target: Target) -> Location {
    let deserializer = serde_yaml::Deserializer::from_str(text);
    match de::DeserializeSeed::deserialize(Follow { segments, target }, deserializer) {
        Err(error) => location(&error),
        Ok(()) => START,
    }
}

fn location(error: &serde_yaml::Error) -> Location {
    error.location().map_or(START, |location| Location { line: location.line(), column: location.column() })
}

#[derive(Debug, Clone, Copy)]
enum Target {
    Key,
    Value,
}

#[derive(Debug, Clone, Copy)]
struct Follow<'a> {
    segments: &'a [Segment],
    target: Target,
}

impl<'de> de::DeserializeSeed<'de> for Follow<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.segments {
            [] => deserializer.deserialize_any(Stop),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Follow<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((Segment::Key(wanted), rest)) = self.segments.split_first() else {
            return Err(de::Error::custom("here"));
        };
        let stop_at_key = rest.is_empty() && matches!(self.target, Target::Key);
        while let Some(found) = map.next_key_seed(Key { wanted, stop: stop_at_key })? {
            if found {
                return map.next_value_seed(Follow { segments: rest, ..self });
            }
            map.next_value::<IgnoredAny>()?;
        }
        // What is wrong is that the key is not there: the mapping is the place to put it.
        Err(de::Error::custom("here"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Some((Segment::Index(wanted), rest)) = self.segments.split_first() else {
            return Err(de::Error::custom("here"));
        };
        for _ in 0..*wanted {
            items.next_element::<IgnoredAny>()?;
        }
        items.next_element_seed(Follow { segments: rest, ..self })?;
        Ok(())
    }
}

/// Reads a key and tells whether it is the wanted one, or fails there.
struct Key<'a> {
    wanted: &'a str,
    stop: bool,
}

impl<'de> de::DeserializeSeed<'de> for Key<'_> {
    type Value = bool;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an option")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<bool, E> {
        match (key == self.wanted, self.stop) {
            (true, true) => Err(E::custom("here")),
            (found, _) => Ok(found),
        }
    }

    fn visit_u64<E: de::Error>(self, key: u64) -> Result<bool, E> {
        self.visit_str(&key.to_string())
    }

    fn visit_bool<E: de::Error>(self, key: bool) -> Result<bool, E> {
        self.visit_str(if key { "true" } else { "false" })
    }
}

/// Accepts nothing, so that whatever stands here is where the reader fails.
struct Stop;

impl Visitor<'_> for Stop {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "listen:\n  - one\n  -   two\nchain:\n  - access\n  - greylist: {when: always, dealy: 5m}\nlast: 1\n";

    #[test]
    fn values_and_keys_are_found() {
        let root = KeyPath::default();
        let greylist = root.key("chain").index(1).key("greylist");
        for (place, expected) in [
            (locate(TEXT, &root.key("listen").index(1)), (3, 7)),
            (locate(TEXT, &greylist.key("dealy")), (6, 37)),
            (locate_key(TEXT, &greylist.key("dealy")), (6, 30)),
            (locate_key(TEXT, &root.key("last")), (7, 1)),
            (locate_key(TEXT, &root.key("listen")), (1, 1)),
            (locate(TEXT, &root.key("absent")), (1, 1)),
        ] {
            assert_eq!((place.line, place.column), expected);
        }
    }

    #[test]
    fn syntax_errors_have_a_place() {
        let error = parse("listen: [\nchain: }").unwrap_err();
        assert!(error.location.line >= 1 && !error.message.contains(" at line "), "{}", error.message);
    }
}
