//! Databases that are damaged, replaced or held: the daemon answers, says which file it is, and keeps what can be kept.

use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::peer::{Ask, NEW, Peer};
use crate::support::{Postward, Transport, at_length, eventually};
use crate::ways::logged;

/// The size of SQLite's pages.
const PAGE: u64 = 4096;

/// How many wait in a database before it is damaged.
const WAITING: usize = 1_500;

/// Postfix's patience ends later; the machine may be busy.
const PROMPT: Duration = Duration::from_millis(1500);

fn waiting(number: usize) -> Ask {
    Ask::from_sender(format!("waiting{number}x@example.org"))
}

fn stranger(number: usize) -> Ask {
    Ask::from_sender(format!("stranger{number}x@example.org"))
}

/// A daemon with some who wait, for a minute by now.
fn with_waiting() -> Postward {
    let postward = Postward::start(Transport::Unix);
    let mut peer = Peer::connect(postward.endpoint());
    for first in (0..WAITING).step_by(100) {
        peer.send((first..first + 100).flat_map(|number| waiting(number).encode()).collect::<Vec<_>>());
        (0..100).for_each(|_| assert_eq!(peer.reply(), NEW));
    }
    postward.advance(Duration::from_secs(60));
    postward
}

/// Strangers are remembered, sooner or later, and nobody is left without an answer before.
fn remembers_strangers(postward: &Postward, what: &str) {
    let mut peer = Peer::connect(postward.endpoint());
    let mut strangers = (0..).map(stranger);
    eventually(what, || peer.ask(&strangers.next().unwrap()) == NEW);
}

fn write_at(path: &Path, place: u64, octets: &[u8]) {
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(place)).unwrap();
    file.write_all(octets).unwrap();
}

fn cut(path: &Path, length: u64) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(length).unwrap();
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

