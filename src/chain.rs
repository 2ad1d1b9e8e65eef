//! What decides: the steps of the chain, in order, until one of them answers.
//!
//! A check finds something ([`Finding`](crate::checks::Finding)); its options name the consequence; what a consequence does to the answer stands here and
//! nowhere else, and so do observe mode, the deadline, failing open and the log line. Whatever goes wrong, the answer is DUNNO.

mod decision;
mod header;
mod log;
mod policy;
mod steps;

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

pub use self::decision::{Decision, TraceStep};
pub use self::policy::Policy;
pub use self::steps::{Mode, Step};

use self::decision::Course;
use self::header::Headers;
use crate::checks::{Check, Context, Finding, Reason};
use crate::clock::Timestamp;
use crate::config::Exempt;
use crate::lists::Snapshot;
use crate::protocol::Request;

/// The one world in which a request is judged, whatever is reloaded meanwhile.
pub struct World {
    /// The access lists.
    pub lists: Arc<Snapshot>,
    /// The time.
    pub now: Timestamp,
}

/// The chain at work.
pub struct Chain {
    exempt: Exempt,
    deadline: Duration,
    links: Vec<Link>,
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
    pub async fn answer(&self, request: &Request, world: &World) -> Decision {
        let started = Instant::now();
        let decision = self.decide(request, world).await;
        log::decision(&decision, request, started.elapsed());
        decision
    }

    /// Lets a request pass because nothing can be asked about it, and logs that.
    pub fn answer_unchecked(&self, request: &Request, why: &str) -> Decision {
        let mut course = Course::default();
        course.fail(Reason::Error, why);
        let decision = course.into_decision();
        log::decision(&decision, request, Duration::ZERO);
        decision
    }

    /// Decides about a request: within the deadline, and whatever a check does.
    pub async fn decide(&self, request: &Request, world: &World) -> Decision {
        let mut course = Course::default();
        if let Some((reason, evidence)) = self.exemption(request) {
            course.exempt(reason, &evidence);
            return course.into_decision();
        }
        if request.client_address.is_none() {
            return course.into_decision(); // nothing can be said about a client that Postfix does not know itself
        }
        let checks = self.run(request, world, &mut course);
        if tokio::time::timeout(self.deadline, checks).await.is_err() {
            course.fail(Reason::Deadline, &format!("no answer within {:?}", self.deadline));
        }
        let header = self.headers.of(request, &course, world.now);
        course.into_decision().with_header(header)
    }

    /// What the checks do beside requests: forgetting what has lapsed.
    pub async fn maintain(&self, now: Timestamp) {
        for link in &self.links {
            if let Some(done) = link.check.maintain(now).await {
                tracing::info!(check = link.name, "forgotten: {done}");
            }
        }
    }

    async fn run(&self, request: &Request, world: &World, course: &mut Course) {
        for link in &self.links {
            if !link.check.applies_to(request.protocol_state) || course.skips(link.name) {
                continue;
            }
            course.begin(link.name, link.mode);
            let context = Context { request, lists: &world.lists, now: world.now, suspect: course.suspect() };
            let finding = match unless_panicking(async { link.check.find(&context).await }).await {
                Ok(finding) => finding,
                Err(Panicked) if link.mode == Mode::Observe => Finding::error(&BUG),
                Err(Panicked) => return course.fail(Reason::Error, BUG),
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
