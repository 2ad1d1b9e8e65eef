//! The least that a policy server can do: answers DUNNO to every blank line, whatever is asked.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};

const REPLY: &[u8] = b"action=DUNNO\n\n";

/// Serves both sockets until the process is ended.
pub(crate) fn serve(tcp: &str, unix: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_io().build().unwrap();
    runtime.block_on(async {
        let (tcp, unix) = (TcpListener::bind(tcp).await.unwrap(), UnixListener::bind(unix).unwrap());
        loop {
            tokio::select! {
                accepted = tcp.accept() => {
                    let (stream, _) = accepted.unwrap();
                    stream.set_nodelay(true).unwrap();
                    tokio::spawn(converse(stream));
                }
                accepted = unix.accept() => drop(tokio::spawn(converse(accepted.unwrap().0))),
            }
        }
    });
}

async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut input = [0; 4096];
    let mut last = 0;
    while let Ok(length @ 1..) = stream.read(&mut input).await {
        for octet in &input[..length] {
            if (last, *octet) == (b'\n', b'\n') && stream.write_all(REPLY).await.is_err() {
                return;
            }
            last = *octet;
        }
    }
}
