//! What a person writes: the policy file, and everything that is wrong with it at once.
//!
//! YAML is read into a tree first; then every option is taken out of it by whoever understands it, and what nobody took is
//! unknown. This module knows the settings outside the chain. A step of the chain is a name and a value here; the check of that
//! name reads the value ([`chain`](crate::chain)).

mod batv;
mod document;
mod http;
mod journal;
mod lists;
mod mistakes;
mod path;
mod section;
mod values;

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use serde::Serialize;
use serde_yaml::Value;

pub use self::batv::{BatvSettings, KeySettings, MailDomain};
pub use self::document::Location;
pub use self::http::HttpEndpoint;
pub use self::journal::JournalSettings;
pub use self::lists::ListSettings;
pub use self::mistakes::{ConfigError, Mistake, Mistakes};
pub use self::path::KeyPath;
pub use self::section::Section;
pub use self::values::{Endpoint, LocalPart, NameServer, Network, Period, SocketMode, Truth};

use self::lists::Surroundings;

/// The most octets a policy file may have.
const MAX_FILE: u64 = 1024 * 1024;

/// A lookup that may take less would fail whenever the server has to ask another one.
const LEAST_DNS_TIMEOUT: Duration = Duration::from_millis(100);

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
    /// Who says so in Authentication-Results headers; empty: there are none.
    pub authserv_id: String,
    /// Who is never checked.
    pub exempt: Exempt,
    /// Whom to ask about names.
    pub dns: DnsSettings,
    /// Where access lists come from.
    pub lists: ListSettings,
    /// Whose envelope senders are signed.
    pub batv: BatvSettings,
    /// How much of what was decided is kept.
    pub journal: JournalSettings,
    /// Where metrics and the status page are served.
    pub http: HttpEndpoint,
    /// Whether that may be reached from other hosts.
    pub http_allow_remote: bool,
}

/// Who is never checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exempt {
    /// Clients in these networks.
    pub networks: Vec<Network>,
    /// Clients that have logged in or shown a trusted certificate.
    pub authenticated: bool,
    /// Role accounts: local parts of recipients, in every domain. Access lists are still asked about them.
    pub recipients: Vec<LocalPart>,
}

/// Whom to ask about names and addresses, and how long to wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DnsSettings {
    /// DNS servers, in this order; if there are none, those that the system uses.
    pub servers: Vec<NameServer>,
    /// The time for one lookup, retries included.
    pub timeout: Period,
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
    is_empty: bool,
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
            Ok(value) => {
                let is_empty = text.trim().is_empty();
                Ok(Self { file: file.to_owned(), is_empty, value, mistakes: Mistakes::new(text) })
            }
            Err(error) => Err(no_document(file, error.location, error.message)),
        }
    }

    /// Whether there is nothing in the file, not even a comment.
    pub fn is_empty(&self) -> bool {
        self.is_empty
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
    ConfigError::Mistakes { file: file.to_owned(), mistakes: vec![mistake], untold: 0 }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![Endpoint::Inet(([127, 0, 0, 1], 10040).into())],
            socket_mode: SocketMode(0o666),
            database: "postward.db".into(),
            deadline: Period::seconds(8),
            authserv_id: String::new(),
            exempt: Exempt::default(),
            dns: DnsSettings { servers: Vec::new(), timeout: Period::seconds(2) },
            lists: ListSettings { refresh: Period::seconds(15 * 60), sources: Vec::new() },
            batv: BatvSettings::default(),
            journal: JournalSettings::default(),
            http: HttpEndpoint::default(),
            http_allow_remote: false,
        }
    }
}

impl Default for Exempt {
    fn default() -> Self {
        let ipv4_loopback = crate::net::network_of(Ipv4Addr::LOCALHOST.into(), 8, 0);
        let ipv6_loopback = IpNet::from(IpAddr::from(Ipv6Addr::LOCALHOST));
        Self {
            networks: [ipv4_loopback, ipv6_loopback].map(Network).to_vec(),
            authenticated: true,
            recipients: ["postmaster", "abuse"].map(LocalPart::of_role).to_vec(),
        }
    }
}

impl Config {
    fn read(section: &mut Section<'_>, surroundings: Surroundings<'_>) -> Self {
        let default = Self::default();
        let deadline = section.parsed("deadline", default.deadline);
        let listen = section.list("listen", default.listen);
        let config = Self {
            batv: BatvSettings::read(section.section("batv"), &surroundings, &listen),
            listen,
            socket_mode: section.quoted("socket_mode", default.socket_mode),
            database: section.parsed("database", default.database),
            deadline,
            authserv_id: section.parsed("authserv_id", default.authserv_id),
            exempt: Exempt::read(section.section("exempt")),
            dns: DnsSettings::read(section.section("dns"), deadline),
            lists: ListSettings::read(section.section("lists"), &surroundings),
            journal: JournalSettings::read(section.section("journal")),
            http: section.parsed("http", default.http),
            http_allow_remote: section.parsed("http_allow_remote", Truth(default.http_allow_remote)).0,
        };
        config.http.check(&config, section);
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
        if crate::protocol::property_value(&config.authserv_id) != config.authserv_id && !config.authserv_id.is_empty()
        {
            section.mistake("authserv_id", "must be one word, such as the name of this host (RFC 8601 section 2.5)");
        }
        if config.deadline < Period::seconds(1) || config.deadline > Period::seconds(60) {
            section.mistake("deadline", "must be between 1s and 60s: Postfix waits for every answer");
        }
        if config.dns.timeout > config.deadline {
            let (timeout, deadline) = (config.dns.timeout, config.deadline);
            let message =
                format!("a lookup may take {timeout}, but all checks together no longer than {deadline} (`deadline`)");
            section.mistake_in("dns", "timeout", message);
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
            recipients: section.list("recipients", default.recipients),
        };
        section.finish();
        exempt
    }
}

