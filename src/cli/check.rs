//! `postward check`: what would the chain answer, and why?

use std::io::Read as _;
use std::net::IpAddr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use super::failure::NO;
use super::output::{Format, Output, json_line, line, write_steps};
use super::{Common, Failure};
use crate::chain::{Decision, TraceStep, World};
use crate::checks::{Parts, Reason};
use crate::clock::{Clock as _, SystemClock};
use crate::dns::{Dns, leads_to};
use crate::lists::Lists;
use crate::mail::fold_host;
use crate::protocol::{Attribute, Attributes, Decoder, MAX_REQUEST, Request};
use crate::store::{Rehearsal, TraceRecord};
use crate::text::closest;

/// Attributes that Postfix sends and no check looks at: accepted, so that a recorded request can be pasted.
const UNUSED: [&str; 20] = [
    "protocol_name",
    "client_port",
    "reverse_client_name",
    "server_address",
    "server_port",
    "queue_id",
    "size",
    "etrn_domain",
    "stress",
    "sasl_method",
    "sasl_sender",
    "ccert_issuer",
    "ccert_fingerprint",
    "ccert_pubkey_fingerprint",
    "encryption_protocol",
    "encryption_cipher",
    "encryption_keysize",
    "policy_context",
    "compatibility_level",
    "mail_version",
];

const EXAMPLES: &str = "\
Examples:
  postward check client_address=192.0.2.1 sender=a@example.org recipient=b@example.net
  postward check client_address=192.0.2.1 sender= recipient=b@example.net
  postward check --format json - < request.txt

`sender=`, or no sender at all, is the null sender, and `protocol_state=RCPT` goes without saying. The answer is the one that Postfix would \
get now; the last step shown has decided.

Without client_name the DNS is asked for it, as Postfix does; without helo_name the client calls itself by its name, or \
by its address in brackets if it has none.

Exit codes: 0 every recipient would pass; 1 not";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CheckArgs {
    /// Attributes as Postfix names them: client_address and recipient, and if it matters sender, client_name,
    /// helo_name, sasl_username, …; or `-` to read whole requests as Postfix writes them from stdin
    #[arg(required = true, value_name = "ATTR=VALUE")]
    attributes: Vec<String>,
    #[command(flatten)]
    output: Output,
}

/// A decision as it is shown to programs.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    action: String,
    check: Option<&'a str>,
    reason: Option<Reason>,
    steps: &'a [TraceStep],
}

impl CheckArgs {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        let mut requests =
            if self.is_recorded() { recorded_requests()? } else { vec![typed_request(&self.attributes)?] };
        let policy = common.policy()?;
        let dns = policy.dns();
        let lists = Lists::default();
        let greylist = match common.open_if_there(&policy)? {
            Some(store) => {
                lists.refresh_if_changed(store.as_ref()).await.map_err(Failure::unavailable)?;
                Rehearsal::new(store)
            }
            None => Rehearsal::without_memory(),
        };
        let parts = Parts { greylist: Arc::new(greylist), dns: dns.clone(), tagging: policy.tagging.clone() };
        let chain = policy.chain(&parts);
        chain.ready().await;
        if let [request] = requests.as_mut_slice()
            && !self.is_recorded()
        {
            self.complete(request, dns.as_ref()).await;
        }
        let lists = lists.current().unwrap_or_default();
        let mut passes = true;
        for request in requests {
            let world = World { lists: &lists, now: SystemClock.now(), clock_is_sure: true };
            let decision = chain.decide(&request, &world).await;
            passes &= decision.action.passes();
            self.show(&decision)?;
        }
        Ok(ExitCode::from(if passes { 0 } else { NO }))
    }

    fn is_recorded(&self) -> bool {
        self.attributes == ["-"]
    }

    /// Gives a typed request the names that Postfix and an honest client would give it.
    async fn complete(&self, request: &mut Request, dns: &dyn Dns) {
        let Some(address) = request.client_address else { return };
        if !self.gives(Attribute::ClientName) {
            request.client_name = confirmed_name(dns, address).await;
        }
        if !self.gives(Attribute::HeloName) {
            request.helo_name = request.client_name.clone().unwrap_or_else(|| address_literal(address));
        }
    }

    fn gives(&self, attribute: Attribute) -> bool {
        let mut given = self.attributes.iter().filter_map(|word| word.split_once('='));
        given.any(|(name, _)| Attribute::from_name(name.as_bytes()) == Some(attribute))
    }

    fn show(&self, decision: &Decision) -> Result<(), Failure> {
        let Decision { action, check, reason, trace, .. } = decision;
        if self.output.format == Format::Json {
            return json_line(&Shown { action: action.to_string(), check: *check, reason: *reason, steps: trace });
        }
        line(&format!("action={action}"))?;
        if trace.is_empty() {
            return line("no check was asked");
        }
        write_steps(trace.iter().map(TraceRecord::from))
    }
}

