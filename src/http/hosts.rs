//! By which names the pages may be asked for.
//!
//! A page in somebody's browser can have its name lead to 127.0.0.1 and then read what is served there (DNS rebinding). The
//! browser says by which name it came, and a stranger's name is not ours.

use std::net::{IpAddr, SocketAddr};

use hyper::Request;
use hyper::header::HOST;
use hyper::http::uri::Authority;

/// Who may be meant by a `Host` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hosts {
    /// Anybody: the administrator says that others may ask, or they come through a socket that no browser reaches.
    All,
    /// This machine by `localhost` or an address of its own, or the address that is listened on.
    Local(SocketAddr),
}

impl Hosts {
    /// Whether the request is meant for us. A monitor that speaks HTTP/1.0 names nobody; browsers always do.
    pub(super) fn allow<B>(self, request: &Request<B>) -> bool {
        let Self::Local(address) = self else { return true };
        let is_ours = |host: &str| is_local(host, address.ip());
        let in_target = request.uri().authority().is_none_or(|authority| is_ours(authority.host()));
        let mut in_headers = request.headers().get_all(HOST).iter();
        in_target
            && in_headers.all(|value| {
                let authority = value.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
                authority.is_some_and(|authority| is_ours(authority.host()))
            })
    }
}

fn is_local(host: &str, ours: IpAddr) -> bool {
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match literal.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback() || address == ours,
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_ours() {
        let hosts = Hosts::Local(([127, 0, 0, 1], 9187).into());
        for (host, allowed) in [
            ("127.0.0.1:9187", true),
            ("127.0.0.1", true),
            ("127.0.0.2:80", true),
            ("localhost:9187", true),
            ("LocalHost", true),
            ("[::1]:9187", true),
            ("[::ffff:127.0.0.1]", true),
            ("evil.example:9187", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("127.0.0.1@evil.example", false),
            ("192.0.2.1:9187", false),
            ("", false),
            ("a b", false),
        ] {
            let request = Request::builder().uri("/").header(HOST, host).body(()).unwrap();
            assert_eq!(hosts.allow(&request), allowed, "{host}");
            assert!(Hosts::All.allow(&request));
        }
        assert!(hosts.allow(&Request::builder().uri("/").body(()).unwrap()), "HTTP/1.0 without a name");
        let absolute = Request::builder().uri("http://evil.example/").header(HOST, "localhost").body(()).unwrap();
        assert!(!hosts.allow(&absolute), "the target counts, too");
        let twice = Request::builder().uri("/").header(HOST, "localhost").header(HOST, "evil.example");
        assert!(!hosts.allow(&twice.body(()).unwrap()));
        let other = Hosts::Local("192.0.2.1:9187".parse().unwrap());
        assert!(other.allow(&Request::builder().uri("/").header(HOST, "192.0.2.1").body(()).unwrap()));
    }
}
