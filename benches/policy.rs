//! How fast postward answers, measured in alternation with a server that does nothing: `cargo bench --bench policy`.
//!
//! Words after `--` choose rows of the table: `cargo bench --bench policy -- known tcp 10`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a measurement may fail loudly"
)]

mod rig;
#[path = "../tests/support/mod.rs"]
mod support;

use std::time::Duration;

use clap::Parser;

use rig::load::{self, Round};
use rig::requests::{DOMAIN, KNOWN, Requests};
use rig::servers::{self, Installation, Server};
use rig::table::Figures;
use support::{DnsServer, Transport, until};

#[derive(Parser)]
struct Arguments {
    /// Words that a row must have
    only: Vec<String>,
    /// How often each server is measured
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// How long each time
    #[arg(long, default_value_t = 0.5)]
    seconds: f64,
    /// What cargo says
    #[arg(long, hide = true)]
    bench: bool,
}

/// What is asked, and how the daemon is brought to know it.
struct Mode {
    name: &'static str,
    start: fn(Option<&DnsServer>) -> Server,
    /// postgrey, brought to know the same.
    postgrey: fn() -> Option<Server>,
    requests: fn() -> Requests,
    /// Whether the recipients pass.
    passes: bool,
}

const MODES: [Mode; 4] = [
    Mode {
        name: "known",
        start: |_| knowing(GREYLIST),
        postgrey: || servers::postgrey("").inspect(all_pass),
        requests: Requests::same,
        passes: true,
    },
    Mode {
        name: "new",
        start: |_| Installation::new(GREYLIST).serve(),
        postgrey: || servers::postgrey(""),
        requests: || Requests::New,
        passes: false,
    },
    Mode {
        name: "allowed",
        start: |_| allowing(),
        postgrey: || servers::postgrey(ALLOWED),
        requests: Requests::same,
        passes: true,
    },
    Mode {
        name: "full",
        start: |dns| knowing(&whole_chain(dns.unwrap())),
        postgrey: || None,
        requests: Requests::same,
        passes: true,
    },
];

/// How long a daemon may take until it knows what it is to know, and how long it is asked each time.
const PATIENCE: Duration = Duration::from_secs(60);
const WHILE: Duration = Duration::from_millis(1500);

const GREYLIST: &str = "chain: [access, greylist]\n";

/// All clients of [`Requests::same`].
const ALLOWED: &str = "192.0.2.0/24";

fn main() {
    if servers::is_null() {
        return;
    }
    let arguments = Arguments::parse();
    let null = servers::null();
    println!("{:24} {:>9} {:>6} {:>7} {:>7} {:>7} {:>7}", "", "requests", "ratio", "p50", "p99", "p99.9", "CPU");
    println!("{:24} {:>9} {:>6} {:>7} {:>7} {:>7} {:>7}", "", "/s", "", "µs", "µs", "µs", "µs");
    for mode in &MODES {
        let rows = rows(mode, &arguments.only);
        if rows.is_empty() {
            continue;
        }
        let dns = (mode.name == "full").then(internet);
        let (ours, postgrey) = ((mode.start)(dns.as_ref()), (mode.postgrey)());
        for (transport, connections) in rows {
            let postgrey = postgrey.as_ref().filter(|_| transport == Transport::Inet);
            let servers = [("  null", &null), (mode.name, &ours)].into_iter();
            let servers: Vec<_> = servers.chain(postgrey.map(|server| ("  postgrey", server))).collect();
            measure(mode, transport, connections, &servers, &arguments);
        }
    }
}

/// The transports and numbers of connections that are asked for.
fn rows(mode: &Mode, only: &[String]) -> Vec<(Transport, usize)> {
    let all = [Transport::Inet, Transport::Unix].into_iter().flat_map(|transport| [1, 10, 100].map(|n| (transport, n)));
    let wanted = |(transport, connections): &(Transport, usize)| {
        let words = [mode.name.to_owned(), word(*transport).to_owned(), connections.to_string()];
        only.iter().all(|word| words.contains(word))
    };
    all.filter(wanted).collect()
}

