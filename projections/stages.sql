-- stages: one row per ticket and visit of a stage (环节): who had it, from when to when, until when it was due, and how
-- many business minutes it took. Medians and on-time rates are computed from these rows, never stored.
--
-- stage         dispatch acceptance review appeal fix approval verification, as the status says (domain/ticket_state.py);
--               beside them contact (until somebody reached the citizen, else the closing), closing (the whole loop, from
--               opening or reopening to closing) and look_back (a closed ticket of the sample, until it was looked at)
-- visit         1 for the first time the ticket is in the stage; round: 1, and one more with every reopening
-- began ended   the event that led in and out; ended of a review is fix or explain, of an appeal upheld or dismissed, of
--               a verification the verdict, of the closing the outcome, of a look-back its result; '' while it lasts
-- unit          whose the ticket was when the stage ended, or is now
-- due_at        the deadline as it stood when the stage ended; on_time NULL while it lasts or where nothing was due
-- worked        business minutes, from the event that ended the stage; of the closing the sum; NULL while it lasts
-- opened closed the Shanghai dates of the ticket's opening, and of the closing that stands. ground (原因) is known from its review on
--
-- A ticket's rows are a function of its stream: whoever appears in a range is computed anew up to the range's end.
-- section: events
-- ticket.opened:v1 ticket.dispatched:v1 ticket.accepted:v1 ticket.transferred:v1 ticket.contacted:v1 ticket.reviewed:v1
-- ticket.appeal_lodged:v1 ticket.appeal_decided:v1 ticket.extension_decided:v1 ticket.fix_submitted:v1
-- ticket.returned:v1 ticket.approved:v1 ticket.verified:v1 ticket.reopened:v1 ticket.due_changed:v1 ticket.closed:v1
-- ticket.looked_back:v1 ticket.overruled:v1 ticket.reported:v1
-- section: schema
CREATE TABLE stages (
  ticket uuid NOT NULL,
  stage text NOT NULL,
  visit smallint NOT NULL,
  round smallint NOT NULL,
  began text NOT NULL,
  ended text NOT NULL,
  entered_at timestamptz NOT NULL,
  left_at timestamptz,
  due_at timestamptz,
  on_time boolean,
  worked int,
  opened date NOT NULL,
  closed date,
  source text NOT NULL,
  policy text NOT NULL,
  ground text NOT NULL,
  unit text NOT NULL,
  dept text NOT NULL,
  area text NOT NULL,
  hall text NOT NULL,
  "window" text NOT NULL,
  staff text NOT NULL,
  matter text NOT NULL,
  CONSTRAINT stages_visit PRIMARY KEY (ticket, stage, visit)
) WITH (fillfactor = 80);
-- section: schema
CREATE INDEX stages_opened ON stages (opened);
-- section: schema
CREATE INDEX stages_closed ON stages (closed) WHERE closed IS NOT NULL;
-- section: schema
CREATE INDEX stages_entered ON stages (entered_at);
-- section: schema
CREATE INDEX stages_left ON stages (left_at);
-- section: fold
-- $1 after (exclusive), $2 upto (inclusive)
WITH touched AS MATERIALIZED (
  SELECT DISTINCT originator_id FROM current_events
   WHERE position > $1 AND position <= $2
     AND topic IN ('ticket.opened:v1', 'ticket.dispatched:v1', 'ticket.accepted:v1', 'ticket.transferred:v1',
                   'ticket.contacted:v1', 'ticket.reviewed:v1', 'ticket.appeal_lodged:v1', 'ticket.appeal_decided:v1',
                   'ticket.extension_decided:v1', 'ticket.fix_submitted:v1', 'ticket.returned:v1', 'ticket.approved:v1',
                   'ticket.verified:v1', 'ticket.reopened:v1', 'ticket.due_changed:v1', 'ticket.closed:v1',
                   'ticket.looked_back:v1', 'ticket.overruled:v1', 'ticket.reported:v1')),
