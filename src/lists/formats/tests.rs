use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::clock::{Timestamp, later};

const ALLOW: Option<&EntryAction> = Some(&EntryAction::Allow);

fn import(text: &str, format: Format, action: Option<&EntryAction>) -> Import {
    read(text.as_bytes(), format, action, None).unwrap_or_else(|error| panic!("{:?}", described(&error)))
}

fn described(error: &ReadError) -> Vec<String> {
    match error {
        ReadError::BadLines(bad) => bad.describe("list.txt"),
        error => vec![error.to_string()],
    }
}

fn mistakes(octets: &[u8], format: Format) -> Vec<String> {
    let action = (format != Format::Entries).then_some(&EntryAction::Deny);
    described(&read(octets, format, action, None).unwrap_err())
}

fn clients(import: &Import) -> Vec<&str> {
    import.rows.iter().map(|row| row.client.as_deref().unwrap()).collect()
}

#[test]
fn postgrey_clients_as_debian_ships_them() {
    let text = "\
# postgrey whitelist for mail client hostnames
# --------------------------------------------

# example.org: (unique sender, no retry)
lists.example.org
# 2004-06-29: example.com (no retry)
/^ms-smtp.*\\.example\\.com$/
/^mail[12]\\.example\\.net$/   # pool
# mail.example.net (no retry)
192.0.2.67
198.51.100
203.0
10
192.0.2.128/25
2001:db8::/48
LISTS.example.org
/.*-out-.*\\.example\\.com$/
";
    let import = import(text, Format::PostgreyClients, None);
    let expected = [
        "lists.example.org",
        "/^ms-smtp.*\\.example\\.com$/",
        "/^mail[12]\\.example\\.net$/",
        "192.0.2.67",
        "198.51.100.0/24",
        "203.0.0.0/16",
        "10.0.0.0/8",
        "192.0.2.128/25",
        "2001:db8::/48",
        "/.*-out-.*\\.example\\.com$/",
    ];
    assert_eq!(clients(&import), expected);
    assert_eq!(import.notes, [], "the same again is not worth a word");
    assert_eq!(import.rows[2].comment.as_deref(), Some("pool"));
    assert!(import.rows.iter().all(|row| row.action == "allow" && row.source.is_none() && row.id == 0));
}

#[test]
fn postgrey_recipients_as_debian_ships_them() {
    let text = "# postgrey whitelist for mail recipients\n\npostmaster@\nabuse@\nalice@Example.org\nexample.net\n/^x-.*@example\\.com$/\n";
    let import = import(text, Format::PostgreyRecipients, Some(&EntryAction::Skip(vec!["greylist".to_owned()])));
    let recipients: Vec<_> = import.rows.iter().map(|row| row.recipient.as_deref().unwrap()).collect();
    assert_eq!(recipients, ["postmaster@", "abuse@", "alice@example.org", "example.net", "/^x-.*@example\\.com$/"]);
    assert!(import.rows.iter().all(|row| row.action == "skip=greylist"));
}

#[test]
fn sqlgrey_clients_as_it_ships_them() {
    let text = "\
##
# hostname.domain.com # whole system name
192.0.2.141    # Example Airlines (unique sender, no retry)
198.51.100.244\t# mailing lists
203.0.113       # pool - http://postmaster.example.org/
#203.0.114\t# disabled
*.example.com
isp.example.net
unitymail.example.net # newsletter
/^lake.*mta.*\\.example\\.net$/
";
    let import = import(text, Format::SqlgreyClients, None);
    let expected = [
        "192.0.2.141",
        "198.51.100.244",
        "203.0.113.0/24",
        ".example.com",
        "isp.example.net",
        "unitymail.example.net",
        "/^lake.*mta.*\\.example\\.net$/",
    ];
    assert_eq!(clients(&import), expected);
    assert_eq!(import.notes.len(), 1);
    assert!(import.notes[0].text.starts_with("2 plain host names are taken as the name and all below it"));
    assert_eq!(import.rows[2].comment.as_deref(), Some("pool - http://postmaster.example.org/"));
}

