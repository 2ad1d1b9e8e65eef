//! What decisions leave in the journal.

use super::*;
use crate::journal::{Account, Interest};
use crate::protocol::ProtocolState;
use crate::store::{Triplet, Verdict};

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

const INTEREST: Interest = Interest { awaited: false, has_room: true };

async fn account_of(links: Vec<Link>, request: &Request) -> Account {
    decide(&chain(links), request).await.account(request, now(), INTEREST)
}

async fn account(links: Vec<Link>) -> Account {
    account_of(links, &request("1.2.3", "bob@example.net")).await
}

/// check, reason, observed, verdict, action
fn told(account: &Account) -> Vec<(&str, &str, bool, Verdict, &str)> {
    let records = account.records.iter();
    records.map(|record| (&*record.check, &*record.reason, record.observed, record.verdict, &*record.action)).collect()
}

/// check, reason, observed, verdict, whether it passed
fn counted(account: &Account) -> Vec<(&str, &str, bool, Verdict, bool)> {
    let counts = account.counts.iter();
    counts.map(|count| (&*count.check, &*count.reason, count.observed, count.verdict, count.passed)).collect()
}

#[tokio::test]
async fn what_is_refused_or_deferred_is_written_down_with_the_step_that_did_it() {
    for (consequence, verdict, action) in [
        (Consequence::Reject, Verdict::Reject, "550 5.7.1 told"),
        (Consequence::Defer, Verdict::Defer, "DEFER_IF_PERMIT 4.7.1 told"),
    ] {
        let before = enforced("before", Reason::SpfNone, Consequence::Ignore);
        let account = account(vec![before, enforced("by", Reason::SpfFail, consequence)]).await;
        assert_eq!(told(&account), [("by", "spf-fail", false, verdict, action)]);
        assert_eq!(counted(&account), [("by", "spf-fail", false, verdict, false)]);
        let record = &account.records[0];
        assert_eq!((record.evidence.as_str(), record.trace.len()), ("seen", 2));
        assert_eq!((record.sender.as_str(), record.recipient.as_str()), ("alice@example.org", "bob@example.net"));
        assert_eq!(account.timings.iter().map(|(check, _)| *check).collect::<Vec<_>>(), ["before", "by"]);
    }
}

#[tokio::test]
async fn who_passes_is_only_counted() {
    let account = account(vec![enforced("one", Reason::GreylistKnown, Consequence::Ignore)]).await;
    assert_eq!(told(&account), []);
    assert_eq!(counted(&account), [("one", "greylist-known", false, Verdict::Pass, true)]);
    let nothing = account_of(vec![], &request("1", "bob@example.net")).await;
    assert_eq!(counted(&nothing), [("none", "none", false, Verdict::Pass, true)]);
    let home = Request { client_address: "127.0.0.1".parse().ok(), ..request("1", "bob@example.net") };
    let exempt = account_of(vec![], &home).await;
    assert_eq!(counted(&exempt), [("exempt", "exempt-network", false, Verdict::Pass, true)]);
    assert_eq!(exempt.timings, []);
}

#[tokio::test]
async fn who_passes_after_waiting_is_written_down_whatever_a_later_step_finds() {
    let links = || {
        vec![
            enforced("greylist", Reason::GreylistPassed, Consequence::Ignore),
            enforced("later", Reason::SpfNone, Consequence::Ignore),
        ]
    };
    assert_eq!(told(&account(links()).await), [("greylist", "greylist-passed", false, Verdict::Pass, "DUNNO")]);
    let refused = vec![links().remove(0), enforced("last", Reason::SpfFail, Consequence::Reject)];
    assert_eq!(told(&account(refused).await), [("last", "spf-fail", false, Verdict::Reject, "550 5.7.1 told")]);
}

