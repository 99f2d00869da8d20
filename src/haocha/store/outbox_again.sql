-- Reports sent once more because somebody says so (migrations/0013_sync.sql, 0017_again.sql). `now` is always a parameter.
-- section: query retry
-- $1 peer, $2 positions, $3 code, $4 words, $5 what areas begin with, null for any, $6 after, $7 how many, $8 now.
-- What needs something that is not accepted is held again.
WITH chosen AS MATERIALIZED (
  SELECT peer, position FROM sync.outbox
   WHERE peer = $1 AND state = 'dead' AND ($2::bigint[] IS NULL OR position = ANY ($2))
     AND ($3::text IS NULL OR code = $3) AND ($4::text IS NULL OR words = $4)
     AND ($5::text IS NULL OR starts_with(area, $5)) AND position > $6
   ORDER BY position LIMIT $7)
UPDATE sync.outbox o
   SET state = CASE WHEN o.needs IS NULL
                      OR EXISTS (SELECT FROM sync.outbox n
                                  WHERE n.peer = o.peer AND n.key = o.needs AND n.state IN ('accepted', 'local'))
                    THEN 'waiting' ELSE 'held' END,
       attempts = 0, next_at = $8, ended_at = NULL
  FROM chosen c WHERE o.peer = c.peer AND o.position = c.position AND o.state = 'dead'
RETURNING o.position
-- section: query accepted
-- $1 peer, $2 from, $3 to, $4 level or null. What was accepted of these days; a level has ratings and 追评 only.
SELECT position FROM sync.outbox
 WHERE peer = $1 AND day BETWEEN $2 AND $3 AND state = 'accepted'
   AND ($4::smallint IS NULL OR (level = $4 AND kind IN ('rating', 'supplement')))
 ORDER BY position
-- section: query again
-- $1 peer, $2 positions, $3 now. A service record may be younger than its rating: what needs one of these, or something that
-- is on its way, is held.
UPDATE sync.outbox o
   SET state = CASE WHEN EXISTS (SELECT FROM sync.outbox n
                                  WHERE n.peer = $1 AND n.key = o.needs
                                    AND (n.state IN ('waiting', 'held') OR n.state = 'accepted' AND n.position = ANY ($2)))
                    THEN 'held' ELSE 'waiting' END,
       again_at = $3, next_at = $3, attempts = 0, ended_at = NULL
 WHERE o.peer = $1 AND o.position = ANY ($2) AND o.state = 'accepted'
RETURNING o.position
