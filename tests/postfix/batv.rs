//! Signed senders, and the bounces that come back to them.

use std::time::Duration;

use crate::batv_site::{DOMAINS, Site, letter};

const ACCEPTED: &str = "250 2.1.5 Ok";
const DAY: Duration = Duration::from_secs(86_400);

/// What is configured for the bounces of strangers, with the defaults.
const USUAL: &str = "{}";

fn refused_by_postward(reply: &str) -> bool {
    reply.starts_with("550 5.7.1 ")
}

fn unknown(reply: &str) -> bool {
    reply.starts_with("550 5.1.1 ") && reply.contains("User unknown")
}

/// The address inside a tag; `None` for what has none.
fn core(tagged: &str) -> Option<String> {
    let (before, rest) = tagged.split_once("prvs=")?;
    let (tag, rest) = rest.split_once('=')?;
    (tag.len() == 10).then(|| format!("{before}{rest}"))
}

#[test]
fn what_leaves_is_signed_and_nobody_sees_it() {
    let site = Site::open(USUAL);
    let sessions = [site.submission(), site.server_behind()];
    for mut session in sessions {
        for sender in
            ["alice@example.test", "\"john doe\"@example.test", "erin@inner.example.test", "ALICE@Example.Test"]
        {
            let received = site.sent(&mut session, sender);
            assert_eq!(core(&received.sender).as_deref(), Some(sender), "{}", received.sender);
            assert_eq!(received.recipients, ["dave@elsewhere.example"]);
            for header in ["From", "Reply-To"] {
                assert_eq!(received.message.headers(header), [format!("<{sender}>")]);
            }
        }
    }
    site.postfix.sendmail("alice@example.test", "dave@elsewhere.example", &letter("alice@example.test", "by sendmail"));
    assert_eq!(core(&site.world.message("by sendmail").sender).as_deref(), Some("alice@example.test"));
}

#[test]
fn what_is_not_ours_or_signed_already_leaves_as_it_is() {
    let site = Site::open(USUAL);
    let signed = site.tagged("alice@example.test");
    let too_long = format!("{}@example.test", "a".repeat(49));
    let mut session = site.submission();
    for sender in ["", "carol@optout.example.test", "someone@example.org", &signed, &too_long] {
        assert_eq!(site.sent(&mut session, sender).sender, sender);
    }
}

#[test]
fn a_stranger_who_claims_to_be_one_of_us_gets_no_tag() {
    let site = Site::open(USUAL);
    let mut session = site.stranger();
    assert_eq!(session.attempt("alice@example.test", "bob@example.test"), ACCEPTED);
    assert!(session.data("forged").starts_with("250 "));
    let [message] = &site.postfix.delivered("bob", 1)[..] else { unreachable!("one was asked for") };
    assert_eq!(message.headers("Return-Path"), ["<alice@example.test>"]);
}

#[test]
fn an_address_has_one_tag_a_day() {
    let site = Site::open(USUAL);
    let tags = [site.tagged("alice@example.test"), site.tagged("alice@example.test")];
    site.postward.advance(DAY);
    let tomorrow = site.tagged("alice@example.test");
    // The first two may be on both sides of midnight.
    assert!(tags[0] == tags[1] || tags[1] == tomorrow, "{tags:?}");
    assert_ne!(tags[0], tomorrow);
}

#[test]
fn a_bounce_reaches_whoever_has_sent_and_nobody_else() {
    let site = Site::open(USUAL);
    let [alice, john] = ["alice@example.test", "\"john doe\"@example.test"].map(|sender| site.tagged(sender));
    for (recipient, accepted) in [
        (alice.as_str(), true),
        (&alice.to_uppercase(), true), // some mailers shout
        (&john, true),
        (&format!("{alice}."), true),
        ("alice@example.test", false),
        ("\"john doe\"@example.test", false),
        ("postmaster@example.test", true), // RFC 5321 section 4.5.1
        ("carol@optout.example.test", true),
    ] {
        let reply = site.answer("", recipient);
        assert!(if accepted { reply == ACCEPTED } else { refused_by_postward(&reply) }, "{recipient}: {reply}");
    }
    for forged in [
        alice.replace("alice", "bob"),
        alice.replace("alice", "nobody"),
        format!("prvs=0999abcdef={}", "alice@example.test"),
    ] {
        for sender in ["", "friend@example.org"] {
            let reply = site.answer(sender, &forged);
            assert!(unknown(&reply), "{sender} to {forged}: {reply}");
        }
    }
    let mut session = site.stranger();
    assert_eq!(session.attempt("", &alice), ACCEPTED);
    assert!(session.data("returned").starts_with("250 "));
    let [message] = &site.postfix.delivered("alice", 1)[..] else { unreachable!("one was asked for") };
    assert_eq!(message.headers("Subject"), ["returned"]);
    assert_eq!(message.headers("Delivered-To"), ["alice@example.test"]);
}

