-- What handlers look up in the log (and `link` in the ledger, which it follows).
-- section: tickets_of_cases
-- $1 case ids as text
SELECT originator_id FROM log.events WHERE topic = 'ticket.opened:v1' AND state ->> 'caseId' = ANY($1)
-- section: tickets_of_persons
-- $1 staff, $2 matters (pairs), $3 below this position, $4 how many of each. The newest tickets of each pair.
SELECT t.originator_id FROM unnest($1::text[], $2::text[]) AS pair(staff, matter),
       LATERAL (SELECT originator_id FROM log.events
                 WHERE topic = 'ticket.opened:v1' AND state -> 'snapshot' ->> 'staff' = pair.staff
                   AND state -> 'snapshot' ->> 'matter' = pair.matter AND position < $3
                 ORDER BY position DESC LIMIT $4) AS t
-- section: begun
-- $1 streams. Those that have a first event.
SELECT originator_id FROM log.events WHERE originator_id = ANY($1) AND originator_version = 1
-- section: unlinked
-- Unlinked ratings in ($1, $2] that name one of the codes $3 … $7, or stand at one of the positions $8. $9 rows.
SELECT l.position, e.originator_id, e.topic, e.state
  FROM live.ledger l JOIN log.current_events e USING (position)
 WHERE NOT l.linked AND l.position > $1 AND l.position <= $2
   AND (l."window" = ANY($3) OR l.staff = ANY($4) OR l.matter = ANY($5) OR l.dept = ANY($6) OR l.hall = ANY($7)
        OR l.position = ANY($8))
 ORDER BY l.position LIMIT $9
-- section: tickets_of_orders
-- $1 streams of orders as text. The ticket that each opened or joined.
SELECT (state ->> 'sourceId')::uuid AS "order", originator_id FROM log.events
 WHERE topic IN ('ticket.opened:v1', 'ticket.joined:v1') AND state ->> 'source' = 'province'
   AND state ->> 'sourceId' = ANY ($1)
-- section: said_of_orders
-- $1 streams of orders as text, $2 upto. Verdicts and urgings in the order they came.
SELECT position, originator_id, originator_version, topic, state, recorded_at FROM log.events
 WHERE topic IN ('order.verdict_given:v1', 'order.urged:v1') AND state ->> 'order' = ANY ($1) AND position <= $2
 ORDER BY position
