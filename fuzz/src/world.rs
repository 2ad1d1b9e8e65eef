//! What the targets have in common: the DNS as data, time that costs none, and what every decision must look like.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use postward::batv::signing::{Key, Keys, Tagging};
use postward::chain::{Chain, Decision, Policy, World};
use postward::checks::Parts;
use postward::clock::Timestamp;
use postward::config::Draft;
use postward::dns::Dns;
use postward::dns::zones::{Data, Zones};
use postward::lists::{Snapshot, SnapshotBuilder, entry_line};
use postward::protocol::{Attribute, Attributes, Request};
use postward::store::{EntryRecord, Greylist, Rehearsal};
use postward::text::{from_octets, is_unprintable};

use super::reply::well_formed;

/// The most octets of evidence, with the mark of what was cut.
const MAX_EVIDENCE: usize = 1000 + '…'.len_utf8();

/// The lines that are records, as `name TYPE data`. Texts may be any octets.
pub(crate) fn zones(text: &[u8]) -> Zones {
    let (texts, others): (Vec<_>, Vec<_>) = lines(text).partition(|line| text_record(line).is_some());
    let records: Vec<_> = others.into_iter().filter_map(|line| std::str::from_utf8(line).ok()).collect();
    let good: Vec<_> = records.into_iter().filter(|line| line.parse::<Zones>().is_ok()).collect();
    let mut zones: Zones = good.join("\n").parse().expect("every line is a record");
    for (name, data) in texts.into_iter().filter_map(text_record) {
        zones.add(&from_octets(name), Data::Txt(data.to_vec()));
    }
    zones
}

/// Without line ends.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|octet| *octet == b'\n')
}

/// The octets before the first line that is empty, and those behind it.
pub(crate) fn split_at_empty_line(octets: &[u8]) -> (&[u8], &[u8]) {
    match octets.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&octets[..=at], &octets[at + 2..]),
        None => (octets, b""),
    }
}

fn text_record(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let middle = line.windows(5).position(|octets| octets == b" TXT ")?;
    Some((&line[..middle], &line[middle + 5..]))
}

/// Works to the end. Time passes only where everybody waits for it, and then at once.
pub(crate) fn finish<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without sockets needs nothing").block_on(work)
}

/// What `text` says; panics where it is wrong.
pub(crate) fn policy(text: &str) -> Policy {
    let draft = Draft::parse("policy.yaml".as_ref(), text.to_owned()).expect("the text is YAML");
    Policy::from_draft(draft).expect("the text is a policy")
}

/// A chain at work that remembers nobody. Needs a runtime.
pub(crate) fn chain(policy: &Policy, dns: impl Dns + 'static) -> Chain {
    let greylist = Arc::new(Rehearsal::<dyn Greylist>::without_memory());
    policy.chain(&Parts { greylist, dns: Arc::new(dns), tagging: TAGGING.clone() })
}

/// The addresses of example.net are signed, and those of a domain that has letters of its own.
pub(crate) static TAGGING: LazyLock<Arc<Tagging>> = LazyLock::new(|| Arc::new(tagging(b"0123456789abcdef")));

/// Signs with this secret.
pub(crate) fn tagging(secret: &[u8]) -> Tagging {
    let keys = Keys::new(vec![Key::new("1".parse().expect("a digit"), secret)]);
    Tagging::new(["example.net", "bücher.example"], keys, Duration::from_secs(7 * 86_400))
}

/// What somebody asks whom there is nothing special about.
pub(crate) fn request() -> Request {
    let mut attributes = Attributes::default();
    for (attribute, value) in [
        (Attribute::Request, "smtpd_access_policy"),
        (Attribute::ProtocolState, "RCPT"),
        (Attribute::ClientAddress, "192.0.2.7"),
        (Attribute::HeloName, "mail.example.org"),
        (Attribute::Sender, "alice@example.org"),
        (Attribute::Recipient, "bob@example.net"),
    ] {
        attributes.set_first(attribute, value.into());
    }
    Request::from_attributes(&attributes).expect("it is a request")
}

/// The lists compiled, and none left out.
pub(crate) fn snapshot(rows: impl IntoIterator<Item = EntryRecord>) -> Snapshot {
    let mut builder = SnapshotBuilder::default();
    for row in rows {
        let shown = entry_line(&row);
        builder.add(row).unwrap_or_else(|error| panic!("{shown}: {error}"));
    }
    let snapshot = builder.finish().expect("what compiles alone compiles together");
    assert_eq!(snapshot.rejected().count, 0, "{:?}", snapshot.rejected());
    snapshot
}

/// The world at the beginning of 2026, with these lists.
pub(crate) fn world(lists: &Snapshot) -> World<'_> {
    World { lists, now: now(), clock_is_sure: true }
}

/// The beginning of 2026.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_767_225_600).expect("2026 is in range")
}

/// Asks the chain, and then once more: Postfix asks again on a new connection, and must hear the same.
pub(crate) async fn decide(chain: &Chain, request: &Request, world: &World<'_>) -> Decision {
    let decision = chain.decide(request, world).await;
    assert_fit(&decision);
    let again = chain.decide(request, world).await;
    assert_eq!(decision.action, again.action, "{request:?}");
    decision
}

fn assert_fit(decision: &Decision) {
    well_formed(&decision.action.encode()).unwrap_or_else(|why| panic!("{why}"));
    for step in &decision.trace {
        assert!(step.evidence.len() <= MAX_EVIDENCE && is_printable(&step.evidence), "{step:?}");
        assert_ne!(step.reason, Some(postward::checks::Reason::Error), "{step:?}");
    }
}

/// Whether a terminal shows the text as it is.
pub(crate) fn is_printable(text: &str) -> bool {
    !text.chars().any(is_unprintable)
}
