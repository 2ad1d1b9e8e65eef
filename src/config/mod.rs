//! What a person writes: the policy file, and everything that is wrong with it at once.
//!
//! YAML is read into a tree first; then every option is taken out of it by whoever understands it, and what nobody took is
//! unknown. This module knows the settings outside the chain. A step of the chain is a name and a value here; the check of that
//! name reads the value ([`chain`](crate::chain)).

mod document;
mod lists;
mod mistakes;
mod path;
mod section;
mod values;

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::Serialize;
use serde_yaml::Value;

pub use self::document::Location;
pub use self::lists::ListSettings;
pub use self::mistakes::{ConfigError, Mistake, Mistakes};
pub use self::path::KeyPath;
pub use self::section::Section;
pub use self::values::{Endpoint, Network, Period, SocketMode, Truth};

use self::lists::Surroundings;

/// The most octets a policy file may have.
const MAX_FILE: u64 = 1024 * 1024;

/// The settings outside the chain, defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Config {
    /// Where Postfix connects to.
    pub listen: Vec<Endpoint>,
    /// The permissions of unix sockets.
    pub socket_mode: SocketMode,
    /// The database, as written; [`database_path`](Self::database_path) says where it is.
    pub database: PathBuf,
    /// The time for all checks of one request.
    pub deadline: Period,
    /// Who is never checked.
    pub exempt: Exempt,
    /// Where access lists come from.
    pub lists: ListSettings,
}

/// Who is never checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exempt {
    /// Clients in these networks.
    pub networks: Vec<Network>,
    /// Clients that have logged in or shown a trusted certificate.
    pub authenticated: bool,
}

/// A step of the chain as written: a name, and options that only the check of that name understands.
#[derive(Debug, Clone, PartialEq)]
pub struct RawStep {
    /// Where it stands.
    pub path: KeyPath,
    /// The check.
    pub name: String,
    /// Its options.
    pub options: Value,
}

/// A policy file that has been read but not yet found right.
#[derive(Debug)]
pub struct Draft {
    file: PathBuf,
    value: Value,
    mistakes: Mistakes,
}

impl Draft {
    /// Reads a policy file.
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        let unreadable = |cause: String| ConfigError::Unreadable { file: file.to_owned(), cause };
        let mut octets = Vec::new();
        let mut reader = File::open(file).map_err(|error| unreadable(error.to_string()))?.take(MAX_FILE + 1);
        reader.read_to_end(&mut octets).map_err(|error| unreadable(error.to_string()))?;
        if octets.len() as u64 > MAX_FILE {
            return Err(unreadable(format!("it has more than {MAX_FILE} octets")));
        }
        match String::from_utf8(octets) {
            Ok(text) => Self::parse(file, text),
            Err(error) => {
                let (good, _) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
                Err(no_document(
                    file,
                    Location::behind(&String::from_utf8_lossy(good)),
                    "here is something that is no UTF-8",
                ))
            }
        }
    }

    /// Reads a policy file's text.
    pub fn parse(file: &Path, text: String) -> Result<Self, ConfigError> {
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        match document::parse(&text) {
            Ok(value) => Ok(Self { file: file.to_owned(), value, mistakes: Mistakes::new(text) }),
            Err(error) => Err(no_document(file, error.location, error.message)),
        }
    }

    /// The settings outside the chain, and the chain's steps; `None` where the file does not name any. `checks` are those
    /// that entries may skip.
    pub fn settings(&mut self, checks: &[&str]) -> (Config, Option<Vec<RawStep>>) {
        let mut section = Section::new(KeyPath::default(), std::mem::take(&mut self.value), &mut self.mistakes);
        let config = Config::read(&mut section, Surroundings::of(&self.file, checks));
        let steps = section.items("chain").map(|items| {
            items.into_iter().filter_map(|(path, value)| raw_step(path, value, section.mistakes())).collect()
        });
        section.finish();
        (config, steps)
    }

    /// Where everything wrong is noted.
    pub fn mistakes(&mut self) -> &mut Mistakes {
        &mut self.mistakes
    }

    /// Ends the reading, with an error if anything was wrong.
    pub fn finish(self) -> Result<(), ConfigError> {
        self.mistakes.into_result(self.file)
    }
}

