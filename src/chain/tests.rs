//! The chain with checks that find what a test wants them to find.

mod account;

use std::path::Path;
use std::sync::Mutex;

use super::*;
use crate::checks::{Consequence, Finding, Pending};
use crate::config::Draft;
use crate::protocol::{Action, Attribute, Attributes};

/// Finds the same thing every time, after a delay, or panics.
#[derive(Clone)]
struct Fake {
    finding: Finding,
    consequence: Consequence,
    takes: Duration,
    panics: bool,
}

impl Check for Fake {
    fn find<'a>(&'a self, context: &'a Context<'a>) -> Pending<'a, Finding> {
        Box::pin(async move {
            tokio::time::sleep(self.takes).await;
            assert!(!self.panics, "a bug");
            let suspect = if context.suspect { " of a suspect" } else { "" };
            let trusted = if context.trusted { " of a friend" } else { "" };
            let vouched = context.vouched_by.map(|domain| format!(" of {domain}")).unwrap_or_default();
            let evidence = format!("{}{suspect}{trusted}{vouched}", self.finding.evidence);
            let result = self.finding.result.clone().filter(|_| context.tells_results);
            Finding { evidence, result, ..self.finding.clone() }
        })
    }

    fn consequence(&self, _: Reason) -> Consequence {
        self.consequence
    }
}

fn fake(reason: Reason, consequence: Consequence) -> Fake {
    let finding = Finding { text: "told".to_owned(), ..Finding::new(reason, "seen") };
    Fake { finding, consequence, takes: Duration::ZERO, panics: false }
}

fn link(name: &'static str, mode: Mode, check: Fake) -> Link {
    Link { name, mode, check: Box::new(check) }
}

fn enforced(name: &'static str, reason: Reason, consequence: Consequence) -> Link {
    link(name, Mode::Enforce, fake(reason, consequence))
}

fn chain(links: Vec<Link>) -> Chain {
    Chain {
        exempt: Exempt::default(),
        deadline: Duration::from_secs(8),
        links,
        authserv_id: String::new(),
        headers: Arc::default(),
    }
}

fn request(instance: &str, recipient: &str) -> Request {
    let mut attributes = Attributes::default();
    for (attribute, value) in [
        (Attribute::Request, "smtpd_access_policy"),
        (Attribute::ProtocolState, "RCPT"),
        (Attribute::ClientAddress, "192.0.2.7"),
        (Attribute::Sender, "alice@example.org"),
        (Attribute::Recipient, recipient),
        (Attribute::Instance, instance),
    ] {
        attributes.set_first(attribute, value.into());
    }
    Request::from_attributes(&attributes).unwrap()
}

async fn decide(chain: &Chain, request: &Request) -> Decision {
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    chain.decide(request, &World { lists: &Snapshot::default(), now, clock_is_sure: true }).await
}

async fn decide_with(links: Vec<Link>) -> Decision {
    decide(&chain(links), &request("1.2.3", "bob@example.net")).await
}

#[tokio::test]
async fn the_first_step_that_answers_ends_the_chain() {
    for (consequence, expected, asked) in [
        (Consequence::Reject, "550 5.7.1 told", 1),
        (Consequence::Defer, "DEFER_IF_PERMIT 4.7.1 told", 1),
        (Consequence::Allow, "DUNNO", 1),
        (Consequence::Ignore, "550 5.7.1 told", 2),
        (Consequence::Suspect, "550 5.7.1 told", 2),
    ] {
        let first = enforced("first", Reason::AccessDeny, consequence);
        let decision = decide_with(vec![first, enforced("second", Reason::GreylistNew, Consequence::Reject)]).await;
        assert_eq!((decision.action.to_string().as_str(), decision.trace.len()), (expected, asked), "{consequence}");
    }
}

