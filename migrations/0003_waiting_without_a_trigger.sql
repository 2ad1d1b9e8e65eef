-- Who lets a triplet wait counts it: a trigger on every new row cost a tenth of the time that it takes to remember an attempt.
-- When it waits no longer the other triggers still take it off, because that happens in many ways.
DROP TRIGGER triplet_waits;
