//! The maps that sign and verify, as Postfix and strangers look things up in them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::Duration;

use crate::peer::{Ask, Peer, netstring};
use crate::support::{Endpoint, NO_DNS, Postward, Transport, eventually, free_port};
use crate::ways::{logged, refused, through_shell};

const DAY: Duration = Duration::from_secs(86_400);
const ALICE: &str = "alice@example.test";

/// A daemon that serves the maps at the endpoint.
fn site(transport: Transport) -> (Postward, Endpoint) {
    let (mut postward, maps) = installed(transport);
    postward.serve();
    (postward, maps)
}

fn installed(transport: Transport) -> (Postward, Endpoint) {
    let postward = Postward::install(transport, "");
    let maps = match transport {
        Transport::Inet => Endpoint::Inet(free_port()),
        Transport::Unix => Endpoint::Unix(postward.dir().join("maps.sock")),
    };
    write_key(&postward, "old.key", "the old secret, long enough");
    postward.set_policy(&policy(&maps, "{id: 0, file: old.key}"));
    (postward, maps)
}

fn policy(maps: &Endpoint, keys: &str) -> String {
    format!("{NO_DNS}batv: {{domains: [example.test], keys: [{keys}], socketmap: [\"{maps}\"]}}\nchain: [access]\n")
}

fn write_key(postward: &Postward, name: &str, secret: &str) {
    let file = postward.dir().join(name);
    fs::write(&file, secret).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
}

fn found(reply: &str) -> &str {
    reply.strip_prefix("OK ").unwrap_or_else(|| panic!("{reply}"))
}

#[test]
fn what_is_signed_is_verified_over_both_transports() {
    for transport in [Transport::Inet, Transport::Unix] {
        let (postward, maps) = site(transport);
        let mut peer = Peer::connect(&maps);
        for address in [ALICE, "\"john doe\"@example.test"] {
            let signed = peer.look_up("batv-sign", address);
            let verified = peer.look_up("batv-verify", found(&signed));
            assert_eq!(found(&verified), address);
        }
        assert_eq!(peer.look_up("batv-sign", "dave@elsewhere.example"), "NOTFOUND ");
        assert_eq!(peer.look_up("batv-verify", ALICE), "NOTFOUND ");
        assert_eq!(logged(&postward, " WARN "), [""; 0]);
    }
}

#[test]
fn an_address_has_one_tag_a_day_and_it_is_taken_off_even_when_it_has_expired() {
    let (postward, maps) = site(Transport::Unix);
    let mut peer = Peer::connect(&maps);
    let today = peer.look_up("batv-sign", ALICE);
    postward.advance(DAY);
    let tomorrow = peer.look_up("batv-sign", ALICE);
    assert_ne!(today, tomorrow);
    postward.advance(30 * DAY);
    assert_eq!(found(&peer.look_up("batv-verify", found(&today))), ALICE);
}

#[test]
fn lookups_come_in_any_pieces_and_are_answered_in_order() {
    let (_postward, maps) = site(Transport::Inet);
    let mut peer = Peer::connect(&maps);
    let signed = peer.look_up("batv-sign", ALICE);
    let both = [netstring(&format!("batv-sign {ALICE}")), netstring(&format!("batv-verify {ALICE}"))].concat();
    peer.send(both.repeat(100));
    for octet in both.as_bytes() {
        peer.send([*octet]);
    }
    for _ in 0..101 {
        assert_eq!([peer.netstring(), peer.netstring()], [signed.as_str(), "NOTFOUND "]);
    }
    peer.expect_silence();
}

#[test]
fn nonsense_is_told_to_be_nonsense_and_the_connection_is_closed() {
    let table: [(&[u8], &str, &str); 9] = [
        (b"13:aliases alice,", "PERM no such map", "there is no map `aliases`"),
        (b"11:batv-SIGN a,", "PERM no such map", "there is no map `batv-SIGN`"),
        (b"10:\x1b[2J\xff b cd,", "PERM no such map", "there is no map `\\u{1b}[2J\\xff`"),
        (b"9:batv-sign,", "PERM that is no lookup", "no key"),
        (b"4294967296:", "PERM that is no lookup", "more than 8192 octets"),
        (b"012:batv-sign a,", "PERM that is no lookup", "begins with its length"),
        (b"11:batv-sign a;", "PERM that is no lookup", "no comma"),
        (b"\x16\x03\x01\x02\x00\x01\x00", "PERM that is no lookup", "begins with its length"),
        (b"request=smtpd_access_policy\n\n", "PERM that is no lookup", "begins with its length"),
    ];
    thread::scope(|scope| {
        for (octets, told, why) in &table {
            scope.spawn(move || {
                let (postward, maps) = site(Transport::Inet);
                let mut other = Peer::connect(&maps);
                let signed = other.look_up("batv-sign", ALICE);
                let mut peer = Peer::connect(&maps);
                peer.send([octets, netstring(&format!("batv-sign {ALICE}")).as_bytes()].concat());
                assert_eq!(peer.netstring(), *told);
                peer.expect_close();
                assert_eq!(other.look_up("batv-sign", ALICE), signed, "the others notice nothing");
                let warnings = logged(&postward, " WARN ");
                assert_eq!(warnings.len(), 1, "{}", postward.log());
                assert!(warnings[0].replace("\\\\", "\\").contains(why), "{why}: {}", warnings[0]);
            });
        }
    });
}

