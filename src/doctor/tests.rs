//! Settings and what is wrong with them. Every rule stands in a table here.

use std::collections::BTreeSet;
use std::path::Path;

use super::postfix::{Postfix, Printed, Target};
use super::*;
use crate::chain::Policy;
use crate::config::Draft;

/// The question that nothing is wrong with.
const USUAL: &str = "{ inet:127.0.0.1:10040, timeout=10s, default_action=DUNNO }";

/// Nothing is wrong with these; what a row of a table says comes on top.
const MAIN_CF: &str = "\
mail_version = 3.7.11
compatibility_level = 3.6
config_directory = /etc/postfix
queue_directory = /var/spool/postfix
mydestination = mx.example.org, localhost
local_recipient_maps = proxy:unix:passwd.byname hash:/etc/aliases
virtual_mailbox_domains = example.org
virtual_mailbox_maps = hash:/etc/postfix/mailboxes
virtual_transport = virtual
smtpd_reject_unlisted_recipient = yes
smtpd_relay_before_recipient_restrictions = yes
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination
smtpd_recipient_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination, \
    reject_unlisted_recipient, check_policy_service { inet:127.0.0.1:10040, timeout=10s, default_action=DUNNO }
smtpd_policy_service_timeout = 100s
smtpd_policy_service_try_limit = 2
smtpd_policy_service_default_action = 451 4.3.5 Server configuration problem
smtpd_discard_ehlo_keywords = silent-discard, dsn
soft_bounce = no
delay_warning_time = 0h
bounce_size_limit = 50000
maximal_queue_lifetime = 5
bounce_queue_lifetime = 5d
cleanup_service_name = cleanup
recipient_canonical_classes = envelope_recipient, header_recipient
sender_canonical_classes = envelope_sender, header_sender
";

const MASTER_CF: &str = "\
smtp inet n - y - - smtpd
pickup unix n - y 60 1 pickup
cleanup unix n - y - 0 cleanup
";

/// A site with these lines on top: of main.cf, of master.cf, or options of a service (`smtp/inet/name = value`). A line
/// of master.cf that begins with `-` takes that service away.
fn site(lines: &str, policy: &str) -> Site {
    let (mut main, mut services, mut overrides) = (MAIN_CF.to_owned(), MASTER_CF.to_owned(), String::new());
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('-')) {
        let key = line.split(" =").next().unwrap_or_default();
        let into = match line.split_once(" =") {
            None => &mut services,
            Some(_) if key.contains('/') => &mut overrides,
            Some(_) => &mut main,
        };
        into.push_str(line);
        into.push('\n');
    }
    let printed = Printed {
        written: main.clone(),
        expanded: main,
        services: services.lines().filter(|line| !lines.contains(&format!("-{line}"))).collect::<Vec<_>>().join("\n"),
        overrides: overrides.clone(),
        overrides_expanded: overrides,
    };
    let draft = Draft::parse(Path::new("policy.yaml"), policy.to_owned()).unwrap();
    let policy = Policy::without_keys(draft).unwrap();
    Site { postfix: Postfix::parse(&printed, None), policy, facts: Facts::default() }
}

fn ids(site: &Site) -> Vec<&'static str> {
    examine(site).iter().map(|finding| finding.id).collect()
}

/// The usual question, with another endpoint or other options.
fn asked(question: &str) -> String {
    let line = MAIN_CF.lines().find(|line| line.starts_with("smtpd_recipient_restrictions")).unwrap();
    line.replace(USUAL, question)
}

/// The usual question, and another one behind it.
fn asked_as_well(question: &str) -> String {
    asked(&format!("{USUAL}, check_policy_service {question}"))
}

/// The usual restrictions without one of them.
fn without(restriction: &str) -> String {
    asked(USUAL).replace(&format!("{restriction}, "), "")
}