#[test]
fn greylistd_hosts_as_debian_ships_them() {
    let text = "\
# ****** a comment
127.0.0.1               # Of course we don't want to delay ourselves
192.0.2.0/24            # a pool
2001:db8::/32
*.example.com
mail.example.net
^smtp\\d+\\.example\\.org$
";
    let import = import(text, Format::GreylistdClients, None);
    let expected = [
        "127.0.0.1",
        "192.0.2.0/24",
        "2001:db8::/32",
        ".example.com",
        "mail.example.net",
        r"/^smtp\d+\.example\.org$/",
    ];
    assert_eq!(clients(&import), expected);
    assert!(import.notes[0].text.ends_with("Exim takes it as the name alone"), "{:?}", import.notes);
    for (line, why) in [
        ("!192.0.2.1", "is an exception"),
        ("+relay_from_hosts", "is for Exim to look up"),
        ("net-lsearch;/etc/hosts.list", "is for Exim to look up"),
        ("@[]", "is for Exim to look up"),
    ] {
        let error = read(line.as_bytes(), Format::GreylistdClients, None, None).unwrap_err();
        let ReadError::BadLines(lines) = error else { panic!("{error}") };
        assert!(lines.first[0].1.contains(why), "{lines:?}");
    }
}

#[test]
fn networks_with_both_kinds_of_comment() {
    let text =
        "; DROP list\n; Expires: never\n192.0.2.0/24 ; SBL1\n198.51.100.7\n2001:db8::/32;SBL2\n\n203.0.113.0/24 # x\n";
    let import = read(text.as_bytes(), Format::Cidr, Some(&EntryAction::Deny), Some("drop")).unwrap();
    assert_eq!(clients(&import), ["192.0.2.0/24", "198.51.100.7", "2001:db8::/32", "203.0.113.0/24"]);
    let comments: Vec<_> = import.rows.iter().map(|row| row.comment.as_deref()).collect();
    assert_eq!(comments, [Some("SBL1"), None, Some("SBL2"), Some("x")]);
    assert!(import.rows.iter().all(|row| row.source.as_deref() == Some("drop") && row.action == "deny"));
}

#[test]
fn entries_written_by_hand() {
    let text = "\
# ours
allow client=192.0.2.0/24 recipient=Example.org text=\"Come \\\"in\\\"\" comment=\"# no comment\" expires=2027-01-01T00:00:00Z # a comment
  deny   sender=/^a\\d+@/ comment=plain
skip=greylist,spf recipient=\"/a b/\" expires=2027-01-31
defer sender=<> source=night
";
    let import = import(text, Format::Entries, None);
    let lines: Vec<_> = import.rows.iter().map(entry_line).collect();
    assert_eq!(
        lines,
        [
            r##"allow client=192.0.2.0/24 recipient=example.org text="Come \"in\"" comment="# no comment" expires=2027-01-01T00:00:00Z"##,
            r#"deny sender=/^a\d+@/ comment="plain""#,
            r#"skip=greylist,spf recipient="/a b/" expires=2027-01-31T00:00:00Z"#,
            "defer sender=<> source=night",
        ]
    );
    let sourced = read(text.as_bytes(), Format::Entries, None, Some("mine")).unwrap();
    assert!(sourced.rows.iter().all(|row| row.source.as_deref() == Some("mine")), "a configured source owns its rows");
}

#[test]
fn every_kind_of_line_end_and_a_byte_order_mark() {
    for text in
        ["\u{feff}192.0.2.1\r\n198.51.100.1", "192.0.2.1\n\n198.51.100.1\n", "192.0.2.1 \r\n\r\n198.51.100.1\r\n\r\n"]
    {
        for format in [Format::Cidr, Format::PostgreyClients, Format::SqlgreyClients] {
            assert_eq!(clients(&import(text, format, ALLOW)), ["192.0.2.1", "198.51.100.1"], "{text:?}");
        }
    }
    for text in ["", "\u{feff}", "\n", "# nothing", "\u{feff}# nothing\r\n"] {
        assert_eq!(import(text, Format::Entries, None), Import::default(), "{text:?}");
    }
}