#[test]
fn a_flood_of_nonsense_is_one_line() {
    let (postward, maps) = site(Transport::Inet);
    for _ in 0..100 {
        let mut peer = Peer::connect(&maps);
        peer.send("nonsense");
        assert_eq!(peer.netstring(), "PERM that is no lookup");
    }
    assert!(logged(&postward, "closed the connection").len() < 10, "{}", postward.log());
}

#[test]
fn a_new_key_reaches_open_connections_and_what_the_old_one_signed_stays_good() {
    let (postward, maps) = site(Transport::Unix);
    let mut peer = Peer::connect(&maps);
    let before = peer.look_up("batv-sign", ALICE);
    write_key(&postward, "new.key", "the new secret, long enough");
    postward.set_policy(&policy(&maps, "{id: 1, file: new.key}, {id: 0, file: old.key}"));
    postward.reload();
    eventually("the new key signs", || peer.look_up("batv-sign", ALICE).starts_with("OK prvs=1"));
    assert_eq!(found(&peer.look_up("batv-verify", found(&before))), ALICE);
}

#[test]
fn a_key_that_cannot_be_read_changes_nothing() {
    let (postward, maps) = site(Transport::Unix);
    let mut peer = Peer::connect(&maps);
    let before = peer.look_up("batv-sign", ALICE);
    fs::remove_file(postward.dir().join("old.key")).unwrap();
    postward.reload();
    eventually("it says so", || postward.log().contains("the policy stays as it was"));
    assert_eq!(peer.look_up("batv-sign", ALICE), before);
}

#[test]
fn another_endpoint_needs_a_restart_and_the_log_says_so() {
    let (postward, maps) = site(Transport::Unix);
    postward.set_policy(&policy(&Endpoint::Inet(free_port()), "{id: 0, file: old.key}"));
    postward.reload();
    eventually("it says so", || postward.log().contains("`batv.socketmap` has changed"));
    assert!(Peer::connect(&maps).look_up("batv-sign", ALICE).starts_with("OK "));
}

#[test]
fn the_socket_has_the_mode_of_the_others_and_goes_with_the_daemon() {
    let (mut postward, maps) = installed(Transport::Unix);
    let Endpoint::Unix(path) = &maps else { unreachable!("it is a path") };
    postward.set_policy(&format!("socket_mode: \"0660\"\n{}", policy(&maps, "{id: 0, file: old.key}")));
    postward.serve();
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o660);
    assert!(postward.stop().success());
    assert!(!path.exists());
}

#[test]
fn a_place_that_is_taken_is_named_and_nothing_is_left() {
    let (postward, maps) = installed(Transport::Unix);
    let Endpoint::Unix(path) = &maps else { unreachable!("it is a path") };
    fs::write(path, "mine").unwrap();
    let (code, said) = refused(&postward);
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains(&format!("cannot listen on {maps}: ")), "{said}");
    assert_eq!(fs::read_to_string(path).unwrap(), "mine");
    assert!(!postward.endpoint().answers());
}

#[test]
fn half_a_lookup_may_be_finished_while_the_daemon_ends() {
    let (mut postward, maps) = site(Transport::Inet);
    let mut peer = Peer::connect(&maps);
    let lookup = netstring(&format!("batv-sign {ALICE}"));
    let (first, second) = lookup.split_at(lookup.len() / 2);
    // The reply to the lookup before shows that what follows it has been read as well.
    peer.send([&lookup, first].concat());
    let signed = peer.netstring();
    postward.begin_to_stop();
    eventually("the daemon has heard that it has to end", || postward.log().contains("ending"));
    peer.send(second);
    assert_eq!(peer.netstring(), signed);
    assert!(postward.stop().success());
}

#[test]
fn idle_connections_make_room_whichever_service_they_are_for() {
    let (mut postward, maps) = installed(Transport::Unix);
    postward.serve_by(through_shell(&postward, "ulimit -n 256; exec \"$@\""));
    let mut idle = Peer::connect_often(&maps, 300);
    assert_eq!(Peer::connect(postward.endpoint()).ask(&Ask::new()), "DUNNO");
    idle[..100].iter_mut().for_each(Peer::expect_close);
    assert!(idle.last_mut().unwrap().look_up("batv-sign", ALICE).starts_with("OK "));
}
