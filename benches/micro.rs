//! The steps of a request by themselves, to see when one gets slower: `cargo bench --bench micro`.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a measurement may fail loudly")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use postward::batv;
use postward::chain::{Chain, Policy, World};
use postward::checks::Parts;
use postward::config::Draft;
use postward::dns::Nobody;
use postward::lists::{Snapshot, SnapshotBuilder, Subject};
use postward::mail::{Mailbox, ReversePath};
use postward::protocol::{Decoder, Request};
use postward::store::sqlite::Sqlite;
use postward::store::{EntryRecord, Greylist, Remembered, Triplet};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Recorded from a real Postfix.
const RECORDED: &[u8] = include_bytes!("../tests/streams/01-rcpt-simple.txt");

fn parser(criterion: &mut Criterion) {
    criterion.bench_function("parser", |bencher| {
        let mut decoder = Decoder::default();
        bencher.iter(|| {
            decoder.input().extend_from_slice(black_box(RECORDED));
            decoder.next_request().unwrap().unwrap()
        });
    });
}

fn sender_key(criterion: &mut Criterion) {
    for (name, address) in [
        ("plain", "alice@example.org"),
        ("batv", "prvs=0785afa14d=alice@example.org"),
        ("srs", "SRS0=HHH=TT=example.org=alice@example.net"),
        ("verp", "bounce-12345-67890=bob=example.net@lists.example.org"),
    ] {
        let sender = ReversePath::parse(address);
        criterion.bench_function(&format!("sender key/{name}"), |bencher| {
            bencher.iter(|| batv::sender_key(black_box(&sender)));
        });
    }
}

fn list_lookup(criterion: &mut Criterion) {
    let (sender, recipient) = (ReversePath::parse("alice@example.org"), Mailbox::parse("bob@example.net"));
    let subject = Subject {
        client: Some("192.0.2.7".parse().unwrap()),
        client_name: Some("mail.example.org"),
        sender: Some(&sender),
        recipient: Some(&recipient),
    };
    for entries in [0, 100, 1_000_000] {
        let lists = lists(entries);
        criterion.bench_function(&format!("list lookup/{entries}"), |bencher| {
            bencher.iter(|| lists.lookup(black_box(&subject), Timestamp::UNIX_EPOCH).is_some());
        });
    }
}

/// Networks of clients and domains of senders.
fn lists(entries: u32) -> Snapshot {
    let mut lists = SnapshotBuilder::default();
    for number in 0..entries {
        let (client, sender) = match number % 2 {
            0 => (Some(format!("2001:db8:{:x}:{:x}::/64", number >> 16, number & 0xffff)), None),
            _ => (None, Some(format!("host-{number}.example.com"))),
        };
        let action = "suspect".to_owned();
        lists.add(EntryRecord { id: number.into(), client, sender, action, ..EntryRecord::default() }).unwrap();
    }
    lists.finish().unwrap()
}

/// A triplet that has passed before, without the log line.
fn chain(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let (_directory, chain) = known_triplet(&runtime);
    let request = recorded();
    let world = World { lists: &Snapshot::default(), now: Timestamp::now(), clock_is_sure: true };
    criterion.bench_function("chain/known triplet", |bencher| {
        bencher.iter(|| runtime.block_on(chain.decide(black_box(&request), &world)));
    });
}

fn known_triplet(runtime: &Runtime) -> (TempDir, Chain) {
    let directory = TempDir::new().unwrap();
    let store: Arc<dyn Greylist> = Arc::new(Sqlite::serve(&directory.path().join("postward.db")).unwrap());
    let triplet = Triplet {
        client: "host:example.net".to_owned(),
        sender: "sender@example.net".to_owned(),
        recipient: "alice@example.test".to_owned(),
    };
    runtime.block_on(store.admit(&triplet, "192.0.2.0/24", Timestamp::now())).unwrap();
    let policy = "chain: [access, greylist]\n".to_owned();
    let policy = Policy::from_draft(Draft::parse("policy.yaml".as_ref(), policy).unwrap()).unwrap();
    let parts = Parts {
        greylist: Arc::new(Remembered::new(store)),
        dns: Arc::new(Nobody::because("nothing is to be asked".to_owned())),
        tagging: Arc::default(),
    };
    (directory, policy.chain(&parts))
}

fn recorded() -> Request {
    let mut decoder = Decoder::default();
    decoder.input().extend_from_slice(RECORDED);
    decoder.next_request().unwrap().unwrap()
}

criterion_group!(steps, parser, sender_key, list_lookup, chain);
criterion_main!(steps);
