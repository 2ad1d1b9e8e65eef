//! How the fields of a log line are written: `name="text"`, `name=number`.
//!
//! The library's own way looks the same on a file, but decides for every piece anew that it is not to be coloured, which took a
//! third of the time of a log line.

use std::fmt;

use tracing_subscriber::field::{RecordFields, Visit};
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

/// What is said comes as it is, before the fields and without a name.
const MESSAGE: &str = "message";

/// Writes fields without colours.
pub(super) struct Plain;

impl<'w> FormatFields<'w> for Plain {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut line = Line { writer, is_begun: false, written: Ok(()) };
        fields.record(&mut line);
        line.written
    }
}

struct Line<'w> {
    writer: Writer<'w>,
    is_begun: bool,
    written: fmt::Result,
}

impl Line<'_> {
    fn begin(&mut self, name: &str) -> fmt::Result {
        if std::mem::replace(&mut self.is_begun, true) {
            self.writer.write_char(' ')?;
        }
        if name != MESSAGE {
            self.writer.write_str(name)?;
            self.writer.write_char('=')?;
        }
        Ok(())
    }

    fn text(&mut self, name: &str, text: &str) -> fmt::Result {
        self.begin(name)?;
        let is_plain = text.bytes().all(|octet| matches!(octet, b' '..=b'~') && octet != b'"' && octet != b'\\');
        if !is_plain {
            return write!(self.writer, "{text:?}");
        }
        self.writer.write_char('"')?;
        self.writer.write_str(text)?;
        self.writer.write_char('"')
    }

    fn other(&mut self, name: &str, value: &dyn fmt::Debug) -> fmt::Result {
        self.begin(name)?;
        write!(self.writer, "{value:?}")
    }
}

impl Visit for Line<'_> {
    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        self.written = self.written.and_then(|()| self.text(field.name(), value));
    }

    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        self.written = self.written.and_then(|()| self.other(field.name(), value));
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{File, read_to_string};

    use tracing_subscriber::fmt;
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::registry;

    use super::*;

    #[test]
    fn a_line_looks_as_the_library_writes_it() {
        let line = |plain: bool| {
            let file = tempfile::NamedTempFile::new().unwrap();
            let layer = fmt::layer().with_writer(File::create(file.path()).unwrap()).with_ansi(false).without_time();
            let say = || {
                let (evil, umlaut) = ("\"\\\n\u{1b}\u{202e}", "é");
                tracing::info!(number = 7, text = "a b", evil, umlaut, shown = %"x y", yes = true, "said {}", 1);
                tracing::warn!("alone");
            };
            match plain {
                true => tracing::subscriber::with_default(registry().with(layer.fmt_fields(Plain)), say),
                false => tracing::subscriber::with_default(registry().with(layer), say),
            }
            read_to_string(file.path()).unwrap()
        };
        assert_eq!(line(true), line(false));
    }
}
