//! Sockets that somebody else has opened, as systemd does: nobody is turned away while the daemon is restarted.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Stdio;
use std::time::Duration;

use crate::peer::{Ask, NEW, Peer};
use crate::support::{Endpoint, GREYLIST, Postward, Tied, Transport, eventually, free_port, until};
use crate::ways::logged;

/// Listens where the daemon would.
fn socket(postward: &Postward) -> OwnedFd {
    match postward.endpoint() {
        Endpoint::Inet(address) => TcpListener::bind(address).unwrap().into(),
        Endpoint::Unix(path) => UnixListener::bind(path).unwrap().into(),
    }
}

#[test]
fn who_connects_while_the_daemon_is_away_is_answered_when_it_is_back() {
    for transport in [Transport::Inet, Transport::Unix] {
        let mut postward = Postward::install(transport, GREYLIST);
        let socket = socket(&postward);
        // What the policy says is taken: the daemon could not listen there.
        postward.serve_on(socket.try_clone().unwrap(), "policy");
        let mut before = Peer::connect(postward.endpoint());
        assert_eq!(before.ask(&Ask::new()), NEW);
        assert!(postward.stop().success(), "{}", postward.log());
        before.expect_close();

        let mut meanwhile = Peer::connect(postward.endpoint());
        meanwhile.send(Ask::from_sender("carol@example.org").encode());
        postward.serve_on(socket.try_clone().unwrap(), "postward.socket");
        assert_eq!(meanwhile.reply(), NEW);
        assert_eq!(logged(&postward, "`listen` in the policy file does not count").len(), 2, "{}", postward.log());
        assert!(logged(&postward, "listening")[0].contains(&postward.endpoint().to_string()), "{}", postward.log());
        assert!(postward.stop().success());
        if let Endpoint::Unix(path) = postward.endpoint() {
            assert!(path.exists(), "its name is not the daemon's");
        }
    }
}

#[test]
fn listen_counts_no_more_after_a_reload_than_before() {
    let mut postward = Postward::install(Transport::Inet, GREYLIST);
    postward.serve_on(socket(&postward), "policy");
    postward.listen_also(Endpoint::Inet(free_port()));
    postward.set_policy(GREYLIST);
    postward.reload();
    eventually("the change is told of", || {
        !logged(&postward, "policy.yaml does not count: systemd has opened the sockets").is_empty()
    });
    assert!(logged(&postward, "needs a restart").is_empty(), "{}", postward.log());
}

#[test]
fn a_socket_named_socketmap_serves_maps_and_does_not_replace_those_for_requests() {
    let mut postward = Postward::install(Transport::Inet, GREYLIST);
    let other = TcpListener::bind(free_port()).unwrap();
    let address = other.local_addr().unwrap();
    postward.serve_on(other.into(), "socketmap");
    assert_eq!(Peer::connect(postward.endpoint()).ask(&Ask::new()), NEW);
    let mut map = TcpStream::connect(address).unwrap();
    map.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    map.write_all(b"27:batv-sign alice@example.org,").unwrap();
    let mut reply = [0; 12];
    map.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"9:NOTFOUND ,");
}

#[test]
fn sockets_that_are_for_another_process_are_not_taken() {
    let mut postward = Postward::install(Transport::Inet, GREYLIST);
    let mut daemon = postward.command(["serve"]);
    daemon.env("LISTEN_PID", "1").env("LISTEN_FDS", "1");
    postward.serve_by(daemon);
    assert_eq!(Peer::connect(postward.endpoint()).ask(&Ask::new()), NEW);
}

#[test]
fn what_cannot_be_listened_on_is_refused_by_its_name() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connection: OwnedFd = TcpStream::connect(listener.local_addr().unwrap()).unwrap().into();
    let datagrams: OwnedFd = UnixStream::pair().map(|(one, _)| one).unwrap().into();
    let file: OwnedFd = fs::File::open("/dev/null").unwrap().into();
    for (given, expected) in [(connection, "Accept=no"), (datagrams, "Accept=no"), (file, "neither a TCP socket")] {
        let postward = Postward::install(Transport::Inet, GREYLIST);
        let said = postward.dir().join("refusal");
        let mut command = postward.activated("incoming");
        command.stdout(Stdio::null()).stderr(fs::File::create(&said).unwrap());
        let mut daemon = Tied::spawn_given(&mut command, given.into());
        let status = until(Duration::from_secs(10), || daemon.ended()).expect("it ends");
        let said = fs::read_to_string(said).unwrap();
        assert_eq!(status.code(), Some(69), "{said}");
        assert!(said.contains("socket 1 (`incoming`)") && said.contains(expected), "{expected}: {said}");
    }
}