#[test]
fn a_person_may_write_to_a_tag_for_ever_a_bounce_may_not() {
    let site = Site::open(USUAL);
    let tagged = site.tagged("alice@example.test");
    assert_eq!(site.answer("friend@example.org", &tagged), ACCEPTED);
    site.postward.advance(6 * DAY);
    assert_eq!(site.answer("", &tagged), ACCEPTED);
    site.postward.advance(3 * DAY);
    let late = site.answer("", &tagged);
    assert!(refused_by_postward(&late), "{late}");
    let mut session = site.stranger();
    assert_eq!(session.attempt("friend@example.org", &tagged), ACCEPTED);
    assert!(session.data("late").starts_with("250 "));
    assert_eq!(site.postfix.delivered("alice", 1)[0].headers("Delivered-To"), ["alice@example.test"]);
}

#[test]
fn a_bounce_to_a_sender_behind_the_gateway_arrives_there_without_its_tag() {
    let site = Site::open(USUAL);
    let tagged = site.sent(&mut site.server_behind(), "erin@inner.example.test").sender;
    let mut session = site.stranger();
    let bare = session.attempt("", "erin@inner.example.test");
    assert!(refused_by_postward(&bare), "{bare}");
    assert_eq!(session.attempt("", &tagged), ACCEPTED);
    assert!(session.data("returned to Erin").starts_with("250 "));
    let received = site.world.message("returned to Erin");
    assert_eq!((received.sender.as_str(), received.recipients), ("", vec!["erin@inner.example.test".to_owned()]));
}

#[test]
fn what_cannot_be_delivered_from_here_comes_back_to_its_sender() {
    let site = Site::open(USUAL);
    let tagged = site.tagged("alice@example.test");
    // Accepted from ourselves and unknown behind: Postfix bounces it itself.
    let mut session = site.submission();
    assert_eq!(session.attempt("alice@example.test", "nobody@elsewhere.example"), ACCEPTED);
    assert!(session.data("no such user").starts_with("250 "));
    let [bounce] = &site.postfix.delivered("alice", 1)[..] else { unreachable!("one was asked for") };
    assert_eq!(bounce.headers("X-Original-To"), [tagged]);
    assert_eq!(bounce.headers("Subject"), ["Undelivered Mail Returned to Sender"]);
}

#[test]
fn the_guard_lets_the_tags_of_every_domain_of_ours_through_and_nothing_else() {
    const GUARD: &str = "regexp:DIR/etc/batv-guard";
    let site = Site::open(USUAL);
    for maps in site.maps() {
        for local in ["alice", "\"john doe\"", "+", "ALICE"] {
            for address in DOMAINS.map(|domain| format!("{local}@{domain}")) {
                let signed = site.postfix.look_up(&format!("socketmap:{maps}:batv-sign"), &address).unwrap();
                assert_eq!(site.postfix.look_up(GUARD, &signed).as_ref(), Some(&signed));
                assert_eq!(site.postfix.look_up(GUARD, &signed.to_uppercase()), Some(signed.to_uppercase()));
                let verified = site.postfix.look_up(&format!("socketmap:{maps}:batv-verify"), &signed);
                assert_eq!(verified, Some(address));
            }
        }
    }
    for address in [
        "alice@example.test",
        "prvs@example.test",
        "prvs=alice@example.test",
        "prvs=0785afa14d@example.test",
        "prvs=0785afa14d=@example.test",
        "prvs=0785afa14d=alice@example.org",
        "prvs=0785afa14d=alice@exampleXtest",
        "prvs=0785afa14d=alice@sub.example.test",
        "prvs=0785afa14d=alice@example.test.example.org",
        "xprvs=0785afa14d=alice@example.test",
        "prvs=alice=0785afa14d@example.test",
    ] {
        assert_eq!(site.postfix.look_up(GUARD, address), None, "{address}");
    }
}

