//! An SMTP client that shows every reply as it was sent.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// As whom a session appears, by XCLIENT (XCLIENT_README).
#[derive(Debug, Clone)]
pub(crate) struct Client(String);

impl Client {
    /// A client without a name in the DNS.
    pub(crate) fn at(address: &str) -> Self {
        let address = if address.contains(':') { format!("IPV6:{address}") } else { address.to_owned() };
        Self(format!("ADDR={address} NAME=[UNAVAILABLE] REVERSE_NAME=[UNAVAILABLE]"))
    }

    /// A client whose name in the DNS leads back to its address.
    pub(crate) fn named(address: &str, name: &str) -> Self {
        Self(Self::at(address).0.replace("[UNAVAILABLE]", name))
    }

    /// The same client, authenticated as `user`.
    pub(crate) fn login(&self, user: &str) -> Self {
        Self(format!("{} LOGIN={user}", self.0))
    }
}

/// An SMTP session. Replies are without the final line end; those of several lines keep the ends between them.
pub(crate) struct Session(BufReader<TcpStream>);

impl Session {
    /// Connects and greets as ourselves, from the own network.
    pub(crate) fn local(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).expect("Postfix listens");
        // Longer than Postfix's patience with a policy server, so that its answer shows.
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout can be set");
        let mut session = Self(BufReader::new(stream));
        session.expect("220", "mx.example.test");
        session.greet();
        session
    }

    /// Connects and greets as `client`.
    pub(crate) fn open(server: SocketAddr, client: &Client) -> Self {
        let mut session = Self::local(server);
        let reply = session.command(&format!("XCLIENT {}", client.0));
        assert!(reply.starts_with("220 "), "XCLIENT {}: {reply}", client.0);
        session.greet();
        session
    }

    /// Begins a transaction; an earlier one that did not get to its DATA is forgotten.
    pub(crate) fn mail(&mut self, sender: &str) -> String {
        self.command("RSET");
        self.command(&format!("MAIL FROM:<{sender}>"))
    }

    pub(crate) fn rcpt(&mut self, recipient: &str) -> String {
        self.command(&format!("RCPT TO:<{recipient}>"))
    }

    /// Asks about one recipient in a transaction of its own.
    pub(crate) fn attempt(&mut self, sender: &str, recipient: &str) -> String {
        assert_eq!(self.mail(sender), "250 2.1.0 Ok");
        self.rcpt(recipient)
    }

    /// Sends a message with this subject; returns the reply to it.
    pub(crate) fn data(&mut self, subject: &str) -> String {
        self.text(&format!("From: sender@example.org\r\nSubject: {subject}\r\n\r\nHello."))
    }

    /// Sends the text of a message; returns the reply to it.
    pub(crate) fn text(&mut self, text: &str) -> String {
        let reply = self.command("DATA");
        if !reply.starts_with("354 ") {
            return reply;
        }
        self.command(&format!("{text}\r\n."))
    }

    /// Sends one line (or the text of a message) and returns the reply.
    pub(crate) fn command(&mut self, line: &str) -> String {
        let stream = self.0.get_mut();
        stream.write_all(format!("{line}\r\n").as_bytes()).expect("Postfix takes a command");
        self.reply()
    }

    fn greet(&mut self) {
        let reply = self.command("EHLO client.example.net");
        assert!(reply.starts_with("250"), "EHLO: {reply}");
    }

    fn expect(&mut self, code: &str, text: &str) {
        let reply = self.reply();
        assert!(reply.starts_with(code) && reply.contains(text), "{reply}");
    }

    /// RFC 5321 section 4.2.1: every line but the last has a hyphen after the code.
    fn reply(&mut self) -> String {
        let mut lines: Vec<String> = Vec::new();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).expect("Postfix replies");
            assert!(line.ends_with("\r\n"), "Postfix hung up after {lines:?} {line:?}");
            lines.push(line.trim_end().to_owned());
            if line.as_bytes().get(3) != Some(&b'-') {
                return lines.join("\n");
            }
        }
    }
}
