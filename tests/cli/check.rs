//! `postward check`: what would be answered, and why.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::desk::{Desk, Said, ask, beside, fields, said};
use crate::greylist::with_triplets;
use crate::list::with_entries;
use crate::support::{GREYLIST, NO_DNS, Postward, Transport, eventually};

const STRANGER: &str = "check client_address=192.0.2.1 sender=a@example.org recipient=b@example.net";

/// A request as Postfix 3.7 writes it.
const RECORDED: &str = "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\n\
    client_address=192.0.2.10\nclient_name=mail.example.net\nclient_port=49182\nreverse_client_name=mail.example.net\n\
    server_address=127.0.0.1\nserver_port=12503\nhelo_name=client.example.net\nsender=sender@example.net\n\
    recipient=alice@example.test\nrecipient_count=0\nqueue_id=\ninstance=589f.6b00ee36.df547.0\nsize=0\netrn_domain=\n\
    stress=\nsasl_method=\nsasl_username=\nsasl_sender=\nccert_subject=\nccert_issuer=\nccert_fingerprint=\n\
    ccert_pubkey_fingerprint=\nencryption_protocol=\nencryption_cipher=\nencryption_keysize=0\npolicy_context=\n\n";

fn recorded(desk: &Desk, args: &str, input: &[u8]) -> Said {
    said(&mut desk.command(["check", "-"].into_iter().chain(args.split_whitespace())), input)
}

#[test]
fn a_decision_is_shown_as_a_table_and_as_json() {
    let desk = with_entries(&["allow --client 198.51.100.1"]);
    let table = desk.say(STRANGER).ended(1).out;
    let without_times: Vec<_> =
        table.lines().map(|line| line.rsplit_once("  ").map_or(line, |(line, _)| line.trim_end())).collect();
    assert_eq!(
        without_times,
        [
            "action=DEFER_IF_PERMIT 4.7.1 Greylisted, please try again in 300 seconds",
            "CHECK     MODE     REASON        CONSEQUENCE  EVIDENCE",
            "access    enforce  -             -            no entry",
            "greylist  enforce  greylist-new  defer        first attempt from 192.0.2.0/24; 300 s left",
        ]
    );
    let json = desk.say(&format!("{STRANGER} --format json")).ended(1).out;
    assert_eq!(fields(&json), ["action", "check", "reason", "steps"]);
    let decision: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(decision["action"], "DEFER_IF_PERMIT 4.7.1 Greylisted, please try again in 300 seconds");
    assert_eq!((&decision["check"], &decision["reason"]), (&"greylist".into(), &"greylist-new".into()));
    let step = json.split_once("\"steps\":[").unwrap().1.split_once('}').unwrap().0;
    assert_eq!(fields(&format!("{step}}}")), ["check", "mode", "reason", "consequence", "evidence", "elapsed_us"]);
    assert_eq!(decision["steps"][0]["reason"], Value::Null);
    assert!(decision["steps"][1]["elapsed_us"].is_u64());
}

/// What is asked, the answer's first word, check and reason, and the evidence of the last step.
#[test]
fn every_decision_is_explained() {
    let desk = with_entries(&[
        "allow --client 198.51.100.1",
        "deny --sender spam@example.org --text Go",
        "defer --sender later@example.org",
        "suspect --sender odd@example.org",
        "skip=greylist --recipient optout.example.net",
    ]);
    for (attributes, code, action, reason, evidence) in [
        ("client_address=127.0.0.1", 0, "DUNNO", "exempt-network", "127.0.0.1 is in 127.0.0.0/8"),
        ("client_address=192.0.2.1 sasl_username=alice", 0, "DUNNO", "exempt-authenticated", "logged in"),
        (
            "client_address=198.51.100.1 recipient=b@example.net",
            0,
            "DUNNO",
            "access-allow",
            "entry 1: client 198.51.100.1",
        ),
        (
            "client_address=192.0.2.1 sender=spam@example.org recipient=b@example.net",
            1,
            "550 5.7.1 Go",
            "access-deny",
            "entry 2: sender spam@example.org",
        ),
        (
            "client_address=192.0.2.1 sender=later@example.org recipient=b@example.net",
            1,
            "DEFER_IF_PERMIT 4.7.1",
            "access-defer",
            "entry 3: ",
        ),
        (
            "client_address=192.0.2.1 sender=odd@example.org recipient=b@example.net",
            1,
            "DEFER_IF_PERMIT 4.7.1",
            "greylist-new",
            "first attempt",
        ),
        (
            "client_address=192.0.2.1 recipient=b@optout.example.net",
            0,
            "DUNNO",
            "access-skip",
            "entry 5: recipient optout.example.net; leaves out greylist",
        ),
    ] {
        let said = desk.say(&format!("check --format json {attributes}")).ended(code);
        let decision = said.json().remove(0);
        assert!(decision["action"].as_str().unwrap().starts_with(action), "{attributes}: {}", said.out);
        assert_eq!(decision["reason"], reason, "{attributes}");
        let last = decision["steps"].as_array().unwrap().last().unwrap().clone();
        assert!(last["evidence"].as_str().unwrap().starts_with(evidence), "{attributes}: {}", said.out);
    }
}