told AS MATERIALIZED (
  -- status: what the event leads to, NULL where it leaves it. OFFSET 0 keeps each stream a look-up in the log's own index.
  -- follows: an instance below reported it and the ticket went along; then it counts as what was reported.
  SELECT e.originator_id AS id, e.originator_version AS version, e.topic, e.state, e.state -> 'dues' AS dues,
         (e.state ->> 'at')::timestamptz AS at, coalesce((e.state -> 'worked')::int, 0) AS worked,
         split_part(split_part(e.topic, ':', 1), '.', 2) AS word,
         CASE WHEN e.follows OR e.topic IN ('ticket.opened:v1', 'ticket.dispatched:v1', 'ticket.transferred:v1')
              THEN coalesce(e.state ->> 'unit', '') END AS unit,
         CASE WHEN e.follows
              THEN CASE e.state ->> 'status' WHEN 'awaiting_dispatch' THEN 'dispatch' WHEN 'awaiting_acceptance' THEN 'acceptance'
                                             WHEN 'reviewing' THEN 'review' WHEN 'appealing' THEN 'appeal' WHEN 'fixing' THEN 'fix'
                                             WHEN 'approving' THEN 'approval' WHEN 'verifying' THEN 'verification' END
              WHEN e.topic IN ('ticket.opened:v1', 'ticket.dispatched:v1', 'ticket.transferred:v1')
              THEN CASE WHEN coalesce(nullif(e.state ->> 'unit', ''), e.state ->> 'below', '') = '' THEN 'dispatch'
                        ELSE 'acceptance' END
              WHEN e.topic = 'ticket.accepted:v1' THEN 'review'
              WHEN e.topic = 'ticket.reviewed:v1' THEN CASE e.state ->> 'disposition' WHEN 'fix' THEN 'fix' ELSE 'approval' END
              WHEN e.topic = 'ticket.appeal_lodged:v1' THEN 'appeal'
              WHEN e.topic = 'ticket.appeal_decided:v1' AND NOT (e.state -> 'upheld')::bool THEN 'review'
              WHEN e.topic = 'ticket.overruled:v1' AND (e.state -> 'dismisses')::bool THEN 'review'
              WHEN e.topic = 'ticket.fix_submitted:v1' THEN 'approval'
              WHEN e.topic IN ('ticket.returned:v1', 'ticket.reopened:v1')
              THEN CASE e.state ->> 'to' WHEN 'fixing' THEN 'fix' ELSE 'review' END
              WHEN e.topic = 'ticket.approved:v1' THEN 'verification'
              WHEN e.topic = 'ticket.closed:v1' THEN '' END AS status,
         e.topic = 'ticket.contacted:v1' AND e.state ->> 'purpose' = 'review' AND (e.state -> 'reached')::bool AS reached,
         e.state ? 'below' OR e.state ? 'happenedAt' AS elsewhere
    FROM touched, LATERAL (SELECT s.*, s.topic = 'ticket.reported:v1' AND s.state ? 'status' AS follows FROM current_events s
                            WHERE s.originator_id = touched.originator_id AND s.position <= $2 OFFSET 0) AS s,
         LATERAL (SELECT s.position, s.originator_id, s.originator_version, s.state, s.follows,
                         CASE WHEN s.follows AND s.state ->> 'event' <> 'reopened'
                              THEN 'ticket.' || (s.state ->> 'event') || ':v1' ELSE s.topic END AS topic) AS e),
tracks AS (
  -- What begins and ends: the statuses one after the other, and what runs beside them ('': nothing runs).
  SELECT id, version, at, word, 'status' AS track, status AS stage FROM told WHERE status IS NOT NULL
  UNION ALL
  SELECT id, version, at, word, 'closing', CASE status WHEN '' THEN '' ELSE 'closing' END FROM told WHERE status IS NOT NULL
  UNION ALL
  SELECT id, version, at, word, 'look_back', CASE topic WHEN 'ticket.closed:v1' THEN 'look_back' ELSE '' END
    FROM told
   WHERE topic IN ('ticket.looked_back:v1', 'ticket.reopened:v1') OR topic = 'ticket.closed:v1' AND dues ? 'look_back'
      OR topic = 'ticket.overruled:v1' AND state ->> 'verdict' = 'excluded'
  UNION ALL
  SELECT told.id, told.version, told.at, told.word, 'contact', CASE told.version WHEN spell.began THEN 'contact' ELSE '' END
    FROM (SELECT id, min(version) FILTER (WHERE dues ? 'contact') AS began,
                 min(version) FILTER (WHERE reached OR status = '' OR elsewhere) AS over
            FROM told GROUP BY id) AS spell
    JOIN told ON told.id = spell.id AND told.version IN (spell.began, spell.over)
   WHERE spell.over IS NULL OR spell.began < spell.over),
visits AS (
  SELECT id, track, stage, version, word AS began, at AS entered_at, lead(version) OVER run AS left_version,
         lead(at) OVER run AS left_at, lead(word) OVER run AS left_by
    FROM (SELECT *, lag(stage) OVER (PARTITION BY id, track ORDER BY version) AS before FROM tracks) AS all_steps
   WHERE stage IS DISTINCT FROM coalesce(before, '')
  WINDOW run AS (PARTITION BY id, track ORDER BY version)),
