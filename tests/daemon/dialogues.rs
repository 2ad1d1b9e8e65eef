//! Dialogues between Postfix and postward, written down for postmasters (`tests/dialogues`, whose README explains them).
//!
//! Each is played with the real decoder, chain, lists and database, in this process: the clock has to stand still between two
//! requests, so that the seconds in an answer can be told.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use postward::batv::signing::{Secret, Tagging};
use postward::chain::{Chain, Decision, Mode, Policy, World};
use postward::checks::Parts;
use postward::clock::{Clock as _, ManualClock, SystemClock, Timestamp, earlier};
use postward::config::{Draft, Period};
use postward::dns::zones::Zones;
use postward::lists::Lists;
use postward::protocol::Decoder;
use postward::store::sqlite::Sqlite;
use postward::store::{Greylist, Remembered};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::reply::well_formed;
use crate::support::{GREYLIST, until};

#[test]
fn every_dialogue_goes_as_it_is_written() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogues");
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut dialogues: Vec<_> = paths.filter(|path| path.extension().is_some_and(|name| name == "dialogue")).collect();
    dialogues.sort();
    assert!(dialogues.len() > 15, "where are the others? {dialogues:?}");
    let failures: Vec<_> = dialogues.iter().flat_map(|path| play(path).err()).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// Plays one dialogue to its end, or to the first line that goes otherwise.
fn play(path: &Path) -> Result<(), String> {
    let name = path.file_name().unwrap().to_string_lossy();
    let mut stage = Stage::new();
    for (number, line) in fs::read_to_string(path).unwrap().lines().enumerate() {
        stage.play(line).map_err(|why| format!("{name}:{}: {line}\n{why}", number + 1))?;
    }
    if stage.begun || stage.decision.is_none() {
        return Err(format!("{name}: it ends without an answer"));
    }
    Ok(())
}

/// A postward without listeners, and those who talk to it.
struct Stage {
    runtime: Runtime,
    clock: ManualClock,
    postward: Postward,
    directory: TempDir,
    attributes: Vec<(String, String)>,
    /// Whether `attributes` are a request that was not asked yet.
    begun: bool,
    transactions: u32,
    decision: Option<Decision>,
    /// The address that was signed last: `{signed}`.
    signed: String,
}

struct Postward {
    tagging: Arc<Tagging>,
    chain: Chain,
    lists: Lists,
    greylist: Arc<Remembered<dyn Greylist>>,
    store: Arc<Sqlite>,
}

