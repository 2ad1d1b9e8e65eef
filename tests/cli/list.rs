//! `postward list show` and `match`: what is in the access lists.

use crate::desk::{Desk, fields};
use crate::support::GREYLIST;

const FIELDS: [&str; 9] = ["id", "client", "sender", "recipient", "action", "text", "comment", "expires", "source"];

/// A desk with entries, each a line of words after `list add`.
pub(crate) fn with_entries(entries: &[&str]) -> Desk {
    let desk = Desk::with_policy(GREYLIST);
    for entry in entries {
        desk.run(["list", "add"].into_iter().chain(entry.split(' '))).ok();
    }
    desk
}

#[test]
fn an_entry_is_shown_as_a_table_and_as_json() {
    let desk = with_entries(&["deny --client 192.0.2.0/24 --expires 2099-01-31T12:00:00+01:00 --text No"]);
    let table = "ID  ACTION  CLIENT        SENDER  RECIPIENT  EXPIRES               SOURCE  TEXT  COMMENT\n\
                 1   deny    192.0.2.0/24  -       -          2099-01-31T11:00:00Z  -       No    -\n";
    assert_eq!(desk.say("list show").ok().out, table);
    let json = desk.say("list show --format json").ok().out;
    assert_eq!(fields(&json), FIELDS);
    let expected = r#"{"id":1,"client":"192.0.2.0/24","sender":null,"recipient":null,"action":"deny","text":"No","comment":null,"expires":"2099-01-31T11:00:00Z","source":null}"#;
    assert_eq!(json.trim_end(), expected);
}

#[test]
fn lists_without_entries_say_so_to_people_only() {
    let desk = with_entries(&["allow --client 192.0.2.1"]);
    desk.say("list remove 1").ok();
    let table = desk.say("list show").ok();
    assert_eq!((table.out.as_str(), table.err.as_str()), ("", "the lists have no entries\n"));
    let json = desk.say("list show --format json").ok();
    assert_eq!((json.out.as_str(), json.err.as_str()), ("", ""));
}

#[test]
fn the_entry_that_decides_is_the_first_of_those_that_match() {
    let desk = with_entries(&[
        "allow --client 192.0.2.0/24 --comment office",
        "deny --client 192.0.2.0/28 --expires 2099-01-01T00:00:00Z",
        "skip=greylist --recipient example.net",
        "deny --recipient bob@example.net",
        "allow --sender <>",
        "allow --client mail.example.org",
    ]);
    let matched = |line: &str, expected: &[i64]| {
        let said = desk.say(&format!("list match --format json {line}"));
        let ids: Vec<_> = said.json().iter().map(|entry| entry["id"].as_i64().unwrap()).collect();
        assert_eq!(ids, expected, "{line}");
        assert_eq!(said.code, i32::from(expected.is_empty()), "{line}");
        said.out
    };
    let all = matched("--client 192.0.2.7 --sender a@example.org --recipient Bob@Example.NET", &[4, 3, 2, 1]);
    assert!(all.lines().all(|line| fields(line) == FIELDS), "{all}");
    assert!(all.contains(r#""comment":"office""#) && all.contains(r#""expires":"2099-01-01T00:00:00Z""#), "{all}");
    matched("--client 192.0.2.77", &[1]);
    matched("--sender <>", &[5]);
    matched("--sender a@example.org", &[]);
    matched("--client 198.51.100.1 --client-name mail.example.org", &[6]);
    matched("--client-name mail.example.org", &[6]);
    assert_eq!(desk.say("list match --client 198.51.100.1").ended(1).err, "no entry matches\n");
}

#[test]
fn a_question_about_nobody_is_wrong_use() {
    let desk = with_entries(&["allow --client 192.0.2.1"]);
    desk.say("list match")
        .failed(2, &["nothing to match", "hint: say --client, --client-name, --sender or --recipient"]);
    desk.say("list match --client mail.example.org")
        .failed(2, &["`mail.example.org` is no address", "--client-name takes a host name"]);
}
