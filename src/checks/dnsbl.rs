//! Is the client, or a name it gives, on blocklists or allow lists (RFC 5782)?
//!
//! Lists have weights, which add up; an allow list's is negative. All are asked at once, and no longer than the answer can
//! still change. A list that errs, or is not believed ([`dns::health`](crate::dns::health)), counts neither for nor against.

use std::fmt::Write as _;
use std::str::FromStr;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use serde::Serialize;
use serde_yaml::Value;

use super::{Check, Consequence, Context, Finding, Options, Parts, Pending, Reason, Registration};
use crate::config::{KeyPath, Mistakes, Section};
use crate::dns::answers::Answers;
use crate::dns::blocklist::{Blocklist, Item, Said};
use crate::dns::health::{Keeps, SelfTest};
use crate::dns::query::{Zone, ZoneError};
use crate::mail::ReversePath;
use crate::net::is_public;
use crate::protocol::{Request, property_value};

/// No list can count more than this, for or against: sums of weights must have room.
const MOST_WEIGHT: i32 = 1000;

/// How the policy file gets here.
pub const REGISTRATION: Registration =
    Registration { name: "dnsbl", read: |section| Box::new(DnsblOptions::read(section)) };

/// Which lists to ask, and what their weights lead to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DnsblOptions {
    /// The lists.
    pub lists: Vec<ListOptions>,
    /// From this weight on the recipient is refused.
    pub reject_at: i32,
    /// From this weight on the request is marked.
    pub suspect_at: i32,
    /// Down from this weight on the request is not greylisted.
    pub trust_at: i32,
}

/// One list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListOptions {
    /// Where it is asked. May hold a secret key.
    pub zone: Zone,
    /// What a listing counts; less than 0 on an allow list.
    pub weight: i32,
    /// The answers that are listings, as in postscreen.
    #[serde(serialize_with = "as_written")]
    pub answers: Answers,
    /// What it is asked about.
    pub of: Of,
    /// For which mail it is asked.
    pub only: Only,
    /// What a refused client is told; empty: what the list itself says.
    pub text: String,
    /// How it can be tested.
    #[serde(serialize_with = "as_word")]
    pub selftest: SelfTest,
}

/// What a list is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    /// The client's address.
    Client,
    /// The domain of the sender.
    SenderDomain,
    /// What the client calls itself.
    Helo,
    /// The client's confirmed name.
    ClientName,
}

/// For which mail a list is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Only {
    /// All.
    All,
    /// Mail without a sender: bounces.
    NullSender,
}

impl FromStr for Of {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "client" => Ok(Self::Client),
            "sender_domain" => Ok(Self::SenderDomain),
            "helo" => Ok(Self::Helo),
            "client_name" => Ok(Self::ClientName),
            _ => Err(format!("`{text}` is nothing to ask about: client, sender_domain, helo and client_name are")),
        }
    }
}

impl FromStr for Only {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            "null_sender" => Ok(Self::NullSender),
            _ => Err(format!("`{text}` is neither all nor null_sender")),
        }
    }
}

impl Default for DnsblOptions {
    fn default() -> Self {
        Self { lists: Vec::new(), reject_at: 3, suspect_at: 1, trust_at: -2 }
    }
}

impl DnsblOptions {
    fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        let lists = section.items("lists").unwrap_or_default();
        let options = Self {
            lists: lists.into_iter().filter_map(|(path, value)| list(path, value, section.mistakes())).collect(),
            reject_at: section.parsed("reject_at", default.reject_at),
            suspect_at: section.parsed("suspect_at", default.suspect_at),
            trust_at: section.parsed("trust_at", default.trust_at),
        };
        if options.suspect_at > options.reject_at {
            section.mistake("suspect_at", "must not be more than `reject_at`");
        }
        if options.suspect_at < 1 {
            section.mistake("suspect_at", "must be at least 1, or everybody is suspect whom no list knows");
        }
        if options.trust_at >= 0 {
            section.mistake("trust_at", "must be less than 0, or everybody is trusted whom no list knows");
        }
        options
    }
}