impl Stage {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut stage = Self {
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
            clock: ManualClock::new(this_second()),
            postward: Postward::start(&database_in(&directory)),
            directory,
            attributes: Vec::new(),
            begun: false,
            transactions: 0,
            decision: None,
            signed: String::new(),
        };
        Secret::generate(&stage.directory.path().join("batv.key")).unwrap();
        for (name, value) in [
            ("request", "smtpd_access_policy"),
            ("protocol_state", "RCPT"),
            ("client_address", "192.0.2.10"),
            ("sender", "alice@example.org"),
            ("recipient", "bob@example.net"),
        ] {
            stage.set(name, value);
        }
        stage.follow_lists();
        stage
    }

    fn play(&mut self, line: &str) -> Result<(), String> {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("" | "#", _) => Ok(()),
            (">", attribute) => self.begin(attribute),
            ("<", expected) => self.expect(expected),
            ("?", expected) => self.expect_reason(expected),
            ("!", command) => self.happen(command),
            _ => Err("a line begins with # > < ? or !".to_owned()),
        }
    }

    /// What a request does not say is as in the one before, but every request is a transaction of its own.
    fn begin(&mut self, attribute: &str) -> Result<(), String> {
        let (name, value) = attribute.split_once('=').ok_or("not name=value")?;
        if !self.begun {
            self.transactions += 1;
            self.set("instance", &format!("4f1.{}.0", self.transactions));
        }
        self.begun = true;
        self.set(name, &value.replace("{signed}", &self.signed));
        Ok(())
    }

    fn expect(&mut self, expected: &str) -> Result<(), String> {
        if !std::mem::take(&mut self.begun) {
            return Err("nothing was asked".to_owned());
        }
        let decision = self.ask();
        let octets = decision.action.encode();
        let reply = format!("action={}", well_formed(&octets)?);
        let fits = match expected.strip_suffix('…') {
            Some(beginning) => reply.starts_with(beginning),
            None => reply == expected,
        };
        let why = if fits { Ok(()) } else { Err(format!("< {reply}\n{:#?}", decision.trace)) };
        self.decision = Some(decision);
        why
    }

    fn ask(&self) -> Decision {
        let mut decoder = Decoder::default();
        for (name, value) in &self.attributes {
            decoder.input().extend_from_slice(format!("{name}={value}\n").as_bytes());
        }
        decoder.input().push(b'\n');
        let request = decoder.next_request().unwrap().expect("a whole request");
        let world = World {
            lists: &self.postward.lists.current().expect("the lists have been read"),
            now: self.clock.now(),
            clock_is_sure: true,
        };
        self.runtime.block_on(self.postward.chain.answer(&request, &world))
    }

    /// `? REASON` is what decided, `? would REASON` what an observed step found.
    fn expect_reason(&self, expected: &str) -> Result<(), String> {
        let decision = self.decision.as_ref().ok_or("nothing was asked")?;
        let reasons: Vec<_> = match expected.strip_prefix("would ") {
            Some(_) => {
                decision.trace.iter().filter(|step| step.mode == Mode::Observe).map(|step| step.reason).collect()
            }
            None => vec![decision.reason],
        };
        let expected = expected.trim_start_matches("would ");
        if reasons.iter().flatten().any(|reason| reason.as_str() == expected) {
            return Ok(());
        }
        Err(format!("? {reasons:?}\n{:#?}", decision.trace))
    }

    fn happen(&mut self, command: &str) -> Result<(), String> {
        match command.split_once(' ').unwrap_or((command, "")) {
            ("advance", period) => self.clock.advance(duration(period)?),
            ("back", period) => self.clock.set(earlier(self.clock.now(), duration(period)?)),
            ("purge", "") => self.runtime.block_on(self.postward.chain.maintain(self.clock.now())),
            ("restart", "") => self.restart(),
            ("policy", text) => self.postward.follow(&policy(self.directory.path(), text)?),
            ("sign", sender) => {
                let signed = self.postward.tagging.sign(sender, self.clock.now());
                self.signed = signed.map_err(|why| why.to_string())?;
            }
            ("list" | "greylist", _) => self.run(command)?,
            _ => return Err("nobody knows how to do that".to_owned()),
        }
        Ok(())
    }

    /// Nothing else is known afterwards but what is in the database, which only one at a time can serve.
    fn restart(&mut self) {
        self.postward = Postward::start(&self.directory.path().join("another.db"));
        self.postward = Postward::start(&database_in(&self.directory));
        self.follow_lists();
    }

    /// A command of the administrator's, as typed.
    fn run(&self, command: &str) -> Result<(), String> {
        let file = self.directory.path().join("policy.yaml");
        fs::write(&file, GREYLIST).unwrap();
        let line = format!("exec \"$0\" {command} -c \"$1\" --database \"$2\"");
        let mut shell = Command::new("sh");
        shell.args(["-c", &line, env!("CARGO_BIN_EXE_postward")]).args([file, database_in(&self.directory)]);
        let output = shell.output().unwrap();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        self.follow_lists();
        self.postward.greylist.forget_answers();
        Ok(())
    }

    fn follow_lists(&self) {
        let Postward { lists, store, .. } = &self.postward;
        self.runtime.block_on(lists.refresh_if_changed(store.as_ref())).unwrap();
    }

    fn set(&mut self, name: &str, value: &str) {
        self.attributes.retain(|(known, _)| known != name);
        self.attributes.push((name.to_owned(), value.to_owned()));
    }
}

impl Postward {
    fn start(database: &Path) -> Self {
        // A process that another test is just starting holds the lock of the one before until it has become a program.
        let store = until(Duration::from_secs(10), || Sqlite::serve(database).ok());
        let store = Arc::new(store.expect("nobody else serves it"));
        let greylist: Arc<Remembered<dyn Greylist>> = Arc::new(Remembered::new(store.clone() as Arc<dyn Greylist>));
        let policy = policy(Path::new(""), GREYLIST).unwrap();
        let chain = policy.chain(&parts(&policy, &greylist));
        Self { chain, tagging: policy.tagging.clone(), lists: Lists::new(), greylist, store }
    }

    fn follow(&mut self, policy: &Policy) {
        self.chain = policy.chain(&parts(policy, &self.greylist));
        self.tagging = policy.tagging.clone();
    }
}

/// Dialogues are about what is remembered: whatever asks the DNS finds nothing.
fn parts(policy: &Policy, greylist: &Arc<Remembered<dyn Greylist>>) -> Parts {
    Parts { greylist: greylist.clone(), dns: Arc::new(Zones::default()), tagging: policy.tagging.clone() }
}

/// The administrator's commands live by the machine's clock; the seconds in answers are whole ones.
fn this_second() -> Timestamp {
    Timestamp::from_second(SystemClock.now().as_second()).unwrap()
}

fn database_in(directory: &TempDir) -> PathBuf {
    directory.path().join("postward.db")
}

fn policy(directory: &Path, text: &str) -> Result<Policy, String> {
    let draft = Draft::parse(&directory.join("policy.yaml"), text.to_owned()).map_err(|error| error.to_string())?;
    Policy::from_draft(draft).map_err(|error| error.to_string())
}

fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<Period>().map(|period| period.0).map_err(|error| error.to_string())
}
