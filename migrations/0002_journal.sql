-- What was decided: every refusal and deferral, every waiting triplet that passed, and what observed steps would have done.
-- A rowid table, appended to in the order of time. An id is never given twice: somebody may have written it down.
CREATE TABLE journal (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    time          INTEGER NOT NULL,
    client        TEXT    NOT NULL,
    client_name   TEXT,
    helo          TEXT    NOT NULL,
    sender        TEXT    NOT NULL,
    sender_key    TEXT,             -- as greylisting compares it, where that is not the address itself
    recipient     TEXT    NOT NULL,
    recipient_key TEXT,
    check_name    TEXT    NOT NULL,
    reason        TEXT    NOT NULL,
    observed      INTEGER NOT NULL CHECK (observed IN (0, 1)),
    verdict       TEXT    NOT NULL CHECK (verdict IN ('pass', 'defer', 'reject')),
    action        TEXT    NOT NULL,
    evidence      TEXT    NOT NULL,
    elapsed_us    INTEGER NOT NULL,
    thread        INTEGER           -- a number for the triplet: the same for all attempts of one conversation
) STRICT;

-- Both are small beside the rows, and the first only ever grows at its end. There are no indexes on names and addresses: they
-- would cost every deferral more than a search in some hundred thousand rows costs now and then.
CREATE INDEX journal_time ON journal (time);
CREATE INDEX journal_thread ON journal (thread) WHERE thread IS NOT NULL;

-- How each decision came about, apart from it, so that a search does not have to read over it.
CREATE TABLE journal_trace (
    id    INTEGER PRIMARY KEY,
    steps TEXT NOT NULL             -- JSON: [[check, mode, reason, consequence, evidence, microseconds], …]
) STRICT;

-- How often each thing was decided, in slots of time that begin at these moments. Who was let through is counted only here.
CREATE TABLE tally (
    slot       INTEGER NOT NULL,
    check_name TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    verdict    TEXT    NOT NULL,
    observed   INTEGER NOT NULL,
    passed     INTEGER NOT NULL,    -- whether the recipient passed in the end, whatever an observed step found
    number     INTEGER NOT NULL,
    PRIMARY KEY (slot, check_name, reason, verdict, observed, passed)
) STRICT, WITHOUT ROWID;

-- How long checks took: in each slot the answers that took less than 2^magnitude microseconds, and at least half of that.
CREATE TABLE timing (
    slot       INTEGER NOT NULL,
    check_name TEXT    NOT NULL,
    magnitude  INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    total_us   INTEGER NOT NULL,
    PRIMARY KEY (slot, check_name, magnitude)
) STRICT, WITHOUT ROWID;
