//! What is asked where there is no DNS server to ask.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Dns, DnsError, Exchanger, Records, known};

/// Answers every question with the same failure, which counts against nobody.
#[derive(Debug, Clone)]
pub struct Nobody {
    why: String,
}

impl Nobody {
    /// Nobody can be asked, for this reason.
    pub fn because(why: impl Into<String>) -> Self {
        Self { why: why.into() }
    }

    fn fails<T>(&self) -> Records<'_, T> {
        known(Err(DnsError::Failed(self.why.clone())))
    }
}

impl Dns for Nobody {
    fn a(&self, _: &str) -> Records<'_, Ipv4Addr> {
        self.fails()
    }

    fn aaaa(&self, _: &str) -> Records<'_, Ipv6Addr> {
        self.fails()
    }

    fn mx(&self, _: &str) -> Records<'_, Exchanger> {
        self.fails()
    }

    fn txt(&self, _: &str) -> Records<'_, Vec<u8>> {
        self.fails()
    }

    fn ptr(&self, _: IpAddr) -> Records<'_, String> {
        self.fails()
    }
}
