//! All patterns of one field, and which of them match a request.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use prefix_trie::joint::JointPrefixMap;
use regex::RegexSet;

use super::names::Names;
use super::{PatternId, Shape, Shapes};
use crate::lists::pattern::{AddressPattern, ClientPattern, compile_set};
use crate::mail::Mailbox;

/// All patterns of one field: of clients, of senders or of recipients. Every pattern has a number, from 1 on.
#[derive(Default)]
pub(super) struct Patterns {
    networks: JointPrefixMap<IpNet, PatternId>,
    names: Names,
    null: Option<PatternId>,
    regexes: Regexes,
    /// By number: in which of the seven lookups the pattern is used at all.
    shapes: Vec<Shapes>,
}

#[derive(Default)]
struct Regexes {
    ids: HashMap<String, PatternId>,
    texts: Vec<(String, PatternId)>,
    set: RegexSet,
}

/// A pattern that matches. The lower the rank, the more it says about the request.
#[derive(Clone, Copy)]
pub(super) struct Matched<'a> {
    pub(super) id: PatternId,
    pub(super) rank: u32,
    pub(super) spelling: Spelling<'a>,
}

/// How a pattern is written.
#[derive(Clone, Copy)]
pub(super) enum Spelling<'a> {
    /// No pattern is given.
    Any,
    Null,
    Network(IpNet),
    Text(&'a str),
    /// `user@`, of which the local part is at hand.
    Local(&'a str),
    Regex(&'a str),
}

/// Matches in the order of their rank.
#[derive(Default)]
pub(super) struct Matches<'a> {
    found: Vec<Matched<'a>>,
    rank: u32,
}

impl Patterns {
    /// The number of a client pattern used in a lookup of `shape`; `None` when there are too many.
    pub(super) fn intern_client(&mut self, pattern: &ClientPattern, shape: Shape) -> Option<PatternId> {
        let new = self.next_id()?;
        let id = match pattern {
            ClientPattern::Network(network) => *self.networks.entry(*network).or_insert(new),
            ClientPattern::Host(host) => self.names.intern(host.as_str(), new)?,
            ClientPattern::Regex(regex) => self.regexes.intern(regex.as_str(), new),
        };
        Some(self.used(id, shape))
    }

    /// The number of a sender or recipient pattern used in a lookup of `shape`; `None` when there are too many.
    pub(super) fn intern_address(&mut self, pattern: &AddressPattern, shape: Shape) -> Option<PatternId> {
        let new = self.next_id()?;
        let id = match pattern {
            AddressPattern::Null => *self.null.get_or_insert(new),
            AddressPattern::Mailbox(mailbox) => self.names.intern(mailbox.as_str(), new)?,
            AddressPattern::Local(local) => self.names.intern(local, new)?,
            AddressPattern::Domain(domain) => self.names.intern(domain.as_str(), new)?,
            AddressPattern::Regex(regex) => self.regexes.intern(regex.as_str(), new),
        };
        Some(self.used(id, shape))
    }

    /// Compiles the expressions and gives back what memory is spare.
    pub(super) fn finish(&mut self) -> Result<(), regex::Error> {
        self.regexes.ids = HashMap::new();
        self.regexes.set = compile_set(self.regexes.texts.iter().map(|(text, _)| text.as_str()))?;
        self.names.shrink();
        self.shapes.shrink_to_fit();
        Ok(())
    }

    /// The patterns that match a client: the longest network first, then its name, the names above, expressions.
    pub(super) fn of_client<'a>(&'a self, address: Option<IpAddr>, name: Option<&'a str>) -> Matches<'a> {
        let mut matches = Matches::default();
        if self.shapes.is_empty() {
            return matches;
        }
        if let Some(address) = address {
            let covering: Vec<_> = self.networks.cover(&IpNet::from(address)).collect();
            for (network, &id) in covering.into_iter().rev() {
                matches.push(Some(id), Spelling::Network(network));
            }
        }
        if let Some(name) = name {
            self.push_name(name, &mut matches);
            self.push_parents(name, &mut matches);
            self.push_regexes(name, &mut matches);
        }
        matches
    }

    /// The patterns that match an address, in each step first the address as it is written, then its core.
    pub(super) fn of_address<'a>(&'a self, written: &'a Mailbox, core: Option<&'a Mailbox>) -> Matches<'a> {
        let mut matches = Matches::default();
        if self.shapes.is_empty() {
            return matches;
        }
        let both = || std::iter::once(written).chain(core);
        // An unqualified `example.org` is a local part, and must not be taken for the domain.
        for mailbox in both().filter(|mailbox| mailbox.domain().is_some()) {
            self.push_name(mailbox.as_str(), &mut matches);
        }
        for mailbox in both() {
            let id = self.names.get(&format!("{}@", mailbox.local()));
            matches.push(id, Spelling::Local(mailbox.local()));
        }
        for domain in both().filter_map(Mailbox::domain) {
            self.push_name(domain, &mut matches);
        }
        for domain in both().filter_map(Mailbox::domain) {
            self.push_parents(domain, &mut matches);
        }
        for mailbox in both() {
            self.push_regexes(mailbox.as_str(), &mut matches);
        }
        matches
    }

    /// The one pattern that matches the null sender.
    pub(super) fn of_null(&self) -> Matches<'_> {
        let mut matches = Matches::default();
        matches.push(self.null, Spelling::Null);
        matches
    }

    /// Those of `matches` that matter in the lookup of `shape`.
    pub(super) fn used_in<'m>(&self, matches: &'m Matches<'m>, shape: Shape) -> Vec<Matched<'m>> {
        let is_used = |found: &&Matched<'_>| self.shapes.get(found.id as usize).is_some_and(|set| set.has(shape));
        matches.found.iter().filter(is_used).copied().collect()
    }

    fn next_id(&self) -> Option<PatternId> {
        u32::try_from(self.shapes.len().max(1)).ok()
    }

    fn used(&mut self, id: PatternId, shape: Shape) -> PatternId {
        let position = id as usize;
        if self.shapes.len() <= position {
            self.shapes.resize(position + 1, Shapes::default());
        }
        if let Some(shapes) = self.shapes.get_mut(position) {
            shapes.add(shape);
        }
        id
    }

    fn push_name<'a>(&'a self, name: &'a str, matches: &mut Matches<'a>) {
        matches.push(self.names.get(name), Spelling::Text(name));
    }

    /// `a.example.org` lies below `.example.org` and `example.org`, in this order: the first says more.
    fn push_parents<'a>(&'a self, name: &'a str, matches: &mut Matches<'a>) {
        for (dot, _) in name.match_indices('.') {
            let (below, parent) = (name.get(dot..).unwrap_or_default(), name.get(dot + 1..).unwrap_or_default());
            self.push_name(below, matches);
            self.push_name(parent, matches);
        }
    }

    /// Expressions say equally much.
    fn push_regexes<'a>(&'a self, text: &str, matches: &mut Matches<'a>) {
        if self.regexes.texts.is_empty() {
            return;
        }
        let found = self.regexes.set.matches(text).into_iter().filter_map(|position| self.regexes.texts.get(position));
        matches.push_equals(found.map(|(text, id)| (*id, Spelling::Regex(text.as_str()))));
    }
}

