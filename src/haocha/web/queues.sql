-- The queues of the workbench over the read model of tickets: one page, how many wait in each, and whether to count anew.
-- section: query page
-- One page of a queue (or of all tickets), in one of the orders. Who asks and what for is made part of the plan (custom
-- plans only): every condition that is not asked for falls away, and what remains finds its index.
-- $1 queue; $2 now; $3 order: due, contact, look_back, closed, newest, oldest, level; of the last row of the page before
-- $4 time (NULL: none), $5 level, $6 position (NULL: this is the first page); $7 rows
-- Who sees it, NULL where it does not matter: $8 units, $9 area prefix, $10 the unit whose work it is; who may not judge it:
-- $11 unit, $12 staff, $13 account; $14 how many contacts a policy asks for, of the policies whose contact is this person's
-- Filters: $15 area prefix $16 dept $17 hall $18 window $19 staff $20 matter prefix $21 channel $22 levels $23 sources
-- $24 causes $25 statuses $26 unit $27 outcomes $28 due from $29 due before $30 without a deadline $31 rung at least
-- $32 opened from $33 opened before $34 day from $35 day to; search: $36 number or case, $37 windows $38 staff $39 matters
-- $40 matter prefix $41 units; $42 above: from the platform above, below: worked on below
SELECT * FROM live.tickets
 WHERE CASE $1::text
         WHEN 'all' THEN true
         WHEN 'closed' THEN status = 'closed'
         WHEN 'look_back' THEN status = 'closed' AND look_back_at <= $2
         WHEN 'overdue' THEN coalesce(due_at, 'infinity') < $2     -- closed ones have no deadline
         WHEN 'dispatch' THEN status = 'awaiting_dispatch' AND below = ''
         WHEN 'acceptance' THEN status = 'awaiting_acceptance' AND below = ''
         WHEN 'contact' THEN to_contact AND contacts < ($14::jsonb ->> policy_version)::int
         WHEN 'review' THEN status = 'reviewing' AND below = ''
         WHEN 'appeals' THEN status = 'appealing' AND below = ''
         WHEN 'fixing' THEN status = 'fixing' AND below = ''
         WHEN 'extensions' THEN extension_stage <> ''
         WHEN 'approval' THEN status = 'approving' AND below = ''
         WHEN 'verification' THEN status = 'verifying' AND below = '' AND source <> 'inspection' AND NOT spent
         WHEN 'recheck' THEN status = 'verifying' AND below = '' AND source = 'inspection' AND NOT spent
         WHEN 'supervision' THEN status <> 'closed' AND spent
         WHEN 'open' THEN status <> 'closed' END
   AND CASE $3::text
         WHEN 'due' THEN $6::bigint IS NULL
                         OR (coalesce(due_at, 'infinity'), position) > (coalesce($4::timestamptz, 'infinity'), $6)
         WHEN 'contact' THEN $6::bigint IS NULL OR (contact_due, position) > ($4::timestamptz, $6)
         WHEN 'look_back' THEN $6::bigint IS NULL OR (look_back_at, position) > ($4::timestamptz, $6)
         WHEN 'closed' THEN $6::bigint IS NULL OR (closed_at, position) < ($4::timestamptz, $6)
         WHEN 'newest' THEN $6::bigint IS NULL OR position < $6
         WHEN 'oldest' THEN $6::bigint IS NULL OR position > $6
         WHEN 'level' THEN $6::bigint IS NULL
                           OR (coalesce(nullif(satisfaction, 0), 6)::smallint, position) > ($5::smallint, $6) END
   AND ($8::text[] IS NULL OR handled && $8) AND ($9::text IS NULL OR starts_with(area, $9))
   AND ($10::text IS NULL OR unit = $10)
   AND ($11::text IS NULL OR NOT (dept = $11 OR handled @> ARRAY[$11])) AND ($12::text IS NULL OR staff <> $12)
   AND ($13::text IS NULL OR NOT fixers @> ARRAY[$13])
   AND ($15::text IS NULL OR starts_with(area, $15)) AND ($16::text IS NULL OR dept = $16) AND ($17::text IS NULL OR hall = $17)
   AND ($18::text IS NULL OR "window" = $18) AND ($19::text IS NULL OR staff = $19)
   AND ($20::text IS NULL OR starts_with(matter, $20)) AND ($21::text IS NULL OR pf = $21)
   AND ($22::smallint[] IS NULL OR satisfaction = ANY ($22)) AND ($23::text[] IS NULL OR source = ANY ($23))
   AND ($24::text[] IS NULL OR ground = ANY ($24)) AND ($25::text[] IS NULL OR status = ANY ($25))
   AND ($26::text IS NULL OR unit = $26) AND ($27::text[] IS NULL OR outcome = ANY ($27))
   AND ($28::timestamptz IS NULL OR due_at >= $28) AND ($29::timestamptz IS NULL OR coalesce(due_at, 'infinity') < $29)
   AND ($30::bool IS NULL OR status <> 'closed' AND due_at IS NULL) AND ($31::smallint IS NULL OR rung >= $31)
   AND ($32::timestamptz IS NULL OR opened_at >= $32) AND ($33::timestamptz IS NULL OR opened_at < $33)
   AND ($34::date IS NULL OR day >= $34) AND ($35::date IS NULL OR day <= $35)
   AND ($36::text IS NULL OR number = $36 OR project_no = $36 OR "window" = ANY ($37::text[]) OR staff = ANY ($38::text[])
        OR matter = ANY ($39::text[]) OR starts_with(matter, $40::text) OR unit = ANY ($41::text[]))
   AND ($42::text IS NULL OR CASE $42 WHEN 'above' THEN province ELSE below <> '' END)
 ORDER BY CASE $3::text WHEN 'due' THEN coalesce(due_at, 'infinity') WHEN 'contact' THEN contact_due
                        WHEN 'look_back' THEN look_back_at END,
          CASE $3::text WHEN 'closed' THEN closed_at END DESC,
          CASE $3::text WHEN 'level' THEN coalesce(nullif(satisfaction, 0), 6)::smallint END,
          CASE WHEN $3::text IN ('closed', 'newest') THEN position END DESC,
          CASE WHEN $3::text NOT IN ('closed', 'newest') THEN position END
 LIMIT $7;
