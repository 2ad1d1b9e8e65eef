//! Regular expressions in patterns.

use std::fmt;

use regex::{RegexBuilder, RegexSet, RegexSetBuilder};

use super::{LONGEST, PatternError, shown};

/// What one expression may occupy compiled. `^(\w+[.-]){4}example\.org$` takes a tenth of it.
const SIZE_LIMIT: usize = 1 << 20;

/// `/…/`: an expression that is found anywhere in the text, in the syntax of the `regex` crate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RegexPattern(String);

impl RegexPattern {
    /// Reads `/…/` and makes sure that it compiles.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let refused = |why: &str| PatternError::Regex { given: shown(text), why: why.to_owned() };
        let inner = text.strip_prefix('/').ok_or_else(|| refused("it must begin with a slash"))?;
        let Some(inner) = inner.strip_suffix('/') else {
            return Err(refused("it must end with a slash, without flags: case never matters"));
        };
        if inner.is_empty() {
            return Err(refused("nothing stands between the slashes"));
        }
        if inner.len() > LONGEST {
            return Err(refused("it is longer than 4096 octets"));
        }
        let compiled = RegexBuilder::new(inner).case_insensitive(true).size_limit(SIZE_LIMIT).build();
        compiled.map_err(|error| refused(&cause(&error)))?;
        Ok(Self(inner.to_owned()))
    }

    /// The expression without its slashes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RegexPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.0)
    }
}

/// Compiles expressions, each of which compiled alone, to be searched in one pass.
pub(crate) fn compile_set<'a>(patterns: impl ExactSizeIterator<Item = &'a str>) -> Result<RegexSet, regex::Error> {
    let size_limit = SIZE_LIMIT.saturating_mul(patterns.len() + 1);
    RegexSetBuilder::new(patterns).case_insensitive(true).size_limit(size_limit).build()
}

/// The crate draws the expression with a marker below it; the last line says what is wrong.
fn cause(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "it would take more than 1 MiB of memory".to_owned(),
        error => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            shown(last.strip_prefix("error: ").unwrap_or(last))
        }
    }
}
