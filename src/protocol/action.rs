//! What Postfix is told (access(5)).
//!
//! Only actions from a closed set can be built: `OK` would end the restriction list and can open the relay, an
//! empty action or digits alone mean `OK`, and a status code without text makes Postfix send an earlier reply's text.

use std::fmt;

use crate::text::is_unprintable;

/// The most octets of text in a reply: with `<recipient>: Recipient address rejected: ` in front the line stays
/// within the 512 octets of RFC 5321 section 4.5.3.1.5, which Postfix does not enforce.
const MAX_TEXT: usize = 200;

/// The most octets of a value in a header, before it is quoted: more than any address has (RFC 5321 section 4.5.3.1), and so few
/// that the header is never cut inside of one.
const MAX_VALUE: usize = 320;

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// No objection; the next restriction decides.
    Dunno,
    /// Try again later, unless a later restriction refuses for good.
    DeferIfPermit(Reply),
    /// No, for good: `550`.
    Refuse(Reply),
    /// No objection, and one header more.
    Prepend(Header),
}

impl Action {
    /// Defers with 4.7.1, "delivery not authorized" for now (RFC 3463 section 3.8).
    pub fn defer(text: &str) -> Self {
        Self::DeferIfPermit(Reply::new("4.7.1", text, "Try again later"))
    }

    /// Refuses with 5.7.1, "delivery not authorized" (RFC 3463 section 3.8).
    pub fn refuse(text: &str) -> Self {
        Self::refuse_with("5.7.1", text)
    }

    /// Refuses with another enhanced status code of class 5.
    pub fn refuse_with(status: &'static str, text: &str) -> Self {
        Self::Refuse(Reply::new(status, text, "Access denied"))
    }

    /// What kind of answer it is, in a word from a closed set.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Dunno => "dunno",
            Self::DeferIfPermit(_) => "defer_if_permit",
            Self::Refuse(_) => "reject",
            Self::Prepend(_) => "prepend",
        }
    }

    /// Whether the recipient is let through.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Dunno | Self::Prepend(_))
    }

    /// The whole reply, to be written at once.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Dunno => b"action=DUNNO\n\n".to_vec(),
            action => format!("action={action}\n\n").into_bytes(),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dunno => f.write_str("DUNNO"),
            Self::DeferIfPermit(reply) => write!(f, "DEFER_IF_PERMIT {reply}"),
            Self::Refuse(reply) => write!(f, "550 {reply}"),
            Self::Prepend(header) => write!(f, "PREPEND {header}"),
        }
    }
}

/// An enhanced status code (RFC 3463) and a text that is fit for an SMTP reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    status: &'static str,
    text: String,
}

impl Reply {
    /// Cleans the text: one line, printable, at most 200 octets. `instead` is said where nothing is left of it.
    fn new(status: &'static str, text: &str, instead: &str) -> Self {
        let clean = one_line(text, MAX_TEXT);
        Self { status, text: if clean.is_empty() { instead.to_owned() } else { clean } }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.text)
    }
}

/// A header field to be added to the message (RFC 5322 section 2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    name: &'static str,
    value: String,
}

impl Header {
    /// A field of this name; its value is cleaned: one line, printable, within the 998 octets of RFC 5322 section 2.1.1.
    pub fn new(name: &'static str, value: &str) -> Self {
        Self { name, value: one_line(value, 900) }
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.value)
    }
}

/// A value as it stands in an Authentication-Results header: a token, or quoted (RFC 8601 section 2.2, RFC 2045 section 5.1).
pub fn property_value(text: &str) -> String {
    if text.len() <= MAX_VALUE && needs_no_quotes(text) {
        return text.to_owned();
    }
    let text = one_line(text, MAX_VALUE);
    if needs_no_quotes(&text) {
        return text;
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A token, or `local-part "@" domain`.
fn needs_no_quotes(text: &str) -> bool {
    let is_token = |text: &str| !text.is_empty() && text.bytes().all(is_token_octet);
    text.split_once('@').map_or_else(|| is_token(text), |(local, domain)| is_token(local) && is_token(domain))
}

fn is_token_octet(octet: u8) -> bool {
    octet.is_ascii_graphic()
        && !matches!(
            octet,
            b'(' | b')' | b'<' | b'>' | b'@' | b',' | b';' | b':' | b'\\' | b'"' | b'/' | b'[' | b']' | b'?' | b'='
        )
}

/// The text with a blank for everything unprintable, without blanks at the ends, cut at a character.
fn one_line(text: &str, most: usize) -> String {
    let mut clean = String::with_capacity(text.len().min(most));
    for character in text.trim_matches(|c: char| c.is_whitespace() || is_unprintable(c)).chars() {
        let character = if is_unprintable(character) { ' ' } else { character };
        if clean.len() + character.len_utf8() > most {
            break;
        }
        clean.push(character);
    }
    clean.truncate(clean.trim_end().len());
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_written_as_postfix_reads_them() {
        for (action, expected) in [
            (Action::Dunno, "action=DUNNO\n\n"),
            (Action::defer("Greylisted"), "action=DEFER_IF_PERMIT 4.7.1 Greylisted\n\n"),
            (Action::refuse("Go away"), "action=550 5.7.1 Go away\n\n"),
            (Action::refuse(""), "action=550 5.7.1 Access denied\n\n"),
            (Action::defer(" \r\n\t"), "action=DEFER_IF_PERMIT 4.7.1 Try again later\n\n"),
            (Action::Prepend(Header::new("X-Greylist", "delayed")), "action=PREPEND X-Greylist: delayed\n\n"),
        ] {
            assert_eq!(String::from_utf8(action.encode()).unwrap(), expected);
        }
    }

    #[test]
    fn no_text_can_forge_a_second_line() {
        for text in ["no\naction=OK", "no\n\naction=OK", "no\r\n\r\n", "no\0", "no\u{2028}x", "\u{202e}on", "\n\nx"] {
            let reply = String::from_utf8(Action::refuse(text).encode()).unwrap();
            assert_eq!(reply.matches('\n').count(), 2, "{reply:?}");
            assert!(reply.ends_with("\n\n") && !reply.contains('\r') && !reply.contains('\0'), "{reply:?}");
        }
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        let Action::Refuse(reply) = Action::refuse(&"ä".repeat(500)) else { panic!("not a refusal") };
        assert_eq!(reply.text, "ä".repeat(100));
        let Action::Refuse(reply) = Action::refuse(&format!("{}ä", "a".repeat(199))) else { panic!("not a refusal") };
        assert_eq!(reply.text, "a".repeat(199));
    }

    #[test]
    fn header_values_are_quoted_where_they_must_be() {
        for (value, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("2001:db8::1", "\"2001:db8::1\""),
            ("alice@example.org", "alice@example.org"),
            ("a b@example.org", "\"a b@example.org\""),
            ("a@b@example.org", "\"a@b@example.org\""),
            ("say \"hi\"\\", "\"say \\\"hi\\\"\\\\\""),
            ("x\r\nEvil: 1", "\"x  Evil: 1\""),
            ("", "\"\""),
        ] {
            assert_eq!(property_value(value), expected);
        }
        assert_eq!(property_value(&"a".repeat(2000)).len(), MAX_VALUE, "the rest of the header must have room");
    }

    #[test]
    fn dollar_and_percent_are_plain_text() {
        assert_eq!(Action::refuse("100% $sender").to_string(), "550 5.7.1 100% $sender");
    }
}