-- section: query changed
-- Up to where in the log anything happened to a ticket: until that moves, what was counted holds.
SELECT coalesce(max(last_position), 0) AS position FROM live.tickets;
-- section: query counts
-- How many tickets wait in each queue, under the conditions of `page`; what an instance below works on waits for nobody.
-- $1 now, $2 units, $3 area prefix, $4 the unit whose work it is, $5 unit, $6 staff and $7 account that may not judge,
-- $8 contacts asked for, by policy.
-- Only open tickets are gone through, and those of the sample whose day has come.
SELECT count(*) FILTER (WHERE status = 'awaiting_dispatch' AND here AND own) AS dispatch,
       count(*) FILTER (WHERE status = 'awaiting_acceptance' AND here AND own) AS acceptance,
       count(*) FILTER (WHERE to_contact AND own AND independent
                          AND contacts < ($8::jsonb ->> policy_version)::int) AS contact,
       count(*) FILTER (WHERE status = 'reviewing' AND here AND own AND NOT rated) AS review,
       count(*) FILTER (WHERE status = 'appealing' AND here AND independent) AS appeals,
       count(*) FILTER (WHERE status = 'fixing' AND here AND own) AS fixing,
       count(*) FILTER (WHERE extension_stage <> '' AND independent) AS extensions,
       count(*) FILTER (WHERE status = 'approving' AND here AND independent
                          AND ($7::text IS NULL OR NOT fixers @> ARRAY[$7])) AS approval,
       count(*) FILTER (WHERE status = 'verifying' AND here AND source <> 'inspection' AND NOT spent AND independent) AS verification,
       count(*) FILTER (WHERE status = 'verifying' AND here AND source = 'inspection' AND NOT spent AND independent) AS recheck,
       count(*) FILTER (WHERE spent) AS supervision,
       count(*) FILTER (WHERE coalesce(due_at, 'infinity') < $1) AS overdue,
       count(*) AS open,
       (SELECT count(*) FROM live.tickets
         WHERE status = 'closed' AND look_back_at <= $1
           AND ($2::text[] IS NULL OR handled && $2) AND ($3::text IS NULL OR starts_with(area, $3))
           AND ($5::text IS NULL OR NOT (dept = $5 OR handled @> ARRAY[$5])) AND ($6::text IS NULL OR staff <> $6)) AS look_back
  FROM (SELECT *, below = '' AS here, $4::text IS NULL OR unit = $4 AS own, $6::text IS NOT NULL AND staff = $6 AS rated,
               ($5::text IS NULL OR NOT (dept = $5 OR handled @> ARRAY[$5]))
                 AND ($6::text IS NULL OR staff <> $6) AS independent
          FROM live.tickets
         WHERE status <> 'closed' AND ($2::text[] IS NULL OR handled && $2)
           AND ($3::text IS NULL OR starts_with(area, $3))) AS waiting;
