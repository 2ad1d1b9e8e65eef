//! One entry of the access lists, understood.

use thiserror::Error;

use super::action::{ActionError, EntryAction};
use super::pattern::{AddressPattern, ClientPattern, PatternError};
use crate::clock::Timestamp;
use crate::store::EntryRecord;

/// Up to three patterns, at least one of them given, and what to do when all that are given match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Names the row; 0 while it is not stored.
    pub id: i64,
    /// Who connects.
    pub client: Option<ClientPattern>,
    /// Who writes.
    pub sender: Option<AddressPattern>,
    /// Who is written to; never the null sender.
    pub recipient: Option<AddressPattern>,
    /// What to do.
    pub action: EntryAction,
    /// What the sender is told.
    pub text: Option<String>,
    /// What the administrator wanted to remember.
    pub comment: Option<String>,
    /// From when on the entry counts no more.
    pub expires: Option<Timestamp>,
    /// The source it was read from; `None` when made by hand.
    pub source: Option<String>,
}

/// Why a record is no entry.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EntryError {
    /// It would match everybody.
    #[error("no pattern is given: name a client, a sender or a recipient")]
    NoPattern,
    /// The client pattern is wrong.
    #[error("client: {0}")]
    Client(#[source] PatternError),
    /// The sender pattern is wrong.
    #[error("sender: {0}")]
    Sender(#[source] PatternError),
    /// The recipient pattern is wrong.
    #[error("recipient: {0}")]
    Recipient(#[source] PatternError),
    /// `recipient=<>`
    #[error("recipient: `<>` is the null sender, and nobody writes to it")]
    NullRecipient,
    /// The action is wrong.
    #[error(transparent)]
    Action(#[from] ActionError),
}

impl TryFrom<EntryRecord> for Entry {
    type Error = EntryError;

    fn try_from(record: EntryRecord) -> Result<Self, EntryError> {
        let client = record.client.as_deref().map(str::parse).transpose().map_err(EntryError::Client)?;
        let sender = record.sender.as_deref().map(str::parse).transpose().map_err(EntryError::Sender)?;
        let recipient = record.recipient.as_deref().map(str::parse).transpose().map_err(EntryError::Recipient)?;
        if recipient == Some(AddressPattern::Null) {
            return Err(EntryError::NullRecipient);
        }
        if client.is_none() && sender.is_none() && recipient.is_none() {
            return Err(EntryError::NoPattern);
        }
        Ok(Self {
            id: record.id,
            client,
            sender,
            recipient,
            action: record.action.parse()?,
            text: record.text,
            comment: record.comment,
            expires: record.expires,
            source: record.source,
        })
    }
}

impl From<Entry> for EntryRecord {
    /// The record in its canonical spelling.
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id,
            client: entry.client.map(|pattern| pattern.to_string()),
            sender: entry.sender.map(|pattern| pattern.to_string()),
            recipient: entry.recipient.map(|pattern| pattern.to_string()),
            action: entry.action.to_string(),
            text: entry.text,
            comment: entry.comment,
            expires: entry.expires,
            source: entry.source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(client: Option<&str>, sender: Option<&str>, recipient: Option<&str>, action: &str) -> EntryRecord {
        EntryRecord {
            client: client.map(str::to_owned),
            sender: sender.map(str::to_owned),
            recipient: recipient.map(str::to_owned),
            action: action.to_owned(),
            ..EntryRecord::default()
        }
    }

    #[test]
    fn a_record_becomes_canonical() {
        let given = record(Some("192.0.2.1/32"), Some("Alice@Example.ORG."), Some("Postmaster@"), "Allow");
        let entry = Entry::try_from(given).unwrap();
        let expected = record(Some("192.0.2.1"), Some("alice@example.org"), Some("postmaster@"), "allow");
        assert_eq!(EntryRecord::from(entry), expected);
    }

    #[test]
    fn wrong_records_say_which_field_is_wrong() {
        for (wrong, part) in [
            (record(None, None, None, "allow"), "no pattern"),
            (record(Some(""), None, None, "allow"), "client: the pattern is empty"),
            (record(None, Some("@x.example"), None, "allow"), "sender: `@x.example`"),
            (record(None, None, Some("a b"), "allow"), "recipient: `a b`"),
            (record(None, None, Some("<>"), "allow"), "nobody writes to it"),
            (record(Some("192.0.2.1"), None, None, "reject"), "did you mean `deny`"),
        ] {
            let error = Entry::try_from(wrong).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
