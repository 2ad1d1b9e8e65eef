//! The contract of greylists (RFC 6647), for every engine.

use std::time::Duration;

use postward::clock::Timestamp;
use postward::store::{
    AddressSelection, Attempt, ClientSelection, Forgotten, Greylist, Purged, Retention, Selection, Standing,
    TripletState, Used,
};

use crate::support::*;

const CLIENT: &str = "192.0.2.0/24";
const OTHER: &str = "198.51.100.0/24";
const ALICE: &str = "alice@example.org";

/// Runs every rule through the engine.
macro_rules! contract {
    ($module:ident, $engine:path) => {
        mod $module {
            use crate::greylist as contract;
            use crate::support::GreylistEngine as _;
            contract::contract!(@rules $engine:
                a_first_attempt_is_new,
                a_second_attempt_waits_and_keeps_the_first_moment,
                a_repetition_in_the_same_instance_is_counted_once,
                attempts_without_instance_are_never_repetitions,
                recipients_of_one_instance_are_counted_each,
                what_passed_stays_passed,
                passing_again_changes_nothing,
                passing_what_is_not_there_changes_nothing,
                any_identity_that_waits_counts,
                an_identity_that_passed_comes_before_one_that_waits,
                waiting_over_the_retry_window_is_new_again,
                passed_and_unused_for_the_maximal_age_is_new_again,
                use_keeps_a_passed_triplet,
                use_of_a_triplet_is_use_of_its_client,
                the_null_sender_is_a_sender,
                a_clock_that_steps_back_forgets_nothing,
                the_ends_of_time_do_no_harm,
                a_client_is_known_after_enough_passes_an_hour_apart,
                passes_within_the_hour_count_once,
                a_wrong_clock_does_not_stop_the_counting,
                a_known_client_leaves_no_triplet,
                a_known_client_is_kept_by_its_attempts,
                a_client_that_was_away_starts_from_nothing,
                no_client_is_known_where_none_is_wanted,
                the_oldest_of_a_full_network_gives_way,
                the_most_crowded_network_gives_way_when_all_is_full,
                the_oldest_gives_way_when_no_network_is_crowded,
                what_passed_never_gives_way,
                a_lowered_limit_is_reached_step_by_step,
                a_lapsed_triplet_takes_no_room,
                selections_are_met_exactly,
                lists_are_ordered_and_bounded,
                clients_are_listed_by_passes,
                allowing_lets_the_waiting_pass,
                admitting_needs_no_attempt,
                forgetting_a_client_forgets_its_passes,
                forgetting_a_sender_keeps_the_clients,
                pruning_takes_what_was_unused,
                changes_on_request_move_the_revision,
                purging_takes_what_has_lapsed_and_nothing_else,
                many_pages_are_swept,
                a_preview_tells_and_leaves_nothing,
                statistics_count,
                attempts_side_by_side_are_all_counted,
            );
        }
    };
    (@rules $engine:path: $($rule:ident,)*) => {
        $(#[tokio::test]
        async fn $rule() {
            let engine = <$engine>::fresh();
            contract::$rule(engine.greylist()).await;
        })*
    };
}
pub(crate) use contract;

pub(crate) async fn a_first_attempt_is_new(greylist: &dyn Greylist) {
    let sighting = record(greylist, &attempt(CLIENT, ALICE), 7).await;
    assert_eq!((sighting.client.as_str(), sighting.standing), (CLIENT, Standing::New));
    assert_eq!((sighting.first_seen, sighting.attempts), (at(7), 1));
}

pub(crate) async fn a_second_attempt_waits_and_keeps_the_first_moment(greylist: &dyn Greylist) {
    record(greylist, &attempt(CLIENT, ALICE), 0).await;
    for count in 2..5 {
        let sighting = record(greylist, &attempt(CLIENT, ALICE), u64::from(count) * MINUTE).await;
        assert_eq!((sighting.standing, sighting.first_seen, sighting.attempts), (Standing::Waiting, at(0), count));
    }
}

pub(crate) async fn a_repetition_in_the_same_instance_is_counted_once(greylist: &dyn Greylist) {
    let first = in_instance("a", attempt(CLIENT, ALICE));
    let second = in_instance("b", attempt(CLIENT, ALICE));
    let told = record(greylist, &first, 0).await;
    assert_eq!(record(greylist, &first, 1).await, told);
    let told = record(greylist, &second, 10).await;
    assert_eq!((told.standing, told.attempts), (Standing::Waiting, 2));
    assert_eq!(record(greylist, &second, 11).await, told);
}

