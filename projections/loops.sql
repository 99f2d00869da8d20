-- loops: one row per ticket (工单) with what came of it: what the rates of the loop are counted from, and what the problem
-- ledger (问题台账) lists. Where it stands for those who work on it is `tickets`; how long each stage took is `stages`.
--
-- opened closed  the Shanghai dates of the opening and of the closing that stands; period figures go by either
-- stage due_at   the stage it is in and that stage's deadline, NULL once closed
-- handled        all units that ever had it
-- fix_due_at     the deadline of the rectification (整改时限) as it stands
-- handed_at      when the fix or explanation that stands was handed in; NULL before, and once it was returned or reopened
-- first_at       when the first was; late: one of them was handed in after its deadline, the fix's, else the review's
-- informed       somebody was told: reached by a contact, or sent the result
-- reopened       without reinstatements (恢复采纳), which are reinstated
-- said           the text of whoever complained; measures: that of the last fix, else of the explanation
-- digest         the keyed digest of the measures last handed in: equal digests are equal texts
--
-- A ticket's row is a function of its stream: whoever appears in a range is computed anew up to the range's end.
-- section: events
-- ticket.opened:v1 ticket.dispatched:v1 ticket.accepted:v1 ticket.transferred:v1 ticket.contacted:v1 ticket.reviewed:v1
-- ticket.appeal_lodged:v1 ticket.appeal_decided:v1 ticket.extension_decided:v1 ticket.fix_submitted:v1
-- ticket.returned:v1 ticket.approved:v1 ticket.verification_sent:v1 ticket.verified:v1 ticket.reopened:v1
-- ticket.reminded:v1 ticket.escalated:v1 ticket.due_changed:v1 ticket.closed:v1 ticket.overruled:v1 ticket.reported:v1
-- section: schema
CREATE TABLE loops (
  ticket uuid NOT NULL CONSTRAINT loops_ticket PRIMARY KEY,
  position bigint NOT NULL CONSTRAINT loops_position UNIQUE,
  number text NOT NULL,
  source text NOT NULL,
  kind text NOT NULL,
  standard text NOT NULL,
  named boolean NOT NULL,
  satisfaction smallint NOT NULL,
  indicators text[] NOT NULL,
  pf text NOT NULL,
  project_no text NOT NULL,
  policy text NOT NULL,
  unit text NOT NULL,
  handled text[] NOT NULL,
  dept text NOT NULL,
  area text NOT NULL,
  hall text NOT NULL,
  "window" text NOT NULL,
  staff text NOT NULL,
  matter text NOT NULL,
  day date NOT NULL,
  opened date NOT NULL,
  opened_at timestamptz NOT NULL,
  closed date,
  closed_at timestamptz,
  stage text NOT NULL,
  outcome text NOT NULL,
  due_at timestamptz,
  fix_due_at timestamptz,
  accepted_at timestamptz,
  first_at timestamptz,
  handed_at timestamptz,
  late boolean NOT NULL,
  ground text NOT NULL,
  verdict text NOT NULL,
  disposition text NOT NULL,
  responsible text NOT NULL,
  measures uuid,
  digest text NOT NULL,
  said uuid,
  informed boolean NOT NULL,
  satisfied int NOT NULL,
  unsatisfied int NOT NULL,
  others int NOT NULL,
  result text NOT NULL,
  appealed int NOT NULL,
  upheld int NOT NULL,
  dismissed int NOT NULL,
  reopened int NOT NULL,
  reinstated int NOT NULL,
  extended int NOT NULL,
  reminded int NOT NULL,
  escalated text NOT NULL,
  escalated_at timestamptz
) WITH (fillfactor = 80);
-- section: schema
CREATE INDEX loops_opened ON loops (opened);
-- section: schema
CREATE INDEX loops_closed ON loops (closed) WHERE closed IS NOT NULL;
-- section: schema
CREATE INDEX loops_open ON loops (due_at) WHERE outcome = '';
-- section: schema
CREATE INDEX loops_escalated ON loops (escalated_at) WHERE escalated_at IS NOT NULL;
-- section: schema
CREATE INDEX loops_unit ON loops (unit, position);
-- section: schema
CREATE INDEX loops_digest ON loops (digest) WHERE digest <> '';
-- section: schema
CREATE INDEX loops_place ON loops ("window", ground, opened_at) WHERE "window" <> '' AND ground <> '';
-- section: fold
-- $1 after (exclusive), $2 upto (inclusive)
WITH touched AS MATERIALIZED (
  SELECT DISTINCT originator_id FROM current_events
   WHERE position > $1 AND position <= $2
     AND topic IN ('ticket.opened:v1', 'ticket.dispatched:v1', 'ticket.accepted:v1', 'ticket.transferred:v1',
                   'ticket.contacted:v1', 'ticket.reviewed:v1', 'ticket.appeal_lodged:v1', 'ticket.appeal_decided:v1',
                   'ticket.extension_decided:v1', 'ticket.fix_submitted:v1', 'ticket.returned:v1', 'ticket.approved:v1',
                   'ticket.verification_sent:v1', 'ticket.verified:v1', 'ticket.reopened:v1', 'ticket.reminded:v1',
                   'ticket.escalated:v1', 'ticket.due_changed:v1', 'ticket.closed:v1', 'ticket.overruled:v1',
                   'ticket.reported:v1')),
