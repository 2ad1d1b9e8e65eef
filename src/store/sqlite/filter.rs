//! Who is certainly not stored, without a look into the database.
//!
//! Most who try for the first time are found nowhere. Where millions are stored, to see that takes pages of the indexes that are
//! not at hand. A Bloom filter over the keys of all triplets and clients knows it: who stores one enters it, and those that are
//! stored already are read beside the writer. Until they have been, and when another process has changed the greylist, anybody
//! may be stored. What is removed stays in the filter until it is made anew.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fastbloom::AtomicBloomFilter;
use hashbrown::DefaultHashBuilder;
use rusqlite::{Connection, params};

use super::greylist::revision;
use super::open;
use super::shared::{Shared, thread};
use super::trouble::Trouble;
use super::walk::behind;

/// With so many bits and hashes for each key six in a thousand that are not stored seem to be; with half the bits, six in a
/// hundred.
const BITS: u64 = 12;
const HASHES: u32 = 4;

/// It is made for so many keys at least,
const FEWEST: u64 = 1 << 17;

/// and has so many octets at least and at most. What is more than fits makes it say more often that somebody may be stored.
const SMALLEST: u64 = 1 << 10;
const LARGEST: u64 = 16 << 20;

/// A triplet takes more octets than these in the database.
const OCTETS: u64 = 128;

/// So few are read at once, by the writer.
const FEW: usize = 1_000;

/// So many are read at a time: no reader is to hold a snapshot for long, because that keeps the write-ahead log from being emptied.
const PAGE: usize = 2_000;

/// How long to wait after another process has changed the greylist: it may not be done. And so many times longer than reading
/// took last, or else commands that come often would have it read all the time.
const CALM: Duration = Duration::from_secs(10);
const REST: u32 = 10;

/// How long reading waits at most for the write-ahead log to begin anew, and how often it looks.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);

/// The keys of all that is stored, and of some that is not any more.
pub(super) struct Filter {
    bloom: AtomicBloomFilter<DefaultHashBuilder>,
    /// How many keys were read.
    read: AtomicU64,
    complete: AtomicBool,
}

impl Filter {
    fn with_octets(octets: u64) -> Self {
        let bits = usize::try_from(octets * 8).unwrap_or(usize::MAX);
        let bloom = AtomicBloomFilter::with_num_bits(bits).hasher(DefaultHashBuilder::default()).hashes(HASHES);
        Self { bloom, read: AtomicU64::new(0), complete: AtomicBool::new(false) }
    }

    /// Whether a triplet with this key (client, sender, recipient) may be stored in its place.
    pub(super) fn may_have_triplet(&self, key: [&str; 3]) -> bool {
        !self.is_complete() || self.bloom.contains(&key)
    }

    /// Whether this client may be stored.
    pub(super) fn may_have_client(&self, client: &str) -> bool {
        !self.is_complete() || self.bloom.contains(client)
    }

    fn enter_triplet(&self, key: [&str; 3]) {
        self.bloom.insert(&key);
    }

    fn enter_client(&self, client: &str) {
        self.bloom.insert(client);
    }

    fn is_complete(&self) -> bool {
        self.complete.load(Ordering::Acquire)
    }
}

/// How large it is for so many keys, in a process that may have so much memory.
fn octets(keys: u64, limit: Option<u64>) -> u64 {
    keys.saturating_mul(BITS).div_ceil(8).min(open::share_of(limit, LARGEST)).max(SMALLEST)
}

/// The filter and what its owner, who writes, knows of it.
pub(super) struct Strangers {
    /// `None`: there is never a filter.
    shared: Option<Arc<Shared>>,
    current: Option<Current>,
    /// The thread of the one before, which is about to end.
    ending: Option<Reading>,
    /// When there may be another.
    again: Instant,
    /// How many keys were read last, if they were more than expected.
    expected: u64,
}

struct Current {
    made: Instant,
    filter: Arc<Filter>,
    /// Its thread, unless little had to be read.
    reading: Option<Reading>,
    /// The states of the database and of the greylist in which it is right.
    version: i64,
    revision: u64,
    /// How many keys it was made for, and how many have come since.
    keys: u64,
    entered: u64,
}

