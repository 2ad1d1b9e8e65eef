//! One connection: one request, one response, in bounded time and space.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::Site;

/// How long the head of a request may take.
const MAX_HEAD_TIME: Duration = Duration::from_secs(5);

/// How long a connection lasts, the response included.
const MAX_TIME: Duration = Duration::from_secs(20);

/// The most octets of a request's head.
const MAX_HEAD: usize = 16 * 1024;

/// The most headers of a request.
const MAX_HEADERS: usize = 64;

/// Answers one request. What goes wrong is the peer's affair: there is nothing to tell the administrator.
pub async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin + Send, site: Arc<Site>) {
    let service = service_fn(move |request| {
        let site = site.clone();
        async move { Ok::<_, Infallible>(site.answer(&request).await) }
    });
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(MAX_HEAD_TIME)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .keep_alive(false);
    let _ = timeout(MAX_TIME, server.serve_connection(TokioIo::new(stream), service)).await;
}
