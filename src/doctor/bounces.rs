//! Do the bounces come in here that are to be checked, and is postward asked about them?

use super::asking::seconds_of;
use super::postfix::{View, words};
use super::wiring::or_empty;
use super::{Area, Rule, Site, Symptom, Weight};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "batv-domain-foreign",
        area: Area::Batv,
        weight: Weight::Problem,
        what: "a domain of batv.domains is none that Postfix takes mail for",
        why: "bounces to its tagged addresses do not come in here; where they do, nobody knows the tags",
        look: domain_foreign,
    },
    Rule {
        id: "batv-bounces-not-asked",
        area: Area::Batv,
        weight: Weight::Problem,
        what: "bounces are to be judged at DATA, and Postfix does not ask then",
        why: "with `bounce: {at: data}` and nothing in smtpd_data_restrictions no bounce is ever refused",
        look: not_asked_at_data,
    },
    Rule {
        id: "batv-multiple-not-refused",
        area: Area::Batv,
        weight: Weight::Notice,
        what: "bounces to several recipients are not refused",
        why: "a genuine bounce has one; only at DATA it is known how many there are, and postward is not asked then",
        look: multiple_not_refused,
    },
    Rule {
        id: "batv-lifetime-short",
        area: Area::Batv,
        weight: Weight::Problem,
        what: "tags expire while mail still waits in Postfix's queue",
        why: "what then leaves has a tag that is good no more: genuine bounces to it are refused",
        look: lifetime_short,
    },
];

/// Only where all of Postfix's domains stand in main.cf: what a table holds is not known.
fn domain_foreign(site: &Site) -> Vec<Symptom> {
    let classes = ["mydestination", "virtual_mailbox_domains", "virtual_alias_domains", "relay_domains"];
    let all_known = classes.iter().all(|class| {
        words(site.postfix.get(class)).len() == site.postfix.domains(class).count()
            // The default, which means the domains in these tables, of which main.cf's own are none.
            || (*class == "virtual_alias_domains" && site.postfix.get(class) == site.postfix.get("virtual_alias_maps"))
    });
    let is_ours = |domain: &&str| {
        classes.iter().flat_map(|class| site.postfix.domains(class)).any(|ours| ours.eq_ignore_ascii_case(domain))
    };
    let symptom = |domain: &str| Symptom {
        setting: "batv: domains".to_owned(),
        value: domain.to_owned(),
        cure: format!(
            "take {domain} out of batv.domains, or name it in relay_domains and its users in relay_recipient_maps"
        ),
    };
    let domains = site.batv_domains();
    domains.iter().copied().filter(|domain| all_known && !is_ours(domain)).map(symptom).collect()
}

fn lifetime_short(site: &Site) -> Vec<Symptom> {
    let parameter = "maximal_queue_lifetime";
    let waits = seconds_of(site.postfix.get(parameter), "d").unwrap_or_default();
    let lifetime = site.policy.config.batv.lifetime;
    if site.batv_domains().is_empty() || lifetime.0.as_secs() > waits {
        return Vec::new();
    }
    vec![Symptom {
        setting: "batv: lifetime".to_owned(),
        value: format!("{lifetime}, while {parameter} = {}", site.postfix.get(parameter)),
        // Others' queues hold it as well before they send it back.
        cure: format!("in the policy file: batv: {{lifetime: {}d, …}}", waits.div_ceil(86_400) + 2),
    }]
}

fn not_asked_at_data(site: &Site) -> Vec<Symptom> {
    let is_at_data = site.bounce().is_some_and(|bounce| bounce.is_at_data);
    unasked_at_data(site).into_iter().filter(|_| is_at_data).collect()
}

fn multiple_not_refused(site: &Site) -> Vec<Symptom> {
    let wants = site.bounce().is_some_and(|bounce| !bounce.is_at_data && bounce.refuses_multiple);
    unasked_at_data(site).into_iter().filter(|_| wants).collect()
}

/// Where nobody looks at bounces once all their recipients are known.
fn unasked_at_data(site: &Site) -> Vec<Symptom> {
    let list = "smtpd_data_restrictions";
    let asks = site.asks();
    let is_asked = |view: &View<'_>| {
        asks.iter().any(|policy| policy.view.service.name == view.service.name && !policy.is_for_recipients())
            || (view.restricts(list, "reject_multi_recipient_bounce") && site.bounce().is_some_and(|it| !it.is_at_data))
    };
    let symptom = |view: View<'_>| {
        let place = view.place(list);
        let written = site.postfix.written(&place).trim_end_matches([',', ' ']);
        let separator = if written.is_empty() { "" } else { ", " };
        Symptom {
            setting: place.to_string(),
            value: or_empty(view.get(list)),
            cure: site.set(&place, &format!("{written}{separator}check_policy_service {}", site.question())),
        }
    };
    let views = site.postfix.for_strangers().filter(|view| !is_asked(view));
    views.filter(|_| !site.batv_domains().is_empty()).map(symptom).collect()
}