impl Strangers {
    /// For a command, which is soon done: without a filter.
    pub(super) fn unknown() -> Self {
        Self { shared: None, current: None, ending: None, again: Instant::now(), expected: 0 }
    }

    /// For the daemon.
    pub(super) fn of(shared: Arc<Shared>) -> Self {
        Self { shared: Some(shared), ..Self::unknown() }
    }

    /// The filter, if there is one.
    pub(super) fn filter(&self) -> Option<Arc<Filter>> {
        self.current.as_ref().map(|current| Arc::clone(&current.filter))
    }

    /// A triplet with this key (client, sender, recipient) is going to be stored.
    pub(super) fn enter_triplet(&mut self, key: [&str; 3]) {
        if let Some(current) = &mut self.current {
            current.filter.enter_triplet(key);
            current.entered += 1;
        }
    }

    /// A client is going to be stored.
    pub(super) fn enter_client(&mut self, client: &str) {
        if let Some(current) = &mut self.current {
            current.filter.enter_client(client);
            current.entered += 1;
        }
    }

    /// A transaction has begun in this state of the database. Another process of ours that stored something has changed the
    /// revision. Nobody waits here for anything, because everybody waits for the transaction.
    pub(super) fn begun(&mut self, connection: &Connection, version: i64) -> rusqlite::Result<()> {
        if let Some(current) = &mut self.current
            && current.version != version
        {
            if revision(connection)? == current.revision {
                current.version = version;
            } else {
                self.give_up();
            }
        }
        Ok(())
    }

    /// To be called now and then, between transactions: makes one if there is none, or too many have come.
    pub(super) fn tend(&mut self, connection: &Connection) {
        let Some(shared) = &self.shared else { return };
        if self.ending.as_ref().is_some_and(Reading::goes_on) {
            return;
        }
        self.ending = None;
        match &self.current {
            Some(current) if current.has_failed() => return self.give_up(),
            Some(current) if current.is_too_small() => self.expected = current.filter.read.load(Ordering::Relaxed),
            // However many come, one is read to the end first.
            Some(current) if current.entered < current.keys || !current.filter.is_complete() => return,
            None if Instant::now() < self.again => return,
            Some(_) | None => {}
        }
        self.current = None; // there is not to be memory for two
        match Current::make(connection, shared, self.expected) {
            Ok(made) => self.current = Some(made),
            Err(error) => {
                tracing::debug!(%error, "what is stored could not be read");
                self.give_up();
            }
        }
    }

    fn give_up(&mut self) {
        let took = match self.current.take() {
            Some(Current { reading: Some(mut reading), made, .. }) => {
                let took = reading.took.get().copied().unwrap_or_else(|| made.elapsed());
                reading.stop = None;
                self.ending = Some(reading);
                took
            }
            _ => Duration::ZERO,
        };
        self.again = Instant::now() + CALM.max(REST * took);
    }
}

impl Current {
    fn make(connection: &Connection, shared: &Arc<Shared>, expected: u64) -> rusqlite::Result<Self> {
        let (version, revision) = (super::arrivals::version(connection)?, revision(connection)?);
        // To count them takes as long as to read them. There are not more than ids, nor than there is room for.
        let sql = "SELECT min(ifnull((SELECT max(id) FROM triplet) - (SELECT min(id) FROM triplet) + 1, 0)
                                + ifnull((SELECT max(id) FROM arrival) - (SELECT min(id) FROM arrival) + 1, 0),
                              (page_count - freelist_count) * page_size / ?1),
                          (SELECT count(*) FROM (SELECT 1 FROM client LIMIT ?2))
                   FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
        let (triplets, clients): (u64, usize) =
            connection.prepare_cached(sql)?.query_row(params![OCTETS, FEW], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let keys = triplets.max(FEWEST).max(expected);
        let filter = Arc::new(Filter::with_octets(octets(keys, open::may_have())));
        let mut current = Self { made: Instant::now(), filter, reading: None, version, revision, keys, entered: 0 };
        if triplets < FEW as u64 && clients < FEW {
            read(connection, &current.filter, || true)?;
        } else {
            current.reading = Reading::start(Arc::clone(shared), Arc::clone(&current.filter)).ok();
        }
        Ok(current)
    }

