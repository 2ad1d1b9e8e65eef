//! Has this client tried again, as mail servers do and most spammers don't (RFC 6647)?
//!
//! The first attempt of a triplet of client, sender and recipient is stored and deferred; an attempt after the delay passes,
//! and so does every later one. A deferral is only answered once it is stored: a client that could not be remembered would
//! be deferred for ever.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_yaml::Value;

use super::{Check, Consequence, Context, Finding, Options, Parts, Pending, Reason, Registration};
use crate::batv;
use crate::clock::{self, Timestamp};
use crate::config::{Period, Section};
use crate::dns::hosts::is_generic;
use crate::mail::{Mailbox, ReversePath};
use crate::net;
use crate::protocol::Request;
use crate::store::{self, Attempt, Retention, Sighting, Standing, Triplet};

/// How the policy file gets here.
pub const REGISTRATION: Registration =
    Registration { name: "greylist", read: |section| Box::new(GreylistOptions::read(section)) };

/// The most octets of an address that go into a key: RFC 5321 section 4.5.3.1 allows 64 + 1 + 255, and smtpd much more.
const MAX_KEY: usize = 320;

/// How to greylist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GreylistOptions {
    /// Whom.
    pub when: When,
    /// How long a new triplet has to wait.
    pub delay: Period,
    /// How long after its first attempt it may still pass.
    pub retry_window: Period,
    /// How long it stays known after its last use.
    pub max_age: Period,
    /// What makes two clients the same, the preferred first.
    pub identity: Vec<Identity>,
    /// The network length for IPv4 clients.
    pub ipv4_prefix: u8,
    /// The network length for IPv6 clients.
    pub ipv6_prefix: u8,
    /// How many passes make a client known; 0: none ever do.
    pub allow_client_after: u32,
    /// How many triplets of one network may wait.
    pub waiting_per_network: u64,
    /// How many triplets may wait in all.
    pub waiting: u64,
    /// What the client is told; `{seconds}` are the seconds left.
    pub text: String,
}

/// Whom to greylist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// Everybody.
    Always,
    /// Requests that a check before this one found suspect.
    Suspect,
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "always" => Ok(Self::Always),
            "suspect" => Ok(Self::Suspect),
            _ => Err(format!("`{text}` is neither always nor suspect")),
        }
    }
}

/// What makes two clients the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Identity {
    /// The domain that SPF says both may write for: a provider's whole pool is one sender.
    Spf,
    /// The organisation that their confirmed names are in, unless these look like names of lines.
    Rdns,
    /// Their network.
    Network,
}

impl FromStr for Identity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "spf" => Ok(Self::Spf),
            "rdns" => Ok(Self::Rdns),
            "network" => Ok(Self::Network),
            _ => Err(format!("`{text}` is no identity: spf, rdns and network are")),
        }
    }
}

impl Default for GreylistOptions {
    fn default() -> Self {
        Self {
            when: When::Always,
            delay: Period::seconds(5 * 60),
            retry_window: Period::days(2),
            max_age: Period::days(35),
            identity: vec![Identity::Spf, Identity::Rdns, Identity::Network],
            ipv4_prefix: 24,
            ipv6_prefix: 64,
            allow_client_after: 5,
            waiting_per_network: 10_000,
            waiting: 1_000_000,
            text: "Greylisted, please try again in {seconds} seconds".to_owned(),
        }
    }
}