#[test]
fn waiting_passed_and_known_triplets_are_explained_beside_the_daemon() {
    let postward = with_triplets();
    let check = |client: &str, sender: &str, recipient: &str, code| {
        let line = format!("check --format json client_address={client} sender={sender} recipient={recipient}");
        beside(&postward, &line).ended(code).json().remove(0)
    };
    let waiting = check("192.0.2.1", "alice@example.org", "bob@example.net", 1);
    assert_eq!(waiting["reason"], "greylist-early");
    let evidence = waiting["steps"][1]["evidence"].as_str().unwrap();
    assert!(evidence.starts_with("attempt 2 from 192.0.2.0/24, too early; "), "{evidence}");
    assert_eq!(check("192.0.2.1", "known@example.org", "bob@example.net", 0)["reason"], "greylist-known");
    postward.advance(std::time::Duration::from_secs(301));
    let passed = check("192.0.2.1", "alice@example.org", "bob@example.net", 0);
    assert_eq!(passed["reason"], "greylist-passed");
    assert!(passed["action"].as_str().unwrap().starts_with("PREPEND X-Greylist: delayed "), "{passed}");
    let again = check("192.0.2.1", "alice@example.org", "bob@example.net", 0);
    assert_eq!(again["reason"], "greylist-passed", "asking does not let it pass");
}

#[test]
fn a_client_that_passed_often_is_explained() {
    let mut postward =
        Postward::install(Transport::Inet, &format!("{NO_DNS}chain: [{{greylist: {{allow_client_after: 1}}}}]\n"));
    postward.serve();
    ask(&postward, "192.0.2.1", "a@example.org", "b@example.net");
    postward.advance(std::time::Duration::from_secs(301));
    ask(&postward, "192.0.2.1", "a@example.org", "b@example.net");
    let said =
        beside(&postward, "check --format json client_address=192.0.2.2 sender=x@example.org recipient=b@example.net")
            .ok();
    assert_eq!(said.json()[0]["reason"], "greylist-client", "{}", said.out);
}

