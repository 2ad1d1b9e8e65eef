//! From start to end: many connections, signals, and what changes while the daemon runs.

use std::fs;
use std::net::{Ipv6Addr, TcpListener};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::peer::{Ask, NEW, Peer};
use crate::support::{Endpoint, GREYLIST, Postward, Transport, eventually, free_port};
use crate::ways::logged;

/// How long Postfix and systemd are made to wait for the end.
const END: Duration = Duration::from_secs(5);

/// Other processes' changes are looked for every second; the machine may be busy.
const SOON: Duration = Duration::from_secs(3);

fn ipv6_endpoint() -> Endpoint {
    let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).expect("a loopback port is free");
    Endpoint::Inet(listener.local_addr().unwrap())
}

#[test]
fn all_endpoints_of_the_policy_are_served_at_once() {
    let mut postward = Postward::install(Transport::Inet, GREYLIST);
    let others = [ipv6_endpoint(), Endpoint::new(Transport::Unix, postward.dir()), Endpoint::Inet(free_port())];
    others.iter().for_each(|endpoint| postward.listen_also(endpoint.clone()));
    postward.set_policy(GREYLIST);
    postward.serve();
    let mut peers: Vec<_> = [postward.endpoint()].into_iter().chain(&others).map(Peer::connect).collect();
    for (number, peer) in peers.iter_mut().enumerate() {
        assert_eq!(peer.ask(&Ask::from_sender(format!("sender{number}@example.org"))), NEW);
    }
    assert!(postward.stop().success());
    assert!(others.iter().all(|endpoint| !endpoint.answers()));
}

#[test]
fn five_hundred_idle_connections_disturb_nobody() {
    let postward = Postward::start(Transport::Unix);
    let mut idle = Peer::connect_often(postward.endpoint(), 500);
    let mut working = Peer::connect(postward.endpoint());
    for number in 0..50 {
        assert_eq!(working.ask(&Ask::from_sender(format!("busy{number}@example.org"))), NEW);
    }
    for peer in &mut idle {
        assert_eq!(peer.ask(&Ask::new().with("protocol_state", "DATA")), "DUNNO", "it was idle, not closed");
    }
}

#[test]
fn requests_that_come_in_one_write_are_answered_in_order() {
    let postward = Postward::start(Transport::Inet);
    let mut peer = Peer::connect(postward.endpoint());
    postward.ok(["list", "add", "deny", "--sender", "bad@example.org"]);
    let bad = Ask::from_sender("bad@example.org");
    eventually("the list is in force", || peer.ask(&bad) == "550 5.7.1 Access denied");
    let all: Vec<u8> =
        (0..300).flat_map(|_| [bad.encode(), Ask::new().with("sasl_username", "alice").encode()].concat()).collect();
    peer.send(all);
    for _ in 0..300 {
        assert_eq!([peer.reply(), peer.reply()], ["550 5.7.1 Access denied", "DUNNO"]);
    }
    peer.expect_silence();
}

#[test]
fn a_request_in_flight_is_answered_before_the_end() {
    let mut postward = Postward::start(Transport::Inet);
    let mut peer = Peer::connect(postward.endpoint());
    assert_eq!(peer.ask(&Ask::new()), NEW);
    let lock = Connection::open(postward.database()).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap(); // as long as it is held, nothing can be remembered
    peer.send(Ask::from_sender("carol@example.org").encode());
    postward.begin_to_stop();
    eventually("the daemon has heard that it has to end", || postward.log().contains("ending"));
    drop(lock);
    assert_eq!(peer.reply(), NEW, "{}", postward.log());
    peer.expect_close();
    assert!(postward.stop().success());
}

#[test]
fn the_end_waits_for_nobody_who_says_nothing() {
    let mut postward = Postward::start(Transport::Inet);
    let mut idle = Peer::connect_often(postward.endpoint(), 20);
    assert_eq!(idle[0].ask(&Ask::new()), NEW);
    let mut half = Peer::connect(postward.endpoint());
    let request = Ask::new().encode();
    half.send(&request[..request.len() / 2]);
    let started = Instant::now();
    let status = postward.stop();
    assert!(status.success(), "{status}");
    assert!(started.elapsed() < END, "{:?}", started.elapsed());
    idle.iter_mut().for_each(Peer::expect_close);
    half.expect_close();
}