/// What is wrong → the lines that make it so.
fn wiring() -> Vec<(&'static str, String)> {
    let own = |lines: &str| lines.to_owned();
    vec![
        ("policy-not-asked", asked("inet:127.0.0.1:10023")),
        ("policy-not-asked", own("smtpd_recipient_restrictions = reject_unauth_destination")),
        ("policy-not-asked", own("smtpd_recipient_restrictions =")),
        ("policy-not-asked", own("-smtp inet n - y - - smtpd")),
        ("policy-hidden-by-chroot", asked("{ unix:/run/postward/policy.sock, timeout=10s, default_action=DUNNO }")),
        (
            "policy-too-early",
            without("reject_unlisted_recipient").replace("smtpd_recipient", "smtpd_sender")
                + "\nsmtpd_recipient_restrictions =",
        ),
        ("policy-before-relay-check", without("reject_unauth_destination") + "\nsmtpd_relay_restrictions ="),
        (
            "policy-before-relay-check",
            without("reject_unauth_destination") + "\nsmtpd_relay_before_recipient_restrictions = no",
        ),
        ("policy-before-recipient-check", without("reject_unlisted_recipient")),
        (
            "policy-only-warns",
            asked("x").replace(
                "check_policy_service x",
                "warn_if_reject check_policy_service { inet:127.0.0.1:10040, timeout=10s, default_action=DUNNO }",
            ),
        ),
        ("policy-asked-twice", asked_as_well("{ inet:localhost:10040, timeout=10s, default_action=DUNNO }")),
        ("policy-option-unknown", asked("{ inet:127.0.0.1:10040, timeout=10s, default_action=DUNNO, retrylimit=2 }")),
        ("policy-option-unknown", asked_as_well("{ inet:127.0.0.1:10023, timeout = 5s }")),
        ("policy-no-default-action", asked("{ inet:127.0.0.1:10040, timeout=10s }")),
        ("policy-default-action-permits", asked("{ inet:127.0.0.1:10040, timeout=10s, default_action=OK }")),
        ("policy-default-action-permits", asked("{ inet:127.0.0.1:10040, timeout=10s, default_action=250 }")),
        ("policy-timeout-short", asked("{ inet:127.0.0.1:10040, timeout=8s, default_action=DUNNO }")),
        ("policy-timeout-long", asked("{ inet:127.0.0.1:10040, default_action=DUNNO }")),
        ("policy-timeout-long", asked("{ inet:127.0.0.1:10040, timeout=1m, default_action=DUNNO }")),
        ("policy-tried-once", own("smtpd_policy_service_try_limit = 1")),
        ("submission-asks-policy", own("submission inet n - y - - smtpd")),
        ("submission-asks-policy", own("192.0.2.1:465 inet n - y - - smtpd")),
    ]
}

fn backscatter() -> Vec<(&'static str, &'static str)> {
    vec![
        (
            "unknown-recipients-taken",
            "smtpd_reject_unlisted_recipient = NO\nsmtpd_recipient_restrictions = reject_unauth_destination, \
             check_policy_service { inet:127.0.0.1:10040, timeout=10s, default_action=DUNNO }",
        ),
        ("local-recipients-unknown", "local_recipient_maps ="),
        ("luser-relay-remote", "local_recipient_maps =\nluser_relay = $user@other.example.net"),
        ("relay-recipients-unknown", "relay_domains = example.net, mx.example.org"),
        ("mailbox-recipients-unknown", "virtual_mailbox_maps ="),
        ("backup-mx-unchecked", "smtpd_relay_restrictions = permit_mx_backup, reject_unauth_destination"),
        ("success-reports", "smtpd_discard_ehlo_keywords ="),
        ("success-reports", "smtpd_discard_ehlo_keywords = chunking"),
        ("soft-bounce", "soft_bounce = yes"),
        ("soft-bounce", "soft_bounce = Yes"),
        ("delay-warnings", "delay_warning_time = 4h"),
        ("filter-after-queue", "content_filter = smtp-amavis:[127.0.0.1]:10024"),
        ("filter-after-queue", "smtp/inet/content_filter = spamassassin"),
        ("callouts-to-senders", "smtpd_sender_restrictions = reject_unverified_sender"),
        ("autoresponder", "vacation unix - n n - - pipe flags=Rq user=vacation argv=/var/spool/vacation/vacation.pl"),
        ("autoresponder", "mailbox_command = /usr/bin/procmail"),
        ("autoresponder", "recipient_bcc_maps = regexp:/etc/postfix/autoreply"),
        ("large-bounces", "bounce_size_limit = 10000000"),
        ("old-mail-bounced", "maximal_queue_lifetime = 30"),
        ("old-mail-bounced", "bounce_queue_lifetime = 2w"),
        ("delivery-after-queue", "virtual_transport = lmtp:unix:private/dovecot-lmtp"),
        ("delivery-after-queue", "mailbox_transport = lmtp:inet:192.0.2.1:24"),
    ]
}

