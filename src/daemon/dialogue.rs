//! What is spoken on a connection.
//!
//! Connections do not know what they carry: a dialogue puts requests together from octets and says what to
//! reply, and [`connection`](super::connection) sees to time, room and the end.

use std::sync::Arc;

use super::service::Service;
use crate::protocol::Decoder;

/// One side of a conversation, ours.
pub(super) trait Dialogue: Send + 'static {
    /// Where the next octets are to be appended.
    fn input(&mut self) -> &mut Vec<u8>;

    /// Whether a request has begun that is not complete.
    fn in_progress(&self) -> bool;

    /// The reply to the next complete request; `None` when more octets are needed.
    fn next_reply(&mut self) -> impl Future<Output = Result<Option<Vec<u8>>, Nonsense>> + Send;
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
    fn input(&mut self) -> &mut Vec<u8> {
        self.decoder.input()
    }

    fn in_progress(&self) -> bool {
        self.decoder.in_progress()
    }

    async fn next_reply(&mut self) -> Result<Option<Vec<u8>>, Nonsense> {
        match self.decoder.next_request() {
            Ok(Some(request)) => Ok(Some(self.service.answer(&request).await.action.encode())),
            Ok(None) => Ok(None),
            // Nothing is said: Postfix tries again, and then does without an answer.
            Err(error) => Err(Nonsense { why: error.to_string(), last_words: Vec::new() }),
        }
    }
}