measured AS (
  SELECT v.id, v.track, v.stage, v.version, v.began, v.entered_at, v.left_at,
         count(*) FILTER (WHERE v.track = 'closing') OVER (PARTITION BY v.id ORDER BY v.version, v.track) AS spell,
         row_number() OVER (PARTITION BY v.id, v.stage ORDER BY v.version) AS visit,
         said.due_at, said.unit, said.round, CASE WHEN v.left_at IS NULL THEN '' ELSE coalesce(said.ended, v.left_by) END AS ended,
         CASE WHEN v.left_at IS NOT NULL AND v.track = 'status' THEN said.worked END AS worked
    FROM (SELECT v.id, v.track, v.version,
                 (array_agg((t.dues ->> v.stage)::timestamptz ORDER BY t.version DESC)
                    FILTER (WHERE t.dues ? v.stage AND t.version IS DISTINCT FROM v.left_version))[1] AS due_at,
                 (array_agg(t.unit ORDER BY t.version DESC)
                    FILTER (WHERE t.unit IS NOT NULL AND t.version IS DISTINCT FROM v.left_version))[1] AS unit,
                 1 + count(*) FILTER (WHERE t.topic = 'ticket.reopened:v1' AND t.version <= v.version) AS round,
                 max(t.worked) FILTER (WHERE t.version > v.version) AS worked,
                 (array_agg(CASE WHEN v.stage = 'review' AND t.topic = 'ticket.reviewed:v1' THEN t.state ->> 'disposition'
                                 WHEN v.stage = 'appeal' AND t.topic = 'ticket.appeal_decided:v1'
                                 THEN coalesce(t.state ->> 'result',
                                               CASE WHEN (t.state -> 'upheld')::bool THEN 'upheld' ELSE 'dismissed' END)
                                 WHEN v.stage = 'appeal' AND t.topic = 'ticket.overruled:v1' THEN 'dismissed'
                                 WHEN v.stage = 'verification' AND t.topic = 'ticket.verified:v1'
                                   OR t.topic = 'ticket.looked_back:v1' THEN t.state ->> 'result'
                                 WHEN t.topic = 'ticket.closed:v1' THEN t.state ->> 'outcome' END ORDER BY t.version)
                    FILTER (WHERE t.version > v.version
                              AND (v.stage = 'review' AND t.topic = 'ticket.reviewed:v1'
                                   OR v.stage = 'appeal' AND (t.topic = 'ticket.appeal_decided:v1'
                                                              OR (t.state -> 'dismisses')::bool)
                                   OR v.stage = 'verification' AND t.topic = 'ticket.verified:v1'
                                   OR t.topic IN ('ticket.looked_back:v1', 'ticket.closed:v1'))))[1] AS ended
            FROM visits v JOIN told t ON t.id = v.id AND (v.left_version IS NULL OR t.version <= v.left_version)
           WHERE v.stage <> ''
           GROUP BY v.id, v.track, v.stage, v.version, v.left_version) AS said
    JOIN visits v ON v.id = said.id AND v.track = said.track AND v.version = said.version),
timed AS (
  SELECT *, sum(worked) OVER (PARTITION BY id, spell) AS whole FROM measured),
about AS (
  SELECT o.id, (o.at AT TIME ZONE 'Asia/Shanghai')::date AS opened,
         CASE l.status WHEN '' THEN (l.at AT TIME ZONE 'Asia/Shanghai')::date END AS closed, o.state ->> 'source' AS source,
         o.state ->> 'policyVersion' AS policy, coalesce(r.ground, '') AS ground, coalesce(s.dept, '') AS dept,
         coalesce(s.area, '') AS area, coalesce(s.hall, '') AS hall, coalesce(s."window", '') AS "window",
         coalesce(s.staff, '') AS staff, coalesce(s.matter, '') AS matter
    FROM told o
    LEFT JOIN (SELECT id, (array_agg(state ->> 'ground' ORDER BY version DESC))[1] AS ground
                 FROM told WHERE topic = 'ticket.reviewed:v1' GROUP BY id) AS r ON r.id = o.id
    JOIN (SELECT id, (array_agg(status ORDER BY version DESC))[1] AS status, max(at) FILTER (WHERE status = '') AS at
            FROM told WHERE status IS NOT NULL GROUP BY id) AS l ON l.id = o.id,
         jsonb_to_record(o.state -> 'snapshot') AS s(dept text, area text, hall text, "window" text, staff text, matter text)
   WHERE o.topic = 'ticket.opened:v1')
