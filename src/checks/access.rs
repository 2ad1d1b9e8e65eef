//! Is there an entry about it in the access lists?

use serde::Serialize;
use serde_yaml::Value;

use super::{Check, Consequence, Context, Finding, Options, Parts, Pending, Reason, Registration};
use crate::config::Section;
use crate::lists::{EntryAction, Hit, Subject};
use crate::protocol::ProtocolState;

/// How the policy file gets here.
pub const REGISTRATION: Registration = Registration { name: "access", read: |section| Box::new(Access::read(section)) };

/// The check has no options of its own: what follows stands in the entries.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Access {}

impl Access {
    fn read(_section: &mut Section<'_>) -> Self {
        Self {}
    }
}

impl Options for Access {
    fn in_force(&self) -> Value {
        serde_yaml::to_value(self).unwrap_or_default()
    }

    fn build(&self, _parts: &Parts) -> Box<dyn Check> {
        Box::new(*self)
    }
}

impl Check for Access {
    /// At DATA, too: what is to be left out is left out there as well, and who is let through is let through.
    fn applies_to(&self, state: ProtocolState) -> bool {
        matches!(state, ProtocolState::Rcpt | ProtocolState::Data)
    }

    fn find<'a>(&'a self, context: &'a Context<'a>) -> Pending<'a, Finding> {
        let request = context.request;
        let subject = Subject {
            client: request.client_address,
            client_name: request.client_name.as_deref(),
            sender: Some(&request.sender),
            recipient: request.recipient.as_ref(),
        };
        let hit = context.lists.lookup(&subject, context.now);
        let finding = match hit {
            None => Finding::nothing("no entry"),
            Some(hit) if request.protocol_state == ProtocolState::Data && !lets_through(hit.action) => {
                Finding::nothing(format!("entry {} counted at RCPT", hit.id))
            }
            Some(hit) => found(&hit),
        };
        Box::pin(std::future::ready(finding))
    }

    fn consequence(&self, reason: Reason) -> Consequence {
        match reason {
            Reason::AccessAllow => Consequence::Allow,
            Reason::AccessDeny => Consequence::Reject,
            Reason::AccessDefer => Consequence::Defer,
            Reason::AccessSkip => Consequence::Skip,
            Reason::AccessSuspect => Consequence::Suspect,
            _ => Consequence::Ignore,
        }
    }
}

/// Of what stands against somebody there is nothing left to say at DATA: a recipient for whom it counts has been refused
/// or deferred, and whether an entry of another's is more precise cannot be seen where there are several recipients.
fn lets_through(action: &EntryAction) -> bool {
    matches!(action, EntryAction::Allow | EntryAction::Skip(_))
}

fn found(hit: &Hit<'_>) -> Finding {
    let reason = match hit.action {
        EntryAction::Allow => Reason::AccessAllow,
        EntryAction::Deny => Reason::AccessDeny,
        EntryAction::Defer => Reason::AccessDefer,
        EntryAction::Suspect => Reason::AccessSuspect,
        EntryAction::Skip(_) => Reason::AccessSkip,
    };
    let matched = hit.matched();
    let source = hit.source.map(|source| format!(" of {source}")).unwrap_or_default();
    let skips = match hit.action {
        EntryAction::Skip(checks) => format!("; leaves out {}", checks.join(", ")),
        _ => String::new(),
    };
    let evidence = format!("entry {}{source}: {matched}{skips}", hit.id);
    let skip = if let EntryAction::Skip(checks) = hit.action { checks.clone() } else { Vec::new() };
    let text = hit.text.unwrap_or_default().to_owned();
    Finding { text, skip, ..Finding::new(reason, evidence) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::tests as testing;
    use crate::lists::SnapshotBuilder;
    use crate::protocol::{Attribute, Attributes, Request};
    use crate::store::EntryRecord;

    async fn find(action: &str, text: Option<&str>) -> Finding {
        find_at("RCPT", action, text).await
    }

    async fn find_at(state: &str, action: &str, text: Option<&str>) -> Finding {
        let mut lists = SnapshotBuilder::default();
        lists
            .add(EntryRecord {
                id: 7,
                recipient: Some("example.net".to_owned()),
                action: action.to_owned(),
                text: text.map(str::to_owned),
                source: Some("drop".to_owned()),
                ..EntryRecord::default()
            })
            .unwrap();
        let mut attributes = Attributes::default();
        attributes.set_first(Attribute::Request, "smtpd_access_policy".into());
        attributes.set_first(Attribute::ProtocolState, state.into());
        attributes.set_first(Attribute::Recipient, "bob@example.net".into());
        let request = Request::from_attributes(&attributes).unwrap();
        let lists = lists.finish().unwrap();
        Access {}.find(&testing::context(&request, &lists)).await
    }

    #[tokio::test]
    async fn at_data_entries_only_let_through() {
        for (action, expected) in [
            ("allow", Some(Reason::AccessAllow)),
            ("skip=bounce", Some(Reason::AccessSkip)),
            ("deny", None),
            ("defer", None),
            ("suspect", None),
        ] {
            assert_eq!(find_at("DATA", action, None).await.reason, expected, "{action}");
        }
    }

    #[tokio::test]
    async fn an_entry_says_what_follows() {
        for (action, reason, consequence) in [
            ("allow", Reason::AccessAllow, Consequence::Allow),
            ("deny", Reason::AccessDeny, Consequence::Reject),
            ("defer", Reason::AccessDefer, Consequence::Defer),
            ("suspect", Reason::AccessSuspect, Consequence::Suspect),
            ("skip=greylist", Reason::AccessSkip, Consequence::Skip),
        ] {
            let finding = find(action, None).await;
            assert_eq!(finding.reason, Some(reason));
            assert_eq!(Access {}.consequence(reason), consequence);
            assert!(finding.evidence.starts_with("entry 7 of drop: recipient example.net"), "{}", finding.evidence);
        }
    }

    #[tokio::test]
    async fn what_is_skipped_and_what_is_told_come_from_the_entry() {
        let skips = find("skip=greylist,spf", None).await;
        assert_eq!(skips.skip, ["greylist", "spf"]);
        assert!(skips.evidence.ends_with("; leaves out greylist, spf"), "{}", skips.evidence);
        assert_eq!(find("deny", Some("Not you")).await.text, "Not you");
    }
}
