//! Where somebody sits who types commands: a directory, an environment, and what the commands say.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::support::{Endpoint, Postward};

/// A directory of its own, without a policy file and without a daemon.
pub(crate) struct Desk(TempDir);

impl Desk {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self(tempfile::Builder::new().prefix("postward-desk-").tempdir().expect("a directory"))
    }

    /// One with `policy.yaml` in it, which is found without being named.
    pub(crate) fn with_policy(policy: &str) -> Self {
        let desk = Self::new();
        desk.write("policy.yaml", policy);
        desk
    }

    /// Its directory.
    pub(crate) fn dir(&self) -> &Path {
        self.0.path()
    }

    /// A file on it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    /// Puts a file on it.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("the file can be written");
        path
    }

    /// `postward ARGS…` in this directory, not started yet.
    pub(crate) fn command<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postward"));
        command.args(args).current_dir(self.dir()).env_clear().env("PATH", "/usr/bin:/bin");
        command
    }

    /// Runs `postward ARGS…`.
    pub(crate) fn run<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Said {
        said(&mut self.command(args), b"")
    }

    /// Runs a line of words without quoting, such as `list show`.
    pub(crate) fn say(&self, line: &str) -> Said {
        self.run(line.split_whitespace())
    }

    /// The list's entries, one JSON object a line.
    pub(crate) fn entries(&self) -> Vec<serde_json::Value> {
        self.say("list show --format json").ok().json()
    }
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    /// The exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Said {
    /// It must have ended with 0.
    pub(crate) fn ok(self) -> Self {
        self.ended(0)
    }

    /// It must have ended with this exit code.
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// It must have failed with this exit code and these words on stderr, and said nothing else.
    pub(crate) fn failed(self, code: i32, words: &[&str]) -> Self {
        let said = self.ended(code);
        assert!(said.err.starts_with("error: ") && said.out.is_empty(), "{said:#?}");
        for word in words {
            assert!(said.err.contains(word), "no {word:?} in\n{}", said.err);
        }
        said
    }

    /// One JSON object a line.
    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.out.lines().map(parse).collect()
    }
}

/// Runs a command with `input` on its standard input.
pub(crate) fn said(command: &mut Command, input: &[u8]) -> Said {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Whoever does not read its input to the end has a reason.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs a line of words beside an installation.
pub(crate) fn beside(postward: &Postward, line: &str) -> Said {
    said(&mut postward.command(line.split_whitespace()), b"")
}

/// What the running daemon answers about a recipient.
pub(crate) fn ask(postward: &Postward, client: &str, sender: &str, recipient: &str) -> String {
    ask_all(postward, &format!("client_address={client}\nsender={sender}\nrecipient={recipient}"))
}

/// What it answers a client with a name, about alice@example.test.
pub(crate) fn ask_as(postward: &Postward, (client, name): (&str, &str), sender: &str) -> String {
    let from = format!("client_address={client}\nclient_name={name}\nhelo_name={name}");
    ask_all(postward, &format!("{from}\nsender={sender}\nrecipient=alice@example.test"))
}

fn ask_all(postward: &Postward, attributes: &str) -> String {
    let Endpoint::Inet(address) = postward.endpoint() else { panic!("only over inet") };
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "request=smtpd_access_policy\nprotocol_state=RCPT\n{attributes}\n\n").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.trim_end().trim_start_matches("action=").to_owned()
}

/// The names of an object's fields, in their order.
pub(crate) fn fields(line: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let (mut depth, mut words) = (0, line.split('"'));
    while let Some(between) = words.next() {
        depth += between.matches(['{', '[']).count();
        depth -= between.matches(['}', ']']).count();
        let Some(word) = words.next() else { break };
        let is_key = words.clone().next().is_some_and(|after| after.starts_with(':'));
        if depth == 1 && is_key {
            fields.push(word.to_owned());
        }
    }
    fields
}
