-- Complaints and findings, in the log itself (migrations/0012_sources.sql has the index).
-- section: query list
-- The newest first, below position $1 (NULL: from the newest). $2 topics; $3 units and $4 area prefix of what the account
-- sees may be NULL. $5 rows.
SELECT position, originator_id, originator_version, topic, state, recorded_at FROM log.events
 WHERE topic IN ('complaint.received:v1', 'inspection.finding_recorded:v1') AND topic = ANY ($2)
   AND ($1::bigint IS NULL OR position < $1)
   AND ($3::text[] IS NULL OR coalesce(state ->> 'unit', state ->> 'dept', '') = ANY ($3))
   AND ($4::text IS NULL OR starts_with(coalesce(state ->> 'area', ''), $4))
 ORDER BY position DESC LIMIT $5;
-- section: query tickets_of
-- $1 cases as text
SELECT originator_id FROM log.events WHERE topic = 'ticket.opened:v1' AND state ->> 'caseId' = ANY ($1);
