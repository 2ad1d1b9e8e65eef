//! `--client`, `--sender` and `--recipient`: which triplets of the greylist are meant.

use clap::Args;

use super::Failure;
use crate::batv;
use crate::checks::greylist::GreylistOptions;
use crate::mail::{Mailbox, ReversePath, fold_host};
use crate::net::{NetworkError, parse_network};
use crate::store::{AddressSelection, ClientSelection, Selection, Triplet};

/// How client identities that are no networks begin.
const IDENTITIES: [&str; 2] = ["host:", "spf:"];

/// Which triplets are meant. Everything given must fit.
#[derive(Debug, Args)]
pub(super) struct Selectors {
    /// A client's address, a network, or a client as `greylist show` prints it
    #[arg(long, value_name = "CLIENT")]
    client: Option<String>,
    /// A sender's address, or a domain with all below it; <> for the null sender
    #[arg(long, value_name = "SENDER")]
    sender: Option<String>,
    /// A recipient's address, or a domain with all below it
    #[arg(long, value_name = "RECIPIENT")]
    recipient: Option<String>,
}

impl Selectors {
    /// Whether nothing narrows the choice.
    pub(super) fn are_empty(&self) -> bool {
        self.client.is_none() && self.sender.is_none() && self.recipient.is_none()
    }

    /// Refuses to mean everything.
    pub(super) fn require_one(&self) -> Result<(), Failure> {
        match self.are_empty() {
            true => Err(Failure::usage("nothing is selected").with_hint("say --client, --sender or --recipient")),
            false => Ok(()),
        }
    }

    pub(super) fn selection(&self) -> Result<Selection, Failure> {
        Ok(Selection {
            client: self.client.as_deref().map(client_selection).transpose()?,
            sender: self.sender.as_deref().map(sender_selection).transpose()?,
            recipient: self.recipient.as_deref().map(recipient_selection).transpose()?,
            ..Selection::default()
        })
    }

    /// The one triplet that is meant, whether or not it was ever seen: it takes all three, and a client that is no more
    /// than one network of the greylist's.
    pub(super) fn triplet(&self, options: &GreylistOptions) -> Option<Triplet> {
        let given = parse_network(self.client.as_deref()?).ok()?;
        let client = options.network(given.addr());
        if !parse_network(&client).is_ok_and(|network| network.contains(&given)) {
            return None;
        }
        let AddressSelection::Key(sender) = sender_selection(self.sender.as_deref()?).ok()? else { return None };
        let AddressSelection::Key(recipient) = recipient_selection(self.recipient.as_deref()?).ok()? else {
            return None;
        };
        Some(Triplet { client, sender, recipient })
    }
}

fn client_selection(text: &str) -> Result<ClientSelection, Failure> {
    match parse_network(text) {
        Ok(network) => Ok(ClientSelection::Network(network)),
        Err(_) if IDENTITIES.iter().any(|kind| text.starts_with(kind)) => {
            Ok(ClientSelection::Identity(text.to_owned()))
        }
        Err(error @ NetworkError::HostBits { .. }) => Err(Failure::usage(format!("--client: {error}"))),
        Err(_) => Err(Failure::usage(format!("--client: `{text}` is neither an address nor a network"))
            .with_hint("clients stand in the greylist as `postward greylist show` prints them, such as 192.0.2.0/24")),
    }
}

pub(super) fn sender_selection(text: &str) -> Result<AddressSelection, Failure> {
    match text {
        "" | "<>" => Ok(AddressSelection::Key(String::new())),
        address if address.contains('@') => Ok(AddressSelection::Key(batv::sender_key(&ReversePath::parse(address)))),
        domain => domain_selection("--sender", domain),
    }
}

pub(super) fn recipient_selection(text: &str) -> Result<AddressSelection, Failure> {
    match text.contains('@') {
        true => Ok(AddressSelection::Key(batv::recipient_key(&Mailbox::parse(text)))),
        false => domain_selection("--recipient", text),
    }
}

/// The patterns of access lists mean nothing here, and would quietly select nothing.
fn domain_selection(option: &str, text: &str) -> Result<AddressSelection, Failure> {
    match is_name(text) {
        true => Ok(AddressSelection::Domain(fold_host(text))),
        false => Err(Failure::usage(format!("{option}: `{text}` is neither an address nor a domain"))
            .with_hint("write user@example.org, or example.org for it and all domains below it")),
    }
}

/// Whether the text may be the name of a host or domain.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('.') && !text.contains(['/', ' ', '<', '*', '@', ':'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(client: &str, sender: &str, recipient: &str) -> Selectors {
        let [client, sender, recipient] = [client, sender, recipient].map(|text| Some(text.to_owned()));
        Selectors { client, sender, recipient }
    }

    #[test]
    fn one_triplet_takes_one_client_and_two_addresses() {
        let options = GreylistOptions::default();
        for (selectors, client) in [
            (all("192.0.2.7", "a@example.org", "b@example.net"), Some("192.0.2.0/24")),
            (all("192.0.2.0/24", "<>", "b@example.net"), Some("192.0.2.0/24")),
            (all("192.0.0.0/16", "a@example.org", "b@example.net"), None), // which of its 256 networks?
            (all("192.0.2.7", "example.org", "b@example.net"), None),
            (all("192.0.2.7", "a@example.org", "example.net"), None),
        ] {
            assert_eq!(selectors.triplet(&options).map(|triplet| triplet.client).as_deref(), client, "{selectors:?}");
        }
    }

    #[test]
    fn what_could_only_select_nothing_is_refused() {
        for wrong in ["192.0.2.1/24", "example.org", "192.0.2", "2001:db8::g", ""] {
            assert!(client_selection(wrong).is_err(), "{wrong}");
        }
        for wrong in [".example.org", "/x/", "*.example.org"] {
            assert!(sender_selection(wrong).is_err() && recipient_selection(wrong).is_err(), "{wrong}");
        }
        assert!(recipient_selection("<>").is_err() && recipient_selection("").is_err());
        assert!(client_selection("host:example.org").is_ok());
    }
}
