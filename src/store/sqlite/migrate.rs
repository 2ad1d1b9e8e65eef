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
    include_str!("../../../migrations/0007_verdicts_without_a_list.sql"),
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

/// Brings the schema up to date, each step in a transaction of its own. After an error the connection is of no more use: a step
/// may have left a setting behind.
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

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str =
        "INSERT INTO journal (time, client, helo, sender, recipient, check_name, reason, observed, verdict,
                                               action, evidence, elapsed_us)
                          VALUES (0, '', '', '', '', '', '', 0, ?1, '', '', 0)";

    #[test]
    fn a_record_is_checked_without_a_table_of_verdicts() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        let is_writable: i64 = connection.pragma_query_value(None, "writable_schema", |row| row.get(0)).unwrap();
        assert_eq!(is_writable, 0);
        let mut explained = connection.prepare(&format!("EXPLAIN {RECORD}")).unwrap();
        let steps: Vec<String> =
            explained.query_map(["pass"], |row| row.get(1)).unwrap().collect::<Result<_, _>>().unwrap();
        assert!(steps.iter().any(|step| step == "Insert") && !steps.iter().any(|step| step == "OpenEphemeral"));
        for verdict in ["pass", "defer", "reject"] {
            connection.execute(RECORD, [verdict]).unwrap();
        }
        for nonsense in ["", "PASS", "passed"] {
            let error = connection.execute(RECORD, [nonsense]).unwrap_err().to_string();
            assert!(error.contains("CHECK constraint failed"), "{nonsense}: {error}");
        }
    }

    #[test]
    fn whoever_has_the_database_open_notices_the_change() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("postward.db");
        let mut connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "journal_mode", "wal").unwrap();
        for sql in MIGRATIONS.iter().take(6) {
            connection.execute_batch(sql).unwrap();
        }
        connection.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        connection.pragma_update(None, "user_version", 6).unwrap();
        let other = Connection::open(&path).unwrap();
        let mut remembered = other.prepare(RECORD).unwrap();
        remembered.execute(["pass"]).unwrap();
        let before: i64 = other.pragma_query_value(None, "schema_version", |row| row.get(0)).unwrap();
        migrate(&mut connection).unwrap();
        remembered.execute(["defer"]).unwrap();
        assert!(remembered.execute(["nonsense"]).is_err());
        let after: i64 = other.pragma_query_value(None, "schema_version", |row| row.get(0)).unwrap();
        assert!(after > before);
        let checked: String = other.query_one("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
        assert_eq!(checked, "ok");
        assert_eq!(other.query_one("SELECT count(*) FROM journal", (), |row| row.get(0)), Ok(2));
    }
}
