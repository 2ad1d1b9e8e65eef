use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Mutex;

use tokio::time::Instant;

use super::standing::{INTERVAL, SOON, SUSPICIOUS_ERRORS, SUSPICIOUS_LISTINGS};
use super::*;
use crate::dns::answers::{Answers, Verdict};
use crate::dns::{DnsError, Exchanger, Records, known};

const ZONE: &str = "list.example";

type Answer = Result<Vec<Ipv4Addr>, DnsError>;

/// A list that can be changed, and what it is asked.
struct List {
    /// What it says about a name; `*` is what it says about everything else.
    says: Mutex<HashMap<&'static str, Answer>>,
    asked: Mutex<Vec<(Instant, String)>>,
}

impl List {
    fn new(says: &[(&'static str, Answer)]) -> Arc<Self> {
        Arc::new(Self { says: Mutex::new(says.iter().cloned().collect()), asked: Mutex::default() })
    }

    fn good() -> Arc<Self> {
        Self::new(&[("2.0.0.127", answer("127.0.0.2")), ("test", answer("127.0.1.2")), ("*", Ok(vec![]))])
    }

    fn say(&self, name: &'static str, answer: Answer) {
        self.says.lock().unwrap().insert(name, answer);
    }

    /// When it was probed, in seconds after `start`.
    fn probes(&self, start: Instant) -> Vec<u64> {
        let asked = self.asked.lock().unwrap();
        let made_up = asked.iter().filter(|(_, name)| name.starts_with("postward-"));
        made_up.map(|(at, _)| at.duration_since(start).as_secs()).collect()
    }
}

impl Dns for List {
    fn a(&self, name: &str) -> Records<'_, Ipv4Addr> {
        self.asked.lock().unwrap().push((Instant::now(), name.to_owned()));
        let entry = name.strip_suffix(ZONE).and_then(|name| name.strip_suffix('.')).expect("a name in the zone");
        let says = self.says.lock().unwrap();
        let random_address = entry.strip_suffix(".127").filter(|rest| !rest.ends_with(".0")).and(says.get("*.127"));
        let answer = says.get(entry).or(random_address).or_else(|| says.get("*")).expect("an answer").clone();
        known(answer)
    }

    fn aaaa(&self, _: &str) -> Records<'_, Ipv6Addr> {
        unreachable!()
    }

    fn mx(&self, _: &str) -> Records<'_, Exchanger> {
        unreachable!()
    }

    fn txt(&self, _: &str) -> Records<'_, Vec<u8>> {
        unreachable!()
    }

    fn ptr(&self, _: IpAddr) -> Records<'_, String> {
        unreachable!()
    }
}

fn answer(address: &str) -> Answer {
    Ok(vec![address.parse().unwrap()])
}

fn subject(keeps: Keeps, selftest: SelfTest) -> Subject {
    Subject { zone: ZONE.parse().unwrap(), keeps, selftest }
}

fn standard() -> Subject {
    subject(Keeps::Addresses, SelfTest::Standard)
}

fn client(number: usize) -> IpAddr {
    IpAddr::from([198, 51, u8::try_from(number).unwrap(), 1])
}

fn listed() -> Verdict {
    Answers::default().judge(&[Ipv4Addr::new(127, 0, 0, 2)])
}

