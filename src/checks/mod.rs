//! What is checked: one file for each check, with its options and its tests.
//!
//! A check says what it found; what that means for the mail is decided by the [`chain`](crate::chain), once for all checks.
//! Checks never touch sockets, clocks, SQL or each other: time and lists come in the [`Context`], everything else in
//! [`Parts`]. A new check is one new file and one line in the [`REGISTRY`].

pub mod access;
pub mod bounce;
pub mod dnsbl;
pub mod greylist;
pub mod helo;
pub mod reverse_dns;
pub mod spf;

#[cfg(test)]
mod tests;

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_yaml::Value;

use crate::batv::signing::Tagging;
use crate::clock::Timestamp;
use crate::config::Section;
use crate::dns::Dns;
use crate::dns::blocklist::Blocklist;
use crate::lists::Snapshot;
use crate::protocol::{ProtocolState, Request};
use crate::store;
use crate::text;

/// All checks, in the order of the default chain.
pub const REGISTRY: &[Registration] = &[
    access::REGISTRATION,
    bounce::REGISTRATION,
    helo::REGISTRATION,
    reverse_dns::REGISTRATION,
    dnsbl::REGISTRATION,
    spf::REGISTRATION,
    greylist::REGISTRATION,
];

/// How the policy file gets to a check.
#[derive(Debug)]
pub struct Registration {
    /// Its name in the chain, in replies' logs and in `skip=`.
    pub name: &'static str,
    /// Reads its options.
    pub read: fn(&mut Section<'_>) -> Box<dyn Options>,
}

/// The validated options of a check.
pub trait Options: Any + fmt::Debug + Send + Sync {
    /// The options in force, defaults filled in.
    fn in_force(&self) -> Value;

    /// The check itself, at work with `parts`.
    fn build(&self, parts: &Parts) -> Box<dyn Check>;
}

/// What checks work with, beside the request.
#[derive(Clone)]
pub struct Parts {
    /// What greylisting remembers.
    pub greylist: Arc<dyn store::Greylist>,
    /// Who is asked about names.
    pub dns: Arc<dyn Dns>,
    /// What signs our senders, and knows the signatures again.
    pub tagging: Arc<Tagging>,
}

/// A request and the world in which it is judged.
pub struct Context<'a> {
    /// The question.
    pub request: &'a Request,
    /// The access lists as they stand.
    pub lists: &'a Snapshot,
    /// The one clock reading for all checks of this request.
    pub now: Timestamp,
    /// Whether `now` can be believed when it says that something is old.
    pub clock_is_sure: bool,
    /// Whether a check before this one found the request suspect.
    pub suspect: bool,
    /// Whether a check before this one found the request to be trusted.
    pub trusted: bool,
    /// Whether anybody wants to know [`Finding::result`].
    pub tells_results: bool,
    /// The domain that vouches for the client, if a check before this one found one.
    pub vouched_by: Option<&'a str>,
}

/// What a check's work resolves to.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Something that looks at a request.
pub trait Check: Send + Sync {
    /// Whether there is anything to look at in this state. Most checks are about recipients.
    fn applies_to(&self, state: ProtocolState) -> bool {
        state == ProtocolState::Rcpt
    }

    /// Looks at the request.
    fn find<'a>(&'a self, context: &'a Context<'a>) -> Pending<'a, Finding>;

    /// What the administrator wants to follow from a reason of this check.
    fn consequence(&self, reason: Reason) -> Consequence;

    /// Resolves when the check has found out what it needs to know before its first request; until then it finds nothing.
    fn ready(&self) -> Pending<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// The blocklists that it asks.
    fn blocklists(&self) -> Vec<Arc<Blocklist>> {
        Vec::new()
    }

    /// What has to be done now and then, beside requests; answers what was done, if anything.
    fn maintain(&self, _now: Timestamp) -> Pending<'_, Option<String>> {
        Box::pin(std::future::ready(None))
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Finding {
    /// `None`: nothing worth a word.
    pub reason: Option<Reason>,
    /// What it is based on, for people; cleaned.
    pub evidence: String,
    /// What the client is told if it is refused or deferred for it; empty: the usual text.
    pub text: String,
    /// Checks that are to be left out for this request.
    pub skip: Vec<String>,
    /// For how long the recipient was delayed before it passed.
    pub delayed: Option<Duration>,
    /// The conversation that the request belongs to.
    pub triplet: Option<store::Triplet>,
    /// The enhanced status code for a refusal, where 5.7.1 is not the one.
    pub status: Option<&'static str>,
    /// The domain that says the client may write in its name.
    pub vouched_by: Option<String>,
    /// What is told in an Authentication-Results header: `method=result property=value` (RFC 8601 section 2.2). Nothing where
    /// nobody wants to know.
    pub result: Option<String>,
}

impl Finding {
    /// Nothing worth a word.
    pub fn nothing<'a>(evidence: impl Into<Cow<'a, str>>) -> Self {
        Self { evidence: clean(evidence.into()), ..Self::default() }
    }

    /// Something, and what it is based on.
    pub fn new<'a>(reason: Reason, evidence: impl Into<Cow<'a, str>>) -> Self {
        Self { reason: Some(reason), ..Self::nothing(evidence) }
    }

    /// The check could not do its work, which counts against nobody.
    pub fn error(error: &dyn fmt::Display) -> Self {
        Self::new(Reason::Error, error.to_string())
    }
}

