//! Sender Policy Framework (RFC 7208): may this client send for this domain?
//!
//! A domain publishes a record; [`evaluate`] reads it, asks the DNS what it refers to, and says what that means for one
//! client. It is pure: DNS and time come in, an [`Evaluation`] comes out, and what to do about it is for others to say.
//!
//! | file | section |
//! |---|---|
//! | `query` | 2.4, 4.1, 4.3: who is checked |
//! | `record/select` | 4.5: which text is the record |
//! | `record` | 4.6.1, 5, 6: its grammar |
//! | `macros` | 7: texts that are filled in |
//! | `evaluate` | 4.6, 5, 6.1: what it means |
//! | `lookups` | 4.6.4, 5.5: asking the DNS, within limits |
//! | `explain` | 6.2: what the domain tells those whom it fails |
//!
//! Nothing that a stranger publishes makes this long: a record is parsed once each time it is referred to, which is at
//! most ten times, in time proportional to its length, which is bounded.

mod domain;
mod evaluate;
mod explain;
mod limits;
mod lookups;
mod macros;
mod query;
mod record;
mod result;
mod trouble;

pub use limits::Limits;
pub use query::Query;
pub use result::{Evaluation, Identity, SpfResult};

use std::pin::pin;

use tokio::time::Instant;

use crate::clock::within;
use crate::dns::Dns;
use crate::mail::fold_host;
use crate::text::printable;
use evaluate::{Session, Verdict};
use lookups::Lookups;
use query::Subject;
use trouble::Trouble;

/// What the sender's domain says about the client.
pub async fn evaluate(dns: &dyn Dns, query: &Query<'_>, limits: &Limits) -> Evaluation {
    let started = Instant::now();
    let subject = Subject::new(query);
    let mut session = Session::new(&subject, Lookups::new(dns, *limits));
    let verdict = within(limits.time, pin!(session.check_host(subject.domain.clone()))).await;
    // "If such a limit is exceeded, the result of authorization SHOULD be "temperror"" (section 4.6.4).
    let verdict = verdict.unwrap_or(Err(Trouble::Time));
    // An explanation that does not come in time is none, and changes nothing. It is rare, and so has its room apart.
    let explanation = match &verdict {
        Ok(verdict) if verdict.is_explained() => {
            let time = limits.time.saturating_sub(started.elapsed());
            within(time, pin!(Box::pin(session.explain(verdict)))).await.flatten()
        }
        _ => None,
    };
    let domain = fold_host(&subject.domain);
    let evaluation = Evaluation {
        result: SpfResult::None,
        identity: subject.identity,
        record: domain.clone(),
        domain,
        mechanism: None,
        explanation,
        lookups: session.lookups.terms(),
        void_lookups: session.lookups.voids(),
        problem: None,
    };
    conclude(evaluation, verdict)
}

fn conclude(evaluation: Evaluation, verdict: Result<Verdict, Trouble>) -> Evaluation {
    match verdict {
        Ok(Verdict { result, mechanism, domain, .. }) => {
            Evaluation { result, mechanism, record: fold_host(&domain), ..evaluation }
        }
        Err(trouble) => {
            let problem = printable(&trouble.to_string(), 300).into_owned();
            Evaluation { result: trouble.result(), problem: Some(problem), ..evaluation }
        }
    }
}

#[cfg(test)]
mod tests;