impl GreylistOptions {
    fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        let options = Self {
            when: section.parsed("when", default.when),
            delay: section.parsed("delay", default.delay),
            retry_window: section.parsed("retry_window", default.retry_window),
            max_age: section.parsed("max_age", default.max_age),
            identity: section.list("identity", default.identity),
            ipv4_prefix: section.parsed("ipv4_prefix", default.ipv4_prefix),
            ipv6_prefix: section.parsed("ipv6_prefix", default.ipv6_prefix),
            allow_client_after: section.parsed("allow_client_after", default.allow_client_after),
            waiting_per_network: section.parsed("waiting_per_network", default.waiting_per_network),
            waiting: section.parsed("waiting", default.waiting),
            text: section.parsed("text", default.text),
        };
        options.find_contradictions(section);
        options
    }

    fn find_contradictions(&self, section: &mut Section<'_>) {
        let mistakes = [
            (self.delay < Period::seconds(1), "delay", "must be at least 1s"),
            (self.retry_window <= self.delay, "retry_window", "must be longer than `delay`, or nobody could ever pass"),
            (self.max_age < Period::seconds(3600), "max_age", "must be at least 1h"),
            (self.identity.is_empty(), "identity", "must name at least one identity, such as network"),
            (!(1..=32).contains(&self.ipv4_prefix), "ipv4_prefix", "must be between 1 and 32"),
            (!(1..=128).contains(&self.ipv6_prefix), "ipv6_prefix", "must be between 1 and 128"),
            (self.waiting_per_network == 0, "waiting_per_network", "must be at least 1"),
            (self.waiting < self.waiting_per_network, "waiting", "must not be less than `waiting_per_network`"),
            (self.text.replace("{seconds}", "").contains(['{', '}']), "text", "knows only one placeholder: {seconds}"),
        ];
        for (_, key, message) in mistakes.into_iter().filter(|(wrong, ..)| *wrong) {
            section.mistake(key, message);
        }
    }

    /// How long and how much is remembered.
    pub fn retention(&self) -> Retention {
        Retention {
            retry_window: self.retry_window.0,
            max_age: self.max_age.0,
            allow_client_after: self.allow_client_after,
            waiting_per_network: self.waiting_per_network,
            waiting: self.waiting,
        }
    }

    /// The key of a conversation when nothing but the network tells who the client is.
    pub fn triplet(&self, client: IpAddr, sender: &ReversePath, recipient: &Mailbox) -> Triplet {
        Triplet {
            client: self.network(client),
            sender: bounded(batv::sender_key(sender)),
            recipient: bounded(batv::recipient_key(recipient)),
        }
    }

    /// The network that stands for a client, as it is written in keys.
    pub fn network(&self, client: IpAddr) -> String {
        net::network_text(net::network_of(client, self.ipv4_prefix, self.ipv6_prefix))
    }
}

impl Options for GreylistOptions {
    fn in_force(&self) -> Value {
        serde_yaml::to_value(self).unwrap_or_default()
    }

    fn build(&self, parts: &Parts) -> Box<dyn Check> {
        Box::new(GreylistCheck::new(self.clone(), parts.greylist.clone()))
    }
}

struct GreylistCheck {
    options: GreylistOptions,
    retention: Retention,
    /// While the clock is in doubt: what it calls lapsed may be as good as new.
    for_ever: Retention,
    store: Arc<dyn store::Greylist>,
}

impl Check for GreylistCheck {
    fn find<'a>(&'a self, context: &'a Context<'a>) -> Pending<'a, Finding> {
        Box::pin(self.look(context))
    }

    fn consequence(&self, reason: Reason) -> Consequence {
        match reason {
            Reason::GreylistNew | Reason::GreylistEarly => Consequence::Defer,
            _ => Consequence::Ignore,
        }
    }

    fn maintain(&self, now: Timestamp) -> Pending<'_, Option<String>> {
        Box::pin(async move {
            match self.store.purge(&self.retention, now).await {
                Ok(purged) if purged == store::Purged::default() => None,
                Ok(purged) => Some(format!(
                    "{} triplets that were never tried again, {} triplets and {} clients unused for {}",
                    purged.waiting, purged.passed, purged.clients, self.options.max_age
                )),
                Err(_) => None, // the store itself tells what is wrong with it
            }
        })
    }
}

impl GreylistCheck {
    fn new(options: GreylistOptions, store: Arc<dyn store::Greylist>) -> Self {
        let retention = options.retention();
        let for_ever = Retention { retry_window: Duration::MAX, max_age: Duration::MAX, ..retention };
        Self { options, retention, for_ever, store }
    }