#[test]
fn half_a_request_may_be_finished_while_the_daemon_ends() {
    let mut postward = Postward::start(Transport::Inet);
    let mut peer = Peer::connect(postward.endpoint());
    let request = Ask::new().encode();
    let (first, second) = request.split_at(request.len() / 2);
    // The reply to the request before shows that what follows it has been read as well.
    peer.send([&Ask::new().with("protocol_state", "DATA").encode(), first].concat());
    assert_eq!(peer.reply(), "DUNNO");
    postward.begin_to_stop();
    eventually("the daemon has heard that it has to end", || postward.log().contains("ending"));
    peer.send(second);
    assert_eq!(peer.reply(), NEW);
    assert!(postward.stop().success());
}

#[test]
fn a_changed_policy_comes_into_force_and_closes_no_connection() {
    let postward = Postward::start(Transport::Unix);
    let mut peer = Peer::connect(postward.endpoint());
    assert_eq!(peer.ask(&Ask::new()), NEW);
    postward.set_policy("chain: [access, {greylist: {delay: 10m, text: 'Come again in {seconds} s'}}]\n");
    postward.reload();
    let mut senders = (0..).map(|number| Ask::from_sender(format!("sender{number}@example.org")));
    eventually("the new text is told", || {
        peer.ask(&senders.next().unwrap()) == "DEFER_IF_PERMIT 4.7.1 Come again in 600 s"
    });
    eventually("the log says so, once", || logged(&postward, "is in force").len() == 1);
}

#[test]
fn a_message_has_one_header_also_when_the_policy_is_read_again_meanwhile() {
    let postward = Postward::start(Transport::Inet);
    let mut peer = Peer::connect(postward.endpoint());
    let to = |recipient: &str, instance: &str| Ask::new().with("recipient", recipient).with("instance", instance);
    for recipient in ["bob@example.net", "carol@example.net"] {
        assert_eq!(peer.ask(&to(recipient, "1.1.0")), NEW);
    }
    postward.advance(Duration::from_secs(600));
    let header = peer.ask(&to("bob@example.net", "1.2.0"));
    assert!(header.starts_with("PREPEND X-Greylist: delayed 6"), "{header}");
    postward.reload();
    eventually("the policy was read again", || !logged(&postward, "is in force").is_empty());
    assert_eq!(peer.ask(&to("carol@example.net", "1.2.0")), "DUNNO");
    assert_eq!(peer.ask(&to("bob@example.net", "1.2.0")), header, "the same request again");
}

#[test]
fn a_broken_policy_file_changes_nothing_and_the_log_says_where_it_is_broken() {
    let postward = Postward::start(Transport::Unix);
    let mut peer = Peer::connect(postward.endpoint());
    postward.set_policy("chain:\n  - access\n  - greylist: {dealy: 5m}\n");
    postward.reload();
    let place = format!("{}:4:16: ", postward.policy_file().display());
    eventually("it is told where the policy is broken", || postward.log().contains(&place));
    let log = postward.log();
    assert!(log.contains("the policy stays as it was") && log.contains("did you mean `delay`?"), "{log}");
    assert_eq!(peer.ask(&Ask::new()), NEW);
    fs::write(postward.policy_file(), "").unwrap();
    postward.reload();
    eventually("a file that was cut off is no policy", || logged(&postward, "policy.yaml: it is empty").len() == 1);
    fs::remove_file(postward.policy_file()).unwrap();
    postward.reload();
    eventually("it is told that the file is gone", || logged(&postward, "stays as it was").len() == 3);
    assert_eq!(peer.ask(&Ask::from_sender("carol@example.org")), NEW);
}

