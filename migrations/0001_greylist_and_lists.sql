-- Times are seconds since 1970-01-01 UTC.

-- Who wrote, from where, to whom (RFC 6647 section 2.3). A rowid table, because its rows are then appended in
-- the order of their age, and indexes name them by a small number.
CREATE TABLE triplet (
    id         INTEGER PRIMARY KEY,
    client     TEXT    NOT NULL,
    sender     TEXT    NOT NULL,
    recipient  TEXT    NOT NULL,
    network    TEXT    NOT NULL,
    passed     INTEGER NOT NULL CHECK (passed IN (0, 1)),
    first_seen INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL,
    attempts   INTEGER NOT NULL,
    instance   TEXT    NOT NULL
) STRICT;

CREATE UNIQUE INDEX triplet_key ON triplet (client, sender, recipient);

-- Who gives way when too many wait: in one network, and in all.
CREATE INDEX triplet_waiting_in_network ON triplet (network, first_seen) WHERE passed = 0;
CREATE INDEX triplet_waiting ON triplet (first_seen) WHERE passed = 0;

-- Clients that passed at least once.
CREATE TABLE client (
    client       TEXT PRIMARY KEY,
    passes       INTEGER NOT NULL,
    last_counted INTEGER NOT NULL,
    last_seen    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How many triplets of each network wait. Kept by triggers: the daemon is not the only process that writes.
CREATE TABLE network (
    network TEXT PRIMARY KEY,
    waiting INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who gives way first when too many wait in all. Networks with few are left out: in a flood from everywhere keeping
-- them in this order would cost more than all the rest.
CREATE INDEX network_crowded ON network (waiting) WHERE waiting > 10;

-- `generation` grows with every change of the access lists, `revision` with every change of the greylist on
-- request, `waiting` is how many triplets wait; `probe` proves that the database can be written.
CREATE TABLE counter (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO counter VALUES ('generation', 1), ('probe', 0), ('revision', 1), ('waiting', 0);

CREATE TRIGGER triplet_waits AFTER INSERT ON triplet WHEN new.passed = 0 BEGIN
    INSERT INTO network VALUES (new.network, 1) ON CONFLICT (network) DO UPDATE SET waiting = waiting + 1;
    UPDATE counter SET value = value + 1 WHERE name = 'waiting';
END;

CREATE TRIGGER triplet_passes AFTER UPDATE OF passed ON triplet WHEN old.passed = 0 AND new.passed = 1 BEGIN
    UPDATE network SET waiting = waiting - 1 WHERE network = old.network;
    DELETE FROM network WHERE network = old.network AND waiting <= 0;
    UPDATE counter SET value = value - 1 WHERE name = 'waiting';
END;

CREATE TRIGGER triplet_goes AFTER DELETE ON triplet WHEN old.passed = 0 BEGIN
    UPDATE network SET waiting = waiting - 1 WHERE network = old.network;
    DELETE FROM network WHERE network = old.network AND waiting <= 0;
    UPDATE counter SET value = value - 1 WHERE name = 'waiting';
END;

-- The access lists. An id is never given twice: somebody may have written it down to remove it.
CREATE TABLE entry (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    client    TEXT,
    sender    TEXT,
    recipient TEXT,
    action    TEXT NOT NULL,
    text      TEXT,
    comment   TEXT,
    expires   INTEGER,
    source    TEXT
) STRICT;

-- NULL never equals NULL in a unique index; the number 0 stands for it, which no text equals.
CREATE UNIQUE INDEX entry_patterns
    ON entry (ifnull(source, 0), ifnull(recipient, 0), ifnull(sender, 0), ifnull(client, 0));
-- The sources that are read again and again. Rows that somebody imported once under a name of their own belong to none.
CREATE TABLE followed_source (
    name TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE INDEX entry_expires ON entry (expires) WHERE expires IS NOT NULL;
