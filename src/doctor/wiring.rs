//! Does Postfix ask postward, and when?

use super::postfix::{PolicyUse, Restriction, Target, View, is_no};
use super::site::Relation;
use super::{Area, Rule, Site, Symptom, Weight};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "policy-not-asked",
        area: Area::Wiring,
        weight: Weight::Problem,
        what: "Postfix does not ask postward about strangers' mail",
        why: "whatever the policy file says, nothing is checked",
        look: not_asked,
    },
    Rule {
        id: "policy-hidden-by-chroot",
        area: Area::Wiring,
        weight: Weight::Problem,
        what: "Postfix looks for postward's socket below its queue directory, and postward's is elsewhere",
        why: "smtpd runs chrooted: it finds no socket, and every recipient gets default_action after a second's wait",
        look: hidden_by_chroot,
    },
    Rule {
        id: "policy-unreachable",
        area: Area::Wiring,
        weight: Weight::Problem,
        what: "nobody answers where Postfix asks postward",
        why: "every recipient waits a second and gets default_action: nothing is checked, or no mail comes in",
        look: unreachable,
    },
    Rule {
        id: "policy-too-early",
        area: Area::Wiring,
        weight: Weight::Problem,
        what: "postward is asked before Postfix knows whether it takes the recipient",
        why: "mail for foreign domains and unknown users is greylisted: its 550 comes late, and the database fills",
        look: too_early,
    },
    Rule {
        id: "policy-before-relay-check",
        area: Area::Wiring,
        weight: Weight::Problem,
        what: "postward is asked before reject_unauth_destination",
        why: "whether strangers may relay must not depend on a policy service: with an OK this is an open relay",
        look: before_relay_check,
    },
    Rule {
        id: "policy-before-recipient-check",
        area: Area::Wiring,
        weight: Weight::Problem,
        what: "postward is asked about recipients that do not exist",
        why: "Postfix checks that they exist after all lists: they get 450 instead of 550, and fill the database",
        look: before_recipient_check,
    },
    Rule {
        id: "policy-asked-twice",
        area: Area::Wiring,
        weight: Weight::Notice,
        what: "postward is asked more than once about each recipient",
        why: "every question costs time, and the second gets the same answer",
        look: asked_twice,
    },
    Rule {
        id: "policy-only-warns",
        area: Area::Wiring,
        weight: Weight::Notice,
        what: "Postfix only logs what postward answers",
        why: "warn_if_reject is good for a trial; until it goes away nothing is refused or deferred",
        look: only_warns,
    },
    Rule {
        id: "submission-asks-policy",
        area: Area::Wiring,
        weight: Weight::Problem,
        what: "the submission service asks postward, as if its users were strangers",
        why: "it has inherited main.cf's restrictions: a user who did not log in is greylisted instead of told so, and \
              strangers deliver there past postscreen and what else stands before port 25",
        look: submission_asks,
    },
];

const RELAY_CHECK: &str = "reject_unauth_destination";
const RECIPIENT_CHECK: &str = "reject_unlisted_recipient";

/// For services of which none of the endpoints leads to postward.
fn not_asked(site: &Site) -> Vec<Symptom> {
    if site.postfix.for_strangers().next().is_none() {
        return vec![no_service(site)];
    }
    let views = site.postfix.for_strangers();
    views
        .filter(|view| !site.asks().iter().any(|it| it.view.service.name == view.service.name))
        .map(|view| symptom(site, view))
        .collect()
}