/// `{zone: zen.spamhaus.org, weight: 3, answers: "127.0.0.[2..11]"}`, or the zone alone.
fn list(path: KeyPath, value: Value, mistakes: &mut Mistakes) -> Option<ListOptions> {
    let value = match value {
        Value::String(zone) => Value::Mapping([("zone".into(), zone.into())].into_iter().collect()),
        value => value,
    };
    let mut section = Section::new(path, value, mistakes);
    let zone: Option<String> = section.required("zone");
    // Not parsed by the section, whose message would repeat what was written: there may be a key in it.
    let zone = zone.and_then(|zone| zone.parse().map_err(|error: ZoneError| section.mistake("zone", error)).ok());
    let weight = section.parsed("weight", 1);
    let answers = section.parsed("answers", Answers::default());
    let of = section.parsed("of", Of::Client);
    let only = section.parsed("only", Only::All);
    let text = section.parsed("text", String::new());
    let selftest = section.parsed("selftest", SelfTest::Standard);
    if weight == 0 {
        section.mistake("weight", "0 counts for nothing: leave the list out");
    }
    if !(-MOST_WEIGHT..=MOST_WEIGHT).contains(&weight) {
        section.mistake("weight", format_args!("must be between -{MOST_WEIGHT} and {MOST_WEIGHT}"));
    }
    section.finish();
    Some(ListOptions { zone: zone?, weight, answers, of, only, text, selftest })
}

impl Options for DnsblOptions {
    fn in_force(&self) -> Value {
        serde_yaml::to_value(self).unwrap_or_default()
    }

    fn build(&self, parts: &Parts) -> Box<dyn Check> {
        let list = |options: &ListOptions| {
            let keeps = if options.of == Of::Client { Keeps::Addresses } else { Keeps::Domains };
            let ListOptions { zone, answers, selftest, .. } = options;
            let list = Blocklist::new(zone, answers.clone(), keeps, *selftest, parts.dns.clone());
            List {
                label: format!("{} {:+}", list.shown(), options.weight),
                options: options.clone(),
                list: Arc::new(list),
            }
        };
        Box::new(DnsblCheck { lists: self.lists.iter().map(list).collect(), options: self.clone() })
    }
}

struct DnsblCheck {
    options: DnsblOptions,
    lists: Vec<List>,
}

/// A list and what it counts.
struct List {
    options: ListOptions,
    /// Its name and weight, for evidence: `list.example +1`.
    label: String,
    list: Arc<Blocklist>,
}

/// What one list said of one item.
struct Heard<'a> {
    list: &'a List,
    item: Item<'a>,
    said: Said,
}

impl Check for DnsblCheck {
    fn find<'a>(&'a self, context: &'a Context<'a>) -> Pending<'a, Finding> {
        Box::pin(self.look(context.request))
    }

    fn consequence(&self, reason: Reason) -> Consequence {
        match reason {
            Reason::DnsblListed => Consequence::Reject,
            Reason::DnsblSuspect => Consequence::Suspect,
            Reason::DnsblTrusted => Consequence::Trust,
            _ => Consequence::Ignore,
        }
    }

    fn blocklists(&self) -> Vec<Arc<Blocklist>> {
        self.lists.iter().map(|list| list.list.clone()).collect()
    }

    fn ready(&self) -> Pending<'_, ()> {
        Box::pin(async {
            for list in &self.lists {
                list.list.probed().await;
            }
        })
    }
}

impl DnsblCheck {
    async fn look(&self, request: &Request) -> Finding {
        let Some(client) = request.client_address.filter(|client| is_public(*client)) else {
            return Finding::nothing("no public address");
        };
        let asked: Vec<_> = self.lists.iter().filter_map(|list| Some((list, list.item(request)?))).collect();
        let mut hearing = Hearing::new(&self.options, &asked);
        let mut waiting = Vec::new();
        // What is known already may decide: then nobody else is asked.
        for (list, item) in asked {
            if hearing.is_over() {
                break;
            }
            let mut answer = list.list.ask(item, client).map(move |said| Heard { list, item, said });
            match (&mut answer).now_or_never() {
                Some(heard) => hearing.take(heard),
                None => waiting.push(answer),
            }
        }
        if !hearing.is_over() && !waiting.is_empty() {
            let mut answers: FuturesUnordered<_> = waiting.into_iter().collect();
            while !hearing.is_over()
                && let Some(heard) = answers.next().await
            {
                hearing.take(heard);
            }
        }
        self.found(&hearing).await
    }

