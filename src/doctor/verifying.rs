//! Are tags taken off where they should be, and after a guard?

use super::cleanup::Cleanup;
use super::postfix::{View, words};
use super::signing::signs_anywhere;
use super::wiring::or_empty;
use super::{Area, Rule, Site, Symptom, Weight};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "batv-not-verified",
        area: Area::Batv,
        weight: Weight::Problem,
        what: "mail gets a tag, and nothing takes it off again",
        why: "a bounce to a tagged address is refused with \"User unknown\"",
        look: not_verified,
    },
    Rule {
        id: "batv-rewrites-to",
        area: Area::Batv,
        weight: Weight::Problem,
        what: "tags are taken off To: and Cc: as well",
        why: "this breaks DKIM signatures, and asks postward about every address in every header",
        look: rewrites_to,
    },
    Rule {
        id: "batv-verify-unguarded",
        area: Area::Batv,
        weight: Weight::Problem,
        what: "Postfix asks postward about every recipient of every message, tagged or not",
        why: "while postward is down, all mail is put off with 451; with a guard before it, only tagged bounces",
        look: unguarded,
    },
    Rule {
        id: "batv-guard-misses-domain",
        area: Area::Batv,
        weight: Weight::Problem,
        what: "the guard lets no tags of a domain through that is in batv.domains",
        why: "bounces to its tagged addresses are refused with \"User unknown\"",
        look: guard_misses,
    },
    Rule {
        id: "batv-tag-stays",
        area: Area::Batv,
        weight: Weight::Problem,
        what: "tags are not taken off here: no_address_mappings",
        why: "the tagged address goes to the filter or the mailbox as it is; the map belongs to where mail comes back",
        look: tag_stays,
    },
];

fn not_verified(site: &Site) -> Vec<Symptom> {
    if !signs_anywhere(site) {
        return Vec::new();
    }
    let lacks = |cleanup: &Cleanup<'_>| cleanup.verifying().is_none();
    let symptom = |cleanup: Cleanup<'_>| Symptom {
        setting: cleanup.view.place("recipient_canonical_maps").to_string(),
        value: or_empty(cleanup.view.get("recipient_canonical_maps")),
        cure: format!(
            "{}\n{}",
            site.set(&cleanup.view.place("recipient_canonical_maps"), &guarded(site)),
            site.set(&cleanup.view.place("recipient_canonical_classes"), "envelope_recipient"),
        ),
    };
    site.cleanups_for_strangers().into_iter().filter(lacks).map(symptom).collect()
}

fn rewrites_to(site: &Site) -> Vec<Symptom> {
    let wrong = |cleanup: &Cleanup<'_>| cleanup.verifying().is_some_and(|(maps, _)| maps == "recipient_canonical_maps");
    classes(site, wrong, "recipient_canonical_classes", "envelope_recipient")
}

/// Cleanups that sign or verify, and do so not only in the envelope.
pub(super) fn classes(site: &Site, does: impl Fn(&Cleanup<'_>) -> bool, parameter: &str, right: &str) -> Vec<Symptom> {
    let is_wrong = |cleanup: &Cleanup<'_>| does(cleanup) && words(cleanup.view.get(parameter)) != [right];
    let symptom = |cleanup: Cleanup<'_>| {
        // It belongs to where the map is, or other maps would change their meaning.
        let maps = parameter.replace("_classes", "_maps");
        let place = match cleanup.view.place(&maps).service {
            Some(_) => cleanup.view.own_place(parameter),
            None => cleanup.view.place(parameter),
        };
        Symptom {
            setting: place.to_string(),
            value: cleanup.view.get(parameter).to_owned(),
            cure: site.set(&place, right),
        }
    };
    site.cleanups().into_iter().filter(is_wrong).map(symptom).collect()
}

fn unguarded(site: &Site) -> Vec<Symptom> {
    let symptom = |cleanup: Cleanup<'_>| {
        let (maps, table) = cleanup.verifying()?;
        if table.members.first().is_some_and(|guard| guard.kind != "socketmap") {
            return None;
        }
        let place = cleanup.view.place(maps);
        let written = site.postfix.written(&place);
        let list = if written.contains(&table.text) { written } else { cleanup.view.get(maps) };
        let guarded = format!("pipemap:{{ {}, {} }}", guard(site), table.text);
        Some(Symptom {
            setting: place.to_string(),
            value: cleanup.view.get(maps).to_owned(),
            cure: format!(
                "put contrib/postfix/batv-guard with your domains into Postfix's configuration directory, then\n{}",
                site.set(&place, &list.replacen(&table.text, &guarded, 1))
            ),
        })
    };
    site.cleanups().into_iter().filter_map(symptom).collect()
}

fn guard_misses(site: &Site) -> Vec<Symptom> {
    let symptom = |(guard, domain): &(String, String)| Symptom {
        setting: guard.clone(),
        value: format!("nothing for a tagged address of {domain}"),
        cure: format!(
            "add this line to it: /^(\"?prvs=[0-9]{{4}}[0-9a-f]{{6}}=.+@{})$/ ${{1}}",
            domain.replace('.', "\\.")
        ),
    };
    site.facts.guard_misses.iter().map(symptom).collect()
}

/// SMTP says yes to the tag, cleanup leaves it there.
fn tag_stays(site: &Site) -> Vec<Symptom> {
    let parameter = "receive_override_options";
    let stays = |view: &View<'_>| {
        words(view.get(parameter)).contains(&"no_address_mappings")
            && site.cleanup_of(*view).is_some_and(|cleanup| cleanup.verifying().is_some())
    };
    let symptom = |view: View<'_>| {
        let mut options = words(view.get(parameter));
        options.retain(|option| *option != "no_address_mappings");
        Symptom {
            setting: view.place(parameter).to_string(),
            value: view.get(parameter).to_owned(),
            cure: format!(
                "{}\nand set no_address_mappings for the service that takes mail back from the filter",
                site.set(&view.place(parameter), &options.join(","))
            ),
        }
    };
    site.postfix.for_strangers().filter(stays).map(symptom).collect()
}

fn guard(site: &Site) -> String {
    format!("regexp:{}/batv-guard", site.postfix.get("config_directory"))
}

fn guarded(site: &Site) -> String {
    let socketmap =
        site.batv_endpoints().first().map_or_else(|| "inet:127.0.0.1:10041".to_owned(), ToString::to_string);
    format!("pipemap:{{ {}, socketmap:{socketmap}:batv-verify }}", guard(site))
}
