//! Which records a command means: the same for every engine.

use super::{AddressSelection, ClientRecord, ClientSelection, Selection, TripletRecord};
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
            Self::Domain(wanted) => key.rsplit_once('@').is_some_and(|(_, domain)| is_at_or_below(domain, wanted)),
        }
    }
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
