-- Reconciliation of one day with one peer (migrations/0016_reconcile.sql). Both sides are laid into temporary tables.
-- section: query alone
-- $1 peer. Held as long as the connection lives, or until `over`.
SELECT pg_try_advisory_lock(7125, hashtext($1))
-- section: query over
-- $1 peer
SELECT pg_advisory_unlock(7125, hashtext($1))
-- section: tables
CREATE TEMP TABLE IF NOT EXISTS reconciling_theirs (
  no bigint PRIMARY KEY, key text NOT NULL, area text NOT NULL, pf text NOT NULL, level smallint NOT NULL,
  digest text NOT NULL, again bool NOT NULL DEFAULT false, here text, position bigint);
CREATE INDEX IF NOT EXISTS reconciling_theirs_key ON reconciling_theirs (key);
CREATE TEMP TABLE IF NOT EXISTS reconciling_ours (
  position bigint PRIMARY KEY, kind text NOT NULL, key text NOT NULL, lane text NOT NULL, stream uuid NOT NULL,
  version int NOT NULL, recorded_at timestamptz NOT NULL, attempts int NOT NULL, next_at timestamptz NOT NULL,
  area text NOT NULL, pf text NOT NULL, level smallint NOT NULL, adjusted bool NOT NULL, ended_at timestamptz NOT NULL,
  digest text NOT NULL DEFAULT '', erased bool NOT NULL DEFAULT false, expected bool NOT NULL DEFAULT false);
CREATE INDEX IF NOT EXISTS reconciling_ours_key ON reconciling_ours (key);
CREATE TEMP TABLE IF NOT EXISTS reconciling_found (
  key text NOT NULL, found text NOT NULL, position bigint, area text NOT NULL, pf text NOT NULL, level smallint NOT NULL,
  their_level smallint, here text NOT NULL, PRIMARY KEY (key, found));
TRUNCATE reconciling_theirs, reconciling_ours, reconciling_found
-- section: query known
-- $1 peer, $2 keys
SELECT DISTINCT key FROM sync.outbox WHERE peer = $1 AND key = ANY ($2)
-- section: counted
ANALYZE reconciling_theirs
-- section: look_up
-- $1 peer. What each of theirs is here; the accepted row where there are several. The second of a key is one too many.
UPDATE reconciling_theirs t
   SET again = EXISTS (SELECT FROM reconciling_theirs e WHERE e.key = t.key AND e.no < t.no),
       (here, position) = (SELECT o.state, o.position FROM sync.outbox o WHERE o.peer = $1 AND o.key = t.key
                            ORDER BY o.state = 'accepted' DESC, o.position DESC LIMIT 1)
-- section: gather
-- $1 peer, $2 day. What was accepted of that day, and of other days what they hold of it.
INSERT INTO reconciling_ours
SELECT position, kind, key, lane, stream, version, recorded_at, attempts, next_at, area, pf, level, adjusted, ended_at
  FROM sync.outbox WHERE peer = $1 AND day = $2 AND kind IN ('rating', 'supplement') AND state = 'accepted'
UNION
SELECT o.position, kind, o.key, lane, stream, version, recorded_at, attempts, next_at, o.area, o.pf, o.level, adjusted, ended_at
  FROM reconciling_theirs t JOIN sync.outbox o ON o.peer = $1 AND o.position = t.position
 WHERE o.state = 'accepted'
-- section: query how_many
SELECT count(*) FROM reconciling_ours
-- section: query page
-- $1 after, $2 how many
SELECT position, kind, key, lane, stream, version, recorded_at, attempts, next_at, adjusted, ended_at
  FROM reconciling_ours WHERE position > $1 ORDER BY position LIMIT $2
-- section: say
-- $1 positions, $2 digests, $3 erased, $4 expected
UPDATE reconciling_ours o SET digest = s.digest, erased = s.erased, expected = s.expected
  FROM unnest($1::bigint[], $2::text[], $3::bool[], $4::bool[]) AS s(position, digest, erased, expected)
 WHERE o.position = s.position
-- section: query our_page
-- $1 after, $2 how many. What we expect over there; of what is erased here, theirs stands for ours.
SELECT o.position, o.area, o.pf, o.level,
       CASE WHEN o.erased AND t.level = o.level AND t.pf = o.pf THEN t.digest ELSE o.digest END AS digest
  FROM reconciling_ours o LEFT JOIN reconciling_theirs t ON t.key = o.key AND NOT t.again
 WHERE o.position > $1 AND (o.expected OR t.key IS NOT NULL) ORDER BY o.position LIMIT $2
