//! The wall clock is wrong, and put right again, while people wait: nobody waits longer for that, and nobody is forgotten.

use std::time::Duration;

use crate::peer::{Ask, NEW, Peer};
use crate::support::{FakeClock, Postward, Transport};

const DELAY: Duration = Duration::from_secs(300);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const TEN_YEARS: Duration = Duration::from_secs(10 * 365 * 86_400);

/// A way in which a clock is wrong, and what puts it right.
type Jump = (&'static str, fn(&FakeClock), fn(&FakeClock));

const JUMPS: [Jump; 4] = [
    ("an hour forward", |clock| clock.advance(HOUR), |clock| clock.turn_back(HOUR)),
    ("an hour back", |clock| clock.turn_back(HOUR), |clock| clock.advance(HOUR)),
    ("ten years forward", |clock| clock.advance(TEN_YEARS), |clock| clock.turn_back(TEN_YEARS)),
    ("ten years back", |clock| clock.turn_back(TEN_YEARS), |clock| clock.advance(TEN_YEARS)),
];

fn sender(name: &str, number: usize) -> Ask {
    Ask::from_sender(format!("{name}{number}x@example.org"))
}

fn passes(reply: &str) -> bool {
    reply == "DUNNO" || reply.starts_with("PREPEND ")
}

/// Asks every minute until it may pass; how many minutes that took.
fn wait(postward: &Postward, peer: &mut Peer, ask: impl Fn() -> Ask) -> Duration {
    let mut waited = Duration::ZERO;
    while !passes(&peer.ask(&ask())) {
        assert!(waited < 4 * DELAY, "it waits for ever");
        postward.advance(MINUTE);
        waited += MINUTE;
    }
    waited
}

#[test]
fn nobody_waits_longer_than_twice_the_delay_whatever_the_clock_does_meanwhile() {
    let postward = Postward::start(Transport::Inet);
    let mut peer = Peer::connect(postward.endpoint());
    for (number, (what, wrong, right)) in JUMPS.iter().enumerate() {
        let mut ask = |name: &str| peer.ask(&sender(name, number));
        assert_eq!([ask("staying"), ask("corrected")], [NEW, NEW], "{what}");
        wrong(postward.clock());
        let waited = wait(&postward, &mut peer, || sender("staying", number));
        assert!(waited <= 2 * DELAY, "{what}, and it stays: {waited:?}");
        assert_eq!(peer.ask(&sender("meanwhile", number)), NEW, "{what}");
        right(postward.clock());
        for (name, waited) in [("corrected", waited), ("meanwhile", Duration::ZERO)] {
            let waited = waited + wait(&postward, &mut peer, || sender(name, number));
            assert!(waited <= 2 * DELAY, "{what}, and is put right, {name}: {waited:?}");
        }
    }
}

#[test]
fn who_has_passed_is_known_while_the_clock_is_wrong_and_when_it_is_right_again() {
    for restarted in [false, true] {
        let mut postward = Postward::start(Transport::Inet);
        let mut peer = Peer::connect(postward.endpoint());
        let known = || sender("known", 0);
        assert_eq!(peer.ask(&known()), NEW);
        wait(&postward, &mut peer, known);
        for (what, wrong, right) in JUMPS {
            for turn in [wrong, right] {
                turn(postward.clock());
                if restarted {
                    // What it knows by heart is gone.
                    assert!(postward.stop().success());
                    postward.serve();
                    peer = Peer::connect(postward.endpoint());
                }
                let reply = peer.ask(&known());
                assert!(passes(&reply), "{what}: {reply}\n{}", postward.log());
            }
        }
    }
}

#[test]
fn what_is_timed_is_timed_by_another_clock() {
    let postward = Postward::start(Transport::Inet);
    let mut peer = Peer::connect(postward.endpoint());
    let mut idle = Peer::connect(postward.endpoint());
    for (number, (what, wrong, right)) in JUMPS.iter().enumerate() {
        for turn in [wrong, right] {
            let request = sender(what, number).encode();
            let (first, second) = request.split_at(request.len() / 2);
            peer.send(first);
            assert_eq!(
                idle.ask(&Ask::new().with("protocol_state", "DATA")),
                "DUNNO",
                "{what}: it may be idle as long as it likes"
            );
            turn(postward.clock());
            peer.send(second);
            peer.reply();
        }
    }
}
