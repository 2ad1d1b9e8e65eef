//! What is spoken on a connection.
//!
//! Connections do not know what they carry: a dialogue puts requests together from octets and says what to
//! reply, and [`connection`](super::connection) sees to time, room and the end.

use std::sync::Arc;

use super::service::Service;
use crate::protocol::{Decoder, Request};

/// One side of a conversation, ours.
pub(super) trait Dialogue: Send + Sync + 'static {
    /// What the peer can ask.
    type Request: Send;

    /// Where the next octets are to be appended.
    fn input(&mut self) -> &mut Vec<u8>;

    /// Whether a request has begun that is not complete.
    fn in_progress(&self) -> bool;

    /// The next complete request; `None` when more octets are needed.
    fn next_request(&mut self) -> Result<Option<Self::Request>, Nonsense>;

    /// What to send in reply.
    fn reply(&self, request: Self::Request) -> impl Future<Output = Vec<u8>> + Send;
}

/// The peer has said what nobody understands: the connection is of no more use.
#[derive(Debug)]
pub(super) struct Nonsense {
    /// For the log.
    pub(super) why: String,
    /// For the peer, before the connection is closed; may be nothing.
    pub(super) last_words: Vec<u8>,
}

/// Policy requests (SMTPD_POLICY_README).
pub(super) struct PolicyDialogue {
    decoder: Decoder,
    service: Arc<Service>,
}

impl PolicyDialogue {
    /// A dialogue that has just begun.
    pub(super) fn with(service: Arc<Service>) -> Self {
        Self { decoder: Decoder::default(), service }
    }
}

impl Dialogue for PolicyDialogue {
    type Request = Request;

    fn input(&mut self) -> &mut Vec<u8> {
        self.decoder.input()
    }

    fn in_progress(&self) -> bool {
        self.decoder.in_progress()
    }

    /// Nothing is said to nonsense: Postfix tries again, and then does without an answer.
    fn next_request(&mut self) -> Result<Option<Request>, Nonsense> {
        self.decoder.next_request().map_err(|error| Nonsense { why: error.to_string(), last_words: Vec::new() })
    }

    async fn reply(&self, request: Request) -> Vec<u8> {
        let decision = self.service.answer(&request).await;
        self.service.note(&request, &decision);
        decision.action.encode()
    }
}
