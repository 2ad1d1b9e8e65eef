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
mod rig;
#[path = "../tests/postfix/smtp.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod smtp;
#[path = "../tests/support/mod.rs"]
mod support;

use std::process::{Command, Stdio};
use std::time::Instant;

use clap::Parser;

use instance::Postfix;
use rig::servers::Installation;
use rig::table::{median, print_claim};
use support::{Tools, Transport};

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

/// Loopback is a stranger, and what is accepted is thrown away.
const STRANGER: &str = "mynetworks =\nvirtual_transport = discard:\n";

const WITHOUT: &str = "smtpd_recipient_restrictions = reject_unauth_destination, reject_unlisted_recipient";

fn main() {
    let arguments = Arguments::parse();
    let postward = Installation::new(POLICY);
    postward.run(&["list", "add", "deny", "--recipient", "bob@example.test"]);
    let postward = postward.serve();
    let policy = postward.endpoint(Transport::Unix);
    let with = Postfix::start_with(policy, STRANGER);
    send(&with, "alice", 20);
    postward.run(&["greylist", "allow", "--recipient", "alice@example.test"]);

    let accepting = Postfix::start_with(policy, &format!("{STRANGER}{WITHOUT}\n"));
    compare("accepted", "alice", &with, &accepting, "at least 0.97", &arguments);
    let refusing = Postfix::start_with(policy, &format!("{STRANGER}{WITHOUT}, reject\n"));
    compare("refused at RCPT", "bob", &with, &refusing, "at least 0.95", &arguments);
}

fn compare(what: &str, mailbox: &str, with: &Postfix, without: &Postfix, claim: &str, how: &Arguments) {
    let mut rates = Vec::new();
    for postfix in [with, without] {
        send(postfix, mailbox, how.messages / 4);
    }
    for _ in 0..how.rounds {
        let [without, with] = [without, with].map(|postfix| send(postfix, mailbox, how.messages));
        rates.push((with, without));
    }
    print_claim(&format!("{what}, without a policy service"), median(rates.iter().map(|rate| rate.1)), "/s", "");
    print_claim(&format!("{what}, with postward"), median(rates.iter().map(|rate| rate.0)), "/s", "");
    print_claim("  of those without", median(rates.iter().map(|rate| rate.0 / rate.1)), "", claim);
}

/// Sends messages on twenty connections at a time, one on each; answers how many in a second.
fn send(postfix: &Postfix, mailbox: &str, messages: u32) -> f64 {
    let tools = Tools::find();
    let mut source = Command::new(tools.get("usr/sbin/smtp-source"));
    source.args(["-A", "-s", "20", "-l", "1000", "-m", &messages.to_string(), "-f", "alice@example.org"]);
    source.args(["-t", &format!("{mailbox}@example.test"), &format!("inet:{}", postfix.address())]);
    source.env("LD_LIBRARY_PATH", tools.library_path()).stdout(Stdio::null()).stderr(Stdio::null());
    let started = Instant::now();
    assert!(source.status().unwrap().success(), "smtp-source fails");
    f64::from(messages) / started.elapsed().as_secs_f64()
}
