//! Restriction lists, as smtpd(8) reads them.

use super::View;
use super::words::words;

/// The lists for each recipient (with `smtpd_delay_reject` at its default), and the two for the whole message.
pub(crate) const LISTS: [&str; 7] = [
    "smtpd_client_restrictions",
    "smtpd_helo_restrictions",
    "smtpd_sender_restrictions",
    "smtpd_relay_restrictions",
    "smtpd_recipient_restrictions",
    "smtpd_data_restrictions",
    "smtpd_end_of_data_restrictions",
];

/// Restrictions that let no mail for foreign domains pass.
const RELAY_CHECKS: [&str; 4] = ["reject_unauth_destination", "defer_unauth_destination", "reject", "defer"];

/// Restrictions by which strangers may get in before a final `reject`.
const LET_STRANGERS_IN: [&str; 6] = [
    "check_policy_service",
    "check_recipient_access",
    "permit",
    "permit_auth_destination",
    "permit_dnswl_client",
    "permit_mx_backup",
];

/// A class may name another one. Postfix sets no limit but its memory.
const DEEPEST: usize = 8;

/// Classes that name each other would make a list without end. None that works is nearly as long.
const LONGEST: usize = 1000;

/// The lists that are looked at for each recipient.
pub(crate) fn before_data() -> impl Iterator<Item = &'static str> {
    LISTS.into_iter().filter(|list| !matches!(*list, "smtpd_data_restrictions" | "smtpd_end_of_data_restrictions"))
}

/// One restriction of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Restriction {
    /// In lower case.
    pub(crate) name: String,
    /// What it is applied with: a table, a list's zone, a policy service.
    pub(crate) argument: Option<String>,
    /// Whether `warn_if_reject` stands before it.
    pub(crate) only_warns: bool,
}

impl Restriction {
    /// Whether nobody gets past this one to a foreign domain.
    pub(crate) fn checks_relaying(&self) -> bool {
        !self.only_warns && RELAY_CHECKS.contains(&self.name.as_str())
    }

    /// Whether nobody at all gets past this one.
    fn ends_all(&self) -> bool {
        !self.only_warns && matches!(self.name.as_str(), "reject" | "defer")
    }

    fn lets_strangers_in(&self) -> bool {
        LET_STRANGERS_IN.contains(&self.name.as_str())
    }
}

/// Whether a list turns strangers away, as `permit_mynetworks, reject` does.
pub(super) fn is_closed(list: &[Restriction]) -> bool {
    let end = list.iter().position(Restriction::ends_all);
    end.is_some_and(|end| !list.iter().take(end).any(Restriction::lets_strangers_in))
}

/// The restrictions of a list, as they stand there.
pub(crate) fn parse(list: &str) -> Vec<Restriction> {
    let mut restrictions = Vec::new();
    let (mut words, mut only_warns) = (words(list).into_iter(), false);
    while let Some(word) = words.next() {
        let name = word.to_ascii_lowercase();
        if name == "warn_if_reject" {
            only_warns = true;
            continue;
        }
        let argument = takes_argument(&name).then(|| words.next().map(str::to_owned)).flatten();
        restrictions.push(Restriction { name, argument, only_warns });
        only_warns = false;
    }
    restrictions
}

impl View<'_> {
    /// The restrictions of a list in this service, with those of restriction classes in their places.
    pub(crate) fn restrictions(&self, list: &str) -> Vec<Restriction> {
        let classes = words(self.get("smtpd_restriction_classes"));
        let mut restrictions = Vec::new();
        self.unfold(parse(self.get(list)), &classes, DEEPEST, &mut restrictions);
        restrictions
    }

    fn unfold(&self, list: Vec<Restriction>, classes: &[&str], depth: usize, into: &mut Vec<Restriction>) {
        for restriction in list {
            if into.len() >= LONGEST {
                return;
            }
            let class = classes.iter().find(|class| class.eq_ignore_ascii_case(&restriction.name));
            match class.filter(|_| depth > 0) {
                Some(class) => self.unfold(parse(self.get(class)), classes, depth - 1, into),
                None => into.push(restriction),
            }
        }
    }

    /// Whether a restriction stands in a list.
    pub(crate) fn restricts(&self, list: &str, name: &str) -> bool {
        self.restrictions(list).iter().any(|restriction| restriction.name == name)
    }
}

/// postconf(5), smtpd_client_restrictions and the lists after it.
fn takes_argument(name: &str) -> bool {
    name.starts_with("check_")
        || name.starts_with("reject_rbl_")
        || name.starts_with("reject_rhsbl_")
        || matches!(name, "permit_dnswl_client" | "permit_rhswl_client" | "sleep")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &str) -> Vec<String> {
        let show = |restriction: Restriction| match restriction.argument {
            Some(argument) => format!("{}({argument})", restriction.name),
            None => restriction.name,
        };
        parse(list).into_iter().map(show).collect()
    }

    #[test]
    fn arguments_belong_to_their_restrictions() {
        for (list, expected) in [
            ("permit_mynetworks reject", &["permit_mynetworks", "reject"][..]),
            ("check_client_access hash:/x, Reject", &["check_client_access(hash:/x)", "reject"]),
            ("reject_rbl_client bl.example=127.0.0.2,permit", &["reject_rbl_client(bl.example=127.0.0.2)", "permit"]),
            (
                "check_policy_service { inet:h:1, timeout=1s } permit",
                &["check_policy_service({ inet:h:1, timeout=1s })", "permit"],
            ),
            ("check_policy_service", &["check_policy_service"]),
        ] {
            assert_eq!(names(list), expected, "{list}");
        }
    }

    #[test]
    fn what_only_warns_ends_nothing() {
        let list = parse("warn_if_reject reject, reject_unauth_destination");
        assert!(list[0].only_warns && !list[0].ends_all());
        assert!(!list[1].only_warns && list[1].checks_relaying());
    }

    #[test]
    fn a_list_is_closed_when_only_our_own_get_in() {
        for (list, expected) in [
            ("permit_mynetworks, permit_sasl_authenticated, reject", true),
            ("check_client_access cidr:/etc/postfix/ours, reject", true),
            ("permit_mynetworks, permit_auth_destination, reject", false),
            ("check_policy_service inet:127.0.0.1:10040, permit_auth_destination, reject", false),
            ("permit_mynetworks, reject_unauth_destination", false),
        ] {
            assert_eq!(is_closed(&parse(list)), expected, "{list}");
        }
    }
}
