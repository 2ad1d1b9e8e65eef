//! What the tests of checks have in common: requests, DNS as data, and a check at work.

use std::sync::Arc;

use super::{Check, Consequence, Context, Finding, Options, Parts, Reason};
use crate::clock::Timestamp;
use crate::config::Draft;
use crate::dns::zones::Zones;
use crate::lists::Snapshot;
use crate::protocol::{Attribute, Attributes, Request};
use crate::store::{Greylist, Rehearsal};

/// A recipient's request by a client without a confirmed name.
pub(crate) fn request(client: &str, sender: &str, helo: &str) -> Request {
    let mut attributes = Attributes::default();
    for (attribute, value) in [
        (Attribute::Request, "smtpd_access_policy"),
        (Attribute::ProtocolState, "RCPT"),
        (Attribute::ClientAddress, client),
        (Attribute::HeloName, helo),
        (Attribute::Sender, sender),
        (Attribute::Recipient, "bob@example.net"),
    ] {
        attributes.set_first(attribute, value.into());
    }
    Request::from_attributes(&attributes).unwrap()
}

/// What a check with these options finds where the DNS is as written.
pub(crate) async fn find(options: &dyn Options, zones: &str, request: &Request) -> Finding {
    let parts = Parts { dns: Arc::new(zones.parse::<Zones>().unwrap()), ..parts() };
    let check = options.build(&parts);
    check.ready().await;
    look(check.as_ref(), request).await
}

/// What a check at work finds.
pub(crate) async fn look(check: &dyn Check, request: &Request) -> Finding {
    check.find(&context(request, &Snapshot::default())).await
}

/// A request at the beginning of time, of which no check before has found anything, and results are told.
pub(crate) fn context<'a>(request: &'a Request, lists: &'a Snapshot) -> Context<'a> {
    Context {
        request,
        lists,
        now: Timestamp::UNIX_EPOCH,
        clock_is_sure: true,
        suspect: false,
        trusted: false,
        tells_results: true,
        vouched_by: None,
    }
}

/// What follows from a reason with these options.
pub(crate) fn consequence(options: &dyn Options, reason: Reason) -> Consequence {
    options.build(&parts()).consequence(reason)
}

/// Reads a policy file; its mistakes if it has any.
pub(crate) fn policy(text: &str) -> Result<(), String> {
    let draft = Draft::parse("policy.yaml".as_ref(), text.to_owned()).map_err(|error| error.to_string())?;
    crate::chain::Policy::from_draft(draft).map(|_| ()).map_err(|error| error.to_string())
}

pub(crate) fn parts() -> Parts {
    Parts {
        greylist: Arc::new(Rehearsal::<dyn Greylist>::without_memory()),
        dns: Arc::new(Zones::default()),
        tagging: Arc::default(),
    }
}

#[test]
fn evidence_is_clean_and_has_bounds() {
    let finding = Finding::new(Reason::AccessDeny, format!("a\n\u{202e}{}", "b".repeat(2000)));
    assert!(finding.evidence.starts_with("a\\n\\u{202e}b"), "{}", finding.evidence);
    assert!(finding.evidence.len() <= super::MAX_EVIDENCE + '…'.len_utf8());
}
