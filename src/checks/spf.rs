//! May the client write in the name of the sender's domain (RFC 7208)?
//!
//! The domain's owner says so in the DNS. Bounces have no sender: there the name of HELO is asked about (section 2.4).

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_yaml::Value;

use super::{Check, Consequence, Context, Finding, Options, Parts, Pending, Reason, Registration};
use crate::config::Section;
use crate::dns::Dns;
use crate::net::{host_name, is_public};
use crate::protocol::property_value;
use crate::spf::{Evaluation, Identity, Limits, Query, SpfResult, evaluate};

/// How the policy file gets here.
pub const REGISTRATION: Registration =
    Registration { name: "spf", read: |section| Box::new(SpfOptions::read(section)) };

/// "SPF validation failed", for refusals (RFC 7208 section 8.4, RFC 7372 section 3.2).
const STATUS: &str = "5.7.23";

/// "SPF validation error": it did not come to a result (RFC 7372 section 3.2).
const STATUS_ERROR: &str = "5.7.24";

/// RFC 7208 section 4.6.4 suggests 20 seconds at least, but Postfix waits, and other checks want their share of the
/// deadline. Whose records take longer than this is not held against anybody: `temperror`.
const TIME: Duration = Duration::from_secs(5);

/// What follows from each result (RFC 7208 section 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SpfOptions {
    /// The client may.
    pub pass: Consequence,
    /// The domain says nothing.
    pub none: Consequence,
    /// The domain says that it does not say.
    pub neutral: Consequence,
    /// The client probably may not.
    pub softfail: Consequence,
    /// The client may not.
    pub fail: Consequence,
    /// What the domain says makes no sense.
    pub permerror: Consequence,
    /// The DNS could not be asked.
    pub temperror: Consequence,
}

impl Default for SpfOptions {
    fn default() -> Self {
        Self {
            pass: Consequence::Ignore,
            none: Consequence::Ignore,
            neutral: Consequence::Ignore,
            softfail: Consequence::Suspect,
            fail: Consequence::Reject,
            permerror: Consequence::Ignore,
            temperror: Consequence::Ignore,
        }
    }
}

impl SpfOptions {
    fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        let options = Self {
            pass: section.parsed("pass", default.pass),
            none: section.parsed("none", default.none),
            neutral: section.parsed("neutral", default.neutral),
            softfail: section.parsed("softfail", default.softfail),
            fail: section.parsed("fail", default.fail),
            permerror: section.parsed("permerror", default.permerror),
            temperror: section.parsed("temperror", default.temperror),
        };
        if options.temperror == Consequence::Reject {
            section.mistake(
                "temperror",
                "a DNS failure says nothing about the sender and cannot be a reason to reject; defer can",
            );
        }
        options
    }
}

impl Options for SpfOptions {
    fn in_force(&self) -> Value {
        serde_yaml::to_value(self).unwrap_or_default()
    }

    fn build(&self, parts: &Parts) -> Box<dyn Check> {
        Box::new(SpfCheck { options: *self, dns: parts.dns.clone(), host: host_name() })
    }
}

struct SpfCheck {
    options: SpfOptions,
    dns: Arc<dyn Dns>,
    host: String,
}

impl Check for SpfCheck {
    fn find<'a>(&'a self, context: &'a Context<'a>) -> Pending<'a, Finding> {
        Box::pin(async move {
            let request = context.request;
            // No domain speaks of addresses that everybody has: who comes from one is in our own network.
            let Some(ip) = request.client_address.filter(|ip| is_public(*ip)) else {
                return Finding::nothing("no public address");
            };
            let sender = request.sender.as_str();
            let query = Query { ip, helo: &request.helo_name, sender, receiver: &self.host, now: context.now };
            let limits = Limits { time: TIME, ..Limits::default() };
            let evaluation = evaluate(self.dns.as_ref(), &query, &limits).await;
            let result = context.tells_results.then(|| result(&evaluation, &query)).flatten();
            Finding { result, ..self.found(&evaluation, &query) }
        })
    }

    fn consequence(&self, reason: Reason) -> Consequence {
        match reason {
            Reason::SpfPass => self.options.pass,
            Reason::SpfNone => self.options.none,
            Reason::SpfNeutral => self.options.neutral,
            Reason::SpfSoftfail => self.options.softfail,
            Reason::SpfFail => self.options.fail,
            Reason::SpfPermerror => self.options.permerror,
            Reason::SpfTemperror => self.options.temperror,
            _ => Consequence::Ignore,
        }
    }
}

impl SpfCheck {
    fn found(&self, evaluation: &Evaluation, query: &Query<'_>) -> Finding {
        let reason = reason(evaluation.result);
        let Evaluation { result, domain, .. } = evaluation;
        let is_told = matches!(self.consequence(reason), Consequence::Reject | Consequence::Defer);
        Finding {
            text: if is_told { text(evaluation, query) } else { String::new() },
            status: Some(if evaluation.problem.is_some() { STATUS_ERROR } else { STATUS }),
            vouched_by: (*result == SpfResult::Pass).then(|| domain.clone()),
            ..Finding::new(reason, evidence(evaluation))
        }
    }
}

/// RFC 8601 section 2.7.2; without a domain nothing was evaluated.
fn result(evaluation: &Evaluation, query: &Query<'_>) -> Option<String> {
    let (property, identity) = match evaluation.identity {
        Identity::MailFrom => ("smtp.mailfrom", query.sender),
        Identity::Helo => ("smtp.helo", query.helo),
    };
    (!evaluation.domain.is_empty())
        .then(|| format!("spf={} {property}={}", evaluation.result, property_value(identity)))
}

