//! `postward greylist show` and `stats`.

use std::time::Duration;

use crate::desk::{ask, beside, fields};
use crate::support::{Postward, Transport};

const FIELDS: [&str; 7] = ["client", "sender", "recipient", "state", "first_seen", "last_seen", "attempts"];

/// A daemon that knows one triplet, and five that wait.
pub(crate) fn with_triplets() -> Postward {
    let postward = Postward::start(Transport::Inet);
    let (passes, bob) = (("192.0.2.1", "known@example.org"), "bob@example.net");
    assert!(ask(&postward, passes.0, passes.1, bob).starts_with("DEFER_IF_PERMIT"));
    postward.advance(Duration::from_secs(301));
    assert!(ask(&postward, passes.0, passes.1, bob).starts_with("PREPEND X-Greylist"));
    for (client, sender, recipient) in [
        ("192.0.2.1", "alice@example.org", "bob@example.net"),
        ("198.51.100.1", "alice@mail.example.org", "Carol+lists@Example.NET"),
        ("198.51.100.2", "prvs=0785afa14d=dave@example.com", "bob@example.net"),
        ("203.0.113.1", "", "bob@example.net"),
        ("2001:db8::1", "eve@notexample.org", "eve@mail.example.net"),
    ] {
        assert!(ask(&postward, client, sender, recipient).starts_with("DEFER_IF_PERMIT"));
    }
    postward
}

fn senders(postward: &Postward, selection: &[&str]) -> Vec<String> {
    let mut command = postward.command(["greylist", "show", "--format", "json"].iter().chain(selection).copied());
    let said = crate::desk::said(&mut command, b"").ok();
    assert!(said.out.lines().all(|line| fields(line) == FIELDS), "{}", said.out);
    let mut senders: Vec<_> =
        said.json().iter().map(|triplet| triplet["sender"].as_str().unwrap().to_owned()).collect();
    senders.sort();
    senders
}

#[test]
fn triplets_are_selected_by_what_people_know_of_them() {
    let postward = with_triplets();
    let all = [
        "",
        "alice@example.org",
        "alice@mail.example.org",
        "dave@example.com",
        "eve@notexample.org",
        "known@example.org",
    ];
    for (selection, expected) in [
        (&[][..], &all[..]),
        (&["--client", "192.0.2.99"], &["alice@example.org", "known@example.org"]), // in the same network
        (&["--client", "192.0.2.0/24"], &["alice@example.org", "known@example.org"]),
        (&["--client", "192.0.0.0/12", "--state", "passed"], &["known@example.org"]),
        (&["--client", "2001:db8::/32"], &["eve@notexample.org"]),
        (&["--client", "::ffff:203.0.113.9"], &[""]),
        (&["--client", "host:example.org"], &[]),
        (&["--sender", "example.org"], &["alice@example.org", "alice@mail.example.org", "known@example.org"]),
        (&["--sender", "Alice@Example.ORG"], &["alice@example.org"]),
        (&["--sender", "prvs=1799ffffff=dave@example.com"], &["dave@example.com"]), // of another day
        (&["--sender", "<>"], &[""]),
        (&["--sender", ""], &[""]),
        (&["--recipient", "carol@example.net"], &["alice@mail.example.org"]),
        (&["--recipient", "mail.example.net"], &["eve@notexample.org"]),
        (&["--recipient", "example.net", "--sender", "example.com"], &["dave@example.com"]),
        (&["--state", "waiting"], &all[..5]),
        (&["--state", "passed"], &["known@example.org"]),
        (&["--client", "192.0.2.1", "--sender", "example.com"], &[]),
    ] {
        assert_eq!(senders(&postward, selection), expected, "{selection:?}");
    }
}

#[test]
fn a_triplet_is_shown_as_a_table_and_as_json() {
    let postward = with_triplets();
    let table = beside(&postward, "greylist show --sender <>").ok().out;
    let (header, row) = table.split_once('\n').unwrap();
    assert_eq!(
        header.split_whitespace().collect::<Vec<_>>().join(" "),
        "CLIENT SENDER RECIPIENT STATE FIRST SEEN LAST SEEN ATTEMPTS"
    );
    assert!(row.starts_with("203.0.113.0/24  <>      bob@example.net  waiting  20"), "{row}");
    let json = beside(&postward, "greylist show --state passed --format json").ok().json().remove(0);
    assert_eq!(
        (&json["client"], &json["state"], &json["attempts"]),
        (&"192.0.2.0/24".into(), &"passed".into(), &2.into())
    );
    for time in ["first_seen", "last_seen"] {
        let time = json[time].as_str().unwrap();
        assert!(time.len() == 20 && time.ends_with('Z'), "RFC 3339 in UTC: {time}");
    }
}

#[test]
fn nothing_found_is_said_to_people_only() {
    let postward = with_triplets();
    let said = beside(&postward, "greylist show --sender nobody@example.org").ok();
    assert_eq!((said.out.as_str(), said.err.as_str()), ("", "no such triplet\n"));
    let said = beside(&postward, "greylist show --sender nobody@example.org --format json").ok();
    assert_eq!((said.out.as_str(), said.err.as_str()), ("", ""));
}

#[test]
fn more_than_the_limit_is_not_hidden() {
    let postward = with_triplets();
    let said = beside(&postward, "greylist show --limit 2 --format json").ok();
    assert_eq!(said.json().len(), 2);
    assert_eq!(said.err, "there are more than these 2: --limit shows them, --limit 0 all\n");
    for all in ["6", "0"] {
        let said = beside(&postward, &format!("greylist show --limit {all} --format json")).ok();
        assert_eq!((said.json().len(), said.err.as_str()), (6, ""));
    }
}

#[test]
fn selections_that_could_only_select_nothing_are_wrong_use() {
    let postward = with_triplets();
    for (selection, words) in [
        (
            "--client 192.0.2.1/24",
            &["--client: `192.0.2.1/24` names a host inside a network: was 192.0.2.0/24 meant"][..],
        ),
        (
            "--client mail.example.org",
            &["`mail.example.org` is neither an address nor a network", "hint: clients stand"],
        ),
        (
            "--sender .example.org",
            &["--sender: `.example.org` is neither an address nor a domain", "hint: write user@"],
        ),
        ("--recipient /x/", &["--recipient: `/x/` is neither"]),
        ("--recipient <>", &["--recipient: `<>` is neither"]),
    ] {
        for command in ["show", "allow", "forget", "prune"] {
            beside(&postward, &format!("greylist {command} {selection}")).failed(2, words);
        }
    }
    assert_eq!(senders(&postward, &[]).len(), 6);
}

#[test]
fn numbers_are_shown() {
    let postward = with_triplets();
    let json = beside(&postward, "greylist stats --format json").ok();
    let numbers = json.json().remove(0);
    for (name, number) in [("waiting", 5), ("passed", 1), ("clients", 1), ("known_clients", 0), ("networks_waiting", 4)]
    {
        assert_eq!(numbers[name], number, "{name}: {}", json.out);
    }
    let table = beside(&postward, "greylist stats").ok().out;
    assert!(table.contains("\ntriplets waiting                  5\n") || table.contains("triplets waiting"), "{table}");
}
