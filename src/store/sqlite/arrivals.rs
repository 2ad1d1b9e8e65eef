//! Triplets that were tried for the first time a moment ago.
//!
//! Their places in the indexes of `triplet` are scattered, and every commit writes whole pages. So they are appended to a table
//! without indexes, which costs a fraction. When many have come they are moved on, a few at a time in the order of the indexes:
//! then one page takes several, and nobody waits for long. Whatever happens to one, it is moved on first.

use std::cell::{RefCell, RefMut};
use std::ops::Deref;
use std::sync::Arc;

use rusqlite::{Connection, params};

use super::attempt::execute;
use super::filter::{Filter, Strangers};
use super::roll::Roll;
use super::shared::Shared;
use crate::store::{Attempt, Triplet};

/// With so many it begins that they are moved on. The more there are, the more go to one page.
const MANY: usize = 32_000;

/// So many are moved on at a time, or twice as many as have come meanwhile: the last of many have gone before as many are there
/// again. A hundred take a millisecond or two where millions are stored, if their pages are at hand.
const AT_A_TIME: usize = 128;

/// So often at most some are moved on in one transaction so that others can give way.
const SETTLED_FOR_ROOM: usize = 8;

/// After so many have come the next are moved on.
const EVERY: usize = AT_A_TIME / 2;

/// The connection of who writes, and what it knows of those who are stored.
pub(super) struct Book {
    /// Before the connection, because its thread has another, and the last one that closes tidies up.
    strangers: RefCell<Strangers>,
    connection: Connection,
    arrivals: RefCell<Arrivals>,
}

#[derive(Default)]
struct Arrivals {
    roll: Roll,
    /// How many came since some were moved on.
    come: usize,
    /// How often some were moved on in this transaction because others could not give way.
    settled: usize,
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
    /// For a command. Nothing is read before it is needed.
    pub(super) fn new(connection: Connection) -> Self {
        Self { strangers: Strangers::unknown().into(), connection, arrivals: RefCell::default() }
    }

    /// For the daemon, which soon knows who is stored.
    pub(super) fn kept(connection: Connection, shared: Arc<Shared>) -> Self {
        let book = Self { strangers: Strangers::of(shared).into(), ..Self::new(connection) };
        book.tend();
        book
    }

    /// To be called now and then between transactions: learns who is stored.
    pub(super) fn tend(&self) {
        self.strangers.borrow_mut().tend(&self.connection);
    }

    /// A transaction has begun: another process may have changed something before.
    pub(super) fn begun(&self) -> rusqlite::Result<()> {
        let version = version(self)?;
        self.strangers.borrow_mut().begun(&self.connection, version)?;
        let mut arrivals = self.arrivals.borrow_mut();
        arrivals.settled = 0;
        if arrivals.version.is_some_and(|known| known != version) {
            arrivals.version = None;
        }
        Ok(())
    }

    /// Who is certainly not stored, as far as that is known.
    pub(super) fn filter(&self) -> Option<Arc<Filter>> {
        self.strangers.borrow().filter()
    }

    /// A triplet with this key (client, sender, recipient) is going to be stored in its place or as an arrival.
    pub(super) fn enter_triplet(&self, key: [&str; 3]) {
        self.strangers.borrow_mut().enter_triplet(key);
    }

    /// A client is going to be stored.
    pub(super) fn enter_client(&self, client: &str) {
        self.strangers.borrow_mut().enter_client(client);
    }

    /// A transaction was rolled back.
    pub(super) fn rolled_back(&self) {
        self.arrivals.borrow_mut().version = None;
    }

    /// Whether it is time to move some on.
    pub(super) fn is_time_to_settle(&self) -> bool {
        let Arrivals { roll, come, .. } = &*self.arrivals.borrow();
        roll.waiting() >= MANY || (roll.is_under_way() && *come >= EVERY)
    }

    /// Whether it must not be put off any longer.
    pub(super) fn is_high_time_to_settle(&self) -> bool {
        self.arrivals.borrow().roll.len() >= 2 * MANY
    }

    /// How many there are in a network, and in all.
    pub(super) fn count_arrivals(&self, network: &str) -> rusqlite::Result<(u64, u64)> {
        Ok(self.arrivals()?.roll.count(network))
    }

