//! Which decisions are meant.

use clap::Args;

use crate::checks::{REGISTRY, Reason};
use crate::cli::Failure;
use crate::cli::selectors::{is_name, recipient_selection, sender_selection};
use crate::cli::when::When;
use crate::clock::Timestamp;
use crate::mail::fold_host;
use crate::net::{NetworkError, parse_network};
use crate::store::{JournalClient, JournalSelection};
use crate::text::closest;

/// Which decisions are meant. Everything given must fit.
#[derive(Debug, Args)]
pub(super) struct JournalSelectors {
    /// Not before this: a period back from now such as 1d, a day such as 2027-01-31, or a time such as
    /// 2027-01-31T12:00:00Z (UTC) [default: all that is kept]
    #[arg(long, value_name = "WHEN")]
    since: Option<When>,
    /// Before this, written in the same way
    #[arg(long, value_name = "WHEN")]
    until: Option<When>,
    /// A client's address, a network, or a host name with all below it
    #[arg(long, value_name = "CLIENT")]
    client: Option<String>,
    /// A sender's address, or a domain with all below it; <> for the null sender
    #[arg(long, value_name = "SENDER")]
    sender: Option<String>,
    /// A recipient's address, or a domain with all below it
    #[arg(long, value_name = "RECIPIENT")]
    recipient: Option<String>,
    /// A domain with all below it, the sender's or the recipient's
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// Decided by this check, such as greylist
    #[arg(long, value_name = "CHECK")]
    check: Option<String>,
    /// Decided for this reason, such as spf-fail
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,
}

impl JournalSelectors {
    pub(super) fn selection(&self, now: Timestamp) -> Result<JournalSelection, Failure> {
        let reasons = || Reason::ALL.iter().map(|reason| reason.as_str());
        let (since, until) = (self.since.map(|when| when.before(now)), self.until.map(|when| when.before(now)));
        if let (Some(since), Some(until)) = (since, until)
            && since >= until
        {
            return Err(Failure::usage(format!("--since: {since} is not before {until}")));
        }
        Ok(JournalSelection {
            since,
            until,
            client: self.client.as_deref().map(client_selection).transpose()?,
            sender: self.sender.as_deref().map(sender_selection).transpose()?,
            recipient: self.recipient.as_deref().map(recipient_selection).transpose()?,
            domain: self.domain.as_deref().map(domain).transpose()?,
            check: known("check", self.check.as_deref(), REGISTRY.iter().map(|check| check.name))?,
            reason: known("reason", self.reason.as_deref(), reasons())?,
        })
    }
}

fn client_selection(text: &str) -> Result<JournalClient, Failure> {
    match parse_network(text) {
        Ok(network) => Ok(JournalClient::Network(network)),
        Err(error @ NetworkError::HostBits { .. }) => Err(Failure::usage(format!("--client: {error}"))),
        // What looks like an address was meant as one.
        Err(_) if is_name(text) && !text.chars().all(|c| c.is_ascii_digit() || c == '.') => {
            Ok(JournalClient::Name(fold_host(text)))
        }
        Err(_) => {
            Err(Failure::usage(format!("--client: `{text}` is neither an address nor a network nor a host name")))
        }
    }
}

fn domain(text: &str) -> Result<String, Failure> {
    match is_name(text) {
        true => Ok(fold_host(text)),
        false => Err(Failure::usage(format!("--domain: `{text}` is no domain"))
            .with_hint("write example.org for it and all domains below it")),
    }
}

/// A misspelt word would quietly select nothing.
fn known<'a>(
    option: &str,
    word: Option<&str>,
    words: impl Iterator<Item = &'a str> + Clone,
) -> Result<Option<String>, Failure> {
    match word {
        Some(word) if !words.clone().any(|known| known == word) => {
            let failure = Failure::usage(format!("--{option}: there is no {option} called `{word}`"));
            Err(match closest(word, words) {
                Some(close) => failure.with_hint(format!("did you mean `{close}`?")),
                None => failure,
            })
        }
        word => Ok(word.map(str::to_owned)),
    }
}
