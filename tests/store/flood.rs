//! SQLite alone: a flood of strangers, from one network and from everywhere, washes nobody else away.

use std::fs;
use std::time::Instant;

use postward::store::{Attempt, ClientSelection, Greylist, Retention, Selection, Standing};

use crate::support::*;

/// The length of a flood: short, as long as every change is tried, or as it is promised.
fn length() -> u64 {
    match std::env::var("POSTWARD_LONG_TESTS").as_deref() {
        Ok("full") => 10_000_000,
        Ok(_) => 40_000,
        Err(_) => 10_000,
    }
}

/// In proportion as the defaults are to ten million: one network overflows its bound many times, and networks of a flood from
/// everywhere have as many waiting as there are places for each.
fn limits() -> Retention {
    Retention { waiting: length() / 10, waiting_per_network: length() / 1_000, ..retention() }
}

/// How many are committed together.
const TOGETHER: u64 = 500;

const LEGITIMATE: u64 = 50;

/// A mail server of its own network.
fn legitimate(number: u64) -> Attempt {
    attempt(&format!("198.51.{number}.0/24"), &format!("legitimate{number}"))
}

fn known(number: u64) -> (String, String) {
    (format!("203.0.{number}.0/24"), format!("known{number}"))
}

/// A random triplet, as a flood has them: none twice.
fn random(number: u64, networks: u64) -> Attempt {
    let scattered = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let network = (scattered >> 33) % networks;
    attempt(&format!("2001:db8:{:x}:{:x}::/64", network >> 16, network & 0xffff), &format!("{scattered:x}"))
}

async fn survive_flood_from(networks: u64) {
    let (_directory, path) = place();
    let store = postward::store::sqlite::Sqlite::serve(&path).unwrap();
    for number in 0..LEGITIMATE {
        let (client, sender) = known(number);
        pass(&store, &client, &sender, 0).await;
        store.record_attempt(&legitimate(number), &limits(), at(400)).await.unwrap();
    }
    let (begun, limits) = (Instant::now(), limits());
    for first in (0..length()).step_by(usize::try_from(TOGETHER).unwrap()) {
        let attempts: Vec<_> = (first..first + TOGETHER).map(|number| random(number, networks)).collect();
        let answers: Vec<_> = attempts.iter().map(|attempt| store.record_attempt(attempt, &limits, at(500))).collect();
        for answer in answers {
            assert_eq!(answer.await.unwrap().standing, Standing::New);
        }
    }
    let stats = store.stats(5).await.unwrap();
    let megabytes = fs::metadata(&path).unwrap().len() / 1_000_000;
    println!("{} from {networks} networks in {:?}: {} wait, {megabytes} MB", length(), begun.elapsed(), stats.waiting);
    assert!(stats.waiting <= limits.waiting, "{}", stats.waiting);
    assert!(megabytes <= 2 + limits.waiting * 500 / 1_000_000, "{megabytes} MB");
    for number in 0..LEGITIMATE {
        let (client, sender) = known(number);
        let seen = store.record_attempt(&attempt(&client, &sender), &limits, at(1_000)).await.unwrap();
        assert_eq!(seen.standing, Standing::Passed, "who has passed stays");
        let seen = store.record_attempt(&legitimate(number), &limits, at(1_000)).await.unwrap();
        assert_eq!((seen.standing, seen.first_seen), (Standing::Waiting, at(400)), "who waits is not washed away");
    }
}

#[tokio::test]
async fn a_flood_from_one_network_washes_nobody_else_away() {
    survive_flood_from(1).await;
}

#[tokio::test]
async fn a_flood_from_everywhere_washes_nobody_else_away() {
    survive_flood_from(length() / 100).await;
}

/// Triplets have their places in the indexes only some time after they have come; until then they are counted all the same.
#[tokio::test]
async fn a_network_keeps_its_bound_while_others_flood() {
    let (_directory, path) = place();
    let store = postward::store::sqlite::Sqlite::serve(&path).unwrap();
    let limits = Retention { waiting: 1_000_000, waiting_per_network: 10, ..retention() };
    let network = "198.51.100.0/24";
    for first in (0..40_000).step_by(400) {
        let others = (first..first + 399).map(|number| random(number, 1 << 20));
        let attempts: Vec<_> = others.chain([attempt(network, &first.to_string())]).collect();
        let answers: Vec<_> = attempts.iter().map(|attempt| store.record_attempt(attempt, &limits, at(500))).collect();
        for answer in answers {
            answer.await.unwrap();
        }
    }
    let selection = Selection { client: Some(ClientSelection::Identity(network.to_owned())), ..Selection::default() };
    let waiting = store.triplets(&selection, 100).await.unwrap();
    assert!(waiting.len() <= 11, "{}", waiting.len());
    assert_eq!(waiting.len() as u64 + 39_900, store.stats(0).await.unwrap().waiting);
}