#[tokio::test]
async fn a_suspicion_is_told_to_the_checks_that_follow() {
    let decision = decide_with(vec![
        enforced("first", Reason::AccessSuspect, Consequence::Suspect),
        enforced("second", Reason::GreylistKnown, Consequence::Ignore),
    ])
    .await;
    assert_eq!(decision.trace[1].evidence, "seen of a suspect");
}

#[tokio::test]
async fn an_observed_step_never_changes_the_answer() {
    for consequence in
        [Consequence::Reject, Consequence::Defer, Consequence::Suspect, Consequence::Allow, Consequence::Skip]
    {
        let mut observed = fake(Reason::AccessDeny, consequence);
        observed.finding.skip = vec!["second".to_owned()];
        observed.finding.delayed = Some(Duration::from_secs(300));
        let decision = decide_with(vec![
            link("first", Mode::Observe, observed),
            enforced("second", Reason::GreylistKnown, Consequence::Ignore),
        ])
        .await;
        assert_eq!(decision.action, Action::Dunno, "{consequence}");
        assert_eq!((decision.check, decision.reason), (Some("second"), Some(Reason::GreylistKnown)));
        assert_eq!(decision.trace[0].consequence, Some(consequence), "what it would have done is in the trace");
        assert_eq!(decision.trace[1].evidence, "seen", "and nothing of it reaches the others");
    }
}

#[tokio::test]
async fn trust_and_who_vouches_reach_the_checks_that_follow() {
    let mut vouched = fake(Reason::SpfPass, Consequence::Trust);
    vouched.finding.vouched_by = Some("example.org".to_owned());
    let decision = decide_with(vec![
        link("first", Mode::Enforce, vouched),
        enforced("second", Reason::GreylistKnown, Consequence::Ignore),
    ])
    .await;
    assert_eq!(decision.trace[1].evidence, "seen of a friend of example.org");
}

#[tokio::test]
async fn a_refusal_has_the_status_of_its_check() {
    let mut fails = fake(Reason::SpfFail, Consequence::Reject);
    fails.finding.status = Some("5.7.23");
    assert_eq!(decide_with(vec![link("first", Mode::Enforce, fails)]).await.action.to_string(), "550 5.7.23 told");
}

#[tokio::test]
async fn authentication_results_tell_what_was_evaluated() {
    let told = |result: &str, mode| {
        let mut check = fake(Reason::SpfPass, Consequence::Ignore);
        check.finding.result = Some(result.to_owned());
        link("first", mode, check)
    };
    let mut delayed = fake(Reason::GreylistPassed, Consequence::Ignore);
    delayed.finding.delayed = Some(Duration::from_secs(321));
    let links = vec![
        told("spf=pass smtp.mailfrom=a@example.org", Mode::Enforce),
        told("iprev=pass policy.iprev=192.0.2.7", Mode::Enforce),
        told("dnswl=none", Mode::Observe), // changes nothing
        link("greylist", Mode::Enforce, delayed),
    ];
    let named = Chain { authserv_id: "mx.example.net".to_owned(), ..chain(links) };
    assert_eq!(
        decide(&named, &request("1.2.3", "bob@example.net")).await.action.to_string(),
        "PREPEND Authentication-Results: mx.example.net; spf=pass smtp.mailfrom=a@example.org; \
         iprev=pass policy.iprev=192.0.2.7; x-greylist=pass (delayed 321 s)"
    );
    let silent = Chain { authserv_id: "mx.example.net".to_owned(), ..chain(vec![]) };
    assert_eq!(decide(&silent, &request("1.2.3", "bob@example.net")).await.action, Action::Dunno);
}