    /// Whether much more has been read than it was made for: how many clients there are is not known before.
    fn is_too_small(&self) -> bool {
        self.filter.is_complete() && self.filter.read.load(Ordering::Relaxed) > 2 * self.keys
    }

    /// Whether it will never be complete.
    fn has_failed(&self) -> bool {
        !self.reading.as_ref().is_some_and(Reading::goes_on) && !self.filter.is_complete()
    }
}

/// The thread that reads what is stored.
struct Reading {
    /// `None` once it is to end.
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// How long it took, once it is done.
    took: Arc<OnceLock<Duration>>,
}

impl Reading {
    fn start(shared: Arc<Shared>, filter: Arc<Filter>) -> std::io::Result<Self> {
        let (stop, stopped) = sync_channel(1);
        let took = Arc::new(OnceLock::new());
        let (opening, done) = (shared.opening(), Arc::clone(&took));
        let work = move || {
            let started = Instant::now();
            let all = open::for_reading(&shared)
                .and_then(|connection| Ok(read(&connection, &filter, pauses(&shared, &stopped))?));
            let elapsed = *done.get_or_init(|| started.elapsed());
            match all {
                Ok(()) if filter.is_complete() => tracing::debug!(?elapsed, "it is known who is stored"),
                Ok(()) => {}
                Err(trouble) => {
                    if matches!(trouble, Trouble::Corrupt(_)) {
                        shared.report_damage(opening);
                    }
                    tracing::debug!("what is stored could not be read: {}", trouble.about(&shared.path));
                }
            }
        };
        let thread = thread("store-filter").spawn(work)?;
        Ok(Self { stop: Some(stop), thread: Some(thread), took })
    }

    fn goes_on(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Rests after each page for as long as it took, and longer while the write-ahead log is about to begin anew; answers whether to go on.
fn pauses(shared: &Shared, stopped: &Receiver<()>) -> impl FnMut() -> bool {
    let mut resumed = Instant::now();
    move || {
        let paused = Instant::now();
        let mut rest = resumed.elapsed();
        loop {
            if stopped.recv_timeout(rest) != Err(RecvTimeoutError::Timeout) {
                return false;
            }
            if !shared.log_ends() || paused.elapsed() >= PATIENCE {
                break;
            }
            rest = LOOK;
        }
        resumed = Instant::now();
        true
    }
}

/// Enters all that is stored, unless `goes_on`, which is asked after each page, says no.
///
/// Rows move on meanwhile, from `arrival` to those that wait and from there to those that have passed. They are read in this order,
/// so that none slips through.
fn read(connection: &Connection, filter: &Filter, mut goes_on: impl FnMut() -> bool) -> rusqlite::Result<()> {
    enter_arrivals(connection, filter)?;
    for enter_page in [enter_waiting, enter_passed, enter_clients] {
        let mut place = Some(Place::default());
        while let Some(from) = place {
            if !goes_on() {
                return Ok(());
            }
            place = enter_page(connection, filter, &from)?;
        }
    }
    filter.complete.store(true, Ordering::Release);
    Ok(())
}

/// Where a page begins: a client, or a triplet's key.
type Place = [String; 3];

/// There are never more than some ten thousands.
fn enter_arrivals(connection: &Connection, filter: &Filter) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("SELECT client, sender, recipient FROM arrival")?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        filter.enter_triplet(key(row)?);
    }
    Ok(())
}

fn enter_waiting(connection: &Connection, filter: &Filter, from: &Place) -> rusqlite::Result<Option<Place>> {
    let sql = "SELECT client, sender, recipient FROM triplet INDEXED BY triplet_key_waiting
               WHERE passed = 0 AND (client, sender, recipient) >= (?1, ?2, ?3)
               ORDER BY client, sender, recipient LIMIT ?4";
    enter_triplets(connection, sql, filter, from)
}

