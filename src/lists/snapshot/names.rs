//! Texts, each with a number, in little memory.

use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashTable;

use super::PatternId;

/// All texts lie in one buffer: a million of them cost their letters and about 20 octets each. A map of strings
/// would take four times as much.
#[derive(Default)]
pub(super) struct Names {
    buffer: String,
    /// In the order of the buffer; a text ends where the next begins.
    spans: Vec<Span>,
    index: HashTable<u32>,
    hasher: RandomState,
    longest: usize,
}

struct Span {
    begin: u32,
    id: PatternId,
}

impl Names {
    /// The number of `text`, which is `new` if it had none. `None` when there is no more room.
    pub(super) fn intern(&mut self, text: &str, new: PatternId) -> Option<PatternId> {
        if let Some(id) = self.get(text) {
            return Some(id);
        }
        let begin = u32::try_from(self.buffer.len()).ok()?;
        let position = u32::try_from(self.spans.len()).ok()?;
        u32::try_from(self.buffer.len() + text.len()).ok()?;
        self.buffer.push_str(text);
        self.spans.push(Span { begin, id: new });
        self.longest = self.longest.max(text.len());
        let Self { buffer, spans, hasher, index, .. } = self;
        let hash = hasher.hash_one(text);
        index.insert_unique(hash, position, |&other| hasher.hash_one(text_at(buffer, spans, other)));
        Some(new)
    }

    /// The number of `text`.
    pub(super) fn get(&self, text: &str) -> Option<PatternId> {
        // Strangers' names may be of any length, and are looked up with every name above them.
        if text.len() > self.longest {
            return None;
        }
        let is_it = |&position: &u32| text_at(&self.buffer, &self.spans, position) == text;
        let position = *self.index.find(self.hasher.hash_one(text), is_it)?;
        self.spans.get(position as usize).map(|span| span.id)
    }

    pub(super) fn shrink(&mut self) {
        self.buffer.shrink_to_fit();
        self.spans.shrink_to_fit();
    }
}

fn text_at<'a>(buffer: &'a str, spans: &[Span], position: u32) -> &'a str {
    let begin_of = |position: usize| spans.get(position).map_or(buffer.len(), |span| span.begin as usize);
    let position = position as usize;
    buffer.get(begin_of(position)..begin_of(position + 1)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_numbers() {
        let mut names = Names::default();
        for id in 1..=1000 {
            assert_eq!(names.intern(&format!("host{id}.example.org"), id), Some(id));
        }
        assert_eq!(names.intern("host7.example.org", 2000), Some(7));
        assert_eq!(names.get("host1000.example.org"), Some(1000));
        assert_eq!(names.get("host1001.example.org"), None);
        assert_eq!(names.get(&"x".repeat(100_000)), None);
    }
}
