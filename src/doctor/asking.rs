//! How Postfix asks: how long it waits, how often it tries, and what it does without an answer.

use super::postfix::PolicyUse;
use super::site::Relation;
use super::{Area, Rule, Site, Symptom, Weight};
use crate::text::closest;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "policy-option-unknown",
        area: Area::Wiring,
        weight: Weight::Problem,
        what: "an option of check_policy_service is none that Postfix knows",
        why: "smtpd does not start with it: all mail stops. `postfix check` does not notice",
        look: unknown_option,
    },
    Rule {
        id: "policy-no-default-action",
        area: Area::Wiring,
        weight: Weight::Problem,
        what: "while postward is down, no mail comes in",
        why: "Postfix's default is `451 4.3.5 Server configuration problem`; with DUNNO mail flows unchecked",
        look: no_default_action,
    },
    Rule {
        id: "policy-default-action-permits",
        area: Area::Wiring,
        weight: Weight::Problem,
        what: "while postward is down, every restriction after it is left out",
        why: "OK (and a bare number) ends the list with permit; DUNNO goes on to the next restriction",
        look: default_action_permits,
    },
    Rule {
        id: "policy-timeout-short",
        area: Area::Wiring,
        weight: Weight::Problem,
        what: "Postfix gives up before postward does",
        why: "postward answers within `deadline`, whatever its checks do; by then Postfix has asked again or given up",
        look: timeout_short,
    },
    Rule {
        id: "policy-timeout-long",
        area: Area::Wiring,
        weight: Weight::Problem,
        what: "Postfix waits very long for an answer",
        why: "if postward ever hangs, each recipient waits twice that long, and clients give up",
        look: timeout_long,
    },
    Rule {
        id: "policy-tried-once",
        area: Area::Wiring,
        weight: Weight::Problem,
        what: "Postfix tries only once to ask",
        why: "a restart of postward then costs every open SMTP session its policy service, until the session ends",
        look: tried_once,
    },
];

/// What smtpd(8) takes in the braces (SMTPD_POLICY_README).
const OPTIONS: [&str; 8] =
    ["timeout", "max_idle", "max_ttl", "request_limit", "try_limit", "retry_delay", "default_action", "policy_context"];

/// Longer than this nobody should be made to wait by a daemon that hangs.
const LONGEST: u64 = 30;

/// The time that is recommended, where `deadline` has its default.
const USUAL: u64 = 10;

/// About every policy service: one mistyped option stops all mail, whoever is asked.
fn unknown_option(site: &Site) -> Vec<Symptom> {
    let symptom = |policy: &PolicyUse<'_>| Symptom {
        setting: policy.place().to_string(),
        value: format!("check_policy_service {}", policy.argument),
        cure: site.rewired(policy),
    };
    let uses = site.postfix.policy_uses();
    uses.iter().filter(|policy| policy.options().any(|(option, value)| !is_known(option, value))).map(symptom).collect()
}

fn is_known(option: &str, value: &str) -> bool {
    OPTIONS.contains(&option) && !value.is_empty()
}

fn no_default_action(site: &Site) -> Vec<Symptom> {
    symptoms(site, "default_action", has_no_default_action)
}

/// Whoever has chosen another action than Postfix's knows why.
fn has_no_default_action(policy: &PolicyUse<'_>) -> bool {
    policy.option("default_action").starts_with("451 4.3.5")
}

fn default_action_permits(site: &Site) -> Vec<Symptom> {
    symptoms(site, "default_action", permits_by_default)
}

/// Digits alone are a permit, too (access(5)).
fn permits_by_default(policy: &PolicyUse<'_>) -> bool {
    let action = policy.option("default_action").to_ascii_lowercase();
    matches!(action.as_str(), "ok" | "permit" | "relay") || action.bytes().all(|octet| octet.is_ascii_digit())
}

fn timeout_short(site: &Site) -> Vec<Symptom> {
    symptoms(site, "timeout", |policy| site.is_timeout_short(policy))
}

fn timeout_long(site: &Site) -> Vec<Symptom> {
    symptoms(site, "timeout", |policy| site.is_timeout_long(policy))
}

fn tried_once(site: &Site) -> Vec<Symptom> {
    symptoms(site, "try_limit", is_tried_once)
}

fn is_tried_once(policy: &PolicyUse<'_>) -> bool {
    policy.option("try_limit") == "1"
}

fn symptoms(site: &Site, name: &str, is_wrong: impl Fn(&PolicyUse<'_>) -> bool) -> Vec<Symptom> {
    let symptom = |policy: &PolicyUse<'_>| {
        let (setting, value) = match policy.own_option(name) {
            Some(value) => (policy.place(), format!("check_policy_service {{ …, {name}={value} }}")),
            None => (policy.view.place(&format!("smtpd_policy_service_{name}")), policy.option(name).to_owned()),
        };
        Symptom { setting: setting.to_string(), value, cure: site.rewired(policy) }
    };
    site.asks().iter().filter(|policy| is_wrong(policy)).map(symptom).collect()
}

impl Site {
    /// The options of a question as they should be: those that it has and Postfix knows, and what is wrong set right. A
    /// mistyped one is set right if it is clear what was meant.
    pub(super) fn right_options<'a>(&self, policy: &'a PolicyUse<'_>) -> Vec<(&'a str, String)> {
        let meant = |(option, value): (&'a str, &str)| {
            let known = if is_known(option, value) { Some(option) } else { closest(option, OPTIONS) };
            known.filter(|_| !value.is_empty()).map(|option| (option, value.to_owned()))
        };
        let mut options: Vec<_> = policy.options().filter_map(meant).collect();
        let ours = self.relation(policy) != Relation::Foreign;
        let right = [
            ("timeout", self.recommended_timeout(), self.is_timeout_short(policy) || self.is_timeout_long(policy)),
            ("default_action", "DUNNO".to_owned(), has_no_default_action(policy) || permits_by_default(policy)),
            ("try_limit", "2".to_owned(), is_tried_once(policy)),
        ];
        for (name, value, _) in right.into_iter().filter(|(_, _, is_wrong)| ours && *is_wrong) {
            match options.iter_mut().find(|(option, _)| *option == name) {
                // What a mistyped option has said already is better than what is recommended.
                Some(_) if policy.own_option(name).is_none() => {}
                Some(option) => option.1 = value,
                None => options.push((name, value)),
            }
        }
        options
    }

    /// A little above `deadline`.
    pub(super) fn recommended_timeout(&self) -> String {
        format!("{}s", USUAL.max(self.policy.config.deadline.0.as_secs() + 2))
    }

    fn is_timeout_short(&self, policy: &PolicyUse<'_>) -> bool {
        let deadline = self.policy.config.deadline.0.as_secs();
        seconds(policy.option("timeout")).is_some_and(|timeout| timeout <= deadline)
    }

    fn is_timeout_long(&self, policy: &PolicyUse<'_>) -> bool {
        let most = LONGEST.max(self.policy.config.deadline.0.as_secs() + 2);
        seconds(policy.option("timeout")).is_some_and(|timeout| timeout > most)
    }
}

/// A time as main.cf writes it, its usual unit being the second (postconf(5)).
pub(super) fn seconds(text: &str) -> Option<u64> {
    seconds_of(text, "s")
}

/// A time as main.cf writes it, of a parameter with this usual unit.
pub(super) fn seconds_of(text: &str, usual: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let written = text.get(digits.len()..)?;
    let unit = match if written.is_empty() { usual } else { written } {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}
