//! `postward list import` and `export`.

use std::fmt::Write as _;
use std::process::Command;

use serde_json::Value;

use crate::desk::Desk;

/// The table without what only this one database knows.
fn table(desk: &Desk) -> Vec<Value> {
    let mut entries = desk.entries();
    for entry in &mut entries {
        entry.as_object_mut().unwrap().remove("id");
    }
    entries.sort_by_key(Value::to_string);
    entries
}

fn assert_survives_moving(desk: &Desk) {
    let exported = desk.say("list export").ok().out;
    let elsewhere = Desk::with_policy("");
    elsewhere.write("entries.txt", &exported);
    elsewhere.say("list import entries.txt --format entries").ok();
    assert_eq!(table(&elsewhere), table(desk));
    assert_eq!(elsewhere.say("list export").ok().out, exported);
}

#[test]
fn what_is_exported_and_imported_elsewhere_is_the_same_table() {
    let desk = Desk::with_policy("");
    for entry in [
        &["allow", "--client", "192.0.2.0/24", "--comment", "our \"office\" \\ with\nlines"][..],
        &["deny", "--sender", "/^[\"a-z \\d]+@/", "--text", "\u{1b}[2J größe # no comment"],
        &["skip=access,greylist", "--recipient", ".example.net", "--expires", "2099-01-31T00:00:00Z"],
        &["suspect", "--sender", "<>", "--recipient", "info@", "--client", "example.org"],
        &["defer", "--sender", "\"odd one\"@example.org"],
    ] {
        let said = desk.run(["list", "add"].into_iter().chain(entry.iter().copied()));
        assert!(said.code == 0 || said.err.contains("has a blank"), "{said:?}");
    }
    desk.write("drop.txt", "198.51.100.0/24 ; SBL1\n203.0.113.7\n");
    desk.say("list import drop.txt --format cidr --action deny --source drop").ok();
    assert!(desk.entries().len() >= 6);
    assert_survives_moving(&desk);
}

#[test]
fn ten_thousand_entries_can_be_moved() {
    let mut list = String::new();
    for number in 0..10_000 {
        writeln!(list, "deny client=10.{}.{}.0/24 text=\"list {number}\"", number / 256, number % 256).unwrap();
    }
    let desk = Desk::with_policy("");
    desk.write("list.txt", &list);
    let said = desk.say("list import list.txt --format entries").ok();
    assert_eq!(said.out, "imported 10000 entries from list.txt; 0 were there already\n");
    let again = desk.say("list import list.txt --format entries").ok();
    assert_eq!(again.out, "imported 0 entries from list.txt; 10000 were there already\n");
    assert_survives_moving(&desk);
}

#[test]
fn lists_of_other_programs_are_read_as_those_programs_mean_them() {
    let patterns = |format: &str, action: &str, field: &str, list: &[u8]| -> Vec<String> {
        let desk = Desk::with_policy("");
        desk.write("list", list);
        let mut words = vec!["list", "import", "list", "--format", format];
        words.extend(action.split_whitespace());
        desk.run(words).ok();
        desk.entries()
            .iter()
            .map(|entry| format!("{} {}", entry["action"].as_str().unwrap(), entry[field].as_str().unwrap()))
            .collect()
    };
    // As the Spamhaus project publishes it.
    let drop = b"; Spamhaus DROP List 2026/01/01\n; Expires: later\n192.0.2.0/24 ; SBL123\n\n198.51.100.0/25 ; SBL456\n2001:db8::/32 ; SBL7\n";
    assert_eq!(
        patterns("cidr", "--action deny", "client", drop),
        ["deny 192.0.2.0/24", "deny 198.51.100.0/25", "deny 2001:db8::/32"]
    );
    // With a byte order mark, CRLF and no end of the last line.
    let windows = b"\xef\xbb\xbf# networks\r\n192.0.2.0/24\r\n198.51.100.7";
    assert_eq!(patterns("cidr", "--action allow", "client", windows), ["allow 192.0.2.0/24", "allow 198.51.100.7"]);
    // As Debian's /etc/postgrey/whitelist_clients is written.
    let clients = b"# postgrey whitelist for mail client hostnames\n# 2004-08-03: Solaris\nsolaris.example.org\n192.0.2\n/^mail\\d+\\.example\\.com$/\n198.51.100.7\n203.0.113.0/28\n";
    assert_eq!(
        patterns("postgrey-clients", "--action skip=greylist", "client", clients),
        [
            "skip=greylist solaris.example.org",
            "skip=greylist 192.0.2.0/24",
            r"skip=greylist /^mail\d+\.example\.com$/",
            "skip=greylist 198.51.100.7",
            "skip=greylist 203.0.113.0/28",
        ]
    );
    let recipients = b"postmaster@\nabuse@\nexample.net\nbob@example.org\n/^list-.*@example\\.com$/\n";
    assert_eq!(
        patterns("postgrey-recipients", "", "recipient", recipients),
        [
            "allow postmaster@",
            "allow abuse@",
            "allow example.net",
            "allow bob@example.org",
            r"allow /^list-.*@example\.com$/"
        ]
    );
    let sqlgrey = b"*.example.org\nmail.example.com\n192.0.2\t# a network\n";
    assert_eq!(
        patterns("sqlgrey-clients", "", "client", sqlgrey),
        ["allow .example.org", "allow mail.example.com", "allow 192.0.2.0/24"]
    );
}

