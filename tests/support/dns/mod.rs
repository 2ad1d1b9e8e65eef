//! A DNS server on loopback whose zones are data and which misbehaves on demand.
//!
//! It runs in a thread of its own, so that it serves other processes as well as the test itself, and everything about it may be
//! changed while it runs.

mod reply;
mod zone;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::oneshot;

pub(crate) use hickory_resolver::proto::op::ResponseCode;
pub(crate) use reply::Manner;
use zone::Zone;

/// How a question came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

/// A question that arrived, however it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    /// In lower case, without final dot.
    pub(crate) name: String,
    /// `A`, `TXT`, …
    pub(crate) kind: String,
    pub(crate) transport: Transport,
}

/// A server that answers for everything, as a resolver does: CNAMEs are followed, what is not in its data does not exist.
pub(crate) struct DnsServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    with_tcp: bool,
    running: Option<Running>,
}

#[derive(Default)]
struct State {
    zone: Zone,
    /// Names, and how questions about them and all below are answered; the last that fits counts.
    manners: Vec<(String, Manner)>,
    queries: Vec<Query>,
}

struct Running {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl DnsServer {
    /// A server on a port of its own, UDP and TCP.
    pub(crate) fn start() -> Self {
        Self::start_with(true)
    }

    /// A server to which TCP connections are refused.
    pub(crate) fn start_without_tcp() -> Self {
        Self::start_with(false)
    }

    fn start_with(with_tcp: bool) -> Self {
        let address = super::free_port();
        let mut server = Self { address, state: Arc::default(), with_tcp, running: None };
        server.restart();
        server
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds records, one a line: `mail.example.org A 192.0.2.1`. Known are A, AAAA, MX, TXT, PTR and CNAME; the name of a PTR
    /// may be the address itself. `*.example.org` stands for all names below that have no records themselves.
    pub(crate) fn add(&self, records: &str) {
        self.state().zone.add(records);
    }

    /// Removes all records of `name`.
    pub(crate) fn remove(&self, name: &str) {
        self.state().zone.remove(name);
    }

    /// The TTL of all answers from now on, also of those that there is nothing.
    pub(crate) fn set_ttl(&self, seconds: u32) {
        self.state().zone.ttl = seconds;
    }

    /// How questions about `name` and all names below it are answered from now on; an empty name stands for everything.
    pub(crate) fn behave(&self, name: &str, manner: Manner) {
        self.state().manners.push((zone::fold(name), manner));
    }

    /// All questions so far.
    pub(crate) fn queries(&self) -> Vec<Query> {
        self.state().queries.clone()
    }

    /// How often it was asked about `name`, whatever the type.
    pub(crate) fn count(&self, name: &str) -> usize {
        let name = zone::fold(name);
        self.state().queries.iter().filter(|query| query.name == name).count()
    }

    /// Forgets the questions so far.
    pub(crate) fn forget_queries(&self) {
        self.state().queries.clear();
    }

    /// Is gone at once: nobody listens any more.
    pub(crate) fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            let _ = running.stop.send(());
            running.thread.join().expect("the DNS server ends well");
        }
    }

    /// Is there again, at the same address, with the same data.
    pub(crate) fn restart(&mut self) {
        self.stop();
        let (stop, stopped) = oneshot::channel();
        let (state, address, with_tcp) = (Arc::clone(&self.state), self.address, self.with_tcp);
        let (ready, is_ready) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let udp = UdpSocket::bind(address).await.expect("a free UDP port");
                let tcp =
                    if with_tcp { Some(TcpListener::bind(address).await.expect("a free TCP port")) } else { None };
                ready.send(()).expect("somebody waits");
                tokio::select! {
                    () = serve_udp(&state, udp) => {}
                    () = serve_tcp(&state, tcp) => {}
                    _ = stopped => {}
                }
            });
        });
        is_ready.recv().expect("the DNS server starts");
        self.running = Some(Running { stop, thread });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn serve_udp(state: &Arc<Mutex<State>>, socket: UdpSocket) {
    let socket = Arc::new(socket);
    let mut buffer = [0; 4096];
    loop {
        let Ok((length, client)) = socket.recv_from(&mut buffer).await else { continue };
        let (delay, replies) =
            reply::to(&mut state.lock().unwrap(), buffer.get(..length).expect("what was received"), Transport::Udp);
        let socket = Arc::clone(&socket);
        tokio::spawn(async move {
            pause(delay).await;
            for octets in replies {
                let _ = socket.send_to(&octets, client).await;
            }
        });
    }
}

async fn serve_tcp(state: &Arc<Mutex<State>>, listener: Option<TcpListener>) {
    let Some(listener) = listener else { return std::future::pending().await };
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let state = Arc::clone(state);
            tokio::spawn(async move {
                let _ = serve_connection(&state, stream).await;
            });
        }
    }
}

/// One question after the other, each with its length before it (RFC 1035 section 4.2.2).
async fn serve_connection(state: &Arc<Mutex<State>>, mut stream: TcpStream) -> std::io::Result<()> {
    loop {
        let length = stream.read_u16().await?;
        let mut question = vec![0; length.into()];
        stream.read_exact(&mut question).await?;
        let (delay, replies) = reply::to(&mut state.lock().unwrap(), &question, Transport::Tcp);
        pause(delay).await;
        for octets in replies {
            stream.write_u16(octets.len().try_into().expect("a message of at most 64 KiB")).await?;
            stream.write_all(&octets).await?;
        }
    }
}

async fn pause(delay: Duration) {
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
}

/// An address at which nobody listens.
pub(crate) fn nobody() -> SocketAddr {
    super::free_port()
}
