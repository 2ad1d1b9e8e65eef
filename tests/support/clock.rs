//! A wall clock that a test turns for another process.
//!
//! libfaketime replaces the C library's clock in the program; it reads the offset anew each time somebody asks for
//! the time. The monotonic clock stays as it is, so that timers and deadlines run at their usual speed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use super::Tools;

/// The offset from the real time, kept in a file that any number of programs look at.
pub(crate) struct FakeClock {
    file: PathBuf,
    offset: Mutex<i64>,
}

impl FakeClock {
    /// A clock that shows the real time; its file is made in `dir`.
    pub(crate) fn new(dir: &Path) -> Self {
        let clock = Self { file: dir.join("clock"), offset: Mutex::new(0) };
        clock.turn(0);
        clock
    }

    /// Turns the clock forward by whole seconds.
    pub(crate) fn advance(&self, by: Duration) {
        self.turn(seconds(by));
    }

    /// Turns the clock back by whole seconds.
    pub(crate) fn turn_back(&self, by: Duration) {
        self.turn(-seconds(by));
    }

    /// Turns the clock to this second since 1970; it goes on from there.
    pub(crate) fn set(&self, second: i64) {
        let real = std::time::UNIX_EPOCH.elapsed().expect("after 1970");
        let offset = *self.offset.lock().unwrap();
        self.turn(second - seconds(real) - offset);
    }

    /// Lets `command` live by this clock.
    pub(crate) fn rule(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", Tools::find().faketime())
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1"); // a file does not change because the clock does
    }

    /// Removes what libfaketime leaves in shared memory if a process was killed: under a later process of the same id
    /// it would fail.
    pub(crate) fn clear_up_after(&self, process: u32) {
        for name in ["faketime_shm_", "sem.faketime_sem_"] {
            let _ = fs::remove_file(format!("/dev/shm/{name}{process}"));
        }
    }

    /// Replaces the file in one step: a program never reads half an offset.
    fn turn(&self, by: i64) {
        let mut offset = self.offset.lock().unwrap();
        *offset += by;
        let next = self.file.with_extension("next");
        fs::write(&next, format!("{:+}\n", *offset)).expect("the clock can be written");
        fs::rename(&next, &self.file).expect("the clock can be turned");
    }
}

fn seconds(by: Duration) -> i64 {
    i64::try_from(by.as_secs()).expect("a time that somebody will live to see")
}