/// What happens to a file, and whether those who waited are still known then.
type Damage = (&'static str, fn(&Path), bool);

const DAMAGES: [Damage; 9] = [
    ("a corrupt header", |path| write_at(path, 0, &[0xa5; 100]), false),
    ("a header with a corrupt end", |path| write_at(path, 20, &[0xa5; 80]), false),
    ("a corrupt page in the middle", |path| write_at(path, length(path) / PAGE / 2 * PAGE, &[0xa5; 4096]), false),
    ("a corrupt last page", |path| write_at(path, length(path) - PAGE, &[0xa5; 4096]), false),
    ("half a file", |path| cut(path, length(path) / 2), false),
    ("a file without its last octets", |path| cut(path, length(path) - 100), false),
    ("an empty file", |path| cut(path, 0), false),
    ("something else", |path| fs::write(path, "a shopping list\n".repeat(500)).unwrap(), false),
    ("garbage in the write-ahead log", |path| fs::write(beside(path, "-wal"), [0xa5; 20_000]).unwrap(), true),
];

#[test]
fn whatever_is_damaged_nobody_is_left_without_an_answer() {
    thread::scope(|scope| {
        for damage in &DAMAGES {
            scope.spawn(|| expect_survival(damage));
        }
    });
}

fn expect_survival((what, damage, kept): &Damage) {
    let mut postward = with_waiting();
    assert!(postward.stop().success());
    damage(&postward.database());
    postward.serve();
    let mut peer = Peer::connect(postward.endpoint());
    for number in 0..WAITING {
        let reply = peer.ask(&waiting(number));
        let waits_on = reply.starts_with("DEFER_IF_PERMIT ") && reply != NEW;
        assert!(waits_on || !kept && (reply == NEW || reply == "DUNNO"), "{what}: {reply}\n{}", postward.log());
    }
    remembers_strangers(&postward, what);
    let log = postward.log();
    assert!(!log.contains("panicked"), "{what}: {log}");
    let aside = fs::read_dir(postward.dir()).unwrap().map(|entry| entry.unwrap().path().display().to_string());
    for kept in aside.filter(|path| path.contains(".corrupt-") && !path.ends_with("-wal") && !path.ends_with("-shm")) {
        let told = logged(&postward, "kept under another name");
        assert!(told.iter().any(|line| line.contains(&kept) && line.contains(" ERROR ")), "{what}: {kept}: {log}");
    }
    assert!(postward.stop().success(), "{what}");
}

const REPLACEMENTS: [Damage; 4] = [
    ("another database", |path| fs::rename(another_database(path), path).unwrap(), false),
    ("something else", |path| replace_by(path, |new| fs::write(new, "a shopping list").unwrap()), false),
    ("an empty file", |path| replace_by(path, |new| fs::write(new, "").unwrap()), false),
    ("nothing", |path| fs::remove_file(path).unwrap(), false),
];

fn replace_by(path: &Path, make: impl Fn(&Path)) {
    let new = beside(path, ".new");
    make(&new);
    fs::rename(new, path).unwrap();
}

/// One that a postward has made, in which nobody waits.
fn another_database(path: &Path) -> PathBuf {
    let new = beside(path, ".new");
    Connection::open(path).unwrap().execute("VACUUM INTO ?1", [new.to_str().unwrap()]).unwrap();
    Connection::open(&new).unwrap().execute_batch("DELETE FROM arrival; VACUUM").unwrap();
    new
}

#[test]
fn a_database_may_be_replaced_while_it_is_in_use() {
    thread::scope(|scope| {
        for (what, replace, _) in &REPLACEMENTS {
            scope.spawn(move || {
                let mut postward = with_waiting();
                let old = beside(&postward.database(), ".old");
                fs::hard_link(postward.database(), &old).unwrap();
                replace(&postward.database());
                eventually(what, || postward.log().contains("was removed or replaced while it was in use"));
                remembers_strangers(&postward, what);
                assert!(logged(&postward, " ERROR ")[0].contains(postward.database().to_str().unwrap()));
                let shown = || postward.ok(["greylist", "show", "--format", "json"]);
                eventually("and it is the one that is used", || shown().contains("stranger"));
                assert!(!postward.log().contains("panicked"), "{what}: {}", postward.log());
                assert!(postward.stop().success(), "{what}");
                assert_sound(&postward.database(), what);
                assert_sound(&old, what);
                assert!(remembered(&postward.database()) < WAITING, "{what}");
                assert_eq!(remembered(&old), WAITING, "whoever kept the old one has all that was remembered: {what}");
            });
        }
    });
}

#[test]
fn a_database_may_be_replaced_right_before_a_restart() {
    let mut postward = with_waiting();
    let old = beside(&postward.database(), ".old");
    fs::hard_link(postward.database(), &old).unwrap();
    fs::rename(another_database(&postward.database()), postward.database()).unwrap();
    assert!(postward.stop().success());
    postward.serve();
    remembers_strangers(&postward, "another database");
    assert!(postward.stop().success());
    for database in [&postward.database(), &old] {
        assert_sound(database, "a restart");
    }
    assert!(remembered(&postward.database()) < WAITING);
    assert_eq!(remembered(&old), WAITING);
}

/// That nothing of one database got into another.
fn assert_sound(database: &Path, what: &str) {
    let found: String =
        Connection::open(database).unwrap().query_one("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(found, "ok", "{}: {what}", database.display());
}

/// How many triplets there are.
fn remembered(database: &Path) -> usize {
    let sql = "SELECT (SELECT count(*) FROM triplet) + (SELECT count(*) FROM arriving)";
    Connection::open(database).unwrap().query_one(sql, (), |row| row.get(0)).unwrap()
}

#[test]
fn a_directory_in_place_of_the_database_is_left_alone_until_it_goes() {
    let postward = with_waiting();
    fs::remove_file(postward.database()).unwrap();
    fs::create_dir(postward.database()).unwrap();
    fs::write(postward.database().join("precious"), "").unwrap();
    let mut peer = Peer::connect(postward.endpoint());
    let mut strangers = (0..).map(stranger);
    eventually("nothing is remembered", || peer.ask(&strangers.next().unwrap()) == "DUNNO");
    assert!(postward.database().join("precious").exists());
    fs::remove_dir_all(postward.database()).unwrap();
    eventually("the database is made anew", || peer.ask(&strangers.next().unwrap()) == NEW);
}

#[test]
fn answers_come_in_time_however_long_somebody_else_keeps_the_database() {
    let postward = with_waiting();
    let lock = Connection::open(postward.database()).unwrap();
    lock.busy_timeout(Duration::from_secs(5)).unwrap();
    lock.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let mut peer = Peer::connect(postward.endpoint());
    let (begun, mut slowest, mut asked) = (Instant::now(), Duration::ZERO, 0);
    while begun.elapsed() < at_length(Duration::from_secs(6), Duration::from_secs(60)) {
        let sent = Instant::now();
        assert_eq!(peer.ask(&stranger(asked)), "DUNNO");
        slowest = slowest.max(sent.elapsed());
        asked += 1;
        thread::sleep(Duration::from_millis(20));
    }
    println!("locked for {:?}: {asked} answers, the slowest after {slowest:?}", begun.elapsed());
    assert!(slowest < PROMPT, "{slowest:?}");
    let errors = logged(&postward, " ERROR ");
    assert!(errors.iter().all(|line| line.contains("another process keeps it locked")), "{errors:?}");
    assert!((1..=2 + begun.elapsed().as_secs() / 60).contains(&(errors.len() as u64)), "{errors:?}");
    lock.execute_batch("ROLLBACK").unwrap();
    remembers_strangers(&postward, "it is over");
    let waits_on = peer.ask(&waiting(7));
    assert!(waits_on.starts_with("DEFER_IF_PERMIT ") && waits_on != NEW, "{waits_on}");
}
