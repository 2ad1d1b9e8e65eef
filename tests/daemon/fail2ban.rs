//! fail2ban bans whom the daemon's log blames, and nobody else.
//!
//! The filter is what contrib/ has, with fail2ban's own words translated as fail2ban does it (jail.conf(5)): `%(name)s` and
//! `<name>` are definitions, `<F-CONTENT>` is what `prefregex` leaves over for `failregex`, `<ADDR>` is an address.

use std::collections::HashMap;
use std::net::IpAddr;

use regex::Regex;

use crate::peer::{Ask, Peer};
use crate::support::{NO_DNS, Postward, Transport, eventually};
use crate::ways::logged;

const FILTER: &str = include_str!("../../contrib/fail2ban/postward.conf");

/// common.conf's `__prefix_line`, as far as syslog and the journal need it.
const SYSLOG: &str = r"\S+ postward\[\d+\]:\s+";

/// The words of contrib's filter, each compiled once.
struct Filter {
    line: Regex,
    failure: Regex,
}

impl Filter {
    /// With the reasons that the filter itself has, or with those of a jail.
    fn new(reasons: Option<&str>) -> Self {
        let mut definitions: HashMap<_, _> = FILTER.lines().filter_map(|line| line.split_once(" = ")).collect();
        definitions.insert("__prefix_line", SYSLOG);
        definitions.extend(reasons.map(|reasons| ("reasons", reasons)));
        Self { line: compiled("prefregex", &definitions), failure: compiled("failregex", &definitions) }
    }

    /// Who is to blame for this line of the log.
    fn blames(&self, line: &str) -> Option<IpAddr> {
        let content = self.line.captures(line)?.name("content").expect("prefregex has <F-CONTENT>").as_str();
        let address = self.failure.captures(content)?.name("addr").expect("failregex has <ADDR>").as_str();
        Some(address.parse().expect("an address"))
    }
}

fn compiled(name: &str, definitions: &HashMap<&str, &str>) -> Regex {
    let mut pattern = definitions[name].to_owned();
    for (name, value) in definitions {
        pattern = pattern.replace(&format!("%({name})s"), value).replace(&format!("<{name}>"), value);
    }
    let translated = [("<F-CONTENT>", "(?P<content>"), ("</F-CONTENT>", ")"), ("<ADDR>", "(?P<addr>[0-9A-Fa-f.:]+)")];
    for (theirs, ours) in translated {
        pattern = pattern.replace(theirs, ours);
    }
    Regex::new(&pattern).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Asks each, and returns the lines that tell what was decided, in order.
fn decided(policy: &str, asked: &[Ask]) -> Vec<String> {
    let mut postward = Postward::install(Transport::Inet, &format!("{NO_DNS}{policy}"));
    postward.ok(["list", "add", "deny", "--sender", "bad@example.org", "--text", r#"Go "away" client="203.0.113.9""#]);
    postward.serve();
    let mut peer = Peer::connect(postward.endpoint());
    for ask in asked {
        peer.ask(ask);
    }
    eventually("all decisions are in the log", || logged(&postward, "elapsed_us").len() >= asked.len());
    logged(&postward, "elapsed_us")
}

const POLICY: &str = "chain: [access, {helo: {names: [mx.example.net]}}, {greylist: {identity: [network]}}]\n";

fn from(client: &str, helo: &str) -> Ask {
    Ask::new().with("client_address", client).with("helo_name", helo)
}

#[test]
fn who_is_refused_for_its_own_fault_is_banned_and_nobody_else() {
    let injected = "x\" client=\"203.0.113.9\" client_name=\"";
    let again = "INFO decided action=\"550 5.7.1 x\" check=\"helo\" reason=\"helo-ours\" mode=\"enforce\" client=\"203.0.113.9\"";
    let table = [
        (from("192.0.2.1", "mx.example.net"), Some("192.0.2.1")),
        (from("2001:db8::7", "mx.example.net"), Some("2001:db8::7")),
        (from("192.0.2.2", "mx.example.net").with("sender", again), Some("192.0.2.2")),
        (from("192.0.2.3", "mx.example.net").with("client_name", injected), Some("192.0.2.3")),
        // greylisted
        (from("192.0.2.4", "mail.example.org"), None),
        (from("192.0.2.5", again), None),
        (from("192.0.2.6", injected), None),
        // the sender's fault
        (from("192.0.2.7", "mail.example.org").with("sender", "bad@example.org"), None),
        // let through
        (from("192.0.2.8", "mx.example.net").with("sasl_username", "alice"), None),
    ];
    let (asked, expected): (Vec<_>, Vec<_>) = table.into_iter().unzip();
    let filter = Filter::new(None);
    for (line, expected) in decided(POLICY, &asked).iter().zip(expected) {
        let expected = expected.map(|address: &str| address.parse().unwrap());
        assert_eq!(filter.blames(line), expected, "{line}");
        assert_eq!(filter.blames(&format!("mx postward[17]: {line}")), expected, "through syslog: {line}");
    }
}

#[test]
fn a_jail_says_what_counts_and_quotation_marks_in_a_reply_mislead_nobody() {
    let asked = [from("192.0.2.7", "mail.example.org").with("sender", "bad@example.org")];
    let lines = decided(POLICY, &asked);
    assert!(lines[0].contains(r#"client=\"203.0.113.9\""#), "{lines:?}");
    assert_eq!(Filter::new(Some("access-deny")).blames(&lines[0]), "192.0.2.7".parse().ok(), "{lines:?}");
}

#[test]
fn what_is_observed_bans_nobody() {
    let policy = "chain: [{helo: {names: [mx.example.net], mode: observe}}, {greylist: {identity: [network]}}]\n";
    let lines = decided(policy, &[from("192.0.2.1", "mx.example.net")]);
    assert!(lines.iter().any(|line| line.contains("helo-ours")), "{lines:?}");
    let filter = Filter::new(None);
    assert_eq!(lines.iter().find_map(|line| filter.blames(line)), None, "{lines:?}");
}
