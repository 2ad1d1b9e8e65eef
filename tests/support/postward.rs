//! The real daemon with its own policy file, database, socket and clock.

use std::fs::{self, File, OpenOptions};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use super::{Endpoint, FakeClock, Tied, Transport, until};

/// Nobody is there to be asked about names: `postward check` asks, even where no check does.
pub(crate) const NO_DNS: &str = "dns: {servers: [\"127.0.0.1:1\"], timeout: 100ms}\n";

/// A policy without anything that asks the DNS: access lists, then greylisting with the usual five minutes.
pub(crate) const GREYLIST: &str = "dns: {servers: [\"127.0.0.1:1\"], timeout: 100ms}\n\
    chain: [access, {greylist: {delay: 5m, identity: [network]}}]\n";

/// A daemon that is started must listen by then, one that is told to end must have ended.
const PATIENCE: Duration = Duration::from_secs(10);

/// Nothing more is said about what has happened when so long nothing was.
const SILENCE: Duration = Duration::from_millis(100);

/// An installation of postward, running or not. Everything of it ends and vanishes with it.
pub(crate) struct Postward {
    daemon: Option<Tied>,
    endpoint: Endpoint,
    also: Vec<Endpoint>,
    database: PathBuf,
    clock: FakeClock,
    dir: TempDir,
}

impl Postward {
    /// A running daemon with the policy [`GREYLIST`].
    pub(crate) fn start(transport: Transport) -> Self {
        let mut postward = Self::install(transport, GREYLIST);
        postward.serve();
        postward
    }

    /// Everything in its place but the daemon; `policy` is the policy file without its `listen`.
    pub(crate) fn install(transport: Transport, policy: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("postward-").tempdir().expect("a directory for postward");
        // Postfix's smtpd comes as another user and must reach the socket.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("the directory is ours");
        let endpoint = Endpoint::new(transport, dir.path());
        let (database, clock) = (dir.path().join("postward.db"), FakeClock::new(dir.path()));
        let postward = Self { daemon: None, endpoint, also: Vec::new(), database, clock, dir };
        postward.set_policy(policy);
        postward
    }

    /// Puts the database to another place, relative to [`dir`](Self::dir).
    pub(crate) fn move_database(&mut self, to: &str) {
        self.database = self.dir.path().join(to);
    }

    /// Lets the policy that is set next listen here too.
    pub(crate) fn listen_also(&mut self, endpoint: Endpoint) {
        self.also.push(endpoint);
    }

    /// Writes the policy file anew, without its `listen`; a running daemon reads it on [`reload`](Self::reload).
    pub(crate) fn set_policy(&self, policy: &str) {
        let endpoints = std::iter::once(&self.endpoint).chain(&self.also).map(|endpoint| format!("\"{endpoint}\""));
        let text = format!("listen: [{}]\n{policy}", endpoints.collect::<Vec<_>>().join(", "));
        fs::write(self.policy_file(), text).expect("the policy file can be written");
    }

    /// Starts the daemon and waits until it listens.
    pub(crate) fn serve(&mut self) {
        self.serve_by(self.command(["serve"]));
    }

    /// Starts the daemon by a command that becomes it, and waits until it listens.
    pub(crate) fn serve_by(&mut self, command: Command) {
        self.launch(command, Stdio::null());
    }

    /// Starts the daemon with a socket that listens already, named as systemd names it, and waits until it serves it.
    pub(crate) fn serve_on(&mut self, socket: OwnedFd, name: &str) {
        self.launch(self.activated(name), socket.into());
    }

    /// A command that becomes the daemon and gives it its standard input as systemd gives sockets (`sd_listen_fds(3)`).
    pub(crate) fn activated(&self, name: &str) -> Command {
        self.through_shell(&format!(
            "exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES={name}; exec \"$@\""
        ))
    }

    /// Runs a shell script that has to end with `exec "$@"`, by which it becomes the daemon.
    pub(crate) fn through_shell(&self, script: &str) -> Command {
        let daemon = self.command(["serve"]);
        let mut shell = Command::new("sh");
        shell.args(["-c", script, "sh"]).arg(daemon.get_program()).args(daemon.get_args());
        let environment = daemon.get_envs().filter_map(|(name, value)| Some((name, value?)));
        shell.current_dir(self.dir()).env_clear().envs(environment);
        shell
    }

