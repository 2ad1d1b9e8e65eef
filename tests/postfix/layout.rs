//! The files and directories of a private Postfix.

use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::time::{Duration, SystemTime};
use std::{fs, io};

use crate::support::{Endpoint, Tools};

/// The wiring that administrators are told to use; only the endpoint is a test's own.
const SNIPPET: &str = include_str!("../../contrib/postfix/main.cf.snippet");

/// Where postward listens in all snippets.
const SNIPPET_ENDPOINT: &str = "inet:127.0.0.1:10040";

/// Uid and gid of `daemon`, to whom the queue belongs, and gid of `uucp`; Postfix wants both for itself.
const OWNER: u32 = 1;
const SUBMITTERS: u32 = 10;
/// `nobody`, to whom the mailboxes belong.
const NOBODY: u32 = 65534;

/// What a test puts behind the usual configuration. `DIR` is Postfix's directory. No setting may be there already: every
/// program would complain about that at once, postlogd to itself, and wait for ever.
#[derive(Debug, Default)]
pub(crate) struct Addition {
    pub(crate) main_cf: String,
    pub(crate) master_cf: String,
    /// Files in `DIR/etc`.
    pub(crate) files: Vec<(&'static str, String)>,
}

/// Makes everything that Postfix needs to start.
pub(crate) fn lay_out(dir: &Path, policy: &Endpoint, address: SocketAddr, addition: &Addition) -> io::Result<()> {
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?;
    make_queue(&dir.join("queue"))?;
    make_dir(&dir.join("data"), OWNER, OWNER, 0o700)?;
    make_dir(&dir.join("mail"), NOBODY, NOBODY, 0o700)?;
    make_dir(&dir.join("etc"), 0, 0, 0o755)?;
    write_dated_back(&dir.join("etc/mailboxes"), MAILBOXES)?;
    for (name, text) in &addition.files {
        write_dated_back(&dir.join("etc").join(name), text)?;
    }
    write_dated_back(&dir.join("etc/main.cf"), &main_cf(dir, policy, addition))?;
    let services = MASTER_CF.replace("SMTP", &address.to_string());
    write_dated_back(&dir.join("etc/master.cf"), &format!("{services}\n{}", addition.master_cf))
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

fn main_cf(dir: &Path, policy: &Endpoint, addition: &Addition) -> String {
    let tools = Tools::find();
    let wiring = with_policy(SNIPPET, policy);
    let in_place = |text: &str| text.replace("DIR", &dir.display().to_string());
    let settings = in_place(MAIN_CF)
        .replace("DAEMONS", &tools.get("usr/lib/postfix/sbin").display().to_string())
        .replace("COMMANDS", &tools.get("usr/sbin").display().to_string())
        .replace("LIBRARIES", &tools.get("usr/lib/postfix").display().to_string());
    format!("{settings}\n{wiring}\n{}", in_place(&addition.main_cf))
}

/// A snippet that asks the policy server at `policy`.
pub(crate) fn with_policy(snippet: &str, policy: &Endpoint) -> String {
    fill_in(snippet, SNIPPET_ENDPOINT, &policy.to_string())
}

/// A snippet with a value of the test's own; what was there has to be there.
pub(crate) fn fill_in(snippet: &str, placeholder: &str, value: &str) -> String {
    assert!(snippet.contains(placeholder), "the snippet no longer has {placeholder}:\n{snippet}");
    snippet.replace(placeholder, value)
}

const MAIN_CF: &str = "\
compatibility_level = 3.6
queue_directory = DIR/queue
data_directory = DIR/data
daemon_directory = DAEMONS
command_directory = COMMANDS
shlib_directory = LIBRARIES
import_environment = MAIL_CONFIG TZ LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME LD_LIBRARY_PATH
export_environment = MAIL_CONFIG TZ LANG LD_LIBRARY_PATH
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
virtual_mailbox_maps = regexp:DIR/etc/mailboxes
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_minimum_uid = 1
";

/// Who lives here. Maps of other kinds have no keys with blanks in them.
const MAILBOXES: &str = r#"
/^alice@example\.test$/         alice/
/^bob@example\.test$/           bob/
/^postmaster@example\.test$/    postmaster/
/^"?john doe"?@example\.test$/  john/
/^carol@optout\.example\.test$/ carol/
"#;

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
smtp     unix        - - n -     - smtp
anvil    unix        - - n -     1 anvil
postlog  unix-dgram  n - n -     1 postlogd
";
