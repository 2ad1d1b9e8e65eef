//! Sockets to listen on.
//!
//! A unix socket gets its permissions before anybody can connect: it is bound in a directory that nobody else may enter, and
//! moved to its place when it is ready. Moving replaces the socket of a dead daemon in one step; what is no
//! socket, or the socket of a living daemon, is never touched.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

use super::activation::Inherited;
use super::connection::converse;
use super::dialogue::Dialogue;
use super::quiet::Quiet;
use super::registry::Registry;
use super::stream::Stream;
use super::workers::Workers;
use super::{ServeError, ended};
use crate::config::{Endpoint, SocketMode};

/// Connections that wait to be accepted; the system may allow fewer.
const BACKLOG: i32 = 1024;

/// How long to wait after a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(50);

static REFUSED: Quiet = Quiet::new();

/// A socket that is bound.
pub(super) struct Listener {
    endpoint: Endpoint,
    socket: Socket,
}

enum Socket {
    Inet(TcpListener),
    /// With the inode of the socket's name, if that is ours to remove.
    Unix {
        listener: UnixListener,
        inode: Option<u64>,
    },
}

/// Binds all endpoints, or none.
pub(super) fn bind_all(endpoints: &[Endpoint], mode: SocketMode) -> Result<Vec<Arc<Listener>>, ServeError> {
    endpoints.iter().map(|endpoint| bind(endpoint, mode).map(Arc::new)).collect()
}

/// Takes sockets that were opened before the daemon started. Their names are not ours to remove.
pub(super) fn adopt_all(sockets: Vec<Inherited>) -> Result<Vec<Arc<Listener>>, ServeError> {
    let failed = |cause| ServeError::Activation { socket: "its sockets".to_owned(), cause };
    sockets.into_iter().map(|socket| adopt(socket).map(Arc::new).map_err(failed)).collect()
}

fn adopt(socket: Inherited) -> io::Result<Listener> {
    match socket {
        Inherited::Inet(listener) => {
            listener.set_nonblocking(true)?;
            let endpoint = Endpoint::Inet(listener.local_addr()?);
            Ok(Listener { endpoint, socket: Socket::Inet(TcpListener::from_std(listener)?) })
        }
        Inherited::Unix(listener) => {
            listener.set_nonblocking(true)?;
            let path = listener.local_addr()?.as_pathname().unwrap_or(Path::new("(unnamed)")).to_owned();
            let listener = UnixListener::from_std(listener)?;
            Ok(Listener { endpoint: Endpoint::Unix(path), socket: Socket::Unix { listener, inode: None } })
        }
    }
}

fn bind(endpoint: &Endpoint, mode: SocketMode) -> Result<Listener, ServeError> {
    let socket = match endpoint {
        Endpoint::Inet(address) => bind_inet(*address),
        Endpoint::Unix(path) => bind_unix(path, mode),
    };
    let failed = |cause: io::Error| ServeError::Listen { endpoint: endpoint.to_string(), cause: cause.to_string() };
    Ok(Listener { endpoint: endpoint.clone(), socket: socket.map_err(failed)? })
}

fn bind_inet(address: std::net::SocketAddr) -> io::Result<Socket> {
    let socket = if address.is_ipv4() { tokio::net::TcpSocket::new_v4()? } else { tokio::net::TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(Socket::Inet(socket.listen(BACKLOG as u32)?))
}

fn bind_unix(path: &Path, mode: SocketMode) -> io::Result<Socket> {
    refuse_unless_free(path)?;
    let room = PrivateRoom::beside(path)?;
    let listener = StdUnixListener::bind(room.socket())?;
    fs::set_permissions(room.socket(), fs::Permissions::from_mode(mode.0))?;
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    let inode = fs::metadata(room.socket())?.ino();
    fs::rename(room.socket(), path)?;
    Ok(Socket::Unix { listener, inode: Some(inode) })
}

/// Only nothing, or a socket that nobody listens on, may be replaced.
fn refuse_unless_free(path: &Path) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::other("there is something that is no socket; it was left as it is"));
    }
    match StdUnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            tracing::info!(path = %path.display(), "replacing the socket of a daemon that is gone");
            Ok(())
        }
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there")),
        Err(error) => Err(error),
    }
}

/// A directory for this user alone, where a socket can be made ready. It is removed at once.
struct PrivateRoom(PathBuf);

impl PrivateRoom {
    /// Made in the same directory as `path`, so that the socket can be moved there. A daemon that was killed in between may have
    /// left one; in a container process ids come again.
    fn beside(path: &Path) -> io::Result<Self> {
        let room = Self(path.with_file_name(format!(".postward-{}", std::process::id())));
        room.clear();
        DirBuilder::new().mode(0o700).create(&room.0)?;
        Ok(room)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("s")
    }

