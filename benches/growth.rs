//! How cost grows with what is stored: `cargo bench --bench growth` prints a table.
//!
//! With ten million triplets it needs some minutes and 5 GB in the temporary directory; `--triplets` and `--entries` make it
//! smaller.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "a measurement may fail loudly"
)]

mod rig;
#[path = "../tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use jiff::Timestamp;
use postward::store::sqlite::Sqlite;
use postward::store::{Attempt, Greylist, Retention};

use rig::load;
use rig::requests::Requests;
use rig::servers::{Installation, Server};
use rig::table::{Figures, print_claim};
use rig::{fill, idle};
use support::Transport;

#[derive(Parser)]
struct Arguments {
    /// How many triplets are many
    #[arg(long, default_value_t = 10_000_000)]
    triplets: u64,
    /// How many list entries are many
    #[arg(long, default_value_t = 1_000_000)]
    entries: u64,
    /// How often each server is measured
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// What cargo says
    #[arg(long, hide = true)]
    bench: bool,
}

const POLICY: &str = "chain: [access, greylist]\n";
/// What is logged then.
const LISTS_ARE_IN: &str = "access lists in force";
const FEW_TRIPLETS: u64 = 10_000;
const FEW_ENTRIES: u64 = 100;
const IDLE: usize = 1_000;

fn main() {
    let arguments = Arguments::parse();
    let Arguments { triplets, entries, rounds, .. } = arguments;
    memory_at_rest();

    let few = Installation::new(POLICY);
    fill::triplets(&few.database(), FEW_TRIPLETS);
    fill::entries(&few.database(), FEW_ENTRIES);
    let few = few.serve();
    let many = Installation::new(POLICY);
    fill::entries(&many.database(), entries);
    let many = many.serve();
    println!("\n{entries} list entries, compared with {FEW_ENTRIES}");
    let lists_are_in = || throughput(&many, &Requests::same(), 1).passed == 0 && many.log_has(LISTS_ARE_IN);
    support::until(Duration::from_secs(120), || lists_are_in().then_some(())).expect("the lists are read");
    compare("requests of strangers", &few, &many, &Requests::same(), rounds, 5);
    print_claim("resident memory", many.resident() as f64 / 1024.0, "MiB", "at most 150");
    drop(many);

    println!("\n{triplets} triplets, compared with {FEW_TRIPLETS}");
    let many = Installation::new(POLICY);
    fill::triplets(&many.database(), triplets);
    let path = many.database();
    let many = many.serve();
    compare("requests of waiting clients", &few, &many, &Requests::same(), rounds, 5);
    // So long that they are moved to their places several times.
    compare("new triplets", &few, &many, &Requests::New, rounds, 20);
    print_claim("resident memory", many.resident() as f64 / 1024.0, "MiB", "");
    print_claim("and with few", few.resident() as f64 / 1024.0, "MiB", "");
    let dir = many.stop();
    start(&path, entries);
    purge(&path);
    drop(dir);
}

fn memory_at_rest() {
    let server = Installation::new("").serve();
    print_claim("resident memory at rest, default policy", server.resident() as f64 / 1024.0, "MiB", "at most 25");
    let before = server.resident();
    let connections = idle::open(&server.target(Transport::Unix), IDLE);
    let each = server.resident().saturating_sub(before) as f64 / IDLE as f64;
    print_claim("each connection that has asked once and is idle", each, "KiB", "at most 12");
    drop(connections);
}

fn throughput(server: &Server, requests: &Requests, tenths: u32) -> load::Round {
    load::round(&server.target(Transport::Inet), 10, requests, tenths * Duration::from_millis(100))
}

fn compare(what: &str, few: &Server, many: &Server, requests: &Requests, rounds: usize, tenths: u32) {
    let (mut of_few, mut of_many) = (Figures::default(), Figures::default());
    for _ in 0..rounds {
        for (server, figures) in [(few, &mut of_few), (many, &mut of_many)] {
            let before = server.cpu();
            let round = throughput(server, requests, tenths);
            figures.add(round, server.cpu() - before);
            server.forget_log();
        }
    }
    print_claim(what, of_many.rate(), "/s", "");
    print_claim("  of those with few", of_many.ratio_to(&of_few), "", "at least 0.8");
    let cpu = of_many.cpu_per_request() / of_few.cpu_per_request();
    print_claim("  processor time of that with few", cpu, "", "");
}

