-- How reporting stands (migrations/0013_sync.sql): tallies, and reads that an index bounds. `now` is always a parameter.
-- section: query counts
-- $1 peers, $2 what the areas begin with, null for all
SELECT peer, kind, level, state, sum(n)::bigint AS n FROM sync.tallies
 WHERE peer = ANY ($1) AND ($2::text IS NULL OR starts_with(area, $2))
 GROUP BY peer, kind, level, state HAVING sum(n) <> 0
-- section: query oldest
-- $1 peers, $2 kinds, $3 what the areas begin with, null for all. Since when the first waits that could be sent.
SELECT p.peer, k.kind, l.level, o.since
  FROM unnest($1::text[]) AS p(peer) CROSS JOIN unnest($2::text[]) AS k(kind) CROSS JOIN generate_series(0, 5) AS l(level)
  CROSS JOIN LATERAL (
    SELECT coalesce(again_at, recorded_at) AS since FROM sync.outbox
     WHERE peer = p.peer AND kind = k.kind AND level = l.level AND state = 'waiting'
       AND ($3::text IS NULL OR starts_with(area, $3))
     ORDER BY coalesce(again_at, recorded_at) LIMIT 1) o
-- section: query delays
-- $1 peers, $2 after, $3 how many at most, $4 what the areas begin with, null for all. The last ones that were accepted.
SELECT p.peer, o.line, count(*) AS n,
       percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY o.seconds) AS seconds
  FROM unnest($1::text[]) AS p(peer)
  CROSS JOIN LATERAL (
    SELECT CASE kind WHEN 'service' THEN '0' WHEN 'rating' THEN level::text WHEN 'supplement' THEN level::text ELSE 'other' END
             AS line,
           extract(epoch FROM ended_at - coalesce(again_at, recorded_at))::float8 AS seconds
      FROM sync.outbox
     WHERE peer = p.peer AND state = 'accepted' AND ended_at > $2 AND ($4::text IS NULL OR starts_with(area, $4))
     ORDER BY ended_at DESC LIMIT $3) o
 GROUP BY p.peer, o.line
-- section: query recent
-- $1 peers, $2 after: how many were accepted since
SELECT peer, count(*) AS n FROM sync.outbox
 WHERE peer = ANY ($1) AND state = 'accepted' AND ended_at > $2 GROUP BY peer
-- section: query hours
-- $1 peer, $2 after, $3 what the areas begin with, null for all
SELECT date_trunc('hour', ended_at, 'UTC') AS hour, count(*) AS n FROM sync.outbox
 WHERE peer = $1 AND state = 'accepted' AND ended_at >= $2 AND ($3::text IS NULL OR starts_with(area, $3))
 GROUP BY 1
-- section: query differences
-- $1 peers, $2 what the areas begin with, null for all. What reconciliations found and no later one saw mended.
SELECT peer, count(*) AS n FROM sync.differences
 WHERE peer = ANY ($1) AND state <> 'settled' AND ($2::text IS NULL OR starts_with(area, $2)) GROUP BY peer
-- section: query senders
SELECT peer, dialect, version, rate, alive_at, answered_at, open_until, failures, error FROM sync.peers ORDER BY peer
-- section: query known
-- Whoever anything was ever to be sent to, by jumps in the index of tallies.
WITH RECURSIVE known AS (
  SELECT (SELECT min(peer) FROM sync.tallies) AS peer
   UNION ALL
  SELECT (SELECT min(peer) FROM sync.tallies t WHERE t.peer > known.peer) FROM known WHERE known.peer IS NOT NULL)
SELECT peer FROM known WHERE peer IS NOT NULL
