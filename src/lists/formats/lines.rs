//! Lines of a file that anybody may have written with anything.

use std::io::{self, BufRead, Read as _};

/// Longer lines are no lines of a list.
const LONGEST: u64 = 64 * 1024;

/// Takes a file apart: bounded lines of UTF-8, whatever the line ends, with or without byte order mark.
pub(crate) struct Lines<R> {
    input: R,
    number: u64,
    octets: Vec<u8>,
}

/// A line without its end, or what is wrong with it.
pub(crate) struct Line {
    pub(crate) number: u64,
    pub(crate) text: Result<String, String>,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input, number: 0, octets: Vec::new() }
    }

    /// The next line; `None` at the end.
    pub(crate) fn next_line(&mut self) -> io::Result<Option<Line>> {
        self.octets.clear();
        let length = (&mut self.input).take(LONGEST + 1).read_until(b'\n', &mut self.octets)?;
        if length == 0 {
            return Ok(None);
        }
        self.number += 1;
        let is_whole = self.octets.ends_with(b"\n");
        if !is_whole && length as u64 > LONGEST {
            self.input.skip_until(b'\n')?;
            return Ok(Some(self.line(Err("the line is longer than 64 KiB".to_owned()))));
        }
        let text = self.text();
        Ok(Some(self.line(text)))
    }

    fn text(&self) -> Result<String, String> {
        let line = std::str::from_utf8(&self.octets)
            .map_err(|error| format!("octet {} of the line is no UTF-8", error.valid_up_to() + 1))?;
        let line = if self.number == 1 { line.strip_prefix('\u{feff}').unwrap_or(line) } else { line };
        let line = line.strip_suffix('\n').unwrap_or(line);
        Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
    }

    fn line(&self, text: Result<String, String>) -> Line {
        Line { number: self.number, text }
    }
}