/// What shows only by trying.
fn tried() -> Vec<(&'static str, &'static str, Facts)> {
    let error = || "connection refused".to_owned();
    let endpoints = |written: &str| Some(vec![written.parse().unwrap()]);
    let pair = |what: &str| vec![(what.to_owned(), error())];
    let policy = Target::Inet("127.0.0.1".to_owned(), "10040".to_owned());
    let wildcard = |parameter: &str, answer: &str| Wildcard {
        parameter: parameter.to_owned(),
        table: "hash:/etc/postfix/x".to_owned(),
        domain: "example.org".to_owned(),
        answer: answer.to_owned(),
    };
    let alias = |answer: &str| Facts { wildcards: vec![wildcard("virtual_alias_maps", answer)], ..Facts::default() };
    let recipients = |parameter: &str| Facts { wildcards: vec![wildcard(parameter, "x")], ..Facts::default() };
    vec![
        ("policy-unreachable", "", Facts { answers: [(policy, Err(error()))].into(), ..Facts::default() }),
        ("recipients-wildcard", "", recipients("relay_recipient_maps")),
        ("recipients-wildcard", "virtual_transport = smtp:[192.0.2.1]", recipients("virtual_mailbox_maps")),
        ("", "", recipients("virtual_mailbox_maps")),
        ("alias-wildcard", "", alias("@example.net")),
        ("alias-wildcard", "", alias("alice, bob@example.net")),
        ("", "", alias("alice@example.org, bob")),
        ("listen-overruled", "", Facts { overruled: endpoints("inet:127.0.0.1:10023"), ..Facts::default() }),
        ("", "", Facts { overruled: endpoints("inet:127.0.0.1:10040"), ..Facts::default() }),
        ("database-unusable", "", Facts { database: Some(error()), ..Facts::default() }),
        ("dns-unanswered", "", Facts { dns: Some(error()), ..Facts::default() }),
        ("blocklist-unusable", "", Facts { blocklists: pair("bl.example"), ..Facts::default() }),
        ("batv-key-unusable", "", Facts { unusable_keys: pair("/etc/postward/batv.key"), ..Facts::default() }),
        ("batv-key-weak", "", Facts { weak_keys: pair("/etc/postward/batv.key"), ..Facts::default() }),
        ("source-unreadable", "", Facts { sources: pair("/var/lib/drop.txt"), ..Facts::default() }),
        (
            "batv-guard-misses-domain",
            "",
            Facts { guard_misses: vec![("regexp:/g".to_owned(), "example.org".to_owned())], ..Facts::default() },
        ),
    ]
}

const LISTEN: &str = "listen: [\"inet:127.0.0.1:10040\", \"unix:/run/postward/policy.sock\"]\n";

/// Signing and checking as contrib/postfix has it.
const BATV: &str = "\
recipient_canonical_maps = pipemap:{ regexp:/etc/postfix/batv-guard, socketmap:inet:127.0.0.1:10041:batv-verify }
recipient_canonical_classes = envelope_recipient
smtpd_data_restrictions = check_policy_service { inet:127.0.0.1:10040, timeout=10s, default_action=DUNNO }
cleanup-sign unix n - y - 0 cleanup
cleanup-sign/unix/sender_canonical_maps = socketmap:inet:127.0.0.1:10041:batv-sign
cleanup-sign/unix/sender_canonical_classes = envelope_sender
submission inet n - y - - smtpd
submission/inet/smtpd_recipient_restrictions = permit_sasl_authenticated,reject
submission/inet/smtpd_data_restrictions =
submission/inet/cleanup_service_name = cleanup-sign
pickup/unix/cleanup_service_name = cleanup-sign
";