#[test]
fn what_means_more_than_before_is_said() {
    let desk = Desk::with_policy("");
    desk.write("list", "mail.example.com\n");
    let said = desk.say("list import list --format sqlgrey-clients").ok();
    assert_eq!(said.out, "imported 1 entry from list; 0 were there already\n");
    assert!(said.err.contains("list: 1 plain host name is taken as the name and all below it"), "{}", said.err);
}

#[test]
fn all_bad_lines_are_told_and_nothing_is_imported() {
    let desk = Desk::with_policy("");
    desk.write(
        "list",
        b"allow client=192.0.2.1\nallow client=192.0.2.1/24\nalow client=192.0.2.2\nallow\nallow cleint=192.0.2.3\n\
          deny sender=j\xf6rg@example.org\nskip=greylist recipient=example.net text=\"open\n",
    );
    let said = desk.say("list import list --format entries").failed(
        1,
        &[
            "error: nothing was imported: list has 6 bad lines\n",
            "\n  list:2: client: `192.0.2.1/24` names a host inside a network: was 192.0.2.0/24 meant",
            "\n  list:3: `alow` is no action",
            "\n  list:4: no pattern is given",
            "\n  list:5: `cleint` is not known: client,",
            "(did you mean `client`?)\n",
            "\n  list:6: octet 14 of the line is no UTF-8\n",
            "\n  list:7: text: the closing quote is missing\n",
        ],
    );
    assert_eq!(said.err.lines().count(), 7, "{}", said.err);
    assert!(!desk.path("postward.db").exists());
    desk.write("long", "x y\n".repeat(1000));
    let said = desk
        .say("list import long --format cidr --action deny")
        .failed(1, &["long has 1000 bad lines", "980 more bad lines"]);
    assert!(said.err.lines().count() < 30, "{}", said.err);
}

#[test]
fn checks_to_skip_must_exist() {
    let desk = Desk::with_policy("");
    desk.write("list", "skip=greylist client=192.0.2.1\nskip=graylist client=192.0.2.2\n");
    desk.say("list import list --format entries")
        .failed(1, &["nothing was imported: `skip=graylist` names no check", "\n  skip=graylist client=192.0.2.2\n"]);
    desk.write("cidr", "192.0.2.0/24\n");
    desk.say("list import cidr --format cidr --action skip=graylist").failed(2, &["did you mean `greylist`?"]);
}

#[test]
fn actions_that_do_not_go_with_the_format_are_wrong_use() {
    let desk = Desk::with_policy("");
    desk.write("list", "192.0.2.0/24\n");
    desk.say("list import list --format cidr").failed(2, &["a list of format `cidr` needs an action: allow, deny,"]);
    desk.say("list import list --format entries --action deny").failed(2, &["leave the action out"]);
}

#[test]
fn what_is_no_file_is_refused() {
    let desk = Desk::with_policy("");
    std::fs::create_dir(desk.path("directory")).unwrap();
    assert!(Command::new("mkfifo").arg(desk.path("fifo")).status().unwrap().success());
    for (file, reason) in [
        ("missing", "missing does not exist"),
        ("directory", "directory is no regular file"),
        ("fifo", "fifo is no regular file"),
        ("/dev/zero", "/dev/zero is no regular file"),
    ] {
        desk.say(&format!("list import {file} --format entries")).failed(69, &["nothing was imported: ", reason]);
    }
    desk.write("empty", "");
    assert_eq!(
        desk.say("list import empty --format entries").ok().out,
        "imported 0 entries from empty; 0 were there already\n"
    );
}

#[test]
fn the_same_patterns_are_replaced_by_the_imported_ones() {
    let desk = Desk::with_policy("");
    desk.say("list add allow --client 192.0.2.1").ok();
    desk.write("list", "deny client=192.0.2.1\nallow client=192.0.2.2\n");
    desk.say("list import list --format entries").ok();
    let actions: Vec<_> = desk.entries().iter().map(|entry| entry["action"].clone()).collect();
    assert_eq!(actions, ["deny", "allow"]);
}