pub(crate) async fn attempts_without_instance_are_never_repetitions(greylist: &dyn Greylist) {
    let attempt = in_instance("", attempt(CLIENT, ALICE));
    record(greylist, &attempt, 0).await;
    assert_eq!(record(greylist, &attempt, 1).await.standing, Standing::Waiting);
}

pub(crate) async fn recipients_of_one_instance_are_counted_each(greylist: &dyn Greylist) {
    let bob = in_instance("a", attempt(CLIENT, ALICE));
    let carol = Attempt { recipient: "carol@example.net".into(), ..bob.clone() };
    for attempt in [&bob, &carol, &bob] {
        assert_eq!(record(greylist, attempt, 0).await.standing, Standing::New);
    }
    assert_eq!(senders(greylist).await.len(), 2);
}

pub(crate) async fn what_passed_stays_passed(greylist: &dyn Greylist) {
    pass(greylist, CLIENT, ALICE, 0).await;
    let sighting = record(greylist, &attempt(CLIENT, ALICE), DAY).await;
    assert_eq!((sighting.standing, sighting.first_seen, sighting.attempts), (Standing::Passed, at(0), 2));
}

pub(crate) async fn passing_again_changes_nothing(greylist: &dyn Greylist) {
    pass(greylist, CLIENT, ALICE, 0).await;
    let before = greylist.clients(&Selection::default(), 9).await.unwrap();
    greylist.note_pass(&triplet(CLIENT, ALICE), at(DAY)).await.unwrap();
    assert_eq!(greylist.clients(&Selection::default(), 9).await.unwrap(), before);
}

pub(crate) async fn passing_what_is_not_there_changes_nothing(greylist: &dyn Greylist) {
    greylist.note_pass(&triplet(CLIENT, ALICE), at(0)).await.unwrap();
    assert_eq!(record(greylist, &attempt(CLIENT, ALICE), 1).await.standing, Standing::New);
    assert!(greylist.clients(&Selection::default(), 9).await.unwrap().is_empty());
}

pub(crate) async fn any_identity_that_waits_counts(greylist: &dyn Greylist) {
    record(greylist, &attempt(CLIENT, ALICE), 0).await;
    let retry = known_as(&["host:example.org", CLIENT], attempt(CLIENT, ALICE));
    let sighting = record(greylist, &retry, MINUTE).await;
    assert_eq!((sighting.client.as_str(), sighting.standing), (CLIENT, Standing::Waiting));
    let stranger = known_as(&["host:example.org", OTHER], attempt(OTHER, ALICE));
    let sighting = record(greylist, &stranger, MINUTE).await;
    assert_eq!((sighting.client.as_str(), sighting.standing), ("host:example.org", Standing::New));
}

pub(crate) async fn an_identity_that_passed_comes_before_one_that_waits(greylist: &dyn Greylist) {
    pass(greylist, CLIENT, ALICE, 0).await;
    record(greylist, &attempt("host:example.org", ALICE), 0).await;
    let sighting = record(greylist, &known_as(&["host:example.org", CLIENT], attempt(CLIENT, ALICE)), HOUR).await;
    assert_eq!((sighting.client.as_str(), sighting.standing), (CLIENT, Standing::Passed));
}

pub(crate) async fn waiting_over_the_retry_window_is_new_again(greylist: &dyn Greylist) {
    record(greylist, &attempt(CLIENT, ALICE), 0).await;
    assert_eq!(record(greylist, &attempt(CLIENT, ALICE), 2 * DAY).await.standing, Standing::Waiting);
    let sighting = record(greylist, &attempt(CLIENT, ALICE), 2 * DAY + 1).await;
    assert_eq!((sighting.standing, sighting.first_seen, sighting.attempts), (Standing::New, at(2 * DAY + 1), 1));
    assert_eq!(record(greylist, &attempt(CLIENT, ALICE), 2 * DAY + 2).await.standing, Standing::Waiting);
}

pub(crate) async fn passed_and_unused_for_the_maximal_age_is_new_again(greylist: &dyn Greylist) {
    pass(greylist, CLIENT, ALICE, 0).await;
    let lapsed = record(greylist, &attempt(CLIENT, ALICE), 36 * DAY).await;
    assert_eq!((lapsed.standing, lapsed.first_seen, lapsed.attempts), (Standing::New, at(36 * DAY), 1));
}

