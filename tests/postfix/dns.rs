//! What the DNS knows about a sender, and what the sender hears of it.

use std::time::{Duration, Instant};

use crate::instance::Postfix;
use crate::smtp::{Client, Session};
use crate::support::dns::Manner;
use crate::support::internet::{
    ALLOWED, CLEAN, LISTED, NAMELESS, OURS, STRAY, STRICT, WHY_FORGED, WHY_LISTED, internet, whole_chain,
};
use crate::support::{DnsServer, Postward, Transport, eventually};

const ACCEPTED: &str = "250 2.1.5 Ok";
const REFUSED: &str = "550 5.7.1 <alice@example.test>: Recipient address rejected: ";
const DEFERRED: &str =
    "450 4.7.1 <alice@example.test>: Recipient address rejected: Greylisted, please try again in 300";

/// For all checks of a request, as [`whole_chain`] has it.
const DEADLINE: Duration = Duration::from_secs(2);

/// Time for Postfix, on a machine that has much else to do.
const BESIDE: Duration = Duration::from_millis(1500);

/// A Postfix, a postward with the whole chain, and the Internet around them.
struct Site {
    dns: DnsServer,
    postward: Postward,
    postfix: Postfix,
}

impl Site {
    fn new(greylist: &str) -> Self {
        let dns = internet();
        let mut postward = Postward::install(Transport::Inet, &whole_chain(&dns, greylist));
        postward.serve();
        let postfix = Postfix::start(postward.endpoint());
        Self { dns, postward, postfix }
    }

    fn session(&self, (address, name): (&str, &str)) -> Session {
        self.postfix.session(&Client::named(address, name))
    }

    fn attempt(&self, client: (&str, &str), sender: &str) -> String {
        self.session(client).attempt(sender, "alice@example.test")
    }

    /// A list counts only after its first good probe, which may not be over yet.
    fn wait_for_lists(&self) {
        eventually("the blocklist counts", || self.attempt(LISTED, "early@example.org").starts_with("550"));
    }
}

#[test]
fn a_client_without_a_name_is_refused_and_told_why() {
    let site = Site::new("{}");
    let mut session = site.postfix.session(&Client::at(NAMELESS));
    let reply = session.attempt("a@example.org", "alice@example.test");
    assert_eq!(reply, format!("{REFUSED}Your address 192.0.2.20 has no host name (reverse DNS)"));
}

#[test]
fn of_suspects_only_a_client_is_greylisted_whose_name_leads_to_another() {
    let site = Site::new("{when: suspect}");
    let mut stray = site.postfix.session(&Client::at(STRAY));
    let reply = stray.attempt("a@example.org", "alice@example.test");
    assert!(reply.starts_with(DEFERRED), "{reply}\n{}", site.postward.log());
    assert_eq!(site.attempt(CLEAN, "a@example.org"), ACCEPTED, "{}", site.postward.log());
    site.postward.advance(Duration::from_secs(301));
    assert_eq!(stray.attempt("a@example.org", "alice@example.test"), ACCEPTED, "{}", site.postward.log());
}

#[test]
fn a_listed_client_is_refused_with_the_words_of_the_list() {
    let site = Site::new("{}");
    site.wait_for_lists();
    assert_eq!(site.attempt(LISTED, "a@example.org"), format!("{REFUSED}{WHY_LISTED}"));
}

#[test]
fn a_list_that_is_sold_and_answers_everything_refuses_nobody_and_the_log_says_so() {
    let site = Site::new("{when: suspect}");
    site.wait_for_lists();
    site.dns.remove("40.2.0.192.bl.example");
    site.dns.add("*.bl.example A 198.51.100.80");
    assert_eq!(site.attempt(CLEAN, "a@example.org"), ACCEPTED, "not even the one who finds out");
    let found_out = Instant::now();
    assert_eq!(site.attempt(LISTED, "a@example.org"), ACCEPTED, "what was remembered counts no more");
    eventually("the log says that the list is out", || {
        site.postward.log().contains("blocklist bl.example does not count until it recovers: it answers 198.51.100.80")
    });
    assert!(found_out.elapsed() < Duration::from_secs(3), "before the next probe: {:?}", found_out.elapsed());
}

