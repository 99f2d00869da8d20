-- services: one row per service (a case and its n-th service), whether its record (办件服务) or its rating came first, and
-- the counts of participation (参评) that the same fold keeps.
--
-- services        recorded: its record is there; pf: the channel of its first rating, '' while there is none; the day and
--                 the dimensions are the latest record's, and the rating's only while there is no record
-- participation   kind, key, hall … known as in scores
--   services      services with a record, all on channel '': which channel a service will be rated on, nobody knows
--   rated         those of them with a rating, on the rating's channel
--   unmatched     ratings without a record, on their channel
--
-- An exclusion changes nothing here: who was excluded did take part. Each event makes its own differences (the state
-- before it −1, the state after it +1), so that the batches' bounds show nowhere.
-- section: events
-- service.recorded:v1 rating.submitted:v1 rating.linked:v1
-- section: schema
CREATE TABLE services (
  project_no text NOT NULL,
  service_number smallint NOT NULL,
  recorded bool NOT NULL,
  pf text NOT NULL,
  day date NOT NULL,
  "window" text NOT NULL,
  staff text NOT NULL,
  matter text NOT NULL,
  dept text NOT NULL,
  hall text NOT NULL,
  area text NOT NULL,
  CONSTRAINT services_service PRIMARY KEY (project_no, service_number)
) WITH (fillfactor = 80);
-- section: schema
CREATE TABLE participation (
  kind text NOT NULL,
  key text NOT NULL,
  hall text NOT NULL,
  dept text NOT NULL,
  area text NOT NULL,
  channel text NOT NULL,
  day date NOT NULL,
  known date NOT NULL,
  services int NOT NULL,
  rated int NOT NULL,
  unmatched int NOT NULL,
  CONSTRAINT participation_cell PRIMARY KEY (kind, day, key, hall, dept, area, channel, known)
) WITH (fillfactor = 80);
-- section: fold
-- $1 after (exclusive), $2 upto (inclusive)
WITH e AS MATERIALIZED (
  SELECT position, (recorded_at AT TIME ZONE 'Asia/Shanghai')::date AS known, x."projectNo" AS project_no,
         coalesce(x."serviceNumber", 1) AS service_number, topic = 'service.recorded:v1' AS is_record,
         CASE topic WHEN 'rating.submitted:v1' THEN x.pf ELSE '' END AS pf, x.day, coalesce(x."window", '') AS "window",
         coalesce(x.staff, '') AS staff, coalesce(x.matter, '') AS matter, coalesce(x.dept, '') AS dept,
         coalesce(x.hall, '') AS hall, coalesce(x.area, '') AS area
    FROM current_events,
         jsonb_to_record(state) AS x("projectNo" text, "serviceNumber" smallint, pf text, day date, "window" text,
                                     staff text, matter text, dept text, hall text, area text)
   WHERE position > $1 AND position <= $2 AND topic IN ('service.recorded:v1', 'rating.submitted:v1')
  UNION ALL
  -- A link names no case: that is in the first event of its stream.
  SELECT e.position, (e.recorded_at AT TIME ZONE 'Asia/Shanghai')::date, first.state ->> 'projectNo',
         coalesce((first.state -> 'serviceNumber')::smallint, 1), false,
         x.pf, x.day, coalesce(x.new ->> 'window', ''), coalesce(x.new ->> 'staff', ''),
         coalesce(x.new ->> 'matter', ''), coalesce(x.new ->> 'dept', ''), coalesce(x.new ->> 'hall', ''),
         coalesce(x.new ->> 'area', '')
    FROM current_events e, jsonb_to_record(e.state) AS x(pf text, day date, new jsonb),
         LATERAL (SELECT f.topic, f.state FROM current_events f
                   WHERE f.originator_id = e.originator_id AND f.originator_version = 1 LIMIT 1) AS first
   WHERE e.position > $1 AND e.position <= $2 AND e.topic = 'rating.linked:v1' AND first.topic = 'rating.submitted:v1'),
-- What stood before the batch takes part as if it were an event at position 0.
steps AS MATERIALIZED (
  SELECT * FROM e
  UNION ALL
  SELECT 0, NULL, s.project_no, s.service_number, s.recorded, s.pf, s.day, s."window", s.staff, s.matter, s.dept, s.hall,
         s.area
    FROM (SELECT DISTINCT project_no, service_number FROM e) AS touched,
         LATERAL (SELECT * FROM services s
                   WHERE s.project_no = touched.project_no AND s.service_number = touched.service_number LIMIT 1) AS s),
-- After each step: the positions of the latest record and of the latest rating so far, and the channel if rated.
states AS (
  SELECT position, known, project_no, service_number,
         max(position) FILTER (WHERE is_record) OVER upto AS record_at,
         max(position) FILTER (WHERE NOT is_record) OVER upto AS rating_at,
         max(pf) OVER upto AS pf,
         row_number() OVER (PARTITION BY project_no, service_number ORDER BY position DESC) = 1 AS is_last
    FROM steps
  WINDOW upto AS (PARTITION BY project_no, service_number ORDER BY position)),
