//! A record and its grammar (RFC 7208 sections 4.6.1, 5 and 6). All of it is checked before anything is evaluated.

mod cidr;
mod error;
mod mechanism;
mod select;

pub(super) use cidr::Lengths;
pub(super) use error::{MacroError, SyntaxError, TermError};
pub(super) use mechanism::Mechanism;
pub(super) use select::{Selection, select};

use super::limits;
use super::macros::{DomainSpec, MacroString};
use super::result::SpfResult;
use crate::text::printable;

/// What a domain has published.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// In the order in which they are tried.
    pub(super) directives: Vec<Directive>,
    /// Where to go on if none of them matches.
    pub(super) redirect: Option<DomainSpec>,
    /// Where the explanation is.
    pub(super) explanation: Option<DomainSpec>,
}

/// What the result is if a mechanism matches.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Directive {
    pub(super) result: SpfResult,
    pub(super) mechanism: Mechanism,
    /// As it was written.
    pub(super) text: String,
}

impl Record {
    /// Reads what [`select`] has selected: `record = version terms *SP`, `terms = *( 1*SP ( directive / modifier ) )`.
    pub(super) fn parse(record: &[u8]) -> Result<Self, SyntaxError> {
        if record.len() > limits::RECORD {
            return Err(SyntaxError::TooLong);
        }
        // The grammar is one of ASCII (RFC 7208 section 3.1).
        let text = str::from_utf8(record).ok().filter(|text| text.is_ascii()).ok_or(SyntaxError::NotAscii)?;
        let mut parsed = Self::default();
        // Only spaces are between terms, no other white space; the first is the version.
        for term in text.split(' ').skip(1).filter(|term| !term.is_empty()) {
            parsed.add(term).map_err(|error| SyntaxError::Term(shown(term), error))?;
        }
        Ok(parsed)
    }

    fn add(&mut self, term: &str) -> Result<(), TermError> {
        let Some((name, value)) = modifier(term) else {
            self.directives.push(Directive::parse(term)?);
            return Ok(());
        };
        if name.eq_ignore_ascii_case("redirect") {
            once(&mut self.redirect, value)
        } else if name.eq_ignore_ascii_case("exp") {
            once(&mut self.explanation, value)
        } else {
            // "Unrecognized modifiers MUST be ignored no matter where, or how often, they appear" (section 6), if only
            // they are `name "=" macro-string`.
            MacroString::in_term(value)?;
            Ok(())
        }
    }
}

impl Directive {
    /// `directive = [ qualifier ] mechanism`; "The qualifier is optional and defaults to "+"" (section 4.6.2).
    fn parse(term: &str) -> Result<Self, TermError> {
        let results =
            [('+', SpfResult::Pass), ('-', SpfResult::Fail), ('~', SpfResult::SoftFail), ('?', SpfResult::Neutral)];
        let qualified = results.into_iter().find_map(|(sign, result)| Some((result, term.strip_prefix(sign)?)));
        let (result, mechanism) = qualified.unwrap_or((SpfResult::Pass, term));
        Ok(Self { result, mechanism: Mechanism::parse(mechanism)?, text: term.to_owned() })
    }
}

/// "These two modifiers MUST NOT appear in a record more than once each. If they do, then check_host() exits with a
/// result of "permerror"" (section 6).
fn once(slot: &mut Option<DomainSpec>, value: &str) -> Result<(), TermError> {
    match slot.replace(DomainSpec::parse(value)?) {
        Some(_) => Err(TermError::Twice),
        None => Ok(()),
    }
}

/// "Modifiers always contain an equals ('=') character immediately after the name, and before any ":" or "/" characters
/// that might be part of the macro-string" (section 4.6.1). `name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." )`
fn modifier(term: &str) -> Option<(&str, &str)> {
    let (name, value) = term.split_once('=')?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet));
    is_name.then_some((name, value))
}

/// A stranger's text, for the message about it.
fn shown(term: &str) -> String {
    printable(term, 100).into_owned()
}

#[cfg(test)]
mod tests;