pub(crate) async fn use_keeps_a_passed_triplet(greylist: &dyn Greylist) {
    pass(greylist, CLIENT, ALICE, 0).await;
    greylist.note_use(Used::Triplet(triplet(CLIENT, ALICE)), at(30 * DAY)).await.unwrap();
    // An engine may also count the attempt itself as a use, to the hour.
    greylist.purge(&retention(), at(60 * DAY)).await.unwrap();
    assert_eq!(senders(greylist).await, [ALICE]);
}

pub(crate) async fn use_of_a_triplet_is_use_of_its_client(greylist: &dyn Greylist) {
    pass(greylist, CLIENT, ALICE, 0).await;
    greylist.note_use(Used::Triplet(triplet(CLIENT, ALICE)), at(30 * DAY)).await.unwrap();
    greylist.purge(&retention(), at(60 * DAY)).await.unwrap();
    assert_eq!(greylist.clients(&Selection::default(), 9).await.unwrap().len(), 1);
}

pub(crate) async fn the_null_sender_is_a_sender(greylist: &dyn Greylist) {
    pass(greylist, CLIENT, "", 0).await;
    assert_eq!(record(greylist, &attempt(CLIENT, ""), HOUR).await.standing, Standing::Passed);
    assert_eq!(greylist.triplets(&from_sender(""), 9).await.unwrap().len(), 1);
}

pub(crate) async fn a_clock_that_steps_back_forgets_nothing(greylist: &dyn Greylist) {
    record(greylist, &attempt(CLIENT, "waits@example.org"), 90 * DAY).await;
    pass(greylist, CLIENT, ALICE, 90 * DAY).await;
    assert_eq!(record(greylist, &attempt(CLIENT, "waits@example.org"), 0).await.standing, Standing::Waiting);
    assert_eq!(record(greylist, &attempt(CLIENT, ALICE), 0).await.standing, Standing::Passed);
    assert_eq!(greylist.purge(&retention(), at(0)).await.unwrap(), Purged::default());
    assert_eq!(record(greylist, &attempt(CLIENT, ALICE), 91 * DAY).await.standing, Standing::Passed);
}

pub(crate) async fn the_ends_of_time_do_no_harm(greylist: &dyn Greylist) {
    let forever = Retention { retry_window: Duration::MAX, max_age: Duration::MAX, ..retention() };
    let attempt = |sender| attempt(CLIENT, sender);
    for now in [Timestamp::MAX, Timestamp::MIN, Timestamp::MAX] {
        greylist.record_attempt(&attempt(ALICE), &forever, now).await.unwrap();
        greylist.note_pass(&triplet(CLIENT, ALICE), now).await.unwrap();
        greylist.note_use(Used::Client(CLIENT.to_owned()), now).await.unwrap();
    }
    assert_eq!(greylist.purge(&forever, Timestamp::MAX).await.unwrap(), Purged::default());
    assert_eq!(greylist.record_attempt(&attempt(ALICE), &forever, at(0)).await.unwrap().standing, Standing::Passed);
}

/// `count` triplets of the client pass, `apart` seconds from each other, the last at `count * apart`.
async fn pass_often(greylist: &dyn Greylist, count: u64, apart: u64) {
    for number in 1..=count {
        pass(greylist, CLIENT, &format!("sender-{number}@example.org"), number * apart - 5 * MINUTE).await;
    }
}

async fn standing(greylist: &dyn Greylist, sender: &str, seconds: u64) -> Standing {
    record(greylist, &attempt(CLIENT, sender), seconds).await.standing
}

pub(crate) async fn a_client_is_known_after_enough_passes_an_hour_apart(greylist: &dyn Greylist) {
    pass_often(greylist, 4, HOUR).await;
    assert_eq!(standing(greylist, "fresh@example.org", 5 * HOUR).await, Standing::New);
    pass(greylist, CLIENT, "fifth@example.org", 5 * HOUR).await;
    let sighting = record(greylist, &attempt(CLIENT, "unseen@example.org"), 6 * HOUR).await;
    assert_eq!((sighting.client.as_str(), sighting.standing), (CLIENT, Standing::KnownClient));
    assert_eq!(sighting.first_seen, at(5 * HOUR + 5 * MINUTE), "when it was last seen");
    assert_eq!(record(greylist, &attempt(OTHER, ALICE), 6 * HOUR).await.standing, Standing::New);
}

