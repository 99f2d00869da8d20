-- tickets: one row per ticket (工单) as it is now: where it stands, whose it is, until when, and what it is about.
--
-- position      that of its opening: what lists page by
-- status        as in domain/ticket.py (待分派 待签收 核实中 申诉中 整改中 待审核 待回访 已办结); outcome: how it closed
-- dues          the deadlines by stage; one whose stage has ended stays as it was. provisional: by stage, whether the
--               deadline rests on days that the calendar does not know yet
-- satisfaction … day   of the rating that opened it, as it came in; satisfaction 0 where nobody gave a level
-- joined        追评, contests and the first rating of the same case that came while it was open
-- section: events
-- ticket.opened:v1 ticket.joined:v1 ticket.dispatched:v1 ticket.accepted:v1 ticket.transferred:v1 ticket.reviewed:v1
-- ticket.appeal_lodged:v1 ticket.appeal_decided:v1 ticket.extension_decided:v1 ticket.fix_submitted:v1
-- ticket.returned:v1 ticket.approved:v1 ticket.reopened:v1 ticket.due_changed:v1 ticket.closed:v1
-- section: schema
CREATE TABLE tickets (
  id uuid NOT NULL CONSTRAINT tickets_id PRIMARY KEY,
  position bigint NOT NULL CONSTRAINT tickets_position UNIQUE,
  number text NOT NULL,
  source text NOT NULL,
  source_id text NOT NULL,
  case_id uuid,
  unit text NOT NULL,
  status text NOT NULL,
  outcome text NOT NULL,
  satisfaction smallint NOT NULL,
  pf text NOT NULL,
  "window" text NOT NULL,
  staff text NOT NULL,
  matter text NOT NULL,
  dept text NOT NULL,
  hall text NOT NULL,
  area text NOT NULL,
  project_no text NOT NULL,
  day date NOT NULL,
  opened_at timestamptz NOT NULL,
  dues jsonb NOT NULL,
  provisional jsonb NOT NULL,
  joined int NOT NULL
) WITH (fillfactor = 80);
-- section: schema
CREATE INDEX tickets_status ON tickets (status, position);
-- section: schema
CREATE INDEX tickets_unit ON tickets (unit, position);
-- section: schema
CREATE INDEX tickets_day ON tickets (day);
-- section: fold
-- What opened. $1 after (exclusive), $2 upto (inclusive); so in every fold below.
INSERT INTO tickets (id, position, number, source, source_id, case_id, unit, status, outcome, satisfaction, pf, "window",
                     staff, matter, dept, hall, area, project_no, day, opened_at, dues, provisional, joined)
SELECT e.originator_id, e.position, x.number, x.source, x."sourceId", x."caseId", coalesce(x.unit, ''),
       CASE WHEN coalesce(x.unit, '') = '' THEN 'awaiting_dispatch' ELSE 'awaiting_acceptance' END, '',
       coalesce(s.satisfaction, 0), coalesce(s.pf, ''), coalesce(s."window", ''), coalesce(s.staff, ''),
       coalesce(s.matter, ''), coalesce(s.dept, ''), coalesce(s.hall, ''), coalesce(s.area, ''),
       coalesce(s."projectNo", ''), s.day, x.at, coalesce(x.dues, '{}'),
       coalesce((SELECT jsonb_object_agg(due, coalesce(x.provisional ? due, false)) FROM jsonb_object_keys(x.dues) AS due), '{}'), 0
  FROM current_events e,
       jsonb_to_record(e.state) AS x(number text, source text, "sourceId" text, "caseId" uuid, unit text, at timestamptz,
                                     dues jsonb, provisional jsonb, snapshot jsonb),
       jsonb_to_record(x.snapshot) AS s(satisfaction smallint, pf text, "window" text, staff text, matter text, dept text,
                                        hall text, area text, "projectNo" text, day date)
 WHERE e.position > $1 AND e.position <= $2 AND e.topic = 'ticket.opened:v1'
 ORDER BY e.position;
