//! Which lists to ask, and what their weights lead to.

use std::str::FromStr;

use serde::Serialize;
use serde_yaml::Value;

use crate::checks::Reason;
use crate::config::{KeyPath, Mistakes, Section};
use crate::dns::answers::Answers;
use crate::dns::health::SelfTest;
use crate::dns::query::{Zone, ZoneError};

/// No list can count more than this, for or against: sums of weights must have room.
const MOST_WEIGHT: i32 = 1000;

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
    pub(super) fn read(section: &mut Section<'_>) -> Self {
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

    /// What a weight leads to, if allow lists of the weight `failed` could not be asked: nobody is refused because of that.
    pub(super) fn reason(&self, sum: i32, failed: i32) -> Option<Reason> {
        match sum {
            sum if sum.saturating_add(failed) >= self.reject_at => Some(Reason::DnsblListed),
            sum if sum >= self.suspect_at => Some(Reason::DnsblSuspect),
            sum if sum <= self.trust_at => Some(Reason::DnsblTrusted),
            _ => None,
        }
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

fn as_written<S: serde::Serializer>(answers: &Answers, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(answers)
}

fn as_word<S: serde::Serializer>(selftest: &SelfTest, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match selftest {
        SelfTest::Standard => "standard",
        SelfTest::None => "none",
    })
}