pub(crate) async fn passes_within_the_hour_count_once(greylist: &dyn Greylist) {
    pass_often(greylist, 8, 10 * MINUTE).await;
    // At minutes 10 and 70, and the next would be at 130.
    let clients = greylist.clients(&Selection::default(), 9).await.unwrap();
    assert_eq!(clients.iter().map(|client| client.passes).collect::<Vec<_>>(), [2]);
}

pub(crate) async fn a_wrong_clock_does_not_stop_the_counting(greylist: &dyn Greylist) {
    pass(greylist, CLIENT, "future@example.org", 365 * DAY).await;
    pass_often(greylist, 6, HOUR).await;
    assert_eq!(standing(greylist, "unseen@example.org", 7 * HOUR).await, Standing::KnownClient);
}

pub(crate) async fn a_known_client_leaves_no_triplet(greylist: &dyn Greylist) {
    pass_often(greylist, 5, HOUR).await;
    record(greylist, &attempt(CLIENT, "unseen@example.org"), 6 * HOUR).await;
    assert_eq!(senders(greylist).await.len(), 5);
}

pub(crate) async fn a_known_client_is_kept_by_its_attempts(greylist: &dyn Greylist) {
    pass_often(greylist, 5, HOUR).await;
    for month in 1..6 {
        assert_eq!(standing(greylist, "unseen@example.org", month * 30 * DAY).await, Standing::KnownClient);
        // What is written back lazily arrives before the next question.
        greylist.note_use(Used::Client(CLIENT.to_owned()), at(month * 30 * DAY)).await.unwrap();
        greylist.purge(&retention(), at(month * 30 * DAY)).await.unwrap();
    }
}

pub(crate) async fn a_client_that_was_away_starts_from_nothing(greylist: &dyn Greylist) {
    pass_often(greylist, 5, HOUR).await;
    pass(greylist, CLIENT, ALICE, 60 * DAY).await;
    assert_eq!(standing(greylist, "unseen@example.org", 61 * DAY).await, Standing::New);
}

pub(crate) async fn no_client_is_known_where_none_is_wanted(greylist: &dyn Greylist) {
    pass_often(greylist, 9, HOUR).await;
    let retention = Retention { allow_client_after: 0, ..retention() };
    let attempt = attempt(CLIENT, "unseen@example.org");
    let sighting = greylist.record_attempt(&attempt, &retention, at(10 * HOUR)).await.unwrap();
    assert_eq!(sighting.standing, Standing::New);
    assert_eq!(greylist.stats(0).await.unwrap().known_clients, 0);
}

async fn fill(greylist: &dyn Greylist, limits: &Retention, attempts: &[(&str, &str)]) {
    for (second, (client, sender)) in attempts.iter().enumerate() {
        greylist.record_attempt(&attempt(client, sender), limits, at(second as u64)).await.unwrap();
    }
}

pub(crate) async fn the_oldest_of_a_full_network_gives_way(greylist: &dyn Greylist) {
    let limits = Retention { waiting_per_network: 2, ..retention() };
    fill(greylist, &limits, &[(OTHER, "x"), (CLIENT, "a"), (CLIENT, "b"), (CLIENT, "c"), (CLIENT, "d")]).await;
    assert_eq!(senders(greylist).await, ["c", "d", "x"]);
}

pub(crate) async fn the_most_crowded_network_gives_way_when_all_is_full(greylist: &dyn Greylist) {
    let limits = Retention { waiting: 101, ..retention() };
    let crowd: Vec<_> = (100..200).map(|number| number.to_string()).collect();
    let crowd: Vec<_> = crowd.iter().map(|sender| (CLIENT, sender.as_str())).collect();
    fill(greylist, &limits, &[&[(OTHER, "x")], crowd.as_slice(), &[(OTHER, "y")]].concat()).await;
    let senders = senders(greylist).await;
    assert_eq!(
        (senders.len(), senders[0].as_str(), &senders[99..]),
        (101, "101", ["x", "y"].map(str::to_owned).as_slice())
    );
}

pub(crate) async fn the_oldest_gives_way_when_no_network_is_crowded(greylist: &dyn Greylist) {
    let limits = Retention { waiting: 2, ..retention() };
    fill(greylist, &limits, &[(OTHER, "x"), (CLIENT, "a"), ("203.0.113.0/24", "z")]).await;
    assert_eq!(senders(greylist).await, ["a", "z"]);
}

