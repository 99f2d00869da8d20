-- What a receipt leads to: one look-up by position, one by case.
-- section: query sealed
-- $1 position; the commit that holds it
SELECT e.originator_id, e.topic, c.upto, c.recorded_at, c.seal
  FROM log.events e,
       LATERAL (SELECT upto, recorded_at, seal FROM log.commits WHERE upto >= e.position ORDER BY upto LIMIT 1) AS c
 WHERE e.position = $1;
-- section: query tickets_of
-- $1 the case: id of its first rating
SELECT originator_id FROM log.events WHERE topic = 'ticket.opened:v1' AND state ->> 'caseId' = $1;
