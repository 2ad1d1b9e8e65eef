//! Mail that is taken although nobody can have it: it will bounce, to whoever was forged as its sender.

use super::postfix::{Place, View, before_data, is_no, words};
use super::wiring::missing_before;
use super::{Area, Rule, Site, Symptom, Weight};

/// Why all of these matter.
const BOUNCES: &str = "mail to unknown users is taken and then bounced, to people who wrote nothing";

/// What refuses unknown users by asking the server behind.
const ASK_BEHIND: &str = "reject_unverified_recipient";

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "unknown-recipients-taken",
        area: Area::Backscatter,
        weight: Weight::Problem,
        what: "Postfix does not check that recipients exist",
        why: BOUNCES,
        look: not_checked,
    },
    Rule {
        id: "local-recipients-unknown",
        area: Area::Backscatter,
        weight: Weight::Problem,
        what: "Postfix does not know who there is in mydestination",
        why: BOUNCES,
        look: local_unknown,
    },
    Rule {
        id: "luser-relay-remote",
        area: Area::Backscatter,
        weight: Weight::Problem,
        what: "mail to unknown users is forwarded to another host",
        why: "what that host refuses is bounced, to people who wrote nothing",
        look: luser_relay,
    },
    Rule {
        id: "relay-recipients-unknown",
        area: Area::Backscatter,
        weight: Weight::Problem,
        what: "Postfix does not know who there is in relay_domains",
        why: BOUNCES,
        look: relay_unknown,
    },
    Rule {
        id: "mailbox-recipients-unknown",
        area: Area::Backscatter,
        weight: Weight::Problem,
        what: "Postfix does not know who there is in virtual_mailbox_domains",
        why: BOUNCES,
        look: mailbox_unknown,
    },
    Rule {
        id: "recipients-wildcard",
        area: Area::Backscatter,
        weight: Weight::Problem,
        what: "a table knows every address of a domain",
        why: BOUNCES,
        look: wildcard,
    },
    Rule {
        id: "alias-wildcard",
        area: Area::Backscatter,
        weight: Weight::Problem,
        what: "an alias sends every address of a domain on to another",
        why: "mail to unknown users is taken, and what the other end refuses is bounced, to people who wrote nothing",
        look: alias_wildcard,
    },
    Rule {
        id: "backup-mx-unchecked",
        area: Area::Backscatter,
        weight: Weight::Problem,
        what: "Postfix takes all mail for domains that name it as their MX",
        why: "it does not know their users: mail to unknown ones is taken, and bounced when the main MX refuses it",
        look: mx_backup,
    },
];

fn not_checked(site: &Site) -> Vec<Symptom> {
    let parameter = "smtpd_reject_unlisted_recipient";
    let is_off = |view: &View<'_>| is_no(view.get(parameter)) && !is_listed(view, "reject_unlisted_recipient");
    let asks = site.asks();
    let symptom = |view: View<'_>| {
        let place = view.place(parameter);
        // It has to be listed as well, or postward is asked first.
        let ask = asks.iter().find(|ask| ask.view.service.name == view.service.name && !missing_before(ask).is_empty());
        let cures: Vec<_> = [site.set(&place, "yes")].into_iter().chain(ask.map(|ask| site.rewired(ask))).collect();
        symptom(&place, view.get(parameter), cures.join("\n"))
    };
    site.postfix.for_strangers().filter(is_off).map(symptom).collect()
}

fn local_unknown(site: &Site) -> Vec<Symptom> {
    if !site.postfix.get("luser_relay").is_empty() {
        return Vec::new();
    }
    unknown(site, "mydestination", "local_recipient_maps", || {
        site.set(&Place::main("local_recipient_maps"), "proxy:unix:passwd.byname $alias_maps")
    })
}

fn relay_unknown(site: &Site) -> Vec<Symptom> {
    let maps = "relay_recipient_maps";
    unknown(site, "relay_domains", maps, || name_or_ask(site, maps, "hash:/etc/postfix/relay_recipients"))
}

fn mailbox_unknown(site: &Site) -> Vec<Symptom> {
    let maps = "virtual_mailbox_maps";
    unknown(site, "virtual_mailbox_domains", maps, || name_or_ask(site, maps, "hash:/etc/postfix/virtual_mailboxes"))
}

/// A table of who there is, or a question to the server behind (ADDRESS_VERIFICATION_README).
fn name_or_ask(site: &Site, maps: &str, table: &str) -> String {
    format!(
        "{}\nand name there who there is, one `user@domain x` a line; or ask the server behind: put\n{ASK_BEHIND} at the \
         end of smtpd_recipient_restrictions, and\n{}",
        site.set(&Place::main(maps), table),
        site.set(&Place::main("unverified_recipient_reject_code"), "550"),
    )
}

