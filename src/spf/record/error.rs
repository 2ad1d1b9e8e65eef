//! What can be wrong with a record: each of it makes the result `permerror` (RFC 7208 section 4.6).

use thiserror::Error;

use crate::spf::limits;

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(in crate::spf) enum SyntaxError {
    #[error("the record has more than {} octets", limits::RECORD)]
    TooLong,
    #[error("the record is not ASCII")]
    NotAscii,
    #[error("`{0}`: {1}")]
    Term(String, TermError),
}

/// What is wrong with a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(in crate::spf) enum TermError {
    #[error("there is no such mechanism")]
    Unknown,
    #[error("takes no argument")]
    Argument,
    #[error("needs a domain")]
    NoDomain,
    #[error("the domain must end with a dot and a top-level domain, or with a macro")]
    DomainEnd,
    #[error("not an IPv4 address")]
    Ipv4,
    #[error("not an IPv6 address")]
    Ipv6,
    #[error("the prefix length must be a number from 0 to {0}")]
    Length(u8),
    #[error("may be given only once")]
    Twice,
    #[error(transparent)]
    Macro(#[from] MacroError),
}

/// What is wrong with a text that may hold macros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(in crate::spf) enum MacroError {
    #[error("a `%` must be followed by `{{`, `%`, `_` or `-`")]
    Percent,
    #[error("a macro has no closing brace")]
    Open,
    #[error("there is no such macro")]
    Letter,
    #[error("the macros c, r and t are for explanations only")]
    ExplanationOnly,
    #[error("a macro must keep at least one part")]
    Zero,
    #[error("a macro has characters that are no delimiters")]
    Delimiter,
    #[error("a character is not allowed")]
    Character,
}
