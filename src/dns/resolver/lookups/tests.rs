use std::future;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use hickory_resolver::proto::rr::RecordType;
use hickory_resolver::proto::rr::rdata::A;
use tokio::task::JoinSet;
use tokio::time::advance;

use super::*;
use crate::dns::resolver::memory::FAILURE;

const LIMIT: Duration = Duration::from_secs(2);

/// Answers by the name.
#[derive(Default)]
struct Fake {
    asked: AtomicUsize,
    under_way: AtomicUsize,
    most: AtomicUsize,
    is_gone: AtomicBool,
}

impl Fake {
    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Upstream for Fake {
    async fn ask(&self, question: &Question) -> Result<Found, DnsError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.most.fetch_max(self.under_way.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        let name = question.name().to_ascii();
        let answer = answer(&name, self.is_gone.load(Ordering::Relaxed)).await;
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        answer
    }

    async fn is_there(&self) -> bool {
        if self.is_gone.load(Ordering::Relaxed) { future::pending().await } else { true }
    }
}

async fn answer(name: &str, is_gone: bool) -> Result<Found, DnsError> {
    let found = |records, ttl| Ok(Found { records, ttl: Duration::from_secs(ttl) });
    let address = vec![RData::A(A(Ipv4Addr::new(192, 0, 2, 1)))];
    match name.split('.').next().unwrap_or_default().trim_end_matches(|c: char| c.is_ascii_digit()) {
        _ if is_gone => future::pending().await,
        "silent" => future::pending().await,
        "slow" => {
            sleep(Duration::from_millis(1500)).await;
            found(address, 60)
        }
        "broken" => Err(DnsError::Failed("broken".to_owned())),
        "panic" => panic!("a mistake in a library"),
        "nothing" => found(vec![], 60),
        "fleeting" => found(address, 0),
        "eternal" => found(address, u64::from(u32::MAX)),
        _ => found(address, 60),
    }
}

fn question(name: &str) -> Question {
    Question::about(name, RecordType::A).unwrap()
}

async fn ask_all(lookups: &Arc<Lookups<Fake>>, names: impl IntoIterator<Item = String>) -> Vec<Outcome> {
    let tasks: JoinSet<_> = names
        .into_iter()
        .map(|name| {
            let lookups = Arc::clone(lookups);
            async move { lookups.look_up(question(&name)).await }
        })
        .collect();
    tasks.join_all().await
}

fn numbered(name: &str, count: usize) -> impl Iterator<Item = String> {
    (0..count).map(move |n| format!("{name}{n}.example"))
}

#[tokio::test(start_paused = true)]
async fn outcomes_are_remembered_for_their_time() {
    for (name, seconds) in
        [("plain", 60), ("nothing", 60), ("fleeting", 5), ("eternal", 3600), ("broken", FAILURE.as_secs())]
    {
        let lookups = Lookups::new(Fake::default(), LIMIT);
        let first = lookups.look_up(question(name)).await;
        advance(Duration::from_millis(seconds * 1000 - 1)).await;
        assert_eq!(lookups.look_up(question(name)).await, first);
        assert_eq!(lookups.upstream.asked(), 1, "{name} is remembered for {seconds} s");
        advance(Duration::from_millis(1)).await;
        assert_eq!(lookups.look_up(question(name)).await, first);
        assert_eq!(lookups.upstream.asked(), 2, "{name} is remembered for {seconds} s only");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lookup_ends_in_time_and_its_failure_is_remembered() {
    let lookups = Lookups::new(Fake::default(), LIMIT);
    let started = Instant::now();
    assert_eq!(lookups.look_up(question("silent")).await, Err(DnsError::Timeout));
    assert_eq!(started.elapsed(), LIMIT);
    assert_eq!(lookups.look_up(question("silent")).await, Err(DnsError::Timeout));
    assert_eq!((started.elapsed(), lookups.upstream.asked()), (LIMIT, 1));
}

#[tokio::test(start_paused = true)]
async fn who_comes_later_waits_no_longer() {
    let lookups = Lookups::new(Fake::default(), LIMIT);
    let started = Instant::now();
    let first = ask_all(&lookups, ["silent".to_owned()]);
    let second = async {
        sleep(LIMIT / 2).await;
        lookups.look_up(question("silent")).await
    };
    let (_, second) = tokio::join!(first, second);
    assert_eq!((second, started.elapsed(), lookups.upstream.asked()), (Err(DnsError::Timeout), LIMIT, 1));
}

#[tokio::test(start_paused = true)]
async fn giving_up_does_not_end_a_lookup() {
    let lookups = Lookups::new(Fake::default(), LIMIT);
    for name in ["silent", "slow"] {
        assert!(timeout(LIMIT / 4, lookups.look_up(question(name))).await.is_err());
    }
    sleep(LIMIT).await;
    let started = Instant::now();
    assert_eq!(lookups.look_up(question("silent")).await, Err(DnsError::Timeout));
    assert_eq!(lookups.look_up(question("slow")).await.unwrap().map(|found| found.len()), Some(1));
    assert_eq!((started.elapsed(), lookups.upstream.asked()), (Duration::ZERO, 2));
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_turn_counts() {
    let lookups = Lookups::new(Fake::default(), LIMIT);
    let started = Instant::now();
    let outcomes = ask_all(&lookups, numbered("slow", 3 * MOST_AT_A_TIME)).await;
    let count = |outcome: &Result<(), DnsError>| {
        outcomes.iter().filter(|other| (*other).as_ref().map(drop).map_err(Clone::clone) == *outcome).count()
    };
    assert_eq!(started.elapsed(), LIMIT);
    assert_eq!(lookups.upstream.most.load(Ordering::Relaxed), MOST_AT_A_TIME);
    assert_eq!(
        [Ok(()), Err(DnsError::Timeout), Err(DnsError::Unavailable)].map(|outcome| count(&outcome)),
        [MOST_AT_A_TIME; 3],
        "a third is answered, a third is asked too late, and the rest never gets its turn"
    );
    assert_eq!(lookups.under_way().len(), 0);
    let asked = lookups.upstream.asked();
    ask_all(&lookups, numbered("slow", 3 * MOST_AT_A_TIME)).await;
    assert_eq!(lookups.upstream.asked() - asked, MOST_AT_A_TIME, "what was never asked is no failure to remember");
}

#[tokio::test(start_paused = true)]
async fn a_mistake_in_a_library_is_no_answer_and_ends_nothing_else() {
    let lookups = Lookups::new(Fake::default(), LIMIT);
    for _ in 0..2 {
        assert_eq!(lookups.look_up(question("panic")).await, Err(DnsError::Unavailable));
    }
    assert_eq!(lookups.upstream.asked(), 2, "the lookup is not under way for ever");
    assert_eq!(ask_all(&lookups, numbered("panic", 2 * MOST_AT_A_TIME)).await.len(), 2 * MOST_AT_A_TIME);
    assert!(lookups.look_up(question("plain")).await.is_ok(), "turns are given back");
}

#[tokio::test(start_paused = true)]
async fn names_that_never_answer_do_not_open_the_circuit() {
    let lookups = Lookups::new(Fake::default(), LIMIT);
    for round in 0..5 {
        let outcomes = ask_all(&lookups, numbered(&format!("silent.{round}"), 0).chain(numbered("silent", 100))).await;
        assert!(outcomes.iter().all(|outcome| *outcome == Err(DnsError::Timeout)), "{round}");
        advance(FAILURE).await;
    }
    assert!(lookups.look_up(question("plain")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn when_nobody_is_there_lookups_end_at_once_until_somebody_is() {
    let lookups = Lookups::new(Fake::default(), LIMIT);
    assert!(lookups.look_up(question("known")).await.is_ok());
    lookups.upstream.is_gone.store(true, Ordering::Relaxed);
    ask_all(&lookups, numbered("a", 10)).await;
    // These are still waiting when the circuit opens, and nobody else gets a turn.
    sleep(LIMIT / 2).await;
    let last = Arc::clone(&lookups);
    tokio::spawn(async move { ask_all(&last, numbered("c", MOST_AT_A_TIME)).await });
    sleep(LIMIT / 2).await;

    let (started, asked) = (Instant::now(), lookups.upstream.asked());
    let outcomes = ask_all(&lookups, numbered("b", 1000)).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Err(DnsError::Unavailable)));
    assert!(lookups.look_up(question("known")).await.is_ok(), "what is remembered is still known");
    assert_eq!((started.elapsed(), lookups.upstream.asked()), (Duration::ZERO, asked));

    lookups.upstream.is_gone.store(false, Ordering::Relaxed);
    sleep(LIMIT + 2 * PAUSE).await;
    assert!(lookups.look_up(question("b1")).await.is_ok(), "it closes by itself");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_looked_for_when_nobody_wants_to_know() {
    let lookups = Lookups::new(Fake::default(), LIMIT);
    lookups.upstream.is_gone.store(true, Ordering::Relaxed);
    ask_all(&lookups, numbered("a", 10)).await;
    sleep(3 * LIMIT).await;
    let weak = Arc::downgrade(&lookups);
    drop(lookups);
    sleep(LIMIT + 2 * PAUSE).await;
    assert!(weak.upgrade().is_none());
}
