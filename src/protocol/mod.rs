//! What Postfix says and hears: the policy delegation protocol (SMTPD_POLICY_README), and lookups in maps
//! (socketmap_table(5)).
//!
//! A policy request is a block of `name=value` lines that ends with an empty line; the reply is one line
//! `action=…` and an empty line. Malformed input never gets a reply: closing the connection lets Postfix try again
//! and then use its `default_action`, where a wrong reply could lose mail (an empty action means "permit" to it).

mod action;
mod frame;
mod request;
mod socketmap;

pub use self::action::{Action, Header, Reply, property_value};
pub use self::frame::{Decoder, MAX_ATTRIBUTES, MAX_REQUEST};
pub use self::request::{Attribute, Attributes, ProtocolState, Request};
pub use self::socketmap::{Lookup, LookupDecoder, LookupError, LookupReply, MAX_LOOKUP};

use thiserror::Error;

/// Why octets are no policy request.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProtocolError {
    /// A line that is not `name=value`.
    #[error("not a policy request: `{0}` is no name=value")]
    Malformed(String),
    /// More octets than any Postfix sends.
    #[error("a request of more than {MAX_REQUEST} octets")]
    TooLarge,
    /// More attributes than any Postfix sends.
    #[error("a request of more than {MAX_ATTRIBUTES} attributes")]
    TooManyAttributes,
    /// `request=` is missing or asks for something else.
    #[error("request={0:?} where smtpd_access_policy was expected")]
    UnknownRequest(String),
}
