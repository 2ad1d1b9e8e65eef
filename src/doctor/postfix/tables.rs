//! Lookup tables, as main.cf names them: `hash:/etc/postfix/virtual`, `pipemap:{regexp:/x, socketmap:unix:/y:name}`.

use super::words::{in_braces, words};

/// A table and, if it is made of others, those.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// All of it, as written.
    pub text: String,
    /// `hash`, `regexp`, `socketmap`, …; empty for a bare word or a file name.
    pub kind: String,
    /// What comes after the kind.
    pub name: String,
    /// The tables that a `pipemap` or `unionmap` is made of.
    pub members: Vec<Table>,
}

/// Tables that are files, or stand in main.cf itself: to ask them costs nothing, and disturbs nobody.
const CHEAP: [&str; 14] = [
    "btree", "cdb", "cidr", "dbm", "fail", "hash", "inline", "lmdb", "pcre", "randmap", "regexp", "sdbm", "static",
    "texthash",
];

impl Table {
    /// The tables of a list.
    pub fn list(list: &str) -> Vec<Self> {
        words(list).into_iter().map(Self::parse).collect()
    }

    /// One table. `proxy:` only says by whose hands it is read.
    pub fn parse(text: &str) -> Self {
        let table = text.strip_prefix("proxy:").unwrap_or(text);
        let (kind, name) = match table.split_once(':') {
            Some((kind, name)) if !kind.contains('/') => (kind, name),
            _ => ("", table),
        };
        let is_made_of_others = matches!(kind, "pipemap" | "unionmap");
        let members = in_braces(name).filter(|_| is_made_of_others).map(Self::list).unwrap_or_default();
        Self { text: table.to_owned(), kind: kind.to_owned(), name: name.to_owned(), members }
    }

    /// Whether it can be asked without asking a server.
    pub fn is_cheap(&self) -> bool {
        match self.kind.as_str() {
            "pipemap" | "unionmap" => self.members.iter().all(Self::is_cheap),
            kind => CHEAP.contains(&kind),
        }
    }

    /// The endpoint that is asked for the socketmap `name`, as written, by this table or one that it is made of.
    pub fn socketmap(&self, name: &str) -> Option<&str> {
        let endpoint = self.name.strip_suffix(name).and_then(|rest| rest.strip_suffix(':'));
        match endpoint.filter(|_| self.kind == "socketmap") {
            Some(endpoint) => Some(endpoint),
            None => self.members.iter().find_map(|member| member.socketmap(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_made_of_tables() {
        let [hash, pipe, alias] =
            &Table::list("proxy:hash:/x, pipemap:{regexp:/g, socketmap:unix:/s:m} example.org")[..]
        else {
            panic!("three");
        };
        assert_eq!((hash.kind.as_str(), hash.name.as_str(), hash.is_cheap()), ("hash", "/x", true));
        assert_eq!(pipe.members.iter().map(|table| table.kind.as_str()).collect::<Vec<_>>(), ["regexp", "socketmap"]);
        assert!(!pipe.is_cheap());
        assert_eq!(pipe.socketmap("m"), Some("unix:/s"));
        assert_eq!(pipe.socketmap("n"), None);
        assert_eq!((alias.kind.as_str(), alias.name.as_str()), ("", "example.org"));
        assert!(Table::parse("inline:{ { @a = b:c } }").is_cheap());
        assert!(!Table::parse("mysql:/etc/x.cf").is_cheap());
    }
}