    async fn look(&self, context: &Context<'_>) -> Finding {
        if self.options.when == When::Suspect && !context.suspect {
            return Finding::nothing("not suspect");
        }
        if context.trusted {
            return Finding::new(Reason::GreylistTrusted, "a check before trusts it");
        }
        let Some(attempt) = self.attempt(context) else {
            return Finding::nothing("no client address or recipient");
        };
        let retention = if context.clock_is_sure { &self.retention } else { &self.for_ever };
        match self.store.record_attempt(&attempt, retention, context.now).await {
            Ok(sighting) => self.found(attempt, &sighting, context.now).await,
            Err(error) => Finding::error(&error),
        }
    }

    fn attempt(&self, context: &Context<'_>) -> Option<Attempt> {
        let request = context.request;
        let Triplet { client: network, sender, recipient } =
            self.options.triplet(request.client_address?, &request.sender, request.recipient.as_ref()?);
        let identity = |identity: &Identity| match identity {
            Identity::Spf => context.vouched_by.map(|domain| ["spf:", domain].concat()),
            Identity::Rdns => organisation(request).map(|domain| ["host:", domain].concat()),
            Identity::Network => Some(network.clone()),
        };
        let mut identities: Vec<_> = self.options.identity.iter().filter_map(identity).map(bounded).collect();
        if identities.is_empty() {
            identities.push(network.clone());
        }
        Some(Attempt { identities, network, sender, recipient, instance: request.instance.clone() })
    }

    async fn found(&self, attempt: Attempt, sighting: &Sighting, now: Timestamp) -> Finding {
        let Attempt { sender, recipient, .. } = attempt;
        let triplet = Triplet { client: sighting.client.clone(), sender, recipient };
        let finding = self.judged(&triplet, sighting, now).await;
        Finding { triplet: Some(triplet), ..finding }
    }

    async fn judged(&self, triplet: &Triplet, sighting: &Sighting, now: Timestamp) -> Finding {
        let Sighting { client, attempts, .. } = sighting;
        match judge(sighting, now, self.options.delay.0) {
            Judgement::New => {
                self.deferral(Reason::GreylistNew, self.options.delay.0, &format!("first attempt from {client}"))
            }
            Judgement::Early { left } => {
                self.deferral(Reason::GreylistEarly, left, &format!("attempt {attempts} from {client}, too early"))
            }
            Judgement::Passed { waited } => self.pass(triplet, sighting, waited, now).await,
            Judgement::Known => Finding::new(Reason::GreylistKnown, [client, " has passed before"].concat()),
            Judgement::KnownClient => Finding::new(
                Reason::GreylistClient,
                format!("{client} has passed often and is not greylisted any more"),
            ),
        }
    }

    fn deferral(&self, reason: Reason, left: Duration, evidence: &str) -> Finding {
        let seconds = left.as_millis().div_ceil(1000).max(1);
        let text = self.options.text.replace("{seconds}", &seconds.to_string());
        Finding { text, ..Finding::new(reason, format!("{evidence}; {seconds} s left")) }
    }

    async fn pass(&self, triplet: &Triplet, sighting: &Sighting, waited: Duration, now: Timestamp) -> Finding {
        // What could not be noted is noted at the next attempt, which passes as well.
        let noted = match self.store.note_pass(triplet, now).await {
            Ok(()) => String::new(),
            Err(error) => format!("; not remembered: {error}"),
        };
        let evidence = format!(
            "attempt {} from {}, {} s after the first{noted}",
            sighting.attempts,
            triplet.client,
            waited.as_secs()
        );
        Finding { delayed: Some(waited), ..Finding::new(Reason::GreylistPassed, evidence) }
    }
}

