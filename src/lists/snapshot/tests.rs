use std::time::Duration;

use super::*;
use crate::clock::later;
use crate::net::parse_address;
use crate::store::EntryRecord;

/// `client sender recipient action`, `-` for what is not given. The position is the id, from 1 on.
fn rows(lines: &[&str]) -> Vec<EntryRecord> {
    let field = |text: &str| (text != "-").then(|| text.to_owned());
    let row = |(id, line): (i64, &&str)| {
        let [client, sender, recipient, action] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        EntryRecord {
            id,
            client: field(client),
            sender: field(sender),
            recipient: field(recipient),
            action: action.to_owned(),
            ..EntryRecord::default()
        }
    };
    (1..).zip(lines).map(row).collect()
}

fn compile(rows: impl IntoIterator<Item = EntryRecord>) -> Snapshot {
    let mut builder = SnapshotBuilder::default();
    for row in rows {
        builder.add(row).unwrap();
    }
    builder.finish().unwrap()
}

fn snapshot(lines: &[&str]) -> Snapshot {
    let snapshot = compile(rows(lines));
    assert_eq!(snapshot.rejected().first, []);
    snapshot
}

/// `address name sender recipient`, `-` for what is not there; `<>` the null sender.
fn asked(line: &str) -> (Option<IpAddr>, Option<String>, ReversePath, Option<Mailbox>) {
    let [address, name, sender, recipient] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
    (
        parse_address(address),
        (name != "-").then(|| name.to_owned()),
        ReversePath::parse(if sender == "<>" { "" } else { sender }),
        (recipient != "-").then(|| Mailbox::parse(recipient)),
    )
}

fn ids(snapshot: &Snapshot, line: &str) -> Vec<i64> {
    let (client, name, sender, recipient) = asked(line);
    let subject =
        Subject { client, client_name: name.as_deref(), sender: Some(&sender), recipient: recipient.as_ref() };
    let now = Timestamp::UNIX_EPOCH;
    let all: Vec<_> = snapshot.lookup_all(&subject, now).iter().map(|hit| hit.id).collect();
    assert_eq!(snapshot.lookup(&subject, now).map(|hit| hit.id), all.first().copied(), "the first of all decides");
    all
}

const REQUEST: &str = "192.0.2.7 mx.mail.example.org alice@sub.example.com bob@in.example.net";

#[test]
fn seven_lookups_from_the_most_specific_on() {
    let lines = [
        "192.0.2.7 - - deny",
        "- alice@sub.example.com - deny",
        "- - bob@in.example.net deny",
        "192.0.2.7 alice@sub.example.com - deny",
        "192.0.2.7 - bob@in.example.net deny",
        "- alice@sub.example.com bob@in.example.net deny",
        // Broad patterns in all three still say more than exact ones in two.
        "0.0.0.0/0 com net deny",
    ];
    assert_eq!(ids(&snapshot(&lines), REQUEST), [7, 6, 5, 4, 3, 2, 1]);
}