#[test]
fn every_bad_line_is_reported_with_its_number() {
    for (octets, format, expected) in [
        (
            &b"192.0.2.1/24\n192.0.2.0/24\nexample.org\n192.0.2.0/24 REJECT\n"[..],
            Format::Cidr,
            &[
                "list.txt:1: `192.0.2.1/24` names a host",
                "list.txt:3: `example.org` is not a network",
                "list.txt:4: `REJECT` after",
            ][..],
        ),
        (b"example.org\njos\xe9.example\n", Format::PostgreyClients, &["list.txt:2: octet 4 of the line is no UTF-8"]),
        (
            b"/(/\na b\n\x00\n",
            Format::PostgreyClients,
            &["list.txt:1: client: `/(/`", "list.txt:2: client: `a b`", "list.txt:3: client: `\\u{0}`"],
        ),
        (b"192.0.2.1\n", Format::PostgreyRecipients, &["list.txt:1: recipient: `192.0.2.1` is an IP"]),
        (b"x*.example.org", Format::SqlgreyClients, &["list.txt:1: client: `x*.example.org`"]),
        (b"allow\n", Format::Entries, &["list.txt:1: no pattern is given"]),
        (
            b"alow client=192.0.2.1\n",
            Format::Entries,
            &["list.txt:1: `alow` is no action: allow, deny, defer, suspect or skip=CHECK (did you mean `allow`?)"],
        ),
        (
            b"allow cleint=192.0.2.1\n",
            Format::Entries,
            &[
                "list.txt:1: `cleint` is not known: client, sender, recipient, text, comment, expires, source (did you mean `client`?)",
            ],
        ),
        (b"allow 192.0.2.1\n", Format::Entries, &["list.txt:1: `192.0.2.1` is no key=value"]),
        (b"allow client=192.0.2.1 client=192.0.2.2\n", Format::Entries, &["list.txt:1: client is given twice"]),
        (b"allow client=192.0.2.1 expires=soon\n", Format::Entries, &["list.txt:1: expires: `soon` is no time"]),
        (b"allow client=192.0.2.1 text=\"x\n", Format::Entries, &["list.txt:1: text: the closing quote is missing"]),
        (b"allow client=192.0.2.1 text=\"\\x\"\n", Format::Entries, &["list.txt:1: text: in quotes a backslash must"]),
        (
            b"allow client=192.0.2.1 text=\"\\u{d800}\"\n",
            Format::Entries,
            &["list.txt:1: text: in quotes a backslash must"],
        ),
        (b"allow text=\"x\"client=192.0.2.1\n", Format::Entries, &["list.txt:1: text: a blank must follow"]),
        (b"allow recipient=<>\n", Format::Entries, &["list.txt:1: recipient: `<>`"]),
        (b"allow client=\n", Format::Entries, &["list.txt:1: client: the pattern is empty"]),
    ] {
        let found = mistakes(octets, format);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found}\n{expected}");
        }
    }
}

#[test]
fn a_file_full_of_mistakes_is_cut_short() {
    let lines = mistakes("nonsense!\n".repeat(1000).as_bytes(), Format::Cidr);
    assert_eq!(lines.len(), 21);
    assert_eq!(lines[20], "list.txt: and 980 more bad lines");
}

#[test]
fn an_endless_line_is_passed_over() {
    let text = format!("192.0.2.1\n{}\n192.0.2.1/24\n", "x".repeat(200_000));
    let lines = mistakes(text.as_bytes(), Format::Cidr);
    assert_eq!(lines[0], "list.txt:2: the line is longer than 64 KiB");
    assert!(lines.len() == 2 && lines[1].starts_with("list.txt:3: `192.0.2.1/24`"), "{lines:?}");
    let longest = format!("192.0.2.1 #{}\n", "x".repeat(64 * 1024 - 11));
    assert_eq!(import(&longest, Format::Cidr, ALLOW).rows.len(), 1);
}

