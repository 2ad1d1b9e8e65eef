//! How much of a real Postfix's speed is left with postward behind it: `cargo bench --bench postfix`.
//!
//! Postfix is measured in alternation without a policy service. It needs what `tests/run --install` gets, and root.

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

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Instant;

use clap::Parser;

use instance::Postfix;
use layout::Addition;
use rig::servers::Installation;
use rig::table::{median, print_claim};
use support::{Tools, Transport, free_port};

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

const POLICY: &str = "exempt: {networks: []}\nchain: [access, greylist]\n";

fn main() {
    let arguments = Arguments::parse();
    let postward = Installation::new(POLICY);
    postward.run(&["list", "add", "deny", "--recipient", "bob@example.test"]);
    let postward = postward.serve();
    let [with, accepting, refusing] = [free_port(), free_port(), free_port()];
    let addition = Addition {
        main_cf: "virtual_transport = discard:".to_owned(), // what becomes of accepted messages is not asked here
        master_cf: [
            "discard unix - - n - - discard\n".to_owned(),
            service(with, ""),
            service(
                accepting,
                "-o { smtpd_recipient_restrictions = reject_unauth_destination, reject_unlisted_recipient }",
            ),
            service(refusing, "-o { smtpd_recipient_restrictions = reject }"),
        ]
        .concat(),
        ..Addition::default()
    };
    let _postfix = Postfix::start_with(postward.endpoint(Transport::Unix), &addition);
    send(with, "alice", 20);
    postward.run(&["greylist", "allow", "--recipient", "alice@example.test"]);
    compare("accepted", "alice", with, accepting, "at least 0.97", &arguments);
    compare("refused at RCPT", "bob", with, refusing, "at least 0.95", &arguments);
}

/// One more smtpd, to which loopback is a stranger.
fn service(address: SocketAddr, options: &str) -> String {
    format!("{address} inet n - n - - smtpd -o mynetworks= {options}\n")
}

fn compare(what: &str, mailbox: &str, with: SocketAddr, without: SocketAddr, claim: &str, how: &Arguments) {
    let mut rates = Vec::new();
    for service in [with, without] {
        send(service, mailbox, how.messages / 4);
    }
    for _ in 0..how.rounds {
        let [without, with] = [without, with].map(|service| send(service, mailbox, how.messages));
        rates.push((with, without));
    }
    print_claim(&format!("{what}, without a policy service"), median(rates.iter().map(|rate| rate.1)), "/s", "");
    print_claim(&format!("{what}, with postward"), median(rates.iter().map(|rate| rate.0)), "/s", "");
    print_claim("  of those without", median(rates.iter().map(|rate| rate.0 / rate.1)), "", claim);
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
