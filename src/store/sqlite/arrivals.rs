//! Triplets that were tried for the first time a moment ago.
//!
//! Their places in the indexes of `triplet` are scattered, and every commit writes whole pages. So they are appended to a table
//! without indexes, which costs a fraction, and moved on together, in the order of the indexes: then one page takes many. Until
//! then it is known here where each of them is. Whatever happens to one, it is moved on first.

use std::cell::{RefCell, RefMut};
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::ops::Deref;

use rusqlite::{Connection, params};

use super::attempt::execute;
use crate::store::{Attempt, Triplet};

/// With so many they are moved on, which takes some ten milliseconds where a million wait. Who is new meanwhile waits for it.
const TOGETHER: usize = 4_000;

/// The connection of who writes, and what it knows of the arrivals.
pub(super) struct Book {
    connection: Connection,
    arrivals: RefCell<Arrivals>,
}

/// Where the arrivals are.
#[derive(Default)]
struct Arrivals {
    /// Their ids and networks by the hash of their keys.
    by_key: HashMap<u64, (i64, u64)>,
    /// How many there are in each network, by its hash.
    by_network: HashMap<u64, u64>,
    hasher: RandomState,
    /// The state of the database (sqlite.org/pragma.html#pragma_data_version) in which this is right; `None`: in none.
    version: Option<i64>,
}

impl Deref for Book {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl Book {
    /// Nothing is read before it is needed.
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, arrivals: RefCell::default() }
    }

    /// A transaction has begun: another process may have changed something before.
    pub(super) fn begun(&self) -> rusqlite::Result<()> {
        let mut arrivals = self.arrivals.borrow_mut();
        if arrivals.version.is_some() && arrivals.version != Some(version(self)?) {
            arrivals.version = None;
        }
        Ok(())
    }

    /// A transaction was rolled back.
    pub(super) fn rolled_back(&self) {
        self.arrivals.borrow_mut().version = None;
    }

    /// Whether it is time to move them on.
    pub(super) fn is_full(&self) -> bool {
        self.arrivals.borrow().by_key.len() >= TOGETHER
    }

    /// How many there are in a network, and in all.
    pub(super) fn count_arrivals(&self, network: &str) -> rusqlite::Result<(u64, u64)> {
        let arrivals = self.arrivals()?;
        let in_network = arrivals.by_network.get(&arrivals.hasher.hash_one(network)).copied().unwrap_or(0);
        Ok((in_network, arrivals.by_key.len() as u64))
    }

    /// Another one has arrived, that waits under this identity. There must be none with its key.
    pub(super) fn append(&self, client: &str, attempt: &Attempt, now: i64) -> rusqlite::Result<()> {
        let mut arrivals = self.arrivals()?;
        let Attempt { network, sender, recipient, instance, .. } = attempt;
        let sql = "INSERT INTO arrival (client, sender, recipient, network, first_seen, instance)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let values = params![client, sender, recipient, network, now, instance];
        let id = self.prepare_cached(sql)?.insert(values)?;
        arrivals.insert([client, sender, recipient], network, id);
        Ok(())
    }

    /// Moves an arrival on, if there is one with this key.
    pub(super) fn settle(&self, triplet: &Triplet) -> rusqlite::Result<()> {
        self.settle_key([&triplet.client, &triplet.sender, &triplet.recipient])
    }

    /// The same.
    pub(super) fn settle_key(&self, key: [&str; 3]) -> rusqlite::Result<()> {
        let id = self.arrivals()?.remove(key);
        id.map_or(Ok(()), |id| move_on(self, id, id))
    }

    /// Moves all on.
    pub(super) fn settle_all(&self) -> rusqlite::Result<()> {
        let mut arrivals = self.arrivals()?;
        if !arrivals.by_key.is_empty() {
            arrivals.by_key.clear();
            arrivals.by_network.clear();
            move_on(self, i64::MIN, i64::MAX)?;
        }
        Ok(())
    }

    fn arrivals(&self) -> rusqlite::Result<RefMut<'_, Arrivals>> {
        let mut arrivals = self.arrivals.borrow_mut();
        if arrivals.version.is_none() {
            arrivals.read(self)?;
        }
        Ok(arrivals)
    }
}

impl Arrivals {
    fn read(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.by_key.clear();
        self.by_network.clear();
        let mut statement = connection.prepare_cached("SELECT client, sender, recipient, network, id FROM arrival")?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            let text = |column| -> rusqlite::Result<&str> { Ok(row.get_ref(column)?.as_str()?) };
            self.insert([text(0)?, text(1)?, text(2)?], text(3)?, row.get(4)?);
        }
        self.version = Some(version(connection)?);
        Ok(())
    }

    fn insert(&mut self, key: [&str; 3], network: &str, id: i64) {
        let network = self.hasher.hash_one(network);
        self.by_key.insert(self.hasher.hash_one(key), (id, network));
        *self.by_network.entry(network).or_default() += 1;
    }

    fn remove(&mut self, key: [&str; 3]) -> Option<i64> {
        let (id, network) = self.by_key.remove(&self.hasher.hash_one(key))?;
        if let Some(count) = self.by_network.get_mut(&network) {
            *count = count.saturating_sub(1);
        }
        Some(id)
    }
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("PRAGMA data_version")?.query_row((), |row| row.get(0))
}

