//! When the database is away, locked, full, damaged or not ours: mail goes on, and the log says why it is not greylisted.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::peer::{Ask, NEW, Peer};
use crate::support::{GREYLIST, Postward, Transport, eventually};
use crate::ways::{logged, refused};

/// The user `nobody`, for whom permissions count.
const NOBODY: u32 = 65534;

/// Postfix's patience ends later.
const PROMPT: Duration = Duration::from_millis(1500);

/// Asks about somebody new each time.
struct Strangers<'a> {
    peer: &'a mut Peer,
    number: u32,
}

impl Strangers<'_> {
    fn ask(&mut self) -> String {
        self.number += 1;
        self.peer.ask(&Ask::from_sender(format!("stranger{}x@example.org", self.number)))
    }

    /// Waits until nothing is remembered any more, or again.
    fn until(&mut self, expected: &str) {
        eventually(expected, || self.ask() == expected);
    }
}

fn strangers(peer: &mut Peer) -> Strangers<'_> {
    Strangers { peer, number: 0 }
}

fn loud(postward: &Postward, text: &str) {
    eventually(text, || logged(postward, " ERROR ").iter().any(|line| line.contains(text)));
}

#[test]
fn a_missing_directory_costs_no_mail_and_no_restart() {
    let mut postward = Postward::install(Transport::Inet, GREYLIST);
    postward.move_database("later/postward.db");
    postward.serve();
    loud(&postward, &postward.database().display().to_string());
    let mut peer = Peer::connect(postward.endpoint());
    assert_eq!(peer.ask(&Ask::new()), "DUNNO");
    assert!(logged(&postward, "passed unchecked").len() == 1, "{}", postward.log());
    fs::create_dir(postward.dir().join("later")).unwrap();
    strangers(&mut peer).until(NEW);
    assert_eq!(logged(&postward, "can be used again").len(), 1, "{}", postward.log());
}

#[test]
fn sources_are_read_as_soon_as_there_is_a_table_for_them() {
    let mut postward = Postward::install(Transport::Inet, GREYLIST);
    postward.set_policy(&refusing_by_source(&postward, "192.0.2.0/24"));
    postward.move_database("later/postward.db");
    postward.serve();
    let mut peer = Peer::connect(postward.endpoint());
    assert_eq!(peer.ask(&Ask::new()), "DUNNO");
    fs::create_dir(postward.dir().join("later")).unwrap();
    strangers(&mut peer).until("550 5.7.1 Access denied");
}

/// A policy with a source that lists one network.
fn refusing_by_source(postward: &Postward, network: &str) -> String {
    let list = postward.dir().join("drop.txt");
    fs::write(&list, network).unwrap();
    let source = format!("{{name: drop, file: {}, format: cidr, action: deny}}", list.display());
    format!("lists: {{sources: [{source}]}}\n{GREYLIST}")
}

#[test]
fn a_directory_that_may_not_be_written_costs_no_mail_and_no_restart() {
    let mut postward = Postward::install(Transport::Inet, GREYLIST);
    postward.move_database("state/postward.db");
    let state = postward.dir().join("state");
    fs::create_dir(&state).unwrap();
    let mut daemon = postward.command(["serve"]);
    daemon.uid(NOBODY).gid(NOBODY);
    postward.serve_by(daemon);
    loud(&postward, "Permission denied");
    let mut peer = Peer::connect(postward.endpoint());
    assert_eq!(strangers(&mut peer).ask(), "DUNNO");
    chown(&state, Some(NOBODY), Some(NOBODY)).unwrap();
    strangers(&mut peer).until(NEW);
}

#[test]
fn a_database_that_may_not_be_written_costs_no_mail_and_no_restart() {
    let mut postward = Postward::start(Transport::Inet);
    postward.stop();
    chown(postward.dir(), Some(NOBODY), Some(NOBODY)).unwrap();
    for entry in fs::read_dir(postward.dir()).unwrap() {
        fs::set_permissions(entry.unwrap().path(), fs::Permissions::from_mode(0o644)).unwrap();
    }
    let lock = PathBuf::from(format!("{}.lock", postward.database().display()));
    chown(lock, Some(NOBODY), Some(NOBODY)).unwrap();
    let mut daemon = postward.command(["serve"]);
    daemon.uid(NOBODY).gid(NOBODY);
    postward.serve_by(daemon);
    loud(&postward, "read-only");
    let mut peer = Peer::connect(postward.endpoint());
    assert_eq!(strangers(&mut peer).ask(), "DUNNO");
    chown(postward.database(), Some(NOBODY), Some(NOBODY)).unwrap();
    strangers(&mut peer).until(NEW);
}

#[test]
fn the_database_of_a_newer_postward_is_refused_with_both_versions() {
    let mut postward = Postward::start(Transport::Inet);
    postward.stop();
    let database = Connection::open(postward.database()).unwrap();
    let ours: i64 = database.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    database.pragma_update(None, "user_version", 4711).unwrap();
    database.close().unwrap();
    let before = fs::read(postward.database()).unwrap();
    let (code, said) = refused(&postward);
    assert_eq!(code, Some(69), "{said}");
    for expected in [postward.database().to_str().unwrap(), "version 4711", &format!("version {ours}")] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(fs::read(postward.database()).unwrap() == before, "it was touched");
}

#[test]
fn the_database_of_another_program_is_refused() {
    let postward = Postward::install(Transport::Inet, GREYLIST);
    Connection::open(postward.database()).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    let (code, said) = refused(&postward);
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains("another program"), "{said}");
}

