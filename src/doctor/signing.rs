//! Are senders signed where they should be, and only there?

use super::cleanup::Cleanup;
use super::postfix::{Place, View};
use super::verifying::classes;
use super::{Area, Rule, Site, Symptom, Weight};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "batv-not-signed",
        area: Area::Batv,
        weight: Weight::Problem,
        what: "bounces without a tag are refused, and no mail gets a tag",
        why: "every bounce to your users is refused, genuine ones as well",
        look: not_signed,
    },
    Rule {
        id: "batv-submission-unsigned",
        area: Area::Batv,
        weight: Weight::Problem,
        what: "mail that users hand in here gets no tag",
        why: "the bounces to it are refused as forged",
        look: submission_unsigned,
    },
    Rule {
        id: "batv-pickup-unsigned",
        area: Area::Batv,
        weight: Weight::Notice,
        what: "mail by sendmail(1) gets no tag",
        why: "the bounces to it (cron, web forms) are refused as forged",
        look: pickup_unsigned,
    },
    Rule {
        id: "batv-signs-strangers",
        area: Area::Batv,
        weight: Weight::Problem,
        what: "strangers' mail is signed if its sender is forged to be yours",
        why: "the forger gets a tag that is good for days: signing needs a cleanup service of its own",
        look: signs_strangers,
    },
    Rule {
        id: "batv-signs-headers",
        area: Area::Batv,
        weight: Weight::Problem,
        what: "From: and Reply-To: are signed as well",
        why: "everybody sees the tags, and answers to addresses that expire",
        look: signs_headers,
    },
];

const CLEANUP_SIGN: &str = "cleanup-sign";

fn not_signed(site: &Site) -> Vec<Symptom> {
    let Some(bounce) = site.bounce().filter(|bounce| bounce.is_enforced) else { return Vec::new() };
    if site.batv_domains().is_empty() || !bounce.refuses_unsigned || signs_anywhere(site) {
        return Vec::new();
    }
    vec![Symptom {
        setting: "bounce: unsigned".to_owned(),
        value: format!("refused or deferred, for {}", site.batv_domains().join(", ")),
        cure:
            "wire it as contrib/postfix/batv.master.cf.snippet says, and set `bounce: {mode: observe}` in the policy \
               file \
               until a week has passed"
                .to_owned(),
    }]
}

fn submission_unsigned(site: &Site) -> Vec<Symptom> {
    let symptom = |view: View<'_>| unsigned(site, view);
    site.postfix.for_submission().filter_map(symptom).collect()
}

fn pickup_unsigned(site: &Site) -> Vec<Symptom> {
    let pickup = site.postfix.services().filter(|view| view.service.command == "pickup");
    pickup.filter_map(|view| unsigned(site, view)).collect()
}

/// A way in whose cleanup does not sign, although there is one that does.
fn unsigned(site: &Site, view: View<'_>) -> Option<Symptom> {
    let signing = site.cleanups().into_iter().find(|cleanup| cleanup.signing().is_some())?;
    let own = site.cleanup_of(view);
    if site.batv_domains().is_empty() || own.is_some_and(|cleanup| cleanup.signing().is_some()) {
        return None;
    }
    let parameter = "cleanup_service_name";
    let name = signing.view.service.name.trim_end_matches("/unix");
    Some(Symptom {
        setting: view.own_place(parameter).to_string(),
        value: view.get(parameter).to_owned(),
        cure: site.set(&view.own_place(parameter), name),
    })
}

fn signs_strangers(site: &Site) -> Vec<Symptom> {
    let symptom = |cleanup: Cleanup<'_>| {
        let place = cleanup.view.place("sender_canonical_maps");
        let table = cleanup.signing()?.text.clone();
        Some(Symptom {
            setting: place.to_string(),
            value: cleanup.view.get("sender_canonical_maps").to_owned(),
            cure: [
                format!("take {table} out of {place}, and let a cleanup of its own sign:"),
                format!(
                    "postconf {}-M '{CLEANUP_SIGN}/unix={CLEANUP_SIGN} unix n - y - 0 cleanup'",
                    site.directory_option()
                ),
                site.set(&own(CLEANUP_SIGN, "sender_canonical_maps"), &table),
                site.set(&own(CLEANUP_SIGN, "sender_canonical_classes"), "envelope_sender"),
                site.set(
                    &Place {
                        service: Some("submission/inet".to_owned()),
                        parameter: "cleanup_service_name".to_owned(),
                    },
                    CLEANUP_SIGN,
                ),
            ]
            .join("\n"),
        })
    };
    site.cleanups_for_strangers().into_iter().filter_map(symptom).collect()
}

fn signs_headers(site: &Site) -> Vec<Symptom> {
    let wrong = |cleanup: &Cleanup<'_>| cleanup.signing().is_some();
    classes(site, wrong, "sender_canonical_classes", "envelope_sender")
}

fn own(service: &str, parameter: &str) -> Place {
    Place { service: Some(format!("{service}/unix")), parameter: parameter.to_owned() }
}

/// Whether any senders are signed.
pub(super) fn signs_anywhere(site: &Site) -> bool {
    site.cleanups().iter().any(|cleanup| cleanup.signing().is_some())
}