/// The most octets of evidence that are kept.
const MAX_EVIDENCE: usize = 1000;

/// Evidence as it may be shown: there may be strangers' text in it.
pub(crate) fn clean(evidence: Cow<'_, str>) -> String {
    match text::printable(&evidence, MAX_EVIDENCE) {
        Cow::Owned(clean) => clean,
        Cow::Borrowed(_) => evidence.into_owned(),
    }
}

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word for it in logs, metrics and JSON.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

words! {
    /// Why something was decided: a closed vocabulary, the same in logs, metrics and JSON.
    Reason {
        /// The client is in a network that is never checked.
        ExemptNetwork = "exempt-network",
        /// The client has logged in or shown a trusted certificate.
        ExemptAuthenticated = "exempt-authenticated",
        /// The recipient is a role account.
        ExemptRecipient = "exempt-recipient",
        /// An access list entry lets it through.
        AccessAllow = "access-allow",
        /// An access list entry refuses it.
        AccessDeny = "access-deny",
        /// An access list entry defers it.
        AccessDefer = "access-defer",
        /// An access list entry leaves out some checks.
        AccessSkip = "access-skip",
        /// An access list entry finds it suspect.
        AccessSuspect = "access-suspect",
        /// A bounce to an address that we have signed.
        BounceSigned = "bounce-signed",
        /// A bounce to an address without signature.
        BounceUnsigned = "bounce-unsigned",
        /// A bounce to an address that we have signed too long ago.
        BounceExpired = "bounce-expired",
        /// A bounce to an address that somebody else has signed.
        BounceForged = "bounce-forged",
        /// A bounce with several recipients.
        BounceMultiple = "bounce-multiple",
        /// The client calls itself by a name of ours.
        HeloOurs = "helo-ours",
        /// The client calls itself by an address without brackets.
        HeloBareIp = "helo-bare-ip",
        /// What the client calls itself is no host name.
        HeloInvalid = "helo-invalid",
        /// The name the client calls itself by has no address.
        HeloUnresolvable = "helo-unresolvable",
        /// The client's address has no name.
        RdnsMissing = "rdns-missing",
        /// The client's address has names, none of which leads back to it.
        RdnsUnconfirmed = "rdns-unconfirmed",
        /// The client's name is one that providers give to lines.
        RdnsGeneric = "rdns-generic",
        /// The client's name leads back to its address.
        RdnsConfirmed = "rdns-confirmed",
        /// Blocklists list it, and that is enough.
        DnsblListed = "dnsbl-listed",
        /// Blocklists list it, but that is not enough.
        DnsblSuspect = "dnsbl-suspect",
        /// Allow lists list it.
        DnsblTrusted = "dnsbl-trusted",
        /// The domain publishes no policy (RFC 7208 section 2.6.1).
        SpfNone = "spf-none",
        /// The domain does not say (2.6.2).
        SpfNeutral = "spf-neutral",
        /// The client may write in the domain's name (2.6.3).
        SpfPass = "spf-pass",
        /// The client may not (2.6.4).
        SpfFail = "spf-fail",
        /// The client probably may not (2.6.5).
        SpfSoftfail = "spf-softfail",
        /// The DNS could not be asked (2.6.6).
        SpfTemperror = "spf-temperror",
        /// What the domain publishes makes no sense (2.6.7).
        SpfPermerror = "spf-permerror",
        /// The first attempt of its triplet.
        GreylistNew = "greylist-new",
        /// Another attempt before the delay is over.
        GreylistEarly = "greylist-early",
        /// The first attempt after the delay.
        GreylistPassed = "greylist-passed",
        /// The triplet has passed before.
        GreylistKnown = "greylist-known",
        /// The client has passed so often that it is not greylisted any more.
        GreylistClient = "greylist-client",
        /// A check before trusts the request.
        GreylistTrusted = "greylist-trusted",
        /// The checks did not come to an end in time.
        Deadline = "deadline",
        /// Something is broken inside postward.
        Error = "error",
    }
}

words! {
    /// What follows from a finding.
    Consequence {
        /// The recipient is refused for good.
        Reject = "reject",
        /// The client is to try again later.
        Defer = "defer",
        /// The request is marked; `when: suspect` looks at that.
        Suspect = "suspect",
        /// Nothing.
        Ignore = "ignore",
        /// The request is trusted: it is not greylisted.
        Trust = "trust",
        /// The recipient passes at once; no further check is asked.
        Allow = "allow",
        /// Some further checks are left out.
        Skip = "skip",
    }
}

/// The five words of the policy file. What lists do beside them cannot be said of a finding.
impl FromStr for Consequence {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const WORDS: [Consequence; 5] =
            [Consequence::Reject, Consequence::Defer, Consequence::Suspect, Consequence::Ignore, Consequence::Trust];
        WORDS
            .into_iter()
            .find(|word| word.as_str() == text)
            .ok_or_else(|| format!("`{text}` is no consequence: {} are", WORDS.map(Consequence::as_str).join(", ")))
    }
}
