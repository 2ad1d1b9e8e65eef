//! One connection: requests in, replies out, in order.

use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{self, Instant};

use super::dialogue::{Dialogue, Nonsense};
use super::ended;
use super::quiet::Quiet;
use super::registry::Slot;
use crate::clock::within;

/// How long a request may take from its first octet to its last.
const MAX_REQUEST_TIME: Duration = Duration::from_secs(30);

/// How long a peer may take to read a reply.
const MAX_REPLY_TIME: Duration = Duration::from_secs(10);

/// How long an idle connection stays open when the daemon ends, for a request that is just arriving.
const LAST_LOOK: Duration = Duration::from_millis(50);

/// How many octets are read at once, and kept for an idle connection.
const READ_SIZE: usize = 4096;

/// Warnings about peers that talk nonsense, of all connections together.
static NONSENSE: Quiet = Quiet::new();

/// Answers requests until the peer closes the connection, talks nonsense, or the daemon ends.
pub(super) async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    peer: String,
    mut dialogue: impl Dialogue,
    slot: Slot,
    mut ending: watch::Receiver<bool>,
) {
    let mut begun = None;
    // Counted from the end, not from the last request: whoever asks all the time would put the end off.
    let mut last_look = pin!(async {
        ended(&mut ending).await;
        time::sleep(LAST_LOOK).await;
    });
    loop {
        match answer_all(&mut dialogue, &mut stream, &slot).await {
            Ok(0) => {} // it has waited since it came, or since its last reply, however often it sends an octet
            Ok(_) => {
                begun = None;
                slot.waiting();
            }
            Err(why) => return complain(&peer, &why),
        }
        if dialogue.in_progress() {
            begun.get_or_insert_with(Instant::now);
        }
        tokio::select! {
            biased; // what has arrived before the end is answered
            read = read_more(dialogue.input(), &mut stream, begun) => match read {
                Ok(true) => {}
                Ok(false) => return,
                Err(why) => return complain(&peer, &why),
            },
            () = slot.evicted() => return,
            () = &mut last_look, if begun.is_none() => return,
        }
    }
}

/// Answers every request that has arrived completely; tells how many.
async fn answer_all(
    dialogue: &mut impl Dialogue,
    stream: &mut (impl AsyncWrite + Unpin),
    slot: &Slot,
) -> Result<usize, String> {
    let mut answered = 0;
    loop {
        match dialogue.next_request() {
            Ok(Some(request)) => {
                slot.busy();
                write_reply(&dialogue.reply(request).await, stream).await?;
                answered += 1;
            }
            Ok(None) => return Ok(answered),
            Err(Nonsense { why, last_words }) => {
                // Whoever talks nonsense may not be listening either; what is wrong with the peer is the nonsense.
                let _ = write_reply(&last_words, stream).await;
                return Err(why);
            }
        }
    }
}

async fn write_reply(reply: &[u8], stream: &mut (impl AsyncWrite + Unpin)) -> Result<(), String> {
    match within(MAX_REPLY_TIME, pin!(stream.write_all(reply))).await {
        Some(Ok(())) => Ok(()),
        Some(Err(error)) => Err(format!("the reply could not be written: {error}")),
        None => Err(format!("the reply was not read within {MAX_REPLY_TIME:?}")),
    }
}

/// Reads what comes next; `false` at the end. A request must be complete in time, counted from its first octet.
async fn read_more(
    input: &mut Vec<u8>,
    stream: &mut (impl AsyncRead + Unpin),
    begun: Option<Instant>,
) -> Result<bool, String> {
    input.reserve(READ_SIZE);
    let read = match begun {
        None => stream.read_buf(input).await,
        Some(begun) => time::timeout_at(begun + MAX_REQUEST_TIME, stream.read_buf(input))
            .await
            .map_err(|_| format!("a request was not complete after {MAX_REQUEST_TIME:?}"))?,
    };
    match read {
        Ok(0) if begun.is_some() => Err("the connection ended within a request".to_owned()),
        Ok(octets) => Ok(octets > 0),
        Err(_) => Ok(false), // a peer that resets the connection has closed it
    }
}