/// Domains of a class, and no table of those who are there. Postfix then takes every address (ADDRESS_CLASS_README).
fn unknown(site: &Site, domains: &str, maps: &str, cure: impl Fn() -> String) -> Vec<Symptom> {
    let is_unknown = |view: &View<'_>| view.get(maps).is_empty() && !is_listed(view, ASK_BEHIND);
    let is_other = |domain: &&str| {
        // Before compatibility level 2, relay_domains has those of mydestination in it.
        domains == "mydestination" || !words(site.postfix.get("mydestination")).contains(domain)
    };
    let domains: Vec<_> = words(site.postfix.get(domains)).into_iter().filter(is_other).collect();
    if domains.is_empty() {
        return Vec::new();
    }
    let value = format!("(empty), for {}", domains.join(", "));
    let views = site.postfix.for_strangers().filter(is_unknown);
    views.map(|view| symptom(&view.place(maps), &value, cure())).collect()
}

/// A local address, a file or a command is an end; another host may refuse (local(8)).
fn luser_relay(site: &Site) -> Vec<Symptom> {
    let relay = site.postfix.get("luser_relay");
    let is_remote =
        relay.rsplit_once('@').is_some_and(|(_, host)| !words(site.postfix.get("mydestination")).contains(&host));
    let is_reached = site.postfix.get("local_recipient_maps").is_empty();
    if !is_remote || !is_reached {
        return Vec::new();
    }
    let cure = format!(
        "{}\n{}",
        site.set(&Place::main("luser_relay"), ""),
        site.set(&Place::main("local_recipient_maps"), "proxy:unix:passwd.byname $alias_maps")
    );
    vec![symptom(&Place::main("luser_relay"), relay, cure)]
}

/// In a table of recipients.
fn wildcard(site: &Site) -> Vec<Symptom> {
    let wildcards = site.facts.wildcards.iter().filter(|it| it.parameter != "virtual_alias_maps");
    let found = wildcards.filter(|wildcard| {
        // virtual(8) puts that into a mailbox: a catch-all, which bounces nothing.
        let is_mailbox =
            wildcard.parameter == "virtual_mailbox_maps" && site.postfix.get("virtual_transport") == "virtual";
        !is_mailbox && !site.postfix.for_strangers().all(|view| is_listed(&view, ASK_BEHIND))
    });
    found
        .map(|wildcard| Symptom {
            setting: wildcard.parameter.clone(),
            value: format!("{} knows @{}: {}", wildcard.table, wildcard.domain, wildcard.answer),
            cure: format!("name every user of {} in {} and take the wildcard out", wildcard.domain, wildcard.table),
        })
        .collect()
}

/// `@a → @b` and `@a → x@remote`; a single local user is a catch-all, which bounces nothing.
fn alias_wildcard(site: &Site) -> Vec<Symptom> {
    let aliases = site.facts.wildcards.iter().filter(|it| it.parameter == "virtual_alias_maps");
    aliases
        .filter(|alias| words(&alias.answer).iter().any(|target| !is_catch_all(site, target)))
        .map(|alias| Symptom {
            setting: alias.parameter.clone(),
            value: format!("{} sends @{} to {}", alias.table, alias.domain, alias.answer),
            cure: format!("name every alias of {} in {} and take the wildcard out", alias.domain, alias.table),
        })
        .collect()
}

fn is_catch_all(site: &Site, target: &str) -> bool {
    let ours = ["mydestination", "virtual_mailbox_domains", "virtual_alias_domains"];
    match target.rsplit_once('@') {
        None => true,
        Some(("", _)) => false,
        Some((_, domain)) => ours.iter().any(|class| words(site.postfix.get(class)).contains(&domain)),
    }
}

fn mx_backup(site: &Site) -> Vec<Symptom> {
    let lists = ["smtpd_relay_restrictions", "smtpd_recipient_restrictions"];
    let on = |view: View<'_>| {
        let list = lists.into_iter().find(|list| view.restricts(list, "permit_mx_backup"))?;
        let cure =
            "take out permit_mx_backup, name the domains in relay_domains and their users in relay_recipient_maps";
        Some(symptom(&view.place(list), view.get(list), cure.to_owned()))
    };
    site.postfix.for_strangers().filter_map(on).collect()
}

/// Whether a restriction is looked at for each recipient.
fn is_listed(view: &View<'_>, restriction: &str) -> bool {
    before_data().any(|list| view.restricts(list, restriction))
}

fn symptom(place: &Place, value: &str, cure: String) -> Symptom {
    Symptom { setting: place.to_string(), value: value.to_owned(), cure }
}
