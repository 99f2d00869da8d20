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
         jsonb_to_record(e.state) AS x(satisfaction int, pf text, day date, "window" text, staff text, matter text,
                                       dept text, hall text, area text, excluded bool, old jsonb, new jsonb),
         LATERAL (SELECT f.topic FROM current_events f
                   WHERE f.originator_id = e.originator_id AND f.originator_version = 1 LIMIT 1) AS first
   WHERE e.position > $1 AND e.position <= $2
     AND e.topic IN ('rating.linked:v1', 'rating.excluded:v1', 'rating.reinstated:v1')),
deltas AS (
  -- cell: 1–5 the level of a rating that counts, 6 excluded, 7 追评, 8 contested
  SELECT CASE topic WHEN 'rating.submitted:v1' THEN satisfaction WHEN 'rating.supplemented:v1' THEN 7 ELSE 8 END AS cell,
         1 AS by, (recorded_at AT TIME ZONE 'Asia/Shanghai')::date AS known,
         pf, day, coalesce("window", '') AS "window", coalesce(staff, '') AS staff,
         coalesce(matter, '') AS matter, coalesce(dept, '') AS dept, coalesce(hall, '') AS hall, coalesce(area, '') AS area
    FROM current_events,
         jsonb_to_record(state) AS x(satisfaction int, pf text, day date, "window" text, staff text, matter text,
                                     dept text, hall text, area text)
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
sums AS (
  SELECT grouping("window", staff, matter, dept, hall) AS without,
         "window", staff, matter, dept, hall, area, pf, day, known,
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
                           (matter, dept, area, pf, day, known), (dept, area, pf, day, known),
                           (hall, area, pf, day, known), (area, pf, day, known)))
INSERT INTO scores AS t (kind, key, hall, dept, area, channel, day, known,
                         n1, n2, n3, n4, n5, excluded, supplements, contested)
SELECT kind.kind, kind.key, kind.hall, kind.dept, area, pf, day, known,
       n1, n2, n3, n4, n5, excluded, supplements, contested
  FROM sums,
       LATERAL (VALUES (12, 'windows', "window", hall, dept), (20, 'staff', staff, hall, dept),
                       (25, 'matters', matter, '', dept), (29, 'departments', dept, '', ''), (30, 'halls', hall, '', ''),
                       (31, 'areas', area, '', ''), (31, 'channels', pf, '', '')) AS kind(without, kind, key, hall, dept)
 WHERE kind.without = sums.without AND kind.key <> ''
 ORDER BY kind.kind, day, kind.key, kind.hall, kind.dept, area, pf, known
ON CONFLICT ON CONSTRAINT scores_cell DO UPDATE SET
  n1 = t.n1 + excluded.n1, n2 = t.n2 + excluded.n2, n3 = t.n3 + excluded.n3, n4 = t.n4 + excluded.n4,
  n5 = t.n5 + excluded.n5, excluded = t.excluded + excluded.excluded,
  supplements = t.supplements + excluded.supplements, contested = t.contested + excluded.contested;
