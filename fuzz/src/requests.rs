//! Octets of a connection.

use std::sync::LazyLock;

use postward::chain::Policy;
use postward::lists::Snapshot;
use postward::protocol::{Decoder, MAX_REQUEST, ProtocolError, Request};

use super::pieces::Reader;
use super::world;

/// Of so many requests a connection is asked; the others are like them.
const ASKED: usize = 4;

const READER: Reader<Decoder, Request, ProtocolError> =
    Reader { input: Decoder::input, next: Decoder::next_request, most: MAX_REQUEST };

static POLICY: LazyLock<Policy> = LazyLock::new(|| world::policy(""));

/// However octets arrive, the same is understood, and it has a well-formed answer.
pub fn look(octets: &[u8]) {
    let understood = READER.understand(octets);
    world::finish(async {
        let chain = world::chain(&POLICY, world::zones(b""));
        for request in understood.asked.iter().take(ASKED) {
            assert_bounded(request);
            world::decide(&chain, request, &world::world(&Snapshot::default())).await;
        }
    });
}

fn assert_bounded(request: &Request) {
    assert!(request.instance.chars().count() <= 128);
    assert_eq!(request.client_address, request.client_address.map(|address| address.to_canonical()));
    assert_ne!(request.client_name.as_deref(), Some("unknown"));
}