fn symptom(site: &Site, view: View<'_>) -> Symptom {
    let list = "smtpd_recipient_restrictions";
    let place = view.place(list);
    let written = site.postfix.written(&place).trim_end_matches([',', ' ']);
    let written = Some(written).filter(|written| !written.is_empty());
    let missing = missing(view, list, &view.restrictions(list));
    let question = format!("check_policy_service {}", site.question());
    let before = written.unwrap_or("permit_mynetworks, permit_sasl_authenticated");
    let restrictions: Vec<_> = [before].into_iter().chain(missing).chain([&*question]).collect();
    let elsewhere = site.postfix.policy_uses().into_iter().filter(|it| it.view.service.name == view.service.name);
    let elsewhere: Vec<_> = elsewhere.map(|it| it.endpoint).collect();
    let hint = match elsewhere.as_slice() {
        [] => String::new(),
        elsewhere => {
            format!("\nor, if postward is {}: name that in `listen` of the policy file", elsewhere.join(" or "))
        }
    };
    let cure = site.set(&place, &restrictions.join(", "));
    Symptom { setting: place.to_string(), value: or_empty(view.get(list)), cure: cure + &hint }
}

fn no_service(site: &Site) -> Symptom {
    let servers: Vec<_> =
        site.postfix.services().filter(View::is_smtp_server).map(|view| view.service.name.as_str()).collect();
    Symptom {
        setting: "master.cf".to_owned(),
        value: match servers.is_empty() {
            true => "there is no smtpd".to_owned(),
            false => format!("no service takes mail from strangers, only from users: {}", servers.join(", ")),
        },
        cure: "postconf -M 'smtp/inet=smtp inet n - y - - smtpd'".to_owned(),
    }
}

fn hidden_by_chroot(site: &Site) -> Vec<Symptom> {
    let hidden = |policy: &PolicyUse<'_>| Symptom {
        setting: policy.place().to_string(),
        value: format!("{} of the chrooted service {} is {}", policy.endpoint, policy.view.service.name, policy.target),
        cure: format!("in the policy file: listen: [\"{}\"]\n{}", site.socket_in_queue(), site.rewired(policy)),
    };
    site.asks().iter().filter(|policy| site.relation(policy) == Relation::HiddenByChroot).map(hidden).collect()
}

fn unreachable(site: &Site) -> Vec<Symptom> {
    let failed = |policy: &PolicyUse<'_>| {
        let error = site.facts.answers.get(&policy.target)?.as_ref().err()?;
        Some(Symptom {
            setting: format!("check_policy_service {}", policy.endpoint),
            value: error.clone(),
            cure: match &policy.target {
                Target::Unix(path) => format!("start postward, or look at its log; ls -l {}", path.display()),
                _ => "start postward, or look at its log".to_owned(),
            },
        })
    };
    site.asks().iter().filter(|policy| site.relation(policy) == Relation::Ours).filter_map(failed).collect()
}

/// postward has nothing to say before there is a recipient, and `smtpd_delay_reject=no` would ask it then.
fn too_early(site: &Site) -> Vec<Symptom> {
    let early = |policy: &PolicyUse<'_>| Symptom {
        setting: policy.place().to_string(),
        value: question(policy),
        cure: format!("move `{}` to the end of smtpd_recipient_restrictions", question(policy)),
    };
    site.asks().iter().filter(|policy| is_early(policy)).map(early).collect()
}

fn is_early(policy: &PolicyUse<'_>) -> bool {
    matches!(policy.list, "smtpd_client_restrictions" | "smtpd_helo_restrictions" | "smtpd_sender_restrictions")
}

fn before_relay_check(site: &Site) -> Vec<Symptom> {
    asked_without(site, RELAY_CHECK, |_| true)
}

/// Where Postfix does not check it at all, that is the finding (`unknown-recipients-taken`).
fn before_recipient_check(site: &Site) -> Vec<Symptom> {
    let checked_later = |policy: &PolicyUse<'_>| !is_no(policy.view.get("smtpd_reject_unlisted_recipient"));
    asked_without(site, RECIPIENT_CHECK, checked_later)
}

fn asked_without(site: &Site, restriction: &str, counts: fn(&PolicyUse<'_>) -> bool) -> Vec<Symptom> {
    let is_without = |policy: &&PolicyUse<'_>| counts(policy) && missing_before(policy).contains(&restriction);
    let symptom = |policy: &PolicyUse<'_>| Symptom {
        setting: policy.place().to_string(),
        value: policy.view.get(policy.list).to_owned(),
        cure: site.rewired(policy),
    };
    site.asks().iter().filter(is_without).map(symptom).collect()
}

