-- Arrivals are moved on a few at a time, in the order of the indexes, so that those that follow each other change the same pages.
-- To remove each from its place among the arrivals would change as many pages again: they are removed together, when all have
-- been moved that had arrived when the first of them was. Until then this says which have: those up to the arrival `last`,
-- as far as they are not behind this client and this arrival. No later arrival has an id that is not greater than `last`.
CREATE TABLE arrival_moved (
    client TEXT    NOT NULL,
    id     INTEGER NOT NULL,
    last   INTEGER NOT NULL
) STRICT;

INSERT INTO arrival_moved VALUES ('', 0, 0);

-- Those that have not been moved on.
CREATE VIEW arriving AS
    SELECT arrival.* FROM arrival_moved CROSS JOIN arrival
    WHERE arrival.id > arrival_moved.last
       OR (arrival.client, arrival.id) > (arrival_moved.client, arrival_moved.id);

-- Who is oldest of all that wait, to the hour or so: in an index by the very second those that are moved on together would be
-- scattered, while the hour is the same for most.
DROP INDEX triplet_waiting;
CREATE INDEX triplet_waiting ON triplet (first_seen / 4096) WHERE passed = 0;