pub(crate) async fn what_passed_never_gives_way(greylist: &dyn Greylist) {
    for sender in ["p", "q", "r"] {
        pass(greylist, CLIENT, sender, 0).await;
    }
    let limits = Retention { waiting: 1, waiting_per_network: 1, ..retention() };
    fill(greylist, &limits, &[(CLIENT, "a"), (CLIENT, "b"), (CLIENT, "c")]).await;
    assert_eq!(senders(greylist).await, ["c", "p", "q", "r"]);
    assert_eq!(greylist.stats(5).await.unwrap().waiting, 1);
}

pub(crate) async fn a_lowered_limit_is_reached_step_by_step(greylist: &dyn Greylist) {
    for number in 0..200 {
        record(greylist, &attempt(CLIENT, &format!("{number:03}")), number).await;
    }
    let limits = Retention { waiting_per_network: 3, ..retention() };
    for number in 0..200 {
        let late = attempt(CLIENT, &format!("late-{number:03}"));
        greylist.record_attempt(&late, &limits, at(1000 + number)).await.unwrap();
    }
    assert_eq!(senders(greylist).await, ["late-197", "late-198", "late-199"]);
}

pub(crate) async fn a_lapsed_triplet_takes_no_room(greylist: &dyn Greylist) {
    let limits = Retention { waiting_per_network: 2, ..retention() };
    fill(greylist, &limits, &[(CLIENT, "a"), (CLIENT, "b")]).await;
    greylist.record_attempt(&attempt(CLIENT, "b"), &limits, at(3 * DAY)).await.unwrap();
    assert_eq!(senders(greylist).await, ["a", "b"], "b takes its own place");
}

pub(crate) async fn selections_are_met_exactly(greylist: &dyn Greylist) {
    for (client, sender) in
        [(CLIENT, "a@example.org"), (CLIENT, "b@mail.example.org"), (OTHER, "a@example.org"), ("host:example.com", "")]
    {
        record(greylist, &attempt(client, sender), 0).await;
    }
    pass(greylist, OTHER, "p@example.com", HOUR).await;
    let network = |text: &str| Some(ClientSelection::Network(text.parse().unwrap()));
    let domain = |text: &str| Some(AddressSelection::Domain(text.to_owned()));
    let nothing = Selection::default();
    for (selection, count) in [
        (nothing.clone(), 5),
        (from_client(CLIENT), 2),
        (from_client("host:example.com"), 1),
        (Selection { client: network("192.0.2.7/32"), ..nothing.clone() }, 2),
        (Selection { client: network("198.51.0.0/16"), ..nothing.clone() }, 2),
        (from_sender("a@example.org"), 2),
        (from_sender(""), 1),
        (Selection { sender: domain("example.org"), ..nothing.clone() }, 3),
        (Selection { sender: domain("example.org"), ..from_client(OTHER) }, 1),
        (Selection { recipient: domain("example.net"), ..nothing.clone() }, 5),
        (Selection { recipient: domain("example.org"), ..nothing.clone() }, 0),
        (Selection { state: Some(TripletState::Passed), ..nothing.clone() }, 1),
        (Selection { state: Some(TripletState::Waiting), ..from_client(OTHER) }, 1),
        (Selection { unused_since: Some(at(1)), ..nothing.clone() }, 4),
        (Selection { unused_since: Some(at(0)), ..nothing.clone() }, 0),
    ] {
        assert_eq!(greylist.triplets(&selection, 99).await.unwrap().len(), count, "{selection:?}");
    }
}

pub(crate) async fn lists_are_ordered_and_bounded(greylist: &dyn Greylist) {
    for (client, sender) in [(OTHER, "c"), (CLIENT, "b"), (CLIENT, "a"), (CLIENT, "")] {
        record(greylist, &attempt(client, sender), 0).await;
    }
    assert_eq!(senders(greylist).await, ["", "a", "b", "c"]);
    let first = greylist.triplets(&Selection::default(), 2).await.unwrap();
    assert_eq!(first.iter().map(|record| record.triplet.sender.as_str()).collect::<Vec<_>>(), ["", "a"]);
    assert!(greylist.triplets(&Selection::default(), 0).await.unwrap().is_empty());
}

