//! A private Postfix: its own configuration, queue and mailboxes in a temporary directory, one loopback port.
//!
//! `master` is started directly, so neither `postfix start` nor its checks of the installed files take part. It runs
//! as users that every Debian has, so none need be made, and without a chroot.

use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};
use std::{fs, io};

use rustix::process::{Signal, geteuid};
use tempfile::TempDir;

use super::smtp::{Client, Session};
use crate::support::{Endpoint, Tied, Tools, eventually, free_port, until};

/// The wiring that administrators are told to use; only the endpoint is a test's own.
const SNIPPET: &str = include_str!("../../contrib/postfix/main.cf.snippet");
const SNIPPET_ENDPOINT: &str = "inet:127.0.0.1:10040";

/// Uid and gid of `daemon`, to whom the queue belongs, and gid of `uucp`; Postfix wants both for itself.
const OWNER: u32 = 1;
const SUBMITTERS: u32 = 10;
/// `nobody`, to whom the mailboxes belong.
const NOBODY: u32 = 65534;

const PATIENCE: Duration = Duration::from_secs(10);

/// A running Postfix for alice and bob at example.test and for carol at optout.example.test.
pub(crate) struct Postfix {
    master: Tied, // first: it ends before its directory goes
    address: SocketAddr,
    dir: TempDir,
}

impl Postfix {
    /// Starts a Postfix that asks the policy server at `policy`, and waits until it greets.
    pub(crate) fn start(policy: &Endpoint) -> Self {
        assert!(geteuid().is_root(), "Postfix's master must be started by root\nhint: run the tests in a container");
        let dir = tempfile::Builder::new().prefix("postfix-").tempdir().expect("a directory for Postfix");
        let address = free_port();
        lay_out(dir.path(), policy, address).expect("Postfix's directories can be made");
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

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
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
#[derive(Debug)]
pub(crate) struct Message(String);

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

fn lay_out(dir: &Path, policy: &Endpoint, address: SocketAddr) -> io::Result<()> {
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?;
    make_queue(&dir.join("queue"))?;
    make_dir(&dir.join("data"), OWNER, OWNER, 0o700)?;
    make_dir(&dir.join("mail"), NOBODY, NOBODY, 0o700)?;
    make_dir(&dir.join("etc"), 0, 0, 0o755)?;
    write_dated_back(&dir.join("etc/main.cf"), &main_cf(dir, policy))?;
    write_dated_back(&dir.join("etc/master.cf"), &MASTER_CF.replace("SMTP", &address.to_string()))
}

/// As postfix-files has it.
fn make_queue(queue: &Path) -> io::Result<()> {
    make_dir(queue, 0, 0, 0o755)?;
    make_dir(&queue.join("pid"), 0, 0, 0o755)?;
    make_dir(&queue.join("maildrop"), OWNER, SUBMITTERS, 0o730)?;
    make_dir(&queue.join("public"), OWNER, SUBMITTERS, 0o710)?;
    let private =
        ["active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace"];
    private.iter().try_for_each(|name| make_dir(&queue.join(name), OWNER, OWNER, 0o700))
}

fn make_dir(path: &Path, uid: u32, gid: u32, mode: u32) -> io::Result<()> {
    fs::create_dir(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    chown(path, Some(uid), Some(gid))
}

/// Postfix waits up to two seconds at every start of a program if its configuration was changed just now.
fn write_dated_back(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text)?;
    fs::File::open(path)?.set_modified(SystemTime::now() - Duration::from_secs(3600))
}

fn main_cf(dir: &Path, policy: &Endpoint) -> String {
    let tools = Tools::find();
    let wiring = SNIPPET.replace(SNIPPET_ENDPOINT, &policy.to_string());
    assert_ne!(wiring, SNIPPET, "the snippet no longer names {SNIPPET_ENDPOINT}");
    let settings = MAIN_CF
        .replace("DIR", &dir.display().to_string())
        .replace("DAEMONS", &tools.get("usr/lib/postfix/sbin").display().to_string())
        .replace("COMMANDS", &tools.get("usr/sbin").display().to_string())
        .replace("LIBRARIES", &tools.get("usr/lib/postfix").display().to_string());
    format!("{settings}\n{wiring}")
}

fn files_in(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a mailbox can be listed").path()).collect();
    files.sort();
    files
}

const MAIN_CF: &str = "\
compatibility_level = 3.6
queue_directory = DIR/queue
data_directory = DIR/data
daemon_directory = DAEMONS
command_directory = COMMANDS
shlib_directory = LIBRARIES
import_environment = MAIL_CONFIG TZ LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME LD_LIBRARY_PATH
maillog_file = DIR/maillog
maillog_file_prefixes = DIR
mail_owner = daemon
setgid_group = uucp

myhostname = mx.example.test
mydestination =
mynetworks = 127.0.0.0/8
inet_protocols = all
alias_maps =
local_recipient_maps =

smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_peername_lookup = no
in_flow_delay = 0s
smtpd_junk_command_limit = 1000000

virtual_mailbox_domains = example.test, optout.example.test
virtual_mailbox_base = DIR/mail
virtual_mailbox_maps = inline:{
    { alice@example.test = alice/ }
    { bob@example.test = bob/ }
    { carol@optout.example.test = carol/ } }
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_minimum_uid = 1
";

const MASTER_CF: &str = "\
SMTP     inet        n - n -     - smtpd
cleanup  unix        n - n -     0 cleanup
qmgr     unix        n - n 300   1 qmgr
rewrite  unix        - - n -     - trivial-rewrite
bounce   unix        - - n -     0 bounce
defer    unix        - - n -     0 bounce
trace    unix        - - n -     0 bounce
flush    unix        n - n 1000? 0 flush
proxymap unix        - - n -     - proxymap
error    unix        - - n -     - error
retry    unix        - - n -     - error
virtual  unix        - n n -     - virtual
anvil    unix        - - n -     1 anvil
postlog  unix-dgram  n - n -     1 postlogd
";
