//! `postward list add` and `remove`.

use std::time::Duration;

use crate::desk::{Desk, ask, beside, said};
use crate::list::with_entries;
use crate::support::{Postward, Transport, eventually};

#[test]
fn every_kind_of_entry_can_be_added_and_removed() {
    let desk = Desk::with_policy("");
    let entries = [
        ("allow --client 192.0.2.1", "client", "192.0.2.1"),
        ("deny --client 2001:DB8::/32", "client", "2001:db8::/32"),
        ("defer --client Example.ORG", "client", "example.org"),
        ("suspect --client .example.org", "client", ".example.org"),
        (r"skip=greylist --client /^mail\d+\.example\.org$/", "client", r"/^mail\d+\.example\.org$/"),
        ("allow --sender <>", "sender", "<>"),
        ("allow --sender Alice@Example.org", "sender", "alice@example.org"),
        ("allow --sender alice@", "sender", "alice@"),
        ("skip=access,greylist --recipient example.net", "recipient", "example.net"),
        ("Deny --recipient /^[a-z]{20}@/", "recipient", "/^[a-z]{20}@/"),
    ];
    for (id, (entry, field, pattern)) in (1..).zip(entries) {
        let said = desk.run(["list", "add"].into_iter().chain(entry.split(' '))).ok();
        assert_eq!(said.out, format!("added entry {id}\n"));
        let shown = desk.entries().pop().unwrap();
        assert_eq!(shown[field], pattern, "{entry}");
    }
    assert_eq!(desk.say("list remove 1 2 3").ok().out, "removed 3 entries\n");
    assert_eq!(desk.say("list remove 4").ok().out, "removed 1 entry\n");
    assert_eq!(desk.entries().len(), entries.len() - 4);
}

#[test]
fn wrong_entries_are_refused_with_what_was_probably_meant() {
    let desk = Desk::with_policy("");
    for (entry, words) in [
        ("allow", &["no pattern is given: name a client, a sender or a recipient"][..]),
        ("alow --client 192.0.2.1", &["`alow` is no action", "did you mean `allow`?"]),
        ("reject --client 192.0.2.1", &["did you mean `deny`?"]),
        ("skip --client 192.0.2.1", &["`skip` must name the checks to leave out, such as skip=greylist"]),
        ("skip=graylist --client 192.0.2.1", &["`skip=graylist` names no check", "did you mean `greylist`?"]),
        (
            "allow --client 192.0.2.1/24",
            &[
                "client: `192.0.2.1/24` names a host inside a network: was 192.0.2.0/24 meant, or the single address 192.0.2.1?",
            ],
        ),
        ("allow --client 2001:db8::1/64", &["was 2001:db8::/64 meant"]),
        ("allow --client 192.0.2.256", &["client: `192.0.2.256`"]),
        ("allow --client 192.0.2.0/33", &["192.0.2.0/33"]),
        ("allow --sender /[/", &["sender: `/[/` is no usable regular expression"]),
        ("allow --sender @example.org", &["sender: `@example.org`"]),
        ("allow --recipient <>", &["recipient: `<>` is the null sender, and nobody writes to it"]),
        (
            "allow --client 192.0.2.1 --expires 2020-01-01T00:00:00Z",
            &["--expires: 2020-01-01T00:00:00Z is over already"],
        ),
        ("allow --client 192.0.2.1 --expires 0s", &["is over already"]),
    ] {
        desk.run(["list", "add"].into_iter().chain(entry.split(' '))).failed(2, words);
    }
    desk.run(["list", "add", "allow", "--sender", ""]).failed(2, &["sender: the pattern is empty"]);
    desk.run(["list", "add", "allow", "--sender", "a b@example.org"]).failed(2, &["`a b@example.org` has a blank"]);
    assert!(!desk.path("postward.db").exists(), "what was refused leaves nothing behind");
}

#[test]
fn the_same_patterns_again_are_an_error_that_names_the_entry() {
    let desk =
        with_entries(&["allow --client 192.0.2.1 --comment first", "allow --client 192.0.2.1 --sender example.org"]);
    desk.say("list add deny --client 192.0.2.1").failed(
        1,
        &["entry 1 has the same patterns", "hint: --replace changes it, `postward list remove 1` removes it"],
    );
    assert_eq!(desk.entries()[0]["action"], "allow");
    let said = desk.say("list add deny --client 192.0.2.1/32 --replace").ok();
    assert_eq!(said.out, "changed entry 1\n", "another spelling of the same pattern");
    let entries = desk.entries();
    assert_eq!((&entries[0]["action"], &entries[0]["comment"]), (&"deny".into(), &serde_json::Value::Null));
    assert_eq!(entries.len(), 2);
    assert_eq!(desk.say("list add allow --client 192.0.2.9 --replace").ok().out, "added entry 3\n");
}