#[tokio::test]
async fn a_skipped_check_is_not_asked() {
    let mut skips = fake(Reason::AccessSkip, Consequence::Skip);
    skips.finding.skip = vec!["second".to_owned()];
    let decision = decide_with(vec![
        link("first", Mode::Enforce, skips),
        enforced("second", Reason::GreylistNew, Consequence::Defer),
        enforced("third", Reason::GreylistKnown, Consequence::Ignore),
    ])
    .await;
    assert_eq!(decision.action, Action::Dunno);
    assert_eq!(decision.trace.iter().map(|step| step.check).collect::<Vec<_>>(), ["first", "third"]);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_takes_too_long_lets_the_mail_pass() {
    let slow = Fake { takes: Duration::from_secs(3600), ..fake(Reason::AccessDeny, Consequence::Reject) };
    let decision = decide_with(vec![
        enforced("first", Reason::AccessSuspect, Consequence::Suspect),
        link("slow", Mode::Enforce, slow),
    ])
    .await;
    assert_eq!((decision.action.clone(), decision.reason), (Action::Dunno, Some(Reason::Deadline)));
    assert_eq!(decision.check, Some("slow"), "the log names the one that was too slow");
    assert!(decision.failed_open());
}

#[tokio::test(start_paused = true)]
async fn a_slow_check_leaves_time_for_those_that_follow() {
    let slow = || Fake { takes: Duration::from_secs(3600), ..fake(Reason::RdnsMissing, Consequence::Reject) };
    let started = tokio::time::Instant::now();
    let decision = decide_with(vec![
        link("first", Mode::Enforce, slow()),
        link("second", Mode::Observe, slow()),
        enforced("third", Reason::GreylistNew, Consequence::Defer),
    ])
    .await;
    assert_eq!(decision.action, Action::defer("told"), "slow names do not switch greylisting off");
    assert_eq!(decision.reason, Some(Reason::GreylistNew));
    assert!(decision.trace[..2].iter().all(|step| step.reason == Some(Reason::Deadline)));
    assert_eq!(started.elapsed(), Duration::from_secs(6), "half of 8 s, and half of what was left");
}

#[tokio::test]
async fn a_check_that_panics_lets_the_mail_pass() {
    let broken = Fake { panics: true, ..fake(Reason::AccessDeny, Consequence::Reject) };
    let decision = decide_with(vec![link("broken", Mode::Enforce, broken)]).await;
    assert_eq!((decision.action.clone(), decision.reason), (Action::Dunno, Some(Reason::Error)));
    assert!(decision.failed_open());
}

#[tokio::test]
async fn an_observed_check_that_panics_changes_nothing() {
    let broken = Fake { panics: true, ..fake(Reason::AccessDeny, Consequence::Reject) };
    let decision = decide_with(vec![
        link("broken", Mode::Observe, broken),
        enforced("second", Reason::GreylistNew, Consequence::Defer),
    ])
    .await;
    assert_eq!(decision.action.to_string(), "DEFER_IF_PERMIT 4.7.1 told");
    assert_eq!(decision.trace[0].reason, Some(Reason::Error));
    assert!(!decision.failed_open());
}

#[tokio::test(start_paused = true)]
async fn an_observed_check_that_takes_too_long_is_what_the_mail_passed_for() {
    let slow = Fake { takes: Duration::from_secs(3600), ..fake(Reason::AccessDeny, Consequence::Reject) };
    let decision = decide_with(vec![link("slow", Mode::Observe, slow)]).await;
    assert_eq!((decision.check, decision.reason), (Some("slow"), Some(Reason::Deadline)));
    assert!(decision.failed_open());
}

#[tokio::test]
async fn a_role_account_is_checked_by_access_lists_alone() {
    let steps = |first| {
        let last = enforced("dnsbl", Reason::DnsblListed, Consequence::Reject);
        chain(vec![first, last])
    };
    let nothing = || enforced("access", Reason::AccessSuspect, Consequence::Suspect);
    let denies = || enforced("access", Reason::AccessDeny, Consequence::Reject);
    for (recipient, access, reason) in [
        ("postmaster@example.net", nothing(), Reason::AccessSuspect),
        ("Abuse+spam@Example.NET", nothing(), Reason::AccessSuspect),
        ("postmaster", nothing(), Reason::AccessSuspect),
        ("postmaster@example.net", denies(), Reason::AccessDeny),
        ("postmasters@example.net", nothing(), Reason::DnsblListed),
    ] {
        let decision = decide(&steps(access), &request("1.2.3", recipient)).await;
        assert_eq!(decision.reason, Some(reason), "{recipient}");
    }
    let only_checks = chain(vec![enforced("dnsbl", Reason::DnsblListed, Consequence::Reject)]);
    let decision = decide(&only_checks, &request("1.2.3", "postmaster@example.net")).await;
    assert_eq!((decision.action, decision.reason), (Action::Dunno, Some(Reason::ExemptRecipient)));
}

#[tokio::test]
async fn what_strangers_put_into_a_role_account_is_shown_clean_and_cut() {
    for tag in ["\u{1b}[31m\0\u{202e}", &"x".repeat(60_000)] {
        let request = request("1.2.3", &format!("postmaster+{tag}@example.net"));
        let evidence = &decide(&chain(vec![]), &request).await.trace[0].evidence;
        let is_clean = evidence.len() <= 400 && !evidence.chars().any(crate::text::is_unprintable);
        let says_all = evidence.starts_with("postmaster+") && evidence.ends_with(" is a role account");
        assert!(is_clean && says_all, "{evidence}");
    }
}

#[tokio::test]
async fn who_is_exempt_is_not_checked() {
    let refuses = || chain(vec![enforced("first", Reason::AccessDeny, Consequence::Reject)]);
    let mut own = request("1.2.3", "bob@example.net");
    own.client_address = "127.0.0.1".parse().ok();
    let mut authenticated = request("1.2.3", "bob@example.net");
    authenticated.authenticated = true;
    let mut unknown = request("1.2.3", "bob@example.net");
    unknown.client_address = None;
    for (request, reason) in
        [(own, Some(Reason::ExemptNetwork)), (authenticated, Some(Reason::ExemptAuthenticated)), (unknown, None)]
    {
        let decision = decide(&refuses(), &request).await;
        assert_eq!((decision.action, decision.reason), (Action::Dunno, reason));
    }
}

#[tokio::test]
async fn states_without_a_recipient_are_not_checked() {
    let chain = chain(vec![enforced("first", Reason::AccessDeny, Consequence::Reject)]);
    for state in [crate::protocol::ProtocolState::Data, crate::protocol::ProtocolState::Other] {
        let request = Request { protocol_state: state, ..request("1.2.3", "bob@example.net") };
        assert_eq!(decide(&chain, &request).await.action, Action::Dunno, "{state:?}");
    }
}

#[tokio::test]
async fn a_header_is_given_once_for_each_message() {
    let mut delayed = fake(Reason::GreylistPassed, Consequence::Ignore);
    delayed.finding.delayed = Some(Duration::from_secs(321));
    let chain = chain(vec![link("greylist", Mode::Enforce, delayed)]);
    let action =
        async |instance: &str, recipient: &str| decide(&chain, &request(instance, recipient)).await.action.to_string();

    let header = action("1.2.3", "bob@example.net").await;
    assert!(header.starts_with("PREPEND X-Greylist: delayed 321 seconds by postward-"), "{header}");
    assert!(header.ends_with("; Fri, 15 Jan 2027 08:00:00 +0000"), "{header}");
    assert_eq!(action("1.2.3", "carol@example.net").await, "DUNNO", "another recipient of the message");
    assert_eq!(action("1.2.3", "bob@example.net").await, header, "the same request again");
    assert!(action("1.2.4", "carol@example.net").await.starts_with("PREPEND "), "the next message");
}

#[tokio::test]
async fn a_refusal_after_a_delay_has_no_header() {
    let mut delayed = fake(Reason::GreylistPassed, Consequence::Ignore);
    delayed.finding.delayed = Some(Duration::from_secs(321));
    let last = enforced("last", Reason::AccessDeny, Consequence::Reject);
    let decision = decide_with(vec![link("greylist", Mode::Enforce, delayed), last]).await;
    assert_eq!(decision.action.to_string(), "550 5.7.1 told");
}

/// A collector of log lines.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn every_decision_is_one_line_that_no_stranger_can_forge() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let observed = link("second", Mode::Observe, fake(Reason::GreylistNew, Consequence::Defer));
    let chain = chain(vec![observed, enforced("first", Reason::AccessDeny, Consequence::Reject)]);
    let mut request = request("1.2.3", "bob@example.net\ninjected=1");
    request.helo_name = "\u{1b}[2J".to_owned();
    chain
        .answer(&request, &World { lists: &Snapshot::default(), now: Timestamp::UNIX_EPOCH, clock_is_sure: true })
        .await;

    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{log}");
    assert_eq!((&lines[0]["mode"], &lines[0]["action"]), (&"observe".into(), &"defer".into()));
    let decided = &lines[1];
    assert_eq!((&decided["check"], &decided["reason"]), (&"first".into(), &"access-deny".into()));
    assert_eq!(decided["recipient"], "bob@example.net\\ninjected=1");
    assert_eq!(decided["helo"], "\\u{1b}[2J");
    assert_eq!(decided["action"], "550 5.7.1 told");
}