fn enter_passed(connection: &Connection, filter: &Filter, from: &Place) -> rusqlite::Result<Option<Place>> {
    let sql = "SELECT client, sender, recipient FROM triplet INDEXED BY triplet_key_passed
               WHERE passed = 1 AND (client, sender, recipient) >= (?1, ?2, ?3)
               ORDER BY client, sender, recipient LIMIT ?4";
    enter_triplets(connection, sql, filter, from)
}

/// Enters a page of triplets; answers where the next begins, if there is one.
fn enter_triplets(
    connection: &Connection,
    sql: &str,
    filter: &Filter,
    [client, sender, recipient]: &Place,
) -> rusqlite::Result<Option<Place>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![client, sender, recipient, PAGE])?;
    let (mut entered, mut next) = (0, None);
    while let Some(row) = rows.next()? {
        let key = key(row)?;
        filter.enter_triplet(key);
        entered += 1;
        if entered == PAGE {
            let [client, sender, recipient] = key;
            next = Some([client.to_owned(), sender.to_owned(), behind(recipient)]);
        }
    }
    filter.read.fetch_add(entered as u64, Ordering::Relaxed);
    Ok(next)
}

fn enter_clients(connection: &Connection, filter: &Filter, [from, ..]: &Place) -> rusqlite::Result<Option<Place>> {
    let sql = "SELECT client FROM client WHERE client >= ?1 ORDER BY client LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![from, PAGE])?;
    let (mut entered, mut next) = (0, None);
    while let Some(row) = rows.next()? {
        let client = row.get_ref(0)?.as_str()?;
        filter.enter_client(client);
        entered += 1;
        if entered == PAGE {
            next = Some([behind(client), String::new(), String::new()]);
        }
    }
    filter.read.fetch_add(entered as u64, Ordering::Relaxed);
    Ok(next)
}

