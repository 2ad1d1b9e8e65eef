//! Day after day: known senders, new ones, floods that are washed out again, lists and policies that are read again.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::peer::{Ask, NEW, Peer};
use crate::support::{Postward, Transport, at_full_length};
use crate::ways::{descriptors, memory};

/// Connections that ask all the time.
const LANES: usize = 4;

/// Senders who have passed.
const KNOWN: usize = 500;

fn known(number: usize) -> Ask {
    Ask::from_sender(format!("known{}x@example.org", number % KNOWN))
}

/// One of five requests is about somebody new. So few may wait that most of them are washed out by those who follow.
fn policy(postward: &Postward) -> String {
    let list = postward.dir().join("drop.txt");
    format!(
        "lists: {{sources: [{{name: drop, file: {}, format: cidr, action: deny}}]}}\n\
         chain: [access, {{greylist: {{identity: [network], waiting: 3000, waiting_per_network: 2000}}}}]\n",
        list.display()
    )
}

#[test]
fn memory_does_not_grow_with_the_number_of_requests() {
    let requests = at_full_length(10_000, 60_000, 20_000_000);
    let postward = soaked();
    let before = descriptors(&postward);
    let (begun, answered) = (Instant::now(), AtomicUsize::new(0));
    let (early, late) = thread::scope(|scope| {
        for lane in 0..LANES {
            let (postward, answered) = (&postward, &answered);
            scope.spawn(move || ask(postward, lane, answered, requests));
        }
        keep_reloading(&postward, &answered, requests / 20);
        let early = memory(&postward);
        keep_reloading(&postward, &answered, requests);
        (early, memory(&postward))
    });
    println!(
        "{requests} requests in {:?}: {early} KiB after the first twentieth, {late} KiB at the end",
        begun.elapsed()
    );
    assert!(late * 10 <= early * at_full_length(15, 13, 11), "{early} KiB, then {late} KiB");
    assert!(descriptors(&postward) <= before + LANES + 5);
    assert!(!postward.log().contains("panicked") && !postward.log().contains("a bug"), "{}", postward.log());
}

/// A daemon that knows some senders, and logs warnings only.
fn soaked() -> Postward {
    let mut postward = Postward::install(Transport::Unix, "");
    postward.set_policy(&policy(&postward));
    list(&postward, 0);
    postward.serve_by(postward.command(["serve", "--log-level", "warn"]));
    let mut peer = Peer::connect(postward.endpoint());
    (0..KNOWN).for_each(|number| assert_eq!(peer.ask(&known(number)), NEW));
    postward.advance(Duration::from_secs(301));
    (0..KNOWN).for_each(|number| assert!(peer.ask(&known(number)).starts_with("PREPEND ")));
    postward
}

/// Another list each time.
fn list(postward: &Postward, version: usize) {
    let networks = (0..1000).map(|number| format!("2001:db8:{version:x}:{number:x}::/64\n"));
    fs::write(postward.dir().join("drop.txt"), networks.collect::<String>()).unwrap();
}

fn ask(postward: &Postward, lane: usize, answered: &AtomicUsize, requests: usize) {
    let mut peer = Peer::connect(postward.endpoint());
    for number in 0.. {
        if answered.fetch_add(1, Ordering::Relaxed) >= requests {
            return;
        }
        if number % 5 == 0 {
            let network = format!("2001:db8:ffff:{:x}::1", number % 64);
            let stranger = Ask::from_sender(format!("a{lane}b{number}x@example.org")).with("client_address", network);
            assert_eq!(peer.ask(&stranger), NEW);
        } else {
            assert_eq!(peer.ask(&known(number)), "DUNNO");
        }
    }
}

/// Until so many requests are answered.
fn keep_reloading(postward: &Postward, answered: &AtomicUsize, until: usize) {
    for version in 1.. {
        if answered.load(Ordering::Relaxed) >= until {
            return;
        }
        list(postward, version % 0x1000);
        postward.reload();
        thread::sleep(Duration::from_millis(300));
    }
}