    /// Another one has arrived, that waits under this identity. There must be none with its key.
    pub(super) fn append(&self, client: &str, attempt: &Attempt, now: i64) -> rusqlite::Result<()> {
        let mut arrivals = self.arrivals()?;
        let Attempt { network, sender, recipient, instance, .. } = attempt;
        let sql = "INSERT INTO arrival (id, client, sender, recipient, network, first_seen, instance)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let id = arrivals.roll.next_id();
        execute(self, sql, params![id, client, sender, recipient, network, now, instance])?;
        self.enter_triplet([client, sender, recipient]);
        arrivals.roll.enter([client, sender, recipient], network, id);
        arrivals.come += 1;
        Ok(())
    }

    /// Moves an arrival on, if there is one with this key.
    pub(super) fn settle(&self, triplet: &Triplet) -> rusqlite::Result<()> {
        self.settle_key([&triplet.client, &triplet.sender, &triplet.recipient])
    }

    /// The same.
    pub(super) fn settle_key(&self, key: [&str; 3]) -> rusqlite::Result<()> {
        let Some(id) = self.arrivals()?.roll.strike(key) else { return Ok(()) };
        move_on(self, &[id])?;
        execute(self, "DELETE FROM arrival WHERE id = ?1", [id])
    }

    /// Moves some on, so many or more; but where all have been that were to be, those are removed first. Answers whether none are
    /// left to be moved on, to which it comes if it is repeated, however many come in between.
    pub(super) fn settle_some(&self, some: usize) -> rusqlite::Result<bool> {
        let mut arrivals = self.arrivals()?;
        let most = arrivals.more_than_have_come(some);
        if arrivals.roll.is_moved() {
            self.remove_moved(&mut arrivals.roll, most)?;
        }
        if !arrivals.roll.is_moved() {
            self.settle_next(&mut arrivals.roll, most)?;
        }
        Ok(arrivals.roll.is_empty())
    }

    /// Moves some on when it is time; or, where all have been that were to be, removes some of those.
    pub(super) fn settle_due(&self) -> rusqlite::Result<()> {
        let mut arrivals = self.arrivals()?;
        let most = arrivals.more_than_have_come(AT_A_TIME);
        if arrivals.roll.is_moved() {
            self.remove_moved(&mut arrivals.roll, most)
        } else {
            self.settle_next(&mut arrivals.roll, most)
        }
    }

    /// Moves some on, but only so often in each transaction, because all the others in it wait; answers whether it did.
    pub(super) fn settle_for_room(&self) -> rusqlite::Result<bool> {
        if self.arrivals()?.settled >= SETTLED_FOR_ROOM {
            return Ok(false);
        }
        self.settle_some(AT_A_TIME)?;
        self.arrivals()?.settled += 1;
        Ok(true)
    }

    fn settle_next(&self, roll: &mut Roll, most: usize) -> rusqlite::Result<()> {
        let Some(next) = roll.strike_next(most) else { return Ok(()) };
        move_on(self, &next.ids)?;
        let sql = "UPDATE arrival_moved SET client = ?1, id = ?2, last = ?3";
        execute(self, sql, params![&*next.client, next.ids.last(), roll.last()])
    }

    /// To remove one takes a fraction of what it takes to move one.
    fn remove_moved(&self, roll: &mut Roll, most: usize) -> rusqlite::Result<()> {
        let most = 8 * most;
        let sql = "DELETE FROM arrival WHERE id IN (SELECT id FROM arrival WHERE id <= ?1 ORDER BY id LIMIT ?2)";
        let removed = self.prepare_cached(sql)?.execute(params![roll.last(), most])?;
        if removed < most { self.begin_anew(roll) } else { Ok(()) }
    }

    fn begin_anew(&self, roll: &mut Roll) -> rusqlite::Result<()> {
        roll.begin_anew();
        execute(self, "UPDATE arrival_moved SET client = '', id = 0, last = 0", ())
    }

    fn arrivals(&self) -> rusqlite::Result<RefMut<'_, Arrivals>> {
        let mut arrivals = self.arrivals.borrow_mut();
        if arrivals.version.is_none() {
            arrivals.roll = read(self)?;
            arrivals.version = Some(version(self)?);
        }
        Ok(arrivals)
    }
}

impl Arrivals {
    /// So many, or twice as many as have come since this was asked, so that there is an end however many come. How many came before
    /// it began does not count.
    fn more_than_have_come(&mut self, some: usize) -> usize {
        let come = std::mem::take(&mut self.come);
        if self.roll.is_under_way() { some.max(2 * come) } else { some }
    }
}