    async fn found(&self, hearing: &Hearing<'_>) -> Finding {
        let Hearing { range, heard, .. } = hearing;
        let reason = self.options.reason(range.sum, range.failed);
        let text = if reason == Some(Reason::DnsblListed) { refusal(heard).await } else { String::new() };
        Finding { reason, text, result: dnswl(heard), ..Finding::nothing(evidence(hearing)) }
    }
}

/// What the lists have said so far.
struct Hearing<'a> {
    options: &'a DnsblOptions,
    /// How many lists there are to hear.
    lists: usize,
    heard: Vec<Heard<'a>>,
    range: Range,
}

impl<'a> Hearing<'a> {
    fn new(options: &'a DnsblOptions, asked: &[(&List, Item<'_>)]) -> Self {
        let range = Range::of(asked.iter().map(|(list, _)| list.options.weight));
        Self { options, lists: asked.len(), heard: Vec::with_capacity(asked.len()), range }
    }

    fn take(&mut self, heard: Heard<'a>) {
        let weight = heard.list.options.weight;
        match &heard.said {
            Said::Error(_) => self.range.fail(weight),
            said => self.range.settle(weight, matches!(said, Said::Listed(_))),
        }
        self.heard.push(heard);
    }

    /// Whether all are heard, or what the others say makes no difference.
    fn is_over(&self) -> bool {
        self.range.is_decided(self.options)
    }
}

impl DnsblOptions {
    /// What a weight leads to, if allow lists of the weight `failed` could not be asked: nobody is refused because of that.
    fn reason(&self, sum: i32, failed: i32) -> Option<Reason> {
        match sum {
            sum if sum.saturating_add(failed) >= self.reject_at => Some(Reason::DnsblListed),
            sum if sum >= self.suspect_at => Some(Reason::DnsblSuspect),
            sum if sum <= self.trust_at => Some(Reason::DnsblTrusted),
            _ => None,
        }
    }
}

/// The weight so far, and what those lists that have not answered could still make of it.
#[derive(Debug, Clone, Copy)]
struct Range {
    sum: i32,
    least: i32,
    most: i32,
    /// The weight of the allow lists that could not be asked.
    failed: i32,
}

impl Range {
    fn of(weights: impl Iterator<Item = i32>) -> Self {
        weights.fold(Self { sum: 0, least: 0, most: 0, failed: 0 }, |range, weight| Self {
            least: range.least.saturating_add(weight.min(0)),
            most: range.most.saturating_add(weight.max(0)),
            ..range
        })
    }

    /// A list has answered: its weight counts, or does not any more.
    fn settle(&mut self, weight: i32, is_listed: bool) {
        let counted = if is_listed { weight } else { 0 };
        self.sum = self.sum.saturating_add(counted);
        self.least = self.least.saturating_add(counted - weight.min(0));
        self.most = self.most.saturating_add(counted - weight.max(0));
    }

    /// A list could not be asked: it counts for nothing.
    fn fail(&mut self, weight: i32) {
        self.settle(weight, false);
        self.failed = self.failed.saturating_add(weight.min(0));
    }

    fn is_decided(self, options: &DnsblOptions) -> bool {
        options.reason(self.least, self.failed) == options.reason(self.most, self.failed)
    }
}

impl List {
    /// What the list is to be asked about, if it is to be asked.
    fn item<'a>(&self, request: &'a Request) -> Option<Item<'a>> {
        if self.options.only == Only::NullSender && request.sender != ReversePath::Null {
            return None;
        }
        match self.options.of {
            Of::Client => request.client_address.map(Item::Address),
            Of::SenderDomain => request.sender.mailbox()?.domain().map(Item::Name),
            Of::Helo => Some(request.helo_name.as_str()).filter(|helo| helo.contains('.')).map(Item::Name),
            Of::ClientName => request.client_name.as_deref().map(Item::Name),
        }
    }
}

