//! Where metrics and the status page are served.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::{Config, Endpoint, Section};

/// An endpoint, or none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HttpEndpoint(pub Option<Endpoint>);

impl FromStr for HttpEndpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" => Ok(Self(None)),
            endpoint => endpoint.parse().map(|endpoint| Self(Some(endpoint))),
        }
    }
}

impl fmt::Display for HttpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |endpoint| endpoint.fmt(f))
    }
}

impl Serialize for HttpEndpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl HttpEndpoint {
    /// Notes what is wrong with it. There is no password: who reaches it reads who wrote to whom.
    pub(super) fn check(&self, config: &Config, section: &mut Section<'_>) {
        let Some(endpoint) = &self.0 else { return };
        if config.listen.contains(endpoint) || config.batv.socketmap.contains(endpoint) {
            section.mistake("http", format_args!("{endpoint} is listened on for Postfix already"));
        }
        if let Endpoint::Inet(address) = endpoint
            && !address.ip().to_canonical().is_loopback()
            && !config.http_allow_remote
        {
            let message = format!("{endpoint} can be reached from other hosts, and tells everybody who wrote to whom");
            section.mistake("http", message);
            section
                .mistakes()
                .hint("listen on inet:127.0.0.1:9187, or set `http_allow_remote: true` behind a firewall");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Draft;

    fn read(text: &str) -> Result<Config, String> {
        let draft = Draft::parse(Path::new("policy.yaml"), text.to_owned());
        let mut draft = draft.map_err(|error| error.to_string())?;
        let (config, _) = draft.settings(&[]);
        draft.finish().map_err(|error| error.to_string())?;
        Ok(config)
    }

    #[test]
    fn it_is_off_unless_it_is_asked_for() {
        for text in ["", "http: \"\"", "http:"] {
            assert_eq!(read(text).unwrap().http, HttpEndpoint(None), "{text}");
        }
        assert_eq!(read("http: inet:127.0.0.1:9187").unwrap().http.to_string(), "inet:127.0.0.1:9187");
    }

    #[test]
    fn other_hosts_reach_it_only_if_that_is_said() {
        for address in ["192.0.2.1:9187", "0.0.0.0:9187", "[::]:9187", "[2001:db8::1]:9187"] {
            let error = read(&format!("http: \"inet:{address}\"")).unwrap_err();
            assert!(error.contains("policy.yaml:1:7: http: inet:") && error.contains("hint: "), "{error}");
            assert!(read(&format!("http: \"inet:{address}\"\nhttp_allow_remote: true")).is_ok(), "{address}");
        }
        for local in ["inet:127.0.0.2:1", "inet:[::1]:9187", "inet:localhost:9187", "unix:/run/postward/http.sock"] {
            assert!(read(&format!("http: \"{local}\"")).is_ok(), "{local}");
        }
    }

    #[test]
    fn postfix_and_people_have_doors_of_their_own() {
        let error = read("http: inet:127.0.0.1:10040").unwrap_err();
        assert!(error.contains("is listened on for Postfix already"), "{error}");
    }
}