/// Moves those with ids from `first` to `last` on. One that waits in `triplet` too is there by nobody of us.
fn move_on(connection: &Connection, first: i64, last: i64) -> rusqlite::Result<()> {
    for sql in [
        "INSERT OR IGNORE INTO triplet
             (client, sender, recipient, network, passed, first_seen, last_seen, attempts, instance)
         SELECT client, sender, recipient, network, 0, first_seen, first_seen, 1, instance FROM arrival
         WHERE id BETWEEN ?1 AND ?2 ORDER BY client, id",
        "INSERT INTO network SELECT network, count(*) FROM arrival WHERE id BETWEEN ?1 AND ?2 GROUP BY network
         ON CONFLICT (network) DO UPDATE SET waiting = waiting + excluded.waiting",
        "UPDATE counter SET value = value + (SELECT count(*) FROM arrival WHERE id BETWEEN ?1 AND ?2)
         WHERE name = 'waiting'",
        "DELETE FROM arrival WHERE id BETWEEN ?1 AND ?2",
    ] {
        execute(connection, sql, [first, last])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::super::open;
    use super::*;

    fn book(directory: &Path) -> Book {
        Book::new(open::for_writing(&directory.join("postward.db"), Duration::from_secs(10)).unwrap())
    }

    fn attempt(network: &str, sender: &str) -> Attempt {
        Attempt {
            identities: vec![network.to_owned()],
            network: network.to_owned(),
            sender: sender.to_owned(),
            recipient: "r".to_owned(),
            instance: String::new(),
        }
    }

    fn arrive(book: &Book, network: &str, sender: &str) {
        book.begun().unwrap();
        book.append(network, &attempt(network, sender), 1_000).unwrap();
    }

    /// How many wait in their places, are counted there, and have just arrived.
    fn rows(book: &Book) -> (u64, u64, u64, u64) {
        let sql = "SELECT (SELECT count(*) FROM triplet), (SELECT sum(waiting) FROM network),
                          (SELECT value FROM counter WHERE name = 'waiting'), (SELECT count(*) FROM arrival)";
        let counted = |row: &rusqlite::Row<'_>| {
            Ok((row.get(0)?, row.get::<_, Option<_>>(1)?.unwrap_or(0), row.get(2)?, row.get(3)?))
        };
        book.query_one(sql, (), counted).unwrap()
    }

    #[test]
    fn arrivals_are_moved_on_together() {
        let directory = tempfile::tempdir().unwrap();
        let book = book(directory.path());
        for (network, sender) in [("a", "1"), ("b", "2"), ("a", "3")] {
            arrive(&book, network, sender);
        }
        assert_eq!(book.count_arrivals("a"), Ok((2, 3)));
        assert_eq!(rows(&book), (0, 0, 0, 3));
        book.settle_all().unwrap();
        assert_eq!(book.count_arrivals("a"), Ok((0, 0)));
        assert_eq!(rows(&book), (3, 3, 3, 0));
    }

    #[test]
    fn an_arrival_is_moved_on_alone() {
        let directory = tempfile::tempdir().unwrap();
        let book = book(directory.path());
        arrive(&book, "a", "1");
        arrive(&book, "a", "2");
        for _ in 0..2 {
            book.settle_key(["a", "1", "r"]).unwrap();
            book.settle_key(["a", "unheard-of", "r"]).unwrap();
            assert_eq!((book.count_arrivals("a"), rows(&book)), (Ok((1, 1)), (1, 1, 1, 1)));
        }
    }

    #[test]
    fn what_another_process_changes_is_known() {
        let directory = tempfile::tempdir().unwrap();
        let (ours, theirs) = (book(directory.path()), book(directory.path()));
        arrive(&ours, "a", "1");
        arrive(&theirs, "a", "2");
        ours.begun().unwrap();
        assert_eq!(ours.count_arrivals("a"), Ok((2, 2)));
        theirs.settle_all().unwrap();
        ours.begun().unwrap();
        assert_eq!((ours.count_arrivals("a"), rows(&ours)), (Ok((0, 0)), (2, 2, 2, 0)));
    }

    #[test]
    fn what_was_rolled_back_has_not_arrived() {
        let directory = tempfile::tempdir().unwrap();
        let book = book(directory.path());
        arrive(&book, "a", "1");
        book.execute_batch("BEGIN IMMEDIATE").unwrap();
        arrive(&book, "a", "2");
        book.settle_key(["a", "1", "r"]).unwrap();
        book.execute_batch("ROLLBACK").unwrap();
        book.rolled_back();
        assert_eq!((book.count_arrivals("a"), rows(&book)), (Ok((1, 1)), (0, 0, 0, 1)));
    }
}