pub(crate) async fn clients_are_listed_by_passes(greylist: &dyn Greylist) {
    pass(greylist, OTHER, ALICE, 0).await;
    pass_often(greylist, 2, HOUR).await;
    let listed = |selection: Selection| async move {
        let clients = greylist.clients(&selection, 9).await.unwrap();
        clients.into_iter().map(|client| (client.client, client.passes)).collect::<Vec<_>>()
    };
    assert_eq!(listed(Selection::default()).await, [(CLIENT.to_owned(), 2), (OTHER.to_owned(), 1)]);
    assert_eq!(listed(from_client(OTHER)).await, [(OTHER.to_owned(), 1)]);
    assert!(listed(from_sender(ALICE)).await.is_empty());
    assert_eq!(greylist.clients(&Selection::default(), 1).await.unwrap().len(), 1);
}

pub(crate) async fn allowing_lets_the_waiting_pass(greylist: &dyn Greylist) {
    for (client, sender) in [(CLIENT, "a"), (CLIENT, "b"), (OTHER, "c")] {
        record(greylist, &attempt(client, sender), 0).await;
    }
    assert_eq!(greylist.allow(&from_client(CLIENT), at(1)).await, Ok(2));
    assert_eq!(greylist.allow(&from_client(CLIENT), at(2)).await, Ok(0));
    assert_eq!(standing(greylist, "a", 3).await, Standing::Passed);
    assert_eq!(greylist.stats(5).await.unwrap().waiting, 1);
    assert!(greylist.clients(&Selection::default(), 9).await.unwrap().is_empty(), "nobody has shown anything");
}

pub(crate) async fn admitting_needs_no_attempt(greylist: &dyn Greylist) {
    record(greylist, &attempt(CLIENT, "waits"), 0).await;
    for sender in ["waits", "unseen", "unseen"] {
        greylist.admit(&triplet(CLIENT, sender), CLIENT, at(1)).await.unwrap();
        assert_eq!(standing(greylist, sender, 2).await, Standing::Passed);
    }
    assert_eq!(greylist.stats(5).await.unwrap().waiting, 0);
}

pub(crate) async fn forgetting_a_client_forgets_its_passes(greylist: &dyn Greylist) {
    pass(greylist, CLIENT, ALICE, 0).await;
    pass(greylist, OTHER, ALICE, 0).await;
    assert_eq!(greylist.forget(&from_client(CLIENT)).await, Ok(Forgotten { triplets: 1, clients: 1 }));
    assert_eq!(standing(greylist, ALICE, HOUR).await, Standing::New);
    assert_eq!(record(greylist, &attempt(OTHER, ALICE), HOUR).await.standing, Standing::Passed);
    assert_eq!(greylist.clients(&Selection::default(), 9).await.unwrap().len(), 1);
}

pub(crate) async fn forgetting_a_sender_keeps_the_clients(greylist: &dyn Greylist) {
    pass(greylist, CLIENT, ALICE, 0).await;
    assert_eq!(greylist.forget(&from_sender(ALICE)).await, Ok(Forgotten { triplets: 1, clients: 0 }));
    let passed = Selection { state: Some(TripletState::Passed), ..Selection::default() };
    assert_eq!(greylist.forget(&passed).await, Ok(Forgotten::default()));
    assert_eq!(greylist.clients(&Selection::default(), 9).await.unwrap().len(), 1);
}

pub(crate) async fn pruning_takes_what_was_unused(greylist: &dyn Greylist) {
    pass(greylist, CLIENT, ALICE, 0).await;
    pass(greylist, OTHER, "fresh@example.org", 10 * DAY).await;
    let unused = Selection { unused_since: Some(at(5 * DAY)), ..Selection::default() };
    assert_eq!(greylist.forget(&unused).await, Ok(Forgotten { triplets: 1, clients: 1 }));
    assert_eq!(senders(greylist).await, ["fresh@example.org"]);
}

