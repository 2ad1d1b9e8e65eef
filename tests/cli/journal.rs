//! `postward journal` as a person meets it.

use std::time::Duration;

use crate::desk::{Desk, Said, ask, ask_as, beside, fields};
use crate::support::{Postward, Transport, eventually};

const FIELDS: [&str; 12] = [
    "id",
    "time",
    "client",
    "client_name",
    "helo",
    "sender",
    "recipient",
    "check",
    "reason",
    "mode",
    "action",
    "evidence",
];

/// A daemon that has refused one and deferred four, of whom one has passed.
fn with_decisions() -> Postward {
    let mut postward = Postward::install(Transport::Inet, crate::support::GREYLIST);
    beside(&postward, "list add deny --sender bad@example.org --text Go-away").ok();
    postward.serve();
    let bob = "bob@example.net";
    assert_eq!(ask(&postward, "192.0.2.1", "bad@example.org", bob), "550 5.7.1 Go-away");
    ask(&postward, "192.0.2.1", "alice@example.org", bob);
    ask(&postward, "2001:db8::1", "", "carol+x@mail.example.com");
    ask(&postward, "198.51.100.1", "prvs=0785afa14d=dave@example.com", bob);
    ask_as(&postward, ("203.0.113.1", "mail.example.org"), "eve@notexample.org");
    postward.advance(Duration::from_secs(400));
    ask(&postward, "192.0.2.1", "alice@example.org", bob);
    eventually("all are in the journal", || beside(&postward, "journal --format json").ok().json().len() == 6);
    postward
}

fn ids(postward: &Postward, selection: &[&str]) -> Vec<u64> {
    let mut command = postward.command(["journal", "--format", "json"].iter().chain(selection).copied());
    let said = crate::desk::said(&mut command, b"").ok();
    assert!(said.out.lines().all(|line| fields(line) == FIELDS), "{}", said.out);
    said.json().iter().map(|record| record["id"].as_u64().unwrap()).collect()
}

#[test]
fn decisions_are_selected_by_what_people_know_of_them() {
    let postward = with_decisions();
    for (selection, expected) in [
        (&[][..], &[1, 2, 3, 4, 5, 6][..]),
        (&["--since", "1d"], &[1, 2, 3, 4, 5, 6]),
        (&["--since", "2m"], &[6]),
        (&["--until", "2m"], &[1, 2, 3, 4, 5]),
        (&["--since", "2001-01-31", "--until", "2001-02-01"], &[]),
        (&["--client", "192.0.2.1"], &[1, 2, 6]),
        (&["--client", "192.0.0.0/16"], &[1, 2, 6]),
        (&["--client", "2001:db8::/32"], &[3]),
        (&["--client", "example.org"], &[5]),
        (&["--sender", "Alice@Example.ORG"], &[2, 6]),
        (&["--sender", "dave@example.com"], &[4]),
        (&["--sender", "prvs=1799ffffff=dave@example.com"], &[4]), // of another day
        (&["--sender", "<>"], &[3]),
        (&["--sender", "example.org"], &[1, 2, 6]),
        (&["--recipient", "carol@mail.example.com"], &[3]),
        (&["--recipient", "bob@example.net", "--sender", "example.com"], &[4]),
        (&["--domain", "example.com"], &[3, 4]),
        (&["--check", "access"], &[1]),
        (&["--reason", "greylist-passed"], &[6]),
        (&["--check", "greylist", "--limit", "2"], &[5, 6]),
        (&["--check", "greylist", "--limit", "0"], &[2, 3, 4, 5, 6]),
    ] {
        assert_eq!(ids(&postward, selection), expected, "{selection:?}");
    }
}

#[test]
fn decisions_are_a_table_for_people() {
    let postward = with_decisions();
    let table = beside(&postward, "journal --limit 6").ok().out;
    let lines: Vec<_> = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(lines[0], "ID TIME CLIENT SENDER RECIPIENT REASON DECISION CAME BACK EVIDENCE");
    for (line, expected) in [
        (&lines[1], " 192.0.2.1 bad@example.org bob@example.net access-deny rejected - entry 1"),
        (&lines[2], " 192.0.2.1 alice@example.org bob@example.net greylist-new deferred passed after 6m 4"),
        (&lines[3], " 2001:db8::1 <> carol+x@mail.example.com greylist-new deferred not yet first attempt from"),
        (&lines[6], " 192.0.2.1 alice@example.org bob@example.net greylist-passed passed - attempt 2 from"),
    ] {
        assert!(line.contains(expected), "{expected} is not in\n{line}");
    }
    let more = beside(&postward, "journal --limit 2").ok();
    assert_eq!(more.err, "there are older ones than these 2: --limit shows them, --limit 0 all\n");
    let none = beside(&postward, "journal --sender nobody@example.org").ok();
    assert_eq!((none.out.as_str(), none.err.as_str()), ("", "nothing like that was decided\n"));
}

