//! `postward greylist allow`, `forget` and `prune`.

use std::time::Duration;

use crate::desk::{ask, beside};
use crate::greylist::with_triplets;
use crate::support::{Postward, Transport, eventually};

const BOB: &str = "bob@example.net";
const DAY: Duration = Duration::from_secs(86_400);

fn is_deferred(postward: &Postward, client: &str, sender: &str) -> bool {
    ask(postward, client, sender, BOB).starts_with("DEFER_IF_PERMIT")
}

fn count(postward: &Postward) -> usize {
    beside(postward, "greylist show --format json").ok().json().len()
}

#[test]
fn nothing_is_changed_unless_something_is_selected() {
    let postward = with_triplets();
    for command in ["allow", "forget"] {
        beside(&postward, &format!("greylist {command}"))
            .failed(2, &["nothing is selected", "hint: say --client, --sender or --recipient"]);
    }
    beside(&postward, "greylist prune").failed(2, &["nothing is selected", "hint: say --lapsed, --unused-for PERIOD,"]);
    assert_eq!(count(&postward), 6);
}

#[test]
fn a_waiting_triplet_that_is_allowed_passes_at_the_running_daemon() {
    let postward = with_triplets();
    let said = beside(&postward, "greylist allow --sender alice@example.org --recipient bob@example.net").ok();
    assert_eq!(said.out, "1 waiting triplet may pass now\n");
    eventually("it passes", || ask(&postward, "192.0.2.1", "alice@example.org", BOB) == "DUNNO");
    assert!(is_deferred(&postward, "203.0.113.1", ""), "the others wait");
    assert_eq!(beside(&postward, "greylist allow --client 0.0.0.0/0").ok().out, "3 waiting triplets may pass now\n");
    eventually("all pass", || !is_deferred(&postward, "203.0.113.1", ""));
}

#[test]
fn somebody_who_was_never_seen_can_be_let_in() {
    let postward = Postward::start(Transport::Inet);
    assert!(is_deferred(&postward, "192.0.2.77", ""));
    beside(&postward, "greylist forget --sender <>").ok();
    let said = beside(&postward, "greylist allow --client 192.0.2.9 --sender <> --recipient Bob+x@example.net").ok();
    assert_eq!(said.out, "<> may now write to bob@example.net from 192.0.2.0/24\n");
    eventually("it passes", || ask(&postward, "192.0.2.77", "", BOB) == "DUNNO");
    assert!(is_deferred(&postward, "192.0.2.77", "a@example.org"));
}

#[test]
fn letting_in_somebody_who_is_not_waiting_takes_all_three() {
    let postward = Postward::start(Transport::Inet);
    assert!(is_deferred(&postward, "198.51.100.1", "x@example.org"));
    for selection in [
        "--client 192.0.2.9",
        "--client 192.0.2.9 --sender a@example.org",
        "--client 192.0.2.9 --sender example.com --recipient bob@example.net",
        "--client 192.0.0.0/16 --sender a@example.org --recipient bob@example.net",
    ] {
        beside(&postward, &format!("greylist allow {selection}"))
            .failed(1, &["nothing like that is waiting", "hint: to let in somebody who was never seen, give"]);
    }
}

#[test]
fn a_known_triplet_that_is_forgotten_is_new_again_at_the_running_daemon() {
    let postward = with_triplets();
    assert_eq!(ask(&postward, "192.0.2.1", "known@example.org", BOB), "DUNNO");
    let said = beside(&postward, "greylist forget --sender known@example.org").ok();
    assert_eq!(said.out, "forgot 1 triplet\n");
    eventually("it is new again", || is_deferred(&postward, "192.0.2.1", "known@example.org"));
    beside(&postward, "greylist forget --sender nobody@example.org").failed(1, &["nothing like that is remembered"]);
}

#[test]
fn forgetting_a_client_forgets_how_often_it_passed() {
    let postward = with_triplets();
    let said = beside(&postward, "greylist forget --client 192.0.2.7").ok();
    assert_eq!(said.out, "forgot 2 triplets, and how often 1 client has passed\n");
    assert_eq!(beside(&postward, "greylist stats --format json").ok().json()[0]["clients"], 0);
    assert_eq!(count(&postward), 4);
}

#[test]
fn only_what_has_lapsed_is_pruned_unless_a_period_is_given() {
    let mut postward = with_triplets();
    postward.stop();
    let prune = |line: &str| beside(&postward, &format!("greylist prune {line}")).ok().out;
    assert_eq!(prune("--lapsed"), "forgot 0 triplets\n");
    assert_eq!(prune("--client 192.0.2.1"), "forgot 0 triplets\n");
    assert_eq!(prune("--unused-for 1h"), "forgot 0 triplets\n");
    postward.advance(2 * DAY + DAY / 24);
    assert_eq!(prune("--client 192.0.2.1"), "forgot 1 triplet\n", "it waited longer than retry_window");
    assert_eq!(prune("--lapsed"), "forgot 4 triplets\n", "all that wait");
    assert_eq!(prune("--unused-for 3d"), "forgot 0 triplets\n");
    assert_eq!(prune("--unused-for 1d --sender example.com"), "forgot 0 triplets\n");
    assert_eq!(prune("--unused-for 1d"), "forgot 1 triplet, and how often 1 client has passed\n");
    assert_eq!(count(&postward), 0);
}

#[test]
fn passed_triplets_lapse_when_they_were_not_used_for_max_age() {
    let mut postward = with_triplets();
    postward.stop();
    postward.advance(36 * DAY);
    let prune = |line: &str| beside(&postward, &format!("greylist prune {line}")).ok().out;
    assert_eq!(prune("--sender known@example.org"), "forgot 1 triplet\n");
    assert_eq!(prune("--lapsed"), "forgot 5 triplets, and how often 1 client has passed\n");
    beside(&postward, "greylist prune --lapsed --unused-for 1d").ended(2);
}
