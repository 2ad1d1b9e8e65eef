//! Addresses that a machine made, with what it counts taken out.
//!
//! There is no grammar: Bernstein's VERP puts the subscriber into the address, mailing lists and bulk senders add
//! numbers of messages, campaigns and customers, or random tokens. What they have in common is that nobody would
//! be called like that, and this has to be clear before anything is folded. Either a *mark* says so, a word that
//! belongs to bounces, or the address holds two of these: a long number, a long random token, a subscriber's address,
//! a sub-domain for bounces.
//!
//! When in doubt, an address stays as it is: its mail is delayed once more, while folding too much would let somebody
//! in on another's name. That is why short numbers before the mark stay, too: they tell one list from another
//! (`python-3-bounces`), while those that count stand behind it.

use super::dialect::is_domain;

/// Words that nobody is called by and that go with bounces.
const MARKS: [&str; 11] = [
    "bounce",
    "bounces",
    "donotreply",
    "noreply",
    "notification",
    "notifications",
    "owner",
    "reply",
    "return",
    "returns",
    "verp",
];

/// Labels of sub-domains into which bulk senders have their bounces sent.
const BOUNCE_LABELS: [&str; 4] = ["bnc", "bounce", "bounces", "returns"];

/// Below these, every message has a sender of its own, random and enciphered throughout, and the sub-domain says whose it
/// is: `3x9kyxwmkcnqkuoyggydw.ugeiwem@flex--alice.bounces.google.com`.
const WHOLLY_MADE_BELOW: [&str; 1] = [".bounces.google.com"];

/// What is left of SRS without hash and time begins like this, and has been folded already: the key of a key is the key.
const KEYS_OF_FORWARDED: [&str; 2] = ["srs0=", "srs1="];

/// So many signs make a machine, where there is no mark.
const ENOUGH_SIGNS: usize = 2;

/// Writes a local part in lower case with `#` for what differs from message to message, if a machine made it.
///
/// The subscriber goes from the last separator before him. If he has one in his own name, a piece of him stays in the
/// key, which is harmless: he is the recipient, so he is in the triplet anyway.
pub(super) fn fold_into(key: &mut String, local: &str, domain: Option<&str>) {
    if KEYS_OF_FORWARDED.iter().any(|beginning| local.starts_with(beginning)) {
        return key.push_str(local);
    }
    if !local.is_empty() && domain.is_some_and(is_wholly_made) {
        return key.push('#');
    }
    let (head, subscriber) = split_subscriber(local);
    let Some(make) = Make::of(head, subscriber, domain) else { return key.push_str(local) };
    let mut behind_mark = make == Make::Unmarked;
    for piece in Pieces(head) {
        let kind = Kind::of(piece);
        behind_mark |= kind == Kind::Mark;
        let varies = kind.is_sign() || (kind == Kind::Short && behind_mark);
        key.push_str(if varies { "#" } else { piece });
    }
    key.push_str(subscriber.map_or("", |_| "#"));
}

/// `list-return-123-user=example.net` → `list-return-123-` and `user=example.net`.
fn split_subscriber(local: &str) -> (&str, Option<&str>) {
    local
        .rsplit_once('=')
        .filter(|(_, domain)| is_domain(domain))
        .and_then(|(before, _)| before.rfind(['-', '=', '+']))
        .and_then(|at| local.split_at_checked(at + 1))
        .map_or((local, None), |(head, subscriber)| (head, Some(subscriber)))
}

/// By what an address was seen to be made by a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Make {
    Marked,
    Unmarked,
}

impl Make {
    fn of(head: &str, subscriber: Option<&str>, domain: Option<&str>) -> Option<Self> {
        let mut signs = usize::from(subscriber.is_some());
        for piece in Pieces(head) {
            match Kind::of(piece) {
                Kind::Mark => return Some(Self::Marked),
                kind => signs += kind.signs(),
            }
        }
        // No letter at all: a telephone number, somebody's number in a register.
        let is_number = subscriber.is_none() && !head.contains(char::is_alphabetic);
        if signs == 0 || is_number {
            return None;
        }
        signs += usize::from(domain.is_some_and(is_for_bounces));
        (signs >= ENOUGH_SIGNS).then_some(Self::Unmarked)
    }
}