/// What is wrong with a file as a whole.
fn no_document(file: &Path, location: Location, message: impl Into<String>) -> ConfigError {
    let mistake = Mistake { location, path: KeyPath::default(), message: message.into(), hint: None };
    ConfigError::Mistakes { file: file.to_owned(), mistakes: vec![mistake] }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![Endpoint::Inet(([127, 0, 0, 1], 10040).into())],
            socket_mode: SocketMode(0o666),
            database: "postward.db".into(),
            deadline: Period::seconds(8),
            exempt: Exempt::default(),
            lists: ListSettings { refresh: Period::seconds(15 * 60), sources: Vec::new() },
        }
    }
}

impl Default for Exempt {
    fn default() -> Self {
        let ipv4_loopback = crate::net::network_of(Ipv4Addr::LOCALHOST.into(), 8, 0);
        let ipv6_loopback = IpNet::from(IpAddr::from(Ipv6Addr::LOCALHOST));
        Self { networks: [ipv4_loopback, ipv6_loopback].map(Network).to_vec(), authenticated: true }
    }
}

impl Config {
    fn read(section: &mut Section<'_>, surroundings: Surroundings<'_>) -> Self {
        let default = Self::default();
        let config = Self {
            listen: section.list("listen", default.listen),
            socket_mode: section.quoted("socket_mode", default.socket_mode),
            database: section.parsed("database", default.database),
            deadline: section.parsed("deadline", default.deadline),
            exempt: Exempt::read(section.section("exempt")),
            lists: ListSettings::read(section.section("lists"), &surroundings),
        };
        if config.listen.is_empty() {
            section.mistake("listen", "nobody could connect: name at least one endpoint");
        }
        if let Some(endpoint) = named_twice(&config.listen) {
            section.mistake("listen", format_args!("names {endpoint} twice"));
        }
        // SQLite would make a database that is gone when the daemon ends.
        if config.database.as_os_str().is_empty() {
            section.mistake("database", "must name a file");
        }
        if config.deadline < Period::seconds(1) || config.deadline > Period::seconds(60) {
            section.mistake("deadline", "must be between 1s and 60s: Postfix waits for every answer");
        }
        config
    }

    /// Where the database is: the one `named` on the command line, or else as written, relative to `state_directory`
    /// (systemd's `$STATE_DIRECTORY`) if there is one. The path is a full one, because a relative path means another file in
    /// every directory, and `:memory:` would mean none to SQLite.
    pub fn database_path(&self, named: Option<&Path>, state_directory: Option<&Path>) -> PathBuf {
        let written =
            || state_directory.map_or_else(|| self.database.clone(), |directory| directory.join(&self.database));
        let path = named.map_or_else(written, Path::to_owned);
        std::path::absolute(&path).unwrap_or(path)
    }
}

impl Exempt {
    fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let exempt = Self {
            networks: section.list("networks", default.networks),
            authenticated: section.parsed("authenticated", Truth(default.authenticated)).0,
        };
        section.finish();
        exempt
    }
}

fn named_twice(endpoints: &[Endpoint]) -> Option<&Endpoint> {
    let mut seen = HashSet::new();
    endpoints.iter().find(|endpoint| !seen.insert(*endpoint))
}

