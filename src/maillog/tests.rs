//! Lines as Postfix 3.7 writes them.

use std::io::Write as _;

use super::*;

/// What a private Postfix wrote while it was asked for everything that its restrictions refuse.
const RECORDED: &str = include_str!("../../tests/maillogs/restrictions.log");

fn read(log: &str) -> MailLog {
    let (since, until) = ("2026-11-20T00:00:00Z".parse().unwrap(), "2026-11-22T00:00:00Z".parse().unwrap());
    let mut reader = Reader::new(since, until, TimeZone::UTC);
    log.lines().for_each(|line| reader.read(line));
    reader.finish(100)
}

fn refused(log: &MailLog) -> Vec<(&str, &str, u64)> {
    let counts = log.refusals.iter();
    let mut counts: Vec<_> = counts.map(|count| (&*count.restriction, count.kind, count.number)).collect();
    counts.sort_unstable();
    counts
}

#[test]
fn every_refusal_is_told_by_its_restriction() {
    assert_eq!(
        refused(&read(RECORDED)),
        [
            ("check_client_access", "permanent", 1),
            ("check_helo_access", "permanent", 1),
            ("check_sender_access", "permanent", 1),
            ("check_sender_access", "temporary", 1),
            ("check_sender_access", "warning", 1),
            ("header, body or milter checks", "permanent", 1),
            ("message_size_limit", "permanent", 1),
            ("postscreen: access list, or tests not yet passed", "permanent", 1),
            ("postscreen: access list, or tests not yet passed", "temporary", 1),
            ("postscreen: protocol tests", "permanent", 3),
            ("recipient: access table or policy service", "permanent", 1),
            ("recipient: access table or policy service", "temporary", 3),
            ("reject_multi_recipient_bounce", "permanent", 1),
            ("reject_non_fqdn_helo_hostname", "permanent", 2),
            ("reject_non_fqdn_recipient", "permanent", 1),
            ("reject_non_fqdn_sender", "permanent", 1),
            ("reject_non_fqdn_sender", "warning", 1),
            ("reject_unauth_destination", "permanent", 1),
            ("reject_unknown_client_hostname", "temporary", 1),
            ("reject_unknown_helo_hostname", "temporary", 1),
            ("reject_unknown_recipient_domain", "temporary", 1),
            ("reject_unknown_reverse_client_hostname", "temporary", 1),
            ("reject_unknown_sender_domain", "temporary", 3),
            ("reject_unlisted_recipient", "permanent", 2),
            ("reject_unlisted_sender", "permanent", 1),
            ("sender: access table or policy service", "permanent", 1),
            ("sender: access table or policy service", "temporary", 1),
        ]
    );
}

#[test]
fn what_postscreen_saw_is_counted() {
    let log = read(RECORDED);
    let seen: Vec<_> = log.postscreen.iter().map(|count| (&*count.event, count.number)).collect();
    assert_eq!(seen.first().map(|(event, _)| *event), Some("HANGUP"));
    for expected in
        [("PREGREET", 1), ("DENYLISTED", 1), ("BARE NEWLINE", 1), ("COMMAND PIPELINING", 2), ("PASS NEW", 1)]
    {
        assert!(seen.contains(&expected), "{expected:?} is not in {seen:?}");
    }
}

/// A line of this time of day, in the style of RFC 3339 or in the traditional one.
fn line(time: &str, message: &str) -> String {
    match time.len() {
        5 => format!("2026-11-21T{time}:00.123456+00:00 mx postfix/{message}\n"),
        _ => format!("{time} mx postfix/{message}\n"),
    }
}

fn deferral(time: &str, sender: &str, recipient: &str) -> String {
    let text = "Recipient address rejected: Greylisted, please try again in 300 seconds";
    let from = "RCPT from unknown[192.0.2.1]: 450 4.7.1";
    let envelope = format!("from=<{sender}> to=<{recipient}> proto=ESMTP helo=<x>");
    line(time, &format!("smtpd[1]: NOQUEUE: reject: {from} <{recipient}>: {text}; {envelope}"))
}

/// A mail that is accepted and delivered, after an alias was followed if one is named.
fn delivery(time: &str, id: &str, sender: &str, recipient: &str, alias: Option<&str>) -> String {
    let to = match alias {
        Some(alias) => format!("to=<{alias}>, orig_to=<{recipient}>"),
        None => format!("to=<{recipient}>"),
    };
    let status = "relay=virtual, delay=0.03, delays=0.02/0.01/0/0.01, dsn=2.0.0, status=sent (delivered to maildir)";
    [
        format!("smtpd[1]: {id}: client=unknown[192.0.2.1]"),
        format!("cleanup[2]: {id}: message-id=<1@example.org>"),
        format!("qmgr[3]: {id}: from=<{sender}>, size=310, nrcpt=1 (queue active)"),
        format!("virtual[4]: {id}: {to}, {status}"),
        format!("qmgr[3]: {id}: removed"),
    ]
    .map(|message| line(time, &message))
    .concat()
}

