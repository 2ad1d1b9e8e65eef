//! What a real Postfix 3.7 wrote to its policy server (`tests/streams`): every request is answered once, however its octets
//! arrive.

use std::fs;
use std::path::Path;

use postward::protocol::{Decoder, Request};

use crate::peer::Peer;
use crate::support::{Endpoint, Postward, Transport};

/// At how many places a stream is cut in two on its way to a real daemon.
const CUTS: usize = 40;

struct Stream {
    name: String,
    octets: Vec<u8>,
    /// After how many octets each request is complete: it ends with an empty line.
    ends: Vec<usize>,
}

impl Stream {
    fn read(path: &Path) -> Self {
        let octets = fs::read(path).unwrap();
        let ends = memchr::memmem::find_iter(&octets, b"\n\n").map(|at| at + 2).collect();
        Self { name: path.file_stem().unwrap().to_string_lossy().into_owned(), octets, ends }
    }

    fn requests(&self) -> usize {
        self.ends.len()
    }

    /// How many requests are complete after so many octets.
    fn requests_in(&self, octets: usize) -> usize {
        self.ends.partition_point(|end| *end <= octets)
    }
}

fn streams() -> Vec<Stream> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/streams");
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let streams = paths.filter(|path| path.extension().is_some_and(|extension| extension == "txt"));
    let mut streams: Vec<_> = streams.map(|path| Stream::read(&path)).collect();
    streams.sort_by(|one, other| one.name.cmp(&other.name));
    assert_eq!(streams.len(), 36);
    streams
}

/// Sends the pieces one after the other, each after the replies to what was complete before it; the number of replies.
fn converse<'a>(endpoint: &Endpoint, stream: &Stream, pieces: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let mut peer = Peer::connect(endpoint);
    let (mut sent, mut replies) = (0, Vec::new());
    for piece in pieces {
        peer.send(piece);
        sent += piece.len();
        while replies.len() < stream.requests_in(sent) {
            replies.push(peer.reply());
        }
        peer.expect_silence();
    }
    replies
}

fn with_daemons(test: impl Fn(&Endpoint)) {
    for transport in [Transport::Inet, Transport::Unix] {
        test(Postward::start(transport).endpoint());
    }
}

#[test]
fn every_request_of_a_stream_that_is_sent_whole_is_answered_in_order() {
    with_daemons(|endpoint| {
        for stream in streams() {
            let replies = converse(endpoint, &stream, std::iter::once(&stream.octets[..]));
            assert_eq!(replies.len(), stream.requests(), "{}", stream.name);
        }
    });
}

#[test]
fn every_request_of_a_stream_that_is_cut_in_two_is_answered() {
    with_daemons(|endpoint| {
        for stream in streams() {
            let end = stream.octets.len();
            for cut in (1..end).step_by((end / CUTS).max(1)) {
                let (first, second) = stream.octets.split_at(cut);
                let replies = converse(endpoint, &stream, [first, second].into_iter());
                assert_eq!(replies.len(), stream.requests(), "{} cut at {cut}", stream.name);
            }
        }
    });
}

#[test]
fn every_request_of_a_stream_that_comes_octet_by_octet_is_answered() {
    with_daemons(|endpoint| {
        for stream in streams() {
            let replies = converse(endpoint, &stream, stream.octets.chunks(1));
            assert_eq!(replies.len(), stream.requests(), "{}", stream.name);
        }
    });
}

#[test]
fn a_request_cut_anywhere_is_the_same_request_and_so_is_the_one_behind_it() {
    for stream in streams() {
        assert_eq!(decode(&[&stream.octets]).len(), stream.requests(), "{}", stream.name);
        let mut start = 0;
        for (number, end) in stream.ends.iter().enumerate() {
            let two = &stream.octets[start..*stream.ends.get(number + 1).unwrap_or(end)];
            let whole = decode(&[two]);
            for cut in 0..=end - start {
                let (first, second) = two.split_at(cut);
                assert!(decode(&[first, second]) == whole, "{}: request {number} cut at {cut}", stream.name);
            }
            start = *end;
        }
    }
}

fn decode(pieces: &[&[u8]]) -> Vec<Request> {
    let mut decoder = Decoder::default();
    let mut requests = Vec::new();
    for piece in pieces {
        decoder.input().extend_from_slice(piece);
        while let Some(request) = decoder.next_request().unwrap() {
            requests.push(request);
        }
    }
    assert!(!decoder.in_progress());
    requests
}