    fn clear(&self) {
        let _ = fs::remove_file(self.socket());
        let _ = fs::remove_dir(&self.0);
    }
}

impl Drop for PrivateRoom {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A connection of either kind.
pub(super) trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Connection for T {}

impl Listener {
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Accepts connections until the daemon ends; on each of them a dialogue of its own is begun.
    pub(super) async fn accept<D: Dialogue>(
        self: Arc<Self>,
        begin: impl Fn() -> D,
        workers: Workers,
        registry: Registry,
        mut ending: watch::Receiver<bool>,
    ) {
        loop {
            let for_connections = ending.clone();
            tokio::select! {
                accepted = self.accept_one(&begin, &workers, &registry, for_connections) => if let Err(error) = accepted {
                    self.recover(&error, &registry).await;
                },
                () = ended(&mut ending) => return,
            }
        }
    }

    async fn accept_one<D: Dialogue>(
        &self,
        begin: impl Fn() -> D,
        workers: &Workers,
        registry: &Registry,
        ending: watch::Receiver<bool>,
    ) -> io::Result<()> {
        match &self.socket {
            Socket::Inet(listener) => {
                let (stream, peer) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let (stream, peer) = (stream.into_std()?, peer.to_string());
                workers.spawn(|| Ok(converse(Stream::new(stream)?, peer, begin(), registry.open(), ending)))
            }
            Socket::Unix { listener, .. } => {
                let (stream, _) = listener.accept().await?;
                let (stream, peer) = (stream.into_std()?, self.endpoint.to_string());
                workers.spawn(|| Ok(converse(Stream::new(stream)?, peer, begin(), registry.open(), ending)))
            }
        }
    }

    /// The next connection, for whoever looks after it himself.
    pub(super) async fn next(&self) -> io::Result<Box<dyn Connection>> {
        Ok(match &self.socket {
            Socket::Inet(listener) => Box::new(listener.accept().await?.0),
            Socket::Unix { listener, .. } => Box::new(listener.accept().await?.0),
        })
    }

    /// The usual cause is that the system has no more descriptors.
    async fn recover(&self, error: &io::Error, registry: &Registry) {
        if let Some(more) = REFUSED.permit(Instant::now()) {
            tracing::warn!("a connection to {} could not be accepted: {error} ({more} more before)", self.endpoint);
        }
        registry.evict();
        tokio::time::sleep(PAUSE).await;
    }
}

impl Drop for Listener {
    /// Removes the socket's name, if it still is this socket's.
    fn drop(&mut self) {
        if let (Endpoint::Unix(path), Socket::Unix { inode, .. }) = (&self.endpoint, &self.socket)
            && fs::symlink_metadata(path).is_ok_and(|metadata| Some(metadata.ino()) == *inode)
        {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn try_bind(path: &Path) -> Result<Listener, ServeError> {
        bind(&Endpoint::Unix(path.to_owned()), SocketMode(0o640))
    }

    #[tokio::test]
    async fn a_socket_has_its_mode_and_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy.sock");
        let listener = try_bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        drop(listener);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn the_socket_of_a_dead_daemon_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy.sock");
        drop(StdUnixListener::bind(&path).unwrap());
        assert!(path.exists());
        assert!(try_bind(&path).is_ok());
    }

    #[tokio::test]
    async fn what_a_killed_daemon_of_the_same_process_id_left_does_not_matter() {
        let directory = tempfile::tempdir().unwrap();
        let room = directory.path().join(format!(".postward-{}", std::process::id()));
        fs::create_dir(&room).unwrap();
        drop(StdUnixListener::bind(room.join("s")).unwrap());
        assert!(try_bind(&directory.path().join("policy.sock")).is_ok());
        assert!(!room.exists());
    }

    #[tokio::test]
    async fn the_socket_of_a_living_daemon_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy.sock");
        let _living = try_bind(&path).unwrap();
        let error = try_bind(&path).err().unwrap().to_string();
        assert!(error.contains("another process listens there"), "{error}");
    }

    #[tokio::test]
    async fn what_is_no_socket_is_never_removed() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "precious").unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for path in [&file, &link, &directory.path().to_owned()] {
            assert!(try_bind(path).is_err());
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
        assert_eq!(fs::read_link(&link).unwrap(), file);
    }

    #[tokio::test]
    async fn a_socket_that_is_not_ours_any_more_is_not_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy.sock");
        let listener = try_bind(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let _other = try_bind(&path).unwrap();
        drop(listener);
        assert!(path.exists());
    }
}