/// From the start of the process to its first answer. Only the last entry of the lists lets the client in, so whoever is deferred
/// was judged by half a list.
fn start(database: &Path, entries: u64) {
    fill::entries(database, entries);
    let installation = Installation::with_database(POLICY, database);
    installation.run(&["list", "add", "allow", "--client", "192.0.2.0/24"]);
    let started = Instant::now();
    let server = installation.serve();
    let mut asked = vec![load::one(&server.target(Transport::Unix), &Requests::same())];
    let first = started.elapsed();
    while !server.log_has(LISTS_ARE_IN) {
        asked.push(load::one(&server.target(Transport::Unix), &Requests::same()));
    }
    print_claim("first answer after a start with all that and the entries", first.as_secs_f64(), "s", "at most 1");
    print_claim("  until the lists are in", started.elapsed().as_secs_f64(), "s", "");
    print_claim("  resident memory", server.resident() as f64 / 1024.0, "MiB", "");
    assert!(asked.iter().all(|round| round.passed == 1), "nobody is deferred before the lists are in");
    server.stop();
}

const RETENTION: Retention = Retention {
    retry_window: Duration::from_secs(2 * 86_400),
    max_age: Duration::from_secs(35 * 86_400),
    allow_client_after: 5,
    waiting_per_network: 10_000,
    waiting: 1_000_000,
};

/// What is stored is read after the start, which must not be part of the calm.
const AFTER_THE_START: Duration = Duration::from_secs(25);

/// How long the purge is watched: with its rests it takes its time.
const PURGING: Duration = Duration::from_secs(60);

/// How long attempts take while half of all triplets are forgotten, or as many as are in a minute.
fn purge(database: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = std::sync::Arc::new(Sqlite::serve(database).unwrap());
        tokio::time::sleep(AFTER_THE_START).await;
        let calm = latencies(&store, Instant::now, Duration::from_secs(10)).await;
        let done = std::sync::Arc::new(AtomicBool::new(false));
        let before = store.stats(0).await.unwrap();
        let purging = tokio::spawn({
            let (store, done) = (store.clone(), done.clone());
            async move {
                let started = Instant::now();
                let purged = tokio::time::timeout(PURGING, store.purge(&RETENTION, Timestamp::now())).await;
                done.store(true, Ordering::Relaxed);
                (purged.is_ok(), started.elapsed())
            }
        });
        let mut meanwhile = Vec::new();
        while !done.load(Ordering::Relaxed) {
            meanwhile.extend(latencies(&store, Instant::now, Duration::from_millis(100)).await);
        }
        let (finished, took) = purging.await.unwrap();
        let (passed, extent) = (store.stats(0).await.unwrap().passed, if finished { "all" } else { "only the first" });
        meanwhile.sort_unstable();
        println!(
            "\n{extent} {} passed triplets purged in {took:.0?}, while one connection asks",
            before.passed - passed
        );
        for (share, name) in [(0.5, "median"), (0.999, "99.9 %"), (1.0, "longest")] {
            let at = |all: &[Duration]| all[((all.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
            print_claim(&format!("an attempt, {name}"), at(&meanwhile), "ms", "");
            print_claim("  before", at(&calm), "ms", "");
        }
    });
}

/// How long attempts took, ascending.
async fn latencies(store: &Sqlite, clock: fn() -> Instant, time: Duration) -> Vec<Duration> {
    static SERIAL: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let begun = clock();
    let mut latencies = Vec::new();
    while begun.elapsed() < time {
        let random = SERIAL.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let network = format!("2001:db8:0:{:x}::/64", random >> 48);
        let attempt = Attempt {
            identities: vec![network.clone()],
            network,
            sender: format!("{random:x}@example.com"),
            recipient: "bob@example.net".to_owned(),
            instance: String::new(),
        };
        let asked = clock();
        store.record_attempt(&attempt, &RETENTION, Timestamp::now()).await.unwrap();
        latencies.push(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    latencies.sort_unstable();
    latencies
}