told AS MATERIALIZED (
  -- stage: what the event leads to, NULL where it leaves it; handed: something is handed in for approval; follows: an
  -- instance below reported it and the ticket went along; then it counts as what was reported.
  SELECT e.position, e.originator_id AS id, e.originator_version AS version, e.topic, e.state, e.state -> 'dues' AS dues,
         (e.state ->> 'at')::timestamptz AS at,
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
              WHEN e.topic = 'ticket.closed:v1' THEN 'closed' END AS stage,
         e.topic = 'ticket.fix_submitted:v1'
           OR e.topic = 'ticket.reviewed:v1' AND e.state ->> 'disposition' = 'explain' AS handed
    FROM touched, LATERAL (SELECT s.*, s.topic = 'ticket.reported:v1' AND s.state ? 'status' AS follows FROM current_events s
                            WHERE s.originator_id = touched.originator_id AND s.position <= $2 OFFSET 0) AS s,
         LATERAL (SELECT s.position, s.originator_id, s.originator_version, s.state, s.follows,
                         CASE WHEN s.follows AND s.state ->> 'event' <> 'reopened'
                              THEN 'ticket.' || (s.state ->> 'event') || ':v1' ELSE s.topic END AS topic) AS e),
before AS (
  -- What was due when something was handed in: the version that set it last.
  SELECT id, at, handed,
         max(version) FILTER (WHERE dues ? 'fix') OVER earlier AS fix, max(version) FILTER (WHERE dues ? 'review') OVER earlier AS review
    FROM told
  WINDOW earlier AS (PARTITION BY id ORDER BY version ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)),
hands AS (
  SELECT b.id, min(b.at) AS first_at,
         coalesce(bool_or(b.at > coalesce(fix.dues ->> 'fix', review.dues ->> 'review')::timestamptz), false) AS late
    FROM before b
    LEFT JOIN told fix ON fix.id = b.id AND fix.version = b.fix
    LEFT JOIN told review ON review.id = b.id AND review.version = b.review
   WHERE b.handed
   GROUP BY b.id),
