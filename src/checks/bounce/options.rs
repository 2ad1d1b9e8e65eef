//! What the administrator says about bounces.

use std::str::FromStr;

use serde::Serialize;

use crate::checks::Consequence;
use crate::config::Section;
use crate::mail::Mailbox;

/// Where in the SMTP dialogue bounces are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum At {
    /// At once. Who only asks whether an address exists (callout verification) is refused as well.
    Rcpt,
    /// When the message is about to come, so that others' callouts succeed. Postfix has to ask in
    /// `smtpd_data_restrictions`.
    Data,
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "rcpt" => Ok(Self::Rcpt),
            "data" => Ok(Self::Data),
            _ => Err(format!("`{text}` is neither rcpt nor data")),
        }
    }
}

/// The options of the check.
#[derive(Debug, Clone, Serialize)]
pub struct BounceOptions {
    pub(super) at: At,
    pub(super) signed: Consequence,
    pub(super) unsigned: Consequence,
    pub(super) expired: Consequence,
    pub(super) forged: Consequence,
    pub(super) multiple: Consequence,
    /// Local parts that bounces may come to unsigned.
    pub(super) exempt: Vec<LocalPart>,
}

/// A local part without extension, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub(super) struct LocalPart(pub(super) String);

impl FromStr for LocalPart {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("an empty local part is nobody".to_owned()),
            text if text.contains('@') => Err(format!(
                "`{text}` is an address: name its local part, or type `postward list add skip=bounce --recipient {text}`"
            )),
            text => Ok(Self(Mailbox::new(text, None).as_str().to_lowercase())),
        }
    }
}

impl Default for BounceOptions {
    fn default() -> Self {
        Self {
            at: At::Rcpt,
            signed: Consequence::Trust,
            unsigned: Consequence::Reject,
            expired: Consequence::Reject,
            forged: Consequence::Reject,
            multiple: Consequence::Reject,
            // RFC 5321 section 4.5.1 and RFC 2142 section 2: whoever has trouble with us must reach us.
            exempt: ["postmaster", "abuse"].map(|name| LocalPart(name.to_owned())).to_vec(),
        }
    }
}

impl BounceOptions {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        Self {
            at: section.parsed("at", default.at),
            signed: section.parsed("signed", default.signed),
            unsigned: section.parsed("unsigned", default.unsigned),
            expired: section.parsed("expired", default.expired),
            forged: section.parsed("forged", default.forged),
            multiple: section.parsed("multiple", default.multiple),
            exempt: section.list("exempt", default.exempt),
        }
    }
}