fn word(transport: Transport) -> &'static str {
    if transport == Transport::Inet { "tcp" } else { "unix" }
}

/// Measures the servers in alternation. The first is what the others are compared with.
fn measure(mode: &Mode, transport: Transport, connections: usize, servers: &[(&str, &Server)], how: &Arguments) {
    let requests = (mode.requests)();
    let time = Duration::from_secs_f64(how.seconds);
    let run = |server: &Server, time| load::round(&server.target(transport), connections, &requests, time);
    let mut all: Vec<Figures> = servers.iter().map(|_| Figures::default()).collect();
    servers.iter().for_each(|(_, server)| drop(run(server, time / 4)));
    for _ in 0..how.rounds {
        for ((_, server), figures) in servers.iter().zip(&mut all) {
            let before = server.cpu();
            let round = run(server, time);
            figures.add(round, server.cpu() - before);
            server.forget_log();
        }
    }
    for ((name, _), figures) in servers.iter().zip(&all) {
        if *name != "  null" {
            check(mode, figures);
        }
        print_row(&format!("{name} {} {connections}", word(transport)), figures, figures.ratio_to(&all[0]));
    }
}

/// A server that answers something else may well be fast.
fn check(mode: &Mode, figures: &Figures) {
    let share = figures.median(|round: &Round| round.passed as f64 / round.requests() as f64);
    assert_eq!(share, f64::from(u8::from(mode.passes)), "{}: so many recipients pass", mode.name);
}

fn print_row(name: &str, figures: &Figures, ratio: f64) {
    let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|share| figures.quantile(share));
    let (rate, cpu) = (figures.rate(), figures.cpu_per_request());
    println!("{name:24} {rate:9.0} {ratio:6.2} {p50:7.0} {p99:7.0} {p999:7.0} {cpu:7.1}");
}

/// A daemon for which all triplets that will be asked about have passed.
fn knowing(policy: &str) -> Server {
    let server = Installation::new(policy).serve();
    until(PATIENCE, || ask_all(&server)).expect("all triplets are asked about");
    server.run(&["greylist", "allow", "--recipient", "bob@example.net"]);
    all_pass(&server);
    server
}

/// Asks about triplets until there was enough time for all of them.
fn ask_all(server: &Server) -> Option<Round> {
    let round = load::round(&server.target(Transport::Unix), 1, &Requests::same(), WHILE);
    Some(round).filter(|round| round.requests() > KNOWN)
}

/// Asks until all triplets pass: postward looks for changes once a second, postgrey lets them wait so long.
fn all_pass(server: &Server) {
    let passes = || ask_all(server).filter(|round| round.passed == round.requests());
    until(PATIENCE, passes).expect("all triplets pass");
}

/// A daemon that lets all clients that will ask in.
fn allowing() -> Server {
    let postward = Installation::new(GREYLIST);
    postward.run(&["list", "add", "allow", "--client", ALLOWED]);
    postward.serve()
}

const ZONES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// Every check, with eight blocklists.
fn whole_chain(dns: &DnsServer) -> String {
    let lists = ZONES.map(|zone| format!("{zone}.test")).join(", ");
    format!(
        "dns: {{servers: [\"{}\"]}}\n\
         chain: [access, bounce, helo, reverse_dns, {{dnsbl: {{lists: [{lists}]}}}}, spf, greylist]\n",
        dns.address()
    )
}

/// Names for all clients, lists on which none of them is, and a domain for which they may write.
fn internet() -> DnsServer {
    let dns = DnsServer::start();
    dns.set_ttl(86_400);
    for zone in ZONES {
        dns.add(&format!("2.0.0.127.{zone}.test A 127.0.0.2"));
    }
    for client in 1..=100 {
        dns.add(&format!("192.0.2.{client} PTR mail{client}.{DOMAIN}\nmail{client}.{DOMAIN} A 192.0.2.{client}"));
    }
    dns.add(&format!(
        "mail.{DOMAIN} A 192.0.2.1\n{DOMAIN} TXT v=spf1 mx ip4:192.0.2.0/24 -all\n{DOMAIN} MX 10 mail.{DOMAIN}"
    ));
    dns
}
