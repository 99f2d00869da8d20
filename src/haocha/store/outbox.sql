-- The outbox (migrations/0013_sync.sql). `now` is always a parameter.
-- No row is put off for an hour: one that is to wait longer was put off, or recorded, by a clock that was set back since.
-- section: query in_turn
-- $1 peer. Held until the commit: what is accepted in one transaction and needed in another must see each other.
SELECT pg_advisory_xact_lock(7123, hashtext($1))
-- section: query enqueue
-- $1 peers … $14 states. What it needs is there where it was accepted or goes with it; what is not, is held.
WITH n AS MATERIALIZED (
  SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::uuid[], $8::int[],
                       $9::text[], $10::text[], $11::smallint[], $12::date[], $13::timestamptz[], $14::text[])
    AS n(peer, position, kind, key, needs, lane, stream, version, area, pf, level, day, recorded_at, state))
INSERT INTO sync.outbox (peer, position, kind, key, needs, lane, stream, version, area, pf, level, day, recorded_at, next_at, state)
SELECT peer, position, kind, key, needs, lane, stream, version, area, pf, level, day, recorded_at, recorded_at,
       CASE WHEN n.state <> 'waiting' OR n.needs IS NULL
              OR EXISTS (SELECT FROM sync.outbox o
                          WHERE o.peer = n.peer AND o.key = n.needs AND o.state IN ('accepted', 'local'))
            THEN n.state
            WHEN EXISTS (SELECT FROM sync.outbox o
                          WHERE o.peer = n.peer AND o.key = n.needs AND o.state = 'notReportable')
              OR EXISTS (SELECT FROM n AS f WHERE f.peer = n.peer AND f.key = n.needs AND f.state = 'notReportable')
            THEN 'notReportable' ELSE 'held' END
  FROM n ORDER BY peer, position
ON CONFLICT ON CONSTRAINT outbox_row DO NOTHING
-- section: query release
-- $1 peers, $2 keys that are accepted now, or go with what needs them
UPDATE sync.outbox o SET state = 'waiting', ended_at = NULL, code = '', words = ''
  FROM (SELECT DISTINCT peer, key FROM unnest($1::text[], $2::text[]) AS d(peer, key)) d
 WHERE o.peer = d.peer AND o.needs = d.key AND o.state IN ('held', 'noService', 'notReportable')
-- section: query with_it
-- $1 peer, $2 keys that there is no form for, $3 now. What needs them has none either.
WITH RECURSIVE formless(key) AS (
  SELECT unnest($2::text[])
  UNION
  SELECT o.key FROM formless f JOIN sync.outbox o ON o.peer = $1 AND o.needs = f.key AND o.state IN ('held', 'noService'))
UPDATE sync.outbox SET state = 'notReportable', ended_at = $3
 WHERE peer = $1 AND needs IN (SELECT key FROM formless) AND state IN ('held', 'noService')
-- section: query oldest
-- $1 peer, $2 after, $3 now, $4 how many. The first of a case is looked up row by row, whatever the planner thinks of a
-- table that just filled: as an anti-join it took seconds.
SELECT position, kind, key, lane, stream, version, recorded_at, attempts, next_at FROM sync.outbox o
 WHERE peer = $1 AND state = 'waiting' AND position > $2 AND (next_at <= $3 OR next_at > $3 + interval '1 hour')
   AND position = (SELECT e.position FROM sync.outbox e
                    WHERE e.peer = $1 AND e.lane = o.lane AND e.state = 'waiting' ORDER BY e.position LIMIT 1)
 ORDER BY position LIMIT $4
-- section: query newest
-- $1 peer, $2 now, $3 how many
SELECT position, kind, key, lane, stream, version, recorded_at, attempts, next_at FROM sync.outbox o
 WHERE peer = $1 AND state = 'waiting' AND (next_at <= $2 OR next_at > $2 + interval '1 hour')
   AND position = (SELECT e.position FROM sync.outbox e
                    WHERE e.peer = $1 AND e.lane = o.lane AND e.state = 'waiting' ORDER BY e.position LIMIT 1)
 ORDER BY position DESC LIMIT $3
-- section: query following
-- $1 peer, $2 cases, $3 now
SELECT o.position, o.kind, o.key, o.lane, o.stream, o.version, o.recorded_at, o.attempts, o.next_at
  FROM (SELECT DISTINCT unnest($2::text[]) AS lane) l
  CROSS JOIN LATERAL (SELECT * FROM sync.outbox w WHERE w.peer = $1 AND w.lane = l.lane AND w.state = 'waiting'
                       ORDER BY w.position LIMIT 1) o
 WHERE o.next_at <= $3 OR o.next_at > $3 + interval '1 hour' ORDER BY o.position
-- section: query settle
-- $1 peer, $2 positions, $3 states, $4 next, $5 duplicate, $6 adjusted, $7 receipts, $8 codes, $9 words, $10 now
UPDATE sync.outbox o
   SET state = s.state, next_at = s.next_at, attempts = o.attempts + 1, duplicate = s.duplicate, adjusted = s.adjusted,
       receipt = coalesce(nullif(s.receipt, ''), o.receipt), code = s.code, words = s.words,
       ended_at = CASE WHEN s.state = 'waiting' THEN NULL ELSE $10::timestamptz END
  FROM unnest($2::bigint[], $3::text[], $4::timestamptz[], $5::bool[], $6::bool[], $7::text[], $8::text[], $9::text[])
    AS s(position, state, next_at, duplicate, adjusted, receipt, code, words)
 WHERE o.peer = $1 AND o.position = s.position AND o.state = 'waiting'
RETURNING o.key, o.state
-- section: query needed_again
-- $1 peer, $2 position, $3 now, $4 how often. The latest of what the row needs goes out again, once more where the row is
-- tried for the first time or again by hand; what is on its way already stays so.
UPDATE sync.outbox o
   SET state = CASE o.state WHEN 'accepted' THEN 'waiting' ELSE o.state END,
       next_at = CASE o.state WHEN 'accepted' THEN $3 ELSE o.next_at END, ended_at = NULL
 WHERE o.peer = $1 AND o.position = (
   SELECT s.position FROM sync.outbox s JOIN sync.outbox r ON r.peer = s.peer AND r.needs = s.key
    WHERE r.peer = $1 AND r.position = $2
      AND (s.state IN ('waiting', 'held')
        OR s.state = 'accepted' AND (r.attempts = 0 OR (
             SELECT count(*) FROM sync.receipts e
              WHERE e.peer = $1 AND e.position = s.position AND e.ended_at > coalesce(r.again_at, r.recorded_at)) < $4))
    ORDER BY s.position DESC LIMIT 1)
RETURNING o.position
-- section: query hold_again
-- $1 peer, $2 position, $3 now, $4 code, $5 words
UPDATE sync.outbox SET state = 'held', next_at = $3, attempts = attempts + 1, code = $4, words = $5
 WHERE peer = $1 AND position = $2 AND state = 'waiting'
-- section: query give_up_waiting
-- $1 peer, $2 recorded before, $3 now. Not while what they need is itself on its way: then the platform is late, not it.
UPDATE sync.outbox o SET state = 'noService', ended_at = $3
 WHERE peer = $1 AND state = 'held' AND recorded_at < $2
   AND NOT EXISTS (SELECT FROM sync.outbox s WHERE s.peer = $1 AND s.key = o.needs AND s.state IN ('waiting', 'held'))
