//! The grammar of RFC 7208 section 7.1.

use super::{DomainSpec, Letter, Macro, MacroString, Piece};
use crate::spf::domain::is_toplabel;
use crate::spf::record::{MacroError, TermError};

/// `delimiter`
const DELIMITERS: &str = ".-+,/_=";

impl DomainSpec {
    /// `domain-spec = macro-string domain-end`
    pub(in crate::spf) fn parse(text: &str) -> Result<Self, TermError> {
        let text = MacroString::in_term(text)?;
        match text.0.last() {
            None => Err(TermError::NoDomain),
            Some(Piece::Literal(end)) if !is_domain_end(end) => Err(TermError::DomainEnd),
            Some(_) => Ok(Self(text)),
        }
    }
}

impl MacroString {
    /// A `macro-string` in a term of a record.
    pub(in crate::spf) fn in_term(text: &str) -> Result<Self, MacroError> {
        let text = Self::parse(text, |octet| octet.is_ascii_graphic())?;
        let is_for_explanations = |piece: &Piece| matches!(piece, Piece::Macro(it) if it.letter.is_for_explanations());
        if text.0.iter().any(is_for_explanations) {
            return Err(MacroError::ExplanationOnly);
        }
        Ok(text)
    }

    /// `explain-string = *( macro-string / SP )`
    pub(in crate::spf) fn in_explanation(text: &str) -> Result<Self, MacroError> {
        Self::parse(text, |octet| octet.is_ascii_graphic() || octet == b' ')
    }

    /// `macro-string = *( macro-expand / macro-literal )`
    fn parse(mut text: &str, is_literal: fn(u8) -> bool) -> Result<Self, MacroError> {
        let mut pieces = Vec::new();
        while !text.is_empty() {
            let (literal, rest) = text.split_at(text.find('%').unwrap_or(text.len()));
            if !literal.bytes().all(is_literal) {
                return Err(MacroError::Character);
            }
            if !literal.is_empty() {
                pieces.push(Piece::Literal(literal.to_owned()));
            }
            let Some(after) = rest.strip_prefix('%') else { break };
            let (piece, rest) = macro_expand(after)?;
            pieces.push(piece);
            text = rest;
        }
        Ok(Self(pieces))
    }
}

/// `domain-end = ( "." toplabel [ "." ] ) / macro-expand`, the first of it.
fn is_domain_end(literal: &str) -> bool {
    let literal = literal.strip_suffix('.').unwrap_or(literal);
    literal.rsplit_once('.').is_some_and(|(_, label)| is_toplabel(label))
}

/// `macro-expand = ( "%{" macro-letter transformers *delimiter "}" ) / "%%" / "%_" / "%-"`; what stands after the
/// percent. Anything else "is a syntax error" (section 7.3).
fn macro_expand(after: &str) -> Result<(Piece, &str), MacroError> {
    for (mark, meaning) in [("%", "%"), ("_", " "), ("-", "%20")] {
        if let Some(rest) = after.strip_prefix(mark) {
            return Ok((Piece::Escape(meaning), rest));
        }
    }
    let body = after.strip_prefix('{').ok_or(MacroError::Percent)?;
    let (body, rest) = body.split_once('}').ok_or(MacroError::Open)?;
    Ok((Piece::Macro(braced(body)?), rest))
}

/// `macro-letter transformers *delimiter`, with `transformers = *DIGIT [ "r" ]`
fn braced(body: &str) -> Result<Macro, MacroError> {
    let mut rest = body.chars();
    let letter = rest.next().ok_or(MacroError::Letter)?;
    let rest = rest.as_str();
    let (digits, rest) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
    let unreversed = rest.strip_prefix(['r', 'R']);
    let delimiters = unreversed.unwrap_or(rest);
    if !delimiters.chars().all(|c| DELIMITERS.contains(c)) {
        return Err(MacroError::Delimiter);
    }
    Ok(Macro {
        letter: Letter::parse(letter)?,
        escaped: letter.is_ascii_uppercase(),
        keep: keep(digits)?,
        reversed: unreversed.is_some(),
        // Each once, however often it is given.
        delimiters: DELIMITERS.chars().filter(|c| delimiters.contains(*c)).collect(),
    })
}

