//! How much of a real Postfix's speed is left with postward behind it: `cargo bench --bench postfix`.
//!
//! Postfix is measured in alternation without a policy service, and with one that does nothing but answer: that is what asking
//! alone costs. It needs what `tests/run --install` gets, and root.

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

#[path = "../tests/postfix/instance.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod instance;
#[path = "../tests/postfix/layout.rs"]
mod layout;
mod rig;
#[path = "../tests/postfix/smtp.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod smtp;
#[path = "../tests/support/mod.rs"]
mod support;

use std::fs::{Permissions, set_permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use clap::Parser;

use instance::Postfix;
use layout::Addition;
use rig::servers::{self, Installation, Server};
use rig::table::{median, print_claim};
use support::{Endpoint, Tools, Transport, free_port};

#[derive(Parser)]
struct Arguments {
    /// How often each is measured
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// How many messages each time
    #[arg(long, default_value_t = 2000)]
    messages: u32,
    /// What cargo says
    #[arg(long, hide = true)]
    bench: bool,
}

/// What Postfix asks before it asks postward.
const BEFORE: &str = "reject_unauth_destination, reject_unlisted_recipient";

const POLICY: &str = "exempt: {networks: []}\nchain: [access, greylist]\n";

fn main() {
    if servers::is_null() {
        return;
    }
    let arguments = Arguments::parse();
    let postward = Installation::new(POLICY);
    postward.run(&["list", "add", "deny", "--recipient", "bob@example.test"]);
    let postward = postward.serve();
    let null = servers::null();
    let asking = format!("{BEFORE}, check_policy_service {}", open_to_everybody(&null));
    let [with, accepting, refusing, asking_accepting, asking_refusing] = [(); 5].map(|()| free_port());
    let addition = Addition {
        main_cf: "virtual_transport = discard:".to_owned(), // what becomes of accepted messages is not asked here
        master_cf: [
            "discard unix - - n - - discard\n".to_owned(),
            service(with, ""),
            service(accepting, &format!("-o {{ smtpd_recipient_restrictions = {BEFORE} }}")),
            service(refusing, &format!("-o {{ smtpd_recipient_restrictions = {BEFORE}, reject }}")),
            service(asking_accepting, &format!("-o {{ smtpd_recipient_restrictions = {asking} }}")),
            service(asking_refusing, &format!("-o {{ smtpd_recipient_restrictions = {asking}, reject }}")),
        ]
        .concat(),
        ..Addition::default()
    };
    let _postfix = Postfix::start_with(postward.endpoint(Transport::Unix), &addition);
    send(with, "alice", 20);
    postward.run(&["greylist", "allow", "--recipient", "alice@example.test"]);
    compare("accepted", "alice", [accepting, asking_accepting, with], "at least 0.97", &arguments);
    compare("refused at RCPT", "bob", [refusing, asking_refusing, with], "at least 0.95", &arguments);
}

/// Where smtpd reaches the server, which it does not as root.
fn open_to_everybody(server: &Server) -> &Endpoint {
    set_permissions(server.dir.path(), Permissions::from_mode(0o755)).unwrap();
    let endpoint = server.endpoint(Transport::Unix);
    if let Endpoint::Unix(path) = endpoint {
        set_permissions(path, Permissions::from_mode(0o666)).unwrap();
    }
    endpoint
}

/// One more smtpd, to which loopback is a stranger: it looks up the name, and has connections counted.
fn service(address: SocketAddr, options: &str) -> String {
    let stranger = "-o mynetworks= -o smtpd_authorized_xclient_hosts= -o smtpd_peername_lookup=yes";
    format!("{address} inet n - n - - smtpd {stranger} {options}\n")
}

/// Measures Postfix without a policy service, with one that does nothing, and with postward.
fn compare(what: &str, mailbox: &str, services: [SocketAddr; 3], claim: &str, how: &Arguments) {
    for service in services {
        send(service, mailbox, how.messages / 4);
    }
    // There and back: what one has left undone, such as lines of the log, the next has to do.
    let in_turn = |round: usize| {
        let mut rates = [0.0; 3];
        for position in if round.is_multiple_of(2) { [0, 1, 2] } else { [2, 1, 0] } {
            rates[position] = send(services[position], mailbox, how.messages);
        }
        rates
    };
    let rounds: Vec<[f64; 3]> = (0..how.rounds).map(in_turn).collect();
    print_claim(&format!("{what}, without a policy service"), median(rounds.iter().map(|rates| rates[0])), "/s", "");
    for (position, name, claim) in [(1, "one that does nothing", ""), (2, "postward", claim)] {
        print_claim(&format!("{what}, with {name}"), median(rounds.iter().map(|rates| rates[position])), "/s", "");
        print_claim("  of those without", median(rounds.iter().map(|rates| rates[position] / rates[0])), "", claim);
    }
}

/// Sends messages on twenty connections at a time, one on each; answers how many in a second.
fn send(service: SocketAddr, mailbox: &str, messages: u32) -> f64 {
    let tools = Tools::find();
    let mut source = Command::new(tools.get("usr/sbin/smtp-source"));
    source.args(["-A", "-s", "20", "-l", "1000", "-m", &messages.to_string(), "-f", "alice@example.org"]);
    source.args(["-t", &format!("{mailbox}@example.test"), &format!("inet:{service}")]);
    source.env("LD_LIBRARY_PATH", tools.library_path()).stdout(Stdio::null()).stderr(Stdio::null());
    let started = Instant::now();
    assert!(source.status().unwrap().success(), "smtp-source fails");
    f64::from(messages) / started.elapsed().as_secs_f64()
}