lived AS (
  SELECT id,
         (array_agg(unit ORDER BY version DESC) FILTER (WHERE unit IS NOT NULL))[1] AS unit,
         coalesce(array_agg(DISTINCT unit) FILTER (WHERE unit <> ''), '{}') AS handled,
         (array_agg(stage ORDER BY version DESC) FILTER (WHERE stage IS NOT NULL))[1] AS stage,
         (array_agg(state ORDER BY version DESC) FILTER (WHERE topic = 'ticket.reviewed:v1'))[1] AS review,
         (array_agg(state ORDER BY version DESC) FILTER (WHERE topic = 'ticket.fix_submitted:v1'))[1] AS fix,
         (array_agg(state ->> 'outcome' ORDER BY version DESC) FILTER (WHERE topic = 'ticket.closed:v1'))[1] AS outcome,
         max(at) FILTER (WHERE topic = 'ticket.closed:v1') AS closed_at,
         min(at) FILTER (WHERE topic = 'ticket.accepted:v1') AS accepted_at,
         max(at) FILTER (WHERE handed) AS handed_at,
         max(version) FILTER (WHERE handed) > coalesce(max(version) FILTER (WHERE topic IN ('ticket.returned:v1', 'ticket.reopened:v1')), 0) AS stands,
         coalesce(bool_or((state -> 'reached')::bool) FILTER (WHERE topic = 'ticket.contacted:v1'), false) AS told_by_contact,
         bool_or(topic IN ('ticket.verification_sent:v1', 'ticket.verified:v1')) AS told_by_result,
         count(*) FILTER (WHERE topic = 'ticket.verified:v1' AND state ->> 'result' = 'satisfied') AS satisfied,
         count(*) FILTER (WHERE topic = 'ticket.verified:v1' AND state ->> 'result' = 'unsatisfied') AS unsatisfied,
         count(*) FILTER (WHERE topic = 'ticket.verified:v1' AND state ->> 'result' NOT IN ('satisfied', 'unsatisfied')) AS others,
         (array_agg(state ->> 'result' ORDER BY version DESC) FILTER (WHERE topic = 'ticket.verified:v1'))[1] AS result,
         count(*) FILTER (WHERE topic = 'ticket.appeal_lodged:v1') AS appealed,
         count(*) FILTER (WHERE topic = 'ticket.appeal_decided:v1'
                            AND ((state -> 'upheld')::bool OR state ->> 'result' = 'upheld')) AS upheld,
         count(*) FILTER (WHERE topic = 'ticket.appeal_decided:v1'
                            AND (NOT (state -> 'upheld')::bool OR state ->> 'result' = 'dismissed')
                             OR topic = 'ticket.overruled:v1' AND (state -> 'dismisses')::bool) AS dismissed,
         count(*) FILTER (WHERE topic = 'ticket.reopened:v1' AND state ->> 'why' <> 'reinstated') AS reopened,
         count(*) FILTER (WHERE topic = 'ticket.reopened:v1' AND state ->> 'why' = 'reinstated') AS reinstated,
         count(*) FILTER (WHERE topic = 'ticket.extension_decided:v1' AND (state -> 'granted')::bool) AS extended,
         count(*) FILTER (WHERE topic = 'ticket.reminded:v1') AS reminded,
         max(array_position(ARRAY['remind', 'yellow', 'red', 'circular', 'talk'], state ->> 'level'))
           FILTER (WHERE topic = 'ticket.escalated:v1') AS escalated,
         max(at) FILTER (WHERE topic = 'ticket.escalated:v1') AS escalated_at
    FROM told GROUP BY id),
due AS (
  SELECT id, jsonb_object_agg(one.key, one.value ORDER BY version) AS dues
    FROM told, jsonb_each(told.dues) AS one GROUP BY id)
INSERT INTO loops AS t (
  ticket, position, number, source, kind, standard, named, satisfaction, indicators, pf, project_no, policy, unit, handled, dept,
  area, hall, "window", staff, matter, day, opened, opened_at, closed, closed_at, stage, outcome, due_at, fix_due_at, accepted_at,
  first_at, handed_at, late, ground, verdict, disposition, responsible, measures, digest, said, informed, satisfied,
  unsatisfied, others, result, appealed, upheld, dismissed, reopened, reinstated, extended, reminded, escalated, escalated_at)