fn key<'a>(row: &'a rusqlite::Row<'_>) -> rusqlite::Result<[&'a str; 3]> {
    Ok([row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_str()?])
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::super::arrivals::Book;
    use super::*;
    use crate::store::Attempt;

    /// More than a page.
    const MANY: usize = PAGE + 500;

    fn place() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("postward.db");
        (directory, path)
    }

    fn book(path: &Path) -> Book {
        Book::new(open::for_writing(path, Duration::from_secs(10)).unwrap())
    }

    fn shared(path: &Path) -> Arc<Shared> {
        let shared = Arc::new(Shared::new(path.to_owned()));
        shared.came_up();
        shared
    }

    fn filter() -> Filter {
        Filter::with_octets(octets(FEWEST, None))
    }

    fn store(book: &Book, senders: impl Iterator<Item = usize>, passed: bool) {
        let sql = "INSERT INTO triplet VALUES (NULL, 'c', ?1, 'r', 'c', ?2, 900, 900, 1, '')";
        for sender in senders {
            book.execute(sql, params![sender.to_string(), passed]).unwrap();
        }
    }

    fn arrive(book: &Book, sender: usize) {
        let [client, recipient] = ["c", "r"].map(str::to_owned);
        let attempt = Attempt {
            identities: vec![client.clone()],
            network: client,
            sender: sender.to_string(),
            recipient,
            instance: String::new(),
        };
        book.append("c", &attempt, 900).unwrap();
    }

    fn has(filter: &Filter, sender: usize) -> bool {
        filter.may_have_triplet(["c", &sender.to_string(), "r"])
    }

    #[test]
    fn all_that_are_stored_may_be_and_hardly_anybody_else() {
        let (_directory, path) = place();
        let book = book(&path);
        book.execute_batch("BEGIN").unwrap();
        store(&book, 0..MANY, true);
        store(&book, MANY..2 * MANY, false);
        (2 * MANY..2 * MANY + 10).for_each(|sender| arrive(&book, sender));
        for client in 0..MANY {
            book.execute("INSERT INTO client VALUES (?1, 1, 900, 900)", [client.to_string()]).unwrap();
        }
        book.execute_batch("COMMIT").unwrap();
        let filter = Filter::with_octets(octets(3 * MANY as u64, None));
        read(&book, &filter, || true).unwrap();
        assert!(filter.is_complete() && filter.read.load(Ordering::Relaxed) == 3 * MANY as u64);
        assert!((0..2 * MANY + 10).all(|sender| has(&filter, sender)));
        assert!((0..MANY).all(|client| filter.may_have_client(&client.to_string())));
        let others = 3 * MANY..3 * MANY + 10_000;
        let taken_for_stored = others.clone().filter(|sender| has(&filter, *sender)).count();
        assert!(taken_for_stored < 150, "{taken_for_stored}");
        let taken_for_stored = others.filter(|client| filter.may_have_client(&client.to_string())).count();
        assert!(taken_for_stored < 150, "{taken_for_stored}");
    }

    #[test]
    fn until_all_have_been_read_anybody_may_be_stored() {
        let (_directory, path) = place();
        let filter = filter();
        read(&book(&path), &filter, || false).unwrap();
        assert!(has(&filter, 1) && filter.may_have_client("c"));
    }

    /// After any number of pages all that have arrived get their places, and perhaps pass.
    #[test]
    fn nobody_slips_through_who_moves_on_meanwhile() {
        for (pages, pass) in (0..6).flat_map(|pages| [(pages, false), (pages, true)]) {
            let (_directory, path) = place();
            let writer = book(&path);
            writer.execute_batch("BEGIN").unwrap();
            store(&writer, 0..MANY, false);
            (MANY..MANY + 10).for_each(|sender| arrive(&writer, sender));
            writer.execute_batch("COMMIT").unwrap();
            let reader = open::for_reading(&shared(&path)).unwrap();
            let (filter, mut read_pages) = (filter(), 0);
            let moves_on = || {
                if read_pages == pages {
                    while !writer.settle_some(MANY).unwrap() {}
                    writer.settle_some(MANY).unwrap(); // removes those that have been moved
                    if pass {
                        writer.execute("UPDATE triplet SET passed = 1", ()).unwrap();
                    }
                }
                read_pages += 1;
                true
            };
            read(&reader, &filter, moves_on).unwrap();
            assert!(filter.is_complete());
            assert!((0..MANY + 10).all(|sender| has(&filter, sender)), "after {pages}, {pass}");
        }
    }

    #[test]
    fn many_are_read_by_a_thread_and_then_nobody_else_is_looked_for() {
        let (_directory, path) = place();
        store(&book(&path), 0..2 * FEW, true);
        let book = Book::kept(open::for_writing(&path, Duration::from_secs(10)).unwrap(), shared(&path));
        let filter = book.filter().unwrap();
        let begun = Instant::now();
        while !filter.is_complete() {
            assert!(begun.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!((0..2 * FEW).all(|sender| has(&filter, sender)));
        assert!(!has(&filter, 2 * FEW));
        arrive(&book, 2 * FEW);
        assert!(has(&filter, 2 * FEW));
    }

    #[test]
    fn what_is_removed_is_forgotten_when_as_many_have_come_as_it_was_made_for() {
        let (_directory, path) = place();
        let book = book(&path);
        let mut strangers = Strangers::of(shared(&path));
        strangers.tend(&book);
        let key = |sender| ["c", sender, "r"];
        let may_have = |strangers: &Strangers, sender| strangers.filter().unwrap().may_have_triplet(key(sender));
        strangers.enter_triplet(key("1"));
        strangers.current.as_mut().unwrap().keys = 2;
        strangers.tend(&book);
        assert!(may_have(&strangers, "1"));
        strangers.enter_triplet(key("2"));
        strangers.tend(&book); // none of them is in the database
        assert!(!may_have(&strangers, "1") && !may_have(&strangers, "2"));
    }

    #[test]
    fn one_that_is_too_small_is_made_anew() {
        let (_directory, path) = place();
        let book = book(&path);
        store(&book, 0..10, true);
        let mut strangers = Strangers::of(shared(&path));
        strangers.tend(&book);
        strangers.current.as_mut().unwrap().keys = 4;
        strangers.tend(&book);
        assert_eq!((strangers.expected, strangers.current.as_ref().unwrap().keys), (10, FEWEST));
    }

    /// Who has passed keeps a small id, while those of a flood that is washed out again grow.
    #[test]
    fn many_that_have_gone_are_not_counted() {
        let (_directory, path) = place();
        let book = book(&path);
        let sql = "INSERT INTO triplet VALUES (?1, 'c', ?1, 'r', 'c', 1, 900, 900, 1, '')";
        for id in [1_u64, 1 << 40] {
            book.execute(sql, [id]).unwrap();
        }
        assert_eq!(Current::make(&book, &shared(&path), 0).unwrap().keys, FEWEST);
    }

    #[test]
    fn damage_is_reported_to_who_can_mend_it() {
        let (_directory, path) = place();
        let book = book(&path);
        store(&book, 0..2 * FEW, true);
        book.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        let root: u64 = book
            .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'triplet_key_passed'", (), |row| row.get(0))
            .unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &[0xff; 4096], (root - 1) * 4096).unwrap();
        let shared = shared(&path);
        let mut strangers = Strangers::of(Arc::clone(&shared));
        strangers.tend(&book);
        let begun = Instant::now();
        while !shared.is_damaged() {
            assert!(begun.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Commands that come often must not have it read all the time.
    #[test]
    fn after_long_reading_there_is_long_rest() {
        let (_directory, path) = place();
        let book = book(&path);
        store(&book, 0..2 * FEW, true);
        let mut strangers = Strangers::of(shared(&path));
        strangers.tend(&book);
        strangers.current.as_mut().unwrap().reading.as_mut().unwrap().took = Arc::new(Duration::from_secs(60).into());
        strangers.give_up();
        assert!(strangers.again > Instant::now() + Duration::from_secs(590));
        let begun = Instant::now();
        while strangers.ending.is_some() {
            assert!(begun.elapsed() < Duration::from_secs(20));
            strangers.tend(&book);
        }
    }

    #[test]
    fn after_somebody_else_has_stored_something_anybody_may_be_stored_until_it_has_been_read() {
        let (_directory, path) = place();
        let (book, other) = (book(&path), book(&path));
        let mut strangers = Strangers::of(shared(&path));
        let begin = |strangers: &mut Strangers| {
            strangers.tend(&book);
            strangers.begun(&book, super::super::arrivals::version(&book).unwrap()).unwrap();
            strangers.filter().is_none_or(|filter| has(&filter, 1))
        };
        assert!(!begin(&mut strangers));
        other.execute("UPDATE counter SET value = value + 1 WHERE name = 'generation'", ()).unwrap();
        assert!(!begin(&mut strangers), "that was a list");
        store(&other, 1..2, true);
        other.execute("UPDATE counter SET value = value + 1 WHERE name = 'revision'", ()).unwrap();
        assert!(begin(&mut strangers) && strangers.current.is_none());
        strangers.tend(&book);
        assert!(strangers.current.is_none(), "it may not be done");
        strangers.again = Instant::now();
        assert!(begin(&mut strangers));
        assert!(!has(&strangers.filter().unwrap(), 2));
    }

    #[test]
    fn reading_that_fails_is_begun_again() {
        let (_directory, path) = place();
        let book = book(&path);
        store(&book, 0..FEW, true);
        let mut strangers = Strangers::of(shared(&path.with_file_name("elsewhere")));
        strangers.tend(&book);
        let begun = Instant::now();
        while strangers.current.is_some() {
            assert!(begun.elapsed() < Duration::from_secs(20));
            strangers.tend(&book);
        }
        strangers.shared = Some(shared(&path));
        strangers.again = Instant::now();
        strangers.tend(&book);
        assert!(strangers.current.is_some());
    }

    #[test]
    fn it_has_twelve_bits_for_each_key_and_a_bound() {
        for (keys, limit, wanted) in [
            (1_000_000, None, 1_500_000),
            (1_000_000_000, None, 16 << 20),
            (u64::MAX, None, 16 << 20),
            (1_000_000_000, Some(64 << 20), 4 << 20),
            (1_000_000_000, Some(1), 1 << 10),
        ] {
            assert_eq!(octets(keys, limit), wanted, "{keys} {limit:?}");
        }
    }
}
