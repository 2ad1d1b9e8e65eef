//! Other mail that goes to whoever was forged as a sender: reports, delay warnings, late bounces, answering machines.

use super::asking::{seconds, seconds_of};
use super::postfix::{LISTS, Place, PolicyUse, View, is_yes, words};
use super::site::Relation;
use super::wiring::or_empty;
use super::{Area, Rule, Site, Symptom, Weight};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "success-reports",
        area: Area::Backscatter,
        weight: Weight::Problem,
        what: "any stranger can ask for a success report, to a forged sender",
        why: "with NOTIFY=SUCCESS (RFC 3461) a \"Successful Mail Delivery Report\" goes to people who wrote nothing",
        look: success_reports,
    },
    Rule {
        id: "soft-bounce",
        area: Area::Backscatter,
        weight: Weight::Problem,
        what: "every rejection is only for now",
        why: "what should be refused is tried again for days, and bounced when it gets too old; meant for tests",
        look: soft_bounce,
    },
    Rule {
        id: "delay-warnings",
        area: Area::Backscatter,
        weight: Weight::Notice,
        what: "senders are told when their mail is delayed",
        why: "whenever mail waits in the queue, \"Delayed Mail\" goes to forged senders as well",
        look: delay_warnings,
    },
    Rule {
        id: "filter-after-queue",
        area: Area::Backscatter,
        weight: Weight::Notice,
        what: "mail is filtered after it was taken",
        why: "what the filter refuses is bounced, to people who wrote nothing; a setting does not tell whether it does",
        look: content_filter,
    },
    Rule {
        id: "callouts-to-senders",
        area: Area::Backscatter,
        weight: Weight::Notice,
        what: "Postfix asks the mail server of every sender whether the sender exists",
        why: "most are forged: their servers hear about mail they never sent, and list you for it (backscatterer.org)",
        look: callouts,
    },
    Rule {
        id: "autoresponder",
        area: Area::Backscatter,
        weight: Weight::Notice,
        what: "an answering machine may answer forged senders",
        why: "it must answer nobody but people who wrote to the user themselves (RFC 3834); Sieve's vacation does that",
        look: autoresponder,
    },
    Rule {
        id: "large-bounces",
        area: Area::Backscatter,
        weight: Weight::Notice,
        what: "bounces return more of the mail than usual",
        why: "each bounce to a forged sender carries that much of the spam",
        look: large_bounces,
    },
    Rule {
        id: "old-mail-bounced",
        area: Area::Backscatter,
        weight: Weight::Notice,
        what: "mail and bounces wait longer in the queue than usual",
        why: "what nobody takes is bounced after that time, to forged senders as well, who have long forgotten the spam",
        look: long_lifetimes,
    },
    Rule {
        id: "delivery-after-queue",
        area: Area::Backscatter,
        weight: Weight::Notice,
        what: "the server with the mailboxes may refuse mail that Postfix has taken",
        why: "who is over quota is known only there: such mail is bounced, to people who wrote nothing",
        look: delivery_may_refuse,
    },
];

/// RFC 3461 is offered to everybody by default. Users may keep it on submission.
fn success_reports(site: &Site) -> Vec<Symptom> {
    let (keywords, by_address) = ("smtpd_discard_ehlo_keywords", "smtpd_discard_ehlo_keyword_address_maps");
    let offers = |view: &View<'_>| {
        !words(view.get(keywords)).iter().any(|keyword| keyword.eq_ignore_ascii_case("dsn"))
            && view.get(by_address).is_empty()
    };
    let symptom = |view: View<'_>| {
        let mut discarded = words(view.get(keywords));
        discarded.retain(|keyword| *keyword != "silent-discard");
        let discarded = ["silent-discard"].into_iter().chain(discarded).chain(["dsn"]).collect::<Vec<_>>().join(", ");
        let mut cure = vec![site.set(&view.place(keywords), &discarded)];
        // What is set in main.cf is set for users, too.
        let users = site.postfix.for_submission().filter(|_| view.place(keywords).service.is_none());
        cure.extend(users.map(|users| site.set(&users.own_place(keywords), users.get(keywords))));
        Symptom {
            setting: view.place(keywords).to_string(),
            value: or_empty(view.get(keywords)),
            cure: cure.join("\n"),
        }
    };
    site.postfix.for_strangers().filter(offers).map(symptom).collect()
}

fn soft_bounce(site: &Site) -> Vec<Symptom> {
    main(site, "soft_bounce", is_yes, || site.set(&Place::main("soft_bounce"), "no"))
}

fn delay_warnings(site: &Site) -> Vec<Symptom> {
    let parameter = "delay_warning_time";
    main(
        site,
        parameter,
        |value| seconds(value).is_some_and(|time| time > 0),
        || site.set(&Place::main(parameter), "0h"),
    )
}

