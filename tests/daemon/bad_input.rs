//! Nonsense: no answer is better than a wrong one, and nobody else notices.

use std::io::{ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::peer::{Ask, NEW, Peer};
use crate::support::{Endpoint, Postward, Transport, eventually};
use crate::ways::{logged, memory};

/// How much more memory may be in use afterwards, in KiB: what the allocator keeps.
const KEPT: u64 = 32 * 1024;

/// The beginning of a TLS ClientHello.
const TLS: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x1d\x8a\x5e";

const MALFORMED_ADDRESSES: [&str; 34] = [
    "unknown",
    "",
    " ",
    "192.0.2",
    "192.0.2.256",
    "192.0.2.1.1",
    "192.0.2.01",
    "192.0.2.1 ",
    " 192.0.2.1",
    "[192.0.2.1]",
    "192.0.2.1/32",
    "192.0.2.1:25",
    "192.0.2.-1",
    "192,0,2,1",
    "0x7f000001",
    "2130706433",
    "127.1",
    "1e3",
    "localhost",
    "mail.example.org",
    "::g",
    ":::",
    "1::2::3",
    "fe80::1%eth0",
    "IPv6:2001:db8::1",
    "[2001:db8::1]",
    "2001:db8:::1",
    "12345::",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "2001:db8::1/64",
    "\u{ff11}92.0.2.1",
    "192.0.2.1\0",
    "$(reboot)",
];

/// Sends the octets to a daemon that has heard no nonsense yet; returns its one warning.
fn warning_about(octets: &[u8]) -> String {
    let postward = Postward::start(Transport::Inet);
    let mut before = Peer::connect(postward.endpoint());
    let mut peer = Peer::connect(postward.endpoint());
    let _ = peer.try_send(octets); // it may hang up before it has heard all
    peer.expect_close();
    assert_eq!(before.ask(&Ask::new()), NEW, "the others notice nothing");
    let warnings = logged(&postward, " WARN ");
    assert_eq!(warnings.len(), 1, "{}", postward.log());
    assert!(warnings[0].contains("closed the connection from 127.0.0.1:"), "{}", warnings[0]);
    warnings[0].clone()
}

#[test]
fn nonsense_is_not_answered_and_told_in_one_line() {
    let crlf = String::from_utf8(Ask::new().encode()).unwrap().replace('\n', "\r\n").into_bytes();
    let attributes = b"name=value\n".repeat(10_000);
    let table: [(&[u8], &str); 12] = [
        (&[b'a'; 64 * 1024 + 1], "more than 65536 octets"),
        (&[b"sender=".as_slice(), &[b'a'; 64 * 1024]].concat(), "more than 65536 octets"),
        (&attributes, "more than 256 attributes"),
        (TLS, "no name=value"),
        (b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n", "`GET / HTTP/1.1\\r` is no name=value"),
        (b"EHLO client.example.org\r\n", "`EHLO client.example.org\\r` is no name=value"),
        (&crlf, "`\\r` is no name=value"),
        (b"=value\n", "`=value` is no name=value"),
        (b"\x1b[2J\xff\n", "`\\u{1b}[2J\\xff` is no name=value"),
        (b"request=junk_mail_policy\n\n", "request=\"junk_mail_policy\""),
        (b"request=SMTPD_ACCESS_POLICY\n\n", "smtpd_access_policy was expected"),
        (b"sender=alice@example.org\n\n", "request=\"\""),
    ];
    thread::scope(|scope| {
        for (octets, expected) in &table {
            scope.spawn(move || {
                let warning = warning_about(octets);
                assert!(unescaped(&warning).contains(expected), "{expected}: {warning}");
            });
        }
    });
}

/// The log escapes what the message has escaped already.
fn unescaped(line: &str) -> String {
    line.replace("\\\\", "\\")
}

#[test]
fn what_follows_a_good_request_is_judged_by_itself() {
    let postward = Postward::start(Transport::Unix);
    let mut peer = Peer::connect(postward.endpoint());
    peer.send([b"\n\n".as_slice(), &Ask::new().encode(), b"\nnonsense\n\n", &Ask::new().encode()].concat());
    assert_eq!(peer.reply(), NEW);
    peer.expect_close();
}

#[test]
fn a_flood_of_nonsense_is_one_line_in_ten_seconds() {
    let postward = Postward::start(Transport::Inet);
    let started = Instant::now();
    for _ in 0..300 {
        let mut peer = Peer::connect(postward.endpoint());
        peer.send("nonsense\n");
        peer.expect_close();
    }
    assert_eq!(Peer::connect(postward.endpoint()).ask(&Ask::new()), NEW);
    let most = 1 + started.elapsed().as_secs() / 10;
    assert!(logged(&postward, "closed the connection").len() as u64 <= most, "{}", postward.log());
}

#[test]
fn nobody_can_fill_the_memory() {
    let postward = Postward::start(Transport::Inet);
    assert_eq!(Peer::connect(postward.endpoint()).ask(&Ask::new()), NEW);
    let before = memory(&postward);

    // A line that never ends: most of it is never sent, let alone kept.
    let mut endless = Peer::connect(postward.endpoint());
    let mebibyte = vec![b'a'; 1 << 20];
    let sent = (0..100).take_while(|_| endless.try_send(&mebibyte).is_ok()).count();
    assert!(sent < 50, "{sent} MiB were taken");

    // Many who send as much as they may, and stop.
    let almost = [b"sender=".as_slice(), &vec![b'a'; 60 * 1024]].concat();
    let mut greedy = Peer::connect_often(postward.endpoint(), 400);
    greedy.iter_mut().for_each(|peer| peer.send(&almost));
    assert_eq!(Peer::connect(postward.endpoint()).ask(&Ask::from_sender("carol@example.org")), NEW);
    drop(greedy);
    eventually("the memory is given back", || memory(&postward) < before + KEPT);
}

#[test]
fn a_peer_that_asks_and_never_listens_harms_nobody() {
    let postward = Postward::start(Transport::Unix);
    let mut other = Peer::connect(postward.endpoint());
    assert_eq!(other.ask(&Ask::new()), NEW);
    let before = memory(&postward);
    let Endpoint::Unix(path) = postward.endpoint() else { unreachable!("it listens on a unix socket") };
    let mut deaf = UnixStream::connect(path).unwrap();
    deaf.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    let many = Ask::new().with("protocol_state", "DATA").encode().repeat(1000);
    let stuck = (0..1000).find_map(|_| deaf.write_all(&many).err()).expect("nobody takes 250 MB without being heard");
    assert_eq!(stuck.kind(), ErrorKind::WouldBlock);
    for number in 0..50 {
        assert_eq!(other.ask(&Ask::from_sender(format!("other{number}x@example.org"))), NEW);
    }
    assert!(memory(&postward) < before + KEPT);
}

#[test]
fn whatever_an_attribute_holds_the_answer_is_well_formed() {
    let postward = Postward::start(Transport::Inet);
    let mut peer = Peer::connect(postward.endpoint());
    let values: [&[u8]; 6] =
        [b"a\0b", b"\xff\xfe\x80", b"\xc3", b"\r", b"\x1b[31m\x7f", "\u{202e}\u{2028}\u{feff}".as_bytes()];
    let names = [
        "protocol_state",
        "client_address",
        "client_name",
        "helo_name",
        "sender",
        "recipient",
        "instance",
        "sasl_username",
        "ccert_subject",
        "reverse_client_name",
        "queue_id",
        "stress",
        "no_such_attribute",
    ];
    for name in names {
        for value in values {
            peer.ask(&Ask::new().with(name, value));
            peer.ask(&Ask::new().with(name, [b"alice", value, b"@example.org"].concat()));
        }
    }
    assert_eq!(peer.ask(&Ask::from_sender("nobody-before@example.org")), NEW);
    assert!(logged(&postward, " WARN ").is_empty(), "{}", postward.log());
}

#[test]
fn addresses_that_differ_in_octets_that_are_no_text_are_different() {
    let postward = Postward::start(Transport::Inet);
    let mut peer = Peer::connect(postward.endpoint());
    let jose = |octet: u8| Ask::from_sender([b"jos", &[octet][..], b"@example.org"].concat());
    assert_eq!(peer.ask(&jose(0xe9)), NEW);
    postward.advance(Duration::from_secs(600));
    assert!(peer.ask(&jose(0xe9)).starts_with("PREPEND"));
    assert_eq!(peer.ask(&jose(0xe8)), NEW);
}

#[test]
fn a_client_address_that_is_none_counts_against_nobody() {
    let postward = Postward::start(Transport::Inet);
    postward.ok(["list", "add", "deny", "--recipient", "bob@example.net"]);
    let mut peer = Peer::connect(postward.endpoint());
    eventually("the list is in force", || peer.ask(&Ask::new()).starts_with("550"));
    for address in MALFORMED_ADDRESSES {
        assert_eq!(peer.ask(&Ask::new().with("client_address", address)), "DUNNO", "{address:?}");
    }
}
