//! What has to be done beside requests, at its time.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::heap::Heap;
use super::service::Service;
use crate::journal::Progress;

/// How often other processes' changes are looked for.
const LOOK: Duration = Duration::from_secs(1);

/// How long decisions are gathered before they are written.
const GATHER: Duration = Duration::from_millis(100);

/// How often what was counted is written.
const SUMS: Duration = Duration::from_secs(2);

/// How often it is told that the journal could not keep up.
const TELL: Duration = Duration::from_secs(10);

/// How often lapsed things are forgotten.
const PURGE: Duration = Duration::from_secs(60);

/// How often memory is looked for that can be given back.
const LOOK_AT_HEAP: Duration = Duration::from_secs(5);

/// Runs until it is aborted. A panic is a bug, and must not mean that changes are never noticed again.
pub(super) async fn run(service: Arc<Service>) {
    loop {
        let mut running = JoinSet::new();
        running.spawn(keep_up(service.clone()));
        running.join_next().await;
        tracing::error!("what is done beside requests was broken off: this is a bug in postward; it begins anew");
        sleep(LOOK).await;
    }
}

/// What one part waits for holds up none of the others.
async fn keep_up(service: Arc<Service>) {
    tokio::join!(
        follow_changes(&service),
        read_sources(&service),
        forget_lapsed(&service),
        write_records(&service),
        write_sums(&service),
        tell_dropped(&service),
        give_memory_back(&service)
    );
}

async fn follow_changes(service: &Service) {
    let mut look = ticking(LOOK);
    loop {
        look.tick().await;
        service.follow_changes().await;
    }
}

/// A reload that comes while sources are being read leads to one more reading, however many there were.
async fn read_sources(service: &Service) {
    loop {
        let _ = timeout(service.refresh_period(), service.reload_wanted()).await;
        service.reload_lists().await;
    }
}

async fn forget_lapsed(service: &Service) {
    let mut purge = ticking(PURGE);
    loop {
        purge.tick().await;
        if service.clock_is_sure(service.now()) {
            service.forget_lapsed().await;
        }
    }
}

async fn give_memory_back(service: &Service) {
    let mut look = ticking(LOOK_AT_HEAP);
    let mut heap = Heap::default();
    loop {
        look.tick().await;
        service.forget_lapsed_answers();
        let looked = spawn_blocking(move || {
            heap.look();
            heap
        });
        heap = looked.await.unwrap_or_default();
    }
}

/// Decisions are written together, and not all at once: one by one, or whatever has come in a flood, they would be in the way of
/// those who wait for an answer.
async fn write_records(service: &Service) {
    loop {
        service.journal().arrived().await;
        loop {
            sleep(GATHER).await;
            match service.journal().write_batch().await {
                Progress::Done => break,
                Progress::More => {}
                Progress::Failed => sleep(LOOK).await,
            }
        }
    }
}

async fn write_sums(service: &Service) {
    let mut write = ticking(SUMS);
    loop {
        write.tick().await;
        service.journal().write_sums().await;
    }
}

async fn tell_dropped(service: &Service) {
    let mut tell = ticking(TELL);
    loop {
        tell.tick().await;
        if let dropped @ 1.. = service.journal().take_dropped() {
            tracing::warn!(dropped, "the journal lacks decisions that could not be written in time");
        }
    }
}

fn ticking(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::chain::Policy;
    use crate::clock::{Clock, Timestamp, later};
    use crate::config::Draft;
    use crate::daemon::clock_watch::TRUST_AFTER;
    use crate::store::sqlite::Sqlite;
    use crate::store::{Entries, EntryRecord, Greylist, Selection, Triplet};

    /// Goes with tokio's clock, which a test turns.
    struct Turned(Instant);

    impl Clock for Turned {
        fn now(&self) -> Timestamp {
            later(long_ago(), Duration::from_secs(365 * 86_400) + self.0.elapsed())
        }
    }

    fn long_ago() -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    /// How many triplets and entries there are. The store answers from threads of its own, for which tokio's clock would not
    /// wait; for a blocking task it does.
    async fn kept(store: &Sqlite) -> (usize, usize) {
        let (answered, answer) = std::sync::mpsc::channel::<()>();
        let clock_stands = tokio::task::spawn_blocking(move || answer.recv());
        let kept = count(store).await;
        drop(answered);
        let _ = clock_stands.await;
        kept
    }

    async fn count(store: &Sqlite) -> (usize, usize) {
        let triplets = store.triplets(&Selection::default(), 9).await.unwrap();
        let mut entries = store.entries();
        let mut count = 0;
        while let Some(Ok(batch)) = entries.recv().await {
            count += batch.len();
        }
        (triplets.len(), count)
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_lapsed_is_forgotten_when_the_clock_has_been_right_for_a_while() {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(Sqlite::serve(&directory.path().join("postward.db")).unwrap());
        let triplet = Triplet { client: "192.0.2.0/24".into(), sender: "a".into(), recipient: "b".into() };
        store.admit(&triplet, "192.0.2.0/24", long_ago()).await.unwrap();
        let expired = EntryRecord {
            action: "deny".into(),
            sender: Some("a@b".into()),
            expires: Some(long_ago()),
            ..EntryRecord::default()
        };
        store.add_entry(expired, false).await.unwrap();
        let policy = Policy::from_draft(Draft::parse("policy.yaml".as_ref(), String::new()).unwrap()).unwrap();
        let service = Arc::new(Service::new(&policy, Arc::clone(&store), Arc::new(Turned(Instant::now()))));
        let upkeep = tokio::spawn(async move { forget_lapsed(&service).await });
        tokio::time::sleep(TRUST_AFTER - PURGE / 2).await;
        assert_eq!(kept(&store).await, (1, 1));
        for _ in 0..1000 {
            tokio::time::sleep(PURGE).await;
            if kept(&store).await == (0, 0) {
                upkeep.abort();
                return;
            }
        }
        panic!("left: {:?}", kept(&store).await);
    }
}
