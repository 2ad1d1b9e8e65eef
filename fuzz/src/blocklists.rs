//! What blocklists answer (RFC 5782).
//!
//! The first line says which answers count, the second what happens to a list, a letter for each event. Then come answers
//! about one client, such as `two A 127.0.0.2`, of the lists `one`, `two`, `big` and `allow`, which count 1, 2, 5 and -3.

use std::net::Ipv4Addr;
use std::sync::LazyLock;
use std::time::Duration;

use postward::chain::Policy;
use postward::checks::Reason;
use postward::dns::DnsError;
use postward::dns::answers::{Answers, Verdict};
use postward::dns::health::{Health, Outcome, Standing};
use postward::lists::Snapshot;

use super::world;

/// The lists, and what each counts.
const LISTS: [(&str, i32); 4] = [("one", 1), ("two", 2), ("big", 5), ("allow", -3)];

static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let list = |(name, weight)| format!("{{zone: {name}.example, weight: {weight}}}");
    world::policy(&format!("chain: [dnsbl: {{lists: [{}]}}]", LISTS.map(list).join(", ")))
});

/// What counts is written so that it is read again; a list that lies does not count; and what the lists say adds up.
pub fn look(octets: &[u8]) {
    let mut lines = octets.splitn(3, |octet| *octet == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (answers, events, said) = (line(), line(), line());
    if let Some(answers) = std::str::from_utf8(answers).ok().and_then(|text| text.parse::<Answers>().ok()) {
        assert_eq!(answers.to_string().parse(), Ok(answers));
    }
    assert_believed(events);
    assert_adds_up(&String::from_utf8_lossy(said));
}

/// A list counts after a good probe, and no longer than until it lies.
fn assert_believed(events: &[u8]) {
    let health = Health::default();
    for (at, event) in events.iter().enumerate() {
        let before = health.standing();
        happen(&health, *event, at);
        let after = health.standing();
        assert_eq!(after == Standing::Good, health.counts());
        match event {
            b'g' => assert_eq!(after, Standing::Good),
            b'h' | b'H' => assert!(matches!(after, Standing::Out(_)), "{after:?}"),
            b'b' => assert_ne!(after, Standing::Untested),
            _ => assert_eq!(after, before, "{}", event.escape_ascii()),
        }
    }
}

/// Small letters are probes, capitals are answers about clients.
fn happen(health: &Health, event: u8, number: usize) {
    let client = Ipv4Addr::from_bits(0xc000_0200 + 256 * number as u32).into();
    let (listed, parked) = (Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(203, 0, 113, 80));
    let pause = match event {
        b'g' => health.judge(Outcome::Good),
        b'b' => health.judge(Outcome::Bad("it is bad".to_owned())),
        b'h' => health.judge(Outcome::Hijacked(parked)),
        b'n' => health.judge(Outcome::NotAsked),
        b'H' => return health.hear(client, Ok(&Verdict::Hijacked(parked))),
        b'L' => return health.hear(client, Ok(&Verdict::Listed(vec![listed]))),
        b'N' => return health.hear(client, Ok(&Verdict::NotListed)),
        b'R' => return health.hear(client, Ok(&Verdict::Refused(Ipv4Addr::LOCALHOST))),
        b'T' => return health.hear(client, Err(&DnsError::Timeout)),
        b'U' => return health.hear(client, Err(&DnsError::Unavailable)),
        _ => return,
    };
    assert!((Duration::from_secs(5)..=Duration::from_secs(600)).contains(&pause), "{pause:?}");
}

fn assert_adds_up(said: &str) {
    let mut records = String::new();
    for (name, _) in LISTS {
        records += &format!("2.0.0.127.{name}.example A 127.0.0.2\n");
        for answer in answers_of(name, said) {
            records += &format!("7.2.0.192.{name}.example {answer}\n");
        }
    }
    let finding = world::finish(async {
        let chain = world::chain(&POLICY, world::zones(records.as_bytes()));
        chain.ready().await;
        world::decide(&chain, &world::request(), &world::world(&Snapshot::default())).await
    });
    assert_eq!(finding.trace.first().and_then(|step| step.reason), expected(said), "{said:?}: {finding:?}");
}

/// `A 127.0.0.2`, `TXT why` or `SERVFAIL`, of those that the list has said.
fn answers_of<'a>(name: &str, said: &'a str) -> impl Iterator<Item = &'a str> {
    said.lines().filter_map(move |line| line.strip_prefix(name)?.strip_prefix(' ')).filter(|answer| {
        let kind = answer.split(' ').next().unwrap_or_default();
        match kind {
            "A" => address(answer).is_some(),
            "TXT" => !answer.chars().any(|c| c == '\r'),
            _ => *answer == "SERVFAIL",
        }
    })
}

fn address(answer: &str) -> Option<Ipv4Addr> {
    answer.strip_prefix("A ")?.parse().ok()
}

/// What a list has said, once more written down, independent of the code that finds it out.
enum Says {
    Listed,
    Nothing,
    NoAnswer,
    Lies,
}

fn says(name: &str, said: &str) -> Says {
    let addresses: Vec<_> = answers_of(name, said).filter_map(address).map(|address| address.octets()).collect();
    let is_refusal = |octets: &[u8; 4]| matches!(octets, [127, 255, 255, _] | [127, 0, 0, 1 | 255]);
    if addresses.is_empty() {
        return if answers_of(name, said).any(|answer| answer == "SERVFAIL") { Says::NoAnswer } else { Says::Nothing };
    }
    if addresses.iter().any(|octets| octets[0] != 127) {
        return Says::Lies;
    }
    if addresses.iter().any(is_refusal) {
        return Says::NoAnswer;
    }
    if addresses.iter().any(|octets| matches!(octets, [127, 0, 0, 2..=254])) { Says::Listed } else { Says::Nothing }
}

/// The weights added up. Nobody is refused whom an allow list that gave no answer might have helped.
fn expected(said: &str) -> Option<Reason> {
    let (mut sum, mut unknown) = (0, 0);
    for (name, weight) in LISTS {
        match says(name, said) {
            Says::Listed => sum += weight,
            Says::NoAnswer => unknown += weight.min(0),
            Says::Nothing | Says::Lies => {}
        }
    }
    match sum {
        3.. if sum + unknown < 3 => Some(Reason::DnsblSuspect),
        3.. => Some(Reason::DnsblListed),
        1.. => Some(Reason::DnsblSuspect),
        ..=-2 => Some(Reason::DnsblTrusted),
        _ => None,
    }
}