SELECT o.id, o.position, x.number, x.source, coalesce(s.kind, ''), coalesce(s.standard, ''), coalesce(s.named, false),
       coalesce(s.satisfaction, 0), coalesce(s."evalDetail", '{}'), coalesce(s.pf, ''), coalesce(s."projectNo", ''),
       x."policyVersion", l.unit, l.handled, coalesce(s.dept, ''), coalesce(s.area, ''), coalesce(s.hall, ''), coalesce(s."window", ''),
       coalesce(s.staff, ''), coalesce(s.matter, ''), s.day, (o.at AT TIME ZONE 'Asia/Shanghai')::date, o.at,
       CASE l.stage WHEN 'closed' THEN (l.closed_at AT TIME ZONE 'Asia/Shanghai')::date END,
       CASE l.stage WHEN 'closed' THEN l.closed_at END, l.stage, CASE l.stage WHEN 'closed' THEN l.outcome ELSE '' END,
       CASE WHEN l.stage <> 'closed' THEN (due.dues ->> l.stage)::timestamptz END,
       (due.dues ->> 'fix')::timestamptz, l.accepted_at, h.first_at, CASE WHEN l.stands THEN l.handed_at END,
       coalesce(h.late, false), coalesce(l.review ->> 'ground', ''), coalesce(l.review ->> 'verdict', ''),
       coalesce(l.review ->> 'disposition', ''), coalesce(l.fix ->> 'responsible', ''),
       (coalesce(l.fix -> 'measures', CASE l.review ->> 'disposition' WHEN 'explain' THEN l.review -> 'finding' END) ->> 'id')::uuid,
       coalesce(l.fix -> 'measures' ->> 'digest', ''), 
       (SELECT written.value ->> 'id' FROM jsonb_each(s.texts) AS written WHERE written.key <> 'ext'
         ORDER BY written.key NOT IN ('writingEvaluation', 'text'), written.key LIMIT 1)::uuid,
       l.told_by_contact OR l.told_by_result, l.satisfied, l.unsatisfied, l.others, coalesce(l.result, ''), l.appealed, l.upheld,
       l.dismissed, l.reopened, l.reinstated, l.extended, l.reminded,
       coalesce((ARRAY['remind', 'yellow', 'red', 'circular', 'talk'])[l.escalated], ''), l.escalated_at
  FROM told o JOIN lived l USING (id) LEFT JOIN hands h USING (id) LEFT JOIN due USING (id),
       jsonb_to_record(o.state) AS x(number text, source text, "policyVersion" text, snapshot jsonb),
       jsonb_to_record(x.snapshot) AS s(kind text, standard text, named bool, satisfaction smallint, "evalDetail" text[],
                                        pf text, "projectNo" text, dept text, area text, hall text, "window" text, staff text,
                                        matter text, day date, texts jsonb)
 WHERE o.topic = 'ticket.opened:v1'
 ORDER BY o.position
ON CONFLICT ON CONSTRAINT loops_ticket DO UPDATE SET
  unit = excluded.unit, handled = excluded.handled, closed = excluded.closed, closed_at = excluded.closed_at, stage = excluded.stage,
  outcome = excluded.outcome, due_at = excluded.due_at, fix_due_at = excluded.fix_due_at, accepted_at = excluded.accepted_at,
  first_at = excluded.first_at, handed_at = excluded.handed_at, late = excluded.late, ground = excluded.ground,
  verdict = excluded.verdict, disposition = excluded.disposition, responsible = excluded.responsible,
  measures = excluded.measures, digest = excluded.digest, informed = excluded.informed, satisfied = excluded.satisfied,
  unsatisfied = excluded.unsatisfied, others = excluded.others, result = excluded.result, appealed = excluded.appealed,
  upheld = excluded.upheld, dismissed = excluded.dismissed, reopened = excluded.reopened, reinstated = excluded.reinstated,
  extended = excluded.extended, reminded = excluded.reminded, escalated = excluded.escalated, escalated_at = excluded.escalated_at;
