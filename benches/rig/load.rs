//! Asks as smtpd does: one request at a time on each connection, and as with Postfix each connection is a thread of its own
//! that sleeps until the reply is there.
//!
//! Requests are made beforehand where they can be, because all this shares the machine with those it measures.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

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
    /// How many of them let the recipient pass.
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

    fn joined(mut self, other: Self) -> Self {
        self.latencies.extend(other.latencies);
        self.passed += other.passed;
        self
    }

    /// Which time this share of the replies did not take longer than.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let position = (self.requests() as f64 * share) as usize;
        self.latencies.get(position.min(self.requests().saturating_sub(1))).copied().unwrap_or_default()
    }
}

/// Asks on so many connections, for so long.
pub(crate) fn round(target: &Target, connections: usize, requests: &Requests, time: Duration) -> Round {
    let streams: Vec<_> = (0..connections).map(|_| connect(target).unwrap()).collect();
    let started = Instant::now();
    let mut round = thread::scope(|scope| {
        let ask_on = |(number, stream)| {
            let requests = requests.of_connection(number);
            scope.spawn(move || ask(stream, requests, started + time).unwrap())
        };
        let asking: Vec<_> = streams.into_iter().enumerate().map(ask_on).collect();
        asking.into_iter().map(|thread| thread.join().unwrap()).fold(Round::default(), Round::joined)
    });
    round.elapsed = started.elapsed();
    round.latencies.sort_unstable();
    round
}

/// Asks one of the requests.
pub(crate) fn one(target: &Target, requests: &Requests) -> Round {
    let started = Instant::now();
    let mut connection = connect(target).unwrap();
    let passed = ask_once(&mut connection, &requests.of_connection(0)()).unwrap();
    let elapsed = started.elapsed();
    Round { elapsed, latencies: vec![elapsed], passed: usize::from(passed) }
}

/// A connection to a server.
pub(crate) type Connection = Box<dyn Stream>;

/// What octets go through.
pub(crate) trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

/// Connects.
pub(crate) fn connect(target: &Target) -> io::Result<Connection> {
    Ok(match target {
        Target::Tcp(address) => {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            Box::new(stream)
        }
        Target::Unix(path) => Box::new(UnixStream::connect(path)?),
    })
}

/// Asks, waits for the reply, and tells whether the recipient passes.
pub(crate) fn ask_once(connection: &mut Connection, request: &[u8]) -> io::Result<bool> {
    let mut reply = [0; MAX_REPLY];
    connection.write_all(request)?;
    let mut length = 0;
    while !reply[..length].ends_with(b"\n\n") {
        match connection.read(&mut reply[length..])? {
            0 => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server has hung up")),
            octets => length += octets,
        }
    }
    Ok(reply.starts_with(b"action=DUNNO"))
}

fn ask(mut connection: Connection, mut requests: impl FnMut() -> Box<[u8]>, end: Instant) -> io::Result<Round> {
    let mut round = Round::default();
    let mut sent = Instant::now();
    while sent < end {
        round.passed += usize::from(ask_once(&mut connection, &requests())?);
        let received = Instant::now();
        round.latencies.push(received - sent);
        sent = received;
    }
    Ok(round)
}
