//! Postfix's settings, as postconf(1) tells them.

mod policy_service;
mod restrictions;
mod tables;
mod words;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

pub use self::policy_service::{PolicyUse, Target};
pub(crate) use self::restrictions::{LISTS, Restriction, before_data};
pub use self::tables::Table;
pub(crate) use self::words::{is_no, is_yes, words};

/// What postconf printed.
#[derive(Debug, Clone, Default)]
pub struct Printed {
    /// `postconf`: as written in main.cf, or the default.
    pub written: String,
    /// `postconf -x`: with every `$name` replaced.
    pub expanded: String,
    /// `postconf -M`: the services of master.cf.
    pub services: String,
    /// `postconf -P`: the `-o` options of the services.
    pub overrides: String,
    /// `postconf -P -x`: the same with every `$name` replaced.
    pub overrides_expanded: String,
}

/// Postfix's settings.
#[derive(Debug, Clone, Default)]
pub struct Postfix {
    written: HashMap<String, String>,
    values: HashMap<String, String>,
    services: Vec<Service>,
    directory: Option<PathBuf>,
}

/// A line of master.cf (master(5)).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// `smtp/inet`, as `postconf -P` calls it.
    pub name: String,
    /// Whether it runs in the queue directory as its root; `None` for Postfix's default.
    chroot: Option<bool>,
    /// The program.
    pub command: String,
    /// What follows the program's name.
    pub arguments: String,
    written: HashMap<String, String>,
    values: HashMap<String, String>,
}

/// The settings as one service sees them.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// All of Postfix.
    pub postfix: &'a Postfix,
    /// The service.
    pub service: &'a Service,
}

/// Where a setting is made, as postconf names it: `soft_bounce`, or `submission/inet/soft_bounce`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// The service whose option it is; `None` for main.cf.
    pub service: Option<String>,
    /// The parameter.
    pub parameter: String,
}

impl Postfix {
    /// Reads what postconf printed. `directory` is the one that was asked for, if it was not the usual one.
    pub fn parse(printed: &Printed, directory: Option<&Path>) -> Self {
        let overrides = settings(&printed.overrides);
        let expanded = settings(&printed.overrides_expanded);
        let services = printed.services.lines().filter_map(|line| Service::parse(line, &overrides, &expanded));
        Self {
            written: settings(&printed.written),
            values: settings(&printed.expanded),
            services: services.collect(),
            directory: directory.map(Path::to_owned),
        }
    }

    /// The value of a parameter; empty if Postfix does not know it.
    pub fn get(&self, parameter: &str) -> &str {
        self.values.get(parameter).map_or("", String::as_str)
    }

    /// Its value as it is written, with `$name`s in it.
    pub fn written(&self, place: &Place) -> &str {
        let service = place.service.as_ref().and_then(|name| self.services.iter().find(|it| it.name == *name));
        let written = service.map_or(&self.written, |service| &service.written);
        written.get(&place.parameter).map_or("", String::as_str)
    }

    /// The domains of a class that are named in main.cf itself, and not in a file or table.
    pub fn domains<'a>(&'a self, class: &str) -> impl Iterator<Item = &'a str> {
        words(self.get(class)).into_iter().filter(|word| !word.contains(['/', ':', '!']))
    }

    /// The configuration directory, if it is not the usual one.
    pub fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// Every service.
    pub fn services(&self) -> impl Iterator<Item = View<'_>> {
        self.services.iter().map(|service| View { postfix: self, service })
    }

    /// The services that take mail from strangers: SMTP servers that are not only for those who have logged in, or are in
    /// the own networks.
    pub fn for_strangers(&self) -> impl Iterator<Item = View<'_>> {
        self.services().filter(|view| view.is_smtp_server() && !view.is_submission() && !view.is_closed())
    }

    /// The services through which users send mail.
    pub fn for_submission(&self) -> impl Iterator<Item = View<'_>> {
        self.services().filter(|view| view.is_smtp_server() && view.is_submission())
    }

    /// Where in the file system a path of a unix socket is that Postfix is told to connect to.
    fn path_of_socket(&self, path: &str, chroot: bool) -> PathBuf {
        let queue = Path::new(self.get("queue_directory"));
        match path.strip_prefix('/') {
            Some(inside) if chroot => queue.join(inside),
            Some(_) => path.into(),
            None => queue.join(path),
        }
    }
}

impl Service {
    fn parse(line: &str, written: &HashMap<String, String>, values: &HashMap<String, String>) -> Option<Self> {
        let mut fields = line.split_whitespace();
        let (service, kind) = (fields.next()?, fields.next()?);
        let name = format!("{service}/{kind}");
        let chroot = match fields.nth(2)? {
            "y" => Some(true),
            "n" => Some(false),
            _ => None,
        };
        let command = fields.nth(2)?.to_owned();
        let arguments = fields.collect::<Vec<_>>().join(" ");
        let (written, values) = (own(&name, written), own(&name, values));
        Some(Self { name, chroot, command, arguments, written, values })
    }
}

impl<'a> View<'a> {
    /// The value of a parameter in this service.
    pub fn get(&self, parameter: &str) -> &'a str {
        self.service.values.get(parameter).map_or_else(|| self.postfix.get(parameter), String::as_str)
    }

    /// Where this service has a parameter from.
    pub fn place(&self, parameter: &str) -> Place {
        let is_own = self.service.values.contains_key(parameter);
        Place { service: is_own.then(|| self.service.name.clone()), parameter: parameter.to_owned() }
    }

    /// A parameter of this service alone, whether it has it yet or not.
    pub fn own_place(&self, parameter: &str) -> Place {
        Place { service: Some(self.service.name.clone()), parameter: parameter.to_owned() }
    }

    /// Whether it takes mail by SMTP.
    pub fn is_smtp_server(&self) -> bool {
        self.service.command == "smtpd"
    }

    /// Whether users are to send their mail here (RFC 6409, RFC 8314), as its name or port tells.
    pub fn is_submission(&self) -> bool {
        let name = self.service.name.rsplit_once('/').map_or("", |(name, _)| name);
        let port = name.rsplit_once(':').map_or(name, |(_, port)| port);
        matches!(port, "submission" | "submissions" | "smtps" | "587" | "465")
    }

    /// Whether its root is the queue directory. Postfix's default has changed with compatibility level 1.
    pub fn is_chrooted(&self) -> bool {
        let by_default = || self.postfix.get("compatibility_level").starts_with('0');
        self.service.chroot.unwrap_or_else(by_default)
    }

    /// Whether it turns strangers away, such as one that takes mail back from a filter.
    fn is_closed(&self) -> bool {
        before_data().any(|list| restrictions::is_closed(&self.restrictions(list)))
    }
}

impl Place {
    /// A parameter of main.cf.
    pub fn main(parameter: &str) -> Self {
        Self { service: None, parameter: parameter.to_owned() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.service {
            Some(service) => write!(f, "{service}/{}", self.parameter),
            None => f.write_str(&self.parameter),
        }
    }
}

/// `name = value` lines.
fn settings(text: &str) -> HashMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}

/// The settings that begin with the name of a service, without it.
fn own(service: &str, settings: &HashMap<String, String>) -> HashMap<String, String> {
    let parameter = |key: &str| key.strip_prefix(service)?.strip_prefix('/').map(str::to_owned);
    settings.iter().filter_map(|(key, value)| Some((parameter(key)?, value.clone()))).collect()
}
