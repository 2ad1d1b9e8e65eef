//! Where log lines go: to stderr, by a thread of its own.
//!
//! A write for every line would cost as much as deciding, and whoever reads the log could keep the mail waiting. So lines are
//! gathered in memory. The first is written at once, those of the next milliseconds together; a process that is killed takes
//! those with it.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long lines are gathered while there are many. To wake up for a write takes as long as some lines.
const PAUSE: Duration = Duration::from_millis(5);

/// The most octets that are gathered while nobody reads: some seconds of the heaviest traffic.
const ROOM: usize = 8 * 1024 * 1024;

/// Octets that are kept for the lines to come: those of a pause in heavy traffic.
const KEPT: usize = 128 * 1024;

/// How long the end waits for a reader that does not read.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The stack of the thread, in octets. Where the system limits what a process may have (`RLIMIT_DATA`), the whole of it counts.
const STACK: usize = 256 * 1024;

/// Lines on their way to `O`. Dropping this writes what was gathered; lines that come later are written at once.
pub(super) struct LogLines<O>(Arc<Gathered<O>>);

/// One place where lines can be put.
pub(super) struct LogWriter<O>(Arc<Gathered<O>>);

struct Gathered<O> {
    output: O,
    lines: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Default)]
struct Lines {
    octets: Vec<u8>,
    /// For how many there was no room.
    lost: u64,
    stage: Stage,
}

#[derive(Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Gathering,
    Ending,
    Ended,
}

impl<O: Send + Sync + 'static> LogLines<O>
where
    for<'a> &'a O: Write,
{
    /// Starts the thread.
    pub(super) fn start(output: O) -> io::Result<Self> {
        let gathered = Arc::new(Gathered { output, lines: Mutex::default(), changed: Condvar::new() });
        let thread = Arc::clone(&gathered);
        std::thread::Builder::new().name("log".to_owned()).stack_size(STACK).spawn(move || thread.write_all())?;
        Ok(Self(gathered))
    }

    /// Where to put lines.
    pub(super) fn writer(&self) -> LogWriter<O> {
        LogWriter(Arc::clone(&self.0))
    }
}

impl<O> Clone for LogWriter<O> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<O> Drop for LogLines<O> {
    fn drop(&mut self) {
        let mut lines = self.0.lock();
        lines.stage = Stage::Ending;
        self.0.changed.notify_all();
        drop(self.0.changed.wait_timeout_while(lines, LAST_WORDS, |lines| lines.stage != Stage::Ended));
    }
}

impl<O> Write for LogWriter<O>
where
    for<'a> &'a O: Write,
{
    /// Takes a whole line, or loses it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<O> Gathered<O>
where
    for<'a> &'a O: Write,
{
    fn put(&self, line: &[u8]) {
        let mut lines = self.lock();
        if lines.stage == Stage::Ended {
            let _ = (&self.output).write_all(line);
        } else if lines.octets.len() + line.len() > ROOM {
            lines.lost += 1;
        } else {
            let is_first = lines.octets.is_empty();
            lines.octets.extend_from_slice(line);
            drop(lines);
            if is_first {
                self.changed.notify_all();
            }
        }
    }

    /// Writes until the end. What cannot be written, because the disk is full or the reader has gone, is lost: there is no
    /// other place to tell of it.
    fn write_all(&self) {
        let mut batch = Vec::new();
        while let Some(lost) = self.take(&mut batch) {
            let _ = (&self.output).write_all(&batch);
            if lost > 0 {
                tracing::warn!("lost {lost} log lines: whoever reads the log is too slow");
            }
            batch.clear();
            batch.shrink_to(KEPT);
            let is_going_on = |lines: &mut Lines| lines.stage == Stage::Gathering;
            drop(self.changed.wait_timeout_while(self.lock(), PAUSE, is_going_on));
        }
    }

    /// Waits for lines and moves them to `batch`, which is empty; answers how many were lost, and `None` at the end.
    fn take(&self, batch: &mut Vec<u8>) -> Option<u64> {
        let is_idle = |lines: &mut Lines| lines.octets.is_empty() && lines.stage == Stage::Gathering;
        let mut lines = self.changed.wait_while(self.lock(), is_idle).unwrap_or_else(PoisonError::into_inner);
        if lines.octets.is_empty() {
            lines.stage = Stage::Ended;
            self.changed.notify_all();
            return None;
        }
        std::mem::swap(&mut lines.octets, batch);
        Some(std::mem::take(&mut lines.lost))
    }
}

impl<O> Gathered<O> {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::read_to_string;
    use std::io::Read as _;

    use super::*;

    #[test]
    fn lines_come_in_their_order_and_none_is_missing_at_the_end_or_after_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let lines = LogLines::start(file.reopen().unwrap()).unwrap();
        let mut writer = lines.writer();
        let mut put = |numbers: std::ops::Range<u32>| {
            numbers.for_each(|number| writer.write_all(format!("{number}\n").as_bytes()).unwrap());
        };
        put(0..1000);
        drop(lines);
        let expected = |count| (0..count).map(|number| format!("{number}\n")).collect::<String>();
        assert_eq!(read_to_string(file.path()).unwrap(), expected(1000));
        put(1000..1010);
        assert_eq!(read_to_string(file.path()).unwrap(), expected(1010));
    }

    #[test]
    fn whoever_does_not_read_the_log_costs_lines_and_keeps_nobody_waiting() {
        let (mut reader, output) = io::pipe().unwrap();
        let lines = LogLines::start(output).unwrap();
        let mut writer = lines.writer();
        let line = [b'x'; 1024];
        for _ in 0..ROOM / line.len() * 2 {
            writer.write_all(&line).unwrap();
        }
        assert!(lines.0.lock().lost > 0);
        assert!(lines.0.lock().octets.len() <= ROOM);
        let reading = std::thread::spawn(move || reader.read_to_end(&mut Vec::new()).unwrap());
        drop((lines, writer));
        assert!(reading.join().unwrap() >= ROOM / 2);
    }
}
