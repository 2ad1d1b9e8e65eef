//! Far more connections than descriptors, none of them Postfix's: mail does not notice.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::instance::Postfix;
use crate::smtp::Client;
use crate::support::{Endpoint, GREYLIST, Postward, Transport};

const ACCEPTED: &str = "250 2.1.5 Ok";

/// What postward may open.
const LIMIT: usize = 1024;

const CONNECTIONS: usize = 10_000;

#[test]
fn ten_thousand_idle_connections_at_a_limit_of_1024_do_not_reach_postfix() {
    let mut postward = Postward::install(Transport::Inet, GREYLIST);
    postward.serve_by(postward.through_shell(&format!("ulimit -n {LIMIT}; exec \"$@\"")));
    let postfix = Postfix::start(postward.endpoint());
    let Endpoint::Inet(address) = *postward.endpoint() else { unreachable!("it listens there") };
    let mut session = postfix.session(&Client::at("192.0.2.10"));
    let mut attempt = |number: usize| session.attempt(&format!("sender{number}x@example.org"), "alice@example.test");
    assert!(attempt(0).starts_with("450 4.7.1 "));
    postward.advance(Duration::from_secs(301));
    assert_eq!(attempt(0), ACCEPTED);

    raise_own_limit();
    let mut idle: Vec<TcpStream> = Vec::new();
    for crowd in 1..=100 {
        idle.extend((0..CONNECTIONS / 100).map(|_| connect(address)));
        assert_eq!(attempt(0), ACCEPTED);
        if crowd % 20 == 0 {
            // Deferred, not let through: the database has its descriptors as well.
            assert!(attempt(crowd).starts_with("450 4.7.1 "), "{}", postward.log());
        }
    }
    assert_eq!(idle.len(), CONNECTIONS);
    assert!(!postfix.log().contains("problem talking to server"), "{}", postfix.log());
    drop(idle);
    assert_eq!(attempt(0), ACCEPTED);
}

fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).expect("postward accepts connections")
}

/// The test holds the other ends.
fn raise_own_limit() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    assert!(maximum.is_none_or(|maximum| maximum > CONNECTIONS as u64 + 100), "`ulimit -Hn` has to be above 10100");
}