#[test]
fn steps_that_are_off_or_only_observe_are_explained() {
    let desk =
        Desk::with_policy(&format!("{NO_DNS}chain: [{{access: {{mode: off}}}}, {{greylist: {{mode: observe}}}}]"));
    let decision = desk.say(&format!("{STRANGER} --format json")).ok().json().remove(0);
    assert_eq!((&decision["action"], &decision["check"]), (&"DUNNO".into(), &Value::Null));
    let steps = decision["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 1);
    assert_eq!((&steps[0]["mode"], &steps[0]["consequence"]), (&"observe".into(), &"defer".into()));
    let unasked = Desk::with_policy(&format!("{NO_DNS}chain: []")).say(STRANGER).ok().out;
    assert_eq!(unasked, "action=DUNNO\nno check was asked\n");
}

#[test]
fn recorded_requests_are_answered_in_their_order() {
    let desk = with_entries(&["allow --client mail.example.net"]);
    let one = recorded(&desk, "--format json", RECORDED.as_bytes()).ok();
    assert_eq!(one.json()[0]["reason"], "access-allow");
    let without_end = recorded(&desk, "--format json", RECORDED.trim_end().as_bytes()).ok();
    assert_eq!(without_end.json().len(), 1);
    let stranger = RECORDED.replace("mail.example.net", "unknown").replace("192.0.2.10", "2001:db8::1");
    let three = recorded(&desk, "--format json", format!("{RECORDED}{stranger}\n\n{RECORDED}").as_bytes()).ended(1);
    let reasons: Vec<_> = three.json().iter().map(|decision| decision["reason"].clone()).collect();
    assert_eq!(reasons, ["access-allow", "greylist-new", "access-allow"]);
    let table = recorded(&desk, "", format!("{RECORDED}{stranger}").as_bytes()).ended(1).out;
    assert_eq!(table.matches("action=").count(), 2);
}

#[test]
fn what_is_no_request_is_refused() {
    let desk = with_entries(&["allow --client 192.0.2.1"]);
    for (input, words) in [
        (&b""[..], &["there is no request on stdin"][..]),
        (b"\n\n\n", &["there is no request on stdin"]),
        (b"hello\n\n", &["`hello`"]),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", &["GET"]),
        (b"client_address=192.0.2.1\n\n", &["smtpd_access_policy"]),
        (b"request=\x1b[2J\n\n", &["\\u{1b}[2J"]),
    ] {
        let said = recorded(&desk, "", input).failed(2, words);
        assert!(!said.err.contains('\u{1b}'));
    }
    recorded(&desk, "", &b"x".repeat(100_000)).failed(2, &["65536"]);
    recorded(&desk, "", "a=1\n".repeat(300).as_bytes()).failed(2, &["256"]);
}

#[test]
fn wrong_attributes_are_refused_with_what_was_probably_meant() {
    let desk = Desk::with_policy(GREYLIST);
    for (attributes, words) in [
        (
            "client_adress=192.0.2.1",
            &["Postfix has no attribute called `client_adress`", "hint: did you mean `client_address`?"][..],
        ),
        ("client_address=192.0.2.1 sasl_metod=x", &["did you mean `sasl_method`?"]),
        ("192.0.2.1", &["`192.0.2.1` is no attribute", "hint: write name=value, such as client_address=192.0.2.1"]),
        ("sender=a@example.org", &["client_address is missing"]),
        ("client_address=192.0.2.256", &["client_address"]),
        ("- client_address=192.0.2.1", &["`-`"]),
    ] {
        desk.say(&format!("check {attributes}")).failed(2, words);
    }
    desk.say("check client_address=192.0.2.1 policy_context=x size=5 recipient=b@example.net").ended(1);
}

#[test]
fn without_a_database_it_answers_like_an_empty_one_and_makes_none() {
    let desk = Desk::with_policy(GREYLIST);
    let said = desk.say(&format!("{STRANGER} --format json")).ended(1);
    assert_eq!(said.json()[0]["reason"], "greylist-new");
    let path = desk.path("postward.db");
    assert_eq!(said.err, format!("there is no database {} yet: this is the answer of an empty one\n", path.display()));
    assert!(!path.exists());
}

#[test]
fn asking_changes_nothing() {
    let mut postward = with_triplets();
    beside(&postward, "list add suspect --client 192.0.2.0/24").ok();
    let requests = [
        "client_address=192.0.2.1 sender=alice@example.org recipient=bob@example.net",
        "client_address=192.0.2.1 sender=known@example.org recipient=bob@example.net",
        "client_address=192.0.2.1 sender=new@example.org recipient=bob@example.net",
        "client_address=203.0.113.1 sender= recipient=bob@example.net instance=x",
    ];
    let ask_all = |postward: &Postward| {
        for request in requests {
            assert!(beside(postward, &format!("check {request}")).code < 2);
        }
    };
    eventually("the daemon has written down what it did", || {
        let database = rusqlite::Connection::open(postward.database()).unwrap();
        let sql = "SELECT (SELECT count(*) FROM journal), (SELECT sum(number) FROM tally)";
        database.query_row(sql, (), |row| Ok((row.get(0)?, row.get(1)?))) == Ok((7, Some(7)))
    });
    let before = content(&postward.database());
    ask_all(&postward);
    assert!(content(&postward.database()) == before, "beside the daemon");
    postward.stop();
    let (octets, before) = (fs::read(postward.database()).unwrap(), content(&postward.database()));
    postward.advance(std::time::Duration::from_secs(301)); // now the waiting ones would pass
    ask_all(&postward);
    assert_eq!(content(&postward.database()), before, "without the daemon");
    assert!(fs::read(postward.database()).unwrap() == octets, "not one octet of the file has changed");
}

/// Every row of every table.
fn content(database: &Path) -> BTreeMap<String, Vec<String>> {
    let connection = rusqlite::Connection::open(database).unwrap();
    let mut names = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    let names: Vec<String> = names.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert!(names.len() > 4, "{names:?}");
    let rows = |name: &str| -> Vec<String> {
        let mut statement = connection.prepare(&format!("SELECT * FROM {name}")).unwrap();
        let width = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            Ok((0..width).map(|column| format!("{:?} ", row.get_ref(column).unwrap())).collect())
        };
        statement.query_map((), row).unwrap().map(Result::unwrap).collect()
    };
    // What proves that the database can be written is no content.
    names
        .iter()
        .map(|name| (name.clone(), rows(name).into_iter().filter(|row| !row.contains("probe")).collect()))
        .collect()
}
