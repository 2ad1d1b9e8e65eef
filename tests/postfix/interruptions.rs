//! The daemon goes away, and mail does not mind.

use std::time::Duration;

use crate::instance::Postfix;
use crate::smtp::Client;
use crate::support::{Postward, Transport};

const ACCEPTED: &str = "250 2.1.5 Ok";
const DELAY: Duration = Duration::from_secs(301);

#[test]
fn a_restart_between_two_messages_of_a_session_defers_nobody() {
    for transport in [Transport::Inet, Transport::Unix] {
        let mut postward = Postward::start(transport);
        let postfix = Postfix::start(postward.endpoint());
        let mut session = postfix.session(&Client::at("192.0.2.10"));
        session.attempt("sender@example.org", "alice@example.test");
        postward.advance(DELAY);
        assert_eq!(session.attempt("sender@example.org", "alice@example.test"), ACCEPTED);
        assert!(session.data("before").starts_with("250 "));
        assert!(postward.stop().success(), "{}", postward.log());
        postward.serve();
        assert_eq!(session.attempt("sender@example.org", "alice@example.test"), ACCEPTED, "{}", postward.log());
        assert!(session.data("after").starts_with("250 "));
        assert!(!postfix.log().contains("problem talking to server"), "{}", postfix.log());
    }
}

#[test]
fn a_waiting_sender_is_still_known_after_the_daemon_was_killed() {
    let mut postward = Postward::start(Transport::Unix);
    let postfix = Postfix::start(postward.endpoint());
    let mut session = postfix.session(&Client::at("192.0.2.10"));
    assert!(session.attempt("sender@example.org", "alice@example.test").starts_with("450 4.7.1 "));
    postward.kill();
    postward.serve();
    postward.advance(DELAY);
    assert_eq!(session.attempt("sender@example.org", "alice@example.test"), ACCEPTED, "{}", postward.log());
}

#[test]
fn mail_is_accepted_while_the_daemon_is_stopped() {
    for transport in [Transport::Inet, Transport::Unix] {
        let mut postward = Postward::start(transport);
        let postfix = Postfix::start(postward.endpoint());
        let mut session = postfix.session(&Client::at("192.0.2.10"));
        assert!(session.attempt("sender@example.org", "alice@example.test").starts_with("450 4.7.1 "));
        assert!(postward.stop().success(), "{}", postward.log());
        assert_eq!(session.attempt("sender@example.org", "alice@example.test"), ACCEPTED);
        assert!(session.data("hello").starts_with("250 2.0.0 Ok: queued"));
        let [message] = &postfix.delivered("alice", 1)[..] else { unreachable!("one was asked for") };
        assert_eq!(message.headers("X-Greylist"), Vec::<String>::new());
    }
}