impl Regexes {
    fn intern(&mut self, text: &str, new: PatternId) -> PatternId {
        if let Some(&id) = self.ids.get(text) {
            return id;
        }
        self.ids.insert(text.to_owned(), new);
        self.texts.push((text.to_owned(), new));
        new
    }
}

impl<'a> Matches<'a> {
    fn push(&mut self, id: Option<PatternId>, spelling: Spelling<'a>) {
        self.push_equals(id.map(|id| (id, spelling)).into_iter());
    }

    fn push_equals(&mut self, equals: impl Iterator<Item = (PatternId, Spelling<'a>)>) {
        let rank = self.rank;
        self.rank += 1;
        for (id, spelling) in equals {
            // An address and its core mostly have the same domain.
            if self.found.iter().all(|found| found.id != id) {
                self.found.push(Matched { id, rank, spelling });
            }
        }
    }
}

impl Matched<'_> {
    /// Stands for a field that a lookup leaves out.
    pub(super) const ANY: Self = Self { id: 0, rank: 0, spelling: Spelling::Any };
}

impl fmt::Display for Spelling<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Null => f.write_str("<>"),
            Self::Network(network) => ClientPattern::Network(*network).fmt(f),
            Self::Text(text) => f.write_str(text),
            Self::Local(local) => write!(f, "{local}@"),
            Self::Regex(text) => write!(f, "/{text}/"),
        }
    }
}
