//! Asks as smtpd does: one request at a time on each connection.
//!
//! It runs in one thread and its requests are made beforehand, because it shares the machine with those it measures.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::LocalSet;

use super::requests::Requests;

/// No reply is longer.
const MAX_REPLY: usize = 2048;

/// Where to connect to.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// What came of a round.
#[derive(Debug, Default)]
pub(crate) struct Round {
    pub(crate) elapsed: Duration,
    /// The times from request to reply, ascending.
    latencies: Vec<Duration>,
    /// The first of them that let the recipient pass.
    pub(crate) passed: usize,
}

impl Round {
    /// How many requests were answered.
    pub(crate) fn requests(&self) -> usize {
        self.latencies.len()
    }

    /// Requests answered in a second.
    pub(crate) fn rate(&self) -> f64 {
        self.requests() as f64 / self.elapsed.as_secs_f64()
    }

    /// Which time this share of the replies did not take longer than.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let position = (self.requests() as f64 * share) as usize;
        self.latencies.get(position.min(self.requests().saturating_sub(1))).copied().unwrap_or_default()
    }
}

/// Asks on so many connections, for so long.
pub(crate) fn round(target: &Target, connections: usize, requests: &Requests, time: Duration) -> Round {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let mut streams = Vec::new();
        for _ in 0..connections {
            streams.push(connect(target).await.unwrap());
        }
        let started = Instant::now();
        let asking = streams.into_iter().enumerate().map(|(number, stream)| {
            let requests = requests.of_connection(number);
            tokio::task::spawn_local(ask(stream, requests, started + time))
        });
        let mut round = Round::default();
        for asked in asking.collect::<Vec<_>>() {
            let (latencies, passed) = asked.await.unwrap().unwrap();
            round.latencies.extend(latencies);
            round.passed += passed;
        }
        round.elapsed = started.elapsed();
        round.latencies.sort_unstable();
        round
    })
}

trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

async fn connect(target: &Target) -> io::Result<Box<dyn Stream>> {
    Ok(match target {
        Target::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Box::new(stream)
        }
        Target::Unix(path) => Box::new(UnixStream::connect(path).await?),
    })
}

/// Answers how long each reply took, and how many let the recipient pass.
async fn ask(
    mut stream: Box<dyn Stream>,
    mut requests: impl FnMut() -> Box<[u8]>,
    end: Instant,
) -> io::Result<(Vec<Duration>, usize)> {
    let (mut latencies, mut passed) = (Vec::new(), 0);
    let mut reply = [0; MAX_REPLY];
    let mut sent = Instant::now();
    while sent < end {
        stream.write_all(&requests()).await?;
        let mut length = 0;
        while !reply[..length].ends_with(b"\n\n") {
            match stream.read(&mut reply[length..]).await? {
                0 => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server has hung up")),
                octets => length += octets,
            }
        }
        passed += usize::from(reply.starts_with(b"action=DUNNO"));
        let received = Instant::now();
        latencies.push(received - sent);
        sent = received;
    }
    Ok((latencies, passed))
}
