//! What somebody looks for in the journal.

use crate::batv;
use crate::mail::{Mailbox, ReversePath, fold_host};
use crate::net::{NetworkError, parse_network};
use crate::store::{AddressSelection, JournalClient, JournalSelection};
use crate::text::cut;

/// The most octets of a field that may mean something: more than any address has (RFC 5321 section 4.5.3.1).
const LONGEST: usize = 350;

/// The most octets of a field that are kept, to be shown again.
const MAX_FIELD: usize = 400;

/// The fields of the form, as they were filled in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Search {
    /// A client's address, a network, or a host name.
    pub(super) client: String,
    /// A sender's address or domain.
    pub(super) sender: String,
    /// A recipient's address or domain.
    pub(super) recipient: String,
}

impl Search {
    /// Reads the part of an address behind its `?`. What is twice there counts once.
    pub(super) fn parse(query: &str) -> Self {
        let mut search = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let field = match &*name {
                "client" => &mut search.client,
                "sender" => &mut search.sender,
                "recipient" => &mut search.recipient,
                _ => continue,
            };
            cut(value.trim(), MAX_FIELD).clone_into(field);
        }
        search
    }

    /// Whether nothing is looked for.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Which decisions are meant, or what is wrong.
    pub(super) fn selection(&self) -> Result<JournalSelection, String> {
        if [&self.client, &self.sender, &self.recipient].into_iter().any(|field| field.len() > LONGEST) {
            return Err("that is too long for an address or a name".to_owned());
        }
        let given = |field: &str| Some(field.to_owned()).filter(|field| !field.is_empty());
        Ok(JournalSelection {
            client: given(&self.client).map(|client| client_selection(&client)).transpose()?,
            sender: given(&self.sender).map(|sender| sender_selection(&sender)).transpose()?,
            recipient: given(&self.recipient).map(|recipient| recipient_selection(&recipient)).transpose()?,
            ..JournalSelection::default()
        })
    }
}

fn client_selection(text: &str) -> Result<JournalClient, String> {
    match parse_network(text) {
        Ok(network) => Ok(JournalClient::Network(network)),
        Err(error @ NetworkError::HostBits { .. }) => Err(error.to_string()),
        // What looks like an address was meant as one.
        Err(_) if is_name(text) && !text.chars().all(|c| c.is_ascii_digit() || c == '.') => {
            Ok(JournalClient::Name(fold_host(text)))
        }
        Err(_) => Err(format!("`{text}` is neither an address nor a network nor a host name")),
    }
}

fn sender_selection(text: &str) -> Result<AddressSelection, String> {
    match text {
        "<>" => Ok(AddressSelection::Key(String::new())),
        address if address.contains('@') => Ok(AddressSelection::Key(batv::sender_key(&ReversePath::parse(address)))),
        domain => domain_selection(domain),
    }
}

fn recipient_selection(text: &str) -> Result<AddressSelection, String> {
    match text.contains('@') {
        true => Ok(AddressSelection::Key(batv::recipient_key(&Mailbox::parse(text)))),
        false => domain_selection(text),
    }
}

fn domain_selection(text: &str) -> Result<AddressSelection, String> {
    match is_name(text) {
        true => Ok(AddressSelection::Domain(fold_host(text))),
        false => Err(format!("`{text}` is neither an address nor a domain")),
    }
}

/// Whether the text may be the name of a host or domain.
fn is_name(text: &str) -> bool {
    !text.starts_with('.') && !text.contains(['/', ' ', '<', '*', '@', ':'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_is_what_is_meant() {
        let search = Search::parse("client=192.0.2.0%2F24&sender=%3C%3E&recipient=+Example.ORG+&sender=%3C%3E&x=y");
        let selection = search.selection().unwrap();
        assert_eq!(selection.client, Some(JournalClient::Network("192.0.2.0/24".parse().unwrap())));
        assert_eq!(selection.sender, Some(AddressSelection::Key(String::new())));
        assert_eq!(selection.recipient, Some(AddressSelection::Domain("example.org".to_owned())));
        assert!(Search::parse("client=&sender=&recipient=").is_empty());
        assert_eq!(Search::parse("sender=alice%2Bx%40example.org").sender, "alice+x@example.org");
    }

    #[test]
    fn what_cannot_be_meant_is_said() {
        for query in
            ["client=192.0.2.1%2F24", "client=999", "client=a%20b", "sender=*.example.org", "recipient=.example.org"]
        {
            assert!(Search::parse(query).selection().is_err(), "{query}");
        }
        for query in ["%", "%zz=%00", "client=%ff%fe", "=&=&=", &"a=b&".repeat(1000)] {
            let _ = Search::parse(query).selection();
        }
        for letter in ["a", "ä"] {
            let endless = Search::parse(&format!("sender={}", letter.repeat(5000)));
            assert!(endless.sender.len() <= MAX_FIELD && endless.selection().is_err(), "{letter}");
        }
    }
}