fn is_wholly_made(domain: &str) -> bool {
    WHOLLY_MADE_BELOW.iter().any(|parent| domain.ends_with(parent))
}

/// Only sub-domains count: people work at bounce.example.
fn is_for_bounces(domain: &str) -> bool {
    domain.rsplit('.').skip(2).any(|label| BOUNCE_LABELS.contains(&label))
}

/// What a piece of a local part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A word, or what stands between words.
    Plain,
    /// A word that goes with bounces.
    Mark,
    /// A short number or token: a year, a version, a counter. It counts for nothing.
    Short,
    /// A long number or token: a sign of a machine.
    Long,
    /// As good as two tokens.
    Uuid,
}

impl Kind {
    fn of(piece: &str) -> Self {
        if MARKS.contains(&piece) {
            return Self::Mark;
        }
        if piece.len() == UUID_LENGTH && is_uuid(piece) {
            return Self::Uuid;
        }
        let shape = Shape::of(piece);
        match shape {
            Shape { digits: 0, .. } => Self::Plain,
            Shape { digits, letters: 0, .. } if digits >= 5 => Self::Long,
            Shape { letters: 0, .. } => Self::Short,
            _ if shape.is_long_hexadecimal() || shape.is_long_random() => Self::Long,
            _ if shape.is_token() => Self::Short,
            _ => Self::Plain,
        }
    }

    fn is_sign(self) -> bool {
        self.signs() > 0
    }

    fn signs(self) -> usize {
        match self {
            Self::Plain | Self::Mark | Self::Short => 0,
            Self::Long => 1,
            Self::Uuid => 2,
        }
    }
}

/// Letters and digits of a piece. All zero if it has anything else, which no token has.
#[derive(Debug, Clone, Copy, Default)]
struct Shape {
    digits: usize,
    letters: usize,
    /// Of the letters, those beyond `f`.
    beyond_hexadecimal: usize,
    /// How often digits and letters take turns: once in `user2`, four times in `d86142479b74`.
    turns: usize,
}

impl Shape {
    fn of(piece: &str) -> Self {
        let mut shape = Self::default();
        let mut before = None;
        for byte in piece.bytes() {
            match byte {
                b'0'..=b'9' => shape.digits += 1,
                b'a'..=b'z' => shape.letters += 1,
                _ => return Self::default(),
            }
            shape.beyond_hexadecimal += usize::from(byte > b'f');
            shape.turns += usize::from(before.is_some_and(|digit| digit != byte.is_ascii_digit()));
            before = Some(byte.is_ascii_digit());
        }
        shape
    }

    fn length(&self) -> usize {
        self.digits + self.letters
    }

    /// People have `abe12345`, which takes no turns, and nothing that takes many.
    fn is_long_hexadecimal(&self) -> bool {
        self.beyond_hexadecimal == 0 && self.length() >= 8 && self.turns >= 2
    }

    /// Longer than what people think of when `l33th4x0r` is taken, and more mixed than a name with `0x3b` behind it.
    fn is_long_random(&self) -> bool {
        self.length() >= 16 && self.turns >= 5
    }

    /// Enough behind a mark, where no names are expected; `web2`, `i18n` and `mp3` are still words.
    fn is_token(&self) -> bool {
        (self.beyond_hexadecimal == 0 && self.length() >= 6) || (self.length() >= 8 && self.turns >= 2)
    }
}

/// A text cut into words, UUIDs and what stands between them.
struct Pieces<'a>(&'a str);

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let first = self.0.chars().next()?;
        let same = |c: char| c.is_alphanumeric() == first.is_alphanumeric();
        let length = match uuid(self.0) {
            Some(uuid) => uuid.len(),
            None => self.0.find(|c| !same(c)).unwrap_or(self.0.len()),
        };
        let (piece, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(piece)
    }
}

/// `8-4-4-4-12` hexadecimal digits (RFC 9562 section 4).
const UUID_LENGTH: usize = 36;

/// The UUID with which the text begins.
fn uuid(text: &str) -> Option<&str> {
    let (uuid, rest) = text.split_at_checked(UUID_LENGTH)?;
    (is_uuid(uuid) && !rest.starts_with(char::is_alphanumeric)).then_some(uuid)
}

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}