#[test]
fn contradictions_in_a_file_are_noted_and_allow_counts() {
    let text = "\
deny client=192.0.2.1
allow client=192.0.2.1/32
deny client=192.0.2.1
deny sender=example.org
defer sender=.example.org
defer sender=example.org
allow sender=example.org source=other
deny sender=EXAMPLE.org comment=\"only the comment is new\"
";
    let import = import(text, Format::Entries, None);
    let lines: Vec<_> = import.rows.iter().map(entry_line).collect();
    assert_eq!(
        lines,
        [
            "allow client=192.0.2.1",
            "deny sender=example.org",
            "defer sender=.example.org",
            "allow sender=example.org source=other"
        ]
    );
    let notes: Vec<_> = import.notes.iter().map(Note::to_string).collect();
    assert_eq!(
        notes,
        [
            "line 2: says `allow` of what an earlier line says `deny` of: this line counts, because it allows",
            "line 3: says `deny` of what an earlier line says `allow` of: the earlier line counts",
            "line 6: says `defer` of what an earlier line says `deny` of: the earlier line counts",
        ]
    );
}

#[test]
fn formats_know_whether_they_need_an_action() {
    assert_eq!(Format::Cidr.action(None), Err(WrongAction::Missing(Format::Cidr)));
    assert_eq!(Format::Entries.action(ALLOW), Err(WrongAction::Superfluous(Format::Entries)));
    assert_eq!(Format::PostgreyClients.action(None), Ok(EntryAction::Allow));
    for name in Format::NAMES {
        assert_eq!(name.parse::<Format>().map(Format::name), Ok(name));
    }
    let error = "postgrey-client".parse::<Format>().unwrap_err().to_string();
    assert!(error.ends_with("(did you mean `postgrey-clients`?)"), "{error}");
}

fn pattern(choices: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    proptest::option::of(proptest::sample::select(choices).prop_map(str::to_owned))
}

fn any_entry() -> impl Strategy<Value = EntryRecord> {
    (
        pattern(&[
            "192.0.2.0/24",
            "2001:db8::1",
            "mx.example.org",
            ".example.org",
            r"/^a\d \x22#/",
            "/\u{202e}/",
            "/#/",
        ]),
        pattern(&["<>", "a=b+c@example.org", "\"q\"@example.org", "user@", "müller.example", r#"/"\\/"#]),
        pattern(&["alice@example.org", "#x@example.org", ".example.net"]),
        proptest::sample::select(&["allow", "deny", "defer", "suspect", "skip=greylist,spf"]),
        proptest::option::of(any::<String>()),
        proptest::option::of(r#"[ -~\n\r\t\u{feff}\u{85}\u{2028}"\\#]{0,20}"#),
        proptest::option::of((0_u64..4_000_000_000, 0_u32..1_000_000_000)),
        proptest::option::of(r"[a-z# ]{0,5}"),
    )
        .prop_map(|(client, sender, recipient, action, text, comment, expires, source)| EntryRecord {
            id: 0,
            client: client.or_else(|| (sender.is_none() && recipient.is_none()).then(|| "192.0.2.9".to_owned())),
            sender,
            recipient,
            action: action.to_owned(),
            text,
            comment,
            expires: expires.map(|(seconds, nanos)| later(Timestamp::UNIX_EPOCH, Duration::new(seconds, nanos))),
            source,
        })
}

proptest! {
    #[test]
    fn an_export_imported_elsewhere_is_the_same(entry in any_entry()) {
        let line = entry_line(&entry);
        prop_assert_eq!(line.lines().count(), 1);
        prop_assert_eq!(import(&line, Format::Entries, None).rows, [entry]);
    }

    #[test]
    fn nothing_makes_reading_panic(octets in proptest::collection::vec(any::<u8>(), 0..200), text in r#"(allow|deny|[a-z =]{0,5}) (client|sender|.)="?[^\n]{0,20}"#) {
        for name in Format::NAMES {
            let format: Format = name.parse().unwrap();
            let action = (format != Format::Entries).then_some(&EntryAction::Deny);
            let _ = read(&octets[..], format, action, None);
            let _ = read(text.as_bytes(), format, action, None);
        }
    }
}
