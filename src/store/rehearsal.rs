//! A greylist that only looks.

use std::sync::Arc;

use super::{
    Answer, Attempt, ClientRecord, Forgotten, Greylist, GreylistStats, Memory, Purged, Retention, Selection, Sighting,
    Standing, TakenOver, Triplet, TripletRecord, Used,
};
use crate::clock::Timestamp;

/// Tells what `G` would, and changes nothing: for questions like "what would be answered?".
#[derive(Debug, Clone)]
pub struct Rehearsal<G: ?Sized>(Option<Arc<G>>);

impl<G: Greylist + ?Sized> Rehearsal<G> {
    /// Only looks at `greylist`.
    pub fn new(greylist: Arc<G>) -> Self {
        Self(Some(greylist))
    }

    /// Tells what a greylist would that has not seen anybody yet.
    pub fn without_memory() -> Self {
        Self(None)
    }
}

impl<G: Greylist + ?Sized> Greylist for Rehearsal<G> {
    fn record_attempt<'a>(
        &'a self,
        attempt: &'a Attempt,
        retention: &'a Retention,
        now: Timestamp,
    ) -> Answer<'a, Sighting> {
        self.preview_attempt(attempt, retention, now)
    }

    fn preview_attempt<'a>(
        &'a self,
        attempt: &'a Attempt,
        retention: &'a Retention,
        now: Timestamp,
    ) -> Answer<'a, Sighting> {
        match &self.0 {
            Some(greylist) => greylist.preview_attempt(attempt, retention, now),
            None => Box::pin(std::future::ready(Ok(first_sight(attempt, now)))),
        }
    }

    fn note_pass<'a>(&'a self, _: &'a Triplet, _: Timestamp) -> Answer<'a, ()> {
        nothing()
    }

    fn note_use(&self, _: Used, _: Timestamp) -> Answer<'_, ()> {
        nothing()
    }

    fn triplets<'a>(&'a self, selection: &'a Selection, limit: usize) -> Answer<'a, Vec<TripletRecord>> {
        self.0.as_ref().map_or_else(nothing, |greylist| greylist.triplets(selection, limit))
    }

    fn clients<'a>(&'a self, selection: &'a Selection, limit: usize) -> Answer<'a, Vec<ClientRecord>> {
        self.0.as_ref().map_or_else(nothing, |greylist| greylist.clients(selection, limit))
    }

    fn allow<'a>(&'a self, _: &'a Selection, _: Timestamp) -> Answer<'a, u64> {
        nothing()
    }

    fn admit<'a>(&'a self, _: &'a Triplet, _: &'a str, _: Timestamp) -> Answer<'a, ()> {
        nothing()
    }

    fn take_over<'a>(&'a self, _: Vec<Memory>, _: &'a Retention, _: Timestamp) -> Answer<'a, TakenOver> {
        nothing()
    }

    fn forget<'a>(&'a self, _: &'a Selection) -> Answer<'a, Forgotten> {
        nothing()
    }

    fn purge<'a>(&'a self, _: &'a Retention, _: Timestamp) -> Answer<'a, Purged> {
        nothing()
    }

    fn stats(&self, allow_client_after: u32) -> Answer<'_, GreylistStats> {
        self.0.as_ref().map_or_else(nothing, |greylist| greylist.stats(allow_client_after))
    }

    fn revision(&self) -> Answer<'_, u64> {
        self.0.as_ref().map_or_else(nothing, |greylist| greylist.revision())
    }
}

fn first_sight(attempt: &Attempt, now: Timestamp) -> Sighting {
    let client = attempt.identities.first().cloned().unwrap_or_default();
    Sighting { client, standing: Standing::New, first_seen: now, attempts: 1 }
}

/// What a change that is not made comes to, and what there is to see where nothing is.
fn nothing<'a, T: Default + Send + 'a>() -> Answer<'a, T> {
    Box::pin(std::future::ready(Ok(T::default())))
}