/// What is wrong → the lines that make it so, and what the policy says about bounces.
fn batv() -> Vec<(&'static str, &'static str, &'static str)> {
    vec![
        ("batv-not-verified", "recipient_canonical_maps =", "{}"),
        ("batv-submission-unsigned", "submission/inet/cleanup_service_name = cleanup", "{}"),
        ("batv-pickup-unsigned", "pickup/unix/cleanup_service_name = cleanup", "{}"),
        (
            "batv-signs-strangers",
            "sender_canonical_maps = socketmap:inet:127.0.0.1:10041:batv-sign\nsender_canonical_classes = envelope_sender",
            "{}",
        ),
        ("batv-signs-headers", "cleanup-sign/unix/sender_canonical_classes = envelope_sender, header_sender", "{}"),
        ("batv-rewrites-to", "recipient_canonical_classes = envelope_recipient, header_recipient", "{}"),
        ("batv-verify-unguarded", "recipient_canonical_maps = socketmap:inet:127.0.0.1:10041:batv-verify", "{}"),
        (
            "batv-verify-unguarded",
            "recipient_canonical_maps =\nvirtual_alias_maps = hash:/x, proxy:socketmap:inet:127.0.0.1:10041:batv-verify",
            "{}",
        ),
        ("batv-tag-stays", "receive_override_options = no_address_mappings", "{}"),
        ("batv-domain-foreign", "virtual_mailbox_domains = example.net", "{}"),
        ("batv-bounces-not-asked", "smtpd_data_restrictions = reject_multi_recipient_bounce", "{at: data}"),
        ("batv-multiple-not-refused", "smtpd_data_restrictions =", "{at: rcpt}"),
        (
            "batv-map-not-served",
            "cleanup-sign/unix/sender_canonical_maps = socketmap:inet:127.0.0.1:10042:batv-sign",
            "{}",
        ),
        (
            "batv-map-hidden-by-chroot",
            "cleanup-sign/unix/sender_canonical_maps = socketmap:unix:/run/postward/map.sock:batv-sign",
            "{}",
        ),
    ]
}

/// A policy that signs example.org, with this about bounces.
fn signing(bounce: &str) -> String {
    format!(
        "{LISTEN}batv:\n  domains: [example.org]\n  keys: [{{id: 0, file: batv.key}}]\n  \
         socketmap: [\"inet:127.0.0.1:10041\", \"unix:/run/postward/map.sock\"]\nchain: [{{bounce: {bounce}}}]\n"
    )
}

#[test]
fn whatever_is_wrong_with_signing_is_found_and_nothing_else() {
    let policy = signing("{}");
    assert_eq!(ids(&site(BATV, &policy)), [""; 0]);
    for (id, lines, bounce) in batv() {
        let policy = signing(bounce);
        assert_eq!(ids(&site(&format!("{BATV}{lines}"), &policy)), [id], "{lines}");
    }
    let target = Target::Inet("127.0.0.1".to_owned(), "10041".to_owned());
    let facts = Facts { maps: [(target, Err("refused".to_owned()))].into(), ..Facts::default() };
    assert_eq!(ids(&Site { facts, ..site(BATV, &policy) }), ["batv-map-unreachable"]);
}

#[test]
fn tags_outlive_the_queue_and_are_made_for_this_host_alone() {
    for (written, instead, expected) in [
        ("  socketmap", "  lifetime: 6d\n  socketmap", &[][..]),
        ("  socketmap", "  lifetime: 5d\n  socketmap", &["batv-lifetime-short"]),
        ("socketmap: [\"inet:127.0.0.1", "socketmap: [\"inet:0.0.0.0", &["batv-map-for-everybody"]),
        (
            "socketmap: [\"inet:127.0.0.1",
            "socketmap: [\"inet:192.0.2.1:1\", \"inet:127.0.0.1",
            &["batv-map-for-everybody"],
        ),
        ("socketmap: [", "socketmap: [\"inet:[::1]:10041\", ", &[]),
    ] {
        let policy = signing("{}").replace(written, instead);
        assert_eq!(ids(&site(BATV, &policy)), expected, "{policy}");
    }
}

