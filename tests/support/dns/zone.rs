//! Names and what they have.

use std::collections::HashMap;
use std::net::IpAddr;

use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME, MX, NS, PTR, SOA, TXT};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

/// All records, whatever zones they would be in.
pub(super) struct Zone {
    records: HashMap<String, Vec<RData>>,
    pub(super) ttl: u32,
}

/// What there is.
pub(super) enum Found {
    /// The records, after the CNAMEs that lead to them.
    Records(Vec<Record>),
    /// The name has no records of this type; the CNAMEs that lead to it, if any.
    NoData(Vec<Record>),
    /// There is no such name.
    NoName(Vec<Record>),
}

impl Default for Zone {
    fn default() -> Self {
        Self { records: HashMap::new(), ttl: 300 }
    }
}

impl Zone {
    pub(super) fn add(&mut self, records: &str) {
        for line in records.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (name, data) = record(line).unwrap_or_else(|| panic!("`{line}` is no record: write `name TYPE data`"));
            self.records.entry(name).or_default().push(data);
        }
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.records.remove(&fold(name));
    }

    /// Follows as many CNAMEs as there are, but none twice.
    pub(super) fn find(&self, name: &Name, kind: RecordType) -> Found {
        let mut chain: Vec<Record> = Vec::new();
        let mut name = name.clone();
        loop {
            let Some(data) = self.data(&name) else { return Found::NoName(chain) };
            let of_kind = data.iter().filter(|data| data.record_type() == kind);
            let records: Vec<_> = of_kind.map(|data| self.record(&name, data.clone())).collect();
            if !records.is_empty() {
                return Found::Records([chain, records].concat());
            }
            let Some(RData::CNAME(alias)) = data.iter().find(|data| data.record_type() == RecordType::CNAME) else {
                return Found::NoData(chain);
            };
            if chain.iter().any(|record| record.name == name) {
                return Found::Records(chain);
            }
            chain.push(self.record(&name, RData::CNAME(alias.clone())));
            name = alias.0.clone();
        }
    }

    /// How long there is nothing (RFC 2308 section 3).
    pub(super) fn authority(&self) -> Record {
        let name = || Name::from_ascii("zone.example.").expect("a name");
        self.record(&name(), RData::SOA(SOA::new(name(), name(), 1, 3600, 600, 86_400, self.ttl)))
    }

    /// Whom to ask instead (RFC 1034 section 4.3.1).
    pub(super) fn referral(&self) -> Record {
        let name = |text| Name::from_ascii(text).expect("a name");
        self.record(&name("example.org."), RData::NS(NS(name("ns.elsewhere.example."))))
    }

    fn record(&self, name: &Name, data: RData) -> Record {
        Record::from_rdata(name.clone(), self.ttl, data)
    }

    /// `None` if neither the name nor one below it exists.
    fn data(&self, name: &Name) -> Option<&[RData]> {
        let name = fold(&name.to_ascii());
        let wildcards = name.match_indices('.').map(|(at, _)| format!("*{}", &name[at..]));
        let found = [name.clone()].into_iter().chain(wildcards).find_map(|name| self.records.get(&name));
        let below = format!(".{name}");
        let is_between = || self.records.keys().any(|other| other.ends_with(&below)).then_some(&[][..]);
        found.map(Vec::as_slice).or_else(is_between)
    }
}

/// In lower case, without final dot.
pub(super) fn fold(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

fn record(line: &str) -> Option<(String, RData)> {
    let (name, rest) = line.split_once(char::is_whitespace)?;
    let (kind, data) = rest.trim_start().split_once(char::is_whitespace)?;
    let name = match name.parse::<IpAddr>() {
        Ok(address) => Name::from(address).to_ascii(),
        Err(_) => name.to_owned(),
    };
    Some((fold(&name), parse(kind, data.trim())?))
}

fn parse(kind: &str, data: &str) -> Option<RData> {
    Some(match kind {
        "A" => RData::A(A(data.parse().ok()?)),
        "AAAA" => RData::AAAA(AAAA(data.parse().ok()?)),
        "MX" => {
            let (preference, exchange) = data.split_once(' ')?;
            RData::MX(MX::new(preference.parse().ok()?, absolute(exchange)?))
        }
        // A string has at most 255 octets (RFC 1035 section 3.3).
        "TXT" => RData::TXT(TXT::from_bytes(data.as_bytes().chunks(255).collect())),
        "PTR" => RData::PTR(PTR(absolute(data)?)),
        "CNAME" => RData::CNAME(CNAME(absolute(data)?)),
        _ => return None,
    })
}

fn absolute(name: &str) -> Option<Name> {
    let mut name = Name::from_ascii(name).ok()?;
    name.set_fqdn(true);
    Some(name)
}
