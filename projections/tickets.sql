-- tickets: one row per ticket (工单) as it is now: where it stands, whose it is, until when, and what it is about.
--
-- position      that of its opening: what lists page by; version, last_position: of its last event
-- status        待分派 待签收 核实中 申诉中 整改中 待审核 待回访 已办结, since entered_at; outcome: how it closed
-- dues          deadlines by stage, those of stages that ended too; provisional: whether one rests on days that the calendar
--               does not know yet; due_at, due_provisional: that of the status
-- contact_due   until when the citizen is to be contacted; contacts: how often it was tried, reached: with success
-- satisfaction … text_id   of what opened it, as it came in; satisfaction 0 where nobody gave a level
-- joined        what else came of the same case; supplemented, contested: whether any of it all is a 追评, a contest
-- handled       every unit that ever had it; fixers: every account that submitted a fix or an explanation
-- extension     requested granted refused: what last became of one; extension_stage: for which one is not decided yet
-- rounds        how often it was reopened; spent: not satisfied, and no round left; rung, escalated: the highest of the ladder
-- look_back_at  when it is to be looked at again (回头看), until somebody did
-- province      it came from the platform above (省级工单), or something of it did; above: what that has decided last (认定)
-- below         the instance below that works on it and reports; unit_name: what that calls the unit
-- section: events
-- ticket.opened:v1 ticket.dispatched:v1 ticket.accepted:v1 ticket.transferred:v1 ticket.contacted:v1 ticket.reviewed:v1
-- ticket.appeal_lodged:v1 ticket.appeal_decided:v1 ticket.extension_requested:v1 ticket.extension_decided:v1
-- ticket.fix_submitted:v1 ticket.returned:v1 ticket.approved:v1 ticket.verification_sent:v1 ticket.verified:v1
-- ticket.reopened:v1 ticket.reminded:v1 ticket.escalated:v1 ticket.due_changed:v1 ticket.merged:v1 ticket.joined:v1
-- ticket.related:v1 ticket.closed:v1 ticket.looked_back:v1 ticket.overruled:v1 ticket.reported:v1
-- section: schema
CREATE TABLE tickets (
  id uuid NOT NULL CONSTRAINT tickets_id PRIMARY KEY,
  position bigint NOT NULL CONSTRAINT tickets_position UNIQUE,
  last_position bigint NOT NULL,
  version int NOT NULL,
  number text NOT NULL,
  source text NOT NULL,
  source_id text NOT NULL,
  case_id uuid,
  kind text NOT NULL,
  standard text NOT NULL,
  unit text NOT NULL,
  status text NOT NULL,
  entered_at timestamptz NOT NULL,
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
  indicators text[] NOT NULL,
  flags text[] NOT NULL,
  named bool NOT NULL,
  text_id uuid,
  opened_at timestamptz NOT NULL,
  policy_version text NOT NULL,
  calendar_version text NOT NULL,
  dues jsonb NOT NULL,
  provisional jsonb NOT NULL,
  due_at timestamptz,
  due_provisional bool NOT NULL,
  contact_due timestamptz,
  contacts smallint NOT NULL DEFAULT 0,
  reached bool NOT NULL DEFAULT false,
  to_contact bool NOT NULL GENERATED ALWAYS AS (
    named AND NOT reached AND contact_due IS NOT NULL AND below = '' AND status = ANY (
      ARRAY['awaiting_dispatch', 'awaiting_acceptance', 'reviewing', 'appealing', 'fixing'])) STORED,
  verdict text NOT NULL DEFAULT '',
  ground text NOT NULL DEFAULT '',
  difficulty text NOT NULL DEFAULT '',
  disposition text NOT NULL DEFAULT '',
  appeal text NOT NULL DEFAULT '',            -- lodged upheld dismissed
  extension text NOT NULL DEFAULT '',
  extension_stage text NOT NULL DEFAULT '',
  responsible text NOT NULL DEFAULT '',
  fixers text[] NOT NULL DEFAULT '{}',
  handled text[] NOT NULL,
  fixed_at timestamptz,
  approved_at timestamptz,
  asked text NOT NULL DEFAULT '',             -- link call recheck: how the verdict was last asked for
  link_expires_at timestamptz,
  verified text NOT NULL DEFAULT '',          -- satisfied unsatisfied informed passed failed: the last verdict
  verified_satisfaction smallint NOT NULL DEFAULT 0,
  rounds smallint NOT NULL DEFAULT 0,
  spent bool NOT NULL DEFAULT false,
  reminded int NOT NULL DEFAULT 0,
  rung smallint NOT NULL DEFAULT 0,
  escalated text NOT NULL GENERATED ALWAYS AS ((ARRAY['', 'remind', 'yellow', 'red', 'circular', 'talk'])[rung + 1]) STORED,
  closed_at timestamptz,
  look_back_at timestamptz,
  looked_back text NOT NULL DEFAULT '',       -- holds recurred
  merged_into uuid,
  merged_number text NOT NULL DEFAULT '',
  related int NOT NULL DEFAULT 0,
  joined int NOT NULL DEFAULT 0,
  supplemented bool NOT NULL,
  contested bool NOT NULL,
  province bool NOT NULL,
  above text NOT NULL DEFAULT '',             -- satisfied unsatisfied excluded upheld
  below text NOT NULL,
  unit_name text NOT NULL DEFAULT ''
) WITH (fillfactor = 80);
-- section: schema
-- Whether a page is found by its order or by its filter is decided by how many rows the filter is thought to leave: one
-- for a window that had no ticket, thousands for another.
ALTER TABLE tickets ALTER "window" SET STATISTICS 400, ALTER staff SET STATISTICS 400, ALTER matter SET STATISTICS 400;
-- section: schema
-- Open tickets are few: what queues page through and count.
CREATE INDEX tickets_open_status ON tickets (status, coalesce(due_at, 'infinity'), position) WHERE status <> 'closed';
-- section: schema
CREATE INDEX tickets_open_unit ON tickets (unit, status, coalesce(due_at, 'infinity'), position) WHERE status <> 'closed';
-- section: schema
CREATE INDEX tickets_due ON tickets (coalesce(due_at, 'infinity'), position);
-- section: schema
CREATE INDEX tickets_open_contact ON tickets (contact_due, position) WHERE to_contact;
-- section: schema
CREATE INDEX tickets_open_extension ON tickets (coalesce(due_at, 'infinity'), position) WHERE extension_stage <> '';
-- section: schema
CREATE INDEX tickets_level ON tickets ((coalesce(nullif(satisfaction, 0), 6)::smallint), position);
-- section: schema
CREATE INDEX tickets_look_back ON tickets (look_back_at, position) WHERE look_back_at IS NOT NULL;
-- section: schema
CREATE INDEX tickets_closed ON tickets (closed_at, position) WHERE status = 'closed';
-- section: schema
CREATE INDEX tickets_recurrence ON tickets ("window", ground, closed_at);
-- section: schema
CREATE INDEX tickets_number ON tickets (number);
-- section: schema
CREATE INDEX tickets_project ON tickets (project_no);
-- section: schema
CREATE INDEX tickets_case ON tickets (case_id);
-- section: schema
CREATE INDEX tickets_source ON tickets (source_id);
-- section: schema
CREATE INDEX tickets_staff ON tickets (staff, matter, position);
-- section: schema
CREATE INDEX tickets_matter ON tickets (matter text_pattern_ops, position);
-- section: schema
CREATE INDEX tickets_unit ON tickets (unit, position);
-- section: schema
CREATE INDEX tickets_handled ON tickets USING gin (handled);
-- section: schema
CREATE INDEX tickets_dept ON tickets (dept, position);
-- section: schema
CREATE INDEX tickets_area ON tickets (area text_pattern_ops, position);
-- section: schema
CREATE INDEX tickets_day ON tickets (day);
-- section: schema
CREATE INDEX tickets_last_position ON tickets (last_position);
-- section: schema
CREATE INDEX tickets_province ON tickets (position) WHERE province;
-- section: fold
-- What opened. $1 after (exclusive), $2 upto (inclusive); so in every fold below.
INSERT INTO tickets (id, position, last_position, version, number, source, source_id, case_id, kind, standard, unit, status,
                     entered_at, outcome, satisfaction, pf, "window", staff, matter, dept, hall, area, project_no, day,
                     indicators, flags, named, text_id, opened_at, policy_version, calendar_version, dues, provisional,
                     due_at, due_provisional, contact_due, handled, supplemented, contested, province, below)
