//! Databases with a past.

use std::path::Path;

use jiff::Timestamp;
use postward::store::sqlite::Sqlite;
use rusqlite::{Connection, params};

/// Triplets of which half have lapsed, and of the others a tenth waits.
pub(crate) fn triplets(path: &Path, count: u64) {
    let database = open(path);
    // Sorting ten million rows once for each index is much faster than finding the place of each.
    let derived = without_what_is_derived(&database);
    let sql = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
        INSERT INTO triplet (client, sender, recipient, network, passed, first_seen, last_seen, attempts, instance)
        SELECT network, printf('%x', n * 2654435761 % 4294967296) || '@example.org', 'bob@example.net', network,
               n % 20 <> 0, seen, seen, 1, ''
        FROM (SELECT n, printf('2001:db8:0:%x::/64', n * 40503 % 65536) AS network, ?2 - (n % 2) * 8640000 AS seen FROM n)";
    database.execute(sql, params![count, Timestamp::now().as_second()]).unwrap();
    let sum_up = "INSERT INTO network SELECT network, count(*) FROM triplet WHERE passed = 0 GROUP BY network;
        UPDATE counter SET value = (SELECT count(*) FROM triplet WHERE passed = 0) WHERE name = 'waiting';";
    database.execute_batch(&[sum_up, &*derived].concat()).unwrap();
}

/// List entries: half of them networks of clients, half domains of senders.
pub(crate) fn entries(path: &Path, count: u64) {
    let sql = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
        INSERT INTO entry (client, sender, action)
        SELECT iif(n % 2, printf('2001:db8:%x:%x::/64', 256 + n / 65536, n % 65536), NULL),
               iif(n % 2, NULL, printf('host-%d.example.com', n)), 'suspect' FROM n";
    let database = open(path);
    database.execute(sql, [count]).unwrap();
    database.execute("UPDATE counter SET value = value + 1 WHERE name = 'generation'", ()).unwrap();
}

fn open(path: &Path) -> Connection {
    Sqlite::serve(path).unwrap().close();
    let database = Connection::open(path).unwrap();
    database.execute_batch("PRAGMA synchronous = off; PRAGMA cache_size = -262144;").unwrap();
    database
}

/// Removes indexes and triggers of the triplets; answers how to get them back.
fn without_what_is_derived(database: &Connection) -> String {
    let sql = "SELECT type, name, sql FROM sqlite_schema
               WHERE tbl_name = 'triplet' AND type IN ('index', 'trigger') AND sql IS NOT NULL";
    let mut statement = database.prepare(sql).unwrap();
    let derived = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    let derived: Vec<(String, String, String)> = derived.map(Result::unwrap).collect();
    for (kind, name, _) in &derived {
        database.execute_batch(&format!("DROP {kind} {name}")).unwrap();
    }
    derived.into_iter().map(|(_, _, sql)| sql + ";\n").collect()
}