    fn launch(&mut self, mut command: Command, stdin: Stdio) {
        assert!(self.daemon.is_none(), "postward runs already");
        let mut daemon = Tied::spawn_given(command.stdout(self.log_sink()).stderr(self.log_sink()), stdin);
        let listens = until(PATIENCE, || match daemon.ended() {
            Some(status) => panic!("postward ended before it listened ({status}); its log:\n{}", self.log()),
            None => self.endpoint.serves().then_some(()),
        });
        assert!(listens.is_some(), "postward does not listen at {}; its log:\n{}", self.endpoint, self.log());
        self.daemon = Some(daemon);
    }

    /// SIGTERM; waits for the end.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        self.end(Signal::TERM)
    }

    /// SIGKILL: what is in memory is lost.
    pub(crate) fn kill(&mut self) -> ExitStatus {
        self.end(Signal::KILL)
    }

    /// SIGTERM; does not wait.
    pub(crate) fn begin_to_stop(&self) {
        self.running().signal(Signal::TERM);
    }

    /// The process id of the daemon.
    pub(crate) fn id(&self) -> u32 {
        self.running().id()
    }

    /// SIGHUP; does not wait.
    pub(crate) fn reload(&self) {
        self.running().signal(Signal::HUP);
    }

    /// Turns the wall clock of the daemon and of all commands forward by whole seconds.
    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// The clock, to turn it back or to lend it to another program.
    pub(crate) fn clock(&self) -> &FakeClock {
        &self.clock
    }

    /// Where the daemon listens.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The database, whether it exists yet or not.
    pub(crate) fn database(&self) -> PathBuf {
        self.database.clone()
    }

    /// The policy file.
    pub(crate) fn policy_file(&self) -> PathBuf {
        self.dir.path().join("policy.yaml")
    }

    /// The directory of all this, for lists and sources of a test's own.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// What all daemons of this installation have said so far, in whole lines. They say it a moment after it has happened: this
    /// waits until nothing more comes, but not for ever.
    pub(crate) fn log(&self) -> String {
        let length = || fs::metadata(self.log_file()).map_or(0, |log| log.len());
        let mut before = length();
        for _ in 0..20 {
            thread::sleep(SILENCE);
            if std::mem::replace(&mut before, length()) == before {
                break;
            }
        }
        let mut log = fs::read(self.log_file()).unwrap_or_default();
        log.truncate(log.iter().rposition(|octet| *octet == b'\n').map_or(0, |end| end + 1));
        String::from_utf8_lossy(&log).into_owned()
    }

    /// `postward ARGS…` with this policy file, database and clock, not started yet.
    pub(crate) fn command<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postward"));
        command.args(args).arg("-c").arg(self.policy_file()).arg("--database").arg(self.database());
        command.current_dir(self.dir.path()).env_clear().env("PATH", "/usr/bin:/bin").env("NO_COLOR", "1");
        self.clock.rule(&mut command);
        command
    }

    /// Runs a command given as words, and returns its exit status and output.
    pub(crate) fn run<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Output {
        self.command(args).stdin(Stdio::null()).output().expect("postward starts")
    }

    /// Runs a command that must exit with 0, and returns its standard output.
    pub(crate) fn ok<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> String {
        let output = self.run(args);
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "postward failed ({})\n{stdout}\n{stderr}", output.status);
        stdout
    }

    fn end(&mut self, signal: Signal) -> ExitStatus {
        let mut daemon = self.daemon.take().expect("postward runs");
        let ended = daemon.end(signal, PATIENCE);
        self.clock.clear_up_after(daemon.id());
        ended.unwrap_or_else(|| panic!("postward did not end on {signal:?}; its log:\n{}", self.log()))
    }

    fn running(&self) -> &Tied {
        self.daemon.as_ref().expect("postward runs")
    }

    fn log_file(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    fn log_sink(&self) -> File {
        OpenOptions::new().create(true).append(true).open(self.log_file()).expect("the log can be opened")
    }
}

impl Drop for Postward {
    fn drop(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            let id = daemon.id();
            drop(daemon);
            self.clock.clear_up_after(id);
        }
    }
}
