//! What other greylisting programs remembered, so that nobody who is known has to wait again.

use super::{ClientRecord, TripletRecord};

/// Something that another program remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Memory {
    /// A triplet that waits or has passed.
    Triplet {
        /// As it would be stored if it had been seen here.
        record: TripletRecord,
        /// The client's network, for which waiting triplets are bounded.
        network: String,
    },
    /// A client that has passed.
    Client(ClientRecord),
}

/// What became of such memories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TakenOver {
    /// Triplets that were not known, or are known better now.
    pub triplets: u64,
    /// Clients that were not known, or are known better now.
    pub clients: u64,
    /// Memories that held nothing new.
    pub known: u64,
    /// Waiting triplets for which there was no room: too many of their network, or in all, wait already.
    pub no_room: u64,
}

impl TakenOver {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            triplets: self.triplets + other.triplets,
            clients: self.clients + other.clients,
            known: self.known + other.known,
            no_room: self.no_room + other.no_room,
        }
    }
}
