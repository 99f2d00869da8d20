-- scores: how many ratings of each level a subject has, per day it counts to and day it became known. One read model
-- for all seven subjects (窗口 人员 事项 部门 大厅 区划 渠道): seven files would decode every event seven times.
--
-- kind         windows staff matters departments halls areas channels
-- key          the subject's; '' (unknown) is not stored
-- hall dept area channel   what the kind can be filtered by; '' where unknown or not kept for the kind
-- day          the day the rating counts to; known: the day the log took the event (Asia/Shanghai)
-- n1 … n5      ratings that count, by level (1 非常不满意 … 5 非常满意); columns, not rows: a quarter of the rows
-- excluded     不予采纳; supplements 追评; contested: in none of the five counts
--
-- Every change is a difference (−1 where a rating was, +1 where it is), so that sums over any range of `known` are exact.
-- section: events
-- rating.submitted:v1 rating.supplemented:v1 rating.contested:v1
-- rating.linked:v1 rating.excluded:v1 rating.reinstated:v1
-- section: schema
CREATE TABLE scores (
  kind text NOT NULL,
  key text NOT NULL,
  hall text NOT NULL,
  dept text NOT NULL,
  area text NOT NULL,
  channel text NOT NULL,
  day date NOT NULL,
  known date NOT NULL,
  n1 int NOT NULL,
  n2 int NOT NULL,
  n3 int NOT NULL,
  n4 int NOT NULL,
  n5 int NOT NULL,
  excluded int NOT NULL,
  supplements int NOT NULL,
  contested int NOT NULL,
  CONSTRAINT scores_cell PRIMARY KEY (kind, day, key, hall, dept, area, channel, known)
) WITH (fillfactor = 80);
-- section: fold
-- $1 after (exclusive), $2 upto (inclusive)
WITH moves AS MATERIALIZED (
  -- A link moves a rating from old to new; an exclusion moves it from counted to excluded. What the stream began with
  -- says which of its figures moves; the log's own index finds it (LIMIT keeps that a look-up, whatever the planner thinks).
  SELECT first.topic, (e.recorded_at AT TIME ZONE 'Asia/Shanghai')::date AS known,
         x.satisfaction, x.pf, x.day, x."window", x.staff, x.matter, x.dept, x.hall, x.area, x.old, x.new,
         CASE e.topic WHEN 'rating.linked:v1' THEN x.excluded ELSE e.topic = 'rating.reinstated:v1' END AS was_excluded,
         CASE e.topic WHEN 'rating.linked:v1' THEN x.excluded ELSE e.topic = 'rating.excluded:v1' END AS is_excluded
    FROM current_events e,
         jsonb_to_record(e.state) AS x(satisfaction int, pf text, day text, "window" text, staff text, matter text,
                                       dept text, hall text, area text, excluded bool, old jsonb, new jsonb),
         LATERAL (SELECT f.topic FROM current_events f
                   WHERE f.originator_id = e.originator_id AND f.originator_version = 1 LIMIT 1) AS first
   WHERE e.position > $1 AND e.position <= $2
     AND e.topic IN ('rating.linked:v1', 'rating.excluded:v1', 'rating.reinstated:v1')),
deltas AS (
  -- cell: 1–5 the level of a rating that counts, 6 excluded, 7 追评, 8 contested. Single members are read faster here
  -- than a record of them.
  SELECT CASE topic WHEN 'rating.submitted:v1' THEN (state -> 'satisfaction')::int
                    WHEN 'rating.supplemented:v1' THEN 7 ELSE 8 END AS cell,
         1 AS by, (recorded_at AT TIME ZONE 'Asia/Shanghai')::date AS known, state ->> 'pf' AS pf, state ->> 'day' AS day,
         coalesce(state ->> 'window', '') AS "window", coalesce(state ->> 'staff', '') AS staff,
         coalesce(state ->> 'matter', '') AS matter, coalesce(state ->> 'dept', '') AS dept,
         coalesce(state ->> 'hall', '') AS hall, coalesce(state ->> 'area', '') AS area
    FROM current_events
   WHERE position > $1 AND position <= $2
     AND topic IN ('rating.submitted:v1', 'rating.supplemented:v1', 'rating.contested:v1')
  UNION ALL
  SELECT CASE m.topic WHEN 'rating.submitted:v1' THEN CASE WHEN side.excluded THEN 6 ELSE m.satisfaction END
                      WHEN 'rating.supplemented:v1' THEN 7 ELSE 8 END,
         side.by, m.known, m.pf, m.day,
         coalesce(side.dims ->> 'window', m."window", ''), coalesce(side.dims ->> 'staff', m.staff, ''),
         coalesce(side.dims ->> 'matter', m.matter, ''), coalesce(side.dims ->> 'dept', m.dept, ''),
         coalesce(side.dims ->> 'hall', m.hall, ''), coalesce(side.dims ->> 'area', m.area, '')
    FROM moves m, LATERAL (VALUES (-1, m.old, m.was_excluded), (1, m.new, m.is_excluded)) AS side(by, dims, excluded)),
