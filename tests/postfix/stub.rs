//! A policy server that always says the same and remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex};
use std::{fs, thread};

use tempfile::TempDir;

use crate::support::{Endpoint, Transport};

/// Proves the harness without postward. Its threads end with the test process.
pub(crate) struct PolicyStub {
    pub(crate) endpoint: Endpoint,
    requests: Arc<Mutex<Vec<String>>>,
    _dir: TempDir,
}

impl PolicyStub {
    /// Listens and answers every request with `action`.
    pub(crate) fn answering(action: &'static str, transport: Transport) -> Self {
        let dir = tempfile::tempdir().expect("a directory for the socket");
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("the directory is ours");
        let endpoint = Endpoint::new(transport, dir.path());
        let requests = Arc::default();
        listen(&endpoint, action, &requests);
        Self { endpoint, requests, _dir: dir }
    }

    /// All requests so far, without the empty line.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

type Requests = Arc<Mutex<Vec<String>>>;

fn listen(endpoint: &Endpoint, action: &'static str, requests: &Requests) {
    let requests = Arc::clone(requests);
    match endpoint {
        Endpoint::Inet(address) => {
            let listener = TcpListener::bind(address).expect("the port is free");
            thread::spawn(move || listener.incoming().flatten().for_each(|s| serve(s, action, &requests)));
        }
        Endpoint::Unix(path) => {
            let listener = UnixListener::bind(path).expect("the socket can be made");
            fs::set_permissions(path, fs::Permissions::from_mode(0o666)).expect("the socket is ours");
            thread::spawn(move || listener.incoming().flatten().for_each(|s| serve(s, action, &requests)));
        }
    }
}

fn serve(stream: impl Read + Write + Send + 'static, action: &'static str, requests: &Requests) {
    let requests = Arc::clone(requests);
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        while let Some(request) = read_request(&mut stream) {
            requests.lock().unwrap().push(request);
            if write!(stream.get_mut(), "action={action}\n\n").is_err() {
                return;
            }
        }
    });
}

fn read_request(stream: &mut impl BufRead) -> Option<String> {
    let mut request = String::new();
    loop {
        let length = stream.read_line(&mut request).ok()?;
        if length <= 1 {
            return (length == 1).then(|| request.trim_end().to_owned());
        }
    }
}