-- section: query counts
-- What the rates are made of (docs/figures.md), one row per key, ordered by key.
-- Who: $1 units or NULL, $2 area prefix or NULL (what the asker may see); $3 unit, $4 department, $5 area prefix, $6 hall,
-- $7 window, $8 staff, $9 ground, $10 sources, $11 policy or NULL. When: $12 opened or closed, $13 from, $14 to or NULL.
-- $15 by what ('' for all in one), $16 now, $17 the key before the page or NULL, $18 rows.
SELECT key, count(*) AS tickets, count(*) FILTER (WHERE outcome = '') AS open,
       count(*) FILTER (WHERE outcome = '' AND due_at < $16) AS overdue,
       count(*) FILTER (WHERE outcome = 'fixed') AS fixed, count(*) FILTER (WHERE outcome = 'explained') AS explained,
       count(*) FILTER (WHERE outcome = 'excluded') AS excluded, count(*) FILTER (WHERE outcome = 'merged') AS merged,
       count(*) FILTER (WHERE outcome = 'unreachable') AS unreachable,
       count(*) FILTER (WHERE valid) AS valid, count(*) FILTER (WHERE valid AND fallen_due) AS due,
       count(*) FILTER (WHERE valid AND fallen_due AND NOT late AND first_at IS NOT NULL
                          AND (handed_at IS NOT NULL OR coalesce(fix_due_at > $16, true))) AS on_time,
       count(*) FILTER (WHERE known) AS named, count(*) FILTER (WHERE known AND informed) AS replied,
       count(*) FILTER (WHERE known AND outcome IN ('fixed', 'explained')) AS named_rectified,
       count(*) FILTER (WHERE known AND satisfied + unsatisfied + others > 0) AS named_verified,
       sum(satisfied)::bigint AS satisfied, sum(unsatisfied)::bigint AS unsatisfied,
       count(*) FILTER (WHERE reopened > 0) AS reopened, count(*) FILTER (WHERE outcome <> '' OR reopened > 0) AS ended,
       count(*) FILTER (WHERE appealed > 0) AS appealed, sum(upheld)::bigint AS upheld,
       sum(upheld + dismissed)::bigint AS decided, sum(reinstated)::bigint AS reinstated,
       count(*) FILTER (WHERE extended > 0) AS extended, count(*) FILTER (WHERE reminded > 0) AS reminded,
       count(*) FILTER (WHERE escalated NOT IN ('', 'remind')) AS escalated
  FROM (SELECT *, outcome NOT IN ('excluded', 'merged') AS valid,
               first_at IS NOT NULL OR coalesce(fix_due_at < coalesce(closed_at, $16), false) AS fallen_due,
               named AND outcome NOT IN ('excluded', 'merged')
                 AND source IN ('rating', 'supplement', 'contested', 'province') AS known,
               CASE $15 WHEN 'unit' THEN unit WHEN 'dept' THEN dept WHEN 'area' THEN area WHEN 'hall' THEN hall
                        WHEN 'window' THEN "window" WHEN 'staff' THEN staff WHEN 'ground' THEN ground WHEN 'source' THEN source
                        WHEN 'policy' THEN policy WHEN 'rung' THEN escalated WHEN 'day' THEN date::text
                        WHEN 'week' THEN date_trunc('week', date::timestamp)::date::text
                        WHEN 'month' THEN to_char(date, 'YYYY-MM') ELSE '' END COLLATE "C" AS key
          FROM (SELECT *, CASE $12 WHEN 'closed' THEN closed ELSE opened END AS date FROM live.loops
                 WHERE ($12 = 'opened' AND ($13::date IS NULL OR opened >= $13) AND ($14::date IS NULL OR opened <= $14)
                        OR $12 = 'closed' AND closed IS NOT NULL AND ($13::date IS NULL OR closed >= $13)
                           AND ($14::date IS NULL OR closed <= $14))
                   AND ($1::text[] IS NULL OR unit = ANY ($1)) AND ($2::text IS NULL OR starts_with(area, $2))
                   AND ($3::text IS NULL OR unit = $3) AND ($4::text IS NULL OR dept = $4)
                   AND ($5::text IS NULL OR starts_with(area, $5)) AND ($6::text IS NULL OR hall = $6)
                   AND ($7::text IS NULL OR "window" = $7) AND ($8::text IS NULL OR staff = $8)
                   AND ($9::text IS NULL OR ground = $9) AND ($10::text[] IS NULL OR source = ANY ($10))
                   AND ($11::text IS NULL OR policy = $11)) AS chosen) AS counted
 WHERE $17::text IS NULL OR key > $17
 GROUP BY key ORDER BY key LIMIT $18;