#[test]
fn a_list_that_lists_everything_from_the_beginning_refuses_nobody() {
    let dns = internet();
    dns.add("*.bl.example A 127.0.0.2");
    let mut postward = Postward::install(Transport::Inet, &whole_chain(&dns, "{when: suspect}"));
    postward.serve();
    let site = Site { postfix: Postfix::start(postward.endpoint()), postward, dns };
    eventually("the log says that the list is out", || {
        site.postward.log().contains("blocklist bl.example does not count until it recovers: it lists what no list may")
    });
    for client in [LISTED, CLEAN] {
        assert_eq!(site.attempt(client, "a@example.org"), ACCEPTED, "{}", site.postward.log());
    }
}

#[test]
fn a_forged_sender_is_refused_with_the_words_of_its_domain() {
    let reply = Site::new("{}").attempt(CLEAN, STRICT);
    let refused = REFUSED.replace("5.7.1", "5.7.23"); // RFC 7208 section 8.4
    assert_eq!(reply, format!("{refused}{WHY_FORGED}"));
}

#[test]
fn a_client_that_greets_by_our_name_is_refused() {
    let site = Site::new("{}");
    let mut session = site.session(CLEAN);
    session.command(&format!("EHLO {OURS}"));
    let reply = session.attempt("a@example.org", "alice@example.test");
    assert_eq!(reply, format!("{REFUSED}You are not who you say (HELO {OURS})"));
}

#[test]
fn a_client_on_an_allow_list_is_not_greylisted() {
    let site = Site::new("{}");
    eventually("the allow list counts", || site.attempt(ALLOWED, "a@example.org") == ACCEPTED);
    assert!(site.attempt(CLEAN, "a@example.org").starts_with(DEFERRED));
}

#[test]
fn when_the_dns_server_dies_mail_flows_and_nobody_is_refused() {
    let mut site = Site::new("{when: suspect}");
    site.wait_for_lists();
    site.dns.stop();
    // Whoever has not been asked about yet would be refused, if only somebody could be asked.
    let unknown = |n: usize| Client::at(&format!("198.51.100.{n}"));
    let mut attempts = 0;
    let mut attempt = |postfix: &Postfix| {
        attempts += 1;
        let mut session = postfix.session(&unknown(attempts));
        session.mail(&format!("a@d{attempts}.example"));
        let started = Instant::now();
        let reply = session.rcpt("alice@example.test");
        assert_eq!(reply, ACCEPTED, "{}", site.postward.log());
        started.elapsed()
    };
    eventually("nothing is looked up any more", || {
        let elapsed = attempt(&site.postfix);
        assert!(elapsed < DEADLINE + BESIDE, "{elapsed:?}");
        site.postward.log().contains("no DNS server answers")
    });
    let mut fastest = DEADLINE;
    for _ in 0..5 {
        fastest = fastest.min(attempt(&site.postfix));
    }
    assert!(fastest < Duration::from_millis(100), "at full speed: {fastest:?}");
    let later = site.attempt(LISTED, "later@example.org");
    assert_eq!(later, format!("{REFUSED}{WHY_LISTED}"), "what is still known still counts");

    site.dns.restart();
    eventually("somebody can be asked again", || {
        let mut session = site.postfix.session(&Client::at(NAMELESS));
        session.attempt("a@example.org", "alice@example.test").starts_with(REFUSED)
    });
}

#[test]
fn lists_that_never_answer_cost_no_mail_and_soon_no_time() {
    let site = Site::new("{when: suspect}");
    site.wait_for_lists();
    site.dns.behave("bl.example", Manner::Ignored);
    site.dns.behave("wl.example", Manner::Ignored);
    let started = Instant::now();
    assert_eq!(site.attempt(CLEAN, "a@example.org"), ACCEPTED, "{}", site.postward.log());
    assert!(started.elapsed() < DEADLINE + BESIDE, "{:?}", started.elapsed());
    let remembered = Instant::now();
    assert_eq!(site.attempt(CLEAN, "b@example.org"), ACCEPTED);
    assert!(remembered.elapsed() < Duration::from_millis(400), "{:?}", remembered.elapsed());
}