-- With a record its members count, else the rating's.
dated AS (
  SELECT s.position, s.known, s.project_no, s.service_number, s.is_last, s.record_at IS NOT NULL AS recorded, s.pf,
         d.day, d."window", d.staff, d.matter, d.dept, d.hall, d.area
    FROM states s JOIN steps d ON d.project_no = s.project_no AND d.service_number = s.service_number
                              AND d.position = coalesce(s.record_at, s.rating_at)),
kept AS (
  INSERT INTO services AS t
  SELECT project_no, service_number, recorded, pf, day, "window", staff, matter, dept, hall, area
    FROM dated WHERE is_last ORDER BY project_no, service_number
  ON CONFLICT ON CONSTRAINT services_service DO UPDATE SET
    recorded = excluded.recorded, pf = excluded.pf, day = excluded.day, "window" = excluded."window",
    staff = excluded.staff, matter = excluded.matter, dept = excluded.dept, hall = excluded.hall, area = excluded.area),
-- The state before each event −1, the state after it +1; nothing where the event changed nothing that counts.
neighbours AS (
  SELECT *, row(recorded, pf, day, "window", staff, matter, dept, hall, area)
            IS DISTINCT FROM lag(row(recorded, pf, day, "window", staff, matter, dept, hall, area)) OVER following AS changed,
         lead(row(recorded, pf, day, "window", staff, matter, dept, hall, area)) OVER following
            IS DISTINCT FROM row(recorded, pf, day, "window", staff, matter, dept, hall, area) AS left_behind,
         lead(known) OVER following AS next_known
    FROM dated
  WINDOW following AS (PARTITION BY project_no, service_number ORDER BY position)),
sides AS (
  SELECT 1 AS by, known, recorded, pf, day, "window", staff, matter, dept, hall, area
    FROM neighbours WHERE position > 0 AND changed
  UNION ALL
  SELECT -1, next_known, recorded, pf, day, "window", staff, matter, dept, hall, area
    FROM neighbours WHERE next_known IS NOT NULL AND left_behind),
deltas AS (
  SELECT known, cell.channel, day, "window", staff, matter, dept, hall, area, cell.services, cell.rated, cell.unmatched
    FROM sides, LATERAL (VALUES
      (recorded, '', by, 0, 0), (recorded AND pf <> '', pf, 0, by, 0), (NOT recorded, pf, 0, 0, by)
    ) AS cell(holds, channel, services, rated, unmatched)
   WHERE cell.holds),
sums AS (
  SELECT grouping("window", staff, matter, dept, hall) AS without,
         "window", staff, matter, dept, hall, area, channel, day, known,
         sum(services) AS services, sum(rated) AS rated, sum(unmatched) AS unmatched
    FROM deltas
   GROUP BY GROUPING SETS (("window", hall, dept, area, channel, day, known), (staff, hall, dept, area, channel, day, known),
                           (matter, dept, area, channel, day, known), (dept, area, channel, day, known),
                           (hall, area, channel, day, known), (area, channel, day, known)))
INSERT INTO participation AS t (kind, key, hall, dept, area, channel, day, known, services, rated, unmatched)
SELECT kind.kind, kind.key, kind.hall, kind.dept, area, channel, day, known, services, rated, unmatched
  FROM sums,
       LATERAL (VALUES (12, 'windows', "window", hall, dept), (20, 'staff', staff, hall, dept),
                       (25, 'matters', matter, '', dept), (29, 'departments', dept, '', ''), (30, 'halls', hall, '', ''),
                       (31, 'areas', area, '', ''), (31, 'channels', channel, '', '')) AS kind(without, kind, key, hall, dept)
 WHERE kind.without = sums.without AND (kind.key <> '' OR kind.kind = 'channels')
 ORDER BY kind.kind, day, kind.key, kind.hall, kind.dept, area, channel, known
ON CONFLICT ON CONSTRAINT participation_cell DO UPDATE SET
  services = t.services + excluded.services, rated = t.rated + excluded.rated,
  unmatched = t.unmatched + excluded.unmatched;
-- section: query figures
-- 参评 of one kind in all: $1 kind, $2 from, $3 to, $4 hall, $5 dept, $6 area prefix, $7 key; all from $4 may be NULL
SELECT coalesce(sum(services), 0)::bigint AS services, coalesce(sum(rated), 0)::bigint AS rated,
       coalesce(sum(unmatched), 0)::bigint AS unmatched
  FROM live.participation
 WHERE kind = $1 AND day BETWEEN $2 AND $3
   AND ($4::text IS NULL OR hall = $4) AND ($5::text IS NULL OR dept = $5)
   AND ($6::text IS NULL OR starts_with(area, $6)) AND ($7::text IS NULL OR key = $7);
