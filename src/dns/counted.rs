//! How often the DNS was asked, and what came of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use futures_util::FutureExt as _;

use super::{Answer, Dns, DnsError, Exchanger, Records, asked, known};

/// The kinds of records that are asked for.
pub const KINDS: [&str; 5] = ["A", "AAAA", "MX", "TXT", "PTR"];

/// What lookups come to: records; none, which is an answer too; and the three ways in which there is no answer.
pub const OUTCOMES: [&str; 5] = ["found", "nothing", "timeout", "failed", "unavailable"];

/// Numbers of lookups, by kind and outcome.
#[derive(Debug, Default)]
pub struct LookupCounts([[AtomicU64; OUTCOMES.len()]; KINDS.len()]);

impl LookupCounts {
    /// How many of each kind came to each outcome.
    pub fn read(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> + '_ {
        KINDS.iter().zip(&self.0).flat_map(|(kind, outcomes)| {
            OUTCOMES.iter().zip(outcomes).map(|(outcome, number)| (*kind, *outcome, number.load(Relaxed)))
        })
    }

    fn count(&self, kind: usize, outcome: usize) {
        if let Some(number) = self.0.get(kind).and_then(|outcomes| outcomes.get(outcome)) {
            number.fetch_add(1, Relaxed);
        }
    }
}

/// Whoever is asked, with a count of it. Answers from memory count like others: they are what checks wait for.
pub struct Counted {
    dns: Arc<dyn Dns>,
    counts: Arc<LookupCounts>,
}

impl Counted {
    /// Asks `dns` and counts.
    pub fn new(dns: Arc<dyn Dns>, counts: Arc<LookupCounts>) -> Self {
        Self { dns, counts }
    }

    /// Who gives up waiting is not counted.
    fn counted<'a, T: 'a>(&'a self, kind: usize, records: Records<'a, T>) -> Records<'a, T> {
        let count = move |records| {
            self.counts.count(kind, outcome(&records));
            records
        };
        match records {
            Records::Left(records) => known(count(records.into_inner())),
            Records::Right(records) => asked(records.map(count)),
        }
    }
}

/// The place in [`OUTCOMES`].
fn outcome<T>(records: &Answer<T>) -> usize {
    match records {
        Ok(records) if !records.is_empty() => 0,
        Ok(_) => 1,
        Err(DnsError::Timeout) => 2,
        Err(DnsError::Failed(_)) => 3,
        Err(DnsError::Unavailable) => 4,
    }
}

impl Dns for Counted {
    fn a(&self, name: &str) -> Records<'_, Ipv4Addr> {
        self.counted(0, self.dns.a(name))
    }

    fn aaaa(&self, name: &str) -> Records<'_, Ipv6Addr> {
        self.counted(1, self.dns.aaaa(name))
    }

    fn mx(&self, name: &str) -> Records<'_, Exchanger> {
        self.counted(2, self.dns.mx(name))
    }

    fn txt(&self, name: &str) -> Records<'_, Vec<u8>> {
        self.counted(3, self.dns.txt(name))
    }

    fn ptr(&self, address: IpAddr) -> Records<'_, String> {
        self.counted(4, self.dns.ptr(address))
    }

    fn forget_lapsed(&self) {
        self.dns.forget_lapsed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::zones::Zones;

    #[tokio::test]
    async fn every_answer_counts_once_by_what_it_was() {
        let zones: Zones =
            "example.org A 192.0.2.1\nslow.example.org TIMEOUT\nbroken.example.org SERVFAIL".parse().unwrap();
        let counts = Arc::new(LookupCounts::default());
        let dns = Counted::new(Arc::new(zones), counts.clone());
        for name in ["example.org", "nobody.example.org", "slow.example.org", "broken.example.org", "example.org"] {
            let _ = dns.a(name).await;
        }
        let _ = dns.ptr("192.0.2.1".parse().unwrap()).await;
        let counted: Vec<_> = counts.read().filter(|(.., number)| *number > 0).collect();
        let expected =
            [("A", "found", 2), ("A", "nothing", 1), ("A", "timeout", 1), ("A", "failed", 1), ("PTR", "nothing", 1)];
        assert_eq!(counted, expected);
    }
}
