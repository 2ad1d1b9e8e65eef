//! What keys are for: recognising who comes again, and nobody else.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{core, recipient_key, sender_key};
use crate::mail::{Mailbox, ReversePath};

fn key(address: &str) -> String {
    sender_key(&ReversePath::parse(address))
}

/// Formats as they are seen in the wild, with documentation domains.
#[rustfmt::skip]
const MACHINES: &[(&str, &str)] = &[
    // Mailman
    ("users-bounces+alice=example.net@lists.example.org", "users-bounces@lists.example.org"),
    ("users-bounces+lists+users=example.net@lists.example.org", "users-bounces@lists.example.org"),
    ("python-3-bounces@lists.example.org", "python-3-bounces@lists.example.org"),
    // mlmmj
    ("users+bounces-1234-alice=example.net@lists.example.org", "users@lists.example.org"),
    // ezmlm
    ("users-return-123-alice=example.net@lists.example.org", "users-return-#-#@lists.example.org"),
    ("users-return-4567-@lists.example.org", "users-return-#-@lists.example.org"),
    ("return-123-alice=example.net@lists.example.org", "return-#-#@lists.example.org"),
    // Postfix, with XVERP
    ("owner-users+alice=example.net@lists.example.org", "owner-users@lists.example.org"),
    ("owner-users+m123@lists.example.org", "owner-users@lists.example.org"),
    ("owner-users@lists.example.org", "owner-users@lists.example.org"),
    // SmartList
    ("bounce-users=alice=example.net@lists.example.org", "bounce-users=#@lists.example.org"),
    ("bounce-12345-alice=example.net@lists.example.org", "bounce-#-#@lists.example.org"),
    ("bounce-12345-jean-luc=example.net@lists.example.org", "bounce-#-jean-#@lists.example.org"),
    // Groups.io, Google Groups
    ("bounce+64575+163154+4520527+8129362@lists.example.org", "bounce@lists.example.org"),
    ("users+bncBCXYZ123ABC@groups.example.org", "users@groups.example.org"),
    // Yahoo! Groups
    ("sentto-1234567-8901-1600000000-alice=example.net@returns.groups.example.org", "sentto-#-#-#-#@returns.groups.example.org"),
    // Amazon SES
    ("0100017256ce988a-0c59f90f-9c38-48d2-9438-d86142479b74-000000@ses.example.com", "#-#-#@ses.example.com"),
    ("01020193efd924cb-4e48dd8b-0599-4a87-8084-b51c410b859b-000000@eu-west-1.ses.example.com", "#-#-#@eu-west-1.ses.example.com"),
    // Amazon
    ("20190224101108c7052c9bcc7f4abb90251e862cd0p0na@bounces.shop.example", "#@bounces.shop.example"),
    // Mailgun
    ("bounce+b6a1c9.3e5f41-alice=example.net@mg.example.com", "bounce@mg.example.com"),
    // SendGrid
    ("bounces+45329440-6cd3-alice=example.net@em1847.example.com", "bounces@em1847.example.com"),
    // Mailchimp, Mandrill
    ("bounce-mc.us2_61234567.1123456-1a2b3c4d5e@mail7.example.com", "bounce-mc.us2_#.#-#@mail7.example.com"),
    ("bounce-mc.us2_6.1-alice=example.net@mail7.example.com", "bounce-mc.us2_#.#-#@mail7.example.com"),
    ("bounce-md_30481620.56d62bbc.v1-b1680d9a313d4549b67f7bf03b3ed6fd@mandrill.example.com", "bounce-md_#.#.v1-#@mandrill.example.com"),
    // Brevo
    ("bounces-133768474-alice=example.net@gt.d.example.com", "bounces-#-#@gt.d.example.com"),
    ("bounces-470616010-2104611724@gw.d.example.com", "bounces-#-#@gw.d.example.com"),
    // SparkPost
    ("msprvs1=20570G1NGbo_G=bounces-274689-4@bounce.example.com", "bounces-#-#@bounce.example.com"),
    // Salesforce
    ("info=example.com__0-1r12zvjmnf8rqu.l9azxrxo3x5g2pzm@um8.bnc.crm.example", "info=example.com__#-#.#@um8.bnc.crm.example"),
    ("bounce-123_HTML-45678901-234567-7891011-123@bounce.e.example.com", "bounce-#_html-#-#-#-#@bounce.e.example.com"),
    // HubSpot
    ("1axbxs7kkx8aamjd1wi3shc7x8nwmzkrbh1k4l-alice=example.net@bf05.example.com", "#-#@bf05.example.com"),
    // Marketo
    ("102-ABC-345.0.59595.0.0.4718.9.2212143@mktomail.example", "#-abc-#.#.#.#.#.#.#.#@mktomail.example"),
    // Google: calendars, alerts, everybody who works there
    ("3X9kYXwMKCnQkUoYggYdW.UgeiWem-VWnWdfgfYfm.gjY@flex--alice.bounces.google.com", "#@flex--alice.bounces.google.com"),
    ("3Wy8RZwYKCj4wtvzjmlttlqj.htrvjrz-ij0jqstslsz.twl@calendar.bounces.google.com", "#@calendar.bounces.google.com"),
    // Exchange Online, when the original address is too long
    ("bounces+SRS=DmMzc=V3@tenant.example", "bounces@tenant.example"),
    // Facebook, GitHub and other notifications
    ("notification+kjdm1234abcd@mail.example", "notification@mail.example"),
    ("notifications-8812-99@mail.example", "notifications-#-#@mail.example"),
    ("noreply-1f2e3d4c5b6a@example.com", "noreply-#@example.com"),
    ("no-reply-20261121@example.com", "no-reply-#@example.com"),
    ("return-b443a1b34703-ddad3f5708=10@mail.example", "return-#-#=#@mail.example"),
    // a UUID alone, a UUID and a name
    ("550e8400-e29b-41d4-a716-446655440000@relay.example", "#@relay.example"),
    ("news.550e8400-e29b-41d4-a716-446655440000@relay.example", "news.#@relay.example"),
    // Postmark has one address for all
    ("pm_bounces@pm-bounces.example.com", "pm_bounces@pm-bounces.example.com"),
];

