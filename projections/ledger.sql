-- ledger: one narrow row per rating, 追评 and contest, by the position it has in the log: what lists filter and page by.
--
-- What was said stays in the log, where a page of rows finds it by position; here are only members to filter by, as they
-- are now. No texts, no identity. Few indexes, each for a question somebody asks of all years.
--
-- kind         1 first rating (首次评价), 2 追评, 3 contest
-- contested    it is a contest, or a contest with other content was raised against it
-- flags        codes set at receipt and findings raised since, sorted; NULL where there are none
-- section: events
-- rating.submitted:v1 rating.supplemented:v1 rating.contested:v1
-- rating.linked:v1 rating.flagged:v1 rating.excluded:v1 rating.reinstated:v1
-- section: schema
CREATE TABLE ledger (
  position bigint NOT NULL CONSTRAINT ledger_position PRIMARY KEY,
  day date NOT NULL,
  kind smallint NOT NULL,
  satisfaction smallint NOT NULL,
  linked bool NOT NULL,
  contested bool NOT NULL,
  excluded bool NOT NULL,
  pf text NOT NULL,
  "window" text NOT NULL,
  staff text NOT NULL,
  matter text NOT NULL,
  dept text NOT NULL,
  hall text NOT NULL,
  area text NOT NULL,
  project_no text NOT NULL,
  flags text[]
) WITH (fillfactor = 95);
-- section: schema
CREATE INDEX ledger_case ON ledger USING hash (project_no);
-- section: schema
CREATE INDEX ledger_day ON ledger (day);
-- section: schema
CREATE INDEX ledger_window ON ledger ("window");
-- section: schema
CREATE INDEX ledger_staff ON ledger (staff);
-- section: schema
CREATE INDEX ledger_bad ON ledger (position) WHERE satisfaction <= 2;
-- section: schema
CREATE INDEX ledger_unlinked ON ledger (position) WHERE NOT linked;
-- section: schema
CREATE INDEX ledger_contested ON ledger (position) WHERE contested;
-- section: schema
CREATE INDEX ledger_excluded ON ledger (position) WHERE excluded;
-- section: schema
CREATE INDEX ledger_flagged ON ledger (position) WHERE flags IS NOT NULL;
-- section: fold
-- What came in. $1 after (exclusive), $2 upto (inclusive); so in every fold below.
INSERT INTO ledger (position, day, kind, satisfaction, linked, contested, excluded, pf, "window", staff, matter,
                    dept, hall, area, project_no, flags)
SELECT position, day,
       CASE topic WHEN 'rating.submitted:v1' THEN 1 WHEN 'rating.supplemented:v1' THEN 2 ELSE 3 END,
       satisfaction, linked, topic = 'rating.contested:v1', false, pf, coalesce("window", ''), coalesce(staff, ''),
       coalesce(matter, ''), coalesce(dept, ''), coalesce(hall, ''), coalesce(area, ''), "projectNo",
       (SELECT array_agg(flag ORDER BY flag COLLATE "C") FROM jsonb_array_elements_text(x.flags) AS flag)
  FROM current_events,
       jsonb_to_record(state) AS x(day date, satisfaction smallint, linked bool, pf text, "window" text, staff text,
                                   matter text, dept text, hall text, area text, "projectNo" text, flags jsonb)
 WHERE position > $1 AND position <= $2
   AND topic IN ('rating.submitted:v1', 'rating.supplemented:v1', 'rating.contested:v1')
 ORDER BY position;
-- section: fold
-- A contest with other content marks the rating it contests.
UPDATE ledger SET contested = true
  FROM (SELECT DISTINCT first.position
          FROM current_events e,
               LATERAL (SELECT f.position FROM current_events f
                         WHERE f.originator_id = (e.state ->> 'first')::uuid AND f.originator_version = 1 LIMIT 1) AS first
         WHERE e.position > $1 AND e.position <= $2 AND e.topic = 'rating.contested:v1'
           AND NOT coalesce((e.state -> 'same')::bool, false)) AS marked
 WHERE ledger.position = marked.position AND NOT ledger.contested;
