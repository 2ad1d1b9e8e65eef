//! A process that ends with the test, however the test ends.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::until;

/// Reads a pipe that nobody writes to: it closes when the test process dies, even by SIGKILL. A death signal
/// (`PR_SET_PDEATHSIG`) would not do: it follows the thread, and Postfix's master loses it as it changes its uid.
const GUARD: &str = r#"read -r _; kill -TERM "$0"; sleep 5; kill -KILL "$0""#;

/// A child and the guard that ends it when the test cannot.
pub(crate) struct Tied {
    child: Child,
    guard: Child,
}

impl Tied {
    /// Starts `command` without standard input.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self::spawn_given(command, Stdio::null())
    }

    /// Starts `command` with this for its standard input.
    pub(crate) fn spawn_given(command: &mut Command, stdin: Stdio) -> Self {
        let child = command
            .stdin(stdin)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", command.get_program().display()));
        let guard = Command::new("sh")
            .args(["-c", GUARD, &child.id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0) // out of reach of the Ctrl-C that ends the test
            .spawn()
            .expect("sh starts");
        Self { child, guard }
    }

    /// The process id of the child.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends `signal` to the child; one that has ended already hears nothing.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    /// The exit status, if the child has ended.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Sends `signal` and waits for the end; `None` if that takes longer than `limit`.
    pub(crate) fn end(&mut self, signal: Signal, limit: Duration) -> Option<ExitStatus> {
        self.signal(signal);
        until(limit, || self.ended())
    }
}

impl Drop for Tied {
    fn drop(&mut self) {
        // The guard first: it must not be left to signal a process id that belongs to somebody else by then.
        let _ = self.guard.kill();
        let _ = self.guard.wait();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
