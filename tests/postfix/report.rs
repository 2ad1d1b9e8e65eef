//! What Postfix itself refused, out of the log that it wrote.

use std::time::Duration;

use serde_json::Value;

use crate::instance::Postfix;
use crate::smtp::Client;
use crate::support::{Postward, Transport, eventually};

#[test]
fn the_log_of_a_real_postfix_tells_who_was_refused_and_who_came_back() {
    let postward = Postward::start(Transport::Inet);
    let postfix = Postfix::start(postward.endpoint());
    let mut session = postfix.session(&Client::at("192.0.2.10"));
    let (alice, greylisted) = ("alice@example.test", "450 4.7.1");
    assert!(session.attempt("comes@example.org", alice).starts_with(greylisted));
    assert!(session.attempt("goes@example.org", alice).starts_with(greylisted));
    assert!(session.attempt("comes@example.org", "nobody@example.test").starts_with("550 5.1.1"));
    assert!(session.attempt("comes@example.org", "alice@elsewhere.example").starts_with("454 4.7.1"));
    postward.advance(Duration::from_secs(301));
    assert!(session.attempt("comes@example.org", alice).starts_with("250 "));
    assert!(session.data("hello").starts_with("250 "));
    postfix.delivered("alice", 1);

    let log = postward.dir().join("mail.log");
    let report = || -> Value {
        std::fs::write(&log, postfix.log()).unwrap();
        let out = postward.ok(["report", "--format", "json", "--maillog", log.to_str().unwrap()]);
        serde_json::from_str::<Value>(&out).unwrap()["maillog"].take()
    };
    eventually("the delivery is in the log", || report()["temporary"]["arrived"] == 1);
    let report = report();
    let number = |restriction: &str, kind: &str| {
        let refusals = report["refusals"].as_array().unwrap().iter();
        let mut fitting = refusals.filter(|row| row["restriction"] == restriction && row["kind"] == kind);
        fitting.next().map_or(0, |row| row["number"].as_u64().unwrap())
    };
    assert_eq!(number("recipient: access table or policy service", "temporary"), 2, "{report:#}");
    assert_eq!(number("reject_unlisted_recipient", "permanent"), 1, "{report:#}");
    assert_eq!(number("reject_unauth_destination", "temporary"), 1, "{report:#}");
    assert_eq!(report["temporary"]["never_arrived"], 1, "{report:#}");
    let left = &report["never_arrived"][0];
    assert_eq!((&left["sender"], &left["client"]), (&"goes@example.org".into(), &"unknown[192.0.2.10]".into()));
}
