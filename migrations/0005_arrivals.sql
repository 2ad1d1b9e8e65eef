-- Triplets that were tried once, in the order in which they came. To append one changes a page that is changed anyway; a place in
-- every index of `triplet` is another page each. So they are moved there many at a time, in the order of the indexes.
CREATE TABLE arrival (
    id         INTEGER PRIMARY KEY,
    client     TEXT    NOT NULL,
    sender     TEXT    NOT NULL,
    recipient  TEXT    NOT NULL,
    network    TEXT    NOT NULL,
    first_seen INTEGER NOT NULL,
    instance   TEXT    NOT NULL
) STRICT;