-- section: query standing
-- What is open now, by stage and days since the opening. $1 to $5 as of `counts`, $6 now.
SELECT stage, count(*) AS n, count(*) FILTER (WHERE due_at < $6) AS overdue, count(*) FILTER (WHERE days <= 1) AS day,
       count(*) FILTER (WHERE days > 1 AND days <= 3) AS three, count(*) FILTER (WHERE days > 3 AND days <= 7) AS week,
       count(*) FILTER (WHERE days > 7 AND days <= 15) AS fortnight, count(*) FILTER (WHERE days > 15) AS longer,
       max(days)::float8 AS oldest
  FROM (SELECT stage, due_at, extract(epoch FROM $6::timestamptz - opened_at) / 86400 AS days FROM live.loops
         WHERE outcome = '' AND ($1::text[] IS NULL OR unit = ANY ($1)) AND ($2::text IS NULL OR starts_with(area, $2))
           AND ($3::text IS NULL OR unit = $3) AND ($4::text IS NULL OR dept = $4)
           AND ($5::text IS NULL OR starts_with(area, $5))) AS open
 GROUP BY stage;
-- section: query overdue
-- Open tickets past a deadline, the longest overdue first. $1 to $5 as of `counts`, $6 now, $7 rows.
SELECT * FROM live.loops
 WHERE outcome = '' AND due_at < $6 AND ($1::text[] IS NULL OR unit = ANY ($1))
   AND ($2::text IS NULL OR starts_with(area, $2)) AND ($3::text IS NULL OR unit = $3)
   AND ($4::text IS NULL OR dept = $4) AND ($5::text IS NULL OR starts_with(area, $5))
 ORDER BY due_at, position LIMIT $7;
-- section: query pasted
-- The same measures handed in for several tickets. $1 to $5 as of `counts`, $6 from, $7 to (opened), $8 texts, $9 tickets of
-- each. total: how many tickets all such texts stand in.
WITH alike AS (
  SELECT digest, count(*) AS n, count(DISTINCT unit) AS units, (array_agg(measures ORDER BY position))[1] AS measures,
         (array_agg(ticket ORDER BY position DESC))[:$9] AS tickets, (array_agg(number ORDER BY position DESC))[:$9] AS numbers
    FROM live.loops
   WHERE digest <> '' AND outcome NOT IN ('excluded', 'merged') AND opened BETWEEN $6 AND $7
     AND ($1::text[] IS NULL OR unit = ANY ($1)) AND ($2::text IS NULL OR starts_with(area, $2))
     AND ($3::text IS NULL OR unit = $3) AND ($4::text IS NULL OR dept = $4)
     AND ($5::text IS NULL OR starts_with(area, $5))
   GROUP BY digest HAVING count(*) > 1)
SELECT alike.*, written.body, sum(n) OVER ()::bigint AS total
  FROM alike LEFT JOIN private.texts written ON written.id = alike.measures
 ORDER BY n DESC, digest LIMIT $8;
