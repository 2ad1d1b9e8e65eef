//! From a file to lines.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use crate::text::from_octets;

/// The most octets of a line that are read; the rest of a longer one is passed over.
const MAX_LINE: u64 = 64 * 1024;

/// How much is read at once.
const BUFFER: usize = 256 * 1024;

/// The first octets of what gzip has written (RFC 1952 section 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A log that is read line by line, packed or not.
pub struct Log {
    lines: Box<dyn BufRead>,
    read: Arc<AtomicU64>,
    size: Option<u64>,
}

/// How much of a log has been read, in octets of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// So much.
    pub read: u64,
    /// Of so much, where that is known.
    pub size: Option<u64>,
}

impl Log {
    /// Opens a file.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let size = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
        Self::new(file, size)
    }

    /// Reads what somebody else has opened.
    pub fn new(input: impl Read + 'static, size: Option<u64>) -> io::Result<Self> {
        let read = Arc::new(AtomicU64::new(0));
        let mut input = BufReader::with_capacity(BUFFER, Counted { input, read: Arc::clone(&read) });
        let is_packed = input.fill_buf()?.starts_with(&GZIP);
        let lines: Box<dyn BufRead> = if is_packed {
            Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(input)))
        } else {
            Box::new(input)
        };
        Ok(Self { lines, read, size })
    }

    /// Reads the next line; `None` at the end.
    pub fn next_line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        if self.lines.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        if line.pop_if(|last| *last == b'\n').is_none() {
            self.lines.skip_until(b'\n')?;
        }
        Ok(Some(from_octets(&line).into_owned()))
    }

    /// How far it has been read.
    pub fn progress(&self) -> Progress {
        Progress { read: self.read.load(Ordering::Relaxed), size: self.size }
    }
}

struct Counted<R> {
    input: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
