//! How the fields of a log line are written: `name="text"`, `name=number`.
//!
//! The library's own way looks the same on a file, but decides for every piece anew that it is not to be coloured, and puts dates
//! together from numbers, which took half of the time of a log line.

use std::fmt::{self, Write as _};

use jiff::Timestamp;
use tracing::field::Field;
use tracing_subscriber::field::{RecordFields, Visit};
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use crate::text::OctetSet;

/// Room for the fields of nearly all lines.
const USUAL_LINE: usize = 512;

/// What is said comes as it is, before the fields and without a name.
const MESSAGE: &str = "message";

/// What stands between quotes as it is.
const QUOTABLE: OctetSet = OctetSet::range(b' ', b'~').without(b'"').without(b'\\');

/// Writes fields without colours.
pub(super) struct Plain;

impl<'w> FormatFields<'w> for Plain {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut line = Line(String::with_capacity(USUAL_LINE));
        fields.record(&mut line);
        writer.write_str(&line.0)
    }
}

/// The fields, put together before they are written: each piece that goes through a [`Writer`] costs as much as a whole field here.
struct Line(String);

impl Line {
    fn begin(&mut self, name: &str) {
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        if name != MESSAGE {
            self.0.push_str(name);
            self.0.push('=');
        }
    }

    fn write(&mut self, name: &str, value: fmt::Arguments<'_>) {
        self.begin(name);
        let _ = self.0.write_fmt(value); // a value that cannot be written is cut short
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        if !QUOTABLE.has_all(value.as_bytes()) {
            return self.write(field.name(), format_args!("{value:?}"));
        }
        self.begin(field.name());
        self.0.push('"');
        self.0.push_str(value);
        self.0.push('"');
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.write(field.name(), format_args!("{value:?}"));
    }
}

/// When it was, in UTC.
pub(super) struct Moment;

impl FormatTime for Moment {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{:.6}", Timestamp::now())
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

    #[test]
    fn a_moment_looks_as_the_library_writes_it() {
        let written = |time: &dyn Fn(&mut Writer<'_>) -> std::fmt::Result| {
            let mut text = String::new();
            time(&mut Writer::new(&mut text)).unwrap();
            text
        };
        let before = written(&|writer| fmt::time::SystemTime.format_time(writer));
        let ours = written(&|writer| Moment.format_time(writer));
        let after = written(&|writer| fmt::time::SystemTime.format_time(writer));
        assert!(before <= ours && ours <= after && ours.len() == before.len(), "{before} {ours} {after}");
    }
}
