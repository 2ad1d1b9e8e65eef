//! Where a policy server listens, written as in main.cf.

use std::fmt;
use std::io::Read;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

/// Nobody's default, and below those from which connections go out.
const FIRST_PORT: u16 = 20_040;

/// The two ways in which Postfix reaches a policy server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Inet,
    Unix,
}

/// `inet:127.0.0.1:10040` or `unix:/path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Inet(SocketAddr),
    Unix(PathBuf),
}

impl Endpoint {
    /// A free loopback port, or the socket `policy.sock` in `dir`.
    pub(crate) fn new(transport: Transport, dir: &Path) -> Self {
        match transport {
            Transport::Inet => Self::Inet(free_port()),
            Transport::Unix => Self::Unix(dir.join("policy.sock")),
        }
    }

    /// Does somebody listen here? Connects and hangs up.
    pub(crate) fn answers(&self) -> bool {
        match self {
            Self::Inet(address) => TcpStream::connect_timeout(address, Duration::from_secs(1)).is_ok(),
            Self::Unix(path) => UnixStream::connect(path).is_ok(),
        }
    }

    /// Is whoever listens here ready to work? A kernel accepts connections for programs that have only begun; so says that
    /// there is nothing to ask, and waits until the other side hangs up.
    pub(crate) fn serves(&self) -> bool {
        match self {
            Self::Inet(address) => TcpStream::connect(address).is_ok_and(|stream| {
                let _ = stream.shutdown(Shutdown::Write);
                hangs_up(stream)
            }),
            Self::Unix(path) => UnixStream::connect(path).is_ok_and(|stream| {
                let _ = stream.shutdown(Shutdown::Write);
                hangs_up(stream)
            }),
        }
    }
}

fn hangs_up(mut stream: impl Read) -> bool {
    matches!(stream.read(&mut [0]), Ok(0))
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => write!(f, "inet:{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A port of a loopback address that nobody else uses: every call has its own. To bind one and let it go would not do: a
/// process that another thread has just forked may hold it for a moment longer, and on 127.0.0.1 a connection that goes
/// out from there may have taken it by then.
pub(crate) fn free_port() -> SocketAddr {
    static CALLS: AtomicU16 = AtomicU16::new(0);
    let [.., high, low] = std::process::id().to_be_bytes();
    let [round, call] = CALLS.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    (Ipv4Addr::new(127, 128 | high, low, call), FIRST_PORT + u16::from(round)).into()
}