-- section: query quick
-- Handed in within $8 minutes of the acceptance. $1 to $7 as of `pasted`, $9 rows.
SELECT ticket, number, unit, "window", hall, ground, first_at, extract(epoch FROM first_at - accepted_at)::int / 60 AS minutes,
       count(*) OVER () AS total
  FROM live.loops
 WHERE first_at < accepted_at + make_interval(mins => $8) AND outcome NOT IN ('excluded', 'merged')
   AND opened BETWEEN $6 AND $7 AND ($1::text[] IS NULL OR unit = ANY ($1)) AND ($2::text IS NULL OR starts_with(area, $2))
   AND ($3::text IS NULL OR unit = $3) AND ($4::text IS NULL OR dept = $4)
   AND ($5::text IS NULL OR starts_with(area, $5))
 ORDER BY first_at - accepted_at, position DESC LIMIT $9;
-- section: query recurring
-- Closed as fixed, and within $8 days another ticket at the same window for the same cause. $1 to $7 as of `pasted`, $9 rows.
SELECT f.ticket, f.number, f.unit, f."window", f.hall, f.ground, f.closed_at, again.ticket AS again, again.number AS again_number,
       again.opened_at AS again_at, count(*) OVER () AS total
  FROM live.loops f,
       LATERAL (SELECT ticket, number, opened_at FROM live.loops s
                 WHERE s."window" = f."window" AND s.ground = f.ground AND s."window" <> '' AND s.ground <> ''
                   AND s.opened_at > f.closed_at AND s.opened_at <= f.closed_at + make_interval(days => $8)
                   AND s.outcome NOT IN ('excluded', 'merged')
                 ORDER BY s.opened_at LIMIT 1) AS again
 WHERE f.outcome = 'fixed' AND f.opened BETWEEN $6 AND $7 AND ($1::text[] IS NULL OR f.unit = ANY ($1))
   AND ($2::text IS NULL OR starts_with(f.area, $2)) AND ($3::text IS NULL OR f.unit = $3)
   AND ($4::text IS NULL OR f.dept = $4) AND ($5::text IS NULL OR starts_with(f.area, $5))
 ORDER BY again.opened_at DESC, f.position LIMIT $9;
-- section: query ledger
-- The problem ledger (问题台账), the newest first, with the texts that are still there.
-- $1 below this position or NULL, $2 rows; $3 units (that ever had it) and $4 area prefix: what the asker may see
-- Filters, NULL where not set: $5 stages ('closed' among them), $6 open or not, $7 past a deadline at this time,
-- $8 area prefix, $9 dept, $10 hall, $11 window, $12 staff, $13 matter prefix, $14 channel, $15 levels, $16 sources,
-- $17 causes, $18 unit, $19 outcomes, $20 rungs, $21 opened from, $22 to, $23 day from, $24 to; search: $25 number or case,
-- $26 windows, $27 staff, $28 matters, $29 matter prefix, $30 units
SELECT l.*, said.body AS said_body, measures.body AS measures_body
  FROM (SELECT * FROM live.loops
         WHERE ($1::bigint IS NULL OR position < $1)
           AND ($3::text[] IS NULL OR handled && $3) AND ($4::text IS NULL OR starts_with(area, $4))
           AND ($5::text[] IS NULL OR stage = ANY ($5)) AND ($6::bool IS NULL OR (outcome = '') = $6)
           AND ($7::timestamptz IS NULL OR outcome = '' AND due_at < $7)
           AND ($8::text IS NULL OR starts_with(area, $8)) AND ($9::text IS NULL OR dept = $9)
           AND ($10::text IS NULL OR hall = $10) AND ($11::text IS NULL OR "window" = $11)
           AND ($12::text IS NULL OR staff = $12) AND ($13::text IS NULL OR starts_with(matter, $13))
           AND ($14::text IS NULL OR pf = $14) AND ($15::smallint[] IS NULL OR satisfaction = ANY ($15))
           AND ($16::text[] IS NULL OR source = ANY ($16)) AND ($17::text[] IS NULL OR ground = ANY ($17))
           AND ($18::text IS NULL OR unit = $18) AND ($19::text[] IS NULL OR outcome = ANY ($19))
           AND ($20::text[] IS NULL OR escalated = ANY ($20)) AND ($21::date IS NULL OR opened >= $21)
           AND ($22::date IS NULL OR opened <= $22) AND ($23::date IS NULL OR day >= $23)
           AND ($24::date IS NULL OR day <= $24)
           AND ($25::text IS NULL OR number = $25 OR project_no = $25 OR "window" = ANY ($26::text[])
                OR staff = ANY ($27::text[]) OR matter = ANY ($28::text[]) OR starts_with(matter, $29::text)
                OR unit = ANY ($30::text[]))
         ORDER BY position DESC LIMIT $2) AS l
  LEFT JOIN private.texts said ON said.id = l.said
  LEFT JOIN private.texts measures ON measures.id = l.measures
 ORDER BY l.position DESC;
