//! What decides: the steps of the chain, in order, until one of them answers.
//!
//! A check finds something ([`Finding`]); its options name the consequence; what a consequence does to the answer stands here and
//! nowhere else, and so do observe mode, the deadline, failing open and the log line. Whatever goes wrong, the answer is DUNNO.

mod account;
mod decision;
mod header;
mod log;
mod policy;
mod steps;

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

pub use self::decision::{Decision, TraceStep};
pub use self::policy::Policy;
pub use self::steps::{Mode, Step};

use self::decision::Course;
use self::header::Headers;
use crate::batv;
use crate::checks::{Check, Context, Finding, Reason, access};
use crate::clock::{Timestamp, within};
use crate::config::Exempt;
use crate::dns::blocklist::Blocklist;
use crate::lists::Snapshot;
use crate::protocol::Request;
use crate::text::printable;

/// The most octets of a role account's name that are shown, with whatever is behind a `+`.
const MAX_ROLE: usize = 320;

/// The one world in which a request is judged, whatever is reloaded meanwhile.
pub struct World<'a> {
    /// The access lists.
    pub lists: &'a Snapshot,
    /// The time.
    pub now: Timestamp,
    /// Whether `now` can be believed when it says that something is old.
    pub clock_is_sure: bool,
}

/// The chain at work.
pub struct Chain {
    exempt: Exempt,
    deadline: Duration,
    links: Vec<Link>,
    /// Who says so, in Authentication-Results headers (RFC 8601 section 2.5); empty: there are none.
    authserv_id: String,
    headers: Arc<Headers>,
}

/// A step at work.
struct Link {
    name: &'static str,
    mode: Mode,
    check: Box<dyn Check>,
}

impl Chain {
    /// This chain in the place of `before`: a message that is under way has one header, whichever chain is asked about its
    /// recipients.
    pub fn succeeding(self, before: &Self) -> Self {
        Self { headers: Arc::clone(&before.headers), ..self }
    }

    /// Answers a request, and logs the decision.
    pub async fn answer(&self, request: &Request, world: &World<'_>) -> Decision {
        let decision = self.decide(request, world).await;
        log::decision(&decision, request);
        decision
    }

    /// Lets a request pass because nothing can be asked about it, and logs that.
    pub fn answer_unchecked(&self, request: &Request, why: &str) -> Decision {
        let mut course = Course::default();
        course.fail(Reason::Error, why);
        let decision = course.into_decision();
        log::decision(&decision, request);
        decision
    }

    /// Decides about a request: within the deadline, and whatever a check does.
    pub async fn decide(&self, request: &Request, world: &World<'_>) -> Decision {
        let mut course = Course::default();
        if let Some((reason, evidence)) = self.exemption(request) {
            course.exempt(reason, &evidence);
            return course.into_decision();
        }
        let role = self.role_account(request);
        if let Some(role) = role {
            course.exempt(Reason::ExemptRecipient, &format!("{} is a role account", printable(role, MAX_ROLE)));
        }
        if request.client_address.is_none() {
            return course.into_decision(); // nothing can be said about a client that Postfix does not know itself
        }
        let end = course.started() + self.deadline;
        let checks = self.run(request, world, role.is_some(), end, &mut course);
        if within(self.deadline, pin!(checks)).await.is_none() {
            course.fail(Reason::Deadline, &format!("no answer within {:?}", self.deadline));
        }
        let header = self.headers.of(request, &course, &self.authserv_id, world.now);
        course.into_decision().with_header(header)
    }

    /// Resolves when all checks have found out what they need to know before their first request, or at the deadline.
    pub async fn ready(&self) {
        let checks = async {
            for link in &self.links {
                link.check.ready().await;
            }
        };
        let _ = tokio::time::timeout(self.deadline, checks).await;
    }

    /// The blocklists that its checks ask.
    pub fn blocklists(&self) -> impl Iterator<Item = Arc<Blocklist>> + '_ {
        self.links.iter().flat_map(|link| link.check.blocklists())
    }

    /// What the checks do beside requests: forgetting what has lapsed.
    pub async fn maintain(&self, now: Timestamp) {
        for link in &self.links {
            if let Some(done) = link.check.maintain(now).await {
                tracing::info!(check = link.name, "forgotten: {done}");
            }
        }
    }

    /// Asks the checks; about a role account only the access lists.
    async fn run(&self, request: &Request, world: &World<'_>, is_role: bool, end: Instant, course: &mut Course) {
        for (position, link) in self.links.iter().enumerate() {
            let is_left_out = course.skips(link.name) || (is_role && link.name != access::REGISTRATION.name);
            if is_left_out || !link.check.applies_to(request.protocol_state) {
                continue;
            }
            let begun = course.begin(link.name, link.mode);
            let context = Context {
                request,
                lists: world.lists,
                now: world.now,
                clock_is_sure: world.clock_is_sure,
                suspect: course.suspect(),
                trusted: course.trusted(),
                tells_results: !self.authserv_id.is_empty(),
                vouched_by: course.vouched_by(),
            };
            // Clients choose the names that are looked up. One whose names are slow must not use up the time of the checks that
            // follow, or it could switch them off.
            let left = end.saturating_duration_since(begun);
            let time = if position + 1 == self.links.len() { left } else { left / 2 };
            let check = unless_panicking(async { link.check.find(&context).await });
            let found = within(time, pin!(check)).await;
            let finding = match found {
                Some(Ok(finding)) => finding,
                Some(Err(Panicked)) if link.mode == Mode::Observe => Finding::error(&BUG),
                Some(Err(Panicked)) => return course.fail(Reason::Error, BUG),
                None => {
                    course.fail(Reason::Deadline, &format!("no answer within {time:?}"));
                    continue;
                }
            };
            let consequence = finding.reason.map(|reason| link.check.consequence(reason));
            if course.take(finding, consequence).is_break() {
                break;
            }
        }
    }

    fn exemption(&self, request: &Request) -> Option<(Reason, String)> {
        if self.exempt.authenticated && request.authenticated {
            return Some((Reason::ExemptAuthenticated, "logged in, or with a trusted certificate".to_owned()));
        }
        let address = request.client_address?;
        let network = self.exempt.networks.iter().find(|network| network.0.contains(&address))?;
        Some((Reason::ExemptNetwork, format!("{address} is in {}", network.0)))
    }

    /// Who cannot get mail through must be able to ask why (RFC 5321 section 4.5.1, RFC 2142). An administrator may still block
    /// somebody by an access list: the RFC allows that against an attack.
    fn role_account<'a>(&self, request: &'a Request) -> Option<&'a str> {
        let recipient = request.recipient.as_ref()?;
        let core = batv::core(recipient);
        let local = core.as_ref().unwrap_or(recipient).local();
        self.exempt.recipients.iter().any(|role| role.is(local)).then(|| recipient.local())
    }
}

const BUG: &str = "a check has failed: this is a bug in postward";

struct Panicked;

/// A panic in a check is a bug, and must not cost the mail: it ends the checks instead of the connection, and a check that is
/// only observed ends by it alone.
async fn unless_panicking<T>(check: impl Future<Output = T>) -> Result<T, Panicked> {
    let mut check = pin!(check);
    std::future::poll_fn(move |cx| match std::panic::catch_unwind(AssertUnwindSafe(|| check.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(_) => Poll::Ready(Err(Panicked)),
    })
    .await
}

#[cfg(test)]
mod tests;
