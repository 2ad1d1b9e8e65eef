//! More connections than descriptors: the daemon goes on working for whoever works.

use crate::peer::{Ask, NEW, Peer};
use crate::support::{GREYLIST, Postward, Transport, eventually};
use crate::ways::{descriptors, through_shell};

/// What the daemon may open.
const LIMIT: usize = 256;

#[test]
fn when_descriptors_run_out_those_who_work_stay_and_the_longest_idle_are_closed() {
    for transport in [Transport::Inet, Transport::Unix] {
        let mut postward = Postward::install(transport, GREYLIST);
        postward.serve_by(through_shell(&postward, &format!("ulimit -n {LIMIT}; exec \"$@\"")));
        let mut live = Peer::connect(postward.endpoint());
        assert_eq!(live.ask(&Ask::new()), NEW);
        let before = descriptors(&postward);

        let mut idle = Vec::new();
        for number in 0..5 {
            idle.extend(Peer::connect_often(postward.endpoint(), 100)); // more at once than there are places
            // The database is written to, so it has its descriptors as well.
            assert_eq!(live.ask(&Ask::from_sender(format!("live{number}@example.org"))), NEW, "{transport:?}");
        }
        assert!(descriptors(&postward) <= LIMIT);
        idle[..400].iter_mut().for_each(Peer::expect_close);
        let newest = idle.last_mut().unwrap();
        assert_eq!(newest.ask(&Ask::from_sender("newest@example.org")), NEW, "{transport:?}");
        postward.ok(["list", "add", "allow", "--sender", "alice@example.org"]);
        eventually("lists are still followed", || live.ask(&Ask::new()) == "DUNNO");

        drop(idle);
        eventually("the descriptors are given back", || descriptors(&postward) <= before + 5); // idle readers of the database
        assert_eq!(live.ask(&Ask::from_sender("last@example.org")), NEW);
    }
}

#[test]
fn connections_that_come_and_go_leave_nothing_behind() {
    let postward = Postward::start(Transport::Inet);
    let ask = || Peer::connect(postward.endpoint()).ask(&Ask::new().with("protocol_state", "DATA"));
    ask();
    let before = descriptors(&postward);
    for _ in 0..500 {
        assert_eq!(ask(), "DUNNO");
    }
    eventually("the descriptors are given back", || descriptors(&postward) <= before + 5);
}