SELECT e.originator_id, e.position, e.position, e.originator_version, x.number, x.source, x."sourceId", x."caseId",
       coalesce(s.kind, ''), coalesce(s.standard, ''), coalesce(x.unit, ''), first.status, x.at, '',
       coalesce(s.satisfaction, 0), coalesce(s.pf, ''), coalesce(s."window", ''), coalesce(s.staff, ''),
       coalesce(s.matter, ''), coalesce(s.dept, ''), coalesce(s.hall, ''), coalesce(s.area, ''),
       coalesce(s."projectNo", ''), s.day, coalesce(s."evalDetail", '{}'), coalesce(s.flags, '{}'), coalesce(s.named, false),
       (coalesce(s.texts -> 'writingEvaluation', s.texts -> 'text', s.texts -> 'problem') ->> 'id')::uuid, x.at,
       x."policyVersion", x."calendarVersion", coalesce(x.dues, '{}'),
       coalesce((SELECT jsonb_object_agg(due, coalesce(x.provisional ? due, false)) FROM jsonb_object_keys(x.dues) AS due), '{}'),
       (x.dues ->> first.stage)::timestamptz, coalesce(x.provisional ? first.stage, false),
       (x.dues ->> 'contact')::timestamptz, array_remove(ARRAY[coalesce(x.unit, '')], ''),
       x.source = 'supplement', x.source = 'contested', x.source = 'province', coalesce(x.below, '')
  FROM current_events e,
       jsonb_to_record(e.state) AS x(number text, source text, "sourceId" text, "caseId" uuid, unit text, at timestamptz,
                                     "policyVersion" text, "calendarVersion" text, dues jsonb, provisional jsonb,
                                     snapshot jsonb, below text),
       jsonb_to_record(x.snapshot) AS s(satisfaction smallint, pf text, "window" text, staff text, matter text, dept text,
                                        hall text, area text, "projectNo" text, day date, "evalDetail" text[],
                                        flags text[], named bool, kind text, standard text, texts jsonb),
       (VALUES (true, 'awaiting_dispatch', 'dispatch'), (false, 'awaiting_acceptance', 'acceptance'))
         AS first(nobody, status, stage)
 WHERE e.position > $1 AND e.position <= $2 AND e.topic = 'ticket.opened:v1'
   AND first.nobody = (coalesce(x.unit, '') = '' AND coalesce(x.below, '') = '')
 ORDER BY e.position;