#[test]
fn what_is_no_database_is_kept_under_another_name() {
    let nonsense = "this is a shopping list\n".repeat(1000);
    let mut postward = Postward::install(Transport::Inet, GREYLIST);
    fs::write(postward.database(), &nonsense).unwrap();
    postward.serve();
    assert_eq!(Peer::connect(postward.endpoint()).ask(&Ask::new()), NEW);
    let [kept] = &kept_aside(&postward)[..] else { panic!("{}", postward.log()) };
    assert_eq!(fs::read_to_string(kept).unwrap(), nonsense);
    loud(&postward, &kept.display().to_string());
}

#[test]
fn a_damaged_database_is_kept_under_another_name_and_sources_are_read_into_the_new_one() {
    let mut postward = Postward::install(Transport::Inet, GREYLIST);
    postward.set_policy(&refusing_by_source(&postward, "198.51.100.0/24"));
    postward.serve();
    let mut peer = Peer::connect(postward.endpoint());
    assert_eq!(peer.ask(&Ask::new()), NEW);
    postward.stop();
    let length = fs::metadata(postward.database()).unwrap().len() as usize;
    let mut file = OpenOptions::new().write(true).open(postward.database()).unwrap();
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(4096)).unwrap(); // the first page stays whole
    file.write_all(&vec![0xa5; length - 4096]).unwrap();
    postward.serve();
    let mut peer = Peer::connect(postward.endpoint());
    strangers(&mut peer).until(NEW);
    assert_eq!(kept_aside(&postward).len(), 1, "{}", postward.log());
    let refused = Ask::new().with("client_address", "198.51.100.10");
    eventually("the lists are in the new database", || peer.ask(&refused) == "550 5.7.1 Access denied");
}

fn kept_aside(postward: &Postward) -> Vec<PathBuf> {
    let paths = fs::read_dir(postward.dir()).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.to_string_lossy().contains("postward.db.corrupt-")).collect()
}

#[test]
fn a_database_that_is_removed_is_made_anew_with_all_that_the_sources_say() {
    let mut postward = Postward::install(Transport::Inet, GREYLIST);
    postward.set_policy(&refusing_by_source(&postward, "198.51.100.0/24"));
    postward.serve();
    let mut peer = Peer::connect(postward.endpoint());
    assert_eq!(peer.ask(&Ask::new()), NEW);
    for suffix in ["", "-wal", "-shm"] {
        fs::remove_file(format!("{}{suffix}", postward.database().display())).unwrap();
    }
    eventually("it is there again", || postward.database().exists());
    strangers(&mut peer).until(NEW);
    assert!(postward.ok(["greylist", "show"]).contains("stranger"), "and it is the one that is used");
    let refused = Ask::new().with("client_address", "198.51.100.10");
    eventually("the sources are in it", || postward.ok(["list", "show"]).contains("198.51.100.0/24"));
    eventually("and in force", || peer.ask(&refused) == "550 5.7.1 Access denied");
}

#[test]
fn while_another_process_keeps_the_database_locked_answers_come_in_time() {
    let postward = Postward::start(Transport::Inet);
    let mut peer = Peer::connect(postward.endpoint());
    assert_eq!(peer.ask(&Ask::new()), NEW);
    postward.advance(Duration::from_secs(600));
    assert!(peer.ask(&Ask::new()).starts_with("PREPEND"));

    let lock = Connection::open(postward.database()).unwrap();
    lock.busy_timeout(Duration::from_secs(5)).unwrap();
    lock.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let mut strangers = strangers(&mut peer);
    for _ in 0..5 {
        let asked = Instant::now();
        assert_eq!(strangers.ask(), "DUNNO");
        assert!(asked.elapsed() < PROMPT, "{:?}", asked.elapsed());
    }
    let asked = Instant::now();
    assert_eq!(strangers.peer.ask(&Ask::new()), "DUNNO");
    assert!(asked.elapsed() < PROMPT / 5, "who is known need not be looked up: {:?}", asked.elapsed());
    assert_eq!(logged(&postward, "greylist-known").len(), 1, "{}", postward.log());
    loud(&postward, "another process keeps it locked");

    lock.execute_batch("ROLLBACK").unwrap();
    strangers.until(NEW);
}

#[test]
fn what_was_deferred_is_remembered_whatever_happens_to_the_daemon() {
    let mut postward = Postward::start(Transport::Inet);
    let attempts = || (0..50).map(|number| Ask::from_sender(format!("sender{number}x@example.org")));
    let requests: Vec<_> = attempts().collect();
    let mut peer = Peer::connect(postward.endpoint());
    peer.send(requests.iter().flat_map(Ask::encode).collect::<Vec<_>>());
    for _ in &requests {
        assert_eq!(peer.reply(), NEW);
    }
    postward.kill();
    postward.serve();

    let mut peer = Peer::connect(postward.endpoint());
    assert!(peer.ask(&requests[0]).starts_with("DEFER_IF_PERMIT"), "Postfix repeats what was cut off");
    let shown = postward.ok(["greylist", "show", "--format", "json"]);
    let shown: Vec<serde_json::Value> = shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(shown.len(), requests.len());
    assert!(shown.iter().all(|triplet| triplet["attempts"] == 1), "a repetition is no second attempt: {shown:?}");
    postward.advance(Duration::from_secs(600));
    for again in attempts() {
        assert!(peer.ask(&again).starts_with("PREPEND X-Greylist: delayed 60"));
    }
}
