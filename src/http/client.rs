//! Asking a running daemon.

use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::client::conn::http1::handshake;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::config::Endpoint;

/// The time for a question and its answer.
const MAX_TIME: Duration = Duration::from_secs(15);

/// The most octets of an answer.
const MAX_ANSWER: usize = 16 << 20;

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum FetchError {
    /// Nobody listens there.
    #[error("{0}")]
    Connect(#[from] std::io::Error),
    /// What listens there does not speak HTTP, or broke off.
    #[error("no answer that can be understood: {0}")]
    Http(Box<dyn std::error::Error + Send + Sync>),
    /// It listens and says no.
    #[error("the answer is {0}")]
    Refused(StatusCode),
    /// It listens and says nothing.
    #[error("no answer within {MAX_TIME:?}")]
    Timeout,
}

/// What the daemon at `endpoint` serves under `path`.
pub async fn fetch(endpoint: &Endpoint, path: &str) -> Result<Vec<u8>, FetchError> {
    timeout(MAX_TIME, connect_and_ask(endpoint, path)).await.unwrap_or(Err(FetchError::Timeout))
}

async fn connect_and_ask(endpoint: &Endpoint, path: &str) -> Result<Vec<u8>, FetchError> {
    match endpoint {
        Endpoint::Inet(address) => ask(TcpStream::connect(address).await?, &address.to_string(), path).await,
        Endpoint::Unix(socket) => ask(UnixStream::connect(socket).await?, "localhost", path).await,
    }
}

async fn ask<S>(stream: S, host: &str, path: &str) -> Result<Vec<u8>, FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let failed = |error: hyper::Error| FetchError::Http(error.into());
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(failed)?;
    tokio::spawn(connection);
    let request = Request::get(path).header(HOST, host).body(String::new());
    let request = request.map_err(|error| FetchError::Http(error.into()))?;
    let response = sender.send_request(request).await.map_err(failed)?;
    let status = response.status();
    let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await.map_err(FetchError::Http)?;
    if status.is_success() { Ok(body.to_bytes().to_vec()) } else { Err(FetchError::Refused(status)) }
}
