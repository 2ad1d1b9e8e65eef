//! What comes out.

use std::fmt;

/// What a domain says about a client (RFC 7208 section 2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpfResult {
    /// It says nothing, or there is no domain to ask.
    None,
    /// It says that it does not say.
    Neutral,
    /// The client may send for it.
    Pass,
    /// The client may not.
    Fail,
    /// The client probably may not.
    SoftFail,
    /// The DNS could not be asked: later it may.
    TempError,
    /// What it says cannot be understood until somebody repairs it.
    PermError,
}

impl SpfResult {
    /// As it is written in Authentication-Results (RFC 8601 section 2.7.2) and Received-SPF (RFC 7208 section 9.1).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Neutral => "neutral",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::SoftFail => "softfail",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }
}

impl fmt::Display for SpfResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which name of the sender was checked (RFC 7208 sections 2.3 and 2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Identity {
    /// The domain of the envelope sender.
    MailFrom,
    /// What the client called itself: there is no envelope sender.
    Helo,
}

/// The answer, and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// The answer.
    pub result: SpfResult,
    /// Which name was checked.
    pub identity: Identity,
    /// The domain that was checked, in lower case, as A-labels, without final dot. From the network: it may be
    /// nonsense.
    pub domain: String,
    /// The term that decided, as the domain wrote it, such as `-all`; none if no mechanism matched. Printable ASCII.
    pub mechanism: Option<String>,
    /// The domain whose record holds that term, if it was redirected (RFC 7208 section 6.1), else `domain`.
    pub record: String,
    /// What the domain tells those whom it fails (RFC 7208 section 6.2). Printable ASCII, at most 512 octets.
    pub explanation: Option<String>,
    /// How many terms have asked the DNS.
    pub lookups: u8,
    /// How many questions that the record asked have had no answer.
    pub void_lookups: u8,
    /// Why the result is an error. Printable.
    pub problem: Option<String>,
}