INSERT INTO stages AS t (ticket, stage, visit, round, began, ended, entered_at, left_at, due_at, on_time, worked, opened,
                         closed, source, policy, ground, unit, dept, area, hall, "window", staff, matter)
SELECT v.id, v.stage, v.visit, v.round, v.began, v.ended, v.entered_at, v.left_at, v.due_at,
       CASE WHEN v.stage = 'contact' AND v.ended <> 'contacted' AND v.left_at <= v.due_at THEN NULL
            ELSE v.left_at <= v.due_at END,
       CASE WHEN v.stage = 'closing' AND v.left_at IS NOT NULL THEN v.whole ELSE v.worked END, a.opened, a.closed, a.source, a.policy,
       a.ground, v.unit, a.dept, a.area, a.hall, a."window", a.staff, a.matter
  FROM timed v JOIN about a USING (id)
 ORDER BY v.id, v.version
ON CONFLICT ON CONSTRAINT stages_visit DO UPDATE SET
  ended = excluded.ended, left_at = excluded.left_at, due_at = excluded.due_at, on_time = excluded.on_time,
  worked = excluded.worked, closed = excluded.closed, ground = excluded.ground, unit = excluded.unit
 WHERE (t.ended, t.left_at, t.due_at, t.on_time, t.worked, t.closed, t.ground, t.unit) IS DISTINCT FROM
       (excluded.ended, excluded.left_at, excluded.due_at, excluded.on_time, excluded.worked, excluded.closed, excluded.ground,
        excluded.unit);
-- section: query times
-- Time per stage and key: medians in business minutes of the visits that ended, and how many were on time. $1 to $16 as of
-- `counts` in loops.sql; $17 the keys wanted or NULL. `unit` is whose the stage was.
SELECT key, stage, count(*) FILTER (WHERE worked IS NOT NULL) AS n,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY worked) AS median,
       percentile_cont(0.9) WITHIN GROUP (ORDER BY worked) AS p90,
       count(*) FILTER (WHERE on_time IS NOT NULL OR left_at IS NULL AND due_at < $16) AS due,
       count(*) FILTER (WHERE on_time) AS on_time
  FROM (SELECT *,
               CASE $15 WHEN 'unit' THEN unit WHEN 'dept' THEN dept WHEN 'area' THEN area WHEN 'hall' THEN hall
                        WHEN 'window' THEN "window" WHEN 'staff' THEN staff WHEN 'ground' THEN ground WHEN 'source' THEN source
                        WHEN 'policy' THEN policy WHEN 'day' THEN date::text
                        WHEN 'week' THEN date_trunc('week', date::timestamp)::date::text
                        WHEN 'month' THEN to_char(date, 'YYYY-MM') ELSE '' END COLLATE "C" AS key
          FROM (SELECT *, CASE $12 WHEN 'closed' THEN closed ELSE opened END AS date FROM live.stages
                 WHERE ($12 = 'opened' AND ($13::date IS NULL OR opened >= $13) AND ($14::date IS NULL OR opened <= $14)
                        OR $12 = 'closed' AND closed IS NOT NULL AND ($13::date IS NULL OR closed >= $13)
                           AND ($14::date IS NULL OR closed <= $14))
                   AND ($1::text[] IS NULL OR unit = ANY ($1)) AND ($2::text IS NULL OR starts_with(area, $2))
                   AND ($3::text IS NULL OR unit = $3) AND ($4::text IS NULL OR dept = $4)
                   AND ($5::text IS NULL OR starts_with(area, $5)) AND ($6::text IS NULL OR hall = $6)
                   AND ($7::text IS NULL OR "window" = $7) AND ($8::text IS NULL OR staff = $8)
                   AND ($9::text IS NULL OR ground = $9) AND ($10::text[] IS NULL OR source = ANY ($10))
                   AND ($11::text IS NULL OR policy = $11)) AS chosen) AS keyed
 WHERE $17::text[] IS NULL OR key = ANY ($17)
 GROUP BY key, stage;