-- section: fold
-- What happened to them: of each member the last that an event says, of counts the sum, of sets the union. A status that a
-- ticket has already does not begin again. A decision that upholds an appeal is followed by the closing, what comes from
-- another level by what it leads to; a report leads to its status, and nowhere without one.
WITH happened AS MATERIALIZED (
  SELECT e.originator_id AS id, e.position, e.originator_version AS version, e.topic, e.state,
         CASE e.topic
           WHEN 'ticket.dispatched:v1' THEN 'awaiting_acceptance'
           WHEN 'ticket.transferred:v1' THEN CASE WHEN coalesce(e.state ->> 'unit', '') = '' THEN 'awaiting_dispatch'
                                                  ELSE 'awaiting_acceptance' END
           WHEN 'ticket.accepted:v1' THEN 'reviewing'
           WHEN 'ticket.reviewed:v1' THEN CASE e.state ->> 'disposition' WHEN 'fix' THEN 'fixing' ELSE 'approving' END
           WHEN 'ticket.appeal_lodged:v1' THEN 'appealing'
           WHEN 'ticket.appeal_decided:v1' THEN CASE WHEN NOT (e.state -> 'upheld')::bool THEN 'reviewing' END
           WHEN 'ticket.fix_submitted:v1' THEN 'approving'
           WHEN 'ticket.returned:v1' THEN e.state ->> 'to'
           WHEN 'ticket.approved:v1' THEN 'verifying'
           WHEN 'ticket.reopened:v1' THEN e.state ->> 'to'
           WHEN 'ticket.overruled:v1' THEN CASE WHEN (e.state -> 'dismisses')::bool THEN 'reviewing' END
           WHEN 'ticket.reported:v1' THEN nullif(e.state ->> 'status', '')
           WHEN 'ticket.closed:v1' THEN 'closed' END AS status,
         CASE e.topic
           WHEN 'ticket.dispatched:v1' THEN jsonb_build_object('unit', e.state -> 'unit', 'extension_stage', '')
           WHEN 'ticket.transferred:v1' THEN
             jsonb_build_object('unit', coalesce(e.state ->> 'unit', ''), 'extension_stage', '')
           WHEN 'ticket.contacted:v1' THEN
             CASE e.state ->> 'purpose' WHEN 'review' THEN jsonb_build_object('contacts', e.state -> 'attempt') ELSE '{}' END
           WHEN 'ticket.reviewed:v1' THEN
             jsonb_build_object('verdict', e.state -> 'verdict', 'ground', e.state -> 'ground',
                                'difficulty', e.state -> 'difficulty', 'disposition', e.state -> 'disposition')
           WHEN 'ticket.appeal_lodged:v1' THEN '{"appeal": "lodged"}'
           WHEN 'ticket.appeal_decided:v1' THEN
             jsonb_build_object('appeal', CASE WHEN (e.state -> 'upheld')::bool THEN 'upheld' ELSE 'dismissed' END)
           WHEN 'ticket.extension_requested:v1' THEN
             jsonb_build_object('extension', 'requested', 'extension_stage', e.state -> 'stage')
           WHEN 'ticket.extension_decided:v1' THEN
             jsonb_build_object('extension', CASE WHEN (e.state -> 'granted')::bool THEN 'granted' ELSE 'refused' END,
                                'extension_stage', '')
           WHEN 'ticket.fix_submitted:v1' THEN
             jsonb_build_object('responsible', e.state -> 'responsible', 'fixed_at', e.state -> 'at',
                                'extension_stage', '')
           WHEN 'ticket.approved:v1' THEN jsonb_build_object('approved_at', e.state -> 'at')
           WHEN 'ticket.verification_sent:v1' THEN
             jsonb_build_object('asked', e.state -> 'channel', 'link_expires_at', e.state -> 'expiresAt')
           WHEN 'ticket.verified:v1' THEN
             jsonb_build_object('verified', e.state -> 'result',
                                'verified_satisfaction', coalesce(e.state -> 'satisfaction', '0'))
           WHEN 'ticket.reopened:v1' THEN
             jsonb_build_object('rounds', e.state -> 'round', 'spent', false, 'outcome', '', 'closed_at', NULL,
                                'extension_stage', '')
           WHEN 'ticket.escalated:v1' THEN CASE e.state ->> 'rule' WHEN 'rounds' THEN '{"spent": true}'::jsonb ELSE '{}' END
           WHEN 'ticket.due_changed:v1' THEN jsonb_build_object('calendar_version', e.state -> 'calendarVersion')
           WHEN 'ticket.merged:v1' THEN
             jsonb_build_object('merged_into', e.state -> 'into', 'merged_number', e.state -> 'intoNumber')
           WHEN 'ticket.closed:v1' THEN
             jsonb_build_object('outcome', e.state -> 'outcome', 'closed_at', e.state -> 'at', 'extension_stage', '')
               || CASE WHEN e.state -> 'dues' ? 'look_back'
                       THEN jsonb_build_object('look_back_at', e.state -> 'dues' -> 'look_back') ELSE '{}' END
           WHEN 'ticket.looked_back:v1' THEN jsonb_build_object('looked_back', e.state -> 'result', 'look_back_at', NULL)
           WHEN 'ticket.overruled:v1' THEN
             jsonb_build_object('above', e.state -> 'verdict')
               || CASE WHEN (e.state -> 'dismisses')::bool THEN '{"appeal": "dismissed"}' ELSE '{}'::jsonb END
               || CASE e.state ->> 'verdict' WHEN 'excluded' THEN '{"look_back_at": null}' ELSE '{}'::jsonb END
           WHEN 'ticket.reported:v1' THEN
             jsonb_build_object('below', e.state -> 'peer', 'extension_stage', '')
               || CASE WHEN coalesce(e.state ->> 'status', '') = '' THEN '{}'
                       ELSE jsonb_build_object('unit', coalesce(e.state ->> 'unit', ''),
                                               'unit_name', coalesce(e.state ->> 'unitName', ''))
                              || CASE e.state ->> 'event'
                                   WHEN 'reviewed' THEN
                                     jsonb_build_object('verdict', coalesce(e.state ->> 'verdict', ''),
                                                        'ground', coalesce(e.state ->> 'ground', ''),
                                                        'disposition', coalesce(e.state ->> 'disposition', ''))
                                   WHEN 'appeal_lodged' THEN '{"appeal": "lodged"}'
                                   WHEN 'appeal_decided' THEN
                                     jsonb_build_object('appeal', CASE e.state ->> 'result' WHEN 'upheld' THEN 'upheld'
                                                                                            ELSE 'dismissed' END)
                                   WHEN 'fix_submitted' THEN jsonb_build_object('fixed_at', e.state -> 'at')
                                   WHEN 'approved' THEN jsonb_build_object('approved_at', e.state -> 'at')
                                   WHEN 'verified' THEN
                                     jsonb_build_object('verified', coalesce(e.state ->> 'result', ''),
                                                        'verified_satisfaction', coalesce(e.state -> 'satisfaction', '0'))
                                   ELSE '{}' END END
           ELSE '{}' END AS members
    FROM current_events e
   WHERE e.position > $1 AND e.position <= $2
     AND e.topic IN ('ticket.dispatched:v1', 'ticket.accepted:v1', 'ticket.transferred:v1', 'ticket.contacted:v1',
                     'ticket.reviewed:v1', 'ticket.appeal_lodged:v1', 'ticket.appeal_decided:v1',
                     'ticket.extension_requested:v1', 'ticket.extension_decided:v1', 'ticket.fix_submitted:v1',
                     'ticket.returned:v1', 'ticket.approved:v1', 'ticket.verification_sent:v1', 'ticket.verified:v1',
                     'ticket.reopened:v1', 'ticket.reminded:v1', 'ticket.escalated:v1', 'ticket.due_changed:v1',
                     'ticket.merged:v1', 'ticket.joined:v1', 'ticket.related:v1', 'ticket.closed:v1',
                     'ticket.looked_back:v1', 'ticket.overruled:v1', 'ticket.reported:v1')),
