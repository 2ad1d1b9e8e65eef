//! Does a list tell listed from unlisted? (RFC 5782 section 5)

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::Ipv4Addr;
use std::str::FromStr;

use crate::dns::answers::{Answers, Verdict};
use crate::dns::query::{self, Zone};
use crate::dns::{Dns, DnsError};

/// A list to be probed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its zone, which may hold a key.
    pub zone: Zone,
    /// What it lists.
    pub keeps: Keeps,
    /// Which entries it has for testing.
    pub selftest: SelfTest,
}

/// What a list lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// Addresses of clients.
    Addresses,
    /// Names of hosts and domains.
    Domains,
}

/// Which entries a list has for testing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelfTest {
    /// Those of RFC 5782 section 5: 127.0.0.2 is listed and 127.0.0.1 is not, or `test` and `invalid` in a list of names.
    Standard,
    /// None. Then it is only seen whether the list answers, and does not list what was made up.
    None,
}

impl FromStr for SelfTest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "standard" => Ok(Self::Standard),
            "none" => Ok(Self::None),
            _ => Err(format!("`{text}` is neither standard nor none")),
        }
    }
}

/// What a probe showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All is as it should be.
    Good,
    /// The list cannot be believed, or does not answer.
    Bad(String),
    /// An address came that no list answers with.
    Hijacked(Ipv4Addr),
    /// Nobody could be asked; it is not the list's fault.
    NotAsked,
}

/// Asks for what must be listed, what must not, and what nobody can have listed.
pub async fn probe(dns: &dyn Dns, subject: &Subject) -> Outcome {
    let ask = |entry: String| ask(dns, format!("{entry}.{}", subject.zone.as_str()));
    let made_up = ask(random_label());
    let outcome = match (subject.selftest, subject.keeps) {
        (SelfTest::None, _) => made_up.await.and_then(none_listed),
        (SelfTest::Standard, Keeps::Domains) => {
            let (made_up, listed, unlisted) = tokio::join!(made_up, ask("test".to_owned()), ask("invalid".to_owned()));
            look_at(listed, [made_up, unlisted])
        }
        (SelfTest::Standard, Keeps::Addresses) => {
            let entry = |octets: [u8; 4]| ask(query::reversed(octets.into()));
            let (made_up, listed, unlisted, random) =
                tokio::join!(made_up, entry([127, 0, 0, 2]), entry([127, 0, 0, 1]), entry(random_address()));
            look_at(listed, [made_up, unlisted, random])
        }
    };
    outcome.err().unwrap_or(Outcome::Good)
}

/// Why a list is out that answers with an address outside 127.0.0.0/8.
pub(super) fn hijacked(address: Ipv4Addr) -> String {
    format!("it answers {address}, as no list does: somebody else has its domain")
}

/// Is the entry listed? Or what else came of asking.
async fn ask(dns: &dyn Dns, name: String) -> Result<bool, Outcome> {
    match dns.a(&name).await.map(|addresses| Answers::any().judge(&addresses)) {
        Ok(Verdict::Listed(_)) => Ok(true),
        Ok(Verdict::NotListed) => Ok(false),
        Ok(Verdict::Hijacked(address)) => Err(Outcome::Hijacked(address)),
        Ok(Verdict::Refused(address)) => Err(Outcome::Bad(format!("it refuses to answer us ({address})"))),
        Err(DnsError::Unavailable) => Err(Outcome::NotAsked),
        Err(error) => Err(Outcome::Bad(format!("it does not answer: {error}"))),
    }
}

fn look_at<const N: usize>(listed: Result<bool, Outcome>, unlisted: [Result<bool, Outcome>; N]) -> Result<(), Outcome> {
    for entry in unlisted {
        none_listed(entry?)?;
    }
    if listed? {
        return Ok(());
    }
    Err(Outcome::Bad("it does not list its test entry (RFC 5782 section 5), and so probably nothing".to_owned()))
}

fn none_listed(is_listed: bool) -> Result<(), Outcome> {
    let everything = || Outcome::Bad("it lists what no list may list, and so probably everything".to_owned());
    if is_listed { Err(everything()) } else { Ok(()) }
}

/// Nobody has asked for it before, so no cache knows an answer.
fn random_label() -> String {
    format!("postward-{:016x}", random())
}

/// Of the loopback network: no mail ever came from there, and no list has entries for testing there. A list that was told to
/// list the whole Internet lists it, and not the random label.
fn random_address() -> [u8; 4] {
    let [a, b, c, ..] = random().to_be_bytes();
    [127, a.max(1), b, c]
}

/// The standard library has no other source of chance, and this one is good enough for a name.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