pub(crate) async fn changes_on_request_move_the_revision(greylist: &dyn Greylist) {
    pass(greylist, CLIENT, "p", 0).await;
    record(greylist, &attempt(CLIENT, "a"), 0).await;
    greylist.purge(&retention(), at(1)).await.unwrap();
    let start = greylist.revision().await.unwrap();
    greylist.allow(&from_client(OTHER), at(2)).await.unwrap();
    greylist.forget(&from_client(OTHER)).await.unwrap();
    record(greylist, &attempt(CLIENT, "b"), 2).await;
    assert_eq!(greylist.revision().await.unwrap(), start, "nothing was changed on request");
    greylist.allow(&from_sender("a"), at(3)).await.unwrap();
    let allowed = greylist.revision().await.unwrap();
    greylist.admit(&triplet(CLIENT, "c"), CLIENT, at(3)).await.unwrap();
    let admitted = greylist.revision().await.unwrap();
    greylist.forget(&from_sender("c")).await.unwrap();
    let forgotten = greylist.revision().await.unwrap();
    assert!(start < allowed && allowed < admitted && admitted < forgotten);
}

pub(crate) async fn purging_takes_what_has_lapsed_and_nothing_else(greylist: &dyn Greylist) {
    record(greylist, &attempt(CLIENT, "waits-long"), 0).await;
    pass(greylist, OTHER, "passed-long-ago", 0).await;
    record(greylist, &attempt(CLIENT, "waits"), 39 * DAY).await;
    pass(greylist, CLIENT, "passed", 30 * DAY).await;
    let purged = greylist.purge(&retention(), at(40 * DAY)).await.unwrap();
    assert_eq!(purged, Purged { waiting: 1, passed: 1, clients: 1 });
    assert_eq!(senders(greylist).await, ["passed", "waits"]);
    assert_eq!(greylist.stats(5).await.unwrap().waiting, 1);
}

pub(crate) async fn many_pages_are_swept(greylist: &dyn Greylist) {
    const MANY: usize = 5_001;
    let attempts: Vec<_> = (0..MANY).map(|number| attempt(CLIENT, &format!("{number:05}"))).collect();
    let retention = retention();
    let recorded: Vec<_> = attempts.iter().map(|attempt| greylist.record_attempt(attempt, &retention, at(0))).collect();
    for answer in recorded {
        answer.await.unwrap();
    }
    assert_eq!(senders(greylist).await.len(), MANY);
    assert_eq!(greylist.allow(&from_client(CLIENT), at(0)).await, Ok(MANY as u64));
    assert_eq!(greylist.purge(&retention, at(99 * DAY)).await.unwrap().passed, MANY as u64);
    assert_eq!(greylist.stats(5).await.unwrap(), Default::default());
}

pub(crate) async fn a_preview_tells_and_leaves_nothing(greylist: &dyn Greylist) {
    let preview = async |sender, seconds| {
        greylist.preview_attempt(&attempt(CLIENT, sender), &retention(), at(seconds)).await.unwrap()
    };
    assert_eq!(preview(ALICE, 0).await.standing, Standing::New);
    assert!(senders(greylist).await.is_empty());
    record(greylist, &attempt(CLIENT, ALICE), 0).await;
    for _ in 0..2 {
        let sighting = preview(ALICE, MINUTE).await;
        assert_eq!((sighting.standing, sighting.first_seen, sighting.attempts), (Standing::Waiting, at(0), 2));
    }
}

pub(crate) async fn statistics_count(greylist: &dyn Greylist) {
    assert_eq!(greylist.stats(5).await.unwrap(), Default::default());
    record(greylist, &attempt(CLIENT, "a"), 10).await;
    record(greylist, &attempt(CLIENT, "b"), 5).await;
    record(greylist, &attempt(OTHER, "a"), 20).await;
    pass(greylist, "203.0.113.0/24", "p", 0).await;
    let stats = greylist.stats(1).await.unwrap();
    assert_eq!((stats.waiting, stats.passed, stats.networks), (3, 1, 2));
    assert_eq!((stats.clients, stats.known_clients, stats.oldest_waiting), (1, 1, Some(at(5))));
    assert_eq!(greylist.stats(2).await.unwrap().known_clients, 0);
}

pub(crate) async fn attempts_side_by_side_are_all_counted(greylist: &dyn Greylist) {
    let attempts: Vec<_> = (0..50).map(|_| attempt(CLIENT, ALICE)).collect();
    let retention = retention();
    let answers: Vec<_> = attempts.iter().map(|attempt| greylist.record_attempt(attempt, &retention, at(0))).collect();
    let mut counts = Vec::new();
    for answer in answers {
        counts.push(answer.await.unwrap().attempts);
    }
    counts.sort_unstable();
    assert_eq!(counts, (1..=50).collect::<Vec<_>>());
}
