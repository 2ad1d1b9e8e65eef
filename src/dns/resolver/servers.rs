//! The servers, and how they are asked.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts, ServerOrderingStrategy,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError as Answer, NetError, NoRecords};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{RData, RecordType};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::ResolverError;
use super::lookups::{Found, MOST_AT_A_TIME, Upstream};
use super::question::Question;
use crate::dns::DnsError;

/// A question is sent to a server so often until its time is over. (While it waits for the answer to one, hickory sends some
/// more, but less and less of them when it has often waited in vain.)
const ATTEMPTS: u32 = 2;

/// The part of a lookup's time after which the next server is asked, too.
const PATIENCE: u32 = 4;

/// The servers, in the order in which they were named.
///
/// There is one resolver for each, because hickory takes the first error of any server for the answer, and goes on asking a
/// server that refuses everything. It remembers nothing here: [`Memory`](super::memory::Memory) does.
pub(super) struct Servers {
    servers: Vec<TokioResolver>,
    /// The one that answered last.
    preferred: AtomicUsize,
    patience: Duration,
}

impl Servers {
    /// Asks these servers, and has `limit` for a lookup.
    pub(super) fn new(addresses: &[SocketAddr], limit: Duration) -> Result<Self, ResolverError> {
        let servers = addresses.iter().map(|address| server(*address, limit)).collect::<Result<_, _>>()?;
        Ok(Self { servers, preferred: AtomicUsize::new(0), patience: limit / PATIENCE })
    }

    /// All, the preferred first.
    fn in_order(&self) -> impl ExactSizeIterator<Item = (usize, TokioResolver)> {
        let preferred = self.preferred.load(Ordering::Relaxed);
        let mut servers: Vec<_> = self.servers.iter().cloned().enumerate().collect();
        servers.rotate_left(preferred);
        servers.into_iter()
    }
}

impl Upstream for Servers {
    /// Asks the preferred server, and the next when one fails or is slow. The first answer counts; a failure counts when all
    /// have failed.
    async fn ask(&self, question: &Question) -> Result<Found, DnsError> {
        let mut next = self.in_order();
        let mut asked = JoinSet::new();
        let mut failure = DnsError::Timeout;
        loop {
            if let Some((position, server)) = next.next() {
                let question = question.clone();
                asked.spawn(async move { (position, ask(&server, &question).await) });
            }
            let patience = if next.len() > 0 { self.patience } else { Duration::MAX };
            match timeout(patience, asked.join_next()).await {
                Ok(Some(Ok((position, Ok(found))))) => {
                    self.preferred.store(position, Ordering::Relaxed);
                    return Ok(found);
                }
                Ok(Some(Ok((_, Err(error))))) if failure == DnsError::Timeout => failure = error,
                Ok(None) => return Err(failure),
                Ok(Some(_)) | Err(_) => {}
            }
        }
    }

    async fn is_there(&self) -> bool {
        let mut asked = JoinSet::new();
        for (_, server) in self.in_order() {
            asked.spawn(async move { says_anything(&server).await });
        }
        while let Some(said) = asked.join_next().await {
            if said.unwrap_or(false) {
                return true;
            }
        }
        false
    }
}

fn server(address: SocketAddr, limit: Duration) -> Result<TokioResolver, ResolverError> {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    let server = NameServerConfig::new(address.ip(), true, connections.into());
    let config = ResolverConfig::from_name_servers(vec![server]);
    let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    builder.with_options(options(limit)).build().map_err(|error| ResolverError::Setup(error.to_string()))
}

fn options(limit: Duration) -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = limit / ATTEMPTS;
    options.attempts = 0;
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    options.num_concurrent_reqs = 1;
    options.max_active_requests = MOST_AT_A_TIME;
    options.server_ordering_strategy = ServerOrderingStrategy::UserProvidedOrder;
    options.preserve_intermediates = true;
    options
}

/// Asks one server; again when a packet may have been lost.
async fn ask(server: &TokioResolver, question: &Question) -> Result<Found, DnsError> {
    for _ in 1..ATTEMPTS {
        match ask_once(server, question).await {
            Err(DnsError::Timeout) => {}
            outcome => return outcome,
        }
    }
    ask_once(server, question).await
}