/// `access` or `access: {…}`.
fn raw_step(path: KeyPath, value: Value, mistakes: &mut Mistakes) -> Option<RawStep> {
    match value {
        Value::String(name) => Some(RawStep { path, name, options: Value::Null }),
        Value::Mapping(mapping) if mapping.len() == 1 => {
            let (name, options) = mapping.into_iter().next()?;
            let name = name.as_str()?.to_owned();
            Some(RawStep { path: path.key(&name), name, options })
        }
        _ => {
            mistakes
                .value(path, "a step is the name of a check, or one name with its options: `- greylist: {delay: 5m}`");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        let mut draft = Draft::parse(Path::new("policy.yaml"), text.to_owned()).map_err(|error| error.to_string())?;
        let (config, _) = draft.settings(&["access"]);
        draft.finish().map_err(|error| error.to_string())?;
        Ok(config)
    }

    #[test]
    fn an_empty_file_means_the_defaults() {
        for text in ["", "# nothing\n", "exempt:\nlists:\n", "\u{feff}listen:\n"] {
            assert_eq!(read(text).unwrap(), Config::default(), "{text:?}");
        }
    }

    #[test]
    fn all_mistakes_are_told_at_once_with_their_places() {
        let text =
            "lisen: []\nsocket_mode: rw\nexempt:\n  networks: [192.0.2.1/24]\n  authenticated: perhaps\ndeadline: 5\n";
        let error = read(text).unwrap_err();
        for expected in [
            "policy.yaml: 5 mistakes",
            "policy.yaml:1:1: lisen: unknown option\n    hint: did you mean `listen`?",
            "policy.yaml:2:14: socket_mode: `rw` is no file mode",
            "policy.yaml:4:14: exempt.networks[0]: `192.0.2.1/24` names a host inside a network: was 192.0.2.0/24 meant",
            "policy.yaml:5:18: exempt.authenticated:",
            "policy.yaml:6:11: deadline: `5` is not a duration",
        ] {
            assert!(error.contains(expected), "{expected}\nis not in\n{error}");
        }
    }

    #[test]
    fn wrong_types_are_mistakes() {
        for text in
            ["- a\n- b\n", "listen: {a: b}\n", "chain: access\n", "chain: [{a: 1, b: 2}]\n", "exempt: 5\n", "1: 2\n"]
        {
            assert!(read(text).unwrap_err().contains("mistake"), "{text}");
        }
    }

    #[test]
    fn what_could_not_work_is_one_mistake() {
        for (text, expected) in [
            ("listen: []\n", "1:9: listen: nobody could connect"),
            ("listen: inet:10040\n", "1:9: listen: `inet:10040` is no endpoint"),
            ("listen: [inet:localhost:25, inet:127.0.0.1:25]\n", "1:9: listen: names inet:127.0.0.1:25 twice"),
            ("listen: ['inet:127.0.0.1:0']\n", "1:10: listen[0]: `inet:127.0.0.1:0` is no endpoint"),
            ("database: \"\"\n", "1:11: database: must name a file"),
            ("socket_mode: 0o660\n", "1:14: socket_mode: must be written in quotes"),
            ("socket_mode: 660\n", "1:14: socket_mode: must be written in quotes"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(&format!("policy.yaml: 1 mistake\n  policy.yaml:{expected}")), "{error}");
        }
    }

    #[test]
    fn octets_that_are_no_text_are_a_mistake_with_its_place() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("policy.yaml");
        std::fs::write(&file, b"# one\ndatabase: \xe4.db\n").unwrap();
        let error = Draft::read(&file).unwrap_err().to_string();
        assert!(error.contains("policy.yaml:2:11: here is something that is no UTF-8"), "{error}");
    }

    #[test]
    fn what_is_no_yaml_is_one_mistake_with_its_place() {
        for text in ["listen: [", "a: b: c", "\tx: 1", "a: 1\na: 2\n"] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with("policy.yaml: 1 mistake\n  policy.yaml:"), "{error}");
        }
    }

    #[test]
    fn the_database_is_in_the_state_directory() {
        let here = std::env::current_dir().unwrap();
        let config = Config::default();
        assert_eq!(config.database_path(None, None), here.join("postward.db"));
        assert_eq!(config.database_path(None, Some(Path::new("/var/lib/p"))), Path::new("/var/lib/p/postward.db"));
        assert_eq!(config.database_path(Some(Path::new("x.db")), Some(Path::new("/var/lib/p"))), here.join("x.db"));
        let absolute = Config { database: "/srv/p.db".into(), ..Config::default() };
        assert_eq!(absolute.database_path(None, Some(Path::new("/var/lib/p"))), Path::new("/srv/p.db"));
        let memory = Config { database: ":memory:".into(), ..Config::default() };
        assert_eq!(memory.database_path(None, None), here.join(":memory:"));
    }
}