/// What should stand before a question about a recipient, and does not. Nothing, where the question has to move anyway.
pub(super) fn missing_before(policy: &PolicyUse<'_>) -> Vec<&'static str> {
    if !policy.is_for_recipients() || is_early(policy) {
        return Vec::new();
    }
    missing(policy.view, policy.list, &policy.before)
}

/// What should stand before a place in a list, and does not; `before` is what does.
fn missing(view: View<'_>, list: &str, before: &[Restriction]) -> Vec<&'static str> {
    let passed: Vec<_> = lists_before(view, list).flat_map(|list| view.restrictions(list)).collect();
    let has = |is_it: fn(&Restriction) -> bool| passed.iter().chain(before).any(is_it);
    let relaying = Some(RELAY_CHECK).filter(|_| !has(Restriction::checks_relaying));
    let existing = Some(RECIPIENT_CHECK).filter(|_| !has(|restriction| restriction.name == RECIPIENT_CHECK));
    relaying.into_iter().chain(existing).collect()
}

/// The lists that a recipient has to pass before this one.
fn lists_before<'a>(view: View<'_>, list: &'a str) -> impl Iterator<Item = &'static str> + use<'a> {
    // Since Postfix 3.6, with this compatibility level; older ones have no such parameter.
    let (first, second) = match view.get("smtpd_relay_before_recipient_restrictions") {
        "yes" => ("smtpd_relay_restrictions", "smtpd_recipient_restrictions"),
        _ => ("smtpd_recipient_restrictions", "smtpd_relay_restrictions"),
    };
    let order = ["smtpd_client_restrictions", "smtpd_helo_restrictions", "smtpd_sender_restrictions", first, second];
    order.into_iter().take_while(move |other| *other != list)
}

fn asked_twice(site: &Site) -> Vec<Symptom> {
    let asks = site.asks();
    let recipients: Vec<_> = asks.iter().filter(|policy| policy.is_for_recipients()).collect();
    let again = |(at, policy): (usize, &&PolicyUse<'_>)| {
        let same = |other: &&&PolicyUse<'_>| other.view.service.name == policy.view.service.name;
        let first = recipients.iter().take(at).find(same)?;
        Some(Symptom {
            setting: policy.place().to_string(),
            value: format!("{}, and in {} as well", question(policy), first.list),
            cure: format!("take `{}` out of {}", question(policy), policy.place()),
        })
    };
    recipients.iter().enumerate().filter_map(again).collect()
}

fn only_warns(site: &Site) -> Vec<Symptom> {
    let symptom = |policy: &PolicyUse<'_>| Symptom {
        setting: policy.place().to_string(),
        value: format!("warn_if_reject {}", question(policy)),
        cure: "take out warn_if_reject; `mode: observe` in the policy file tries single checks".to_owned(),
    };
    site.asks().iter().filter(|policy| policy.only_warns).map(symptom).collect()
}

fn submission_asks(site: &Site) -> Vec<Symptom> {
    let uses = site.postfix.policy_uses();
    let asks = |view: &View<'_>| {
        let inherited = uses.iter().find(|it| {
            it.view.service.name == view.service.name
                && it.is_for_recipients()
                && site.relation(it) != Relation::Foreign
        })?;
        Some(Symptom {
            setting: view.own_place(inherited.list).to_string(),
            value: view.get(inherited.list).to_owned(),
            cure: site.set(&view.own_place(inherited.list), "permit_sasl_authenticated,reject"),
        })
    };
    site.postfix.for_submission().filter_map(|view| asks(&view)).collect()
}

fn question(policy: &PolicyUse<'_>) -> String {
    format!("check_policy_service {}", policy.argument)
}

pub(super) fn or_empty(value: &str) -> String {
    if value.is_empty() { "(empty)".to_owned() } else { value.to_owned() }
}