#[test]
fn clients_by_length_then_by_name() {
    let lines = [
        "/^mx/ - - deny",
        "org - - deny",
        ".org - - deny",
        "example.org - - deny",
        ".example.org - - deny",
        "mail.example.org - - deny",
        "mx.mail.example.org - - deny",
        "0.0.0.0/0 - - deny",
        "192.0.0.0/8 - - deny",
        "192.0.2.0/24 - - deny",
        "192.0.2.0/29 - - deny",
        "192.0.2.7 - - deny",
        // None of these matches.
        ".mx.mail.example.org - - deny",
        "x.mail.example.org - - deny",
        "192.0.2.8/29 - - deny",
        "::/0 - - deny",
        "/mx$/ - - deny",
    ];
    assert_eq!(ids(&snapshot(&lines), REQUEST), [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
}

#[test]
fn addresses_by_precision() {
    let lines = [
        "- - /bob@/ deny",
        "- - net deny",
        "- - example.net deny",
        "- - .example.net deny",
        "- - in.example.net deny",
        "- - bob@ deny",
        "- - bob@in.example.net deny",
        "- - .in.example.net deny",
        "- - bob@example.net deny",
        "- - ob@ deny",
    ];
    assert_eq!(ids(&snapshot(&lines), REQUEST), [7, 6, 5, 4, 3, 2, 1]);
    let as_sender = lines.map(|line| line.replace("- - ", "- ").replace(" deny", " - deny"));
    let as_sender = as_sender.each_ref().map(String::as_str);
    assert_eq!(ids(&snapshot(&as_sender), "- - bob@in.example.net -"), [7, 6, 5, 4, 3, 2, 1]);
}

#[test]
fn within_a_lookup_the_recipient_counts_most_and_the_client_least() {
    let lines = [
        "192.0.2.7 alice@sub.example.com example.net deny",
        "192.0.2.7 example.com bob@in.example.net deny",
        "0.0.0.0/0 alice@sub.example.com bob@in.example.net deny",
        "192.0.2.0/24 alice@sub.example.com bob@in.example.net deny",
    ];
    assert_eq!(ids(&snapshot(&lines), REQUEST), [4, 3, 2, 1]);
}

#[test]
fn on_a_tie_the_milder_action_wins_and_then_the_older_row() {
    let lines = [
        "192.0.2.7 - - deny",
        "192.0.2.7 - - defer",
        "192.0.2.7 - - suspect",
        "192.0.2.7 - - skip=greylist",
        "192.0.2.7 - - allow",
        "192.0.2.7 - - allow",
    ];
    assert_eq!(ids(&snapshot(&lines), REQUEST), [5, 6, 4, 3, 2, 1]);
    let regexes = ["- - /bob/ deny", "- - /example/ allow"];
    assert_eq!(ids(&snapshot(&regexes), REQUEST), [2, 1], "expressions say equally much");
    let lines = ["192.0.2.0/24 - - allow", "192.0.2.7 - - deny"];
    assert_eq!(ids(&snapshot(&lines), REQUEST), [2, 1], "more precise is no tie");
}

#[test]
fn a_tag_is_undone_after_the_address_as_it_is_written() {
    let snapshot = snapshot(&[
        "- /ali/ - deny",
        "- example.com - deny",
        "- example.org - deny",
        "- mail.example.com - deny",
        "- fwd.example.org - deny",
        "- alice@ - deny",
        "- srs0=x@ - deny",
        "- alice@mail.example.com - deny",
        "- srs0=x@fwd.example.org - deny",
    ]);
    let sender = ReversePath::parse("SRS0=x@fwd.example.org");
    let subject = Subject { client: None, client_name: None, sender: Some(&sender), recipient: None };
    let mut asked = Asked::new(&subject);
    asked.sender_core = Some(Mailbox::parse("alice@mail.example.com"));
    let all = snapshot.all(&asked, Timestamp::UNIX_EPOCH);
    assert_eq!(all.iter().map(|hit| hit.id).collect::<Vec<_>>(), [9, 8, 7, 6, 5, 4, 3, 2, 1]);
    asked.sender_core = Some(Mailbox::parse("srs0=x@fwd.example.org"));
    assert_eq!(snapshot.all(&asked, Timestamp::UNIX_EPOCH).len(), 4, "what both match is one match");
}

#[test]
fn who_matches_what() {
    for (entry, request, expected) in [
        ("example.org - - deny", "192.0.2.7 - a@example.com b@example.net", false),
        ("/./ - - deny", "192.0.2.7 - a@example.com b@example.net", false),
        ("/./ - - deny", "192.0.2.7 unknown a@example.com b@example.net", false),
        ("/^mx\\./ - - deny", "192.0.2.7 MX.Example.org. a@example.com b@example.net", true),
        ("example.org - - deny", "- mx.example.org a@example.com b@example.net", true),
        ("example.org - - deny", "192.0.2.7 badexample.org a@example.com b@example.net", false),
        ("192.0.2.0/24 - - deny", "::ffff:192.0.2.7 - a@example.com b@example.net", true),
        ("::ffff:192.0.2.7 - - deny", "192.0.2.7 - a@example.com b@example.net", true),
        ("0.0.0.0/0 - - deny", "255.255.255.255 - a@example.com b@example.net", true),
        ("0.0.0.0/0 - - deny", "2001:db8::1 - a@example.com b@example.net", false),
        ("::/0 - - deny", "2001:db8::1 - a@example.com b@example.net", true),
        ("2001:db8::/32 - - deny", "2001:db9::1 - a@example.com b@example.net", false),
        ("0.0.0.0/0 - - deny", "unknown mx.example.org a@example.com b@example.net", false),
        ("- <> - deny", "192.0.2.7 - <> b@example.net", true),
        ("- <> - deny", "192.0.2.7 - a@example.com b@example.net", false),
        ("- /.*/ - deny", "192.0.2.7 - <> b@example.net", false),
        ("- A@Example.COM. - deny", "192.0.2.7 - a@eXample.com b@example.net", true),
        ("- /^a@EXAMPLE/ - deny", "192.0.2.7 - A@example.com b@example.net", true),
        ("- - postmaster@ deny", "192.0.2.7 - a@example.com postmaster", true),
        ("- - postmaster@ deny", "192.0.2.7 - a@example.com postmaster@b@example.net", false),
        // Strangers write addresses that look like patterns.
        ("- example.org - deny", "192.0.2.7 - example.org b@example.net", false),
        ("- <> - deny", "192.0.2.7 - x@<> b@example.net", false),
        ("- - .example.net deny", "192.0.2.7 - a@example.com b@.example.net", true),
        ("- - example.net deny", "192.0.2.7 - a@example.com b@", false),
        ("- - b@example.net deny", "192.0.2.7 - a@example.com -", false),
        ("- a@[192.0.2.1] - deny", "192.0.2.7 - a@[192.0.2.1] b@example.net", true),
    ] {
        assert_eq!(!ids(&snapshot(&[entry]), request).is_empty(), expected, "{entry}: {request}");
    }
}

#[test]
fn a_mapped_address_counts_as_ipv4_wherever_it_comes_from() {
    let lists = snapshot(&["192.0.2.0/24 - - deny"]);
    let client = "::ffff:192.0.2.7".parse().ok();
    let subject = Subject { client, client_name: None, sender: Some(&ReversePath::Null), recipient: None };
    assert!(lists.lookup(&subject, Timestamp::UNIX_EPOCH).is_some());
}

#[test]
fn an_address_cannot_pose_as_an_expression() {
    let lists = snapshot(&["- /^x$/ - allow", "- <> - allow"]);
    let sender = ReversePath::Mailbox(Mailbox::new("a", Some("/^x$/")));
    let quoted = ReversePath::Mailbox(Mailbox::parse("<>"));
    for sender in [sender, quoted] {
        let subject = Subject { client: None, client_name: None, sender: Some(&sender), recipient: None };
        assert_eq!(lists.lookup(&subject, Timestamp::UNIX_EPOCH), None, "{sender}");
    }
}

#[test]
fn expired_entries_give_way_to_the_next() {
    let now = Timestamp::UNIX_EPOCH;
    let mut rows = rows(&["192.0.2.7 - - deny", "192.0.2.0/24 - - allow"]);
    rows[0].expires = Some(later(now, Duration::from_secs(60)));
    let snapshot = compile(rows);
    let subject = Subject {
        client: parse_address("192.0.2.7"),
        client_name: None,
        sender: Some(&ReversePath::Null),
        recipient: None,
    };
    let id_after = |seconds| snapshot.lookup(&subject, later(now, Duration::from_secs(seconds))).unwrap().id;
    assert_eq!([id_after(0), id_after(59), id_after(60), id_after(61)], [1, 1, 2, 2]);
}

#[test]
fn a_hit_says_what_matched() {
    let mut rows = rows(&["192.0.2.0/24 <> user@ deny", "/^mx/ /al/ - allow", "192.0.2.7/32 - - skip=spf"]);
    rows[0].text = Some("No".to_owned());
    rows[0].source = Some("local".to_owned());
    let snapshot = compile(rows);
    let recipient = Mailbox::parse("user@example.net");
    let subject = Subject {
        client: parse_address("192.0.2.7"),
        client_name: None,
        sender: Some(&ReversePath::Null),
        recipient: Some(&recipient),
    };
    let hits = snapshot.lookup_all(&subject, Timestamp::UNIX_EPOCH);
    assert_eq!(hits[0].matched(), "client 192.0.2.0/24, sender <>, recipient user@");
    assert_eq!((hits[0].text, hits[0].source), (Some("No"), Some("local")));
    assert_eq!(hits[1].matched(), "client 192.0.2.7");
    assert_eq!(hits[1].action.to_string(), "skip=spf");
}

#[test]
fn unreadable_rows_are_left_out_and_reported() {
    let rows = rows(&["192.0.2.1/24 - - deny", "192.0.2.7 - - deny", "- - - deny", "192.0.2.7 - - destroy"]);
    let snapshot = compile(rows);
    assert_eq!(snapshot.len(), 1);
    assert_eq!(snapshot.rejected().count, 3);
    assert_eq!(snapshot.rejected().first.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [1, 3, 4]);
    let many = (0..100).map(|_| EntryRecord::default());
    assert_eq!((compile(many).rejected().count, compile(std::iter::empty()).is_empty()), (100, true));
}

#[test]
fn a_stranger_cannot_make_a_lookup_dear() {
    let snapshot = snapshot(&["example.org - - deny", "- example.org - deny", "- /^a+b$/ - deny"]);
    let long = "a.".repeat(32_000) + "example.org";
    let sender = ReversePath::parse(&format!("a@{long}"));
    let subject = Subject { client: None, client_name: Some(&long), sender: Some(&sender), recipient: None };
    let began = std::time::Instant::now();
    assert_eq!(snapshot.lookup_all(&subject, Timestamp::UNIX_EPOCH).len(), 2);
    assert!(began.elapsed() < Duration::from_secs(2), "hashing every suffix would take minutes");
}

#[test]
fn a_thousand_expressions_are_one_pass() {
    let rows: Vec<_> = (0..1000).map(|n| format!("/^mx{n}\\.\\w+\\.example\\.org$/ - - deny")).collect();
    let snapshot = snapshot(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(ids(&snapshot, "192.0.2.7 mx77.a.example.org <> -"), [78]);
}

/// The precedence, slowly: every entry is tried, and the best by the order of the contract is taken.
mod reference {
    use proptest::prelude::*;

    use super::*;
    use crate::lists::pattern::{AddressPattern, ClientPattern};
    use crate::lists::{Entry, EntryAction};

    fn domain_rank(pattern: &str, domain: &str) -> Option<usize> {
        match pattern.strip_prefix('.') {
            _ if pattern == domain => Some(10),
            Some(_) => domain.ends_with(pattern).then(|| 10 + 2 * (domain.len() - pattern.len())),
            None => domain.ends_with(&format!(".{pattern}")).then(|| 10 + 2 * (domain.len() - pattern.len())),
        }
    }

    fn client_rank(pattern: &ClientPattern, client: IpAddr, name: &str) -> Option<usize> {
        match pattern {
            ClientPattern::Network(network) => {
                network.contains(&client).then(|| 200 - usize::from(network.prefix_len()))
            }
            ClientPattern::Host(host) => domain_rank(host.as_str(), name).map(|rank| 300 + rank),
            ClientPattern::Regex(regex) => name.contains(regex.as_str()).then_some(1000),
        }
    }

    fn address_rank(pattern: &AddressPattern, mailbox: &Mailbox) -> Option<usize> {
        match pattern {
            AddressPattern::Null => None,
            AddressPattern::Mailbox(other) => (other == mailbox).then_some(0),
            AddressPattern::Local(local) => (local.strip_suffix('@') == Some(mailbox.local())).then_some(1),
            AddressPattern::Domain(domain) => domain_rank(domain.as_str(), mailbox.domain()?),
            AddressPattern::Regex(regex) => mailbox.as_str().contains(regex.as_str()).then_some(1000),
        }
    }

    fn expected(rows: &[EntryRecord], client: IpAddr, name: &str, sender: &Mailbox, recipient: &Mailbox) -> Vec<i64> {
        let mut hits: Vec<(usize, [usize; 3], EntryAction, i64)> = Vec::new();
        for row in rows {
            let entry = Entry::try_from(row.clone()).unwrap();
            let given = (entry.client.is_some(), entry.sender.is_some(), entry.recipient.is_some());
            let lookup = match given {
                (true, true, true) => 0,
                (false, true, true) => 1,
                (true, false, true) => 2,
                (true, true, false) => 3,
                (false, false, true) => 4,
                (false, true, false) => 5,
                _ => 6,
            };
            let client = entry.client.map_or(Some(0), |pattern| client_rank(&pattern, client, name));
            let sender = entry.sender.map_or(Some(0), |pattern| address_rank(&pattern, sender));
            let recipient = entry.recipient.map_or(Some(0), |pattern| address_rank(&pattern, recipient));
            if let (Some(client), Some(sender), Some(recipient)) = (client, sender, recipient) {
                hits.push((lookup, [recipient, sender, client], entry.action, row.id));
            }
        }
        hits.sort();
        hits.into_iter().map(|hit| hit.3).collect()
    }

    fn any_of(choices: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
        proptest::sample::select(choices)
    }

    const CLIENTS: &[&str] = &[
        "-",
        "192.0.2.1",
        "192.0.2.0/24",
        "192.0.2.0/31",
        "0.0.0.0/0",
        "a.example",
        ".a.example",
        "b.a.example",
        "example",
        ".example",
        "/b/",
        "/a/",
        "/zz/",
    ];
    const ADDRESSES: &[&str] = &[
        "-",
        "x@a.example",
        "x@b.a.example",
        "x@",
        "y@",
        "a.example",
        ".a.example",
        "b.a.example",
        "example",
        ".example",
        "/x/",
        "/a/",
        "/zz/",
    ];

    proptest! {
        #[test]
        fn the_snapshot_agrees_with_trying_every_entry(
            entries in proptest::collection::vec(
                (any_of(CLIENTS), any_of(ADDRESSES), any_of(ADDRESSES), any_of(&["allow", "deny", "skip=spf"])), 1..40),
            client in any_of(&["192.0.2.1", "192.0.2.9", "198.51.100.1"]),
            name in any_of(&["a.example", "b.a.example", "c.b.a.example", "ba.example"]),
            sender in any_of(&["x@a.example", "y@b.a.example", "x@c.example"]),
            recipient in any_of(&["x@a.example", "y@b.a.example", "x@c.example"]),
        ) {
            let lines: Vec<_> = entries.iter().filter(|(c, s, r, _)| [c, s, r].iter().any(|text| **text != "-"))
                .map(|(c, s, r, action)| format!("{c} {s} {r} {action}")).collect();
            let rows = rows(&lines.iter().map(String::as_str).collect::<Vec<_>>());
            let found = ids(&compile(rows.clone()), &format!("{client} {name} {sender} {recipient}"));
            let (sender, recipient) = (Mailbox::parse(sender), Mailbox::parse(recipient));
            prop_assert_eq!(found, expected(&rows, client.parse().unwrap(), name, &sender, &recipient));
        }
    }
}
