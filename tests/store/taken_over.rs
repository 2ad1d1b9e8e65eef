//! Memories of other programs: they fill gaps and spoil nothing, in every engine.

use postward::clock::Timestamp;
use postward::store::{
    ClientRecord, Greylist, Memory, Retention, Selection, Standing, TakenOver, Triplet, TripletRecord, TripletState,
};

use crate::support::*;

const CLIENT: &str = "192.0.2.0/24";
const ALICE: &str = "alice@example.org";

/// What the daemon would find now.
const NOW: u64 = 100 * DAY;

macro_rules! rules {
    ($engine:path) => {
        crate::greylist::contract!(@rules $engine:
            who_has_passed_elsewhere_has_passed_here,
            who_waits_elsewhere_goes_on_waiting_here,
            an_attempt_finds_what_was_taken_over,
            what_is_known_here_is_neither_lost_nor_made_older,
            what_has_passed_elsewhere_need_not_wait_here,
            what_has_lapsed_here_is_replaced,
            a_client_counts_the_greater_number_of_passes,
            taking_over_again_changes_nothing,
            memories_push_nobody_out,
            the_revision_moves_when_something_is_new,
        );
    };
}
pub(crate) use rules;

mod sqlite {
    use super as contract;
    use crate::support::GreylistEngine as _;
    contract::rules!(crate::support::TempSqlite);
}

mod remembered {
    use super as contract;
    use crate::support::GreylistEngine as _;
    contract::rules!(crate::support::TempRemembered);
}

fn triplet(sender: &str, state: TripletState, first_seen: Timestamp, last_seen: Timestamp) -> Memory {
    let triplet = Triplet { client: CLIENT.into(), sender: sender.into(), recipient: "bob@example.net".into() };
    let record = TripletRecord { triplet, state, first_seen, last_seen, attempts: 1 };
    Memory::Triplet { record, network: CLIENT.into() }
}

fn waiting(sender: &str, since: u64) -> Memory {
    triplet(sender, TripletState::Waiting, at(since), at(since))
}

fn passed(sender: &str, last_seen: u64) -> Memory {
    triplet(sender, TripletState::Passed, at(last_seen - HOUR), at(last_seen))
}

fn client(passes: u32, last_seen: u64) -> Memory {
    Memory::Client(ClientRecord { client: CLIENT.into(), passes, last_seen: at(last_seen) })
}

async fn take(greylist: &dyn Greylist, memories: &[Memory]) -> TakenOver {
    greylist.take_over(memories.to_vec(), &retention(), at(NOW)).await.unwrap()
}

async fn standing(greylist: &dyn Greylist) -> (Standing, Timestamp) {
    let sighting = greylist.preview_attempt(&attempt(CLIENT, ALICE), &retention(), at(NOW)).await.unwrap();
    (sighting.standing, sighting.first_seen)
}

async fn all(greylist: &dyn Greylist) -> (Vec<TripletRecord>, Vec<ClientRecord>) {
    let selection = Selection::default();
    (greylist.triplets(&selection, 100).await.unwrap(), greylist.clients(&selection, 100).await.unwrap())
}

async fn who_has_passed_elsewhere_has_passed_here(greylist: &dyn Greylist) {
    let taken = take(greylist, &[passed(ALICE, NOW - DAY)]).await;
    assert_eq!(taken, TakenOver { triplets: 1, ..TakenOver::default() });
    assert_eq!(standing(greylist).await.0, Standing::Passed);
}

async fn who_waits_elsewhere_goes_on_waiting_here(greylist: &dyn Greylist) {
    take(greylist, &[waiting(ALICE, NOW - MINUTE)]).await;
    assert_eq!(standing(greylist).await, (Standing::Waiting, at(NOW - MINUTE)));
    assert_eq!(greylist.stats(5).await.unwrap().waiting, 1);
}

async fn an_attempt_finds_what_was_taken_over(greylist: &dyn Greylist) {
    let attempted = async |sender| {
        let attempt = attempt(CLIENT, sender);
        greylist.record_attempt(&attempt, &retention(), at(NOW)).await.unwrap().standing
    };
    take(greylist, &[passed(ALICE, NOW - DAY)]).await;
    assert_eq!(attempted(ALICE).await, Standing::Passed);
    take(greylist, &[client(5, NOW - DAY)]).await;
    assert_eq!(attempted("b@x.example").await, Standing::KnownClient);
}

