-- Triplets that wait and those that have passed are found by indexes of their own. New triplets come in no order: each changes
-- another page of the index that it goes into. Those that wait are few and their pages at hand, however many have passed.
DROP INDEX triplet_key;
CREATE UNIQUE INDEX triplet_key_waiting ON triplet (client, sender, recipient) WHERE passed = 0;
CREATE UNIQUE INDEX triplet_key_passed ON triplet (client, sender, recipient) WHERE passed = 1;