#[tokio::test]
async fn a_list_that_tells_listed_from_unlisted_is_good() {
    let list = List::good();
    for keeps in [Keeps::Addresses, Keeps::Domains] {
        assert_eq!(probe(&*list, &subject(keeps, SelfTest::Standard)).await, Outcome::Good);
    }
    let empty = List::new(&[("*", Ok(vec![]))]);
    assert_eq!(probe(&*empty, &subject(Keeps::Domains, SelfTest::None)).await, Outcome::Good);
    assert_eq!(empty.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_wrong_with_a_list_is_found() {
    let nothing = || Ok(vec![]);
    let failed = || Err(DnsError::Failed("SERVFAIL".to_owned()));
    for (says, expected) in [
        (vec![("*", nothing())], "does not list its test entry"),
        (vec![("*", answer("127.0.0.2"))], "lists what no list may list"),
        (vec![("*", nothing()), ("2.0.0.127", answer("127.0.0.2")), ("1.0.0.127", answer("127.0.0.3"))], "no list may"),
        (vec![("*", nothing()), ("2.0.0.127", answer("127.0.0.2")), ("*.127", answer("127.0.0.2"))], "no list may"),
        (vec![("*", answer("127.255.255.254"))], "refuses to answer us (127.255.255.254)"),
        (vec![("*", nothing()), ("2.0.0.127", answer("127.0.0.1"))], "refuses to answer us (127.0.0.1)"),
        (vec![("*", Err(DnsError::Timeout))], "does not answer: no answer in time"),
        (vec![("*", nothing()), ("2.0.0.127", failed())], "does not answer: SERVFAIL"),
    ] {
        match probe(&*List::new(&says), &standard()).await {
            Outcome::Bad(why) => assert!(why.contains(expected) && !why.contains(ZONE), "{why}"),
            other => panic!("{expected}: {other:?}"),
        }
    }
    let parked = List::new(&[("*", answer("203.0.113.80"))]);
    assert_eq!(probe(&*parked, &standard()).await, Outcome::Hijacked(Ipv4Addr::new(203, 0, 113, 80)));
    let alone = List::new(&[("*", Err(DnsError::Unavailable))]);
    assert_eq!(probe(&*alone, &standard()).await, Outcome::NotAsked);
}

#[test]
fn a_list_counts_after_its_first_good_probe_and_until_it_has_failed_twice() {
    let health = Health::default();
    let bad = || Outcome::Bad("why".to_owned());
    assert!(!health.counts());
    assert_eq!((health.judge(Outcome::NotAsked), health.standing()), (SOON, Standing::Untested));
    assert_eq!((health.judge(bad()), health.standing()), (SOON, Standing::Out("why".to_owned())));
    assert_eq!((health.judge(Outcome::Good), health.standing()), (INTERVAL, Standing::Good));
    assert_eq!((health.judge(bad()), health.standing()), (SOON, Standing::Good), "once is an accident");
    assert_eq!((health.judge(Outcome::NotAsked), health.standing()), (SOON, Standing::Good), "not the list's fault");
    assert_eq!((health.judge(bad()), health.standing()), (2 * SOON, Standing::Out("why".to_owned())));
    assert_eq!(health.judge(Outcome::NotAsked), SOON);
    assert!(!health.counts());
    assert!((0..100).all(|_| health.judge(bad()) <= INTERVAL));
    assert_eq!((health.judge(Outcome::Good), health.standing()), (INTERVAL, Standing::Good));
}

#[test]
fn a_hijacked_list_is_out_at_once() {
    let address = Ipv4Addr::new(203, 0, 113, 80);
    for hijack in [
        |health: &Health, address| assert_eq!(health.judge(Outcome::Hijacked(address)), SOON),
        |health: &Health, address| health.hear(client(1), Ok(&Verdict::Hijacked(address))),
    ] {
        let health = Health::default();
        health.judge(Outcome::Good);
        hijack(&health, address);
        assert!(matches!(health.standing(), Standing::Out(why) if why.contains("203.0.113.80")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_well_is_probed_at_times() {
    let (list, start) = (List::good(), Instant::now());
    let watch = Watch::over(standard(), list.clone());
    assert!(!watch.health().counts());
    sleep(INTERVAL * 3 + SOON).await;
    assert!(watch.health().counts());
    for number in 1..SUSPICIOUS_LISTINGS {
        watch.health().hear(client(number), Ok(&listed()));
        watch.health().hear(client(1), Ok(&listed()));
        watch.health().hear(client(1), Ok(&Verdict::NotListed));
    }
    sleep(INTERVAL / 2).await;
    assert_eq!(list.probes(start), [0, 600, 1200, 1800]);
    drop(watch);
    sleep(INTERVAL * 3).await;
    assert_eq!(list.probes(start).len(), 4, "nobody probes a list that is not used any more");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_starts_to_list_everything_is_out_within_half_a_minute() {
    let list = List::good();
    let watch = Watch::over(standard(), list.clone());
    sleep(INTERVAL / 2).await;
    list.say("*", answer("127.0.0.2"));
    let start = Instant::now();
    for number in 0..SUSPICIOUS_LISTINGS {
        assert!(watch.health().counts());
        watch.health().hear(client(number), Ok(&listed()));
    }
    sleep(Duration::from_secs(30)).await;
    assert!(matches!(watch.health().standing(), Standing::Out(_)), "{:?}", list.probes(start));

    list.say("*", Ok(vec![]));
    sleep(Duration::from_secs(60)).await;
    assert!(watch.health().counts(), "it recovers");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_stops_answering_is_out_soon() {
    let list = List::good();
    let watch = Watch::over(standard(), list.clone());
    sleep(INTERVAL / 2).await;
    list.say("*", Err(DnsError::Timeout));
    for _ in 0..SUSPICIOUS_ERRORS {
        watch.health().hear(client(1), Err(&DnsError::Timeout));
    }
    sleep(Duration::from_secs(30)).await;
    assert!(matches!(watch.health().standing(), Standing::Out(_)));
}

#[tokio::test(start_paused = true)]
async fn a_busy_list_on_a_bad_day_stays_and_is_not_pestered() {
    let list = List::good();
    let watch = Watch::over(standard(), list.clone());
    sleep(INTERVAL / 2).await;
    let start = Instant::now();
    for _ in 0..60 {
        for number in 0..SUSPICIOUS_LISTINGS {
            watch.health().hear(client(number), Ok(&listed()));
        }
        sleep(Duration::from_secs(1)).await;
    }
    assert!(watch.health().counts());
    let probes = list.probes(start).len();
    assert!((3..=6).contains(&(probes - 1)), "{:?}", list.probes(start));
}

#[tokio::test(start_paused = true)]
async fn when_nobody_can_be_asked_no_list_is_to_blame() {
    let list = List::good();
    let watch = Watch::over(standard(), list.clone());
    sleep(INTERVAL / 2).await;
    for name in ["*", "2.0.0.127"] {
        list.say(name, Err(DnsError::Unavailable));
    }
    for _ in 0..100 {
        watch.health().hear(client(1), Err(&DnsError::Unavailable));
    }
    sleep(INTERVAL * 2).await;
    assert!(watch.health().counts());
}
