//! The sockets on which requests come.
//!
//! tokio's own have the system report room to write, too. On a unix socket there is some whenever Postfix has read a reply, so at
//! every request a thread is woken for nothing. These do so only once a reply has found no room.

use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::io::{Errno, read};
use rustix::net::{SendFlags, Shutdown, send, shutdown};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::task::coop::poll_proceed;

/// A connected socket. It is for one task: who waits to read is forgotten when a reply finds no room.
pub(super) struct Stream {
    /// `None` after it could not be registered anew.
    socket: Option<AsyncFd<OwnedFd>>,
    is_told_of_room: bool,
}

impl Stream {
    /// Takes a socket that does not block into the runtime in which this is called.
    pub(super) fn new(socket: impl Into<OwnedFd>) -> io::Result<Self> {
        Ok(Self { socket: Some(register(socket.into(), Interest::READABLE)?), is_told_of_room: false })
    }

    fn socket(&self) -> io::Result<&AsyncFd<OwnedFd>> {
        self.socket.as_ref().ok_or_else(|| ErrorKind::NotConnected.into())
    }

    fn be_told_of_room(&mut self) -> io::Result<()> {
        let socket = self.socket.take().ok_or(ErrorKind::NotConnected)?;
        self.socket = Some(register(socket.into_inner(), Interest::READABLE | Interest::WRITABLE)?);
        self.is_told_of_room = true;
        Ok(())
    }
}

#[expect(unsafe_code, reason = "there is no safe way to say of what to be told")]
fn register(socket: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is open and the same as long as it lives, and nobody here puts another in its place.
    Ok(unsafe { AsyncFd::register_with_interest(socket, interest) }?)
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, input: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let socket = self.socket()?;
        loop {
            let mut ready = ready!(socket.poll_read_ready(cx))?;
            let room = input.initialize_unfilled();
            let size = room.len();
            match read(socket, room) {
                Ok(octets) => {
                    // There was no more. Of what comes now, or of the end, it is told anew: that spares a call that finds nothing.
                    if (1..size).contains(&octets) {
                        ready.clear_ready();
                    }
                    input.advance(octets);
                    return Poll::Ready(Ok(()));
                }
                Err(Errno::AGAIN) => ready.clear_ready(),
                Err(Errno::INTR) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let socket = self.socket()?;
            let mut room = if self.is_told_of_room {
                Some(ready!(socket.poll_write_ready(cx))?)
            } else {
                ready!(poll_proceed(cx)).made_progress(); // who asks without end must not keep the thread from all others
                None
            };
            match (send(socket, octets, SendFlags::NOSIGNAL), &mut room) {
                (Ok(octets), _) => return Poll::Ready(Ok(octets)),
                (Err(Errno::AGAIN), Some(room)) => room.clear_ready(),
                (Err(Errno::AGAIN), None) => self.be_told_of_room()?,
                (Err(Errno::INTR), _) => {}
                (Err(error), _) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(shutdown(self.socket()?, Shutdown::Write).map_err(Into::into))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::timeout;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn pair() -> (Stream, Stream) {
        let pair = UnixStream::pair().unwrap();
        let [one, other] = [pair.0, pair.1].map(|socket| {
            socket.set_nonblocking(true).unwrap();
            Stream::new(socket).unwrap()
        });
        (one, other)
    }

    /// Many times over what a socket takes.
    const MUCH: usize = 8 << 20;

    #[tokio::test]
    async fn who_reads_slowly_is_waited_for_and_gets_all() {
        let (mut here, mut there) = pair();
        let written: Vec<u8> = (0..MUCH).map(|position| (position % 251) as u8).collect();
        let expected = written.clone();
        let writing = tokio::spawn(async move {
            here.write_all(&written).await.unwrap();
            let mut reply = [0; 2];
            here.read_exact(&mut reply).await.unwrap();
            reply
        });
        let mut read = vec![0; MUCH];
        timeout(PATIENCE, there.read_exact(&mut read)).await.unwrap().unwrap();
        assert!(read == expected);
        there.write_all(b"ok").await.unwrap();
        assert_eq!(&timeout(PATIENCE, writing).await.unwrap().unwrap(), b"ok");
    }

    #[tokio::test]
    async fn what_comes_while_it_is_waited_for_is_read_and_so_is_the_end() {
        let (mut here, mut there) = pair();
        let reading = tokio::spawn(async move {
            let mut all = String::new();
            here.read_to_string(&mut all).await.unwrap();
            all
        });
        for word in ["one ", "after ", "the other"] {
            tokio::task::yield_now().await; // until it waits
            there.write_all(word.as_bytes()).await.unwrap();
        }
        drop(there);
        assert_eq!(timeout(PATIENCE, reading).await.unwrap().unwrap(), "one after the other");
    }

    #[tokio::test]
    async fn the_end_that_came_with_the_last_octets_is_noticed() {
        let (mut here, mut there) = pair();
        there.write_all(b"all").await.unwrap();
        drop(there);
        let mut input = [0; 64];
        assert_eq!(timeout(PATIENCE, here.read(&mut input)).await.unwrap().unwrap(), 3);
        assert_eq!(timeout(PATIENCE, here.read(&mut input)).await.unwrap().unwrap(), 0);
    }

    #[tokio::test]
    async fn who_asks_no_more_still_gets_the_reply() {
        let (mut here, mut there) = pair();
        there.write_all(b"last").await.unwrap();
        there.shutdown().await.unwrap();
        let mut request = String::new();
        here.read_to_string(&mut request).await.unwrap();
        here.write_all(b"reply").await.unwrap();
        drop(here);
        let mut reply = String::new();
        timeout(PATIENCE, there.read_to_string(&mut reply)).await.unwrap().unwrap();
        assert_eq!((request.as_str(), reply.as_str()), ("last", "reply"));
    }

    #[tokio::test]
    async fn who_goes_while_a_reply_waits_for_room_is_noticed() {
        let (mut here, there) = pair();
        let writing = tokio::spawn(async move { here.write_all(&vec![0; MUCH]).await });
        tokio::task::yield_now().await; // until it waits
        drop(there);
        assert!(timeout(PATIENCE, writing).await.unwrap().unwrap().is_err());
    }

    #[tokio::test]
    async fn many_replies_leave_others_their_turn() {
        let (mut here, _there) = pair();
        let writing = tokio::spawn(async move {
            for _ in 0..150 {
                here.write_all(b"r").await.unwrap();
            }
        });
        tokio::task::yield_now().await;
        assert!(!writing.is_finished());
        timeout(PATIENCE, writing).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn who_has_gone_is_no_signal_but_an_error() {
        let (mut here, there) = pair();
        drop(there);
        assert_eq!(here.write_all(b"reply").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    }

    /// What all this is for.
    #[tokio::test(start_paused = true)]
    async fn nobody_is_woken_when_a_reply_was_read() {
        let (mut here, mut there) = pair();
        let mut is_woken = async || {
            here.write_all(b"reply").await.unwrap();
            there.read_exact(&mut [0; 5]).await.unwrap();
            timeout(Duration::from_millis(50), here.socket().unwrap().writable()).await.is_ok()
        };
        assert!(!is_woken().await);
    }
}