-- section: query their_page
-- $1 after, $2 how many. What they hold, but what is late.
SELECT t.no, coalesce(o.area, t.area) AS area, t.pf, t.level, t.digest
  FROM reconciling_theirs t LEFT JOIN reconciling_ours o ON o.key = t.key
 WHERE t.no > $1 AND (t.here IS NULL OR t.here IN ('accepted', 'dead', 'notReportable')) ORDER BY t.no LIMIT $2
-- section: query sides
SELECT (SELECT count(*) FROM reconciling_ours o
         WHERE o.expected OR EXISTS (SELECT FROM reconciling_theirs t WHERE t.key = o.key)) AS ours,
       (SELECT count(*) FROM reconciling_theirs) AS theirs,
       (SELECT count(*) FROM reconciling_theirs WHERE here NOT IN ('accepted', 'dead', 'notReportable')) AS late
-- section: find
-- The differences: not there though accepted, there with other content, there and not ours, there more than once.
INSERT INTO reconciling_found
SELECT o.key, 'missing', o.position, o.area, o.pf, o.level, NULL::smallint, ''
  FROM reconciling_ours o
 WHERE o.expected AND NOT EXISTS (SELECT FROM reconciling_theirs t WHERE t.key = o.key)
UNION ALL
SELECT o.key, 'altered', o.position, o.area, o.pf, o.level, t.level, ''
  FROM reconciling_ours o JOIN reconciling_theirs t ON t.key = o.key AND NOT t.again
 WHERE CASE WHEN o.erased THEN t.level <> o.level OR t.pf <> o.pf ELSE t.digest <> o.digest END
UNION ALL
SELECT t.key, 'extra', t.position, t.area, t.pf, t.level, t.level, coalesce(t.here, '')
  FROM reconciling_theirs t WHERE NOT t.again AND (t.here IS NULL OR t.here IN ('dead', 'notReportable'))
UNION ALL
SELECT t.key, 'doubled', min(t.position), min(t.area), min(t.pf), min(t.level), min(t.level), coalesce(min(t.here), '')
  FROM reconciling_theirs t WHERE t.again GROUP BY t.key
-- section: query found
SELECT found, count(*) AS n FROM reconciling_found GROUP BY found
-- section: query run
-- $1 peer, $2 day, $3 source, $4 taken, $5 now, $6 ours, $7 theirs, $8 late, $9 missing, $10 altered, $11 extra, $12 doubled
INSERT INTO sync.reconciliations (peer, day, source, taken_at, ended_at, ours, theirs, late, missing, altered, extra, doubled)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id
-- section: forget_cells
-- $1 peer, $2 day
DELETE FROM sync.reconciled c USING sync.reconciliations r WHERE r.id = c.run AND r.peer = $1 AND r.day = $2
-- section: cells
-- $1 run, $2 areas … $8 their digests
INSERT INTO sync.reconciled
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::smallint[], $5::bigint[], $6::bigint[], $7::text[], $8::text[])
-- section: differences
-- $1 peer, $2 day, $3 run, $4 now. One that was settled is open again; one that was sent again and is still there is open, too.
INSERT INTO sync.differences AS d (peer, day, key, found, position, area, pf, level, their_level, here, run, found_at)
SELECT $1, $2, f.*, $3, $4 FROM reconciling_found f
ON CONFLICT ON CONSTRAINT differences_key DO UPDATE
   SET run = excluded.run, position = excluded.position, area = excluded.area, pf = excluded.pf, level = excluded.level,
       their_level = excluded.their_level, here = excluded.here, state = 'open', settled_at = NULL,
       found_at = CASE WHEN d.state = 'settled' THEN excluded.found_at ELSE d.found_at END
-- section: settled
-- $1 peer, $2 day, $3 run, $4 now. Gone: what was missing is there, what was altered is as ours or missing, what was too many
-- is not there. While our row is on its way once more, what was altered stays.
UPDATE sync.differences d SET state = 'settled', settled_at = $4
 WHERE d.peer = $1 AND d.day = $2 AND d.run <> $3 AND d.state <> 'settled'
   AND CASE d.found
         WHEN 'missing' THEN EXISTS (SELECT FROM reconciling_theirs t WHERE t.key = d.key)
         WHEN 'altered' THEN NOT EXISTS (SELECT FROM sync.outbox o
                                          WHERE o.peer = $1 AND o.position = d.position AND o.state IN ('waiting', 'held'))
         ELSE true END
-- section: query last
-- $1 peer, $2 day. When both sides were last told by themselves.
SELECT max(taken_at) FROM sync.reconciliations WHERE peer = $1 AND day = $2 AND source = 'listing'