#[test]
fn bounces_are_not_to_be_refused_before_anything_is_signed() {
    for (bounce, expected) in [
        ("{}", &["batv-not-signed"][..]),
        ("{unsigned: defer}", &["batv-not-signed"]),
        ("{mode: observe}", &[]),
        ("{unsigned: ignore}", &[]),
    ] {
        let policy = signing(bounce);
        let lines = "smtpd_data_restrictions = reject_multi_recipient_bounce";
        assert_eq!(ids(&site(lines, &policy)), expected, "{bounce}");
    }
}

#[test]
fn every_misconfiguration_is_found_and_nothing_else() {
    assert_eq!(ids(&site("", LISTEN)), [""; 0]);
    let settings = wiring().into_iter().chain(backscatter().into_iter().map(|(id, lines)| (id, lines.to_owned())));
    for (id, lines) in settings {
        assert_eq!(ids(&site(&lines, LISTEN)), [id], "{lines}");
    }
}

#[test]
fn what_shows_only_by_trying_is_found_and_nothing_else() {
    for (id, lines, facts) in tried() {
        let expected: Vec<_> = Some(id).filter(|id| !id.is_empty()).into_iter().collect();
        assert_eq!(ids(&Site { facts, ..site(lines, LISTEN) }), expected, "{id}: {lines}");
    }
}

#[test]
fn what_may_look_wrong_is_not_found() {
    for lines in [
        // Another policy service may have any options that Postfix knows.
        &asked_as_well("inet:127.0.0.1:12340"),
        &asked("{ inet:127.0.0.1:10040, timeout=10s, default_action=DUNNO, policy_context=mx }"),
        &asked("{ inet:localhost:10040, timeout=30, { default_action = 451 4.3.0 Sorry } }"),
        &asked("{ inet:10040, timeout=10s, default_action=PREPEND }"),
        // In front of the relay check, but behind the one that Postfix looks at first.
        &without("reject_unauth_destination"),
        "smtpd_reject_unlisted_recipient = no",
        // The mailboxes' own policy service knows their quota.
        &format!("virtual_transport = lmtp:unix:private/dovecot-lmtp\n{}", asked_as_well("inet:127.0.0.1:12340")),
        "recipient_bcc_maps = hash:/etc/postfix/archive",
        // Postfix asks the server behind whether the recipient exists.
        "relay_domains = example.net\nsmtpd_relay_restrictions = reject_unauth_destination, reject_unverified_recipient",
        "luser_relay = postmaster@other.example.net",
        "local_recipient_maps =\nluser_relay = postmaster",
        "smtpd_discard_ehlo_keyword_address_maps = cidr:/etc/postfix/dsn",
        // Services where no stranger gets in.
        "submission inet n - y - - smtpd\nsubmission/inet/smtpd_recipient_restrictions = permit_sasl_authenticated,reject",
        "127.0.0.1:10025 inet n - y - - smtpd\n127.0.0.1:10025/inet/smtpd_recipient_restrictions = permit_mynetworks,reject",
    ] {
        assert_eq!(ids(&site(lines, LISTEN)), [""; 0], "{lines}");
    }
}

#[test]
fn services_behind_postscreen_and_without_chroot_are_looked_at() {
    let socket = asked("{ unix:/run/postward/policy.sock, timeout=10s, default_action=DUNNO }");
    let postscreen = "-smtp inet n - y - - smtpd\nsmtp inet n - y - 1 postscreen\nsmtpd pass - - n - - smtpd\n";
    assert_eq!(ids(&site(&format!("{postscreen}{socket}"), LISTEN)), [""; 0]);
    assert_eq!(ids(&site(&format!("{postscreen}{}", asked("inet:1")), LISTEN)), ["policy-not-asked"]);
    let below_queue = socket.replace("unix:/run/postward", "unix:postward");
    let listen = LISTEN.replace("/run/", "/var/spool/postfix/");
    assert_eq!(ids(&site(&below_queue, &listen)), [""; 0]);
    assert_eq!(ids(&site(&below_queue.replace("unix:", "unix:/"), &listen)), [""; 0]);
}

