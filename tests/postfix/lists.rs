//! Access lists as senders feel them.

use std::time::Duration;

use crate::instance::Postfix;
use crate::smtp::Client;
use crate::support::{GREYLIST, Postward, Transport, until};

const ACCEPTED: &str = "250 2.1.5 Ok";

/// A Postfix with a daemon that starts with these entries.
fn with_entries(entries: &[&[&str]]) -> (Postfix, Postward) {
    let mut postward = Postward::install(Transport::Inet, GREYLIST);
    for entry in entries {
        postward.ok(["list", "add"].iter().chain(*entry).copied());
    }
    postward.serve();
    (Postfix::start(postward.endpoint()), postward)
}

#[test]
fn an_allowed_client_is_let_in_at_once_and_not_remembered() {
    let (postfix, postward) = with_entries(&[&["allow", "--client", "192.0.2.0/28"]]);
    let mut session = postfix.session(&Client::at("192.0.2.10"));
    assert_eq!(session.attempt("sender@example.org", "alice@example.test"), ACCEPTED, "{}", postward.log());
    let mut stranger = postfix.session(&Client::at("192.0.2.20"));
    assert!(stranger.attempt("sender@example.org", "alice@example.test").starts_with("450 4.7.1 "));
    assert_eq!(postward.ok(["greylist", "show", "--format", "json"]).lines().count(), 1);
}

#[test]
fn a_client_is_allowed_by_its_confirmed_name() {
    let (postfix, postward) = with_entries(&[&["allow", "--client", "example.net"]]);
    let mut session = postfix.session(&Client::named("192.0.2.10", "mail.example.net"));
    assert_eq!(session.attempt("sender@example.org", "alice@example.test"), ACCEPTED, "{}", postward.log());
}

#[test]
fn a_denied_sender_is_refused_for_good() {
    let (postfix, postward) = with_entries(&[
        &["deny", "--sender", "spammer@example.org"],
        &["deny", "--sender", "example.com", "--text", "No mail from example.com here"],
    ]);
    let mut session = postfix.session(&Client::at("192.0.2.10"));
    let refused = "550 5.7.1 <alice@example.test>: Recipient address rejected: ";
    let reply = session.attempt("spammer@example.org", "alice@example.test");
    assert!(reply.starts_with(refused), "{reply}\n{}", postward.log());
    let reply = session.attempt("anyone@example.com", "alice@example.test");
    assert_eq!(reply, format!("{refused}No mail from example.com here"));
}

#[test]
fn a_recipient_domain_can_leave_greylisting_out() {
    let (postfix, postward) = with_entries(&[&["skip=greylist", "--recipient", "optout.example.test"]]);
    let mut session = postfix.session(&Client::at("192.0.2.10"));
    let mixed = ["carol@optout.example.test", "alice@example.test"];
    session.mail("sender@example.org");
    let replies = mixed.map(|recipient| session.rcpt(recipient));
    assert_eq!(replies[0], ACCEPTED, "{}", postward.log());
    assert!(replies[1].starts_with("450 4.7.1 "), "{replies:?}");
}

#[test]
fn an_entry_added_beside_the_running_daemon_takes_effect_within_seconds() {
    let (postfix, postward) = with_entries(&[]);
    let mut session = postfix.session(&Client::at("192.0.2.10"));
    assert!(session.attempt("sender@example.org", "alice@example.test").starts_with("450 4.7.1 "));
    postward.ok(["list", "add", "allow", "--client", "192.0.2.10"]);
    let mut let_in = || (session.attempt("sender@example.org", "alice@example.test") == ACCEPTED).then_some(());
    assert!(until(Duration::from_secs(5), &mut let_in).is_some(), "{}", postward.log());
}