-- The three finest sums in one pass over the events; the four coarse kinds are sums of these.
fine AS MATERIALIZED (
  SELECT grouping("window", staff, matter) AS without, "window", staff, matter, dept, hall, area, pf, day::date AS day, known,
         coalesce(sum(by) FILTER (WHERE cell = 1), 0) AS n1,
         coalesce(sum(by) FILTER (WHERE cell = 2), 0) AS n2,
         coalesce(sum(by) FILTER (WHERE cell = 3), 0) AS n3,
         coalesce(sum(by) FILTER (WHERE cell = 4), 0) AS n4,
         coalesce(sum(by) FILTER (WHERE cell = 5), 0) AS n5,
         coalesce(sum(by) FILTER (WHERE cell = 6), 0) AS excluded,
         coalesce(sum(by) FILTER (WHERE cell = 7), 0) AS supplements,
         coalesce(sum(by) FILTER (WHERE cell = 8), 0) AS contested
    FROM deltas
   GROUP BY GROUPING SETS (("window", hall, dept, area, pf, day, known), (staff, hall, dept, area, pf, day, known),
                           (matter, dept, area, pf, day, known)))
INSERT INTO scores AS t (kind, key, hall, dept, area, channel, day, known,
                         n1, n2, n3, n4, n5, excluded, supplements, contested)
SELECT kind.kind, kind.key, kind.hall, kind.dept, area, pf, day, known,
       n1, n2, n3, n4, n5, excluded, supplements, contested
  FROM fine,
       LATERAL (VALUES (3, 'windows', "window", hall, dept), (5, 'staff', staff, hall, dept), (6, 'matters', matter, '', dept))
         AS kind(without, kind, key, hall, dept)
 WHERE kind.without = fine.without AND kind.key <> ''
UNION ALL
SELECT kind.kind, kind.key, '', '', area, pf, day, known,
       sum(n1), sum(n2), sum(n3), sum(n4), sum(n5), sum(excluded), sum(supplements), sum(contested)
  FROM fine,
       LATERAL (VALUES (6, 'departments', dept), (3, 'halls', hall), (3, 'areas', area), (3, 'channels', pf))
         AS kind(without, kind, key)
 WHERE kind.without = fine.without AND kind.key <> ''
 GROUP BY kind.kind, kind.key, area, pf, day, known
ON CONFLICT ON CONSTRAINT scores_cell DO UPDATE SET
  n1 = t.n1 + excluded.n1, n2 = t.n2 + excluded.n2, n3 = t.n3 + excluded.n3, n4 = t.n4 + excluded.n4,
  n5 = t.n5 + excluded.n5, excluded = t.excluded + excluded.excluded,
  supplements = t.supplements + excluded.supplements, contested = t.contested + excluded.contested;
-- section: query ranking
-- One kind's subjects with their counts and participation, ordered, one page. All rates are worked out from these counts.
-- $1 kind, $2 from, $3 to (days, both inclusive), $4 hall, $5 dept, $6 area prefix, $7 channel, $8 known on or before:
-- each but the kind may be NULL. $9 weights of levels 1 to 5, $10 sort (interval ratings negativeRate averageScore key),
-- $11 descending, $12 rows, $13 and $14 rank and key of the row before the page (NULL: from the first), $15 whether
-- participation is to be looked at.
-- rank orders ascending, what has none last; the row without a key carries the position when there is nothing else.
WITH counted AS (
  SELECT key, sum(n1) AS n1, sum(n2) AS n2, sum(n3) AS n3, sum(n4) AS n4, sum(n5) AS n5, sum(excluded) AS excluded,
         sum(supplements) AS supplements, sum(contested) AS contested
    FROM scores
   WHERE kind = $1 AND ($2::date IS NULL OR day >= $2) AND ($3::date IS NULL OR day <= $3)
     AND ($4::text IS NULL OR hall = $4) AND ($5::text IS NULL OR dept = $5)
     AND ($6::text IS NULL OR starts_with(area, $6)) AND ($7::text IS NULL OR channel = $7)
     AND ($8::date IS NULL OR known <= $8)
   GROUP BY key),