/// The first name of the address, if it leads back: Postfix looks at no other (smtpd_peer.c). What could not be asked is
/// `unknown` to Postfix, too.
async fn confirmed_name(dns: &dyn Dns, address: IpAddr) -> Option<String> {
    let name = dns.ptr(address).await.ok()?.into_iter().next()?;
    let leads_back = leads_to(dns, &name, address).await.ok()?;
    leads_back.then(|| fold_host(&name))
}

/// How a client without a name greets (RFC 5321 section 4.1.3).
fn address_literal(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("[{address}]"),
        IpAddr::V6(address) => format!("[IPv6:{address}]"),
    }
}

/// A request made of `name=value` words.
fn typed_request(words: &[String]) -> Result<Request, Failure> {
    let mut attributes = Attributes::default();
    for word in words {
        let (name, value) = word.split_once('=').ok_or_else(|| {
            Failure::usage(format!("`{word}` is no attribute"))
                .with_hint("write name=value, such as client_address=192.0.2.1")
        })?;
        match Attribute::from_name(name.as_bytes()) {
            Some(attribute) => attributes.set_first(attribute, value.into()),
            None if UNUSED.contains(&name) => {}
            None => return Err(unknown_attribute(name)),
        }
    }
    attributes.set_first(Attribute::Request, "smtpd_access_policy".into());
    attributes.set_first(Attribute::ProtocolState, "RCPT".into());
    let request = Request::from_attributes(&attributes).map_err(Failure::usage)?;
    if request.client_address.is_none() {
        return Err(Failure::usage("client_address is missing, or no address: without it every answer is DUNNO"));
    }
    Ok(request)
}

fn unknown_attribute(name: &str) -> Failure {
    let known = Attribute::ALL.iter().map(|(_, name)| *name);
    let failure = Failure::usage(format!("Postfix has no attribute called `{name}`"));
    match closest(name, known.chain(UNUSED)) {
        Some(known) => failure.with_hint(format!("did you mean `{known}`?")),
        None => failure,
    }
}

/// Requests as Postfix writes them. The empty line after the last one may be missing.
fn recorded_requests() -> Result<Vec<Request>, Failure> {
    let mut decoder = Decoder::default();
    let mut requests = Vec::new();
    let mut stdin = std::io::stdin().lock();
    loop {
        let mut chunk = stdin.by_ref().take(MAX_REQUEST as u64);
        let read = chunk
            .read_to_end(decoder.input())
            .map_err(|error| Failure::usage(format!("cannot read stdin: {error}")))?;
        if read == 0 {
            decoder.input().extend_from_slice(b"\n\n");
        }
        while let Some(request) = decoder.next_request().map_err(Failure::usage)? {
            requests.push(request);
        }
        if read == 0 {
            break;
        }
    }
    if requests.is_empty() {
        return Err(Failure::usage("there is no request on stdin"));
    }
    Ok(requests)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(words: &[&str]) -> Result<Request, Failure> {
        typed_request(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_missing_gets_sensible_values() {
        let words = ["client_address=192.0.2.1", "queue_id=", "mail_version=3.8.0", "recipient=b@example.net"];
        let request = typed(&words).unwrap();
        assert_eq!(request.protocol_state, crate::protocol::ProtocolState::Rcpt);
        assert_eq!(request.sender, crate::mail::ReversePath::Null);
    }

    #[test]
    fn wrong_words_are_explained() {
        for (words, expected) in [
            (vec!["client_adress=192.0.2.1"], "did you mean `client_address`?"),
            (vec!["192.0.2.1"], "no attribute"),
            (vec!["client_address=192.0.2.256"], "client_address is missing"),
            (vec!["request=else", "client_address=192.0.2.1"], "smtpd_access_policy"),
        ] {
            let failure = format!("{:?}", typed(&words).unwrap_err());
            assert!(failure.contains(expected), "{expected} is not in {failure}");
        }
    }
}