async fn ask_once(server: &TokioResolver, question: &Question) -> Result<Found, DnsError> {
    match server.lookup(question.name(), question.kind).await {
        Ok(lookup) => Ok(found(&lookup, question)),
        Err(NetError::Dns(Answer::NoRecordsFound(none))) => nothing(server, none).await,
        Err(error) => Err(failure(&error)),
    }
}

async fn says_anything(server: &TokioResolver) -> bool {
    let root = Question::of_the_root();
    let (name, kind) = (root.name(), root.kind);
    let said = server.lookup(name, kind).await;
    !matches!(said, Err(NetError::Timeout | NetError::Io(_) | NetError::NoConnections | NetError::Busy))
}

/// The records of the type that was asked for, of the name itself or of what it is an alias for.
fn found(lookup: &Lookup, question: &Question) -> Found {
    let aliases = lookup.answers().iter().filter_map(|record| match &record.data {
        RData::CNAME(alias) => Some(&alias.0),
        _ => None,
    });
    let name = question.name();
    let names: Vec<_> = aliases.chain([&name]).collect();
    let (records, ttls): (Vec<_>, Vec<_>) = lookup
        .answers()
        .iter()
        .filter(|record| record.record_type() == question.kind && names.contains(&&record.name))
        .map(|record| (record.data.clone(), record.ttl))
        .unzip();
    Found { records, ttl: seconds(ttls.into_iter().min().unwrap_or(0)) }
}

/// There is no such name or no such record; or hickory has lost itself in aliases, which it tells in the same way.
async fn nothing(server: &TokioResolver, none: NoRecords) -> Result<Found, DnsError> {
    match none.response_code {
        ResponseCode::NoError if none.soa.is_none() && has_alias(server, &none).await => {
            Err(DnsError::Failed("a chain of CNAMEs has no end".to_owned()))
        }
        // "NODATA" has a SOA record or nothing, a referral has NS records alone (RFC 2308 section 2.2).
        ResponseCode::NoError if none.soa.is_none() && none.ns.is_some_and(|servers| !servers.is_empty()) => {
            Err(DnsError::Failed("the DNS server does not resolve names, but refers to others".to_owned()))
        }
        ResponseCode::NoError | ResponseCode::NXDomain => {
            Ok(Found { records: Vec::new(), ttl: seconds(none.negative_ttl.unwrap_or(0)) })
        }
        code => Err(refusal(code)),
    }
}

/// Does the name at which the search ended lead on to another?
async fn has_alias(server: &TokioResolver, none: &NoRecords) -> bool {
    server.lookup(none.query.name().clone(), RecordType::CNAME).await.is_ok()
}

/// Names no names: that of a zone may hold a secret key.
fn failure(error: &NetError) -> DnsError {
    let text = match error {
        NetError::Timeout => return DnsError::Timeout,
        NetError::Dns(Answer::ResponseCode(code)) => return refusal(*code),
        NetError::Io(error) => format!("the DNS server cannot be reached: {error}"),
        NetError::NoConnections | NetError::Busy => "the DNS server cannot be reached".to_owned(),
        NetError::Truncated => "the DNS server cuts off its answer and gives no other over TCP".to_owned(),
        _ => "the DNS server's answer makes no sense".to_owned(),
    };
    DnsError::Failed(text)
}

fn refusal(code: ResponseCode) -> DnsError {
    DnsError::Failed(match code {
        ResponseCode::ServFail => "the DNS server failed (SERVFAIL)".to_owned(),
        ResponseCode::Refused => "the DNS server refuses to answer (REFUSED)".to_owned(),
        ResponseCode::FormErr => "the DNS server does not understand the question (FORMERR)".to_owned(),
        ResponseCode::NotImp => "the DNS server does not know such questions (NOTIMP)".to_owned(),
        code => format!("the DNS server says {} (RCODE {})", code.to_str(), u16::from(code)),
    })
}

fn seconds(ttl: u32) -> Duration {
    Duration::from_secs(ttl.into())
}