fn policy(text: &str) -> Result<Policy, String> {
    let draft = Draft::parse(Path::new("policy.yaml"), text.to_owned()).map_err(|error| error.to_string())?;
    Policy::from_draft(draft).map_err(|error| error.to_string())
}

fn in_force(policy: &Policy) -> String {
    serde_yaml::to_string(&policy.in_force()).unwrap()
}

#[test]
fn the_example_documents_every_option_with_its_default() {
    let example = include_str!("../../policy.example.yaml");
    let built_in = policy("").unwrap();
    assert_eq!(in_force(&policy(example).unwrap()), in_force(&built_in));
    for line in in_force(&built_in).lines() {
        let option = line.trim_start_matches([' ', '-']).split(':').next().unwrap();
        let is_option =
            !option.is_empty() && option.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit());
        assert!(!is_option || example.contains(option), "{option}");
    }
}

#[test]
fn what_is_in_force_can_be_read_again() {
    let shown = in_force(&policy("chain: [{greylist: {delay: 90s, mode: off}}, access]").unwrap());
    assert_eq!(in_force(&policy(&shown).unwrap()), shown);
    assert!(shown.contains("mode: off") || shown.contains("mode: 'off'"), "{shown}");
}

#[test]
fn mistakes_in_steps_are_told_with_their_places() {
    let text = "chain:\n  - acces\n  - greylist: {dealy: 5m, mode: on}\n  - access: {x: 1}\n";
    let error = policy(text).unwrap_err();
    for expected in [
        "policy.yaml: 4 mistakes",
        "policy.yaml:2:5: chain[0]: there is no check called `acces`\n    hint: did you mean `access`?",
        "policy.yaml:3:16: chain[1].greylist.dealy: unknown option\n    hint: did you mean `delay`?",
        "policy.yaml:3:33: chain[1].greylist.mode: `on` is no mode",
        "policy.yaml:4:14: chain[2].access.x: unknown option",
    ] {
        assert!(error.contains(expected), "{expected}\nis not in\n{error}");
    }
}

#[test]
fn a_check_stands_in_the_chain_once() {
    let error = policy("chain:\n  - access\n  - greylist: {mode: observe, delay: 1m}\n  - greylist\n").unwrap_err();
    assert!(error.contains("policy.yaml:4:5: chain[2]: `greylist` stands in the chain already"), "{error}");
}

#[test]
fn a_bare_off_may_arrive_as_false() {
    for mode in ["off", "false", "'off'"] {
        let policy = policy(&format!("chain: [{{greylist: {{mode: {mode}}}}}]")).unwrap();
        assert_eq!(policy.steps[0].mode, Mode::Off, "{mode}");
    }
}
