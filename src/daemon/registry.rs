//! Who is connected, and who has to go when descriptors run out.
//!
//! Postfix keeps a connection for every smtpd process, most of them idle, and expects to find them open. When there are more than
//! descriptors allow, the one that has waited longest is closed: Postfix notices before its next request and
//! connects again. Who has never asked anything may hold a quarter of the places only, so that a burst of connections, however
//! large, closes none that Postfix works with. Some descriptors are never given to connections, so that the database and
//! the log stay usable.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::Notify;

use crate::dns::MOST_DESCRIPTORS;

/// Descriptors that are kept for the database, the log, list sources and workers; the DNS gets some more.
const RESERVED: u64 = 96;

/// The connections that are open.
#[derive(Clone)]
pub(super) struct Registry(Arc<Shared>);

struct Shared {
    most: usize,
    /// Counts up whenever a connection begins to wait, which orders them without asking a clock.
    turns: AtomicU64,
    connections: Mutex<Connections>,
    all_closed: Notify,
}

#[derive(Default)]
struct Connections {
    next_id: u64,
    open: HashMap<u64, Arc<Peer>>,
}

/// What is known of one connection.
struct Peer {
    /// The turn at which it began to wait for its peer; `BUSY` while it is answered.
    waiting_since: AtomicU64,
    /// Whether there was a request.
    asked: AtomicBool,
    evicted: Notify,
}

const BUSY: u64 = u64::MAX;

/// Which part of the connections may be held by peers that have never asked anything: one in so many. New smtpd processes
/// need some places until their first request is there.
const NEWCOMERS_SHARE: usize = 4;

impl Registry {
    /// For as many connections as the process may have descriptors, raised as far as the system lets it.
    pub(super) fn sized_to_descriptors() -> Self {
        let limit = getrlimit(Resource::Nofile);
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        let descriptors = match setrlimit(Resource::Nofile, raised) {
            Ok(()) => limit.maximum,
            Err(_) => limit.current,
        };
        let descriptors = descriptors.unwrap_or(u64::MAX).min(1 << 20);
        let reserved = RESERVED + (MOST_DESCRIPTORS as u64).min(descriptors / 2);
        Self::new(usize::try_from(descriptors.saturating_sub(reserved).max(8)).unwrap_or(usize::MAX))
    }

