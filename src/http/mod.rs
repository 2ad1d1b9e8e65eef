//! What is shown of the running daemon: metrics, its condition, and a page for people.
//!
//! Everything here is read-only, answers GET and HEAD alone, and is bounded: in the size and time of a request, and in how many
//! pages are made at a time. Nobody who waits for a policy answer waits for it. There is no password; so it is meant for this
//! machine, and a browser that a stranger's page leads here is sent away ([`Hosts`]).

mod client;
mod exposition;
mod hosts;
pub mod html;
mod page;
mod search;
mod server;
mod status;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::timeout;

pub use self::client::{FetchError, fetch};
pub use self::hosts::Hosts;
pub use self::server::converse;
pub use self::status::{JournalStatus, ListsStatus, LookupStatus, SourceStatus, Status, StoreStatus, ZoneStatus};
use crate::metrics::Metrics;
use crate::store::Journal;

/// How many answers that read the database are made at a time.
const AT_A_TIME: usize = 2;

/// How long the database may take for an answer, and how long it waits for its turn.
const MAX_WORK: Duration = Duration::from_secs(10);

/// Nothing is fetched from anywhere but the style sheet from here; nothing runs; forms lead here; no page shows this in a frame.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Whoever can tell how the daemon is.
pub trait Running: Send + Sync {
    /// How it is at this moment.
    fn status(&self) -> Pin<Box<dyn Future<Output = Status> + Send + '_>>;
}

/// What there is to show, and to whom.
pub struct Site {
    running: Arc<dyn Running>,
    metrics: Arc<Metrics>,
    journal: Arc<dyn Journal>,
    hosts: Hosts,
    turns: Arc<Semaphore>,
}

impl Site {
    /// Shows what `running` tells, what `metrics` has counted and what is in the `journal`, to those who ask for `hosts`.
    pub fn new(running: Arc<dyn Running>, metrics: Arc<Metrics>, journal: Arc<dyn Journal>, hosts: Hosts) -> Self {
        Self { running, metrics, journal, hosts, turns: Arc::new(Semaphore::new(AT_A_TIME)) }
    }

    /// Answers a request. Its body, if it has one, is never read.
    pub async fn answer<B>(self: &Arc<Self>, request: &Request<B>) -> Response<String> {
        let response = match *request.method() {
            _ if !self.hosts.allow(request) => {
                plain(StatusCode::MISDIRECTED_REQUEST, "this is postward, and that is not its name")
            }
            Method::GET | Method::HEAD => self.get(request.uri().path(), request.uri().query().unwrap_or("")).await,
            _ => {
                let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "there is only something to GET here");
                response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
                response
            }
        };
        with_usual_headers(response)
    }

    async fn get(self: &Arc<Self>, path: &str, query: &str) -> Response<String> {
        match path {
            "/healthz" => plain(StatusCode::OK, "alive"),
            "/style.css" => typed("text/css; charset=utf-8", page::STYLE.to_owned()),
            "/" | "/decision" | "/metrics" | "/readyz" | "/status" => {
                let (site, path, query) = (Arc::clone(self), path.to_owned(), query.to_owned());
                match timeout(MAX_WORK, tokio::spawn(async move { site.in_turn(&path, &query).await })).await {
                    Ok(Ok(response)) => response,
                    _ => busy(),
                }
            }
            _ => plain(StatusCode::NOT_FOUND, "there is no such page"),
        }
    }

    /// Runs to its end, even if nobody waits for it any more: what reads the database cannot be stopped, and keeps its turn.
    async fn in_turn(&self, path: &str, query: &str) -> Response<String> {
        let turn = timeout(MAX_WORK, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return busy() };
        match path {
            "/" => page::overview(&self.running.status().await, &*self.journal, query).await,
            "/decision" => page::decision(&*self.journal, query).await,
            "/metrics" => {
                typed(exposition::MEDIA_TYPE, exposition::expose(&self.metrics, &self.running.status().await))
            }
            "/readyz" => match self.running.status().await.not_ready {
                None => plain(StatusCode::OK, "ready"),
                Some(why) => plain(StatusCode::SERVICE_UNAVAILABLE, &why),
            },
            _ => match serde_json::to_string(&self.running.status().await) {
                Ok(json) => typed("application/json", json),
                Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
            },
        }
    }
}

fn busy() -> Response<String> {
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, "too much is asked at once, or the database is too slow");
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("10"));
    response
}

fn plain(status: StatusCode, text: &str) -> Response<String> {
    let mut response = typed("text/plain; charset=utf-8", format!("{text}\n"));
    *response.status_mut() = status;
    response
}

fn typed(media_type: &'static str, body: String) -> Response<String> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

fn with_usual_headers(mut response: Response<String>) -> Response<String> {
    for (name, value) in [
        ("content-security-policy", CONTENT_SECURITY_POLICY),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
