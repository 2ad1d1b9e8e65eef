//! Sockets that systemd has opened for us (`systemd.socket(5)`, `sd_listen_fds(3)`).
//!
//! They stay open while the daemon is restarted: whoever connects meanwhile waits a moment instead of being turned away.

use std::io;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;

use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;

use super::ServeError;

/// The name by which a socket unit says that a socket is for table lookups (`FileDescriptorName=`). All other sockets are
/// for policy requests, whatever they are called: systemd names them after their unit if nothing else is said.
const SOCKETMAP: &str = "socketmap";

/// The sockets, by what is spoken on them. None of them is empty-handed: without any there is no activation.
#[derive(Debug, Default)]
pub(super) struct Activated {
    /// For policy requests.
    pub(super) policy: Vec<Inherited>,
    /// For table lookups.
    pub(super) socketmap: Vec<Inherited>,
}

/// A socket that listens already.
#[derive(Debug)]
pub(super) enum Inherited {
    Inet(TcpListener),
    Unix(UnixListener),
}

impl Activated {
    /// What this process was given; `None`: it was not started by a socket unit. Answers only once.
    pub(super) fn take() -> Result<Option<Self>, ServeError> {
        let names = names().map_err(|cause| ServeError::Activation { socket: "its sockets".to_owned(), cause })?;
        if names.is_empty() {
            return Ok(None);
        }
        let (mut given, mut sockets) = (ListenFd::from_env(), Self::default());
        for (position, name) in names.into_iter().enumerate() {
            let failed =
                |cause| ServeError::Activation { socket: format!("socket {} (`{name}`)", position + 1), cause };
            let socket = Inherited::take(&mut given, position).map_err(failed)?;
            match name.as_str() {
                SOCKETMAP => sockets.socketmap.push(socket),
                _ => sockets.policy.push(socket),
            }
        }
        Ok(Some(sockets))
    }
}

/// The names of all sockets, in their order.
fn names() -> io::Result<Vec<String>> {
    Ok(sd_notify::listen_fds_with_names()?.map(|(_, name)| name).collect())
}

impl Inherited {
    fn take(given: &mut ListenFd, position: usize) -> io::Result<Self> {
        let unix = || io::Error::other("it is neither a TCP socket nor a unix stream socket");
        let socket = match given.take_tcp_listener(position) {
            Ok(Some(listener)) => Self::Inet(listener),
            _ => Self::Unix(given.take_unix_listener(position).ok().flatten().ok_or_else(unix)?),
        };
        socket.expect_to_listen()?;
        Ok(socket)
    }

    /// With `Accept=yes` systemd accepts connections itself and starts a daemon for each.
    fn expect_to_listen(&self) -> io::Result<()> {
        let descriptor = match self {
            Self::Inet(listener) => listener.as_fd(),
            Self::Unix(listener) => listener.as_fd(),
        };
        match socket_acceptconn(descriptor)? {
            true => Ok(()),
            false => Err(io::Error::other("it is a connection, not a socket that listens: the unit needs Accept=no")),
        }
    }
}
