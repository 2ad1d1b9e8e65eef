//! Unusual ways to start the daemon, and what can be seen of it from outside.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{Postward, Tied, until};

/// Runs a shell script that has to end with `exec "$@"`, by which it becomes the daemon. The daemon has the real clock.
pub(crate) fn through_shell(postward: &Postward, script: &str) -> Command {
    let daemon = postward.command(["serve"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh"]).arg(daemon.get_program()).args(daemon.get_args());
    shell.current_dir(postward.dir()).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("NO_COLOR", "1");
    shell
}

/// Tries to start a daemon that must not run; its exit code and what it said.
pub(crate) fn refused(postward: &Postward) -> (Option<i32>, String) {
    let said = postward.dir().join("refusal");
    let sink = fs::File::create(&said).unwrap();
    let mut daemon = Tied::spawn(postward.command(["serve"]).stdout(Stdio::null()).stderr(sink));
    let status = until(Duration::from_secs(10), || daemon.ended());
    let said = fs::read_to_string(said).unwrap();
    let status = status.unwrap_or_else(|| panic!("it runs, and should not:\n{said}"));
    (status.code(), said)
}

/// The lines of the daemon's log with `text` in them.
pub(crate) fn logged(postward: &Postward, text: &str) -> Vec<String> {
    postward.log().lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
}

/// The memory the daemon uses, in KiB.
pub(crate) fn memory(postward: &Postward) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", postward.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// How many descriptors the daemon has open.
pub(crate) fn descriptors(postward: &Postward) -> usize {
    fs::read_dir(format!("/proc/{}/fd", postward.id())).unwrap().count()
}
