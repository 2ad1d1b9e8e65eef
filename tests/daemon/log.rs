//! One line for every decision, from which no stranger can break out.

use serde_json::Value;

use crate::peer::{Ask, NEW, Peer};
use crate::support::{GREYLIST, Postward, Transport, eventually};
use crate::ways::{logged, through_shell};

/// What every decision's line tells.
const FIELDS: [&str; 11] = [
    "action",
    "check",
    "reason",
    "mode",
    "client",
    "client_name",
    "helo",
    "sender",
    "recipient",
    "evidence",
    "elapsed_us",
];

/// The most octets of one name or address, and a mark that something is missing.
const MAX_SHOWN: usize = 320 + '…'.len_utf8();

fn serve(policy: &str, format: &str) -> Postward {
    let mut postward = Postward::install(Transport::Inet, policy);
    postward.serve_by(postward.command(["serve", "--log-format", format]));
    postward
}

/// The decisions that were logged, in order.
fn decisions(postward: &Postward) -> Vec<Value> {
    let log = postward.log();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("every line is JSON"));
    lines.filter(|line| line.get("action").is_some()).collect()
}

fn wait_for_decisions(postward: &Postward, number: usize) -> Vec<Value> {
    eventually("all decisions are in the log", || decisions(postward).len() >= number);
    let decisions = decisions(postward);
    assert_eq!(decisions.len(), number, "{}", postward.log());
    decisions
}

#[test]
fn a_decision_is_one_json_object_with_all_that_led_to_it() {
    let postward = serve(GREYLIST, "json");
    postward.ok(["list", "add", "deny", "--sender", "bad@example.org", "--text", "Go away"]);
    let mut peer = Peer::connect(postward.endpoint());
    let named = |sender| Ask::from_sender(sender).with("client_name", "mail.example.org");
    eventually("the list is in force", || peer.ask(&Ask::from_sender("bad@example.org")).starts_with("550"));
    let before = decisions(&postward).len();
    assert_eq!(peer.ask(&named("alice@example.org")), NEW);
    peer.ask(&named("bad@example.org"));
    peer.ask(&named("alice@example.org").with("sasl_username", "alice"));
    peer.ask(&named("alice@example.org").with("protocol_state", "MAIL"));
    let decisions = wait_for_decisions(&postward, before + 4).split_off(before);
    let expected = [
        (NEW, "greylist", "greylist-new", "first attempt from 192.0.2.0/24; 300 s left"),
        ("550 5.7.1 Go away", "access", "access-deny", "bad@example.org"),
        ("DUNNO", "exempt", "exempt-authenticated", "logged in"),
        ("DUNNO", "none", "none", ""),
    ];
    for (line, (action, check, reason, evidence)) in decisions.iter().zip(expected) {
        for field in FIELDS {
            assert!(line.get(field).is_some(), "{field} is missing: {line}");
        }
        let get = |field: &str| line[field].as_str().unwrap();
        assert_eq!((get("action"), get("check"), get("reason"), get("mode")), (action, check, reason, "enforce"));
        assert!(get("evidence").contains(evidence), "{line}");
        assert_eq!((get("client"), get("client_name")), ("192.0.2.10", "mail.example.org"));
        assert_eq!((get("helo"), get("recipient")), ("mail.example.org", "bob@example.net"));
        assert!(line["elapsed_us"].is_u64() && line["level"] == "INFO" && line["timestamp"].is_string(), "{line}");
    }
}

#[test]
fn a_decision_is_one_line_for_people() {
    let postward = serve(GREYLIST, "human");
    assert_eq!(Peer::connect(postward.endpoint()).ask(&Ask::new()), NEW);
    eventually("the decision is in the log", || !logged(&postward, "decided").is_empty());
    let [line] = &logged(&postward, "decided")[..] else { panic!("{}", postward.log()) };
    for field in FIELDS {
        assert!(line.contains(&format!(" {field}=")), "{field} is missing: {line}");
    }
    for expected in [" INFO ", "reason=\"greylist-new\"", "client=\"192.0.2.10\"", "sender=\"alice@example.org\""] {
        assert!(line.contains(expected), "{expected} is missing: {line}");
    }
}

#[test]
fn nothing_that_strangers_write_reaches_the_log_as_it_is() {
    let hostile: [&[u8]; 8] = [
        b"a\x1b[2J\x1b]0;title\x07@example.org",
        b"a\rINFO decided action=\"DUNNO\"@example.org",
        "\u{202e}gro.elpmaxe@ecila".as_bytes(),
        "a\u{200b}\u{2066}\u{feff}@example.org".as_bytes(),
        "a\u{2028}\u{85}\u{9b}31m@example.org".as_bytes(),
        b"a\0\x7f\x08@example.org",
        b"\xff\xfe\x80@example.org",
        "\u{61c}\u{e9}\u{4e2d}@example.org".as_bytes(),
    ];
    let places = ["client_name", "helo_name", "sender", "recipient"];
    for format in ["human", "json"] {
        let postward = serve(GREYLIST, format);
        let mut peer = Peer::connect(postward.endpoint());
        for value in hostile {
            for place in places {
                peer.ask(&Ask::new().with(place, value));
            }
        }
        let asked = hostile.len() * places.len();
        eventually("all decisions are in the log", || logged(&postward, "elapsed_us").len() == asked);
        for line in postward.log().lines() {
            let bad = line.chars().find(|character| {
                character.is_control()
                    || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
                    || matches!(character, '\u{61c}' | '\u{feff}')
            });
            assert_eq!(bad, None, "{format}: {line:?}");
        }
        assert!(postward.log().contains("é中"), "what is only foreign stays readable");
    }
}

