//! Values as a person writes them.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// A span of time: `30s`, `5m`, `12h`, `35d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub Duration);

impl Period {
    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// So many days.
    pub const fn days(days: u64) -> Self {
        Self::seconds(days * 86_400)
    }
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Months are `M` there, which nobody means who writes it for minutes.
        let in_small_letters = Some(text).filter(|text| !text.contains(char::is_uppercase));
        in_small_letters.and_then(|text| humantime::parse_duration(text).ok()).map(Self).ok_or_else(|| {
            format!("`{text}` is not a duration: write a number and its unit, such as 30s, 5m, 12h or 35d")
        })
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_millis();
        let (unit, name) = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")]
            .into_iter()
            .find(|(unit, _)| milliseconds > 0 && milliseconds.is_multiple_of(*unit))
            .unwrap_or((1, "ms"));
        write!(f, "{}{name}", milliseconds / unit)
    }
}

/// Yes or no, as YAML and main.cf write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truth(pub bool);

impl FromStr for Truth {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Ok(Self(true)),
            "false" | "no" | "off" => Ok(Self(false)),
            _ => Err(format!("`{text}` is neither true nor false")),
        }
    }
}

/// Where to listen, written as in main.cf.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `inet:127.0.0.1:10040`, `inet:[::1]:10040`
    Inet(SocketAddr),
    /// `unix:/run/postward/policy.sock`
    Unix(PathBuf),
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // In main.cf a relative path begins in the queue directory, which is not ours to know.
        if let Some(path) = text.strip_prefix("unix:").filter(|path| path.starts_with('/')) {
            return Ok(Self::Unix(path.into()));
        }
        if let Some(address) = text.strip_prefix("inet:") {
            let address = address
                .strip_prefix("localhost:")
                .map(|port| format!("127.0.0.1:{port}"))
                .unwrap_or(address.to_owned());
            if let Ok(address) = address.parse::<SocketAddr>()
                && address.port() != 0
            {
                return Ok(Self::Inet(address));
            }
        }
        Err(format!(
            "`{text}` is no endpoint: write inet:ADDRESS:PORT, such as inet:127.0.0.1:10040 or inet:[::1]:10040, or unix:/PATH"
        ))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => write!(f, "inet:{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The part of an address before the `@`, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct LocalPart(String);

impl LocalPart {
    pub(super) fn of_role(role: &str) -> Self {
        Self(role.to_owned())
    }

    /// Whether this is the local part, in lower case, that is meant.
    pub fn is(&self, local: &str) -> bool {
        self.0 == local
    }
}

impl FromStr for LocalPart {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.is_empty() || text.contains(['@', ' ', '/', '*']) {
            true => Err(format!("`{text}` is no local part: write what stands before the @, such as postmaster")),
            false => Ok(Self(text.to_lowercase())),
        }
    }
}

/// A DNS server: `127.0.0.1`, `127.0.0.1:53`, `2001:db8::53`, `[2001:db8::53]:53`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NameServer(pub SocketAddr);

/// Where DNS servers listen (RFC 1035 section 4.2).
const DNS_PORT: u16 = 53;

impl FromStr for NameServer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let with_port = || text.parse::<IpAddr>().map(|address| SocketAddr::new(address, DNS_PORT));
        text.parse()
            .or_else(|_| with_port())
            .ok()
            .filter(|address| address.port() != 0 && !address.ip().is_unspecified() && !address.ip().is_multicast())
            .map(Self)
            .ok_or_else(|| {
                format!("`{text}` is no DNS server: write its address, such as 127.0.0.1, or with a port, such as 127.0.0.1:53")
            })
    }
}

impl fmt::Display for NameServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The permissions of a unix socket, in octal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketMode(pub u32);

impl FromStr for SocketMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        u32::from_str_radix(text, 8)
            .ok()
            .filter(|mode| *mode <= 0o777)
            .map(Self)
            .ok_or_else(|| format!("`{text}` is no file mode: write it in octal and in quotes, such as \"0660\""))
    }
}

impl fmt::Display for SocketMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

macro_rules! serialize_as_written {
    ($($type:ty),*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}
serialize_as_written!(Period, Endpoint, NameServer, SocketMode);

/// A network as [`net::parse_network`](crate::net::parse_network) reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Network(pub ipnet::IpNet);

impl FromStr for Network {
    type Err = crate::net::NetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        crate::net::parse_network(text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_shown_as_they_are_written() {
        for text in ["30s", "5m", "12h", "35d", "90s", "1500ms", "0ms"] {
            assert_eq!(text.parse::<Period>().unwrap().to_string(), text);
        }
        for text in ["", "five", "5", "-5m", "5 parsecs", "15M"] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }

    #[test]
    fn endpoints_are_written_as_in_main_cf() {
        for text in ["inet:127.0.0.1:10040", "inet:[::1]:10040", "unix:/run/postward/policy.sock"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        assert_eq!("inet:localhost:10040".parse(), "inet:127.0.0.1:10040".parse::<Endpoint>());
        for text in [
            "",
            "inet:",
            "unix:",
            "127.0.0.1:10040",
            "inet:10040",
            "inet:::1:10040",
            "inet:127.0.0.1:99999",
            "unix:postward/policy.sock",
            "inet:127.0.0.1:0",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }

    #[test]
    fn dns_servers_are_addresses() {
        for (text, expected) in [
            ("127.0.0.1", "127.0.0.1:53"),
            ("127.0.0.1:5353", "127.0.0.1:5353"),
            ("2001:db8::53", "[2001:db8::53]:53"),
            ("[2001:db8::53]:5353", "[2001:db8::53]:5353"),
        ] {
            assert_eq!(text.parse::<NameServer>().unwrap().to_string(), expected);
        }
        for text in
            ["", "localhost", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "0.0.0.0", "[::1]", "224.0.0.1", "::"]
        {
            assert!(text.parse::<NameServer>().is_err(), "{text}");
        }
    }

    #[test]
    fn socket_modes_are_octal() {
        assert_eq!("0660".parse(), Ok(SocketMode(0o660)));
        assert_eq!(SocketMode(0o660).to_string(), "0660");
        for text in ["", "rw", "0888", "1777", "438"] {
            assert!(text.parse::<SocketMode>().is_err(), "{text}");
        }
    }
}