-- section: query flow
-- What happened from $6 to before $7, and how things stood at $7: visits count where they began or ended, so that a past
-- period stays as it was. $1 to $5 as of `counts` in loops.sql. A row for each unit, and one for all, whose key is NULL.
SELECT unit AS key, grouping(unit) = 1 AS whole,
       count(*) FILTER (WHERE stage = 'closing' AND began = 'opened' AND starts) AS opened,
       count(*) FILTER (WHERE stage = 'closing' AND ends) AS closed,
       count(*) FILTER (WHERE stage = 'closing' AND ends AND ended = 'fixed') AS fixed,
       count(*) FILTER (WHERE stage = 'closing' AND ends AND ended = 'explained') AS explained,
       count(*) FILTER (WHERE stage = 'closing' AND ends AND ended = 'excluded') AS excluded,
       count(*) FILTER (WHERE stage = 'closing' AND ends AND ended = 'merged') AS merged,
       count(*) FILTER (WHERE stage = 'closing' AND ends AND ended = 'unreachable') AS unreachable,
       count(*) FILTER (WHERE stage = 'closing' AND lasts) AS standing,
       count(*) FILTER (WHERE stage NOT IN ('closing', 'contact', 'look_back') AND lasts AND due_at < $7) AS overdue,
       count(*) FILTER (WHERE handed AND on_time IS NOT NULL) AS handed, count(*) FILTER (WHERE handed AND on_time) AS on_time,
       count(*) FILTER (WHERE stage = 'contact' AND ends AND on_time IS NOT NULL) AS contacts,
       count(*) FILTER (WHERE stage = 'contact' AND ends AND on_time) AS contacted,
       count(*) FILTER (WHERE stage = 'verification' AND ends AND ended = 'satisfied') AS satisfied,
       count(*) FILTER (WHERE stage = 'verification' AND ends AND ended = 'unsatisfied') AS unsatisfied,
       count(*) FILTER (WHERE stage IN ('fix', 'review') AND began = 'reopened' AND starts) AS reopened,
       count(*) FILTER (WHERE stage = 'appeal' AND starts) AS appealed,
       count(*) FILTER (WHERE stage = 'appeal' AND ends AND ended = 'upheld') AS upheld,
       count(*) FILTER (WHERE stage = 'appeal' AND ends AND ended IN ('upheld', 'dismissed')) AS decided,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY CASE WHEN stage = 'closing' AND ends THEN worked END) AS median,
       percentile_cont(0.9) WITHIN GROUP (ORDER BY CASE WHEN stage = 'closing' AND ends THEN worked END) AS p90
  FROM (SELECT *, entered_at >= $6 AND entered_at < $7 AS starts, coalesce(left_at >= $6 AND left_at < $7, false) AS ends,
               entered_at < $7 AND (left_at IS NULL OR left_at >= $7) AS lasts,
               (stage = 'fix' OR stage = 'review' AND ended = 'explain') AND coalesce(left_at >= $6 AND left_at < $7, false) AS handed
          FROM live.stages
         WHERE entered_at < $7 AND (left_at IS NULL OR left_at >= $6)
           AND ($1::text[] IS NULL OR unit = ANY ($1)) AND ($2::text IS NULL OR starts_with(area, $2))
           AND ($3::text IS NULL OR unit = $3) AND ($4::text IS NULL OR dept = $4)
           AND ($5::text IS NULL OR starts_with(area, $5))) AS visits
 GROUP BY GROUPING SETS ((unit), ());
-- section: query late
-- What was past the deadline of its stage at $6, the longest first. $1 to $5 as of `flow`, $7 rows.
SELECT s.ticket, l.number, s.unit, s.hall, s."window", s.dept, s.matter, l.satisfaction, s.stage, s.due_at, l.escalated
  FROM live.stages s JOIN live.loops l USING (ticket)
 WHERE s.stage NOT IN ('closing', 'contact', 'look_back') AND s.entered_at < $6 AND (s.left_at IS NULL OR s.left_at >= $6)
   AND s.due_at < $6
   AND ($1::text[] IS NULL OR s.unit = ANY ($1)) AND ($2::text IS NULL OR starts_with(s.area, $2))
   AND ($3::text IS NULL OR s.unit = $3) AND ($4::text IS NULL OR s.dept = $4)
   AND ($5::text IS NULL OR starts_with(s.area, $5))
 ORDER BY s.due_at, l.position LIMIT $7;
-- section: query back
-- What was reopened from $6 to before $7. $1 to $5 as of `flow`, $8 rows.
SELECT s.ticket, l.number, s.unit, s.hall, s."window", s.dept, s.matter, l.satisfaction, s.stage, s.entered_at AS at, s.round - 1 AS round
  FROM live.stages s JOIN live.loops l USING (ticket)
 WHERE s.stage IN ('fix', 'review') AND s.began = 'reopened' AND s.entered_at >= $6 AND s.entered_at < $7
   AND ($1::text[] IS NULL OR s.unit = ANY ($1)) AND ($2::text IS NULL OR starts_with(s.area, $2))
   AND ($3::text IS NULL OR s.unit = $3) AND ($4::text IS NULL OR s.dept = $4)
   AND ($5::text IS NULL OR starts_with(s.area, $5))
 ORDER BY s.entered_at, l.position LIMIT $8;