-- A service without a rating has no channel: it takes part in the rate of each.
took_part AS (
  SELECT key, sum(services) AS services, sum(rated) AS rated, sum(unmatched) AS unmatched
    FROM participation
   WHERE $15 AND kind = $1 AND ($2::date IS NULL OR day >= $2) AND ($3::date IS NULL OR day <= $3)
     AND ($4::text IS NULL OR hall = $4) AND ($5::text IS NULL OR dept = $5)
     AND ($6::text IS NULL OR starts_with(area, $6)) AND ($7::text IS NULL OR channel IN ('', $7))
     AND ($8::date IS NULL OR known <= $8)
   GROUP BY key),
figures AS (
  SELECT key, coalesce(n1, 0) AS n1, coalesce(n2, 0) AS n2, coalesce(n3, 0) AS n3, coalesce(n4, 0) AS n4,
         coalesce(n5, 0) AS n5, coalesce(excluded, 0) AS excluded, coalesce(supplements, 0) AS supplements,
         coalesce(contested, 0) AS contested, coalesce(rated, 0) AS rated, coalesce(unmatched, 0) AS unmatched,
         coalesce(CASE $1 WHEN 'channels' THEN (SELECT t.services FROM took_part t WHERE t.key = '') ELSE services END, 0)
           AS services
    FROM counted FULL JOIN took_part USING (key)
   WHERE key <> ''),
rates AS (
  SELECT *, nullif(n1 + n2 + n3 + n4 + n5, 0)::float8 AS n,
         (n3 + n4 + n5)::float8 / nullif(n1 + n2 + n3 + n4 + n5, 0) AS positive
    FROM figures
   WHERE n1 + n2 + n3 + n4 + n5 + excluded + supplements + contested + rated + unmatched > 0
      OR services > 0 AND $1 <> 'channels'),
ranked AS (
  SELECT rates.*, coalesce(CASE WHEN $11 THEN -by.value ELSE by.value END, 'Infinity') AS rank
    FROM rates, LATERAL (SELECT CASE $10
      WHEN 'interval' THEN (positive + 3.8414588206941254 / (2 * n) - 1.959963984540054
                            * sqrt((positive * (1 - positive) + 3.8414588206941254 / (4 * n)) / n))
                           / (1 + 3.8414588206941254 / n)
      WHEN 'ratings' THEN coalesce(n, 0)
      WHEN 'negativeRate' THEN 1 - positive
      WHEN 'averageScore' THEN (n1 * ($9::float8[])[1] + n2 * ($9::float8[])[2] + n3 * ($9::float8[])[3]
                                + n4 * ($9::float8[])[4] + n5 * ($9::float8[])[5]) / n
      ELSE 0 END AS value) AS by),
page AS (
  SELECT * FROM ranked
   WHERE $13::float8 IS NULL OR rank > $13
      OR rank = $13 AND CASE WHEN $10 = 'key' AND $11 THEN key COLLATE "C" < $14 ELSE key COLLATE "C" > $14 END
   ORDER BY rank, CASE WHEN $10 = 'key' AND $11 THEN key COLLATE "C" END DESC, key COLLATE "C"
   LIMIT $12)
SELECT held.position, page.key, page.rank, page.n1::bigint, page.n2::bigint, page.n3::bigint, page.n4::bigint,
       page.n5::bigint, page.excluded::bigint, page.supplements::bigint, page.contested::bigint,
       page.services::bigint, page.rated::bigint, page.unmatched::bigint
  FROM (SELECT coalesce(min(position), 0) AS position FROM engine.checkpoints
         WHERE name IN ('projection:scores', 'projection:services')) AS held
  LEFT JOIN page ON true
 ORDER BY page.rank, CASE WHEN $10 = 'key' AND $11 THEN page.key COLLATE "C" END DESC, page.key COLLATE "C";
-- section: query before
-- What was known before a day, into the temporary `scores` that holds that day's tail: together they are as of a moment.
-- $1 kind, $2 from or NULL, $3 to or NULL, $4 the day
INSERT INTO scores
SELECT * FROM live.scores
 WHERE kind = $1 AND ($2::date IS NULL OR day >= $2) AND ($3::date IS NULL OR day <= $3) AND known < $4;
