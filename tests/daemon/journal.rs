//! What was decided is in the journal at once, and nobody waits for it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::Value;

use crate::peer::{Ask, NEW, Peer};
use crate::support::{GREYLIST, Postward, Tied, Transport, eventually};
use crate::ways::logged;

fn journal(postward: &Postward, selection: &str) -> Vec<Value> {
    let out = postward.ok(["journal", "--format", "json"].into_iter().chain(selection.split_whitespace()));
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn in_full(postward: &Postward, record: &Value) -> Value {
    serde_json::from_str(&postward.ok(["journal", "show", &record["id"].to_string(), "--format", "json"])).unwrap()
}

fn wait_for(postward: &Postward, selection: &str, number: usize) -> Vec<Value> {
    eventually("it is in the journal", || journal(postward, selection).len() >= number);
    let records = journal(postward, selection);
    assert_eq!(records.len(), number, "{records:#?}");
    records
}

#[test]
fn what_was_decided_is_found_with_all_that_led_to_it() {
    let postward = Postward::start(Transport::Inet);
    postward.ok(["list", "add", "deny", "--sender", "bad@example.org", "--text", "Go away"]);
    let mut peer = Peer::connect(postward.endpoint());
    assert_eq!(peer.ask(&Ask::new().with("client_name", "mail.example.org")), NEW);
    let started = Instant::now();
    let [deferred] = &wait_for(&postward, "", 1)[..] else { panic!() };
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    for (field, value) in [
        ("client", "192.0.2.10"),
        ("client_name", "mail.example.org"),
        ("helo", "mail.example.org"),
        ("sender", "alice@example.org"),
        ("recipient", "bob@example.net"),
        ("check", "greylist"),
        ("reason", "greylist-new"),
        ("mode", "enforce"),
        ("action", NEW),
        ("evidence", "first attempt from 192.0.2.0/24; 300 s left"),
    ] {
        assert_eq!(deferred[field], value, "{deferred:#}");
    }
    let full = in_full(&postward, deferred);
    let steps: Vec<_> = full["steps"].as_array().unwrap().iter().map(|step| step["check"].as_str().unwrap()).collect();
    assert_eq!(steps, ["access", "greylist"]);
    assert!(full["elapsed_us"].as_u64() > Some(0), "{full:#}");

    eventually("the list is in force", || peer.ask(&Ask::from_sender("bad@example.org")).starts_with("550"));
    wait_for(&postward, "--reason access-deny", 1);
}

#[test]
fn a_deferral_tells_whether_it_came_back() {
    let postward = Postward::start(Transport::Inet);
    let mut peer = Peer::connect(postward.endpoint());
    for sender in ["passes@example.org", "waits@example.org", "never@example.org"] {
        assert_eq!(peer.ask(&Ask::from_sender(sender)), NEW);
    }
    let state = |sender: &str| {
        let first = journal(&postward, &format!("--reason greylist-new --sender {sender}")).remove(0);
        in_full(&postward, &first)["came_back"].clone()
    };
    wait_for(&postward, "", 3);
    assert_eq!(state("never@example.org")["state"], "not-yet");
    postward.advance(Duration::from_secs(60));
    assert!(peer.ask(&Ask::from_sender("waits@example.org")).starts_with("DEFER"));
    postward.advance(Duration::from_secs(300));
    assert!(peer.ask(&Ask::from_sender("passes@example.org")).starts_with("PREPEND"));
    let [passed] = &wait_for(&postward, "--reason greylist-passed", 1)[..] else { panic!() };
    assert!(passed["action"].as_str().unwrap().starts_with("PREPEND X-Greylist: delayed 3"), "{passed:#}");
    wait_for(&postward, "--reason greylist-early", 1);
    let back = state("passes@example.org");
    assert_eq!((&back["state"], &back["attempts"], &back["passed"]), (&"passed".into(), &1.into(), &passed["time"]));
    assert_eq!(state("waits@example.org")["state"], "waiting");
    postward.advance(Duration::from_secs(3 * 86_400));
    assert_eq!(state("never@example.org")["state"], "never");
    let table = postward.ok(["journal", "--reason", "greylist-new"]);
    for expected in ["passed after 6m", "once, waits", "never"] {
        assert!(table.contains(expected), "{expected} is missing:\n{table}");
    }
}

#[test]
fn who_comes_back_as_a_known_client_has_come_back() {
    let policy = "chain: [{greylist: {delay: 5m, identity: [network], allow_client_after: 1}}]\n";
    let mut postward = Postward::install(Transport::Inet, policy);
    postward.serve();
    let mut peer = Peer::connect(postward.endpoint());
    assert_eq!(peer.ask(&Ask::from_sender("first@example.org")), NEW);
    assert_eq!(peer.ask(&Ask::from_sender("second@example.org")), NEW);
    postward.advance(Duration::from_secs(301));
    assert!(peer.ask(&Ask::from_sender("first@example.org")).starts_with("PREPEND"));
    assert_eq!(peer.ask(&Ask::from_sender("second@example.org")), "DUNNO");
    wait_for(&postward, "--reason greylist-client", 1);
    let deferred = wait_for(&postward, "--reason greylist-new --sender second@example.org", 1).remove(0);
    assert_eq!(in_full(&postward, &deferred)["came_back"]["state"], "passed");
    assert_eq!(peer.ask(&Ask::from_sender("second@example.org")), "DUNNO");
    assert_eq!(peer.ask(&Ask::from_sender("third@example.org")), "DUNNO");
    assert!(postward.stop().success());
    assert_eq!(journal(&postward, "").len(), 4, "who is not awaited leaves nothing");
}

#[test]
fn what_observed_steps_would_have_done_is_in_the_journal() {
    let mut postward = Postward::install(
        Transport::Inet,
        "chain: [{access: {mode: observe}}, {greylist: {mode: observe, identity: [network]}}]\n",
    );
    postward.ok(["list", "add", "deny", "--sender", "bad@example.org"]);
    postward.serve();
    assert_eq!(Peer::connect(postward.endpoint()).ask(&Ask::from_sender("bad@example.org")), "DUNNO");
    let records = wait_for(&postward, "", 2);
    let told: Vec<_> = records
        .iter()
        .map(|record| ["check", "reason", "mode", "action"].map(|field| record[field].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [["access", "access-deny", "observe", "reject"], ["greylist", "greylist-new", "observe", "defer"]]
    );
    assert_eq!(in_full(&postward, &records[1])["came_back"], Value::Null, "who was let in need not come back");
}

#[test]
fn who_passes_at_once_and_what_is_repeated_leave_nothing() {
    let postward = Postward::start(Transport::Inet);
    let mut peer = Peer::connect(postward.endpoint());
    let ask = Ask::new();
    for _ in 0..3 {
        assert_eq!(peer.ask(&ask), NEW);
        assert_eq!(peer.ask(&Ask::new().with("client_address", "127.0.0.1")), "DUNNO");
        assert_eq!(peer.ask(&Ask::new().with("protocol_state", "VRFY")), "DUNNO");
    }
    assert_eq!(peer.ask(&Ask::from_sender("last@example.org")), NEW);
    wait_for(&postward, "--sender last@example.org", 1);
    assert_eq!(journal(&postward, "").len(), 2);
}

#[test]
fn the_journal_is_followed() {
    let postward = Postward::start(Transport::Inet);
    let mut peer = Peer::connect(postward.endpoint());
    assert_eq!(peer.ask(&Ask::from_sender("before@example.org")), NEW);
    wait_for(&postward, "", 1);
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = postward.command(["journal", "--follow", "--format", "json", "--domain", "example.org"]);
    let _following = Tied::spawn(command.stdout(writer).stderr(Stdio::null()));
    drop(command);
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        BufReader::new(reader).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    let next = || -> Value {
        let line = lines.recv_timeout(Duration::from_secs(20)).expect("it is followed");
        serde_json::from_str(&line).unwrap()
    };
    assert_eq!(next()["sender"], "before@example.org");
    for number in 0..3 {
        peer.ask(&Ask::from_sender(format!("other{number}x@example.com")).with("recipient", "carol@example.com"));
        assert_eq!(peer.ask(&Ask::from_sender(format!("new{number}x@example.org"))), NEW);
        assert_eq!(next()["sender"], format!("new{number}x@example.org"));
    }
}

#[test]
fn what_was_decided_just_before_the_end_is_kept() {
    let mut postward = Postward::start(Transport::Inet);
    assert_eq!(Peer::connect(postward.endpoint()).ask(&Ask::new()), NEW);
    assert!(postward.stop().success());
    assert_eq!(journal(&postward, "").len(), 1);
}

#[test]
fn while_the_journal_cannot_be_written_nobody_waits_and_nothing_is_lost() {
    let mut postward = Postward::install(Transport::Inet, "chain: [access]\n");
    postward.ok(["list", "add", "deny", "--sender", "example.org"]);
    postward.serve();
    let mut peer = Peer::connect(postward.endpoint());
    let lock = Connection::open(postward.database()).unwrap();
    lock.busy_timeout(Duration::from_secs(5)).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let asked = Instant::now();
    for _ in 0..500 {
        assert_eq!(peer.ask(&Ask::new()), "550 5.7.1 Access denied");
    }
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    lock.execute_batch("ROLLBACK").unwrap();
    wait_for(&postward, "--limit 0", 500);
    assert!(logged(&postward, "lacks decisions").is_empty());
}

#[test]
fn what_is_too_much_is_dropped_counted_and_told() {
    let mut postward = Postward::install(Transport::Inet, "chain: [access]\n");
    postward.ok(["list", "add", "deny", "--sender", "example.org"]);
    let mut quiet = postward.command(["serve"]);
    quiet.args(["--log-level", "warn"]);
    postward.serve_by(quiet);
    let lock = Connection::open(postward.database()).unwrap();
    lock.busy_timeout(Duration::from_secs(5)).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut peer = Peer::connect(postward.endpoint());
    for _ in 0..120 {
        peer.send((0..100).flat_map(|_| Ask::new().encode()).collect::<Vec<_>>());
        (0..100).for_each(|_| assert_eq!(peer.reply(), "550 5.7.1 Access denied"));
    }
    let dropped = || -> u64 {
        let numbers = logged(&postward, "the journal lacks decisions");
        numbers
            .iter()
            .filter_map(|line| line.split_once("dropped=")?.1.split_whitespace().next()?.parse::<u64>().ok())
            .sum()
    };
    let told = crate::support::until(Duration::from_secs(30), || (dropped() > 0).then(&dropped));
    lock.execute_batch("ROLLBACK").unwrap();
    let told = told.unwrap_or_else(|| panic!("{}", postward.log())) as usize;
    assert!((1000..=2000).contains(&told), "{told}");
    let kept = 12_000 - told;
    let all = crate::support::until(Duration::from_secs(60), || {
        (journal(&postward, "--limit 0").len() >= kept).then_some(())
    });
    assert!(all.is_some(), "{} of {kept}", journal(&postward, "--limit 0").len());
}

#[test]
fn a_database_of_before_the_journal_is_brought_up_to_date() {
    let mut postward = Postward::install(Transport::Inet, GREYLIST);
    let old = Connection::open(postward.database()).unwrap();
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/0001_greylist_and_lists.sql");
    old.execute_batch(&fs::read_to_string(schema).unwrap()).unwrap();
    old.pragma_update(None, "application_id", 0x7073_7477).unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    old.execute("INSERT INTO entry (sender, action) VALUES ('bad@example.org', 'deny')", ()).unwrap();
    old.close().unwrap();
    let looked = postward.run(["journal"]);
    assert_eq!(looked.status.code(), Some(69), "looking changes nothing");
    postward.serve();
    assert!(Peer::connect(postward.endpoint()).ask(&Ask::from_sender("bad@example.org")).starts_with("550"));
    wait_for(&postward, "", 1);
}
