//! Where Postfix is told to ask a policy service, and how (SMTPD_POLICY_README).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use super::words::{in_braces, words};
use super::{LISTS, Place, Postfix, Restriction, View, before_data};
use crate::config::Endpoint;

/// One `check_policy_service` of one service.
#[derive(Debug, Clone)]
pub struct PolicyUse<'a> {
    /// The service that asks.
    pub view: View<'a>,
    /// The list it stands in.
    pub list: &'static str,
    /// The endpoint, as written.
    pub endpoint: String,
    /// Where that is.
    pub target: Target,
    /// All that follows `check_policy_service`.
    pub(crate) argument: String,
    /// The options in the braces, as written.
    options: Vec<String>,
    /// What stands before it in its list.
    pub(crate) before: Vec<Restriction>,
    /// Whether `warn_if_reject` stands before it.
    pub(crate) only_warns: bool,
}

/// Where a service of Postfix connects to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// Host and port, which may be names.
    Inet(String, String),
    /// The full path of a socket, outside of any chroot.
    Unix(PathBuf),
    /// Nothing that Postfix would understand.
    Nowhere(String),
}

impl Postfix {
    /// Every question to a policy service, in the services for strangers and for submission.
    pub fn policy_uses(&self) -> Vec<PolicyUse<'_>> {
        let servers = self.services().filter(View::is_smtp_server);
        servers.flat_map(|view| LISTS.into_iter().flat_map(move |list| uses(view, list))).collect()
    }
}

fn uses<'a>(view: View<'a>, list: &'static str) -> Vec<PolicyUse<'a>> {
    let restrictions = view.restrictions(list);
    let policy = |(at, restriction): (usize, &Restriction)| {
        let argument = restriction.argument.as_deref().filter(|_| restriction.name == "check_policy_service")?;
        let mut parts = in_braces(argument).map_or_else(|| vec![argument], words).into_iter();
        let endpoint = parts.next()?.to_owned();
        Some(PolicyUse {
            view,
            list,
            target: Target::of(&endpoint, view),
            endpoint,
            argument: argument.to_owned(),
            options: parts.map(|option| in_braces(option).unwrap_or(option).to_owned()).collect(),
            before: restrictions.iter().take(at).cloned().collect(),
            only_warns: restriction.only_warns,
        })
    };
    restrictions.iter().enumerate().filter_map(policy).collect()
}

impl PolicyUse<'_> {
    /// An option in force: the one in the braces, or else the parameter `smtpd_policy_service_…`.
    pub fn option(&self, name: &str) -> &str {
        self.own_option(name).unwrap_or_else(|| self.view.get(&format!("smtpd_policy_service_{name}")))
    }

    /// An option in the braces.
    pub fn own_option(&self, name: &str) -> Option<&str> {
        self.options().find(|(option, _)| *option == name).map(|(_, value)| value)
    }

    /// The options in the braces; the value of one without `=` is empty.
    pub fn options(&self) -> impl Iterator<Item = (&str, &str)> {
        self.options.iter().map(|option| {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            (name.trim(), value.trim())
        })
    }

    /// Where the list is made in which it stands.
    pub fn place(&self) -> Place {
        self.view.place(self.list)
    }

    /// Whether this list is looked at for each recipient.
    pub fn is_for_recipients(&self) -> bool {
        before_data().any(|list| list == self.list)
    }
}

impl Target {
    /// Where an endpoint as main.cf writes it is, for a service of Postfix.
    pub fn of(endpoint: &str, view: View<'_>) -> Self {
        let socket = endpoint.strip_prefix("unix:").or_else(|| endpoint.strip_prefix("local:"));
        if let Some(path) = socket.filter(|path| !path.is_empty()) {
            return Self::Unix(view.postfix.path_of_socket(path, view.is_chrooted()));
        }
        match endpoint.strip_prefix("inet:") {
            Some(address) => match address.rsplit_once(':') {
                Some((host, port)) => Self::Inet(host.trim_matches(['[', ']']).to_owned(), port.to_owned()),
                None => Self::Inet("localhost".to_owned(), address.to_owned()),
            },
            None => Self::Nowhere(endpoint.to_owned()),
        }
    }

    /// Whether a daemon that listens here is reached.
    pub fn is(&self, endpoint: &Endpoint) -> bool {
        match (self, endpoint) {
            (Self::Unix(path), Endpoint::Unix(listen)) => path == listen,
            (Self::Inet(host, port), Endpoint::Inet(listen)) => {
                *port == listen.port().to_string() && may_be(host, listen.ip())
            }
            _ => false,
        }
    }
}

/// A daemon that listens on all addresses is reached by each; a name but `localhost` may be any of them.
fn may_be(host: &str, listen: IpAddr) -> bool {
    let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
    match host.parse::<IpAddr>() {
        _ if listen.is_unspecified() => true,
        Ok(address) => address == listen,
        Err(_) if host == "localhost" => loopback.contains(&listen),
        Err(_) => !listen.is_loopback(),
    }
}

/// As written in main.cf, but with the full path of a socket.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(host, port) if host.contains(':') => write!(f, "inet:[{host}]:{port}"),
            Self::Inet(host, port) => write!(f, "inet:{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Nowhere(text) => f.write_str(text),
        }
    }
}
