//! What every connection asks: the chain and the lists as they are now.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::clock_watch::ClockWatch;
use super::sources::SourceBook;
use crate::batv::signing::Tagging;
use crate::chain::{Chain, Decision, Policy, World};
use crate::checks::Parts;
use crate::clock::{Clock, Timestamp};
use crate::config::{JournalSettings, ListSettings};
use crate::dns::Dns;
use crate::dns::blocklist::Blocklist;
use crate::dns::counted::{Counted, LookupCounts};
use crate::journal::Journal;
use crate::lists::{Lists, Refreshed, Snapshot, SourceError, SourceReport, SourcesRead, read_sources};
use crate::metrics::Metrics;
use crate::protocol::Request;
use crate::store::{self, Entries, Greylist, JournalRetention, Remembered, SourceChange};

/// The running parts. What a reload replaces is swapped as a whole: a request in flight keeps what it began with.
pub(super) struct Service {
    chain: ArcSwap<Chain>,
    list_settings: ArcSwap<ListSettings>,
    tagging: ArcSwap<Tagging>,
    lists: Lists,
    entries: Arc<dyn Entries>,
    dns: ArcSwap<Arc<dyn Dns>>,
    lookups: Arc<LookupCounts>,
    metrics: Arc<Metrics>,
    /// What became of each source when it was read last.
    sources: SourceBook,
    greylist: Arc<Remembered<dyn Greylist>>,
    /// The revision of the greylist up to which `greylist` may be believed.
    revision: AtomicU64,
    journal: Journal,
    clock: Arc<dyn Clock>,
    clock_watch: ClockWatch,
    reload_wanted: Notify,
    /// Whether the table has what the sources said when they were last read.
    sources_in_table: AtomicBool,
    /// The last generation of the table that was seen.
    generation: AtomicU64,
}

impl Service {
    /// Puts a policy to work with a store.
    pub(super) fn new<S>(policy: &Policy, store: Arc<S>, clock: Arc<dyn Clock>) -> Self
    where
        S: Greylist + Entries + store::Journal + 'static,
    {
        let greylist: Arc<Remembered<dyn Greylist>> = Arc::new(Remembered::new(store.clone() as Arc<dyn Greylist>));
        let lookups = Arc::new(LookupCounts::default());
        let parts = parts(policy, &greylist, &lookups);
        Self {
            chain: ArcSwap::from_pointee(policy.chain(&parts)),
            dns: ArcSwap::from_pointee(parts.dns),
            lookups,
            metrics: Arc::default(),
            sources: SourceBook::default(),
            list_settings: ArcSwap::from_pointee(policy.config.lists.clone()),
            tagging: ArcSwap::from(policy.tagging.clone()),
            lists: Lists::default(),
            journal: Journal::new(store.clone(), retention(policy.config.journal)),
            entries: store,
            greylist,
            revision: AtomicU64::new(0),
            clock_watch: ClockWatch::new(clock.now(), Instant::now()),
            clock,
            reload_wanted: Notify::new(),
            sources_in_table: AtomicBool::new(false),
            generation: AtomicU64::new(0),
        }
    }

    /// Answers a request in the world as it is now. Until the lists have been read once nobody can be refused or deferred: one
    /// of their entries might say otherwise.
    pub(super) async fn answer(&self, request: &Request) -> Decision {
        let (chain, lists) = (self.chain.load(), self.lists.load());
        let now = self.clock.now();
        let clock_is_sure = self.clock_is_sure(now);
        match &*lists {
            Some(lists) => chain.answer(request, &World { lists, now, clock_is_sure }).await,
            None => chain.answer_unchecked(request, "the access lists could not be read yet"),
        }
    }

    /// Writes down and counts what was answered, later and beside other answers.
    pub(super) fn note(&self, request: &Request, decision: &Decision) {
        let interest = self.journal.interest(decision.thread.map(|(_, thread)| thread));
        if self.journal.note(decision.account(request, self.clock.now(), interest)) {
            self.metrics.count(decision);
        }
    }

    /// What was decided.
    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Puts another policy in force, as soon as its checks know what they need to know.
    pub(super) async fn replace_policy(&self, policy: &Policy) {
        let parts = parts(policy, &self.greylist, &self.lookups);
        let chain = policy.chain(&parts);
        chain.ready().await;
        self.chain.store(Arc::new(chain.succeeding(&self.chain.load())));
        self.dns.store(Arc::new(parts.dns));
        self.list_settings.store(Arc::new(policy.config.lists.clone()));
        self.journal.keep(retention(policy.config.journal));
        self.tagging.store(policy.tagging.clone());
        self.greylist.forget_answers();
    }

    /// Signs senders and verifies recipients with the keys that are in force.
    pub(super) fn tagging(&self) -> Arc<Tagging> {
        self.tagging.load_full()
    }

    /// The access lists in force, and of which generation they are.
    pub(super) fn lists(&self) -> Option<(Arc<Snapshot>, u64)> {
        Some((self.lists.current()?, self.generation.load(Ordering::Relaxed)))
    }

    /// What became of the sources.
    pub(super) fn sources(&self) -> &SourceBook {
        &self.sources
    }