#[tokio::test]
async fn what_observed_steps_would_have_done_is_written_down_and_counted() {
    let observed = |reason, consequence| link("observed", Mode::Observe, fake(reason, consequence));
    for (reason, consequence, expected) in [
        (Reason::SpfFail, Consequence::Reject, Some(Verdict::Reject)),
        (Reason::SpfFail, Consequence::Defer, Some(Verdict::Defer)),
        (Reason::SpfFail, Consequence::Suspect, Some(Verdict::Pass)),
        (Reason::GreylistPassed, Consequence::Ignore, Some(Verdict::Pass)),
        (Reason::SpfPass, Consequence::Ignore, None),
        (Reason::Error, Consequence::Reject, None),
    ] {
        let account = account(vec![observed(reason, consequence)]).await;
        let written = told(&account).iter().map(|record| (record.2, record.3, record.4)).next();
        assert_eq!(written, expected.map(|verdict| (true, verdict, consequence.as_str())), "{reason} {consequence}");
        let numbers: Vec<_> = counted(&account).into_iter().filter(|count| count.2).map(|count| count.3).collect();
        assert_eq!(numbers, Vec::from_iter(expected), "{reason} {consequence}");
    }
    let both =
        vec![observed(Reason::SpfFail, Consequence::Reject), enforced("by", Reason::AccessDeny, Consequence::Reject)];
    assert!(counted(&account(both).await).contains(&("observed", "spf-fail", true, Verdict::Reject, false)));
}

#[tokio::test]
async fn a_conversation_has_one_number_and_only_its_check_tells_it() {
    let triplet = Triplet { client: "host:example.org".into(), sender: "a".into(), recipient: "b".into() };
    let mut greylist = fake(Reason::GreylistNew, Consequence::Defer);
    greylist.finding.triplet = Some(triplet.clone());
    let other = link("other", Mode::Observe, fake(Reason::SpfFail, Consequence::Reject));
    let account = account(vec![other, link("greylist", Mode::Enforce, greylist)]).await;
    let threads: Vec<_> = account.records.iter().map(|record| record.thread).collect();
    assert_eq!(threads, [None, Some((&triplet).into())]);
}

#[tokio::test]
async fn who_is_awaited_and_passes_in_another_way_is_written_down() {
    let mut greylist = fake(Reason::GreylistClient, Consequence::Ignore);
    greylist.finding.triplet = Some(Triplet { client: "a".into(), sender: "b".into(), recipient: "c".into() });
    let request = request("1", "bob@example.net");
    for (awaited, expected) in [(true, &["greylist-client"][..]), (false, &[])] {
        let decision = decide(&chain(vec![link("greylist", Mode::Enforce, greylist.clone())]), &request).await;
        let account = decision.account(&request, now(), Interest { awaited, ..INTEREST });
        assert_eq!(told(&account).iter().map(|record| record.1).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn what_there_is_no_room_for_is_counted_and_its_conversation_remembered() {
    let mut greylist = fake(Reason::GreylistNew, Consequence::Defer);
    let triplet = Triplet { client: "a".into(), sender: "b".into(), recipient: "c".into() };
    greylist.finding.triplet = Some(triplet.clone());
    let links = vec![
        link("other", Mode::Observe, fake(Reason::SpfFail, Consequence::Reject)),
        link("greylist", Mode::Enforce, greylist),
    ];
    let request = request("1", "bob@example.net");
    let decision = decide(&chain(links), &request).await;
    for (has_room, written, unwritten) in [(true, 2, 0), (false, 0, 2)] {
        let account = decision.account(&request, now(), Interest { has_room, ..INTEREST });
        assert_eq!((account.records.len(), account.unwritten), (written, unwritten));
        assert_eq!(account.thread, Some(((&triplet).into(), Verdict::Defer)));
        assert_eq!(counted(&account).len(), 2);
    }
}

#[tokio::test]
async fn a_repeated_request_is_recognised_and_another_recipient_is_none() {
    let number =
        async |instance: &str, recipient: &str| account_of(vec![], &request(instance, recipient)).await.request;
    let first = number("1.2.3", "bob@example.net").await;
    assert!(first.is_some() && first == number("1.2.3", "bob@example.net").await);
    assert_ne!(first, number("1.2.3", "carol@example.net").await);
    assert_ne!(first, number("1.2.4", "bob@example.net").await);
    assert_eq!(number("", "bob@example.net").await, None);
}

#[tokio::test]
async fn what_is_endless_is_cut_and_what_is_no_recipient_is_not_counted() {
    let long = format!("{}@example.org", "ä".repeat(1000));
    let endless = Request { helo_name: long.clone(), ..request("1", &long) };
    let account = account_of(vec![enforced("by", Reason::SpfFail, Consequence::Reject)], &endless).await;
    let record = &account.records[0];
    for text in [&record.helo, &record.recipient, &record.recipient_key] {
        assert_eq!(text.len(), 320);
    }
    let verify = Request { protocol_state: ProtocolState::Other, ..request("1", "bob@example.net") };
    assert_eq!(account_of(vec![], &verify).await.counts, []);
}
