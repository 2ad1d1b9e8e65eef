//! The daemon is killed again and again while it is hard at work. What it has answered, it remembers.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::peer::{Ask, NEW, Peer};
use crate::support::{Endpoint, Postward, Transport, at_length};

/// Connections that ask at once.
const LANES: usize = 8;

/// Deferrals between two kills, on average.
const BETWEEN_KILLS: usize = 1_100;

/// The daemon has to answer so soon after a kill, on a machine that has nothing else to do.
const START: Duration = Duration::from_secs(2);

/// A client that asks about somebody new all the time.
struct Lane {
    number: usize,
    asked: usize,
    answered: Vec<String>,
    /// What was asked when the daemon died.
    cut_off: Option<(String, Ask)>,
}

impl Lane {
    fn new(number: usize) -> Self {
        Self { number, asked: 0, answered: Vec::new(), cut_off: None }
    }

    /// Asks until the daemon dies. As Postfix does, it asks again first what was cut off the last time.
    fn ask(&mut self, endpoint: &Endpoint, deferrals: &AtomicUsize) {
        let mut peer = Peer::connect(endpoint);
        loop {
            let (sender, ask) = self.cut_off.take().unwrap_or_else(|| self.next());
            match peer.try_send(ask.encode()).and_then(|()| peer.try_reply()) {
                Ok(reply) => {
                    assert_eq!(reply, NEW, "{sender}");
                    self.answered.push(sender);
                    deferrals.fetch_add(1, Ordering::Relaxed);
                }
                Err(_) => return self.cut_off = Some((sender, ask)),
            }
        }
    }

    /// From a network in which not too many wait.
    fn next(&mut self) -> (String, Ask) {
        self.asked += 1;
        let sender = format!("sender{}a{}x@example.org", self.number, self.asked);
        let client = format!("2001:db8:{}:{}::1", self.number, self.asked / 5_000);
        (sender.clone(), Ask::from_sender(sender).with("client_address", client))
    }
}

#[test]
fn nothing_that_was_answered_is_forgotten_however_often_the_daemon_is_killed() {
    let mut postward = Postward::start(Transport::Unix);
    let mut lanes: Vec<_> = (0..LANES).map(Lane::new).collect();
    let mut starts = Vec::new();
    for kill in 1..=at_length(8, 100) {
        kill_at_work(&mut postward, &mut lanes);
        let started = Instant::now();
        postward.serve();
        starts.push(started.elapsed());
        if kill % 10 == 0 {
            expect_integrity(&postward);
        }
    }
    let answered: HashSet<&String> = lanes.iter().flat_map(|lane| &lane.answered).collect();
    expect_integrity(&postward);
    expect_remembered(&postward, &answered);
    expect_passage(&postward, &lanes);
    starts.sort();
    let (median, slowest) = (starts[starts.len() / 2], starts[starts.len() - 1]);
    println!("{} kills, {} deferrals, starts: median {median:?}, slowest {slowest:?}", starts.len(), answered.len());
    assert!(answered.len() >= at_length(0, 100_000), "{} deferrals are too few", answered.len());
    assert!(median < START, "{median:?}");
}

/// At a moment that cannot be foreseen.
fn kill_at_work(postward: &mut Postward, lanes: &mut [Lane]) {
    let deferrals = AtomicUsize::new(0);
    let enough = BETWEEN_KILLS / 2 + random(BETWEEN_KILLS);
    let endpoint = postward.endpoint().clone();
    thread::scope(|scope| {
        for lane in lanes {
            scope.spawn(|| lane.ask(&endpoint, &deferrals));
        }
        while deferrals.load(Ordering::Relaxed) < enough {
            thread::sleep(Duration::from_micros(random(2_000) as u64));
        }
        postward.kill();
    });
}

fn random(below: usize) -> usize {
    usize::try_from(RandomState::new().hash_one(0) % below as u64).unwrap()
}

fn expect_integrity(postward: &Postward) {
    let database = Connection::open(postward.database()).unwrap();
    let verdict: String = database.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok", "{}", postward.log());
}

/// A request that was repeated is no second attempt, and of what was cut off for good there is one for each lane at most.
fn expect_remembered(postward: &Postward, answered: &HashSet<&String>) {
    let database = Connection::open(postward.database()).unwrap();
    let sql = "SELECT sender, attempts FROM triplet UNION ALL SELECT sender, 1 FROM arriving";
    let mut statement = database.prepare(sql).unwrap();
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let attempts: HashMap<String, u32> = rows.map(Result::unwrap).collect();
    let forgotten: Vec<_> = answered.iter().filter(|sender| !attempts.contains_key(**sender)).collect();
    assert!(forgotten.is_empty(), "{} forgotten: {forgotten:?}", forgotten.len());
    let counted_twice: Vec<_> = attempts.iter().filter(|(_, attempts)| **attempts != 1).collect();
    assert!(counted_twice.is_empty(), "{counted_twice:?}");
    assert!(attempts.len() <= answered.len() + LANES, "{} of {}", attempts.len(), answered.len());
}

/// Who has waited for his time may pass.
fn expect_passage(postward: &Postward, lanes: &[Lane]) {
    postward.advance(Duration::from_secs(600));
    let mut peer = Peer::connect(postward.endpoint());
    for lane in lanes {
        let again =
            Ask::from_sender(&lane.answered[0]).with("client_address", format!("2001:db8:{}:0::1", lane.number));
        let reply = peer.ask(&again);
        assert!(reply.starts_with("PREPEND X-Greylist: delayed "), "{}: {reply}", lane.answered[0]);
    }
}