#[test]
fn an_id_that_is_not_there_is_told_and_the_others_are_removed() {
    let desk = with_entries(&["allow --client 192.0.2.1", "allow --client 192.0.2.2"]);
    let said = desk.say("list remove 7 1 9").ended(1);
    assert_eq!((said.out.as_str(), said.err.as_str()), ("removed 1 entry\n", "error: there are no entries 7, 9\n"));
    desk.say("list remove 7").ended(1);
    assert_eq!(desk.entries().len(), 1);
}

#[test]
fn an_id_is_never_given_twice() {
    let desk = with_entries(&["allow --client 192.0.2.1"]);
    desk.say("list remove 1").ok();
    assert_eq!(desk.say("list add allow --client 192.0.2.1").ok().out, "added entry 2\n");
}

#[test]
fn texts_of_any_kind_are_kept_and_shown_without_harm() {
    let texts = [
        r#"No "thanks" \ 'really'"#,
        "two\nlines\tand a tab",
        "größe 大きさ 🦀",
        "\u{1b}[2J\u{9b}31m\u{202e}",
        "  blanks  ",
        "# no comment",
        "100% $sure",
    ];
    let desk = Desk::with_policy("");
    for (number, text) in texts.iter().enumerate() {
        let client = format!("192.0.2.{number}");
        desk.run(["list", "add", "deny", "--client", &client, "--text", text, "--comment", text]).ok();
    }
    for (entry, text) in desk.entries().iter().zip(texts) {
        assert_eq!((entry["text"].as_str(), entry["comment"].as_str()), (Some(text), Some(text)));
    }
    for line in ["list show", "list show --format json", "list export", "list match --client 192.0.2.3"] {
        let shown = desk.say(line).ok().out;
        let harmful = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!shown.contains(harmful), "{line}: {shown:?}");
        assert!(line.contains("match") || shown.contains("größe 大きさ 🦀"), "{line}: {shown}");
    }
    assert_eq!(desk.say("list show").out.lines().count(), texts.len() + 1, "a line each");
}

#[test]
fn an_entry_ends_after_a_period_or_at_a_time() {
    let postward = Postward::install(Transport::Inet, "");
    beside(&postward, "list add deny --client 192.0.2.1 --expires 2h").ok();
    beside(&postward, "list add deny --client 192.0.2.2 --expires 2099-01-31T00:00:00Z").ok();
    let ends: Vec<_> =
        beside(&postward, "list show --format json").json().iter().map(|e| e["expires"].clone()).collect();
    assert!(ends[0].as_str().unwrap().ends_with('Z') && ends[0].as_str().unwrap().len() == 20, "{ends:?}");
    assert_eq!(ends[1], "2099-01-31T00:00:00Z");
    beside(&postward, "list add deny --client 192.0.2.3 --expires 2099-01-31").ok();
    let day = beside(&postward, "list match --client 192.0.2.3 --format json").ok().json().remove(0);
    assert_eq!(day["expires"], "2099-01-31T00:00:00Z", "a day begins at midnight in UTC");
    let denied = |client: &str| beside(&postward, &format!("list match --client {client}")).code == 0;
    assert!(denied("192.0.2.1") && denied("192.0.2.2"));
    postward.advance(Duration::from_secs(2 * 3600 + 1));
    assert!(!denied("192.0.2.1") && denied("192.0.2.2"));
}

#[test]
fn a_running_daemon_takes_up_changes() {
    let postward = Postward::start(Transport::Inet);
    let answer = || ask(&postward, "192.0.2.1", "a@example.org", "b@example.net");
    assert!(answer().starts_with("DEFER_IF_PERMIT 4.7.1 Greylisted"), "{}", answer());
    let mut add = postward.command(["list", "add", "deny", "--client", "192.0.2.1", "--text", "Not you"]);
    said(&mut add, b"").ok();
    eventually("the entry is in force", || answer() == "550 5.7.1 Not you");
    beside(&postward, "list remove 1").ok();
    eventually("the entry is gone", || answer().starts_with("DEFER_IF_PERMIT"));
}