#[test]
fn what_is_endless_is_cut() {
    let postward = serve(GREYLIST, "json");
    let long = format!("{}@example.org", "ä".repeat(1000));
    let mut peer = Peer::connect(postward.endpoint());
    for place in ["client_name", "helo_name", "sender", "recipient"] {
        peer.ask(&Ask::new().with(place, &long));
    }
    for line in wait_for_decisions(&postward, 4) {
        for field in FIELDS.iter().filter(|field| **field != "elapsed_us") {
            assert!(line[field].as_str().unwrap().len() <= MAX_SHOWN, "{field}: {line}");
        }
    }
    assert!(postward.log().lines().all(|line| line.len() < 2000));
}

#[test]
fn what_is_observed_is_logged_and_never_answered() {
    let postward = serve("chain: [{access: {mode: observe}}, {greylist: {mode: observe}}]\n", "json");
    postward.ok(["list", "add", "deny", "--sender", "bad@example.org", "--text", "Go away"]);
    let mut peer = Peer::connect(postward.endpoint());
    let observed = |reason: &str| {
        let all = decisions(&postward).into_iter();
        all.filter(|line| line["mode"] == "observe" && line["reason"] == reason).collect::<Vec<_>>()
    };
    eventually("the list is in force", || {
        assert_eq!(peer.ask(&Ask::from_sender("bad@example.org")), "DUNNO");
        !observed("access-deny").is_empty()
    });
    assert_eq!(peer.ask(&Ask::new()), "DUNNO");
    eventually("the greylist's finding is in the log", || !observed("greylist-new").is_empty());
    let denied = &observed("access-deny")[0];
    assert_eq!((&denied["action"], &denied["check"]), (&Value::from("reject"), &Value::from("access")));
    let answers = decisions(&postward).into_iter().filter(|line| line["mode"] == "enforce");
    assert!(answers.into_iter().all(|line| line["action"] == "DUNNO"), "{}", postward.log());
}

#[test]
fn what_could_not_be_observed_is_told_and_did_not_pass_unchecked() {
    let mut postward = Postward::install(Transport::Inet, "chain: [{greylist: {mode: observe}}]\n");
    postward.serve();
    std::fs::remove_file(postward.database()).unwrap();
    std::fs::create_dir(postward.database()).unwrap();
    let mut peer = Peer::connect(postward.endpoint());
    eventually("it is told", || {
        assert_eq!(peer.ask(&Ask::new()), "DUNNO");
        !logged(&postward, "could not be observed").is_empty()
    });
    let line = &logged(&postward, "could not be observed")[0];
    for expected in [" WARN ", "check=\"greylist\"", "reason=\"error\"", "mode=\"observe\"", "cannot be used"] {
        assert!(line.contains(expected), "{expected} is missing: {line}");
    }
    assert!(logged(&postward, "passed unchecked").is_empty(), "{}", postward.log());
}

#[test]
fn warnings_can_be_asked_for_alone() {
    let mut postward = Postward::install(Transport::Inet, GREYLIST);
    postward.serve_by(postward.command(["serve", "--log-level", "warn"]));
    assert_eq!(Peer::connect(postward.endpoint()).ask(&Ask::new()), NEW);
    assert!(postward.stop().success());
    assert_eq!(postward.log(), "");
}

#[test]
fn a_log_that_cannot_be_written_costs_no_mail() {
    for (trouble, script) in [
        ("its disk is full", r#"exec "$@" 2>/dev/full"#),
        ("its reader is gone", r#"mkfifo log.pipe; exec 3<>log.pipe 2>log.pipe 3<&-; exec "$@""#),
        (
            "its reader reads no more",
            r#"mkfifo log.pipe; exec 3<>log.pipe 2>log.pipe; head -c 65536 /dev/zero >&3; exec "$@""#,
        ),
    ] {
        let mut postward = Postward::install(Transport::Inet, GREYLIST);
        postward.serve_by(through_shell(&postward, script));
        let mut peer = Peer::connect(postward.endpoint());
        for number in 0..3 {
            assert_eq!(peer.ask(&Ask::from_sender(format!("sender{number}@example.org"))), NEW, "{trouble}");
            postward.reload();
        }
        assert!(postward.stop().success(), "{trouble}");
    }
}
