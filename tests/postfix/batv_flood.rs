//! Somebody has sent spam in the name of a user of ours, and a thousand hosts tell her so.

use std::thread;

use crate::batv_site::Site;
use crate::smtp::Client;

const ACCEPTED: &str = "250 2.1.5 Ok";
const SESSIONS: usize = 10;
const BOUNCES_OF_A_SESSION: usize = 100;

#[test]
fn a_thousand_bounces_to_what_was_never_sent_are_refused_and_three_genuine_ones_arrive() {
    let site = Site::open("{}");
    let tagged =
        ["alice@example.test", "bob@example.test", "\"john doe\"@example.test"].map(|sender| site.tagged(sender));
    let (refused, accepted) = thread::scope(|scope| {
        let site = &site;
        let flood: Vec<_> = (0..SESSIONS).map(|number| scope.spawn(move || flood(site, number))).collect();
        let genuine: Vec<_> = tagged.iter().map(|tagged| scope.spawn(move || bounce(site, tagged))).collect();
        let refused: Vec<_> = flood.into_iter().flat_map(|session| session.join().unwrap()).collect();
        (refused, genuine.into_iter().map(|session| session.join().unwrap()).collect::<Vec<_>>())
    });
    assert_eq!(refused.len(), SESSIONS * BOUNCES_OF_A_SESSION);
    for (recipient, reply) in &refused {
        let expected = if recipient == "alice@example.test" { "550 5.7.1 " } else { "550 5.1.1 " };
        assert!(reply.starts_with(expected), "{recipient}: {reply}");
    }
    assert!(accepted.iter().all(|reply| reply.starts_with("250 2.0.0 Ok: queued")), "{accepted:?}");
    for mailbox in ["alice", "bob", "john"] {
        assert_eq!(site.postfix.delivered(mailbox, 1)[0].headers("Subject"), ["genuine"]);
    }
}

/// One host's bounces: to the address that the spam had, to made-up addresses of the site, to made-up tags. The replies.
fn flood(site: &Site, number: usize) -> Vec<(String, String)> {
    let mut session = site.postfix.session(&Client::at(&format!("198.51.100.{number}")));
    assert_eq!(session.mail(""), "250 2.1.0 Ok");
    let bounces = (0..BOUNCES_OF_A_SESSION).map(|bounce| {
        let recipient = match bounce % 4 {
            0 | 1 => "alice@example.test".to_owned(),
            2 => format!("madeup{number}-{bounce}@example.test"),
            _ => format!("prvs=0{bounce:03}{:06x}=alice@example.test", 0xabc * (number + 1)),
        };
        (recipient.clone(), session.rcpt(&recipient))
    });
    bounces.collect()
}

/// The reply to a whole bounce.
fn bounce(site: &Site, recipient: &str) -> String {
    let mut session = site.postfix.session(&Client::at("192.0.2.10"));
    let reply = session.attempt("", recipient);
    if reply == ACCEPTED { session.data("genuine") } else { reply }
}