/// The registrable domain of the client's name (publicsuffix.org). Names of lines stand for a provider's customers, who have
/// nothing in common.
fn organisation(request: &Request) -> Option<&str> {
    let name = request.client_name.as_deref()?;
    if is_generic(name, request.client_address?) {
        return None;
    }
    psl::domain_str(name)
}

/// What a sighting means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judgement {
    New,
    Early { left: Duration },
    Passed { waited: Duration },
    Known,
    KnownClient,
}

/// `now` before `first_seen` means that the clock stepped back: how long the client has waited cannot be told any more, and
/// its wait must not grow, so it is over.
fn judge(sighting: &Sighting, now: Timestamp, delay: Duration) -> Judgement {
    match sighting.standing {
        Standing::KnownClient => Judgement::KnownClient,
        Standing::Passed => Judgement::Known,
        Standing::New => Judgement::New,
        Standing::Waiting => match clock::elapsed(sighting.first_seen, now) {
            Some(waited) if waited < delay => Judgement::Early { left: delay - waited },
            Some(waited) => Judgement::Passed { waited },
            None => Judgement::Passed { waited: Duration::ZERO },
        },
    }
}

/// No mailbox has a longer address, and a database of such keys would have no bound.
fn bounded(mut key: String) -> String {
    if key.len() > MAX_KEY {
        key.truncate(key.floor_char_boundary(MAX_KEY));
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::tests as testing;
    use crate::lists::Snapshot;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn sighting(standing: Standing) -> Sighting {
        Sighting { client: "192.0.2.0/24".to_owned(), standing, first_seen: at(0), attempts: 2 }
    }

    #[test]
    fn the_wait_is_judged_to_the_second() {
        let delay = Duration::from_secs(300);
        for (standing, second, expected) in [
            (Standing::New, 0, Judgement::New),
            (Standing::Waiting, 0, Judgement::Early { left: delay }),
            (Standing::Waiting, 299, Judgement::Early { left: Duration::from_secs(1) }),
            (Standing::Waiting, 300, Judgement::Passed { waited: delay }),
            (Standing::Waiting, -1, Judgement::Passed { waited: Duration::ZERO }), // the clock stepped back
            (Standing::Passed, 5, Judgement::Known),
            (Standing::KnownClient, 5, Judgement::KnownClient),
        ] {
            assert_eq!(judge(&sighting(standing), at(second), delay), expected, "{standing:?} at {second}");
        }
    }

    #[test]
    fn contradictions_are_mistakes() {
        for (options, expected) in [
            ("{delay: 2d, retry_window: 1d}", "retry_window: must be longer than `delay`"),
            ("{delay: 0s}", "delay: must be at least 1s"),
            ("{ipv4_prefix: 33}", "ipv4_prefix: must be between 1 and 32"),
            ("{ipv6_prefix: 0}", "ipv6_prefix: must be between 1 and 128"),
            ("{ipv4_prefix: 300}", "ipv4_prefix: `300` is too large a number"),
            ("{waiting: -1}", "waiting: `-1` is no whole number"),
            ("{allow_client_after: often}", "allow_client_after: `often` is no whole number"),
            ("{identity: []}", "identity: must name"),
            ("{identity: [moon]}", "identity[0]: `moon` is no identity"),
            ("{waiting: 5}", "waiting: must not be less"),
            ("{text: 'in {minutes} minutes'}", "text: knows only one placeholder"),
            ("{when: never}", "when: `never` is neither always nor suspect"),
        ] {
            let text = format!("chain: [greylist: {options}]");
            let draft = crate::config::Draft::parse("policy.yaml".as_ref(), text).unwrap();
            let error = crate::chain::Policy::from_draft(draft).unwrap_err().to_string();
            assert!(error.contains(expected), "{expected} is not in {error}");
        }
    }

    /// The identities of a client with this name, for which this domain vouches.
    fn identities(options: &GreylistOptions, name: Option<&str>, vouched_by: Option<&str>) -> Vec<String> {
        let client_name = name.map(str::to_owned);
        let request = Request { client_name, ..testing::request("192.0.2.77", "a@example.org", "x.example") };
        let (lists, now) = (Snapshot::default(), at(0));
        let context = Context { now, vouched_by, ..testing::context(&request, &lists) };
        let store = testing::parts().greylist;
        let check = GreylistCheck::new(options.clone(), store);
        check.attempt(&context).unwrap().identities
    }

    #[test]
    fn an_organisation_is_one_client() {
        let all = GreylistOptions::default();
        for (name, vouched_by, expected) in [
            (None, None, &["192.0.2.0/24"][..]),
            (Some("mail.example.org"), None, &["host:example.org", "192.0.2.0/24"]),
            (Some("a.b.example.co.uk"), None, &["host:example.co.uk", "192.0.2.0/24"]),
            (Some("dyn-192-0-2-77.example.org"), None, &["192.0.2.0/24"]), // a line says nothing about its user
            (Some("co.uk"), None, &["192.0.2.0/24"]),                      // a public suffix is nobody's
            (None, Some("example.org"), &["spf:example.org", "192.0.2.0/24"]),
            (Some("mail.example.net"), Some("example.org"), &["spf:example.org", "host:example.net", "192.0.2.0/24"]),
        ] {
            assert_eq!(identities(&all, name, vouched_by), expected, "{name:?} {vouched_by:?}");
        }
    }

    #[test]
    fn where_no_identity_applies_the_network_does() {
        let only_spf = GreylistOptions { identity: vec![Identity::Spf], ..GreylistOptions::default() };
        assert_eq!(identities(&only_spf, Some("mail.example.org"), None), ["192.0.2.0/24"]);
    }

    #[tokio::test]
    async fn who_is_trusted_or_not_suspect_is_not_greylisted() {
        let suspects = GreylistOptions { when: When::Suspect, ..GreylistOptions::default() };
        for (options, suspect, trusted, reason) in [
            (&GreylistOptions::default(), false, false, Some(Reason::GreylistNew)),
            (&GreylistOptions::default(), true, true, Some(Reason::GreylistTrusted)),
            (&suspects, false, false, None),
            (&suspects, true, false, Some(Reason::GreylistNew)),
        ] {
            let request = testing::request("192.0.2.77", "a@example.org", "x.example");
            let lists = Snapshot::default();
            let now = at(0);
            let context = Context { now, suspect, trusted, ..testing::context(&request, &lists) };
            let finding = options.build(&testing::parts()).find(&context).await;
            assert_eq!(finding.reason, reason, "suspect {suspect}, trusted {trusted}");
        }
    }

    fn check() -> GreylistCheck {
        let options = GreylistOptions::default();
        let store = testing::parts().greylist;
        GreylistCheck::new(options, store)
    }

    #[test]
    fn who_comes_back_when_told_does_not_come_too_early() {
        for (left, told) in [(300_000, 300), (299_001, 300), (1_001, 2), (1, 1), (0, 1)] {
            let finding = check().deferral(Reason::GreylistEarly, Duration::from_millis(left), "");
            assert!(finding.text.contains(&format!(" in {told} seconds")), "{left}: {}", finding.text);
        }
    }

    #[test]
    fn no_address_is_too_long_to_be_remembered() {
        let long = format!("{}@example.org", "ab.".repeat(10_000));
        let recipient = Some(Mailbox::parse(&long));
        let request = Request { recipient, ..testing::request("192.0.2.7", &long, "x.example") };
        let (lists, now) = (Snapshot::default(), at(0));
        let context = Context { now, ..testing::context(&request, &lists) };
        let attempt = check().attempt(&context).unwrap();
        assert_eq!((attempt.sender.len(), attempt.recipient.len()), (MAX_KEY, MAX_KEY));
    }

    #[test]
    fn keys_are_bounded() {
        assert_eq!(bounded("ä".repeat(1000)).len(), MAX_KEY);
        assert_eq!(bounded("a@example.org".to_owned()), "a@example.org");
    }
}
