//! A private Postfix: its own configuration, queue and mailboxes in a temporary directory, one loopback port.
//!
//! `master` is started directly, so neither `postfix start` nor its checks of the installed files take part. It runs
//! as users that every Debian has, so none need be made, and without a chroot.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Signal, geteuid};
use tempfile::TempDir;

use super::layout::{Addition, lay_out};
use super::smtp::{Client, Session};
use crate::support::{Endpoint, Tied, Tools, eventually, free_port, until};

const PATIENCE: Duration = Duration::from_secs(10);

/// A running Postfix for alice, bob, "john doe" and postmaster at example.test, and for carol at optout.example.test.
pub(crate) struct Postfix {
    master: Tied, // first: it ends before its directory goes
    address: SocketAddr,
    dir: TempDir,
}

impl Postfix {
    /// Starts a Postfix that asks the policy server at `policy`, and waits until it greets.
    pub(crate) fn start(policy: &Endpoint) -> Self {
        Self::start_with(policy, &Addition::default())
    }

    /// The same with a configuration that says more.
    pub(crate) fn start_with(policy: &Endpoint, addition: &Addition) -> Self {
        assert!(geteuid().is_root(), "Postfix's master must be started by root\nhint: run the tests in a container");
        let dir = tempfile::Builder::new().prefix("postfix-").tempdir().expect("a directory for Postfix");
        let address = free_port();
        lay_out(dir.path(), policy, address, addition).expect("Postfix's directories can be made");
        let mut postfix = Self { master: start_master(dir.path()), address, dir };
        postfix.wait_until_it_listens(policy);
        postfix
    }

    /// A session of a stranger.
    pub(crate) fn session(&self, client: &Client) -> Session {
        Session::open(self.address, client)
    }

    /// A session from the own network.
    pub(crate) fn local_session(&self) -> Session {
        Session::local(self.address)
    }

    /// Hands in a message as programs on this host do, by sendmail(1).
    pub(crate) fn sendmail(&self, sender: &str, recipient: &str, message: &str) {
        let mut sendmail = self.command("sendmail");
        sendmail.args(["-i", "-f", sender, "--", recipient]).stdin(Stdio::piped());
        let mut running = sendmail.spawn().expect("sendmail starts");
        running.stdin.take().expect("a pipe").write_all(message.as_bytes()).expect("sendmail reads");
        assert!(running.wait().expect("sendmail ends").success(), "{}", self.log());
    }

    /// What Postfix finds in a lookup table, by postmap(1). `DIR` is Postfix's directory.
    pub(crate) fn look_up(&self, table: &str, key: &str) -> Option<String> {
        let table = table.replace("DIR", &self.dir.path().display().to_string());
        let output = self.command("postmap").args(["-q", key, &table]).output().expect("postmap starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.is_empty(), "{table}: {said}");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }

    fn command(&self, program: &str) -> Command {
        let tools = Tools::find();
        let mut command = Command::new(tools.get(&format!("usr/sbin/{program}")));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LD_LIBRARY_PATH", tools.library_path());
        command.env("MAIL_CONFIG", self.dir.path().join("etc"));
        command
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The directory of its main.cf and master.cf.
    pub(crate) fn configuration(&self) -> PathBuf {
        self.dir.path().join("etc")
    }

    /// The messages in a mailbox of example.test (`alice`) or of optout.example.test (`carol`), once there are `count`.
    pub(crate) fn delivered(&self, mailbox: &str, count: usize) -> Vec<Message> {
        let new = self.dir.path().join("mail").join(mailbox).join("new");
        let files = until(PATIENCE, || Some(files_in(&new)).filter(|files| files.len() >= count));
        let files = files.unwrap_or_else(|| panic!("no {count} messages for {mailbox}; the log:\n{}", self.log()));
        assert_eq!(files.len(), count, "messages for {mailbox}");
        files.iter().map(|file| Message::read(file)).collect()
    }

    /// All that Postfix has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("maillog")).unwrap_or_default()
    }

    fn wait_until_it_listens(&mut self, policy: &Endpoint) {
        let greets = Endpoint::Inet(self.address);
        eventually(&format!("Postfix listens and asks {policy}"), || {
            let ended = self.master.ended();
            assert!(ended.is_none(), "Postfix's master ended ({ended:?}); its log:\n{}", self.log());
            greets.answers()
        });
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // On SIGTERM master tells all its processes to end, but waits for none; the port is theirs as well.
        self.master.end(Signal::TERM, PATIENCE);
        until(PATIENCE, || (!Endpoint::Inet(self.address).answers()).then_some(()));
    }
}

/// A message as it lies in a mailbox.
#[derive(Debug, Clone)]
pub(crate) struct Message(String);

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Message {
    fn read(file: &Path) -> Self {
        Self(fs::read_to_string(file).expect("a delivered message can be read"))
    }

    /// The values of all headers of that name, unfolded (RFC 5322 section 2.2.3).
    pub(crate) fn headers(&self, name: &str) -> Vec<String> {
        let (head, _) = self.0.split_once("\n\n").expect("a message has a header section");
        let unfolded = head.replace("\n ", " ").replace("\n\t", " ");
        let values = unfolded.lines().filter_map(|line| line.split_once(':'));
        values.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned()).collect()
    }
}

fn start_master(dir: &Path) -> Tied {
    let tools = Tools::find();
    let mut master = Command::new(tools.get("usr/lib/postfix/sbin/master"));
    master.arg("-c").arg(dir.join("etc")); // it stays our child, in a session of its own
    master.env_clear().env("PATH", "/usr/bin:/bin").env("LD_LIBRARY_PATH", tools.library_path());
    Tied::spawn(master.stdout(Stdio::null()).stderr(Stdio::null()))
}

fn files_in(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a mailbox can be listed").path()).collect();
    files.sort();
    files
}