fn read(connection: &Connection) -> rusqlite::Result<Roll> {
    let sql = "SELECT last, max(last, ifnull((SELECT max(id) FROM arrival), 0)) + 1 FROM arrival_moved";
    let (last, next_id) = connection.prepare_cached(sql)?.query_row((), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut roll = Roll::new(last, next_id);
    let mut statement = connection.prepare_cached("SELECT client, sender, recipient, network, id FROM arriving")?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let text = |column| -> rusqlite::Result<&str> { Ok(row.get_ref(column)?.as_str()?) };
        roll.enter([text(0)?, text(1)?, text(2)?], text(3)?, row.get(4)?);
    }
    Ok(roll)
}

/// The state of the database: another after another connection has changed something.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("PRAGMA data_version")?.query_row((), |row| row.get(0))
}

/// Gives these their places, one after the other. One that waits in `triplet` too is there by nobody of us.
fn move_on(connection: &Connection, ids: &[i64]) -> rusqlite::Result<()> {
    let ids = serde_json::Value::from(ids).to_string();
    for sql in [
        "INSERT OR IGNORE INTO triplet
             (client, sender, recipient, network, passed, first_seen, last_seen, attempts, instance)
         SELECT client, sender, recipient, network, 0, first_seen, first_seen, 1, instance
         FROM json_each(?1) AS moved CROSS JOIN arrival ON arrival.id = moved.value",
        "INSERT INTO network
         SELECT network, count(*) FROM json_each(?1) AS moved CROSS JOIN arrival ON arrival.id = moved.value
         WHERE true GROUP BY network
         ON CONFLICT (network) DO UPDATE SET waiting = waiting + excluded.waiting",
        "UPDATE counter SET value = value + json_array_length(?1) WHERE name = 'waiting'",
    ] {
        execute(connection, sql, [&ids])?;
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

    fn settle_all(book: &Book) {
        while !book.settle_some(AT_A_TIME).unwrap() {}
        book.settle_some(AT_A_TIME).unwrap(); // removes them
    }

    /// How many wait in their places, are counted there, and have just arrived.
    fn rows(book: &Book) -> (u64, u64, u64, u64) {
        let sql = "SELECT (SELECT count(*) FROM triplet), (SELECT sum(waiting) FROM network),
                          (SELECT value FROM counter WHERE name = 'waiting'), (SELECT count(*) FROM arriving)";
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
        settle_all(&book);
        assert_eq!(book.count_arrivals("a"), Ok((0, 0)));
        assert_eq!(rows(&book), (3, 3, 3, 0));
    }

    fn senders(book: &Book, sql: &str) -> String {
        let mut statement = book.prepare(sql).unwrap();
        statement.query_map((), |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap).collect()
    }

    const MOVED: &str = "SELECT sender FROM triplet ORDER BY id";
    const KEPT: &str = "SELECT sender FROM arrival ORDER BY id";

    #[test]
    fn a_few_are_moved_on_at_a_time_in_the_order_of_the_index_and_removed_when_all_are() {
        let directory = tempfile::tempdir().unwrap();
        let book = book(directory.path());
        for (network, sender) in [("c", "1"), ("a", "2"), ("b", "3"), ("a", "4")] {
            arrive(&book, network, sender);
        }
        assert_eq!(book.settle_some(2), Ok(false));
        assert_eq!(senders(&book, MOVED), "24");
        arrive(&book, "a", "5"); // too late for this round
        assert_eq!(book.settle_some(2), Ok(false));
        assert_eq!((senders(&book, MOVED).as_str(), rows(&book)), ("2431", (4, 4, 4, 1)));
        assert_eq!(senders(&book, KEPT), "12345");
        assert_eq!(book.settle_some(2), Ok(true));
        assert_eq!((senders(&book, MOVED).as_str(), senders(&book, KEPT).as_str()), ("24315", "5"));
        assert_eq!((book.settle_some(2), rows(&book)), (Ok(true), (5, 5, 5, 0)));
        assert_eq!(senders(&book, KEPT), "");
    }

    /// After any number of steps somebody else finds what is left to be done, and nothing is done twice or not at all.
    #[test]
    fn whoever_comes_in_between_goes_on_where_the_other_was() {
        for steps in 0..8 {
            let directory = tempfile::tempdir().unwrap();
            let first = book(directory.path());
            for (network, sender) in [("c", "1"), ("a", "2"), ("b", "3"), ("a", "4"), ("d", "5")] {
                arrive(&first, network, sender);
            }
            for _ in 0..steps {
                first.settle_some(1).unwrap();
            }
            drop(first);
            let second = book(directory.path());
            assert_eq!(second.count_arrivals("a").unwrap().1 + rows(&second).0, 5, "after {steps}");
            second.settle_key(["d", "5", "r"]).unwrap();
            drop(second); // who comes next finds the last one gone, and must not take its number
            let second = book(directory.path());
            arrive(&second, "a", "6");
            assert_eq!(rows(&second).0 + rows(&second).3, 6, "after {steps}");
            let mut more = 0;
            while !second.settle_some(1).unwrap() {
                more += 1;
                assert!(more < 20, "after {steps}");
            }
            assert_eq!(rows(&second), (6, 6, 6, 0), "after {steps}");
            drop(second);
            let third = book(directory.path());
            arrive(&third, "e", "7");
            settle_all(&third);
            assert_eq!((rows(&third), senders(&third, KEPT).as_str()), ((7, 7, 7, 0), ""), "after {steps}");
        }
    }

    /// Clients in no order, of one network.
    fn arrive_together(book: &Book, number: &mut usize, together: usize) {
        for _ in 0..together {
            let client = format!("{:x}", *number * 40_503 % 65_536);
            book.append(&client, &attempt("n", &number.to_string()), 0).unwrap();
            *number += 1;
        }
    }

    #[test]
    fn none_are_moved_on_before_many_have_come_and_then_faster_than_they_come() {
        let directory = tempfile::tempdir().unwrap();
        let book = book(directory.path());
        book.execute_batch("BEGIN").unwrap();
        let mut number = 0;
        let mut come = |together: usize| {
            arrive_together(&book, &mut number, together);
            let kept: usize = book.query_one("SELECT count(*) FROM arrival", (), |row| row.get(0)).unwrap();
            if book.is_time_to_settle() {
                assert!(number >= MANY);
                book.settle_due().unwrap();
            }
            kept
        };
        for together in [1, 100, 128, 500] {
            let steps = 3 * MANY / together.max(50);
            let kept = (0..steps).map(|_| come(together)).max().unwrap();
            assert!(kept < 2 * MANY, "{kept} where {together} come together");
        }
        assert!(number > 6 * MANY, "{number}");
        let rounds =
            "SELECT count(*) FROM triplet AS t JOIN triplet AS next ON next.id = t.id + 1 WHERE t.client > next.client";
        let rounds: usize = book.query_one(rounds, (), |row| row.get(0)).unwrap();
        assert!((3..=number / MANY).contains(&rounds), "{rounds}");
    }

    #[test]
    fn whoever_moves_them_all_on_comes_to_an_end_however_many_come_meanwhile() {
        for together in [1, 250, 500, 3_000] {
            let directory = tempfile::tempdir().unwrap();
            let book = book(directory.path());
            book.execute_batch("BEGIN").unwrap();
            let mut number = 0;
            arrive_together(&book, &mut number, 5_000);
            let mut steps = 0;
            while !book.settle_some(500).unwrap() {
                arrive_together(&book, &mut number, together);
                steps += 1;
                assert!(steps < 100, "while {together} come");
            }
        }
    }

    #[test]
    fn it_is_put_off_for_a_while_but_not_for_ever() {
        let directory = tempfile::tempdir().unwrap();
        let book = book(directory.path());
        book.execute_batch("BEGIN").unwrap();
        for number in 0..2 * MANY {
            assert!(!book.is_high_time_to_settle());
            book.append("c", &attempt("n", &number.to_string()), 0).unwrap();
        }
        assert!(book.is_high_time_to_settle());
        book.settle_some(AT_A_TIME).unwrap();
        assert!(!book.is_high_time_to_settle());
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
        settle_all(&theirs);
        ours.begun().unwrap();
        assert_eq!((ours.count_arrivals("a"), rows(&ours)), (Ok((0, 0)), (2, 2, 2, 0)));
    }

    #[test]
    fn what_was_rolled_back_has_not_arrived() {
        let directory = tempfile::tempdir().unwrap();
        let book = book(directory.path());
        arrive(&book, "a", "1");
        let settle: [fn(&Book); 3] = [
            |book| book.settle_key(["a", "1", "r"]).unwrap(),
            |book| assert_eq!(book.settle_some(1), Ok(false)),
            settle_all,
        ];
        for settle in settle {
            book.execute_batch("BEGIN IMMEDIATE").unwrap();
            arrive(&book, "a", "2");
            settle(&book);
            book.execute_batch("ROLLBACK").unwrap();
            book.rolled_back();
            assert_eq!((book.count_arrivals("a"), rows(&book)), (Ok((1, 1)), (0, 0, 0, 1)));
        }
    }
}