/// "If a DIGIT is specified, the value MUST be nonzero" (section 7.3). One that no number can hold keeps all parts.
fn keep(digits: &str) -> Result<Option<usize>, MacroError> {
    match digits.parse() {
        Ok(0) => Err(MacroError::Zero),
        Ok(parts) => Ok(Some(parts)),
        Err(_) => Ok(None),
    }
}

impl Letter {
    fn parse(letter: char) -> Result<Self, MacroError> {
        Ok(match letter.to_ascii_lowercase() {
            's' => Self::Sender,
            'l' => Self::LocalPart,
            'o' => Self::SenderDomain,
            'd' => Self::Domain,
            'i' => Self::Address,
            'p' => Self::ValidatedName,
            'v' => Self::Family,
            'h' => Self::Helo,
            'c' => Self::ReadableAddress,
            'r' => Self::Receiver,
            't' => Self::Time,
            _ => return Err(MacroError::Letter),
        })
    }

    /// "The following macro letters are allowed only in "exp" text" (section 7.2).
    fn is_for_explanations(self) -> bool {
        matches!(self, Self::ReadableAddress | Self::Receiver | Self::Time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percent_sign_stands_for_something() {
        for (text, expected) in [
            ("%(ir).example.org", MacroError::Percent),
            ("foo%.example.org", MacroError::Percent),
            ("example.org%", MacroError::Percent),
            ("%{d.example.org", MacroError::Open),
            ("%{}", MacroError::Letter),
            ("%{x}", MacroError::Letter),
            ("%{d0}", MacroError::Zero),
            ("%{d00r}", MacroError::Zero),
            ("%{d:}", MacroError::Delimiter),
            ("%{dr2}", MacroError::Delimiter),
            ("%{d r}", MacroError::Delimiter),
            ("%{c}", MacroError::ExplanationOnly),
            ("%{T}", MacroError::ExplanationOnly),
            ("two words", MacroError::Character),
            ("bell\u{7}", MacroError::Character),
        ] {
            assert_eq!(MacroString::in_term(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn an_explanation_may_have_spaces_and_every_macro() {
        assert!(MacroString::in_explanation("%{c} is not %{D2R.-}, asked by %{r} at %{t}.").is_ok());
        assert_eq!(MacroString::in_explanation("The %{x}-files"), Err(MacroError::Letter));
        assert_eq!(MacroString::in_explanation("two\nlines"), Err(MacroError::Character));
    }

    #[test]
    fn a_domain_ends_with_a_top_level_domain_or_a_macro() {
        for text in [
            "example.org",
            "example.org.",
            "%{d}",
            "%{d}.org",
            "foo%%",
            "foo:bar/baz.example.org",
            "example.xn--zckzah",
            "_spf.%{d99999999999999999999}",
        ] {
            assert!(DomainSpec::parse(text).is_ok(), "{text}");
        }
        for text in [
            "museum",
            "museum.",
            "example.-com",
            "192.0.2.1",
            "%{d}org",
            "%{d}.",
            "example..",
            "example.org:25",
            "a.b%%c",
        ] {
            assert_eq!(DomainSpec::parse(text), Err(TermError::DomainEnd), "{text}");
        }
        assert_eq!(DomainSpec::parse(""), Err(TermError::NoDomain));
    }

    #[test]
    fn a_macro_tells_how_its_value_is_changed() {
        let expected = Macro {
            letter: Letter::LocalPart,
            escaped: true,
            keep: Some(12),
            reversed: true,
            delimiters: "-+".to_owned(),
        };
        assert_eq!(MacroString::in_term("%{L12R+-+}").unwrap().0, [Piece::Macro(expected)]);
    }
}