#[test]
fn a_mail_that_failed_for_a_time_is_followed_until_it_is_accepted() {
    let log = read(
        &[
            deferral("10:00", "arrives@example.org", "bob@example.net"),
            deferral("10:00", "aliased@example.org", "postmaster@example.net"),
            deferral("10:00", "prvs=0785afa14d=signs@example.org", "bob@example.net"),
            deferral("10:00", "gone@example.org", "bob@example.net"),
            deferral("10:30", "gone@example.org", "Bob@Example.net"),
            deferral("10:00", "", "bob@example.net"),
            delivery("10:10", "AA1", "arrives@example.org", "bob@example.net", None),
            delivery("10:11", "AA2", "aliased@example.org", "postmaster@example.net", Some("root@mx.example.net")),
            delivery("10:12", "AA3", "prvs=0786b1c2d3=signs@example.org", "bob@example.net", None),
            delivery("10:13", "AA4", "other@example.org", "bob@example.net", None),
        ]
        .concat(),
    );
    let expected = Temporary { failed: 5, arrived: 3, refused: 0, never_arrived: 2 };
    assert_eq!(log.temporary, expected);
    let left: Vec<_> = log.never_arrived.iter().map(|mail| (&*mail.sender, mail.attempts)).collect();
    assert_eq!(left, [("gone@example.org", 2), ("", 1)]);
    assert_eq!(log.never_arrived[0].client, "unknown[192.0.2.1]");
    assert_eq!(log.never_arrived[0].last.to_string(), "2026-11-21T10:30:00.123456Z");
}

#[test]
fn what_was_accepted_before_it_failed_has_not_arrived() {
    let log = read(
        &[
            delivery("Nov 21 10:00:00", "AA1", "a@example.org", "bob@example.net", None),
            deferral("Nov 21 10:01:00", "a@example.org", "bob@example.net"),
        ]
        .concat(),
    );
    assert_eq!(log.temporary, Temporary { failed: 1, arrived: 0, refused: 0, never_arrived: 1 });
}

#[test]
fn what_was_refused_for_good_in_the_end_is_no_mystery() {
    let refused = deferral("10:30", "a@example.org", "bob@example.net").replace("450 4.7.1", "550 5.7.1");
    let log = read(&[deferral("10:00", "a@example.org", "bob@example.net"), refused].concat());
    assert_eq!(log.temporary, Temporary { failed: 1, arrived: 0, refused: 1, never_arrived: 0 });
}

#[test]
fn who_looks_for_an_open_relay_has_no_mail_for_us() {
    let relay = deferral("10:00", "a@example.org", "x@elsewhere.example")
        .replace("Recipient address rejected: Greylisted, please try again in 300 seconds", "Relay access denied");
    let log = read(&relay);
    assert_eq!(refused(&log), [("reject_unauth_destination", "temporary", 1)]);
    assert_eq!(log.temporary, Temporary::default());
}

#[test]
fn other_times_and_other_programs_are_passed_over() {
    let log = read(
        &[
            deferral("Nov 19 10:00:00", "a@example.org", "bob@example.net"),
            deferral("Nov 22 10:00:00", "a@example.org", "bob@example.net"),
            "Nov 21 10:00:00 mx sshd[1]: NOQUEUE: reject: RCPT from x[192.0.2.1]: 550 5.7.1 no\n".to_owned(),
            "nonsense\n\n\u{fffd}\n2026-11-21T10:00:00Z\nNov 21 10:00:00 mx postfix/smtpd[1]: \n".to_owned(),
            line("10:00", "smtpd[1]: NOQUEUE: reject: RCPT from "),
            line("10:00", "smtpd[1]: NOQUEUE: reject: RCPT from x]]:1:"),
            line("10:00", "smtpd[1]: NOQUEUE: reject: RCPT from ]:99999999"),
        ]
        .concat(),
    );
    assert_eq!((log.temporary, log.never_arrived.len()), (Temporary::default(), 0));
}

#[test]
fn lines_come_out_of_a_file_packed_or_not() {
    let text = format!("one\n{}\ntwo \u{e9}\nlast", "x".repeat(200_000));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(text.as_bytes()).unwrap();
    let mut packed = packed.finish().unwrap();
    packed.extend(packed.clone()); // gzip allows several members one after the other
    for (octets, times) in [(text.clone().into_bytes(), 1), (packed, 2)] {
        let size = octets.len() as u64;
        let mut log = Log::new(std::io::Cursor::new(octets), Some(size)).unwrap();
        let lines: Vec<_> = std::iter::from_fn(|| log.next_line().unwrap()).collect();
        let read: Vec<_> = lines.iter().map(|line| line.len()).collect();
        assert_eq!(read[..3], [3, 65_536, 6]);
        assert_eq!(lines.len(), 4 * times - (times - 1), "the last line of a member and the first of the next are one");
        assert_eq!(log.progress(), Progress { read: size, size: Some(size) });
    }
}
