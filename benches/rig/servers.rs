//! The servers that are measured, each a process of its own.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use super::load::Target;
use crate::support::{Endpoint, Tied, Transport, free_port, until};

/// The word by which a benchmark starts itself as the null server.
const NULL_SERVER: &str = "null-server";

/// A server must listen by then.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server. It ends, and its directory vanishes, with it.
pub(crate) struct Server {
    process: Tied,
    tcp: Endpoint,
    unix: Endpoint,
    log: File,
    pub(crate) dir: TempDir,
}

/// An installation of postward that does not run yet.
pub(crate) struct Installation {
    dir: TempDir,
    tcp: Endpoint,
    unix: Endpoint,
}

/// Serves, if this process was started to be the null server; answers whether it was.
pub(crate) fn is_null() -> bool {
    let arguments: Vec<String> = std::env::args().collect();
    match &arguments[..] {
        [_, word, tcp, unix] if word == NULL_SERVER => super::null::serve(tcp, unix),
        _ => return false,
    }
    true
}

/// Starts the null server.
pub(crate) fn null() -> Server {
    let dir = TempDir::new().unwrap();
    let (tcp, unix) = (free_port(), dir.path().join("null.sock"));
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(NULL_SERVER).arg(tcp.to_string()).arg(&unix);
    Server::start(command, dir, Endpoint::Inet(tcp), Endpoint::Unix(unix))
}

/// Starts Debian's postgrey if it is installed. It waits a second where it would have waited for minutes, and does not come to know
/// clients.
pub(crate) fn postgrey(allowed: &str) -> Option<Server> {
    let program = Path::new("/usr/sbin/postgrey");
    if !program.exists() {
        return None;
    }
    let dir = TempDir::new().unwrap();
    let (tcp, clients) = (free_port(), dir.path().join("clients"));
    fs::write(&clients, allowed).unwrap();
    let mut command = Command::new(program);
    command.arg(format!("--inet={tcp}")).args([
        "--delay=1",
        "--auto-whitelist-clients=0",
        "--user=root",
        "--group=root",
    ]);
    command.arg(format!("--dbdir={}", dir.path().display())).arg("--whitelist-recipients=/dev/null");
    command.arg(format!("--whitelist-clients={}", clients.display()));
    Some(Server::start(command, dir, Endpoint::Inet(tcp), Endpoint::Inet(tcp)))
}

impl Installation {
    /// Writes the policy file; `policy` is all of it but `listen`.
    pub(crate) fn new(policy: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let (tcp, unix) = (Endpoint::Inet(free_port()), Endpoint::new(Transport::Unix, dir.path()));
        fs::write(dir.path().join("policy.yaml"), format!("listen: [\"{tcp}\", \"{unix}\"]\n{policy}")).unwrap();
        Self { dir, tcp, unix }
    }

    /// With a database that is there already, and stays there.
    pub(crate) fn with_database(policy: &str, database: &Path) -> Self {
        Self::new(&format!("database: {}\n{policy}", database.display()))
    }

    /// Where the database is, or will be.
    pub(crate) fn database(&self) -> PathBuf {
        self.dir.path().join("postward.db")
    }

    /// Runs a command that must succeed.
    pub(crate) fn run(&self, args: &[&str]) {
        run(self.dir.path(), args);
    }

    /// Starts the daemon: default durability, every decision in a log file.
    pub(crate) fn serve(self) -> Server {
        let command = postward(self.dir.path(), &["serve"]);
        Server::start(command, self.dir, self.tcp, self.unix)
    }
}

impl Server {
    fn start(mut command: Command, dir: TempDir, tcp: Endpoint, unix: Endpoint) -> Self {
        let log = OpenOptions::new().create(true).append(true).open(dir.path().join("log")).unwrap();
        let process = Tied::spawn(command.stdout(Stdio::null()).stderr(log.try_clone().unwrap()));
        until(PATIENCE, || unix.serves().then_some(())).expect("the server listens");
        Self { process, tcp, unix, log, dir }
    }

    /// Where it listens.
    pub(crate) fn target(&self, transport: Transport) -> Target {
        match self.endpoint(transport) {
            Endpoint::Inet(address) => Target::Tcp(*address),
            Endpoint::Unix(path) => Target::Unix(path.clone()),
        }
    }

    /// The same as Postfix writes it.
    pub(crate) fn endpoint(&self, transport: Transport) -> &Endpoint {
        if transport == Transport::Inet { &self.tcp } else { &self.unix }
    }

    /// Runs a command beside the daemon, which must succeed.
    pub(crate) fn run(&self, args: &[&str]) {
        run(self.dir.path(), args);
    }

    /// Empties the log, which grows by gigabytes.
    pub(crate) fn forget_log(&self) {
        self.log.set_len(0).unwrap();
    }

    /// The processor time that it has used.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        // Its name, in parentheses, may hold anything; utime and stime are the 12th and 13th after it (proc(5)).
        let after_name = stat.rsplit_once(')').unwrap().1;
        let ticks: u64 =
            after_name.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10)
    }

    /// Whether a line with this text was logged.
    pub(crate) fn log_has(&self, text: &str) -> bool {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default().contains(text)
    }

    /// Ends it in peace; its directory is still there.
    pub(crate) fn stop(mut self) -> TempDir {
        self.process.end(Signal::TERM, PATIENCE).expect("the server ends");
        self.dir
    }

    /// The resident memory, in KiB.
    pub(crate) fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

fn postward(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postward"));
    command.args(args).arg("-c").arg(dir.join("policy.yaml")).current_dir(dir).env("NO_COLOR", "1");
    command
}

fn run(dir: &Path, args: &[&str]) {
    let output = postward(dir, args).output().unwrap();
    assert!(output.status.success(), "postward {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}
