//! Bounces, while keys come and go.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::peer::{Ask, Peer};
use crate::support::{Postward, Transport, eventually};

fn policy(keys: &str) -> String {
    format!("batv: {{domains: [example.net], keys: [{keys}]}}\nchain: [access, bounce]\n")
}

fn bounce(recipient: &str) -> Ask {
    Ask::from_sender("").with("recipient", recipient)
}

fn signed(postward: &Postward) -> String {
    postward.ok(["batv", "sign", "bob@example.net"]).trim().to_owned()
}

#[test]
fn keys_are_changed_without_losing_a_bounce() {
    let mut postward = Postward::install(Transport::Inet, "");
    for key in ["old.key", "new.key"] {
        postward.ok(["batv", "keygen", key]);
    }
    postward.set_policy(&policy("{id: 1, file: old.key}"));
    postward.serve();
    let mut peer = Peer::connect(postward.endpoint());
    let before = bounce(&signed(&postward));
    assert_eq!(peer.ask(&before), "DUNNO");

    postward.set_policy(&policy("{id: 2, file: new.key}, {id: 1, file: old.key}"));
    let after = bounce(&signed(&postward));
    assert!(peer.ask(&after).starts_with("550 5.7.1 "), "the key is not known before the daemon is told");
    postward.reload();
    eventually("the new key verifies", || peer.ask(&after) == "DUNNO");
    assert_eq!(peer.ask(&before), "DUNNO", "and so does the old one");

    fs::set_permissions(postward.dir().join("new.key"), fs::Permissions::from_mode(0o644)).unwrap();
    postward.reload();
    let told = "the policy stays as it was";
    eventually("a key that everybody may read is refused", || postward.log().contains(told));
    assert_eq!(peer.ask(&after), "DUNNO", "and the daemon goes on with what it has");
    assert!(postward.log().contains("(mode 0644)"), "{}", postward.log());

    fs::set_permissions(postward.dir().join("new.key"), fs::Permissions::from_mode(0o600)).unwrap();
    postward.set_policy(&policy("{id: 2, file: new.key}"));
    postward.reload();
    eventually("the old key is gone", || peer.ask(&before).starts_with("550 5.7.1 "));
    assert_eq!(peer.ask(&after), "DUNNO");
}

#[test]
fn a_rule_on_trial_logs_what_it_would_have_done() {
    let mut postward = Postward::install(Transport::Inet, "");
    postward.ok(["batv", "keygen", "batv.key"]);
    fs::write(postward.dir().join("batv.key"), "short\n").unwrap();
    postward.set_policy(
        "batv: {domains: [example.net], keys: [{id: 0, file: batv.key}]}\nchain: [{bounce: {mode: observe}}]\n",
    );
    postward.serve();
    let mut peer = Peer::connect(postward.endpoint());
    assert_eq!(peer.ask(&bounce("bob@example.net")), "DUNNO");
    let log = postward.log();
    let line = log.lines().find(|line| line.contains("would have")).unwrap_or_else(|| panic!("{log}"));
    for expected in ["check=\"bounce\"", "reason=\"bounce-unsigned\"", "mode=\"observe\"", "action=\"reject\""] {
        assert!(line.contains(expected), "{expected} is not in {line}");
    }
    assert!(log.contains("a key of 5 octets can be guessed"), "{log}");
}
