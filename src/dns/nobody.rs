//! What is asked where there is no DNS server to ask.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Dns, DnsError, Exchanger, Records};

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

    fn fails<T: Send + 'static>(&self) -> Records<'_, T> {
        Box::pin(std::future::ready(Err(DnsError::Failed(self.why.clone()))))
    }
}

impl Dns for Nobody {
    fn a<'a>(&'a self, _: &'a str) -> Records<'a, Ipv4Addr> {
        self.fails()
    }

    fn aaaa<'a>(&'a self, _: &'a str) -> Records<'a, Ipv6Addr> {
        self.fails()
    }

    fn mx<'a>(&'a self, _: &'a str) -> Records<'a, Exchanger> {
        self.fails()
    }

    fn txt<'a>(&'a self, _: &'a str) -> Records<'a, Vec<u8>> {
        self.fails()
    }

    fn ptr(&self, _: IpAddr) -> Records<'_, String> {
        self.fails()
    }
}
