//! The harness itself, against a policy server that needs no postward.

use std::env;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::instance::Postfix;
use crate::smtp::Client;
use crate::stub::PolicyStub;
use crate::support::{Endpoint, FakeClock, Transport};

const STRANGER: &str = "192.0.2.10";

#[test]
fn the_answer_of_the_policy_server_reaches_the_sender_over_both_transports() {
    for transport in [Transport::Inet, Transport::Unix] {
        let stub = PolicyStub::answering("DEFER_IF_PERMIT 4.7.1 Later", transport);
        let postfix = Postfix::start(&stub.endpoint);
        let reply = postfix.session(&Client::at(STRANGER)).attempt("sender@example.org", "alice@example.test");
        assert_eq!(reply, "450 4.7.1 <alice@example.test>: Recipient address rejected: Later", "{transport:?}");
    }
}

#[test]
fn a_message_is_delivered_and_its_headers_can_be_read() {
    let stub = PolicyStub::answering("PREPEND X-Seen: by the policy", Transport::Inet);
    let postfix = Postfix::start(&stub.endpoint);
    let mut session = postfix.session(&Client::at(STRANGER));
    assert_eq!(session.attempt("sender@example.org", "alice@example.test"), "250 2.1.5 Ok");
    assert!(session.data("hello").starts_with("250 2.0.0 Ok: queued"));
    let [message] = &postfix.delivered("alice", 1)[..] else { unreachable!("one was asked for") };
    assert_eq!(message.headers("subject"), ["hello"]);
    assert_eq!(message.headers("x-seen"), ["by the policy"]);
}

#[test]
fn the_policy_server_is_asked_about_the_client_that_a_test_plays() {
    let stub = PolicyStub::answering("DUNNO", Transport::Inet);
    let postfix = Postfix::start(&stub.endpoint);
    let clients = [
        (Client::named(STRANGER, "mail.example.net"), ["client_address=192.0.2.10", "client_name=mail.example.net"]),
        (Client::at("2001:db8::25"), ["client_address=2001:db8::25", "reverse_client_name=unknown"]),
        (Client::at(STRANGER).login("alice"), ["sasl_method=XCLIENT", "sasl_username=alice"]),
    ];
    for (client, expected) in clients {
        postfix.session(&client).attempt("sender@example.org", "alice@example.test");
        let request = stub.requests().pop().expect("it was asked");
        for attribute in expected {
            assert!(request.lines().any(|line| line == attribute), "{attribute}: {request}");
        }
    }
}

#[test]
fn the_policy_server_is_not_asked_about_own_clients_and_unknown_recipients() {
    let stub = PolicyStub::answering("REJECT Never", Transport::Inet);
    let postfix = Postfix::start(&stub.endpoint);
    let reply = postfix.session(&Client::at(STRANGER)).attempt("sender@example.org", "nobody@example.test");
    assert!(reply.starts_with("550 5.1.1 <nobody@example.test>: Recipient address rejected: User unknown"), "{reply}");
    assert_eq!(postfix.local_session().attempt("alice@example.test", "bob@example.test"), "250 2.1.5 Ok");
    assert_eq!(stub.requests(), Vec::<String>::new());
}

#[test]
fn mail_is_accepted_when_nobody_answers() {
    let postfix = Postfix::start(&Endpoint::new(Transport::Inet, "".as_ref()));
    let reply = postfix.session(&Client::at(STRANGER)).attempt("sender@example.org", "alice@example.test");
    assert_eq!(reply, "250 2.1.5 Ok");
    assert!(postfix.log().contains("problem talking to server"), "{}", postfix.log());
}

#[test]
fn nothing_of_postfix_is_left_when_a_test_ends() {
    let stub = PolicyStub::answering("DUNNO", Transport::Inet);
    let postfix = Postfix::start(&stub.endpoint);
    let (address, held) = (Endpoint::Inet(postfix.address()), postfix.local_session());
    drop(postfix);
    assert!(!address.answers());
    drop(held);
}

#[test]
fn a_turned_clock_leaves_timers_alone() {
    let dir = tempfile::tempdir().unwrap();
    let clock = FakeClock::new(dir.path());
    let real = unix_seconds();
    clock.advance(Duration::from_secs(2 * 86_400));
    clock.turn_back(Duration::from_secs(86_400));
    let mut probe = Command::new(env::current_exe().unwrap());
    probe.args(["--exact", "--nocapture", "harness::clock_probe"]).stdin(Stdio::null());
    clock.rule(&mut probe);
    let output = String::from_utf8(probe.output().unwrap().stdout).unwrap();
    let said = |name: &str| -> u64 {
        let value = output.lines().find_map(|line| line.strip_prefix(name));
        value.unwrap_or_else(|| panic!("{name}: {output}")).parse().unwrap()
    };
    let ahead = said("unix_seconds=") - real;
    assert!((86_400..86_430).contains(&ahead), "the clock is {ahead} s ahead");
    assert!((50..5_000).contains(&said("timer_ms=")), "{output}");
}

/// What [`a_turned_clock_leaves_timers_alone`] runs in a process of its own; by itself it only says the time.
#[test]
fn clock_probe() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build().unwrap();
    let started = Instant::now();
    runtime.block_on(async { tokio::time::sleep(Duration::from_millis(50)).await });
    // A line of its own: the test runner has begun one.
    println!("\nunix_seconds={}\ntimer_ms={}", unix_seconds(), started.elapsed().as_millis());
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
