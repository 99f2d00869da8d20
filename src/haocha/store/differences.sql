-- What reconciliations found (migrations/0016_reconcile.sql), and sending again what is missing. `now` is always a parameter.
-- section: query days
-- $1 peer, null for all, $2 from, $3 to, $4 what areas begin with, null for all, $5 before (peer, day), $6 of it, $7 how many.
-- The latest run of each day, with what is unsettled by now.
SELECT r.id, r.peer, r.day, r.source, r.taken_at, r.ended_at, r.late, c.ours, c.theirs, c.unequal,
       d.missing, d.altered, d.extra, d.doubled, d.unsent, d.resent, d.settled
  FROM (SELECT DISTINCT ON (day, peer) * FROM sync.reconciliations
         WHERE ($1::text IS NULL OR peer = $1) AND day BETWEEN $2 AND $3
         ORDER BY day DESC, peer, id DESC) r
  CROSS JOIN LATERAL (
    SELECT coalesce(sum(ours), 0)::bigint AS ours, coalesce(sum(theirs), 0)::bigint AS theirs,
           count(*) FILTER (WHERE (ours, ours_digest) <> (theirs, theirs_digest)) AS unequal
      FROM sync.reconciled WHERE run = r.id AND ($4::text IS NULL OR starts_with(area, $4))) c
  CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE found = 'missing' AND state <> 'settled') AS missing,
           count(*) FILTER (WHERE found = 'altered' AND state <> 'settled') AS altered,
           count(*) FILTER (WHERE found = 'extra' AND state <> 'settled') AS extra,
           count(*) FILTER (WHERE found = 'doubled' AND state <> 'settled') AS doubled,
           count(*) FILTER (WHERE found = 'missing' AND state = 'open') AS unsent,
           count(*) FILTER (WHERE state = 'resent') AS resent, count(*) FILTER (WHERE state = 'settled') AS settled
      FROM sync.differences WHERE peer = r.peer AND day = r.day AND ($4::text IS NULL OR starts_with(area, $4))) d
 WHERE $5::date IS NULL OR r.day < $5 OR (r.day = $5 AND r.peer > $6)
 ORDER BY r.day DESC, r.peer LIMIT $7
-- section: query cells
-- $1 runs, $2 what areas begin with, null for all. Where both sides do not hold the same.
SELECT run, area, pf, level, ours, theirs, ours_digest, theirs_digest FROM sync.reconciled
 WHERE run = ANY ($1) AND (ours, ours_digest) <> (theirs, theirs_digest) AND ($2::text IS NULL OR starts_with(area, $2))
 ORDER BY run, area, pf, level
-- section: query differences
-- $1 peer, $2 day, $3 found, null for all, $4 states, $5 what areas begin with, null for all, $6 after, $7 how many
SELECT id, peer, day, key, found, position, area, pf, level, their_level, here, state, found_at, resent_at, resent_by, settled_at
  FROM sync.differences
 WHERE peer = $1 AND day = $2 AND ($3::text IS NULL OR found = $3) AND state = ANY ($4)
   AND ($5::text IS NULL OR starts_with(area, $5)) AND id > $6
 ORDER BY id LIMIT $7
-- section: query chosen
-- $1 ids, null for all of $2 peer and $3 day that are missing, $4 what areas begin with, null for all, $5 after, $6 how many.
-- What can be sent again: what we hold and what is not settled.
SELECT id, peer, position FROM sync.differences
 WHERE (id = ANY ($1) OR ($1::bigint[] IS NULL AND peer = $2 AND day = $3 AND found = 'missing' AND state = 'open'))
   AND found IN ('missing', 'altered') AND state <> 'settled' AND position IS NOT NULL
   AND ($4::text IS NULL OR starts_with(area, $4)) AND id > $5
 ORDER BY id LIMIT $6
-- section: services
-- $1 peer, $2 positions of ratings, $3 now. The latest service record behind each goes first, where it goes by itself.
UPDATE sync.outbox s SET state = 'waiting', again_at = $3, next_at = $3, attempts = 0, ended_at = NULL
  FROM sync.outbox r
 WHERE r.peer = $1 AND r.position = ANY ($2) AND r.kind = 'rating' AND r.state = 'accepted'
   AND s.peer = $1 AND s.state = 'accepted' AND s.kind = 'service'
   AND s.position = (SELECT max(l.position) FROM sync.outbox l
                      WHERE l.peer = $1 AND l.key = 'service' || substr(r.key, length(r.kind) + 1) AND l.state = 'accepted')
-- section: rows
-- $1 peer, $2 positions, $3 now, $4 kind. What needs something that is on its way is held until that is taken.
UPDATE sync.outbox o
   SET state = CASE WHEN EXISTS (SELECT FROM sync.outbox n WHERE n.peer = $1 AND n.key = o.needs AND n.state IN ('waiting', 'held'))
                    THEN 'held' ELSE 'waiting' END,
       again_at = $3, next_at = $3, attempts = 0, ended_at = NULL
 WHERE o.peer = $1 AND o.position = ANY ($2) AND o.kind = $4 AND o.state = 'accepted'
-- section: query resent
-- $1 ids, $2 now, $3 by whom
UPDATE sync.differences SET state = 'resent', resent_at = $2, resent_by = $3 WHERE id = ANY ($1) RETURNING id