-- section: query size
-- How many rows the ledger has. $1 to $28 are $3 to $30 of `ledger`.
SELECT count(*) AS n FROM live.loops
 WHERE ($1::text[] IS NULL OR handled && $1) AND ($2::text IS NULL OR starts_with(area, $2))
   AND ($3::text[] IS NULL OR stage = ANY ($3)) AND ($4::bool IS NULL OR (outcome = '') = $4)
   AND ($5::timestamptz IS NULL OR outcome = '' AND due_at < $5)
   AND ($6::text IS NULL OR starts_with(area, $6)) AND ($7::text IS NULL OR dept = $7)
   AND ($8::text IS NULL OR hall = $8) AND ($9::text IS NULL OR "window" = $9)
   AND ($10::text IS NULL OR staff = $10) AND ($11::text IS NULL OR starts_with(matter, $11))
   AND ($12::text IS NULL OR pf = $12) AND ($13::smallint[] IS NULL OR satisfaction = ANY ($13))
   AND ($14::text[] IS NULL OR source = ANY ($14)) AND ($15::text[] IS NULL OR ground = ANY ($15))
   AND ($16::text IS NULL OR unit = $16) AND ($17::text[] IS NULL OR outcome = ANY ($17))
   AND ($18::text[] IS NULL OR escalated = ANY ($18)) AND ($19::date IS NULL OR opened >= $19)
   AND ($20::date IS NULL OR opened <= $20) AND ($21::date IS NULL OR day >= $21)
   AND ($22::date IS NULL OR day <= $22)
   AND ($23::text IS NULL OR number = $23 OR project_no = $23 OR "window" = ANY ($24::text[])
        OR staff = ANY ($25::text[]) OR matter = ANY ($26::text[]) OR starts_with(matter, $27::text)
        OR unit = ANY ($28::text[]));
-- section: query raised
-- Last escalated from $6 to before $7, the highest rung first. $1 to $5 as of `counts`, $8 rows.
SELECT ticket, number, unit, hall, "window", dept, matter, satisfaction, stage, escalated, escalated_at AS at FROM live.loops
 WHERE escalated NOT IN ('', 'remind') AND escalated_at >= $6 AND escalated_at < $7
   AND ($1::text[] IS NULL OR unit = ANY ($1)) AND ($2::text IS NULL OR starts_with(area, $2))
   AND ($3::text IS NULL OR unit = $3) AND ($4::text IS NULL OR dept = $4)
   AND ($5::text IS NULL OR starts_with(area, $5))
 ORDER BY array_position(ARRAY['talk', 'circular', 'red', 'yellow'], escalated), escalated_at, position LIMIT $8;
-- section: query first
SELECT min(opened) AS day FROM live.loops;
