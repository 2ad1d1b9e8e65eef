//! What other greylisting programs leave behind, for those who move over from them.
//!
//! | who | what it has | what becomes of it |
//! |---|---|---|
//! | postgrey | `postgrey.db`: client, sender, recipient, first and last seen | triplets, passed if they waited for `delay` |
//! | | `postgrey_clients.db`: clients with the number of their passes | clients with as many passes |
//! | | its options | a policy file ([`settings`]) |
//! | sqlgrey | `connect`: client, sender, recipient, first seen | triplets that wait |
//! | | `from_awl`: client and sender, who may write to everybody | a pass of that client |
//! | | `domain_awl`: client and domain, which may write to everybody | a client that is not greylisted any more |
//! | greylistd | `states` and `triplets`: client, sender, recipient | triplets, passed if they are white |
//! | | a white client alone | a client that is not greylisted any more |
//!
//! Files are read from front to back and never held as a whole, because some have millions of rows. A row that makes no sense is
//! noted and passed over: the rest of them is worth having.

mod greylistd;
mod postgrey;
pub mod settings;
mod sqlgrey;
mod taking;

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use thiserror::Error;

pub use self::taking::{LeftOut, Rules, Summary, Taking};
use crate::net::{network_of, parse_address, parse_network};

/// Whose files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// What `db_dump` writes of its two databases.
    Postgrey,
    /// Its SQLite database, or what `sqlite3 .dump`, `mysqldump` or `pg_dump` write of it.
    Sqlgrey,
    /// Its `states` and then its `triplets`.
    Greylistd,
}

/// Where to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// From stdin.
    Stdin,
    /// From this file.
    File(PathBuf),
}

/// Something that a program remembers. Moments are in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// Somebody wrote to somebody.
    Triplet {
        /// From there.
        client: IpNet,
        /// The sender as the program writes it; empty for the null sender.
        sender: String,
        /// The recipient.
        recipient: String,
        /// Whether the program let it pass.
        standing: Standing,
        /// The first attempt.
        first_seen: i64,
        /// The last one.
        last_seen: i64,
    },
    /// A client that has passed with one triplet of which the recipient is not known.
    Pass {
        /// The client.
        client: IpNet,
        /// The first attempt.
        first_seen: i64,
        /// The last one.
        last_seen: i64,
    },
    /// A client that has passed so many times.
    Client {
        /// The client.
        client: IpNet,
        /// How often, if that was counted; otherwise often enough.
        passes: Option<u32>,
        /// Its last use.
        last_seen: i64,
    },
}

/// Whether a triplet has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It waits.
    Waiting,
    /// It has passed.
    Passed,
    /// It has if it was tried again after the delay.
    ByTime,
}

/// Why a row is not taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It makes no sense, and this is why.
    Nonsense(String),
    /// The program refuses it for good, which is not for a greylist to remember.
    Blacklisted,
}

/// Why a file is not read to its end.
#[derive(Debug, Error)]
pub enum ReadError {
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is something else than what was expected, and this is how to come by that.
    #[error("{what}")]
    Other {
        /// What it is.
        what: String,
        /// What to do.
        hint: String,
    },
    /// Nobody wants what is read any more.
    #[error("reading was broken off")]
    Stopped,
}

impl Program {
    /// Reads files of this program, one after the other, into `taking`. It blocks.
    ///
    /// # Errors
    /// With the file that cannot be read, is of another kind, or ends in the middle. What was handed over before is taken.
    pub fn read(self, inputs: &[Input], taking: &mut Taking) -> Result<(), (Input, ReadError)> {
        let mut states = greylistd::States::default();
        for input in inputs {
            taking.begin(&input.to_string());
            self.read_one(input, &mut states, taking).map_err(|error| (input.clone(), error))?;
        }
        taking.finish();
        Ok(())
    }

    fn read_one(self, input: &Input, states: &mut greylistd::States, taking: &mut Taking) -> Result<(), ReadError> {
        if let (Self::Sqlgrey, Input::File(path)) = (self, input)
            && sqlgrey::read_database(path, taking)?
        {
            return Ok(());
        }
        let mut text = input.open()?;
        match self {
            Self::Postgrey => postgrey::read(&mut text, taking),
            Self::Sqlgrey => sqlgrey::read(&mut text, taking),
            Self::Greylistd => greylistd::read(&mut text, states, taking),
        }
    }
}

impl Input {
    fn open(&self) -> io::Result<Box<dyn BufRead>> {
        Ok(match self {
            Self::Stdin => Box::new(io::stdin().lock()),
            Self::File(path) => Box::new(BufReader::new(File::open(path)?)),
        })
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("stdin"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// `192.0.2.7`, `192.0.2` (postgrey before 1.33 and sqlgrey leave the last number away), `192.0.2.0/24`,
/// `2001:db8:0:0:0:0:0:1`, `2001:0db8:0000:0000` (sqlgrey).
fn client(text: &str) -> Result<IpNet, Refusal> {
    let given = || parse_network(text).ok();
    let partial = || partial_client(text);
    given().or_else(partial).ok_or_else(|| nonsense("no client's address", text))
}

fn partial_client(text: &str) -> Option<IpNet> {
    let (rest, ipv4_length, ipv6_length) = match (text.matches('.').count(), text.matches(':').count()) {
        (2, 0) => (".0", 24, 0),
        (0, 3) => ("::", 0, 64),
        _ => return None,
    };
    let address: IpAddr = parse_address(&format!("{text}{rest}"))?;
    Some(network_of(address, ipv4_length, ipv6_length))
}

/// `what: text`, bounded; it is cleaned where it is shown.
fn nonsense(what: &str, text: &str) -> Refusal {
    let text = crate::text::printable(text, 100);
    Refusal::Nonsense(format!("{what}: `{text}`"))
}

/// Seconds since 1970.
fn seconds(text: &str) -> Result<i64, Refusal> {
    text.trim().parse().map_err(|_| nonsense("no time in seconds", text))
}

#[cfg(test)]
mod tests;