    /// For so many connections at most.
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(Shared {
            most,
            turns: AtomicU64::new(0),
            connections: Mutex::default(),
            all_closed: Notify::new(),
        }))
    }

    /// A new connection; closes the one that has been waiting longest if there are too many.
    pub(super) fn open(&self) -> Slot {
        let peer = Arc::new(Peer {
            waiting_since: AtomicU64::new(self.next_turn()),
            asked: AtomicBool::new(false),
            evicted: Notify::new(),
        });
        let mut connections = self.connections();
        let id = connections.next_id;
        connections.next_id += 1;
        connections.open.insert(id, peer.clone());
        if connections.open.len() > self.0.most {
            evict_longest_waiting(&mut connections, id);
        }
        Slot { registry: self.clone(), id, peer }
    }

    /// How many are open.
    pub(super) fn open_connections(&self) -> usize {
        self.connections().open.len()
    }

    /// Makes room because the system has no more descriptors.
    pub(super) fn evict(&self) {
        evict_longest_waiting(&mut self.connections(), u64::MAX);
    }

    /// Waits until all connections are closed, at most so long.
    pub(super) async fn closed(&self, at_most: Duration) {
        let all_closed = async {
            loop {
                let notified = self.0.all_closed.notified();
                if self.connections().open.is_empty() {
                    break;
                }
                notified.await;
            }
        };
        let _ = tokio::time::timeout(at_most, all_closed).await;
    }

    fn next_turn(&self) -> u64 {
        self.0.turns.fetch_add(1, Ordering::Relaxed)
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.0.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leaves out the newest, which would otherwise go at once where all others are busy.
fn evict_longest_waiting(connections: &mut Connections, newest: u64) {
    let waiting = |asked: bool| {
        let peers = connections.open.iter().filter(move |(id, peer)| {
            **id != newest && peer.asked.load(Ordering::Relaxed) == asked && peer.since() != BUSY
        });
        peers.map(|(id, peer)| (peer.since(), *id))
    };
    let (proven, newcomers) = (waiting(true).min(), waiting(false).min());
    let longest = if waiting(false).count() >= connections.open.len() / NEWCOMERS_SHARE {
        newcomers.or(proven)
    } else {
        proven.or(newcomers)
    };
    if let Some(peer) = longest.and_then(|(_, id)| connections.open.remove(&id)) {
        peer.evicted.notify_one();
    }
}

impl Peer {
    fn since(&self) -> u64 {
        self.waiting_since.load(Ordering::Relaxed)
    }
}

/// The place of one connection; given back when dropped.
pub(super) struct Slot {
    registry: Registry,
    id: u64,
    peer: Arc<Peer>,
}

impl Slot {
    /// A request is being answered: the connection is not closed for others now.
    pub(super) fn busy(&self) {
        self.peer.asked.store(true, Ordering::Relaxed);
        self.peer.waiting_since.store(BUSY, Ordering::Relaxed);
    }

    /// The next move is the peer's.
    pub(super) fn waiting(&self) {
        self.peer.waiting_since.store(self.registry.next_turn(), Ordering::Relaxed);
    }

    /// Resolves when the connection has to go to make room.
    pub(super) async fn evicted(&self) {
        self.peer.evicted.notified().await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut connections = self.registry.connections();
        connections.open.remove(&self.id);
        if connections.open.is_empty() {
            self.registry.0.all_closed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn is_evicted(slot: &Slot) -> bool {
        tokio::time::timeout(Duration::ZERO, slot.evicted()).await.is_ok()
    }

    #[tokio::test]
    async fn the_connection_that_waits_longest_makes_room() {
        let registry = Registry::new(2);
        let (oldest, newer) = (registry.open(), registry.open());
        oldest.waiting();
        let newest = registry.open();
        assert!(is_evicted(&newer).await, "it has waited since it was opened");
        assert!(!is_evicted(&oldest).await, "it was active after the other");
        assert!(!is_evicted(&newest).await);
    }

    #[tokio::test]
    async fn a_burst_of_connections_that_ask_nothing_closes_none_that_has_asked() {
        let registry = Registry::new(8);
        let live = registry.open();
        live.busy();
        live.waiting();
        let burst: Vec<_> = (0..100).map(|_| registry.open()).collect();
        assert!(!is_evicted(&live).await);
        assert!(is_evicted(&burst[0]).await && !is_evicted(&burst[99]).await);
    }

    #[tokio::test]
    async fn newcomers_find_places_where_all_others_have_asked() {
        let registry = Registry::new(8);
        let idle: Vec<_> = (0..8).map(|_| registry.open()).collect();
        for slot in &idle {
            slot.busy();
            slot.waiting();
        }
        let newcomers = [registry.open(), registry.open()];
        for newcomer in &newcomers {
            assert!(!is_evicted(newcomer).await);
        }
        assert!(is_evicted(&idle[0]).await && is_evicted(&idle[1]).await && !is_evicted(&idle[2]).await);
    }

    #[tokio::test]
    async fn a_busy_connection_is_never_closed_for_another() {
        let registry = Registry::new(1);
        let busy = registry.open();
        busy.busy();
        let _newest = registry.open();
        assert!(!is_evicted(&busy).await);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_waits_for_the_last_connection() {
        let registry = Registry::new(8);
        registry.closed(Duration::MAX).await;
        let slot = registry.open();
        let closing = tokio::spawn({
            let registry = registry.clone();
            async move { registry.closed(Duration::MAX).await }
        });
        tokio::task::yield_now().await;
        drop(slot);
        closing.await.unwrap();
    }
}