entered AS (
  SELECT h.position, h.status, h.state -> 'at' AS at,
         h.status <> lag(h.status, 1, t.status) OVER (PARTITION BY h.id ORDER BY h.position) AS anew
    FROM happened h JOIN tickets t ON t.id = h.id
   WHERE h.status IS NOT NULL),
said AS (
  SELECT h.id, jsonb_object_agg(member.key, member.value ORDER BY h.position) AS members
    FROM happened h
    LEFT JOIN entered ON entered.position = h.position AND entered.anew,
         jsonb_each(h.members || CASE WHEN entered.anew
                                      THEN jsonb_build_object('status', entered.status, 'entered_at', entered.at)
                                      ELSE '{}' END) AS member
   GROUP BY h.id),
moved AS (
  SELECT h.id, jsonb_object_agg(due.key, due.value ORDER BY h.position) AS dues,
         jsonb_object_agg(due.key, coalesce(h.state -> 'provisional' ? due.key, false) ORDER BY h.position) AS provisional
    FROM happened h, jsonb_each(h.state -> 'dues') AS due
   GROUP BY h.id),
counted AS (
  SELECT id, max(position) AS last_position, max(version) AS version,
         count(*) FILTER (WHERE topic = 'ticket.joined:v1') AS joined,
         count(*) FILTER (WHERE topic = 'ticket.related:v1') AS related,
         count(*) FILTER (WHERE topic = 'ticket.reminded:v1') AS reminded,
         bool_or(topic = 'ticket.contacted:v1' AND state ->> 'purpose' = 'review' AND (state -> 'reached')::bool) AS reached,
         bool_or(topic = 'ticket.joined:v1' AND state ->> 'source' = 'supplement') AS supplemented,
         bool_or(topic = 'ticket.joined:v1' AND state ->> 'source' = 'contested') AS contested,
         bool_or(topic = 'ticket.joined:v1' AND state ->> 'source' = 'province') AS province,
         max(CASE WHEN topic = 'ticket.escalated:v1'
                  THEN array_position(ARRAY['remind', 'yellow', 'red', 'circular', 'talk'], state ->> 'level') END) AS rung,
         array_agg(state ->> 'unit') FILTER (WHERE (topic IN ('ticket.dispatched:v1', 'ticket.transferred:v1')
                                                    OR topic = 'ticket.reported:v1' AND state ->> 'status' <> '')
                                               AND state ->> 'unit' <> '') AS handled,
         array_agg(state -> 'by' ->> 'account')
           FILTER (WHERE (topic = 'ticket.fix_submitted:v1'
                          OR topic = 'ticket.reviewed:v1' AND state ->> 'disposition' = 'explain')
                     AND state -> 'by' ->> 'account' <> '') AS fixers
    FROM happened
   GROUP BY id)