fn large_bounces(site: &Site) -> Vec<Symptom> {
    let parameter = "bounce_size_limit";
    main(
        site,
        parameter,
        |value| value.parse::<u64>().is_ok_and(|octets| octets > 50_000),
        || site.set(&Place::main(parameter), "50000"),
    )
}

fn content_filter(site: &Site) -> Vec<Symptom> {
    let parameter = "content_filter";
    let symptom = |view: View<'_>| Symptom {
        setting: view.place(parameter).to_string(),
        value: view.get(parameter).to_owned(),
        cure: "let the filter deliver or drop, never refuse (amavis: D_PASS or D_DISCARD), or make it a milter or an \
               smtpd_proxy_filter"
            .to_owned(),
    };
    site.postfix.for_strangers().filter(|view| !view.get(parameter).is_empty()).map(symptom).collect()
}

fn callouts(site: &Site) -> Vec<Symptom> {
    let asks = |view: View<'_>| {
        let list = LISTS.into_iter().find(|list| view.restricts(list, "reject_unverified_sender"))?;
        Some(Symptom {
            setting: view.place(list).to_string(),
            value: view.get(list).to_owned(),
            cure: "take out reject_unverified_sender; what it finds, SPF and reject_unknown_sender_domain find as well"
                .to_owned(),
        })
    };
    site.postfix.for_strangers().filter_map(asks).collect()
}

/// Postfix's defaults, whose usual unit is the day.
const USUAL_LIFETIME: &str = "5d";

fn long_lifetimes(site: &Site) -> Vec<Symptom> {
    let is_long = |value: &str| seconds_of(value, "d") > seconds(USUAL_LIFETIME);
    let look = |parameter| main(site, parameter, is_long, || site.set(&Place::main(parameter), USUAL_LIFETIME));
    ["maximal_queue_lifetime", "bounce_queue_lifetime"].into_iter().flat_map(look).collect()
}

/// Where the mailboxes are behind LMTP, and nobody but postward is asked about recipients: another policy service may well
/// be the mailboxes' own, which knows their quota.
fn delivery_may_refuse(site: &Site) -> Vec<Symptom> {
    let uses = site.postfix.policy_uses();
    let asks_another = |view: &View<'_>| {
        let other = |it: &&PolicyUse<'_>| it.view.service.name == view.service.name && it.is_for_recipients();
        uses.iter().filter(other).any(|it| site.relation(it) == Relation::Foreign)
    };
    if site.postfix.for_strangers().all(|view| asks_another(&view)) {
        return Vec::new();
    }
    let cure = "have Postfix ask the mailboxes' server before it takes mail: with Dovecot, its quota-status service by one more \
                check_policy_service; without quota there is nothing to do";
    let transports = ["virtual_transport", "mailbox_transport", "local_transport"].into_iter();
    let remote = transports.filter(|transport| site.postfix.get(transport).starts_with("lmtp:"));
    remote
        .map(|transport| Symptom {
            setting: transport.to_owned(),
            value: site.postfix.get(transport).to_owned(),
            cure: cure.to_owned(),
        })
        .collect()
}

/// Known by their names; what a `.forward` does nobody can see here.
fn autoresponder(site: &Site) -> Vec<Symptom> {
    let answers =
        |text: &str| ["vacation", "autorespon", "autoreply"].iter().any(|name| text.to_lowercase().contains(name));
    let pipes = site.postfix.services().map(|view| view.service).filter(|service| service.command == "pipe");
    let pipes = pipes.filter(|service| answers(&service.name) || answers(&service.arguments));
    let command = site.postfix.get("mailbox_command");
    let command =
        Some(("mailbox_command".to_owned(), command)).filter(|_| answers(command) || command.contains("procmail"));
    let copies = "recipient_bcc_maps";
    let copies = Some((copies.to_owned(), site.postfix.get(copies))).filter(|(_, tables)| answers(tables));
    let found = pipes.map(|service| (service.name.clone(), service.arguments.as_str())).chain(command).chain(copies);
    found
        .map(|(setting, value)| Symptom {
            setting,
            value: value.to_owned(),
            cure:
                "see that it answers neither `<>` nor mail marked as spam or bulk (RFC 3834), or use Sieve's vacation"
                    .to_owned(),
        })
        .collect()
}

/// A setting that there is but once.
fn main(site: &Site, parameter: &str, is_wrong: fn(&str) -> bool, cure: impl Fn() -> String) -> Vec<Symptom> {
    let value = site.postfix.get(parameter);
    if !is_wrong(value) {
        return Vec::new();
    }
    vec![Symptom { setting: parameter.to_owned(), value: value.to_owned(), cure: cure() }]
}
