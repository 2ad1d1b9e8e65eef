//! Whoever connects to the daemon: Postfix's smtpd, or a stranger who talks nonsense.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::reply::well_formed;
use crate::support::Endpoint;

/// An answer that takes longer than this does not come.
const PATIENCE: Duration = Duration::from_secs(10);

/// The answer to whom nobody has seen before.
pub(crate) const NEW: &str = "DEFER_IF_PERMIT 4.7.1 Greylisted, please try again in 300 seconds";

/// A connection to the daemon.
pub(crate) struct Peer {
    stream: Box<dyn Stream>,
    received: Vec<u8>,
}

trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

impl Peer {
    pub(crate) fn connect(endpoint: &Endpoint) -> Self {
        Self { stream: open(endpoint).unwrap_or_else(|error| panic!("{endpoint}: {error}")), received: Vec::new() }
    }

    /// Many connections; the test may have more descriptors than usual for them.
    pub(crate) fn connect_often(endpoint: &Endpoint, times: usize) -> Vec<Self> {
        let maximum = getrlimit(Resource::Nofile).maximum;
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
        (0..times).map(|_| Self::connect(endpoint)).collect()
    }

    pub(crate) fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.try_send(octets).expect("the daemon reads");
    }

    /// Fails when the daemon has closed the connection.
    pub(crate) fn try_send(&mut self, octets: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(octets.as_ref())
    }

    /// The next reply, which has to be well-formed, without `action=` and the empty line.
    pub(crate) fn reply(&mut self) -> String {
        self.try_reply().expect("a reply")
    }

    /// The same; fails when the daemon has closed the connection.
    pub(crate) fn try_reply(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.received.windows(2).position(|two| two == b"\n\n") {
                let reply: Vec<u8> = self.received.drain(..end + 2).collect();
                return Ok(well_formed(&reply).unwrap_or_else(|complaint| panic!("{complaint}")).to_owned());
            }
            self.receive()?;
        }
    }

    /// The next netstring, without its length and comma.
    pub(crate) fn netstring(&mut self) -> String {
        loop {
            let text = String::from_utf8_lossy(&self.received);
            if let Some((length, rest)) = text.split_once(':')
                && let Some(content) = rest.get(..length.parse().expect("a length"))
                && rest.as_bytes().get(content.len()) == Some(&b',')
            {
                let content = content.to_owned();
                self.received.drain(..length.len() + content.len() + 2);
                return content;
            }
            self.receive().expect("a reply");
        }
    }

    /// Looks something up in a map.
    pub(crate) fn look_up(&mut self, map: &str, key: &str) -> String {
        self.send(netstring(&format!("{map} {key}")));
        self.netstring()
    }

    pub(crate) fn ask(&mut self, request: &Ask) -> String {
        self.send(request.encode());
        self.reply()
    }

    /// Waits until the daemon closes the connection; it must not have said anything before.
    pub(crate) fn expect_close(&mut self) {
        match self.receive() {
            Ok(()) => panic!("it answered {:?}", String::from_utf8_lossy(&self.received)),
            Err(error) => assert!(is_end(&error), "it is still open: {error}"),
        }
    }

    /// Everything was read: no reply too many has come before what is asked now was answered.
    pub(crate) fn expect_silence(&self) {
        assert!(self.received.is_empty(), "one reply too many: {:?}", String::from_utf8_lossy(&self.received));
    }

    fn receive(&mut self) -> io::Result<()> {
        let mut octets = [0; 4096];
        match self.stream.read(&mut octets)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                self.received.extend_from_slice(&octets[..read]);
                Ok(())
            }
        }
    }
}

/// `LENGTH:OCTETS,`
pub(crate) fn netstring(content: &str) -> String {
    format!("{}:{content},", content.len())
}

fn open(endpoint: &Endpoint) -> io::Result<Box<dyn Stream>> {
    match endpoint {
        Endpoint::Inet(address) => {
            let stream = TcpStream::connect_timeout(address, PATIENCE)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok(Box::new(stream))
        }
        Endpoint::Unix(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok(Box::new(stream))
        }
    }
}

/// Closing what was not read to its end resets the connection.
fn is_end(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

/// A request: a stranger writes to Bob, unless something else is said.
#[derive(Clone)]
pub(crate) struct Ask(Vec<(String, Vec<u8>)>);

impl Ask {
    /// A transaction of its own.
    pub(crate) fn new() -> Self {
        static INSTANCES: AtomicU32 = AtomicU32::new(0);
        let instance = format!("4f1.{:x}.0", INSTANCES.fetch_add(1, Ordering::Relaxed));
        let attributes = [
            ("request", "smtpd_access_policy"),
            ("protocol_state", "RCPT"),
            ("protocol_name", "ESMTP"),
            ("client_address", "192.0.2.10"),
            ("client_name", "unknown"),
            ("helo_name", "mail.example.org"),
            ("sender", "alice@example.org"),
            ("recipient", "bob@example.net"),
            ("instance", &instance),
        ];
        Self(attributes.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec())
    }

    pub(crate) fn from_sender(sender: impl AsRef<[u8]>) -> Self {
        Self::new().with("sender", sender)
    }

    /// Sets one attribute.
    pub(crate) fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref().to_vec();
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
        self
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let lines = self.0.iter().flat_map(|(name, value)| [name.as_bytes(), b"=", value, b"\n"].concat());
        lines.chain(*b"\n").collect()
    }
}