UPDATE tickets AS t
   SET last_position = counted.last_position, version = counted.version, unit = now.unit, status = now.status,
       entered_at = now.entered_at, outcome = now.outcome, calendar_version = now.calendar_version,
       dues = due.dues, provisional = due.provisional,
       due_at = (due.dues ->> due.stage)::timestamptz, due_provisional = coalesce((due.provisional -> due.stage)::bool, false),
       contact_due = (due.dues ->> 'contact')::timestamptz, contacts = now.contacts, reached = t.reached OR counted.reached,
       verdict = now.verdict, ground = now.ground, difficulty = now.difficulty,
       disposition = now.disposition, appeal = now.appeal,
       extension = CASE WHEN now.extension = 'requested' AND now.extension_stage = '' THEN '' ELSE now.extension END,
       extension_stage = now.extension_stage, responsible = now.responsible,
       fixers = CASE WHEN counted.fixers IS NULL THEN t.fixers
                     ELSE ARRAY(SELECT DISTINCT unnest(t.fixers || counted.fixers) ORDER BY 1) END,
       handled = CASE WHEN counted.handled IS NULL THEN t.handled
                      ELSE ARRAY(SELECT DISTINCT unnest(t.handled || counted.handled) ORDER BY 1) END,
       fixed_at = now.fixed_at, approved_at = now.approved_at, asked = now.asked, link_expires_at = now.link_expires_at,
       verified = now.verified,
       verified_satisfaction = now.verified_satisfaction, rounds = now.rounds, spent = now.spent,
       reminded = t.reminded + counted.reminded, rung = greatest(t.rung, counted.rung), closed_at = now.closed_at,
       look_back_at = now.look_back_at, looked_back = now.looked_back, merged_into = now.merged_into,
       merged_number = now.merged_number, related = t.related + counted.related, joined = t.joined + counted.joined,
       supplemented = t.supplemented OR counted.supplemented, contested = t.contested OR counted.contested,
       province = t.province OR counted.province, above = now.above, below = now.below, unit_name = now.unit_name
  FROM counted
  JOIN tickets AS before ON before.id = counted.id
  LEFT JOIN said ON said.id = counted.id
  LEFT JOIN moved ON moved.id = counted.id,
       jsonb_populate_record(before, coalesce(said.members, '{}')) AS now,
       LATERAL (SELECT (before.dues || coalesce(moved.dues, '{}'))
                         - CASE WHEN now.look_back_at IS NULL THEN 'look_back' ELSE '' END AS dues,
                       before.provisional || coalesce(moved.provisional, '{}') AS provisional,
                       CASE now.status WHEN 'awaiting_dispatch' THEN 'dispatch' WHEN 'awaiting_acceptance' THEN 'acceptance'
                                       WHEN 'reviewing' THEN 'review' WHEN 'appealing' THEN 'appeal' WHEN 'fixing' THEN 'fix'
                                       WHEN 'approving' THEN 'approval' WHEN 'verifying' THEN 'verification' END
                         AS stage) AS due
 WHERE t.id = counted.id;
