-- What the workbench's live lists ask; the lists themselves are in queues.sql.
-- section: query changed
-- Whose tickets changed after position $1, as far as the read model is; one row without a ticket where none did. The units
-- are all that ever had it: a ticket that leaves a unit changes that unit's lists too.
SELECT mark.position, ticket.id, ticket.area, ticket.handled
  FROM engine.checkpoints mark
  LEFT JOIN LATERAL (
    SELECT t.id, t.area, t.handled || t.unit AS handled FROM live.tickets t
     WHERE t.id IN (SELECT e.originator_id FROM log.events e
                     WHERE e.position > $1 AND e.position <= mark.position AND starts_with(e.topic, 'ticket.'))) AS ticket ON true
 WHERE mark.name = 'projection:tickets';