fn reason(result: SpfResult) -> Reason {
    match result {
        SpfResult::None => Reason::SpfNone,
        SpfResult::Neutral => Reason::SpfNeutral,
        SpfResult::Pass => Reason::SpfPass,
        SpfResult::Fail => Reason::SpfFail,
        SpfResult::SoftFail => Reason::SpfSoftfail,
        SpfResult::TempError => Reason::SpfTemperror,
        SpfResult::PermError => Reason::SpfPermerror,
    }
}

/// What the domain itself says, or what there is to say in general; the sender's administrator reads it.
fn text(evaluation: &Evaluation, query: &Query<'_>) -> String {
    let Evaluation { domain, explanation, .. } = evaluation;
    match explanation {
        Some(explanation) => format!("{domain} explains: {explanation}"),
        None if evaluation.problem.is_some() => format!("SPF: what {domain} publishes cannot be evaluated"),
        None => format!("SPF: {} is not allowed to send mail for {domain}", query.ip),
    }
}

fn evidence(evaluation: &Evaluation) -> String {
    let Evaluation { domain, record, mechanism, problem, lookups, .. } = evaluation;
    let mut text = domain.clone();
    if let Some(problem) = problem {
        // Most problems say whose record it is.
        let what = problem.strip_prefix(domain).and_then(|rest| rest.strip_prefix(": "));
        text.extend([": ", what.unwrap_or(problem)]);
    } else if let Some(mechanism) = mechanism {
        text.extend([" by ", mechanism]);
        if record != domain {
            text.extend([" of ", record]);
        }
    }
    let noun = if *lookups == 1 { "lookup" } else { "lookups" };
    let _ = write!(text, " ({lookups} {noun})");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::tests as testing;

    const ZONES: &str = "
        pass.example      TXT  v=spf1 ip4:192.0.2.0/24 -all
        fail.example      TXT  v=spf1 -all exp=why.example
        why.example       TXT  Ask %{d} first
        plain.example     TXT  v=spf1 -all
        soft.example      TXT  v=spf1 ~all
        broken.example    TXT  v=spf1 nonsense:
        slow.example      TIMEOUT
        redirect.example  TXT  v=spf1 redirect=plain.example
        helo.example      TXT  v=spf1 a -all
        helo.example      A    192.0.2.7
    ";

    async fn find(sender: &str) -> Finding {
        let request = testing::request("192.0.2.7", sender, "helo.example");
        testing::find(&SpfOptions::default(), ZONES, &request).await
    }

    #[tokio::test]
    async fn every_result_has_its_reason_and_consequence() {
        let check = SpfOptions::default();
        for (sender, reason, consequence) in [
            ("a@pass.example", Reason::SpfPass, Consequence::Ignore),
            ("a@fail.example", Reason::SpfFail, Consequence::Reject),
            ("a@soft.example", Reason::SpfSoftfail, Consequence::Suspect),
            ("a@broken.example", Reason::SpfPermerror, Consequence::Ignore),
            ("a@slow.example", Reason::SpfTemperror, Consequence::Ignore),
            ("a@nobody.example", Reason::SpfNone, Consequence::Ignore),
            ("", Reason::SpfPass, Consequence::Ignore), // the null sender: HELO is asked about
        ] {
            let finding = find(sender).await;
            assert_eq!(finding.reason, Some(reason), "{sender}");
            assert_eq!(testing::consequence(&check, reason), consequence, "{sender}");
        }
    }

    #[tokio::test]
    async fn the_domain_explains_itself() {
        for (sender, text) in [
            ("a@fail.example", "fail.example explains: Ask fail.example first"),
            ("a@plain.example", "SPF: 192.0.2.7 is not allowed to send mail for plain.example"),
        ] {
            let finding = find(sender).await;
            assert_eq!((finding.text.as_str(), finding.status), (text, Some("5.7.23")));
        }
        assert_eq!(find("a@slow.example").await.evidence, "slow.example: no answer in time (0 lookups)");
        let broken = find("a@broken.example").await;
        assert_eq!(broken.status, Some("5.7.24"), "{}", broken.text);
        assert_eq!(find("a@redirect.example").await.evidence, "redirect.example by -all of plain.example (1 lookup)");
    }

    #[tokio::test]
    async fn only_a_pass_vouches_for_the_client() {
        assert_eq!(find("a@pass.example").await.vouched_by.as_deref(), Some("pass.example"));
        for sender in ["a@fail.example", "a@soft.example", "a@nobody.example", "a@slow.example"] {
            assert_eq!(find(sender).await.vouched_by, None, "{sender}");
        }
    }

    #[tokio::test]
    async fn results_are_written_as_rfc_8601_wants() {
        for (sender, result) in [
            ("a@pass.example", "spf=pass smtp.mailfrom=a@pass.example"),
            ("a b@pass.example", "spf=pass smtp.mailfrom=\"a b@pass.example\""),
            ("", "spf=pass smtp.helo=helo.example"),
        ] {
            assert_eq!(find(sender).await.result.as_deref(), Some(result));
        }
    }

    #[tokio::test]
    async fn who_comes_from_a_private_network_is_not_held_to_it() {
        for client in ["10.1.2.3", "192.168.1.1", "fd00::1"] {
            let request = testing::request(client, "a@plain.example", "helo.example");
            let finding = testing::find(&SpfOptions::default(), ZONES, &request).await;
            assert_eq!((finding.reason, finding.result), (None, None), "{client}");
        }
    }

    #[test]
    fn a_dns_failure_cannot_reject() {
        let error = testing::policy("chain: [spf: {temperror: reject}]").unwrap_err();
        assert!(error.contains("spf.temperror: a DNS failure says nothing about the sender"), "{error}");
    }
}
