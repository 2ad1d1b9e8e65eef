//! Asking the daemon, one way or the other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::cli::Failure;
use crate::cli::output::note;
use crate::config::{Config, Endpoint};
use crate::http::{Status, fetch};

/// How long the daemon may take to hang up on who has nothing to ask.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was found out.
pub(super) enum Answer {
    /// The daemon tells of itself.
    Status(Box<Status>),
    /// It listens at these endpoints.
    Listens(Vec<String>),
}

/// Asks by HTTP if that is configured, else looks whether somebody listens for Postfix.
pub(super) async fn ask(config: &Config) -> Result<Answer, Failure> {
    if let Some(endpoint) = &config.http.0 {
        match status(&reachable(endpoint)).await {
            Ok(status) => return Ok(Answer::Status(status)),
            Err(why) => note(&format!("{endpoint}: {why}")),
        }
    }
    let mut listens = Vec::new();
    for endpoint in &config.listen {
        if is_served(&reachable(endpoint)).await {
            listens.push(endpoint.to_string());
        }
    }
    if listens.is_empty() {
        let endpoints: Vec<_> = config.listen.iter().map(Endpoint::to_string).collect();
        return Err(Failure::unavailable(format!("no daemon answers at {}", endpoints.join(", ")))
            .with_hint("`systemctl start postward` or `postward serve` starts it; --config FILE names the policy file that it runs with"));
    }
    Ok(Answer::Listens(listens))
}

async fn status(endpoint: &Endpoint) -> Result<Box<Status>, String> {
    let json = fetch(endpoint, "/status").await.map_err(|error| error.to_string())?;
    serde_json::from_slice(&json).map_err(|error| format!("the answer is not postward's: {error}"))
}

/// Whoever says that there is nothing to ask is hung up on by a daemon that is alive; a kernel alone would only accept.
async fn is_served(endpoint: &Endpoint) -> bool {
    let served = async {
        match endpoint {
            Endpoint::Inet(address) => hangs_up(TcpStream::connect(address).await?).await,
            Endpoint::Unix(path) => hangs_up(UnixStream::connect(path).await?).await,
        }
    };
    matches!(timeout(PATIENCE, served).await, Ok(Ok(true)))
}

async fn hangs_up(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<bool> {
    stream.shutdown().await?;
    Ok(stream.read(&mut [0]).await? == 0)
}

/// Where to connect to what listens everywhere.
fn reachable(endpoint: &Endpoint) -> Endpoint {
    match endpoint {
        Endpoint::Inet(address) if address.ip().is_unspecified() => {
            let loopback: IpAddr =
                if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
            Endpoint::Inet(SocketAddr::new(loopback, address.port()))
        }
        endpoint => endpoint.clone(),
    }
}