fn complain(peer: &str, why: &str) {
    match NONSENSE.permit(Instant::now().into_std()) {
        None => {}
        Some(0) => tracing::warn!("closed the connection from {peer}: {why}"),
        Some(more) => tracing::warn!("closed the connection from {peer}: {why} (and {more} others before)"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::DuplexStream;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::chain::Policy;
    use crate::clock::SystemClock;
    use crate::config::Draft;
    use crate::daemon::dialogue::PolicyDialogue;
    use crate::daemon::registry::Registry;
    use crate::daemon::service::Service;
    use crate::store::sqlite::Sqlite;

    const REQUEST: &[u8] = b"request=smtpd_access_policy\nprotocol_state=RCPT\n\n";
    const REPLY: &[u8] = b"action=DUNNO\n\n";

    /// A conversation, on whose other end a test is. The lists are never read, so that every answer is DUNNO at once.
    struct Conversation {
        peer: DuplexStream,
        task: JoinHandle<()>,
        end: watch::Sender<bool>,
    }

    impl Conversation {
        fn new() -> Self {
            Self::holding(Registry::new(8).open())
        }

        fn holding(slot: Slot) -> Self {
            let policy = Policy::from_draft(Draft::parse("policy.yaml".as_ref(), String::new()).unwrap()).unwrap();
            let directory = tempfile::tempdir().unwrap();
            let store = Arc::new(Sqlite::serve(&directory.path().join("postward.db")).unwrap());
            let service = Arc::new(Service::new(&policy, store, Arc::new(SystemClock)));
            let (peer, stream) = tokio::io::duplex(1024);
            let (end, ending) = watch::channel(false);
            let task = tokio::spawn(converse(stream, "a test".to_owned(), PolicyDialogue::with(service), slot, ending));
            Self { peer, task, end }
        }

        async fn ask(&mut self) {
            self.peer.write_all(REQUEST).await.unwrap();
            let mut reply = [0; REPLY.len()];
            self.peer.read_exact(&mut reply).await.unwrap();
            assert_eq!(reply, REPLY);
        }

        /// For how long the connection stays open if nothing more happens.
        async fn lasts(self) -> Duration {
            let started = Instant::now();
            self.task.await.unwrap();
            started.elapsed()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn between_requests_a_connection_may_idle_for_ever() {
        let mut conversation = Conversation::new();
        for _ in 0..3 {
            conversation.ask().await;
            time::sleep(Duration::from_secs(30 * 86_400)).await;
        }
        conversation.peer.write_all(b"\n\n").await.unwrap(); // blank lines begin nothing
        time::sleep(Duration::from_secs(86_400)).await;
        conversation.ask().await;
    }

    #[tokio::test]
    async fn nobody_is_deferred_before_the_lists_were_read() {
        let mut conversation = Conversation::new();
        let stranger = b"request=smtpd_access_policy\nprotocol_state=RCPT\nclient_address=192.0.2.7\n\
                         sender=alice@example.org\nrecipient=bob@example.net\n\n";
        conversation.peer.write_all(stranger).await.unwrap();
        let mut reply = [0; REPLY.len()];
        conversation.peer.read_exact(&mut reply).await.unwrap();
        assert_eq!(reply, REPLY);
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_request_and_silence_ends_after_thirty_seconds() {
        let mut conversation = Conversation::new();
        conversation.ask().await;
        conversation.peer.write_all(b"request=smtpd").await.unwrap();
        assert_eq!(conversation.lasts().await.as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn an_octet_now_and_then_does_not_buy_time() {
        let mut conversation = Conversation::new();
        let started = Instant::now();
        while conversation.peer.write_all(b"a").await.is_ok() {
            time::sleep(Duration::from_secs(1)).await;
        }
        assert!((30..=31).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn an_octet_now_and_then_does_not_keep_a_place() {
        let registry = Registry::new(2);
        let mut dripping = Conversation::holding(registry.open());
        let silent = Conversation::holding(registry.open());
        time::sleep(Duration::from_secs(1)).await; // both wait
        dripping.peer.write_all(b"a").await.unwrap();
        time::sleep(Duration::from_secs(1)).await;
        let _newest = registry.open();
        assert_eq!(dripping.lasts().await, Duration::ZERO);
        assert!(!silent.task.is_finished());
    }

    #[tokio::test(start_paused = true)]
    async fn every_request_has_its_own_thirty_seconds() {
        let mut conversation = Conversation::new();
        let (first, second) = REQUEST.split_at(10);
        for _ in 0..5 {
            conversation.peer.write_all(first).await.unwrap();
            time::sleep(Duration::from_secs(29)).await;
            conversation.peer.write_all(second).await.unwrap();
        }
        let mut replies = vec![0; 5 * REPLY.len()];
        conversation.peer.read_exact(&mut replies).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_request_that_came_with_a_whole_one_has_to_be_finished_too() {
        let mut conversation = Conversation::new();
        conversation.peer.write_all(&[REQUEST, b"request="].concat()).await.unwrap();
        assert_eq!(conversation.lasts().await.as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_never_reads_is_given_up_after_ten_seconds() {
        let mut conversation = Conversation::new();
        let asking = async { while conversation.peer.write_all(REQUEST).await.is_ok() {} };
        let started = Instant::now();
        asking.await;
        assert_eq!(started.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_end_an_idle_connection_is_closed_almost_at_once() {
        let mut conversation = Conversation::new();
        conversation.ask().await;
        conversation.end.send(true).unwrap();
        assert!(conversation.lasts().await < 2 * LAST_LOOK);
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_end_a_connection_that_never_rests_is_closed_as_well() {
        let mut conversation = Conversation::new();
        conversation.end.send(true).unwrap();
        let started = Instant::now();
        while conversation.peer.write_all(REQUEST).await.is_ok()
            && conversation.peer.read_exact(&mut [0; REPLY.len()]).await.is_ok()
        {
            time::sleep(LAST_LOOK / 5).await;
        }
        assert!(started.elapsed() < 2 * LAST_LOOK, "{:?}", started.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_sent_before_the_end_is_answered() {
        let mut conversation = Conversation::new();
        conversation.ask().await;
        conversation.end.send(true).unwrap();
        tokio::task::yield_now().await; // the connection hears of the end first
        conversation.peer.write_all(REQUEST).await.unwrap();
        let mut replies = Vec::new();
        conversation.peer.read_to_end(&mut replies).await.unwrap();
        assert_eq!(replies, REPLY);
    }
}
