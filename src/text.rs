//! Strangers' text, made safe to show.
//!
//! Addresses and names come from the network as octets: not always UTF-8, sometimes with control characters
//! or terminal escapes in them. Nothing of that may reach a log line, a reply or a terminal as it is.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Octets as text: UTF-8 as it is, every other octet as `\xNN`, so that two different inputs stay different.
pub fn from_octets(octets: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(octets) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(octets.len() + 8);
    for chunk in octets.utf8_chunks() {
        text.push_str(chunk.valid());
        for octet in chunk.invalid() {
            let _ = write!(text, "\\x{octet:02x}");
        }
    }
    Cow::Owned(text)
}

/// The text with every character escaped that could forge a line, move a cursor or turn the reading
/// direction, and cut after `most` octets (at a character, marked by `…`).
pub fn printable(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most && (PLAIN.has_all(text.as_bytes()) || !text.chars().any(is_unprintable)) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len().min(most) + 8);
    for character in text.chars() {
        let length = clean.len();
        if is_unprintable(character) {
            let _ = write!(clean, "{}", character.escape_default());
        } else {
            clean.push(character);
        }
        if clean.len() > most {
            clean.truncate(length);
            clean.push('…');
            break;
        }
    }
    Cow::Owned(clean)
}

/// Printable ASCII, of which nearly all texts are made.
const PLAIN: OctetSet = OctetSet::range(b' ', b'~');

/// Octets of which a text may be made. A table beats comparisons and vectors alike, because most texts are short.
pub struct OctetSet([u8; 256]);

/// What stands in the table at an octet that is not in the set.
const MISSING: u8 = 1;

#[expect(clippy::indexing_slicing, reason = "the table has a place for every octet")]
impl OctetSet {
    /// The octets from `first` to `last`, both among them.
    pub const fn range(first: u8, last: u8) -> Self {
        let mut table = [MISSING; 256];
        let mut octet = first;
        while octet < last {
            table[octet as usize] = 0;
            octet += 1;
        }
        table[last as usize] = 0;
        Self(table)
    }

    /// The same without an octet.
    pub const fn without(self, octet: u8) -> Self {
        let Self(mut table) = self;
        table[octet as usize] = MISSING;
        Self(table)
    }

    /// Whether there is no other octet in the text.
    pub fn has_all(&self, text: &[u8]) -> bool {
        text.iter().fold(0, |missing, octet| missing | self.0[usize::from(*octet)]) == 0
    }
}

/// The text up to so many octets, cut at a character.
pub fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

/// Control characters, line separators and the invisible marks that reorder text (Unicode Bidi_Control and
/// zero-width characters).
pub fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{61c}' | '\u{feff}')
}

/// The candidate that `word` most likely misspells, if any is close enough to be worth a hint.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // The length comes first: comparing is quadratic, and a word may be of any length.
    let near = candidates.into_iter().filter(|candidate| word.len() <= 2 * candidate.len());
    near.map(|candidate| (strsim::damerau_levenshtein(&word.to_lowercase(), candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 5)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_that_are_no_utf8_stay_distinct() {
        assert_eq!(from_octets(b"jos\xe9"), "jos\\xe9");
        assert_ne!(from_octets(b"jos\xe9"), from_octets(b"jos\xe8"));
        assert_eq!(from_octets("josé".as_bytes()), "josé");
    }

    #[test]
    fn nothing_unprintable_is_left() {
        for (input, expected) in [
            ("plain@example.org", "plain@example.org"),
            ("a\nforged line", "a\\nforged line"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("\u{202e}gro.elpmaxe", "\\u{202e}gro.elpmaxe"),
            ("größe@example.org", "größe@example.org"),
        ] {
            assert_eq!(printable(input, 100), expected, "{input:?}");
        }
    }

    #[test]
    fn a_set_has_the_octets_that_are_named_and_no_others() {
        let set = OctetSet::range(b'a', b'c').without(b'b');
        for octet in 0..=u8::MAX {
            assert_eq!(set.has_all(&[b'a', octet, b'c']), matches!(octet, b'a' | b'c'), "{octet}");
        }
        assert!(OctetSet::range(0, 255).has_all(&[0, 128, 255]) && set.has_all(b""));
    }

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["delay", "retry_window", "max_age", "text"];
        assert_eq!(closest("dealy", known), Some("delay"));
        assert_eq!(closest("retry-window", known), Some("retry_window"));
        assert_eq!(closest("Text", known), Some("text"));
        assert_eq!(closest("colour", known), None);
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        assert_eq!(printable("ääää", 5), "ää…");
        assert_eq!(printable("abcd", 4), "abcd");
    }
}