#[test]
fn machines_are_recognised_by_what_stays_the_same() {
    for (address, expected) in MACHINES {
        assert_eq!(key(address), *expected, "{address}");
        assert_eq!(key(&key(address)), *expected, "key of the key of {address}");
    }
}

#[test]
fn the_key_of_a_key_is_the_key() {
    for (address, expected) in [
        ("alice.+lists", "alice."),
        ("alice+lists@example.org..", "alice@example.org"),
        // a name of the forwarder's that bounces go by, and its domain
        ("SRS0=HHHH=TT=my-return.example=a1@example.org", "srs0=my-return.example=a1@example.org"),
        ("SRS0=HHHH=TT=example.org=a@b.bounces.google.com", "srs0=example.org=a@b.bounces.google.com"),
    ] {
        assert_eq!(key(address), expected);
        assert_eq!(key(expected), expected);
    }
}

#[test]
fn different_lists_have_different_keys() {
    for (one, other) in [
        ("users-bounces+alice=example.net@lists.example.org", "devel-bounces+alice=example.net@lists.example.org"),
        ("users-return-1-alice=example.net@lists.example.org", "devel-return-1-alice=example.net@lists.example.org"),
        ("bounce-users=alice=example.net@lists.example.org", "bounce-devel=alice=example.net@lists.example.org"),
        ("owner-users-alice=example.net@lists.example.org", "owner-devel-alice=example.net@lists.example.org"),
        ("python-2-bounces@lists.example.org", "python-3-bounces@lists.example.org"),
        ("bounces+1-a=example.net@em1.example.com", "bounces+1-a=example.net@em2.example.com"),
        ("3abc.def@flex--alice.bounces.google.com", "3abc.def@flex--bob.bounces.google.com"),
        (
            "info=example.com__0-l9azxrxo3x5g2pzm@um8.bnc.crm.example",
            "info=example.net__0-l9azxrxo3x5g2pzm@um8.bnc.crm.example",
        ),
    ] {
        assert_ne!(key(one), key(other), "{one} and {other}");
    }
}