    /// The blocklists that are asked.
    pub(super) fn blocklists(&self) -> Vec<Arc<Blocklist>> {
        self.chain.load().blocklists().collect()
    }

    /// How often the DNS was asked.
    pub(super) fn lookups(&self) -> &LookupCounts {
        &self.lookups
    }

    /// What was answered, in numbers.
    pub(super) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Asks for the sources to be read again soon.
    pub(super) fn want_reload(&self) {
        self.reload_wanted.notify_one();
    }

    /// Resolves when the sources are to be read again before their time.
    pub(super) async fn reload_wanted(&self) {
        self.reload_wanted.notified().await;
    }

    /// Looks at the database for the first time, so that nothing that is learnt from now on has to be forgotten at the second.
    pub(super) async fn begin(&self) {
        self.follow_revision().await;
        self.reload_lists().await;
    }

    /// Reads the sources into the table, and the table into memory.
    pub(super) async fn reload_lists(&self) {
        let settings = self.list_settings.load_full();
        let read = read_sources(&settings.sources, self.entries.as_ref()).await;
        log_sources(&read);
        self.sources.note(&read, self.now());
        self.sources_in_table.store(reached_table(&read), Ordering::Relaxed);
        self.follow_table().await;
    }

    /// Notices what other processes have changed in the database.
    pub(super) async fn follow_changes(&self) {
        let table_is_there = self.follow_table().await;
        if table_is_there && !self.sources_in_table.load(Ordering::Relaxed) {
            self.want_reload();
        }
        self.follow_revision().await;
    }

    /// Whether `now`, just read, can be believed when it says that something is old.
    pub(super) fn clock_is_sure(&self, now: Timestamp) -> bool {
        self.clock_watch.trusts(now, Instant::now())
    }

    /// The time.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How often sources are read again.
    pub(super) fn refresh_period(&self) -> Duration {
        self.list_settings.load().refresh.0
    }

    /// Forgets what has lapsed.
    pub(super) async fn forget_lapsed(&self) {
        let now = self.now();
        self.chain.load_full().maintain(now).await;
        if let Ok(entries @ 1..) = self.entries.remove_expired(now).await {
            tracing::info!(entries, "removed expired list entries");
        }
        if let records @ 1.. = self.journal.purge(now).await {
            tracing::info!(records, "removed old decisions from the journal");
        }
    }

    /// Gives up the memory of answers of the DNS that hold no more.
    pub(super) fn forget_lapsed_answers(&self) {
        self.dns.load().forget_lapsed();
    }

    async fn follow_revision(&self) {
        if let Ok(revision) = self.greylist.revision().await
            && self.revision.swap(revision, Ordering::Relaxed) != revision
        {
            self.greylist.forget_answers();
        }
    }

    /// Brings the lists in force up to the table; answers whether it could be read.
    async fn follow_table(&self) -> bool {
        match self.lists.refresh_if_changed(self.entries.as_ref()).await {
            Ok(Refreshed::Unchanged) => {}
            Ok(Refreshed::Swapped(generation)) => {
                // They only grow: this is not the table that the sources were read into.
                if generation < self.generation.swap(generation, Ordering::Relaxed) {
                    self.sources_in_table.store(false, Ordering::Relaxed);
                }
                self.log_lists(generation);
            }
            Err(error) => {
                tracing::debug!("{error}"); // the store itself tells what is wrong with it
                return false;
            }
        }
        true
    }

    fn log_lists(&self, generation: u64) {
        let Some(lists) = self.lists.current() else { return };
        tracing::info!(entries = lists.len(), generation, "access lists in force");
        let rejected = lists.rejected();
        for (id, error) in &rejected.first {
            tracing::warn!("list entry {id} counts for nothing: {error}");
        }
        if rejected.count > rejected.first.len() as u64 {
            tracing::warn!("and {} more list entries", rejected.count - rejected.first.len() as u64);
        }
    }
}

fn parts(policy: &Policy, greylist: &Arc<Remembered<dyn Greylist>>, lookups: &Arc<LookupCounts>) -> Parts {
    let dns = Arc::new(Counted::new(policy.dns(), lookups.clone()));
    Parts { greylist: greylist.clone(), dns, tagging: policy.tagging.clone() }
}

fn retention(JournalSettings { keep, rows }: JournalSettings) -> JournalRetention {
    JournalRetention { keep: keep.0, rows }
}

fn reached_table(read: &SourcesRead) -> bool {
    let missed = |report: &SourceReport| matches!(report.outcome, Err(SourceError::Store(_)));
    read.removed.is_ok() && !read.sources.iter().any(missed)
}

fn log_sources(read: &SourcesRead) {
    for report in &read.sources {
        let source = report.name.as_str();
        match &report.outcome {
            Ok(read) if read.change == (SourceChange { kept: read.change.kept, ..SourceChange::default() }) => {}
            Ok(read) => {
                let SourceChange { added, removed, kept } = read.change;
                tracing::info!(source, added, removed, kept, "list source read");
                read.notes.iter().for_each(|note| tracing::info!(source, "{note}"));
            }
            Err(error) => tracing::warn!(source, "its last good entries stay: {error}"),
        }
    }
    if let Ok(removed @ 1..) = read.removed {
        tracing::info!(removed, "removed the entries of list sources that are configured no more");
    }
}
