//! What Postfix asks.

use std::borrow::Cow;
use std::net::IpAddr;

use super::ProtocolError;
use crate::mail::{Mailbox, ReversePath, fold_host};
use crate::net::parse_address;
use crate::text;

macro_rules! attributes {
    ($($attribute:ident = $name:literal,)+) => {
        /// The attributes that postward looks at, of those that Postfix sends (SMTPD_POLICY_README).
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(missing_docs, reason = "they are called as in SMTPD_POLICY_README, which describes them")]
        pub enum Attribute {
            $($attribute,)+
        }

        impl Attribute {
            /// All of them, with the names that Postfix gives them.
            pub const ALL: [(Self, &'static str); [$($name),+].len()] = [$((Self::$attribute, $name)),+];

            /// Finds an attribute by its name; `None` for those that postward has no use for, which are not errors.
            pub fn from_name(name: &[u8]) -> Option<Self> {
                $(if name == $name.as_bytes() {
                    return Some(Self::$attribute);
                })+
                None
            }
        }
    };
}

attributes! {
    Request = "request",
    ProtocolState = "protocol_state",
    ClientAddress = "client_address",
    ClientName = "client_name",
    HeloName = "helo_name",
    Sender = "sender",
    Recipient = "recipient",
    RecipientCount = "recipient_count",
    Instance = "instance",
    SaslUsername = "sasl_username",
    CcertSubject = "ccert_subject",
}

/// The values of a request, as far as they were given.
#[derive(Debug, Clone, Default)]
pub struct Attributes<'a>([Option<Cow<'a, str>>; Attribute::ALL.len()]);

impl<'a> Attributes<'a> {
    /// Sets a value unless it has been set before: the first occurrence wins.
    pub fn set_first(&mut self, attribute: Attribute, value: Cow<'a, str>) {
        if let Some(place) = self.0.get_mut(attribute as usize) {
            place.get_or_insert(value);
        }
    }

    /// The value, empty when there is none.
    pub fn get(&self, attribute: Attribute) -> &str {
        self.0.get(attribute as usize).and_then(Option::as_deref).unwrap_or_default()
    }
}

/// How far the SMTP dialogue has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtocolState {
    /// `RCPT TO`: the state in which a recipient can be refused or deferred.
    Rcpt,
    /// `DATA`, also for `BDAT`.
    Data,
    /// Any other, among them `VRFY` and `ETRN`, whose senders are empty too.
    Other,
}

impl ProtocolState {
    fn parse(text: &str) -> Self {
        match text {
            "RCPT" => Self::Rcpt,
            "DATA" => Self::Data,
            _ => Self::Other,
        }
    }
}

/// The most octets of an instance that are kept. Postfix's have about 25, and they are stored.
const MAX_INSTANCE: usize = 128;

/// One question: may this client send from this sender to this recipient?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// How far the dialogue has come.
    pub protocol_state: ProtocolState,
    /// The client; `None` where Postfix does not know it (`unknown`), or where it is no address.
    pub client_address: Option<IpAddr>,
    /// The client's name, confirmed by Postfix: it resolves back to the address. `None` where there is no such name.
    pub client_name: Option<String>,
    /// What the client called itself; empty without HELO.
    pub helo_name: String,
    /// The envelope sender.
    pub sender: ReversePath,
    /// The recipient in question, before any rewriting; at DATA only when there is just one.
    pub recipient: Option<Mailbox>,
    /// How many recipients have been accepted; 0 before DATA, and where Postfix does not say.
    pub recipient_count: u32,
    /// Names the transaction: the same for all its recipients, another for the next message. May be empty.
    pub instance: String,
    /// Whether the client has logged in (`sasl_username`) or shown a trusted certificate (`ccert_subject`).
    pub authenticated: bool,
}

impl Request {
    /// Gives attributes their meaning. None but `request` is required.
    pub fn from_attributes(attributes: &Attributes<'_>) -> Result<Self, ProtocolError> {
        let get = |attribute| attributes.get(attribute);
        if get(Attribute::Request) != "smtpd_access_policy" {
            let shown = text::printable(get(Attribute::Request), 60).into_owned();
            return Err(ProtocolError::UnknownRequest(shown));
        }
        let recipient = get(Attribute::Recipient);
        Ok(Self {
            protocol_state: ProtocolState::parse(get(Attribute::ProtocolState)),
            client_address: parse_address(get(Attribute::ClientAddress)),
            client_name: confirmed_name(get(Attribute::ClientName)),
            helo_name: get(Attribute::HeloName).to_owned(),
            sender: ReversePath::parse(get(Attribute::Sender)),
            recipient: (!recipient.is_empty()).then(|| Mailbox::parse(recipient)),
            recipient_count: get(Attribute::RecipientCount).parse().unwrap_or_default(),
            instance: text::cut(get(Attribute::Instance), MAX_INSTANCE).to_owned(),
            authenticated: !get(Attribute::SaslUsername).is_empty() || !get(Attribute::CcertSubject).is_empty(),
        })
    }
}

/// Postfix writes `unknown` for a client without a name, and for one whose name does not resolve back.
fn confirmed_name(name: &str) -> Option<String> {
    Some(fold_host(name)).filter(|name| !name.is_empty() && name != "unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(pairs: &[(Attribute, &str)]) -> Request {
        let mut attributes = Attributes::default();
        attributes.set_first(Attribute::Request, "smtpd_access_policy".into());
        for (attribute, value) in pairs {
            attributes.set_first(*attribute, (*value).into());
        }
        Request::from_attributes(&attributes).unwrap()
    }

    #[test]
    fn every_attribute_finds_its_own_place() {
        for (index, (attribute, name)) in Attribute::ALL.into_iter().enumerate() {
            assert_eq!(attribute as usize, index);
            assert_eq!(Attribute::from_name(name.as_bytes()), Some(attribute));
        }
        assert_eq!(Attribute::from_name(b"stress"), None);
    }

    #[test]
    fn nothing_but_the_kind_of_request_is_required() {
        let empty = request(&[]);
        assert_eq!(empty.protocol_state, ProtocolState::Other);
        assert_eq!((empty.client_address, &empty.recipient, empty.authenticated), (None, &None, false));
        assert_eq!(empty.sender, ReversePath::Null);
    }

    #[test]
    fn unknown_is_no_name_and_no_address() {
        for name in ["unknown", "UNKNOWN", "unknown.", "", "."] {
            let unknown = request(&[(Attribute::ClientName, name), (Attribute::ClientAddress, "unknown")]);
            assert_eq!((unknown.client_name, unknown.client_address), (None, None), "{name}");
        }
    }

    #[test]
    fn a_login_or_a_trusted_certificate_authenticates() {
        assert!(request(&[(Attribute::SaslUsername, "alice")]).authenticated);
        assert!(request(&[(Attribute::CcertSubject, "client+20one")]).authenticated);
    }

    #[test]
    fn an_ipv4_mapped_client_is_an_ipv4_client() {
        let mapped = request(&[(Attribute::ClientAddress, "::ffff:192.0.2.7")]);
        assert_eq!(mapped.client_address, "192.0.2.7".parse().ok());
    }
}