#[test]
fn people_stay_what_they_are() {
    for address in [
        "john.1985@example.org",
        "user2@example.org",
        "10001@example.org",
        "4915112345678@example.org",
        // telephone and register numbers
        "06151-123456@example.org",
        "850112-1234@example.org",
        "deed@example.org",
        "cafe@example.org",
        "deadbeef@example.org",
        "info.de@example.org",
        "alice.smith@example.org",
        "0x1f@example.org",
        "anna.24.12.1985@example.org",
        "max-1970-2020@example.org",
        "abe12345.dad67890@example.org",
        "l33th4x0r.n00bm4ster@example.org",
        "a1b2c3d4e5f6@example.org",
        "customer-1234567@example.org",
        // no mark, and no more than the address of somebody
        "alice-bob=example.net@example.org",
        "returned2sender@example.org",
        "owner@example.org",
        "john.12345@bounce.example",
        "alice@bounces.google.com",
        "größe.1985@example.org",
        "o'brien@example.org",
        "john doe@example.org",
        "a@b@example.org",
        "+1555@example.org",
        "alice",
        "@example.org",
        "@",
    ] {
        assert_eq!(key(address), address);
    }
}

#[test]
fn nested_tags_cost_no_more_than_their_length() {
    let long = |tag: &str| format!("{}alice@example.org", tag.repeat(64 * 1024 / tag.len()));
    let start = Instant::now();
    for tag in
        ["prvs=0785afa14d=", "prvs=", "btv1==1==", "msprvs1=1=", "srs0=h=t=a.b=", "srs0+h+t+a.b+", "srs1=h=a.b=="]
    {
        let mailbox = Mailbox::parse(&long(tag));
        let inside = core(&mailbox);
        assert_eq!(inside.as_ref().and_then(core), None, "{tag}");
        assert!(recipient_key(&mailbox).len() <= mailbox.as_str().len(), "{tag}");
    }
    for word in ["a", "1", "+", "=", "-1", "bounce-", "a=b.c-", "550e8400-"] {
        assert!(key(&long(word)).len() <= long(word).len(), "{word}");
    }
    // Milliseconds are expected; squared, it would be minutes.
    assert!(start.elapsed() < Duration::from_secs(10));
}

/// Local parts as people have them: names, initials, years, numbers, words that look hexadecimal.
fn person() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        "[a-z]{1,12}",
        "[a-f]{3,8}",
        prop::sample::select(vec!["alice", "bob", "smith", "deed", "cafe", "beef", "info", "de", "facade", "müller"])
            .prop_map(str::to_owned),
    ]
    // Words that only a machine has in its address are not names.
    .prop_filter("a name", |name| !key(&format!("{name}-1@example.org")).contains('#'));
    let number = prop_oneof!["[0-9]{1,4}", "(19|20)[0-9]{2}", "0x[0-9a-f]{2}"];
    let word = prop_oneof![
        5 => name.clone(),
        2 => (name, number.clone()).prop_map(|(name, number)| name + &number),
        1 => number,
    ];
    (word.clone(), prop::collection::vec((prop::sample::select(vec![".", "-", "_", ""]), word), 0..3))
        .prop_map(|(first, rest)| rest.into_iter().fold(first, |local, (separator, word)| local + separator + &word))
}

fn domain() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["example.org", "mail.example.org", "example.net", "example.com"])
}

/// Signatures around a local part, in every dialect and any case. Where tag and local part are swapped, a local part
/// that is itself a proper tag cannot be told from one.
fn signed(local: &str) -> impl Strategy<Value = String> + use<> {
    let local = local.to_owned();
    let is_tag_like = local.chars().all(|c| c.is_ascii_hexdigit());
    (0..6, "[0-9]", 0..1000u16, "[0-9a-fA-F]{6}", "[0-9a-zA-Z]{8,13}", any::<bool>()).prop_map(
        move |(dialect, number, day, signature, token, upper)| {
            let tagged = match dialect {
                0 => format!("prvs={number}{day:03}{signature}={local}"),
                1 => format!("prvs={day:03}{signature}={local}"),
                2 if !is_tag_like => format!("prvs={local}={number}{day:03}{signature}"),
                3 => format!("btv1=={token}=={local}"),
                4 => format!("msprvs1={token}={local}"),
                _ => format!("{local}+{token}"),
            };
            if upper { tagged.to_uppercase() } else { tagged }
        },
    )
}