impl DnsSettings {
    /// What nobody wrote contradicts nothing: where the `deadline` is short, lookups have no more time either.
    fn read(mut section: Section<'_>, deadline: Period) -> Self {
        let default = Config::default().dns;
        let settings = Self {
            servers: section.list("servers", default.servers),
            timeout: section.parsed("timeout", default.timeout.min(deadline)),
        };
        for (index, server) in settings.servers.iter().enumerate() {
            if settings.servers.iter().take(index).any(|other| other == server) {
                section.mistake("servers", format_args!("{server} is named twice"));
            }
        }
        if settings.timeout < Period(LEAST_DNS_TIMEOUT) {
            section.mistake("timeout", format_args!("must be at least {}", Period(LEAST_DNS_TIMEOUT)));
        }
        section.finish();
        settings
    }

    /// Where the servers are.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.servers.iter().map(|server| server.0).collect()
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
    fn a_file_full_of_mistakes_is_told_soon_that_it_is() {
        let text: String = (0..2_000).map(|number| format!("k{number}: 1\n")).collect();
        let error = read(&text).unwrap_err();
        assert!(
            error.starts_with("policy.yaml: 2000 mistakes\n  policy.yaml:1:1: k0: unknown option\n"),
            "{error:.200}"
        );
        assert!(error.ends_with("policy.yaml:100:1: k99: unknown option\n  policy.yaml: and 1900 more"));
    }

    #[test]
    fn what_is_told_of_a_mistake_does_nothing_to_a_terminal() {
        let error = read("\"\\e[2J\": 1\nlisten: \"\\e[2J\"\ndatabase: [\"\\u202e\"]\n").unwrap_err();
        assert!(error.contains("1:1: \\u{1b}[2J: unknown option"), "{error}");
        assert!(!error.chars().any(|c| c != '\n' && crate::text::is_unprintable(c)), "{error:?}");
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
            ("exempt: {recipients: [a@x.example]}\n", "1:23: exempt.recipients[0]: `a@x.example` is no local part"),
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
    fn dns_servers_have_a_port_or_the_usual_one() {
        let config =
            read("dns:\n  servers: [192.0.2.53, \"127.0.0.1:5353\", \"2001:db8::53\"]\n  timeout: 1500ms\n").unwrap();
        let addresses: Vec<_> = config.dns.addresses().iter().map(ToString::to_string).collect();
        assert_eq!(addresses, ["192.0.2.53:53", "127.0.0.1:5353", "[2001:db8::53]:53"]);
        assert_eq!(config.dns.timeout, Period(Duration::from_millis(1500)));
        assert_eq!(read("deadline: 1s").unwrap().dns.timeout, Period::seconds(1));
        assert_eq!(read("dns: {servers: 127.0.0.1}").unwrap().dns.servers.len(), 1);
    }

    #[test]
    fn dns_settings_that_cannot_work_are_mistakes() {
        for (text, expected) in [
            ("dns: {servers: [localhost]}", "1:17: dns.servers[0]: `localhost` is no DNS server"),
            ("dns: {servers: [192.0.2.1, \"192.0.2.1:53\"]}", "1:16: dns.servers: 192.0.2.1:53 is named twice"),
            ("dns: {timeout: 50ms}", "1:16: dns.timeout: must be at least 100ms"),
            (
                "dns: {timeout: 9s}",
                "1:16: dns.timeout: a lookup may take 9s, but all checks together no longer than 8s",
            ),
            ("dns: {server: []}", "did you mean `servers`?"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains("1 mistake") && error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_journal_that_would_keep_nothing_is_a_mistake() {
        for (text, expected) in [
            ("journal: {keep: 5m}", "1:17: journal.keep: must be at least 1h"),
            ("journal: {rows: 0}", "1:17: journal.rows: must be at least 1000"),
            ("journal: {rows: many}", "1:17: journal.rows: `many` is no whole number"),
            ("journal: {row: 5000}", "did you mean `rows`?"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains("1 mistake") && error.contains(expected), "{error}");
        }
        let journal = read("journal: {keep: 30d, rows: 5000}").unwrap().journal;
        assert_eq!(journal, JournalSettings { keep: Period::days(30), rows: 5000 });
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
