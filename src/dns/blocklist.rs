//! A list that is asked by DNS (RFC 5782), and watched.

use std::fmt;
use std::future::ready;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::Either;

use super::answers::{Answers, Verdict};
use super::health::{Heard, Keeps, SelfTest, Standing, Subject, Watch};
use super::query::{self, Zone};
use super::{Answer, Dns};
use crate::text;

/// What a list can be asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item<'a> {
    /// A client.
    Address(IpAddr),
    /// A host or a domain.
    Name(&'a str),
}

/// What a list says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It is listed, with these answers.
    Listed(Vec<Ipv4Addr>),
    /// It is not.
    NotListed,
    /// The list could not be asked, or does not want to answer. It counts for nothing.
    Error(String),
    /// The list is not believed, and was not asked.
    Out(String),
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listed(answers) => {
                let answers: Vec<_> = answers.iter().map(Ipv4Addr::to_string).collect();
                write!(f, "listed ({})", answers.join(" "))
            }
            Self::NotListed => f.write_str("not listed"),
            Self::Error(why) => write!(f, "error ({why})"),
            Self::Out(why) => write!(f, "out ({why})"),
        }
    }
}

/// A list at work.
pub struct Blocklist {
    zone: Zone,
    shown: String,
    answers: Answers,
    dns: Arc<dyn Dns>,
    watch: Watch,
}

impl Blocklist {
    /// Begins to watch the list. It counts for nothing until its first good probe. Needs a tokio runtime.
    pub fn new(zone: &Zone, answers: Answers, keeps: Keeps, selftest: SelfTest, dns: Arc<dyn Dns>) -> Self {
        let watch = Watch::over(Subject { zone: zone.clone(), keeps, selftest }, dns.clone());
        Self { zone: zone.clone(), shown: zone.to_string(), answers, dns, watch }
    }

    /// The list's name as it may be shown.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// How the list is, and what it has said.
    pub fn condition(&self) -> (Standing, Heard) {
        (self.watch.health().standing(), self.watch.health().heard())
    }

    /// Resolves when the list was probed for the first time.
    pub async fn probed(&self) {
        self.watch.health().probed().await;
    }

    /// Asks the list about something, for a mail from `client`.
    pub fn ask(&self, item: Item<'_>, client: IpAddr) -> impl Future<Output = Said> + Unpin + Send + '_ {
        if let Some(out) = self.out() {
            return Either::Left(ready(out));
        }
        let Some(name) = self.name(item) else { return Either::Left(ready(Said::NotListed)) };
        Either::Right(self.dns.a(&name).map(move |answer| self.hear(client, answer)))
    }

    fn hear(&self, client: IpAddr, answer: Answer<Ipv4Addr>) -> Said {
        let said = answer.map(|addresses| self.answers.judge(&addresses));
        self.watch.health().hear(client, said.as_ref());
        match (said, self.out()) {
            (_, Some(out)) => out,
            (Ok(Verdict::Listed(answers)), None) => Said::Listed(answers),
            (Ok(Verdict::NotListed), None) => Said::NotListed,
            (Ok(Verdict::Refused(address) | Verdict::Hijacked(address)), None) => {
                Said::Error(format!("it refuses to answer: {address}"))
            }
            (Err(error), None) => Said::Error(error.to_string()),
        }
    }

    /// What the list itself tells about something that it lists.
    pub async fn explanation(&self, item: Item<'_>) -> Option<String> {
        let texts = self.dns.txt(&self.name(item)?).await.ok()?;
        let text = texts.iter().map(|text| text::from_octets(text)).find(|text| !text.trim().is_empty())?;
        Some(self.zone.without_key(text.trim()))
    }

    fn name(&self, item: Item<'_>) -> Option<String> {
        match item {
            Item::Address(address) => Some(query::of_address(address, self.zone.as_str())),
            Item::Name(name) => query::of_domain(name, self.zone.as_str()),
        }
    }

    fn out(&self) -> Option<Said> {
        match self.watch.health().standing() {
            Standing::Good => None,
            Standing::Untested => Some(Said::Out("not tested yet".to_owned())),
            Standing::Out(why) => Some(Said::Out(why)),
        }
    }
}