-- section: fold
-- The last link of a rating says who and what it is for.
UPDATE ledger
   SET linked = last.linked, "window" = coalesce(last.new ->> 'window', ''), staff = coalesce(last.new ->> 'staff', ''),
       matter = coalesce(last.new ->> 'matter', ''), dept = coalesce(last.new ->> 'dept', ''),
       hall = coalesce(last.new ->> 'hall', ''), area = coalesce(last.new ->> 'area', '')
  FROM (SELECT DISTINCT ON (e.originator_id) first.position, (e.state -> 'linked')::bool AS linked, e.state -> 'new' AS new
          FROM current_events e,
               LATERAL (SELECT f.position FROM current_events f
                         WHERE f.originator_id = e.originator_id AND f.originator_version = 1 LIMIT 1) AS first
         WHERE e.position > $1 AND e.position <= $2 AND e.topic = 'rating.linked:v1'
         ORDER BY e.originator_id, e.position DESC) AS last
 WHERE ledger.position = last.position;
-- section: fold
-- The last of exclusion (不予采纳) and reinstatement counts.
UPDATE ledger SET excluded = last.excluded
  FROM (SELECT DISTINCT ON (e.originator_id) first.position, e.topic = 'rating.excluded:v1' AS excluded
          FROM current_events e,
               LATERAL (SELECT f.position FROM current_events f
                         WHERE f.originator_id = e.originator_id AND f.originator_version = 1 LIMIT 1) AS first
         WHERE e.position > $1 AND e.position <= $2 AND e.topic IN ('rating.excluded:v1', 'rating.reinstated:v1')
         ORDER BY e.originator_id, e.position DESC) AS last
 WHERE ledger.position = last.position;
-- section: fold
-- Findings (疑似异常) join the flags.
UPDATE ledger
   SET flags = (SELECT array_agg(DISTINCT flag COLLATE "C") FROM unnest(ledger.flags || raised.findings) AS flag)
  FROM (SELECT first.position, array_agg(e.state ->> 'finding') AS findings
          FROM current_events e,
               LATERAL (SELECT f.position FROM current_events f
                         WHERE f.originator_id = e.originator_id AND f.originator_version = 1 LIMIT 1) AS first
         WHERE e.position > $1 AND e.position <= $2 AND e.topic = 'rating.flagged:v1'
         GROUP BY first.position) AS raised
 WHERE ledger.position = raised.position;
-- section: query ratings
-- The newest first, below position $1 (NULL: from the newest). Filters $2… may be NULL. $16 rows.
SELECT l.position, e.originator_id AS "ratingId", l.kind, l.satisfaction, l.pf, l."window", l.staff, l.matter, l.dept,
       l.hall, l.area, l.linked, l.contested, l.excluded, l.flags, l.day, e.state
  FROM live.ledger l JOIN log.current_events e USING (position)
 WHERE ($1::bigint IS NULL OR l.position < $1)
   AND ($2::bool IS NULL OR l.linked = $2) AND ($3::bool IS NULL OR l.contested = $3)
   AND ($4::smallint[] IS NULL OR l.satisfaction = ANY ($4)) AND ($5::date IS NULL OR l.day >= $5) AND ($6::date IS NULL OR l.day <= $6)
   AND ($7::text IS NULL OR l.project_no = $7) AND ($8::text IS NULL OR l."window" = $8)
   AND ($9::text IS NULL OR l.staff = $9) AND ($10::text IS NULL OR l.hall = $10) AND ($11::text IS NULL OR l.dept = $11)
   AND ($12::text IS NULL OR starts_with(l.area, $12)) AND ($13::text IS NULL OR l.pf = $13)
   AND ($14::text IS NULL OR l.flags @> ARRAY[$14]) AND ($15::bool IS NULL OR l.excluded = $15)
 ORDER BY l.position DESC
 LIMIT $16;