#[test]
fn a_restriction_class_is_looked_into() {
    let lines = "smtpd_restriction_classes = grey\ngrey = check_policy_service inet:127.0.0.1:10040";
    let list = format!("{lines}\n{}", asked("x").replace("check_policy_service x", "grey"));
    assert_eq!(ids(&site(&list, LISTEN)), ["policy-no-default-action", "policy-timeout-long"]);
}

#[test]
fn classes_that_name_each_other_are_not_followed_for_ever() {
    let all = ["a b"; 30].join(" ");
    let site =
        site(&format!("smtpd_restriction_classes = a, b\na = {all}\nb = {all}\nsmtpd_helo_restrictions = a"), LISTEN);
    let view = site.postfix.for_strangers().next().unwrap();
    assert_eq!(view.restrictions("smtpd_helo_restrictions").len(), 1000);
}

#[test]
fn all_cures_of_one_list_are_the_same_and_cure_it() {
    let lines = "smtpd_relay_restrictions =\nsmtpd_recipient_restrictions = permit_mynetworks, \
         warn_if_reject check_policy_service { inet:127.0.0.1:10040, tmeout=10s, try_limit=1 }, check_client_access \
         hash:/x";
    let findings = examine(&site(lines, LISTEN));
    let cures: BTreeSet<_> = findings.iter().filter(|it| it.id != "policy-only-warns").map(|it| &*it.cure).collect();
    let right = "smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination, reject_unlisted_recipient, \
         warn_if_reject check_policy_service { inet:127.0.0.1:10040, timeout=10s, try_limit=2, default_action=DUNNO }, \
         check_client_access hash:/x";
    assert_eq!(cures.into_iter().collect::<Vec<_>>(), [format!("postconf -e '{right}'")]);
    assert_eq!(ids(&site(&format!("smtpd_relay_restrictions =\n{right}"), LISTEN)), ["policy-only-warns"]);
}

#[test]
fn a_cure_names_the_service_and_the_directory() {
    let mut other = site("smtp/inet/smtpd_recipient_restrictions = a", LISTEN);
    other.postfix = Postfix::parse(
        &Printed {
            expanded: MAIN_CF.to_owned(),
            services: MASTER_CF.to_owned(),
            overrides_expanded:
                "smtp/inet/soft = '1'\nsmtp/inet/smtpd_recipient_restrictions = reject_unlisted_recipient".to_owned(),
            ..Printed::default()
        },
        Some(Path::new("/etc/postfix out")),
    );
    let [finding] = &examine(&other)[..] else { panic!("one") };
    assert!(
        finding.cure.starts_with("postconf -c '/etc/postfix out' -P 'smtp/inet/smtpd_recipient_restrictions="),
        "{finding:?}"
    );
}

#[test]
fn names_are_unique_and_every_rule_is_in_a_table_and_in_the_documentation() {
    let all: Vec<_> = rules().map(|rule| rule.id).collect();
    let names: BTreeSet<_> = all.iter().copied().collect();
    assert_eq!(names.len(), all.len());
    let is_name = |name: &str| name.bytes().all(|octet| octet.is_ascii_lowercase() || octet == b'-');
    assert!(all.iter().all(|name| is_name(name)), "{all:?}");
    let mut tried_out: BTreeSet<_> = wiring().into_iter().map(|(id, _)| id).collect();
    tried_out.extend(backscatter().into_iter().map(|(id, _)| id));
    tried_out.extend(batv().into_iter().map(|(id, _, _)| id));
    tried_out.extend(["batv-not-signed", "batv-map-unreachable", "batv-lifetime-short", "batv-map-for-everybody"]);
    tried_out.extend(tried().into_iter().map(|(id, _, _)| id));
    let missing: Vec<_> = names.difference(&tried_out).collect();
    assert_eq!(missing, [&""; 0], "no table has them");
    let page = include_str!("../../contrib/doc/doctor.md");
    let untold: Vec<_> = names.iter().filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert_eq!(untold, [&""; 0], "contrib/doc/doctor.md does not know them");
}