/// It is read on a thread with less stack than usual.
#[test]
fn a_policy_file_that_is_nested_as_deep_as_can_be_is_refused() {
    let postward = Postward::start(Transport::Unix);
    for (refused, depth) in (1..).zip([126, 127, 1_000]) {
        postward.set_policy(&format!("chain: {}access{}\n", "!t [".repeat(depth), "]".repeat(depth)));
        postward.reload();
        eventually("it is refused", || logged(&postward, "the policy stays as it was").len() == refused);
        assert_eq!(Peer::connect(postward.endpoint()).ask(&Ask::from_sender(format!("a{depth}x@example.org"))), NEW);
    }
}

#[test]
fn a_reload_that_needs_a_restart_says_so() {
    let postward = Postward::start(Transport::Inet);
    let policy = format!("listen: [\"inet:127.0.0.1:1\"]\nsocket_mode: \"0600\"\n{GREYLIST}");
    fs::write(postward.policy_file(), policy).unwrap();
    postward.reload();
    for setting in ["`listen` has changed", "`socket_mode` has changed"] {
        eventually(setting, || postward.log().contains(setting));
    }
    assert_eq!(Peer::connect(postward.endpoint()).ask(&Ask::new()), NEW);
}

#[test]
fn what_the_administrator_types_counts_within_moments_on_open_connections() {
    let postward = Postward::start(Transport::Inet);
    let mut peer = Peer::connect(postward.endpoint());
    assert_eq!(peer.ask(&Ask::new()), NEW);
    for (words, expected) in [
        (["list", "add", "deny", "--sender", "alice@example.org"], "550 5.7.1 Access denied"),
        (["list", "add", "allow", "--sender", "alice@example.org"], "DUNNO"),
    ] {
        postward.ok(words.into_iter().chain(["--replace"]));
        let typed = Instant::now();
        eventually(expected, || peer.ask(&Ask::new()) == expected);
        assert!(typed.elapsed() < SOON, "{:?}", typed.elapsed());
    }
    postward.ok(["list", "remove", "1"]);
    eventually("the entry is gone", || peer.ask(&Ask::new()).starts_with("DEFER_IF_PERMIT"));
    postward.ok(["greylist", "allow", "--sender", "alice@example.org"]);
    eventually("the triplet may pass", || peer.ask(&Ask::new()) == "DUNNO");
    postward.ok(["greylist", "forget", "--sender", "alice@example.org"]);
    eventually("the triplet is forgotten", || peer.ask(&Ask::new()) == NEW);
}

#[test]
fn sources_are_read_again_on_a_hangup() {
    let mut postward = Postward::install(Transport::Inet, "");
    let list = postward.dir().join("drop.txt");
    fs::write(&list, "192.0.2.0/24\n").unwrap();
    let source = format!("{{name: drop, file: {}, format: cidr, action: deny}}", list.display());
    postward.set_policy(&format!("lists: {{sources: [{source}]}}\n{GREYLIST}"));
    postward.serve();
    let mut peer = Peer::connect(postward.endpoint());
    let (first, second) = (Ask::new(), Ask::new().with("client_address", "198.51.100.10"));
    assert_eq!(peer.ask(&first), "550 5.7.1 Access denied", "sources count from the first request on");

    fs::write(&list, "198.51.100.0/24\n").unwrap();
    postward.reload();
    eventually("the new network is refused", || peer.ask(&second) == "550 5.7.1 Access denied");
    assert_eq!(peer.ask(&first), NEW);

    fs::write(&list, "198.51.100.0/24\nnonsense\n").unwrap();
    postward.reload();
    let place = format!("{}:2", list.display());
    eventually("the bad line is told", || postward.log().contains(&place));
    assert_eq!(peer.ask(&second), "550 5.7.1 Access denied", "the last good entries stay");

    fs::write(&list, "192.0.2.0/24\n").unwrap();
    postward.set_policy("nonsense: 1\n");
    postward.reload();
    eventually("they are read also when the policy file is broken", || peer.ask(&first) == "550 5.7.1 Access denied");
}