/// What the administrator says of the list that counts most, or the list itself.
async fn refusal(heard: &[Heard<'_>]) -> String {
    let listed = heard.iter().filter(|heard| matches!(heard.said, Said::Listed(_)));
    let Some(Heard { list, item, .. }) = listed.max_by_key(|heard| heard.list.options.weight) else {
        return String::new();
    };
    let item_shown = match item {
        Item::Address(address) => address.to_string(),
        Item::Name(name) => (*name).to_owned(),
    };
    if !list.options.text.is_empty() {
        return list.options.text.clone();
    }
    let blocked = format!("{item_shown} is listed by {}", list.list.shown());
    match list.list.explanation(*item).await {
        Some(explanation) => format!("{blocked}: {explanation}"),
        None => blocked,
    }
}

/// What one list says takes mostly less: `, `, ` listed (127.0.0.2)`.
const ROOM: usize = 24;

/// `weight 1: a.example +1 listed (127.0.0.2), b.example -2 not listed, 1 not waited for`
fn evidence(Hearing { lists, heard, range, .. }: &Hearing<'_>) -> String {
    if *lists == 0 {
        return "no lists".to_owned();
    }
    let mut text = String::with_capacity(heard.iter().map(|heard| heard.list.label.len() + ROOM).sum::<usize>() + ROOM);
    let _ = write!(text, "weight {}: ", range.sum);
    for (position, Heard { list, said, .. }) in heard.iter().enumerate() {
        text.push_str(if position == 0 { "" } else { ", " });
        text.push_str(&list.label);
        let _ = write!(text, " {said}");
    }
    let separator = if heard.is_empty() { "" } else { ", " };
    if let unheard @ 1.. = lists.saturating_sub(heard.len()) {
        let _ = write!(text, "{separator}{unheard} not waited for");
    }
    text
}

/// What allow lists say (RFC 8904), if any was asked and answered.
fn dnswl(heard: &[Heard<'_>]) -> Option<String> {
    let mut answered = heard
        .iter()
        .filter(|heard| heard.list.options.weight < 0 && heard.list.options.of == Of::Client)
        .filter(|heard| matches!(heard.said, Said::Listed(_) | Said::NotListed))
        .peekable();
    answered.peek()?;
    let pass = answered.find_map(|heard| match &heard.said {
        Said::Listed(answers) => Some((heard, answers)),
        _ => None,
    });
    Some(match pass {
        Some((heard, answers)) => {
            // Several in one value, separated by commas (RFC 8904 section 2).
            let answers: Vec<_> = answers.iter().map(ToString::to_string).collect();
            let ip = property_value(&answers.join(","));
            format!("dnswl=pass dns.zone={} policy.ip={ip}", property_value(heard.list.list.shown()))
        }
        None => "dnswl=none".to_owned(),
    })
}

fn as_written<S: serde::Serializer>(answers: &Answers, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(answers)
}

fn as_word<S: serde::Serializer>(selftest: &SelfTest, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match selftest {
        SelfTest::Standard => "standard",
        SelfTest::None => "none",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::tests as testing;
    use crate::dns::zones::Zones;

    /// Three lists that pass their tests, an allow list, and one of names.
    const HEALTHY: &str = "
        2.0.0.127.one.example    A    127.0.0.2
        2.0.0.127.two.example    A    127.0.0.2
        2.0.0.127.big.example    A    127.0.0.2
        2.0.0.127.allow.example  A    127.0.0.2
        test.names.example       A    127.0.0.2
        7.2.0.192.one.example    A    127.0.0.4
        7.2.0.192.one.example    TXT  Sent spam, see https://one.example/192.0.2.7
        8.2.0.192.one.example    A    127.0.0.4
        8.2.0.192.two.example    A    127.0.0.4
        8.2.0.192.big.example    A    127.0.0.4
        9.2.0.192.one.example    A    127.0.0.4
        9.2.0.192.allow.example  A    127.0.3.1
        10.2.0.192.allow.example A    127.0.3.1
        spam.example.names.example     A    127.0.1.2
        5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.one.example  A  127.0.0.2
    ";

    fn list(zone: &str, weight: i32) -> ListOptions {
        let answers = if weight < 0 { "127.0.[0..255].[1..3]" } else { "127.0.0.[2..254]" }.parse().unwrap();
        let (of, only, text) = (Of::Client, Only::All, String::new());
        ListOptions { zone: zone.parse().unwrap(), weight, answers, of, only, text, selftest: SelfTest::Standard }
    }

    fn options(lists: Vec<ListOptions>) -> DnsblOptions {
        DnsblOptions { lists, ..DnsblOptions::default() }
    }

    fn all() -> DnsblOptions {
        let [one, two, big, allow] = [("one", 1), ("two", 2), ("big", 5), ("allow", -3)]
            .map(|(name, weight)| list(&format!("{name}.example"), weight));
        options(vec![one, two, big, allow])
    }

    async fn find(options: &DnsblOptions, client: &str) -> Finding {
        testing::find(options, HEALTHY, &testing::request(client, "a@spam.example", "mail.spam.example")).await
    }

    #[tokio::test]
    async fn weights_add_up() {
        for (client, reason) in [
            ("192.0.2.6", None),
            ("192.0.2.7", Some(Reason::DnsblSuspect)),
            ("192.0.2.8", Some(Reason::DnsblListed)),
            ("192.0.2.9", Some(Reason::DnsblTrusted)), // 1 - 3
            ("192.0.2.10", Some(Reason::DnsblTrusted)),
            ("2001:db8::25", Some(Reason::DnsblSuspect)),
            ("::ffff:192.0.2.7", Some(Reason::DnsblSuspect)),
            ("10.0.0.1", None), // nobody asks about private addresses
        ] {
            let finding = find(&all(), client).await;
            assert_eq!(finding.reason, reason, "{client}: {}", finding.evidence);
        }
    }

    #[tokio::test]
    async fn every_list_is_shown_with_what_it_said() {
        let finding = find(&all(), "192.0.2.7").await;
        for expected in
            ["weight 1: ", "one.example +1 listed (127.0.0.4)", "two.example +2 not listed", "allow.example -3 not"]
        {
            assert!(finding.evidence.contains(expected), "{expected} is not in {}", finding.evidence);
        }
        assert_eq!(finding.result.as_deref(), Some("dnswl=none"));
        let trusted = find(&all(), "192.0.2.10").await;
        assert_eq!(trusted.result.as_deref(), Some("dnswl=pass dns.zone=allow.example policy.ip=127.0.3.1"));
    }

    #[tokio::test]
    async fn a_refusal_says_why() {
        let alone = options(vec![ListOptions { weight: 5, ..list("one.example", 5) }]);
        let text = "192.0.2.7 is listed by one.example: Sent spam, see https://one.example/192.0.2.7";
        assert_eq!(find(&alone, "192.0.2.7").await.text, text);
        assert_eq!(find(&alone, "192.0.2.9").await.text, "192.0.2.9 is listed by one.example");
        let both = options(vec![list("two.example", 2), list("big.example", 5), list("one.example", 1)]);
        assert_eq!(
            find(&both, "192.0.2.8").await.text,
            "192.0.2.8 is listed by big.example",
            "the one that counts most"
        );
        let own = options(vec![ListOptions { text: "Ask us".to_owned(), ..list("one.example", 5) }]);
        assert_eq!(find(&own, "192.0.2.7").await.text, "Ask us");
    }

    #[tokio::test]
    async fn names_are_asked_about_where_they_are_given() {
        let names = |of, only| {
            options(vec![ListOptions {
                of,
                only,
                answers: "127.0.1.[2..254]".parse().unwrap(),
                ..list("names.example", 5)
            }])
        };
        for (of, only, sender, helo, expected) in [
            (Of::SenderDomain, Only::All, "a@spam.example", "x.example", Some(Reason::DnsblListed)),
            (Of::SenderDomain, Only::All, "", "spam.example", None),
            (Of::Helo, Only::All, "a@x.example", "spam.example", Some(Reason::DnsblListed)),
            (Of::Helo, Only::NullSender, "a@x.example", "spam.example", None),
            (Of::Helo, Only::NullSender, "", "spam.example", Some(Reason::DnsblListed)),
            (Of::Helo, Only::All, "", "[192.0.2.7]", None),
            (Of::ClientName, Only::All, "a@spam.example", "spam.example", None), // it has no confirmed name
        ] {
            let finding = testing::find(&names(of, only), HEALTHY, &testing::request("192.0.2.7", sender, helo)).await;
            assert_eq!(finding.reason, expected, "{of:?} {only:?} {sender} {helo}: {}", finding.evidence);
            let mut allows = names(of, only);
            allows.lists.iter_mut().for_each(|list| list.weight = -5);
            let finding = testing::find(&allows, HEALTHY, &testing::request("192.0.2.7", sender, helo)).await;
            assert_eq!(finding.result, None, "dnswl is about addresses (RFC 8904)");
        }
    }

    #[tokio::test]
    async fn what_is_no_listing_never_counts() {
        for (what, answer) in [
            ("a typing error, says Spamhaus", "127.255.255.252"),
            ("a public resolver, says Spamhaus", "127.255.255.254"),
            ("too many questions, says Spamhaus", "127.255.255.255"),
            ("refused, say SURBL and URIBL", "127.0.0.1"),
            ("refused, says dnswl.org", "127.0.0.255"),
            ("a parked domain", "198.51.100.80"),
            ("an address that is not among the answers", "127.0.9.9"),
        ] {
            let zones = format!("2.0.0.127.one.example A 127.0.0.2\n 7.2.0.192.one.example A {answer}");
            let request = testing::request("192.0.2.7", "a@example.org", "x.example");
            for weight in [5, -5] {
                let finding = testing::find(&options(vec![list("one.example", weight)]), &zones, &request).await;
                assert_eq!(finding.reason, None, "{what}: {}", finding.evidence);
                let is_out = finding.evidence.contains("out (it answers 198.51.100.80");
                assert_eq!(is_out, answer == "198.51.100.80", "at once: {}", finding.evidence);
            }
        }
    }

    #[tokio::test]
    async fn a_list_counts_only_after_a_good_probe() {
        for (what, zones) in [
            ("it is not there", ""),
            ("it does not answer", "one.example TIMEOUT\n 2.0.0.127.one.example TIMEOUT"),
            ("it lists everything", "2.0.0.127.one.example A 127.0.0.2\n 1.0.0.127.one.example A 127.0.0.2"),
            ("it refuses", "2.0.0.127.one.example A 127.255.255.254"),
            ("it was sold", "2.0.0.127.one.example A 198.51.100.80"),
        ] {
            let zones = format!("{zones}\n 7.2.0.192.one.example A 127.0.0.2");
            let request = testing::request("192.0.2.7", "a@example.org", "x.example");
            let finding = testing::find(&options(vec![list("one.example", 5)]), &zones, &request).await;
            assert_eq!(finding.reason, None, "{what}");
            assert!(finding.evidence.contains("out ("), "{what}: {}", finding.evidence);
        }
    }

    #[tokio::test]
    async fn what_cannot_change_the_answer_is_not_waited_for() {
        let zones = format!(
            "{HEALTHY}\n 8.2.0.192.one.example SILENCE\n 6.2.0.192.silent.example SILENCE\n 2.0.0.127.silent.example A 127.0.0.2\n 8.2.0.192.silent.example SILENCE"
        );
        let silent = options(vec![list("big.example", 5), list("silent.example", 1)]);
        let request = testing::request("192.0.2.8", "a@example.org", "x.example");
        let finding = testing::find(&silent, &zones, &request).await;
        assert_eq!(finding.reason, Some(Reason::DnsblListed));
        assert!(finding.evidence.ends_with("1 not waited for"), "{}", finding.evidence);
    }

    #[tokio::test]
    async fn an_allow_list_that_could_not_be_asked_is_no_reason_to_refuse() {
        let zones = |allow| format!("{HEALTHY}\n 8.2.0.192.allow.example {allow}");
        let request = testing::request("192.0.2.8", "a@example.org", "x.example");
        for (weight, allow, reason) in [
            (3, "A 127.0.3.1", None), // 3 - 3
            (3, "SERVFAIL", Some(Reason::DnsblSuspect)),
            (3, "A 127.0.0.255", Some(Reason::DnsblSuspect)),
            (6, "SERVFAIL", Some(Reason::DnsblListed)), // it could not have helped
            (3, "TXT no", Some(Reason::DnsblListed)),
        ] {
            let lists = options(vec![list("one.example", weight), list("allow.example", -3)]);
            let finding = testing::find(&lists, &zones(allow), &request).await;
            assert_eq!(finding.reason, reason, "{weight} {allow}: {}", finding.evidence);
        }
        let gone = options(vec![list("one.example", 3), list("gone.example", -3)]);
        let finding = testing::find(&gone, HEALTHY, &request).await;
        assert_eq!(finding.reason, Some(Reason::DnsblListed), "one that is out is out: {}", finding.evidence);
    }

    #[tokio::test]
    async fn the_order_of_the_answers_decides_nothing() {
        let zones = format!("{HEALTHY}\n 8.2.0.192.allow.example SERVFAIL");
        let request = testing::request("192.0.2.8", "a@example.org", "x.example");
        let weights = [("allow", -3), ("one", 1), ("two", 3), ("big", 3)];
        for first in 0..weights.len() {
            let mut lists = weights.map(|(name, weight)| list(&format!("{name}.example"), weight)).to_vec();
            lists.rotate_left(first);
            for lists in [lists.clone(), lists.into_iter().rev().collect()] {
                let finding = testing::find(&options(lists), &zones, &request).await;
                assert_eq!(finding.reason, Some(Reason::DnsblListed), "7 - 3: {}", finding.evidence);
            }
        }
    }

    #[test]
    fn the_range_knows_when_the_answer_cannot_change() {
        let options = all();
        for (settled, decided) in [
            (&[][..], false),
            (&[(5, true)][..], false), // the allow list may still bring it down to 2
            (&[(5, true), (-3, false)][..], true),
            (&[(5, false), (-3, true)][..], false), // 0 to -3
            (&[(5, false), (2, false), (1, false)][..], false),
            (&[(5, false), (2, false), (1, false), (-3, false)][..], true),
        ] {
            let mut range = Range::of(options.lists.iter().map(|list| list.weight));
            settled.iter().for_each(|(weight, listed)| range.settle(*weight, *listed));
            assert_eq!(range.is_decided(&options), decided, "{settled:?} {range:?}");
        }
    }

    #[tokio::test]
    async fn a_key_is_never_shown() {
        let key = "0123456789abcdefghijklmnop";
        let zone = format!("{key}.zen.example.net");
        let zones =
            format!("2.0.0.127.{zone} A 127.0.0.2\n 7.2.0.192.{zone} A 127.0.0.2\n 7.2.0.192.{zone} TXT see {zone}");
        let options = options(vec![list(&zone, 5)]);
        let request = testing::request("192.0.2.7", "a@example.org", "x.example");
        let finding = testing::find(&options, &zones, &request).await;
        assert_eq!(finding.reason, Some(Reason::DnsblListed));
        let shown = serde_yaml::to_string(&options.in_force()).unwrap();
        let debugged = format!("{options:?}");
        for text in [finding.text, finding.evidence, shown, debugged] {
            assert!(!text.contains(key) && text.contains("zen.example.net"), "{text}");
        }
    }

    #[test]
    fn mistakes_are_told_with_their_places() {
        let text = "chain:\n  - dnsbl:\n      lists:\n        - {zone: x, answers: 127.0.0, of: moon}\n        - {weight: 0}\n        - {zone: a.example*3, weight: -1001}\n      suspect_at: 5\n      trust_at: 1\n";
        let error = testing::policy(text).unwrap_err();
        for expected in [
            "chain[0].dnsbl.lists[0].zone: must be a domain",
            "chain[0].dnsbl.lists[0].answers: `127.0.0` has not four parts",
            "chain[0].dnsbl.lists[0].of: `moon` is nothing to ask about",
            "chain[0].dnsbl.lists[1]: `zone` is missing",
            "chain[0].dnsbl.lists[1].weight: 0 counts for nothing",
            "chain[0].dnsbl.lists[2].zone: is a domain alone",
            "chain[0].dnsbl.lists[2].weight: must be between -1000 and 1000",
            "chain[0].dnsbl.suspect_at: must not be more than `reject_at`",
            "chain[0].dnsbl.trust_at: must be less than 0",
        ] {
            assert!(error.contains(expected), "{expected}\nis not in\n{error}");
        }
        assert!(testing::policy("chain: [dnsbl: {lists: [zen.example.net]}]").is_ok());
        let error = testing::policy("chain: [dnsbl: {lists: ['0123456789abcdef.zen.example.net*3']}]").unwrap_err();
        assert!(!error.contains("0123456789abcdef"), "a key is not shown, not even where something is wrong with it");
    }

    #[tokio::test]
    async fn lists_are_asked_once_each() {
        let zones: Zones = HEALTHY.parse().unwrap();
        let dns = Arc::new(zones);
        let parts = Parts { dns: dns.clone(), ..testing::parts() };
        let check = all().build(&parts);
        check.ready().await;
        let before = dns.asked().len();
        let request = testing::request("192.0.2.6", "a@example.org", "x.example");
        testing::look(check.as_ref(), &request).await;
        assert_eq!(dns.asked().len() - before, 4);
        testing::look(check.as_ref(), &testing::request("10.0.0.1", "a@example.org", "x.example")).await;
        assert_eq!(dns.asked().len() - before, 4, "and not about private addresses");
    }
}