async fn what_is_known_here_is_neither_lost_nor_made_older(greylist: &dyn Greylist) {
    let known = attempt(CLIENT, ALICE);
    for (first_seen, memory) in [
        (NOW - HOUR, waiting(ALICE, NOW - 2 * HOUR)),
        (NOW - HOUR, waiting(ALICE, NOW - MINUTE)), // its clock would start anew
    ] {
        greylist.record_attempt(&known, &retention(), at(first_seen)).await.unwrap();
        let before = all(greylist).await;
        assert_eq!(take(greylist, &[memory]).await, TakenOver { known: 1, ..TakenOver::default() });
        assert_eq!(all(greylist).await, before);
    }
    greylist.note_pass(&all(greylist).await.0[0].triplet, at(NOW - MINUTE)).await.unwrap();
    let before = all(greylist).await;
    let older = [waiting(ALICE, NOW - HOUR), passed(ALICE, NOW - DAY), client(1, NOW - DAY)];
    assert_eq!(take(greylist, &older).await, TakenOver { known: 3, ..TakenOver::default() });
    assert_eq!(all(greylist).await, before);
}

async fn what_has_passed_elsewhere_need_not_wait_here(greylist: &dyn Greylist) {
    greylist.record_attempt(&attempt(CLIENT, ALICE), &retention(), at(NOW - MINUTE)).await.unwrap();
    assert_eq!(take(greylist, &[passed(ALICE, NOW - DAY)]).await.triplets, 1);
    assert_eq!(standing(greylist).await.0, Standing::Passed);
    assert_eq!(all(greylist).await.0[0].last_seen, at(NOW - MINUTE));
    assert_eq!(greylist.stats(5).await.unwrap().waiting, 0);
}

async fn what_has_lapsed_here_is_replaced(greylist: &dyn Greylist) {
    greylist.record_attempt(&attempt(CLIENT, ALICE), &retention(), at(0)).await.unwrap();
    greylist.note_pass(&all(greylist).await.0[0].triplet, at(HOUR)).await.unwrap();
    take(greylist, &[waiting(ALICE, NOW - HOUR), client(2, NOW - HOUR)]).await;
    assert_eq!(standing(greylist).await, (Standing::Waiting, at(NOW - HOUR)));
    assert_eq!(greylist.stats(5).await.unwrap().waiting, 1);
    assert_eq!(all(greylist).await.1, [ClientRecord { client: CLIENT.into(), passes: 2, last_seen: at(NOW - HOUR) }]);
}

async fn a_client_counts_the_greater_number_of_passes(greylist: &dyn Greylist) {
    take(greylist, &[client(3, NOW - 2 * DAY), client(1, NOW - DAY)]).await;
    assert_eq!(all(greylist).await.1, [ClientRecord { client: CLIENT.into(), passes: 3, last_seen: at(NOW - DAY) }]);
    assert_eq!(standing(greylist).await.0, Standing::New);
    take(greylist, &[client(5, NOW - 3 * DAY)]).await;
    assert_eq!(standing(greylist).await.0, Standing::KnownClient);
}

async fn taking_over_again_changes_nothing(greylist: &dyn Greylist) {
    let memories = [waiting("a@x.example", NOW - HOUR), passed("b@x.example", NOW - DAY), client(4, NOW - DAY)];
    take(greylist, &memories).await;
    let before = (all(greylist).await, greylist.revision().await.unwrap());
    assert_eq!(take(greylist, &memories).await, TakenOver { known: 3, ..TakenOver::default() });
    assert_eq!((all(greylist).await, greylist.revision().await.unwrap()), before);
}

async fn memories_push_nobody_out(greylist: &dyn Greylist) {
    let narrow = Retention { waiting_per_network: 1, ..retention() };
    greylist.record_attempt(&attempt(CLIENT, ALICE), &narrow, at(NOW - HOUR)).await.unwrap();
    let memories = vec![waiting("b@x.example", NOW), passed("c@x.example", NOW)];
    let taken = greylist.take_over(memories, &narrow, at(NOW)).await.unwrap();
    assert_eq!(taken, TakenOver { triplets: 1, no_room: 1, ..TakenOver::default() });
    assert_eq!(standing(greylist).await.0, Standing::Waiting);
}

async fn the_revision_moves_when_something_is_new(greylist: &dyn Greylist) {
    let before = greylist.revision().await.unwrap();
    take(greylist, &[client(1, NOW)]).await;
    assert!(greylist.revision().await.unwrap() > before);
}
