-- Rows of the outbox as lists show them (migrations/0013_sync.sql).
-- section: query rows
-- $1 peer, $2 state, $3 kind, $4 level, $5 channel, $6 what areas begin with, $7 from, $8 to, $9 whether adjusted, $10 keys,
-- $11 code, $12 below, $13 how many; null is any. The newest first.
SELECT position, kind, key, needs, lane, stream, area, pf, level, day, recorded_at, state, attempts, next_at, ended_at,
       again_at, first_at, first_receipt, duplicate, adjusted, receipt, code, words
  FROM sync.outbox o LEFT JOIN LATERAL (
    SELECT ended_at AS first_at, receipt AS first_receipt FROM sync.receipts r
     WHERE r.peer = o.peer AND r.position = o.position ORDER BY ended_at LIMIT 1) f ON true
 WHERE peer = $1 AND ($2::text IS NULL OR state = $2) AND ($3::text IS NULL OR kind = $3)
   AND ($4::smallint IS NULL OR level = $4) AND ($5::text IS NULL OR pf = $5) AND ($6::text IS NULL OR starts_with(area, $6))
   AND ($7::date IS NULL OR day >= $7) AND ($8::date IS NULL OR day <= $8) AND ($9::bool IS NULL OR adjusted = $9)
   AND ($10::text[] IS NULL OR key = ANY ($10)) AND ($11::text IS NULL OR code = $11) AND ($12::bigint IS NULL OR position < $12)
 ORDER BY position DESC LIMIT $13
-- section: query reasons
-- $1 peer, $2 what areas begin with or null, $3 how many are looked at, the newest. The most frequent first; what has no
-- code is told apart by its words.
SELECT code, count(*) AS n, (array_agg(words ORDER BY position DESC))[1] AS words
  FROM (SELECT code, words, position FROM sync.outbox
         WHERE peer = $1 AND state = 'dead' AND ($2::text IS NULL OR starts_with(area, $2))
         ORDER BY position DESC LIMIT $3) dead
 GROUP BY code, CASE code WHEN '' THEN words END ORDER BY n DESC, code, words LIMIT 20
-- section: query receipts
-- $1 peer, $2 what areas begin with or null, $3 how many, $4 how many are looked at. What a platform took last.
SELECT position, kind, key, needs, lane, stream, area, pf, level, day, recorded_at, state, attempts, next_at, ended_at,
       again_at, NULL::timestamptz AS first_at, NULL::text AS first_receipt, duplicate, adjusted, receipt, code, words
  FROM (SELECT * FROM sync.outbox WHERE peer = $1 AND state = 'accepted' AND ended_at IS NOT NULL
         ORDER BY ended_at DESC LIMIT $4) taken
 WHERE $2::text IS NULL OR starts_with(area, $2)
 ORDER BY ended_at DESC LIMIT $3
