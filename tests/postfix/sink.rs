//! The mail servers of everybody else: they take every message, but for nobody, and remember how it
//! came.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::instance::Message;
use crate::support::{eventually, free_port};

/// Where mail goes that leaves. Its threads end with the test process.
pub(crate) struct Sink {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

/// A message and its envelope, as they were on the wire.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// Between the angle brackets.
    pub(crate) sender: String,
    pub(crate) recipients: Vec<String>,
    pub(crate) message: Message,
}

impl Sink {
    pub(crate) fn open() -> Self {
        let sink = Self { address: free_port(), received: Arc::default() };
        let listener = TcpListener::bind(sink.address).expect("the port is free");
        let received = Arc::clone(&sink.received);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let received = Arc::clone(&received);
                thread::spawn(move || converse(stream, &received));
            }
        });
        sink
    }

    /// The message whose subject is this, once it has arrived.
    pub(crate) fn message(&self, subject: &str) -> Received {
        let find = || {
            let received = self.received.lock().unwrap();
            received.iter().find(|received| received.message.headers("Subject") == [subject]).cloned()
        };
        eventually(&format!("`{subject}` arrives"), || find().is_some());
        find().expect("it has arrived")
    }
}

/// SMTP without extensions (RFC 5321 section 4.5.1).
fn converse(stream: TcpStream, received: &Mutex<Vec<Received>>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut sender, mut recipients) = (String::new(), Vec::new());
    say(&mut stream, "220 mx.elsewhere.example")?;
    while let Some(line) = read_line(&mut stream)? {
        match line.split_once(':').map(|(verb, rest)| (verb, in_brackets(rest))) {
            Some(("MAIL FROM", address)) => sender = address,
            Some(("RCPT TO", address)) if address.starts_with("nobody@") => {
                say(&mut stream, "550 5.1.1 no such user")?;
                continue;
            }
            Some(("RCPT TO", address)) => recipients.push(address),
            _ if line == "DATA" => {
                say(&mut stream, "354 go on")?;
                let message = Message::from(read_text(&mut stream)?);
                let (sender, recipients) = (std::mem::take(&mut sender), std::mem::take(&mut recipients));
                received.lock().unwrap().push(Received { sender, recipients, message });
            }
            _ if line == "QUIT" => return say(&mut stream, "221 bye"),
            _ => {}
        }
        say(&mut stream, "250 ok")?;
    }
    Ok(())
}

/// A quoted local part may hold a bracket: the last one counts.
fn in_brackets(text: &str) -> String {
    let inside = text.strip_prefix('<').and_then(|text| text.rsplit_once('>'));
    inside.unwrap_or_else(|| panic!("no address: {text}")).0.to_owned()
}

/// Up to the lone dot, with line ends as files have them.
fn read_text(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut text = String::new();
    while let Some(line) = read_line(stream)?.filter(|line| line != ".") {
        text.push_str(&line);
        text.push('\n');
    }
    Ok(text)
}

fn read_line(stream: &mut BufReader<TcpStream>) -> io::Result<Option<String>> {
    let mut line = String::new();
    Ok((stream.read_line(&mut line)? > 0).then(|| line.trim_end().to_owned()))
}

fn say(stream: &mut BufReader<TcpStream>, line: &str) -> io::Result<()> {
    stream.get_mut().write_all(format!("{line}\r\n").as_bytes())
}
