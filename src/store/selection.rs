//! Which records a command means: the same for every engine.

use super::{
    AddressSelection, ClientRecord, ClientSelection, JournalClient, JournalRecord, JournalSelection, Selection,
    TripletRecord,
};
use crate::net::parse_network;

impl Selection {
    /// Whether the triplet is meant.
    pub fn means_triplet(&self, record: &TripletRecord) -> bool {
        self.client.as_ref().is_none_or(|client| client.means(&record.triplet.client))
            && self.sender.as_ref().is_none_or(|sender| sender.means(&record.triplet.sender))
            && self.recipient.as_ref().is_none_or(|recipient| recipient.means(&record.triplet.recipient))
            && self.state.is_none_or(|state| state == record.state)
            && self.unused_since.is_none_or(|moment| record.last_seen < moment)
    }

    /// Whether the client is meant. It has neither sender nor recipient, so none is once one of these is asked for.
    pub fn means_client(&self, record: &ClientRecord) -> bool {
        self.sender.is_none()
            && self.recipient.is_none()
            && self.client.as_ref().is_none_or(|client| client.means(&record.client))
            && self.unused_since.is_none_or(|moment| record.last_seen < moment)
    }
}

impl JournalSelection {
    /// Whether the record is meant.
    pub fn means(&self, record: &JournalRecord) -> bool {
        let is_address = |wanted: &Option<AddressSelection>, address: &str, key: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted.means(key) || wanted.means(address))
        };
        self.since.is_none_or(|since| record.time >= since)
            && self.until.is_none_or(|until| record.time < until)
            && self.client.as_ref().is_none_or(|client| client.means(record))
            && is_address(&self.sender, &record.sender, &record.sender_key)
            && is_address(&self.recipient, &record.recipient, &record.recipient_key)
            && self.domain.as_ref().is_none_or(|domain| {
                is_in_domain(&record.sender, domain)
                    || is_in_domain(&record.sender_key, domain)
                    || is_in_domain(&record.recipient, domain)
            })
            && self.check.as_ref().is_none_or(|check| *check == record.check)
            && self.reason.as_ref().is_none_or(|reason| *reason == record.reason)
    }
}

impl JournalClient {
    fn means(&self, record: &JournalRecord) -> bool {
        match self {
            Self::Network(network) => network.contains(&record.client),
            Self::Name(name) => record.client_name.as_ref().is_some_and(|client| is_at_or_below(client, name)),
        }
    }
}

impl ClientSelection {
    fn means(&self, identity: &str) -> bool {
        match self {
            Self::Identity(wanted) => wanted == identity,
            Self::Network(wanted) => {
                parse_network(identity).is_ok_and(|network| wanted.contains(&network) || network.contains(wanted))
            }
        }
    }
}

impl AddressSelection {
    fn means(&self, key: &str) -> bool {
        match self {
            Self::Key(wanted) => wanted == key,
            Self::Domain(wanted) => is_in_domain(key, wanted),
        }
    }
}

fn is_in_domain(address: &str, wanted: &str) -> bool {
    address.rsplit_once('@').is_some_and(|(_, domain)| is_at_or_below(domain, wanted))
}

fn is_at_or_below(domain: &str, wanted: &str) -> bool {
    domain.strip_suffix(wanted).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_means_the_identities_that_overlap_with_it() {
        for (wanted, identity, means) in [
            ("192.0.2.7/32", "192.0.2.0/24", true),
            ("192.0.0.0/16", "192.0.2.0/24", true),
            ("198.51.100.0/24", "192.0.2.0/24", false),
            ("2001:db8::/32", "2001:db8:1::/64", true),
            ("0.0.0.0/0", "2001:db8:1::/64", false),
            ("0.0.0.0/0", "host:example.org", false),
        ] {
            let selection = ClientSelection::Network(wanted.parse().unwrap());
            assert_eq!(selection.means(identity), means, "{wanted} {identity}");
        }
    }

    #[test]
    fn a_domain_means_itself_and_all_below_it() {
        for (key, means) in [
            ("alice@example.org", true),
            ("alice@mail.example.org", true),
            ("alice@notexample.org", false),
            ("alice@example.org@example.com", false),
            ("example.org", false),
            ("", false),
        ] {
            assert_eq!(AddressSelection::Domain("example.org".into()).means(key), means, "{key}");
        }
    }
}
