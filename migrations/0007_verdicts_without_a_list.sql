-- SQLite makes a table of a list of three values in a CHECK, for every row that is written anew: that took longer than the row.
-- What the CHECK says stays the same, so that the rows need not be written again (https://sqlite.org/lang_altertable.html#otheralter).
PRAGMA writable_schema = ON;
UPDATE sqlite_schema
SET sql = replace(sql, 'CHECK (verdict IN (''pass'', ''defer'', ''reject''))',
                       'CHECK (verdict = ''pass'' OR verdict = ''defer'' OR verdict = ''reject'')')
WHERE type = 'table' AND name = 'journal';
-- Reads the schema again, and by a change of the usual kind has everybody else do so.
PRAGMA writable_schema = RESET;
CREATE VIEW changed AS SELECT NULL;
DROP VIEW changed;
