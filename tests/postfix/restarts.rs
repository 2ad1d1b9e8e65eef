//! postward is restarted again and again while mail comes in, and no sender notices.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::instance::Postfix;
use crate::smtp::Client;
use crate::support::{Endpoint, GREYLIST, Postward, Transport, at_length};

const ACCEPTED: &str = "250 2.1.5 Ok";
const DELAY: Duration = Duration::from_secs(301);

/// So many sessions at once, each with a recipient every so often. After a connection was lost smtpd waits for a second before it
/// asks again, so that with a restart in every period they come to 200 recipients a second.
const SESSIONS: usize = 20;
const PACE: Duration = Duration::from_millis(20);
const PERIOD: Duration = Duration::from_millis(1300);

/// As a socket unit does it: the socket stays open whoever serves it.
fn open(endpoint: &Endpoint) -> OwnedFd {
    match endpoint {
        Endpoint::Inet(address) => TcpListener::bind(address).unwrap().into(),
        Endpoint::Unix(path) => {
            let listener = UnixListener::bind(path).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
            listener.into()
        }
    }
}

/// Both, or at length the one in which more can go wrong: the name of a socket is away for a moment.
fn transports() -> Vec<Transport> {
    at_length(vec![Transport::Inet, Transport::Unix], vec![Transport::Unix])
}

/// Restarts the daemon while mail comes in; answers how many recipients were accepted.
fn restart_under_load(postward: &mut Postward, postfix: &Postfix, start: impl Fn(&mut Postward)) -> usize {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let sessions: Vec<_> = (0..SESSIONS).map(|_| scope.spawn(|| keep_sending(postfix, &over))).collect();
        for _ in 0..at_length(3, 50) {
            thread::sleep(PERIOD); // mail comes in meanwhile
            assert!(postward.stop().success(), "{}", postward.log());
            start(postward);
        }
        over.store(true, Ordering::Relaxed);
        sessions.into_iter().map(|session| session.join().unwrap()).sum()
    })
}

fn keep_sending(postfix: &Postfix, over: &AtomicBool) -> usize {
    let mut session = postfix.session(&Client::at("192.0.2.10"));
    let mut accepted = 0;
    while !over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        assert_eq!(session.attempt("sender@example.org", "alice@example.test"), ACCEPTED, "after {accepted}");
        accepted += 1;
        thread::sleep(PACE.saturating_sub(begun.elapsed()));
    }
    accepted
}

/// A sender who has waited for his time.
fn know_sender(postward: &Postward, postfix: &Postfix) {
    let mut session = postfix.session(&Client::at("192.0.2.10"));
    assert!(session.attempt("sender@example.org", "alice@example.test").starts_with("450 4.7.1 "));
    postward.advance(DELAY);
    assert_eq!(session.attempt("sender@example.org", "alice@example.test"), ACCEPTED);
}

#[test]
fn restarts_on_sockets_that_stay_open_are_not_even_noticed_by_postfix() {
    for transport in transports() {
        let mut postward = Postward::install(transport, GREYLIST);
        let socket = open(postward.endpoint());
        let start = |postward: &mut Postward| postward.serve_on(socket.try_clone().unwrap(), "policy");
        start(&mut postward);
        let postfix = Postfix::start(postward.endpoint());
        know_sender(&postward, &postfix);
        let accepted = restart_under_load(&mut postward, &postfix, start);
        let unchecked = postward.log().matches("passed unchecked").count();
        let log = report(transport, accepted, &postfix);
        assert!(!log.contains("problem talking to server"), "{log}");
        assert!(!log.contains("4.3.5") && unchecked == 0, "{log}\n{}", postward.log());
    }
}

#[test]
fn restarts_without_a_socket_unit_defer_nobody() {
    for transport in transports() {
        let mut postward = Postward::start(transport);
        let postfix = Postfix::start(postward.endpoint());
        know_sender(&postward, &postfix);
        let accepted = restart_under_load(&mut postward, &postfix, Postward::serve);
        let log = report(transport, accepted, &postfix);
        assert!(!log.contains("4.3.5"), "{log}");
    }
}

/// Prints the figures; answers Postfix's log.
fn report(transport: Transport, accepted: usize, postfix: &Postfix) -> String {
    let log = postfix.log();
    let complaints = log.matches("problem talking to server").count();
    println!(
        "{transport:?}: {accepted} recipients accepted, {complaints} complaints of Postfix about the policy server"
    );
    log
}
