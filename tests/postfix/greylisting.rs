//! Greylisting as a sender and a recipient see it.

use std::thread;
use std::time::Duration;

use crate::instance::Postfix;
use crate::smtp::{Client, Session};
use crate::support::{GREYLIST, Postward, Transport};

const ACCEPTED: &str = "250 2.1.5 Ok";
const DELAY: Duration = Duration::from_secs(301);
const DAY: Duration = Duration::from_secs(86_400);

fn deferred(recipient: &str) -> String {
    format!("450 4.7.1 <{recipient}>: Recipient address rejected: Greylisted, please try again in 300 seconds")
}

#[test]
fn a_stranger_is_told_to_try_again_and_is_let_in_when_he_does() {
    for transport in [Transport::Inet, Transport::Unix] {
        let postward = Postward::start(transport);
        let postfix = Postfix::start(postward.endpoint());
        let mut session = postfix.session(&Client::at("192.0.2.10"));
        let first = session.attempt("sender@example.org", "alice@example.test");
        assert_eq!(first, deferred("alice@example.test"), "{transport:?}: {}", postward.log());
        postward.advance(DELAY);
        let retry = session.attempt("sender@example.org", "alice@example.test");
        assert_eq!(retry, ACCEPTED, "{transport:?}: {}", postward.log());
    }
}

#[test]
fn a_delayed_message_to_two_recipients_says_once_how_long_it_waited() {
    let postward = Postward::start(Transport::Inet);
    let postfix = Postfix::start(postward.endpoint());
    let mut session = postfix.session(&Client::at("192.0.2.10"));
    let recipients = ["alice@example.test", "bob@example.test"];
    assert_eq!(offer(&mut session, "sender@example.org", &recipients), recipients.map(deferred));
    postward.advance(DELAY);
    assert_eq!(offer(&mut session, "sender@example.org", &recipients), [ACCEPTED; 2], "{}", postward.log());
    assert!(session.data("delayed").starts_with("250 2.0.0 Ok: queued"));
    for mailbox in ["alice", "bob"] {
        let [message] = &postfix.delivered(mailbox, 1)[..] else { unreachable!("one was asked for") };
        let [header] = &message.headers("X-Greylist")[..] else { panic!("not one X-Greylist: {message:?}") };
        let seconds = seconds_delayed(header).unwrap_or_else(|| panic!("{header}"));
        assert!((300..400).contains(&seconds), "{header}");
    }
}

#[test]
fn a_known_sender_is_let_in_without_a_header() {
    let postward = Postward::start(Transport::Inet);
    let postfix = Postfix::start(postward.endpoint());
    let mut session = postfix.session(&Client::at("192.0.2.10"));
    session.attempt("sender@example.org", "alice@example.test");
    postward.advance(DELAY);
    for subject in ["delayed", "known"] {
        assert_eq!(session.attempt("sender@example.org", "alice@example.test"), ACCEPTED, "{subject}");
        assert!(session.data(subject).starts_with("250 "), "{subject}");
    }
    for message in postfix.delivered("alice", 2) {
        let expected = usize::from(message.headers("Subject") == ["delayed"]);
        assert_eq!(message.headers("X-Greylist").len(), expected, "{message:?}");
    }
}

#[test]
fn a_batv_sender_of_the_next_day_is_not_delayed() {
    let postward = Postward::start(Transport::Inet);
    let postfix = Postfix::start(postward.endpoint());
    let mut session = postfix.session(&Client::at("192.0.2.10"));
    let first = session.attempt("prvs=0785afa14d=sender@example.org", "alice@example.test");
    assert_eq!(first, deferred("alice@example.test"));
    postward.advance(DELAY);
    assert_eq!(session.attempt("prvs=0785afa14d=sender@example.org", "alice@example.test"), ACCEPTED);
    postward.advance(DAY);
    assert_eq!(session.attempt("prvs=0786b1c2d3=sender@example.org", "alice@example.test"), ACCEPTED);
}

#[test]
fn an_unknown_recipient_is_refused_for_good_and_not_remembered() {
    let postward = Postward::start(Transport::Inet);
    let postfix = Postfix::start(postward.endpoint());
    let reply = postfix.session(&Client::at("192.0.2.10")).attempt("sender@example.org", "nobody@example.test");
    assert!(reply.starts_with("550 5.1.1 <nobody@example.test>: Recipient address rejected: User unknown"), "{reply}");
    assert_eq!(postward.ok(["greylist", "show", "--format", "json"]), "");
}

#[test]
fn authenticated_and_own_clients_are_not_delayed_and_not_remembered() {
    let mut postward =
        Postward::install(Transport::Inet, &format!("exempt: {{networks: [\"203.0.113.0/24\"]}}\n{GREYLIST}"));
    postward.serve();
    let postfix = Postfix::start(postward.endpoint());
    let exempt = [
        postfix.local_session(), // Postfix's own network: postward is not asked
        postfix.session(&Client::at("203.0.113.7")),
        // By XCLIENT alone permit_sasl_authenticated does not hold: here it is postward that lets in.
        postfix.session(&Client::at("192.0.2.10").login("alice")),
    ];
    for mut session in exempt {
        assert_eq!(session.attempt("alice@example.test", "bob@example.test"), ACCEPTED, "{}", postward.log());
    }
    assert_eq!(postward.ok(["greylist", "show", "--format", "json"]), "");
}

#[test]
fn twenty_sessions_at_once_are_each_deferred_and_then_let_in() {
    let postward = Postward::start(Transport::Inet);
    let postfix = Postfix::start(postward.endpoint());
    let all_get = |expected: &str| {
        let session = |n| postfix.session(&Client::at(&format!("198.51.100.{n}")));
        let sessions: Vec<_> = (0..20).map(session).collect();
        thread::scope(|scope| {
            for (n, mut session) in sessions.into_iter().enumerate() {
                scope.spawn(move || {
                    let reply = session.attempt(&format!("sender{n}@example.org"), "alice@example.test");
                    assert_eq!(reply, expected, "session {n}");
                });
            }
        });
    };
    all_get(&deferred("alice@example.test"));
    postward.advance(DELAY);
    all_get(ACCEPTED);
    assert_eq!(postward.ok(["greylist", "show", "--state", "passed", "--format", "json"]).lines().count(), 20);
}

fn offer<const N: usize>(session: &mut Session, sender: &str, recipients: &[&str; N]) -> [String; N] {
    session.mail(sender);
    recipients.map(|recipient| session.rcpt(recipient))
}

/// `delayed N seconds by postward-VERSION at HOST; DATE`
fn seconds_delayed(header: &str) -> Option<u64> {
    let (seconds, rest) = header.strip_prefix("delayed ")?.split_once(" seconds by ")?;
    let rest = rest.strip_prefix(concat!("postward-", env!("CARGO_PKG_VERSION"), " at "))?;
    rest.contains("; ").then(|| seconds.parse().ok())?
}