#[test]
fn a_single_decision_is_shown_in_full() {
    let postward = with_decisions();
    let shown = beside(&postward, "journal show 2").ok().out;
    for expected in [
        "decision   2\n",
        "client     192.0.2.1\n",
        "sender     alice@example.org\n",
        "decided    deferred by greylist, greylist-new\n",
        "answer     DEFER_IF_PERMIT 4.7.1 Greylisted, please try again in 300 seconds\n",
        "came back  yes, and passed at 20",
        "\nCHECK     MODE     REASON        CONSEQUENCE  EVIDENCE ",
        "\ngreylist  enforce  greylist-new  defer        first attempt from 192.0.2.0/24; 300 s left ",
    ] {
        assert!(shown.contains(expected), "{expected:?} is not in\n{shown}");
    }
    let several = beside(&postward, "journal show 1 3 --format json").ok().json();
    assert_eq!(several.iter().map(|one| one["id"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(several[0]["came_back"], serde_json::Value::Null);
    beside(&postward, "journal show 99")
        .failed(1, &["there is no decision 99 in the journal\n", "hint: what is too old"]);
}

#[test]
fn what_strangers_sent_reaches_no_terminal_out_of_the_journal() {
    let postward = Postward::start(Transport::Inet);
    let hostile = "\u{1b}[2J\u{9b}31m\u{202e}x@example.org";
    assert!(ask(&postward, "192.0.2.1", hostile, "bob\r@example.net").starts_with("DEFER_IF_PERMIT"));
    eventually("it is in the journal", || beside(&postward, "journal --format json").ok().json().len() == 1);
    for line in ["journal", "journal --format json", "journal show 1", "journal show 1 --format json"] {
        let Said { out, .. } = beside(&postward, line).ok();
        let harmful = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!out.contains(harmful) && out.contains("x@example.org"), "{line}: {out:?}");
    }
    let json = beside(&postward, "journal --format json").ok().json().remove(0);
    assert_eq!(json["sender"].as_str().unwrap(), hostile.to_lowercase(), "and is still the same to programs");
}

#[test]
fn selections_that_could_only_select_nothing_are_wrong_use_of_the_journal() {
    let postward = Postward::start(Transport::Inet);
    for (selection, words) in [
        ("--client 192.0.2.1/24", &["--client: `192.0.2.1/24` names a host inside a network"][..]),
        ("--client 192.0.2", &["--client: `192.0.2` is neither an address nor a network nor a host name"]),
        ("--client /x/", &["--client: `/x/` is neither"]),
        ("--sender .example.org", &["--sender: `.example.org` is neither an address nor a domain"]),
        ("--recipient <>", &["--recipient: `<>` is neither"]),
        ("--since 1h --until 2h", &["--since: ", " is not before "]),
        ("--domain a@example.org", &["--domain: `a@example.org` is no domain", "hint: write example.org"]),
        ("--check graylist", &["there is no check called `graylist`", "hint: did you mean `greylist`?"]),
        ("--reason spf-failed", &["there is no reason called `spf-failed`", "hint: did you mean `spf-fail`?"]),
    ] {
        beside(&postward, &format!("journal {selection}")).failed(2, words);
    }
    for wrong in ["journal --since yesterday", "journal --follow --until 1d", "journal show", "journal show x"] {
        beside(&postward, wrong).ended(2);
    }
}

#[test]
fn a_journal_that_is_away_is_told() {
    let desk = Desk::with_policy("");
    for command in ["journal", "journal show 1", "journal --follow"] {
        desk.say(command).failed(69, &["there is no database"]);
    }
}

#[test]
fn the_journal_can_be_read_where_nothing_may_be_written() {
    use std::os::unix::fs::{PermissionsExt as _, chown};
    use std::os::unix::process::CommandExt as _;
    let mut postward = with_decisions();
    let read = |postward: &Postward| {
        let mut command = postward.command(["journal", "--format", "json"]);
        crate::desk::said(command.uid(65_534).gid(65_534), b"").ok().json().len()
    };
    let lock = rusqlite::Connection::open(postward.database()).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(beside(&postward, "journal --format json").ok().json().len(), 6, "while somebody else writes");
    lock.execute_batch("ROLLBACK").unwrap();
    drop(lock);
    postward.stop();
    for entry in std::fs::read_dir(postward.dir()).unwrap() {
        std::fs::set_permissions(entry.unwrap().path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    chown(postward.dir(), Some(65_534), Some(65_534)).unwrap();
    assert_eq!(read(&postward), 6, "the file is somebody else's");
}
