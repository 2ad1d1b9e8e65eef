//! Who is signed, and what a tag is worth.

use std::collections::HashSet;
use std::time::Duration;

use super::days::{Day, Lifetime};
use super::keys::Keys;
use super::tag::{Tag, looks_tagged};
use crate::clock::Timestamp;
use crate::mail::{external, fold_host, to_a_labels};

/// What a tagged address is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The domain is not ours, or there is none: we cannot say.
    Foreign,
    /// An address of ours without a tag.
    Untagged,
    /// We have made the tag, and its day has not passed.
    Signed {
        /// The address without it, in internal form, its case as it came.
        core: String,
    },
    /// We have made the tag, but its day has passed.
    Expired {
        /// The address without it, in internal form, its case as it came.
        core: String,
    },
    /// It begins like a tagged address, but no key of ours has made this tag for this address.
    Forged,
}

/// Why an address is not signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    /// Bounces answer to nobody.
    #[error("it is the null sender")]
    Null,
    /// It is not for us to sign.
    #[error("its domain is none of batv.domains")]
    Foreign,
    /// Postfix asks again about every answer, and a tag around a tag would grow until it gave up.
    #[error("it begins like a signed address already")]
    Tagged,
    /// Strangers may refuse it (RFC 5321 section 4.5.3.1.1).
    #[error("its local part with a tag would have more than 64 octets")]
    TooLong,
    /// Nobody has such an address: no local part, or control characters in it.
    #[error("its local part is empty or has control characters in it")]
    Malformed,
    /// There is nothing to sign with.
    #[error("there are no keys in batv.keys")]
    NoKey,
}

impl Unsigned {
    /// The word for it in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Foreign => "foreign",
            Self::Tagged => "tagged",
            Self::TooLong => "too-long",
            Self::Malformed => "malformed",
            Self::NoKey => "no-key",
        }
    }
}

/// Signs the addresses of some domains, and verifies what comes back to them.
#[derive(Debug, Clone, Default)]
pub struct Tagging {
    domains: HashSet<String>,
    keys: Keys,
    lifetime: Lifetime,
}

impl Tagging {
    /// For exactly these domains, not those below them. `lifetime` is how long tags are good, in days: begun ones count
    /// whole, and there are no more than 365.
    pub fn new<'a>(domains: impl IntoIterator<Item = &'a str>, keys: Keys, lifetime: Duration) -> Self {
        Self { domains: domains.into_iter().map(canonical_domain).collect(), keys, lifetime: Lifetime::of(lifetime) }
    }

    /// Is there anything to sign or to verify?
    pub fn is_off(&self) -> bool {
        self.domains.is_empty()
    }

    /// The tagged address of a sender. Both are in internal form.
    pub fn sign(&self, sender: &str, now: Timestamp) -> Result<String, Unsigned> {
        if sender.is_empty() {
            return Err(Unsigned::Null);
        }
        let (local, domain) = self.ours(sender).ok_or(Unsigned::Foreign)?;
        if local.is_empty() || local.chars().any(char::is_control) {
            return Err(Unsigned::Malformed);
        }
        if looks_tagged(local) {
            return Err(Unsigned::Tagged);
        }
        let key = self.keys.first().ok_or(Unsigned::NoKey)?;
        let tag = Tag::made_with(key, Day::of(now).plus(self.lifetime), &canonical(local, domain));
        let tagged = format!("{tag}{sender}");
        let fits = external::local_length(&tagged) <= external::LONGEST_LOCAL;
        fits.then_some(tagged).ok_or(Unsigned::TooLong)
    }

    /// What the tag of a recipient is worth, if there is one. The address is in internal form.
    pub fn verify(&self, recipient: &str, now: Timestamp) -> Verdict {
        let Some((local, domain)) = self.ours(recipient) else { return Verdict::Foreign };
        if !looks_tagged(local) {
            return Verdict::Untagged;
        }
        let Some((tag, inside)) = Tag::split_off(local) else { return Verdict::Forged };
        let key = self.keys.find(tag.key).filter(|key| tag.is_made_with(key, &canonical(inside, domain)));
        let core = format!("{inside}@{domain}");
        match key {
            None => Verdict::Forged,
            Some(_) if tag.expires.has_not_passed(Day::of(now), self.lifetime) => Verdict::Signed { core },
            Some(_) => Verdict::Expired { core },
        }
    }

    /// Local part and domain of an address of ours.
    fn ours<'a>(&self, address: &'a str) -> Option<(&'a str, &'a str)> {
        let (local, domain) = address.rsplit_once('@')?;
        self.domains.contains(&canonical_domain(domain)).then_some((local, domain))
    }
}

/// What is signed: the address as everybody writes it who means the same. A bounce may come back in capitals, with
/// another form of the domain, or from a host that folds case by Unicode; Postfix itself asks in both cases.
fn canonical(local: &str, domain: &str) -> String {
    let mut address = String::with_capacity(local.len() + 1 + domain.len());
    // `ß` folds to `ss` and both small sigmas to one (Unicode section 3.13): by way of the capitals. `ẞ` is one of its own,
    // and `ß` only in small letters.
    let small = local.chars().flat_map(char::to_lowercase);
    address.extend(small.flat_map(char::to_uppercase).flat_map(char::to_lowercase));
    address.push('@');
    address.push_str(&canonical_domain(domain));
    address
}

fn canonical_domain(domain: &str) -> String {
    fold_host(&to_a_labels(domain))
}