#[test]
fn ordinary_mail_causes_no_lookup() {
    let site = Site::open(USUAL);
    for (sender, recipient) in [
        ("friend@example.org", "alice@example.test"),
        ("prvs=0785afa14d=friend@example.org", "alice@example.test"),
        ("", "alice@example.test"),
    ] {
        let mut session = site.stranger();
        if session.attempt(sender, recipient) == ACCEPTED {
            assert!(session.data("ordinary").starts_with("250 "));
        }
    }
    site.postfix.delivered("alice", 2);
    let mut session = site.postfix.local_session();
    assert_eq!(session.attempt("friend@example.org", "prvs=0785afa14d=dave@elsewhere.example"), ACCEPTED);
    assert!(session.data("to somebody else's tag").starts_with("250 "));
    site.world.message("to somebody else's tag");
    assert_eq!(site.lookups(), 0, "{}", site.postward.log());
    site.tagged("alice@example.test");
    assert!(site.lookups() > 0, "what was counted is nothing: {}", site.postward.log());
}

#[test]
fn while_the_daemon_is_stopped_ordinary_mail_flows_and_bounces_are_let_in() {
    let mut site = Site::open(USUAL);
    let tagged = site.tagged("alice@example.test");
    assert!(site.postward.stop().success());
    let mut session = site.stranger();
    for sender in ["friend@example.org", ""] {
        assert_eq!(session.attempt(sender, "alice@example.test"), ACCEPTED);
        assert!(session.data("meanwhile").starts_with("250 "));
    }
    site.postfix.delivered("alice", 2);
    // These are not lost: whoever sends them tries again.
    let reply = session.attempt("", &tagged);
    assert!(reply.starts_with("451 4.3.0 "), "{reply}");
    let mut session = site.submission();
    assert_eq!(session.attempt("alice@example.test", "dave@elsewhere.example"), ACCEPTED);
    let reply = session.data("later");
    assert!(reply.starts_with("451 4.3.0 "), "{reply}");
    site.postward.serve();
    assert_eq!(site.answer("", &tagged), ACCEPTED);
}

#[test]
fn a_bounce_has_one_recipient() {
    let site = Site::open(USUAL);
    let [alice, bob] = ["alice@example.test", "bob@example.test"].map(|sender| site.tagged(sender));
    let mut session = site.stranger();
    session.mail("");
    assert_eq!([session.rcpt(&alice), session.rcpt(&bob)], [ACCEPTED; 2]);
    let reply = session.data("to two");
    assert!(refused_by_postward(&reply) && reply.contains("<DATA>"), "{reply}");
    session.mail("");
    assert_eq!(session.rcpt(&alice), ACCEPTED);
    let bare = session.rcpt("bob@example.test");
    assert!(refused_by_postward(&bare), "{bare}");
    assert!(session.data("to one").starts_with("250 "));
    site.postfix.delivered("alice", 1);
}

#[test]
fn in_the_first_week_nothing_is_refused_but_the_log_says_what_would_be() {
    let site = Site::open("{mode: observe}");
    let tagged = site.tagged("alice@example.test");
    assert_eq!([site.answer("", &tagged), site.answer("", "alice@example.test")], [ACCEPTED; 2]);
    let log = site.postward.log();
    let observed = log.lines().filter(|line| line.contains("mode=\"observe\"") && line.contains("bounce-unsigned"));
    assert_eq!(observed.count(), 1, "{log}");
    site.change("{}");
    assert_eq!(site.answer("", &tagged), ACCEPTED);
    assert!(refused_by_postward(&site.answer("", "alice@example.test")));
    site.change("{mode: observe}");
    assert_eq!(site.answer("", "alice@example.test"), ACCEPTED);
}

#[test]
fn at_data_a_callout_hears_that_the_address_exists_and_a_bounce_is_refused_all_the_same() {
    let site = Site::open("{at: data}");
    let tagged = site.tagged("alice@example.test");
    let mut callout = site.stranger();
    assert_eq!(callout.attempt("", "alice@example.test"), ACCEPTED);
    assert_eq!(callout.command("QUIT"), "221 2.0.0 Bye");
    let mut session = site.stranger();
    assert_eq!(session.attempt("", "alice@example.test"), ACCEPTED);
    let reply = session.data("never sent");
    assert!(refused_by_postward(&reply) && reply.contains("<DATA>"), "{reply}");
    assert_eq!(session.attempt("", &tagged), ACCEPTED);
    assert!(session.data("returned").starts_with("250 "));
    site.postfix.delivered("alice", 1);
}