proptest! {
    #[test]
    fn people_are_never_merged(people in prop::collection::vec((person(), domain()), 2..40)) {
        let mut seen = HashMap::new();
        for (local, domain) in people {
            let address = format!("{local}@{domain}");
            let other = seen.entry(key(&address)).or_insert_with(|| address.clone());
            prop_assert_eq!(&*other, &address);
        }
    }

    #[test]
    fn a_person_is_the_same_with_any_tag(
        (local, tagged) in person().prop_flat_map(|local| (Just(local.clone()), signed(&local))),
        domain in domain(),
    ) {
        let (bare, tagged) = (format!("{local}@{domain}"), format!("{tagged}@{domain}"));
        prop_assert_eq!(key(&tagged), key(&bare));
        prop_assert_eq!(recipient_key(&Mailbox::parse(&tagged)), recipient_key(&Mailbox::parse(&bare)));
        prop_assert_eq!(core(&Mailbox::parse(&tagged)), Some(Mailbox::parse(&bare)));
    }

    #[test]
    fn a_forwarded_person_is_the_same_every_day(
        (local, days) in person().prop_flat_map(|local| (
            Just(local.clone()),
            prop::collection::vec(("[0-9a-zA-Z+/]{4}", "[A-Z2-7]{2}", signed(&local)), 2),
        )),
        separator in prop::sample::select(vec!["=", "+", "-"]),
    ) {
        let forwarded = |(hash, time, local): &(String, String, String)|
            format!("SRS0{separator}{hash}={time}=example.org={local}@fwd.example");
        let twice = |(hash, time, local): &(String, String, String)|
            format!("SRS1={hash}=fwd.example={separator}{hash}={time}=example.org={local}@second.example");
        let (today, tomorrow) = (&days[0], &days[1]);
        prop_assert_eq!(key(&forwarded(today)), format!("srs0=example.org={local}@fwd.example"));
        prop_assert_eq!(key(&forwarded(today)), key(&forwarded(tomorrow)));
        prop_assert_eq!(key(&twice(today)), key(&twice(tomorrow)));
        prop_assert_ne!(key(&twice(today)), key(&forwarded(today)));
        prop_assert_eq!(core(&Mailbox::parse(&twice(today))), Some(Mailbox::parse(&format!("{local}@example.org"))));
    }

    #[test]
    fn case_and_extension_make_no_difference(local in person(), extension in "[a-z0-9.=-]{0,20}", domain in domain()) {
        let bare = key(&format!("{local}@{domain}"));
        prop_assert_eq!(&key(&format!("{}@{}", local.to_uppercase(), domain.to_uppercase())), &bare);
        prop_assert_eq!(&key(&format!("{local}+{extension}@{domain}")), &bare);
    }

    #[test]
    fn keys_of_people_are_their_own_keys(local in person(), domain in domain()) {
        let once = key(&format!("{local}@{domain}"));
        prop_assert_eq!(key(&once), once);
    }

    #[test]
    fn anything_has_a_key_and_at_most_one_core(
        address in "((?i:prvs=|btv1==|msprvs1=|srs[01][=+-])|bounce|[0-9a-f]{1,9}|[-+=/._@#*]|[a-z]{1,3}|\\PC){0,24}",
    ) {
        let mailbox = Mailbox::parse(&address);
        prop_assert!(key(&address).len() <= mailbox.as_str().len());
        prop_assert!(recipient_key(&mailbox).len() <= mailbox.as_str().len());
        prop_assert_eq!(core(&mailbox).as_ref().and_then(core), None);
    }
}
