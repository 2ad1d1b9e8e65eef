//! A line that tells of a refusal.

/// Whether the client may come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Temporary,
    Permanent,
    /// `warn_if_reject`: nothing was refused.
    Warning,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Temporary => "temporary",
            Self::Permanent => "permanent",
            Self::Warning => "warning",
        }
    }
}

/// What was refused to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal<'a> {
    pub(super) kind: Kind,
    /// `name[address]`, or `[address]:port` of postscreen's.
    pub(super) client: &'a str,
    /// What the client was told, after the codes.
    pub(super) text: &'a str,
    /// Not known before MAIL FROM.
    pub(super) sender: Option<&'a str>,
    /// Not known before RCPT TO.
    pub(super) recipient: Option<&'a str>,
}

impl<'a> Refusal<'a> {
    /// `NOQUEUE: reject: RCPT from CLIENT: CODE DSN TEXT; from=<…> to=<…> …`, with a queue id in place of NOQUEUE if there is
    /// one already; `None` for every other line.
    pub(super) fn parse(message: &'a str) -> Option<Self> {
        let (_queue_id, rest) = message.split_once(": ")?;
        let (action, rest) = rest.split_once(": ")?;
        if !matches!(action, "reject" | "reject_warning" | "milter-reject") {
            return None;
        }
        let (client, rest) = split_client(rest.split_once(" from ")?.1)?;
        let (reply, envelope) = rest.split_once("; from=<").unwrap_or((rest, ""));
        // cleanup(8) tells its reply behind the envelope.
        let cleanups = || envelope.rsplit_once(">: ").map_or("", |(_, reply)| reply);
        let reply = reply.strip_prefix(": ").unwrap_or_else(cleanups);
        let kind = match reply.starts_with('5') {
            _ if action == "reject_warning" => Kind::Warning,
            true => Kind::Permanent,
            // postscreen(8) logs no code where it says 421.
            false => Kind::Temporary,
        };
        let text = without_code(without_code(reply));
        let sender = envelope.split_once('>').map(|(sender, _)| sender);
        let recipient = envelope.split_once(" to=<").and_then(|(_, rest)| Some(rest.split_once('>')?.0));
        Some(Self { kind, client, text, sender, recipient })
    }
}

/// The client, which ends with its address, or with the port behind it, and what follows.
fn split_client(text: &str) -> Option<(&str, &str)> {
    let address_end = text.find(']')? + 1;
    let port = text.get(address_end..)?.strip_prefix(':').unwrap_or_default();
    match port.bytes().take_while(u8::is_ascii_digit).count() {
        0 => text.split_at_checked(address_end),
        digits => text.split_at_checked(address_end + 1 + digits),
    }
}

/// What follows the status code, or the enhanced one (RFC 3463).
fn without_code(text: &str) -> &str {
    let is_code = |word: &str| word.starts_with(['4', '5']) && word.chars().all(|c| c.is_ascii_digit() || c == '.');
    text.split_once(' ').filter(|(word, _)| is_code(word)).map_or(text, |(_, rest)| rest)
}
