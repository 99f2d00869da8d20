-- Whose names a text must not show: the sealed identities of citizens, for all lines of a page at once.
-- section: query of_subjects
-- $1 subjects
SELECT subject, sealed, key_no FROM private.vault WHERE subject = ANY($1);
-- section: query of_tickets
-- $1 tickets. Those of the source that opened each, and of all that joined it.
SELECT e.originator_id AS ticket, v.subject, v.sealed, v.key_no
  FROM log.events e JOIN private.vault v ON v.subject = (e.state #>> '{snapshot,subject}')::uuid
 WHERE e.originator_id = ANY($1) AND e.topic IN ('ticket.opened:v1', 'ticket.joined:v1');