-- section: fold
-- What happened to them: of each member the last that an event says. A decision on an appeal that upholds it is followed
-- by the closing.
UPDATE tickets AS t
   SET status = coalesce(last.status, t.status), unit = coalesce(last.unit, t.unit), outcome = coalesce(last.outcome, t.outcome),
       joined = t.joined + last.joined
  FROM (SELECT originator_id, (array_agg(status ORDER BY position DESC) FILTER (WHERE status IS NOT NULL))[1] AS status,
               (array_agg(unit ORDER BY position DESC) FILTER (WHERE unit IS NOT NULL))[1] AS unit,
               (array_agg(outcome ORDER BY position DESC) FILTER (WHERE outcome IS NOT NULL))[1] AS outcome,
               count(*) FILTER (WHERE topic = 'ticket.joined:v1') AS joined
          FROM (SELECT e.originator_id, e.position, e.topic,
                       CASE WHEN e.topic IN ('ticket.dispatched:v1', 'ticket.transferred:v1')
                            THEN coalesce(e.state ->> 'unit', '') END AS unit,
                       CASE e.topic WHEN 'ticket.closed:v1' THEN e.state ->> 'outcome'
                                    WHEN 'ticket.reopened:v1' THEN '' END AS outcome,
                       CASE WHEN e.topic IN ('ticket.dispatched:v1', 'ticket.transferred:v1')
                            THEN CASE WHEN coalesce(e.state ->> 'unit', '') = '' THEN 'awaiting_dispatch'
                                      ELSE 'awaiting_acceptance' END
                            WHEN e.topic = 'ticket.accepted:v1' THEN 'reviewing'
                            WHEN e.topic = 'ticket.reviewed:v1'
                            THEN CASE e.state ->> 'disposition' WHEN 'fix' THEN 'fixing' ELSE 'approving' END
                            WHEN e.topic = 'ticket.appeal_lodged:v1' THEN 'appealing'
                            WHEN e.topic = 'ticket.appeal_decided:v1' AND NOT (e.state -> 'upheld')::bool THEN 'reviewing'
                            WHEN e.topic = 'ticket.fix_submitted:v1' THEN 'approving'
                            WHEN e.topic IN ('ticket.returned:v1', 'ticket.reopened:v1') THEN e.state ->> 'to'
                            WHEN e.topic = 'ticket.approved:v1' THEN 'verifying'
                            WHEN e.topic = 'ticket.closed:v1' THEN 'closed' END AS status
                  FROM current_events e
                 WHERE e.position > $1 AND e.position <= $2
                   AND e.topic IN ('ticket.joined:v1', 'ticket.dispatched:v1', 'ticket.accepted:v1', 'ticket.transferred:v1',
                                   'ticket.reviewed:v1', 'ticket.appeal_lodged:v1', 'ticket.appeal_decided:v1',
                                   'ticket.fix_submitted:v1', 'ticket.returned:v1', 'ticket.approved:v1',
                                   'ticket.reopened:v1', 'ticket.closed:v1')) AS happened
         GROUP BY originator_id) AS last
 WHERE t.id = last.originator_id;
-- section: fold
-- Deadlines set or moved: the last of each stage.
UPDATE tickets AS t SET dues = t.dues || moved.dues, provisional = t.provisional || moved.provisional
  FROM (SELECT e.originator_id, jsonb_object_agg(due.key, due.value ORDER BY e.position) AS dues,
               jsonb_object_agg(due.key, coalesce(e.state -> 'provisional' ? due.key, false) ORDER BY e.position) AS provisional
          FROM current_events e, jsonb_each(e.state -> 'dues') AS due
         WHERE e.position > $1 AND e.position <= $2
           AND e.topic IN ('ticket.dispatched:v1', 'ticket.accepted:v1', 'ticket.transferred:v1', 'ticket.reviewed:v1',
                           'ticket.appeal_lodged:v1', 'ticket.appeal_decided:v1', 'ticket.extension_decided:v1',
                           'ticket.fix_submitted:v1', 'ticket.returned:v1', 'ticket.approved:v1', 'ticket.reopened:v1',
                           'ticket.due_changed:v1')
         GROUP BY e.originator_id) AS moved
 WHERE t.id = moved.originator_id;
-- section: query list
-- The newest first, below position $1 (NULL: from the newest). Filters $2 statuses, $3 sources, $4 unit, $5 hall, $6 area
-- prefix, $7 from, $8 to may be NULL. $9 rows.
SELECT * FROM live.tickets
 WHERE ($1::bigint IS NULL OR position < $1)
   AND ($2::text[] IS NULL OR status = ANY ($2)) AND ($3::text[] IS NULL OR source = ANY ($3))
   AND ($4::text IS NULL OR unit = $4) AND ($5::text IS NULL OR hall = $5)
   AND ($6::text IS NULL OR starts_with(area, $6)) AND ($7::date IS NULL OR day >= $7) AND ($8::date IS NULL OR day <= $8)
 ORDER BY position DESC
 LIMIT $9;
