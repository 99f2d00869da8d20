-- What the score board asks of the read models (projections/*.sql); a board is a handful of these, never a fold of its own.
-- section: query health
-- The log's head, what the board's figures hold of it, and the newest backup. $1 checkpoints of the board's projections
SELECT head.upto AS head, held.recorded_at, held.seal, coalesce(marks.position, 0) AS position, marks.failed, marks.frozen,
       (SELECT recorded_at FROM log.commits WHERE upto > coalesce(marks.position, 0) ORDER BY upto LIMIT 1) AS waiting_since,
       (SELECT max(finished_at) FROM engine.backups) AS backup_at
  FROM (SELECT upto FROM log.commits ORDER BY upto DESC LIMIT 1) AS head
  CROSS JOIN (SELECT min(position) AS position, array_agg(name ORDER BY name) FILTER (WHERE state = 'failed') AS failed,
                     array_agg(name ORDER BY name) FILTER (WHERE state = 'frozen') AS frozen
                FROM engine.checkpoints WHERE name = ANY($1)) AS marks
  LEFT JOIN LATERAL (SELECT recorded_at, encode(seal, 'hex') AS seal FROM log.commits
                      WHERE upto <= marks.position AND upto > 0 ORDER BY upto DESC LIMIT 1) AS held ON true;
-- section: query days
-- Counts by day and channel. $1 kind of subject, $2 its key or NULL, $3 from, $4 to, $5 hall or NULL, $6 department or NULL
SELECT day, channel, sum(n5)::bigint AS n5, sum(n4)::bigint AS n4, sum(n3)::bigint AS n3, sum(n2)::bigint AS n2,
       sum(n1)::bigint AS n1, sum(excluded)::bigint AS excluded, sum(supplements)::bigint AS supplements,
       sum(contested)::bigint AS contested
  FROM live.scores
 WHERE kind = $1 AND day BETWEEN $3 AND $4 AND ($2::text IS NULL OR key = $2)
   AND ($5::text IS NULL OR hall = $5) AND ($6::text IS NULL OR dept = $6)
 GROUP BY day, channel;
-- section: query ranking
-- The best by the lower bound of the 95 % Wilson interval, the worst by the upper, of those with $5 ratings or more; of
-- the others a few rows, for their number. $1 kind, $2 from, $3 to, $4 how many of each, $6 hall or NULL, $7 department or NULL
WITH sums AS (
  SELECT key, max(hall) AS hall, max(dept) AS dept, sum(n5)::bigint AS n5, sum(n4)::bigint AS n4, sum(n3)::bigint AS n3,
         sum(n2)::bigint AS n2, sum(n1)::bigint AS n1, sum(n1 + n2 + n3 + n4 + n5)::float8 AS n,
         sum(n3 + n4 + n5)::float8 / nullif(sum(n1 + n2 + n3 + n4 + n5), 0) AS p
    FROM live.scores
   WHERE kind = $1 AND day BETWEEN $2 AND $3 AND ($6::text IS NULL OR hall = $6) AND ($7::text IS NULL OR dept = $7)
   GROUP BY key),
bounds AS (
  SELECT *, n >= $5 AS rankable, (p + 3.8414588 / (2 * n)) / (1 + 3.8414588 / n) AS middle,
         1.959963985 * sqrt(p * (1 - p) / n + 3.8414588 / (4 * n * n)) / (1 + 3.8414588 / n) AS spread
    FROM sums WHERE n > 0),
ranks AS (
  SELECT *, count(*) OVER (PARTITION BY rankable) AS members,
         row_number() OVER (PARTITION BY rankable ORDER BY middle - spread DESC, n DESC, key) AS best,
         row_number() OVER (PARTITION BY rankable ORDER BY middle + spread, n DESC, key) AS worst
    FROM bounds)
SELECT key, hall, dept, n5, n4, n3, n2, n1, rankable, members, best, worst FROM ranks WHERE best <= $4 OR worst <= $4;
-- section: query newest
-- The newest 差评, 追评 and contests among them, excluded ones not. $1 from, $2 to, $3 hall, $4 dept, $5 rows, $6 texts too
SELECT l.position, l.kind, l.satisfaction, l.pf, l."window", l.staff, l.matter, l.hall, l.dept, e.recorded_at,
       e.state -> 'said' AS said, e.originator_id, written.body, (e.state ->> 'subject')::uuid AS subject
  FROM live.ledger l
  JOIN log.current_events e USING (position)
  LEFT JOIN private.texts written
    ON $6 AND written.id = (e.state -> 'texts' -> 'writingEvaluation' ->> 'id')::uuid
 WHERE l.satisfaction <= 2 AND NOT l.excluded AND l.day BETWEEN $1 AND $2
   AND ($3::text IS NULL OR l.hall = $3) AND ($4::text IS NULL OR l.dept = $4)
 ORDER BY l.position DESC
 LIMIT $5;
-- section: query tickets
-- Open tickets by status. $1 hall or NULL, $2 department or NULL
SELECT status, count(*) AS n FROM live.tickets
 WHERE status <> 'closed' AND ($1::text IS NULL OR hall = $1) AND ($2::text IS NULL OR dept = $2)
 GROUP BY status;
-- section: query unlinked
-- Ratings whose codes the registry does not know. $1 from, $2 to, $3 hall or NULL, $4 department or NULL
SELECT count(*) FROM live.ledger
 WHERE NOT linked AND day BETWEEN $1 AND $2 AND ($3::text IS NULL OR hall = $3) AND ($4::text IS NULL OR dept = $4);
-- section: query ever
SELECT EXISTS (SELECT FROM live.ledger);
