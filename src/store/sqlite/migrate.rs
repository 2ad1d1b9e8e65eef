//! The schema and its versions.

use rusqlite::{Connection, TransactionBehavior};

use super::trouble::Trouble;

/// Every step of the schema, in order; `PRAGMA user_version` says how many were taken.
const MIGRATIONS: &[&str] = &[
    include_str!("../../../migrations/0001_greylist_and_lists.sql"),
    include_str!("../../../migrations/0002_journal.sql"),
    include_str!("../../../migrations/0003_waiting_without_a_trigger.sql"),
    include_str!("../../../migrations/0004_waiting_and_passed_apart.sql"),
    include_str!("../../../migrations/0005_arrivals.sql"),
    include_str!("../../../migrations/0006_arrivals_in_the_order_of_the_indexes.sql"),
];

/// `PRAGMA application_id`: "pstw". It tells our databases from those of others (file(1) shows it).
const APPLICATION_ID: i64 = 0x7073_7477;

/// Whose database it is, and how old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schema {
    /// Nothing is in it yet.
    Empty,
    /// Ours, of this version.
    Version(usize),
    /// Somebody else's.
    Foreign,
}

/// The version this program writes.
pub(super) const fn newest() -> usize {
    MIGRATIONS.len()
}

/// Looks without touching.
pub(super) fn inspect(connection: &Connection) -> rusqlite::Result<Schema> {
    // One statement sees one state, also while another process is creating the schema.
    let sql = "SELECT (SELECT count(*) FROM sqlite_schema), application_id, user_version
               FROM pragma_application_id, pragma_user_version";
    let seen = connection.query_one(sql, (), |row| Ok((row.get(1)?, row.get(2)?, row.get(0)?)))?;
    Ok(match seen {
        (APPLICATION_ID, version, _) => usize::try_from(version).map_or(Schema::Foreign, Schema::Version),
        (0, 0, 0) => Schema::Empty,
        _ => Schema::Foreign,
    })
}

/// Brings the schema up to date, each step in a transaction of its own.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), Trouble> {
    while step(connection)? {}
    Ok(())
}

/// Takes the next step; answers whether there was one. Another process may be doing the same, so the version is read
/// again under the lock.
fn step(connection: &mut Connection) -> Result<bool, Trouble> {
    if current(inspect(connection)?)? == newest() {
        return Ok(false);
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version = current(inspect(&transaction)?)?;
    if let Some(sql) = MIGRATIONS.get(version) {
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", i64::try_from(version + 1).unwrap_or(i64::MAX))?;
    }
    transaction.commit()?;
    Ok(true)
}

/// How many steps the database has behind it, unless it is beyond us.
pub(super) fn current(schema: Schema) -> Result<usize, Trouble> {
    match schema {
        Schema::Empty => Ok(0),
        Schema::Version(version) if version <= newest() => Ok(version),
        Schema::Version(version) => Err(Trouble::Unusable(format!(
            "it has schema version {version}, and this postward knows only up to version {}: use the newer postward",
            newest()
        ))),
        Schema::Foreign => Err(Trouble::Unusable("it belongs to another program".to_owned())),
    }
}
