//! Is the client, or a name it gives, on blocklists or allow lists (RFC 5782)?
//!
//! Lists have weights, which add up; an allow list's is negative. All are asked at once, and no longer than the answer can
//! still change. A list that errs, or is not believed ([`dns::health`](crate::dns::health)), counts neither for nor against.

mod hearing;
mod options;
#[cfg(test)]
mod tests;
mod told;

use std::sync::Arc;

use serde_yaml::Value;

pub use self::options::{DnsblOptions, ListOptions, Of, Only};

use self::hearing::Hearing;
use super::{Check, Consequence, Context, Finding, Options, Parts, Pending, Reason, Registration};
use crate::dns::blocklist::{Blocklist, Item, Said};
use crate::dns::health::Keeps;
use crate::mail::ReversePath;
use crate::net::is_public;
use crate::protocol::Request;

/// How the policy file gets here.
pub const REGISTRATION: Registration =
    Registration { name: "dnsbl", read: |section| Box::new(DnsblOptions::read(section)) };

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
        Box::pin(self.look(context))
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
    async fn look(&self, context: &Context<'_>) -> Finding {
        let request = context.request;
        let Some(client) = request.client_address.filter(|client| is_public(*client)) else {
            return Finding::nothing("no public address");
        };
        let asked = self.lists.iter().filter_map(|list| Some((list, list.item(request)?))).collect();
        let hearing = Hearing::of(&self.options, asked, client).await;
        let (range, heard) = (hearing.range(), hearing.heard());
        let reason = self.options.reason(range.sum, range.failed);
        let text = if reason == Some(Reason::DnsblListed) { told::refusal(heard).await } else { String::new() };
        let result = context.tells_results.then(|| told::dnswl(heard)).flatten();
        Finding { reason, text, result, ..Finding::nothing(told::evidence(&hearing)) }
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
