-- indicators: how often each 评价指标 was given with a counted rating, per window, channel and day.
--
-- code         as sent, retired and unknown ones included; level the rating's own
-- n            ratings that count and name the indicator; excluded ones, 追评 and contests are not in it
-- day, known   as in scores
-- section: events
-- rating.submitted:v1 rating.linked:v1 rating.excluded:v1 rating.reinstated:v1
-- section: schema
CREATE TABLE indicators (
  code text NOT NULL,
  level smallint NOT NULL,
  "window" text NOT NULL,
  dept text NOT NULL,
  hall text NOT NULL,
  area text NOT NULL,
  channel text NOT NULL,
  day date NOT NULL,
  known date NOT NULL,
  n int NOT NULL,
  CONSTRAINT indicators_cell PRIMARY KEY (day, code, level, "window", dept, hall, area, channel, known)
) WITH (fillfactor = 80);
-- section: fold
-- $1 after (exclusive), $2 upto (inclusive)
WITH moves AS MATERIALIZED (
  -- What follows on a rating does not repeat its indicators: they are those of the stream's first event.
  SELECT first.codes, (e.recorded_at AT TIME ZONE 'Asia/Shanghai')::date AS known,
         x.satisfaction, x.pf, x.day, x."window", x.dept, x.hall, x.area, x.old, x.new, e.topic, x.excluded
    FROM current_events e,
         jsonb_to_record(e.state) AS x(satisfaction smallint, pf text, day date, "window" text, dept text, hall text,
                                       area text, excluded bool, old jsonb, new jsonb),
         LATERAL (SELECT f.topic, f.state -> 'evalDetail' AS codes FROM current_events f
                   WHERE f.originator_id = e.originator_id AND f.originator_version = 1 LIMIT 1) AS first
   WHERE e.position > $1 AND e.position <= $2
     AND e.topic IN ('rating.linked:v1', 'rating.excluded:v1', 'rating.reinstated:v1')
     AND first.topic = 'rating.submitted:v1' AND first.codes <> '[]'),
deltas AS (
  SELECT 1 AS by, x."evalDetail" AS codes, (recorded_at AT TIME ZONE 'Asia/Shanghai')::date AS known,
         satisfaction, pf, day, coalesce("window", '') AS "window", coalesce(dept, '') AS dept,
         coalesce(hall, '') AS hall, coalesce(area, '') AS area
    FROM current_events,
         jsonb_to_record(state) AS x(satisfaction smallint, pf text, day date, "window" text, dept text, hall text,
                                     area text, "evalDetail" jsonb)
   WHERE position > $1 AND position <= $2 AND topic = 'rating.submitted:v1' AND state ? 'evalDetail'
  UNION ALL
  SELECT side.by, m.codes, m.known, m.satisfaction, m.pf, m.day,
         coalesce(side.dims ->> 'window', m."window", ''), coalesce(side.dims ->> 'dept', m.dept, ''),
         coalesce(side.dims ->> 'hall', m.hall, ''), coalesce(side.dims ->> 'area', m.area, '')
    FROM moves m,
         LATERAL (SELECT -1, m.old WHERE m.topic = 'rating.excluded:v1' OR m.topic = 'rating.linked:v1' AND NOT m.excluded
                  UNION ALL
                  SELECT 1, m.new WHERE m.topic = 'rating.reinstated:v1' OR m.topic = 'rating.linked:v1' AND NOT m.excluded
                 ) AS side(by, dims))
INSERT INTO indicators AS t (code, level, "window", dept, hall, area, channel, day, known, n)
SELECT code, satisfaction, "window", dept, hall, area, pf, day, known, sum(by)
  FROM deltas, jsonb_array_elements_text(codes) AS code
 GROUP BY code, satisfaction, "window", dept, hall, area, pf, day, known
 ORDER BY day, code, satisfaction, "window", dept, hall, area, pf, known
ON CONFLICT ON CONSTRAINT indicators_cell DO UPDATE SET n = t.n + excluded.n;
-- section: query counts
-- $1 from, $2 to, $3 hall, $4 dept, $5 area prefix, $6 channel, $7 window, $8 highest level; each but the days may be NULL
SELECT code, level, sum(n)::bigint AS n
  FROM live.indicators
 WHERE day BETWEEN $1 AND $2
   AND ($3::text IS NULL OR hall = $3) AND ($4::text IS NULL OR dept = $4)
   AND ($5::text IS NULL OR starts_with(area, $5)) AND ($6::text IS NULL OR channel = $6)
   AND ($7::text IS NULL OR "window" = $7) AND ($8::int IS NULL OR level <= $8)
 GROUP BY code, level
HAVING sum(n) > 0
 ORDER BY n DESC, code;
