//! Texts that are filled in with what is known about a mail (RFC 7208 section 7).

mod expand;
mod parse;

pub(super) use expand::Values;

/// A text with macros in it (`macro-string`, `explain-string`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MacroString(Vec<Piece>);

/// The name of a domain with macros in it (`domain-spec`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DomainSpec(MacroString);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    /// `%%`, `%_` and `%-`.
    Escape(&'static str),
    Macro(Macro),
}

/// `%{l1r-}`: which value, and how it is changed (RFC 7208 section 7.3).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Macro {
    letter: Letter,
    /// A capital letter: URL-escaped.
    escaped: bool,
    /// How many parts from the right.
    keep: Option<usize>,
    reversed: bool,
    /// Between the parts; none given are dots.
    delimiters: String,
}

/// RFC 7208 section 7.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Letter {
    Sender,
    LocalPart,
    SenderDomain,
    Domain,
    Address,
    ValidatedName,
    Family,
    Helo,
    ReadableAddress,
    Receiver,
    Time,
}

impl MacroString {
    /// Is a validated name of the client asked for (`%{p}`)? That one must be looked up.
    pub(super) fn needs_names(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Macro(Macro { letter: Letter::ValidatedName, .. })))
    }
}

impl DomainSpec {
    /// Is a validated name of the client asked for (`%{p}`)?
    pub(super) fn needs_names(&self) -> bool {
        self.0.needs_names()
    }
}

#[cfg(test)]
mod tests;
