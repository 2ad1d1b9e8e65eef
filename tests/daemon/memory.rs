//! Peers that send without end, or never listen: memory stays bounded, and others notice nothing.

use std::io::ErrorKind;
use std::thread;
use std::time::{Duration, Instant};

use crate::peer::{Ask, NEW, Peer};
use crate::support::{GREYLIST, Postward, Transport, at_length};
use crate::ways::memory;

/// How much more memory may be in use meanwhile, in KiB.
const MEANWHILE: u64 = 32 * 1024;

const MEBIBYTE: usize = 1 << 20;

/// How long a peer may take to read a reply, and what a busy machine adds.
const TO_READ: Duration = Duration::from_secs(10 + 10);

/// Asks about a stranger.
fn somebody_else(postward: &Postward, number: usize) -> String {
    Peer::connect(postward.endpoint()).ask(&Ask::from_sender(format!("other{number}x@example.org")))
}

#[test]
fn a_gigabyte_that_is_no_request_takes_no_memory() {
    for (what, piece) in [("no line end", b"a".as_slice()), ("endless attributes", b"name=value\n")] {
        let postward = Postward::start(Transport::Inet);
        assert_eq!(somebody_else(&postward, 0), NEW);
        let before = memory(&postward);
        let octets = piece.repeat(MEBIBYTE / piece.len());
        let (mut sent, mut connections) = (0, 0);
        while sent < at_length(64, 1024) {
            let mut peer = Peer::connect(postward.endpoint());
            sent += 1 + (0..1024).take_while(|_| peer.try_send(&octets).is_ok()).count();
            connections += 1;
            let now = memory(&postward);
            assert!(now < before + MEANWHILE, "{what}: {before} KiB before, {now} KiB after {sent} MiB");
        }
        println!(
            "{what}: {sent} MiB in {connections} connections, {before} KiB before, {} KiB after",
            memory(&postward)
        );
        assert_eq!(somebody_else(&postward, 1), NEW, "{what}");
    }
}

/// On a unix socket: for TCP the system takes half a million replies before anybody has to wait.
#[test]
fn those_who_ask_and_never_listen_are_given_up() {
    let postward = Postward::start(Transport::Unix);
    assert_eq!(somebody_else(&postward, 0), NEW);
    let before = memory(&postward);
    let many = Ask::new().with("protocol_state", "DATA").encode().repeat(100);
    let begun = Instant::now();
    let ends: Vec<_> = thread::scope(|scope| {
        let deaf: Vec<_> = (0..20).map(|_| scope.spawn(|| talk_without_listening(&postward, &many))).collect();
        for number in 1..50 {
            assert_eq!(somebody_else(&postward, number), NEW);
            assert!(memory(&postward) < before + MEANWHILE);
        }
        deaf.into_iter().map(|peer| peer.join().unwrap()).collect()
    });
    assert!(begun.elapsed() < TO_READ, "{:?}", begun.elapsed());
    assert!(ends.iter().all(|kind| matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)), "{ends:?}");
}

/// Asks until the connection is closed; how it was.
fn talk_without_listening(postward: &Postward, many: &[u8]) -> ErrorKind {
    let mut peer = Peer::connect(postward.endpoint());
    loop {
        match peer.try_send(many) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {} // it is not given up yet
            Err(error) => return error.kind(),
            Ok(()) => {}
        }
    }
}

#[test]
fn sixty_four_mebibytes_are_enough_in_a_flood() {
    let mut postward = Postward::install(Transport::Inet, GREYLIST);
    postward.serve_by(postward.through_shell("ulimit -d 65536; exec \"$@\""));
    let almost = [b"sender=".as_slice(), &vec![b'a'; 60 * 1024]].concat();
    let mut greedy = Peer::connect_often(postward.endpoint(), 100);
    greedy.iter_mut().for_each(|peer| peer.send(&almost));
    thread::scope(|scope| {
        for lane in 0..8 {
            let postward = &postward;
            scope.spawn(move || {
                let mut peer = Peer::connect(postward.endpoint());
                for number in 0..at_length(500, 10_000) {
                    let ask = Ask::from_sender(format!("a{lane}b{number}x@example.org"));
                    assert_eq!(peer.ask(&ask.with("client_address", format!("2001:db8:{lane}:{number:x}::1"))), NEW);
                }
            });
        }
    });
    println!("{} KiB at the end", memory(&postward));
    drop(greedy);
    assert!(postward.stop().success(), "{}", postward.log());
}

/// That is how debuggers of memory set it (the system takes it for no limit).
#[test]
fn a_memory_limit_of_nothing_is_none() {
    let mut postward = Postward::install(Transport::Inet, GREYLIST);
    postward.serve_by(postward.through_shell("ulimit -S -d 0; exec \"$@\""));
    assert_eq!(somebody_else(&postward, 0), NEW);
}
