-- Which of our tickets what a member tells is about.
-- section: query of_case
-- $1 case as text. The open ticket first, then the newest: one case has a few at most.
SELECT o.originator_id
  FROM log.events o
 CROSS JOIN LATERAL (SELECT topic FROM log.events e
                      WHERE e.originator_id = o.originator_id
                        AND e.topic IN ('ticket.opened:v1', 'ticket.closed:v1', 'ticket.reopened:v1')
                      ORDER BY e.originator_version DESC LIMIT 1) last
 WHERE o.topic = 'ticket.opened:v1' AND o.state ->> 'caseId' = $1
 ORDER BY last.topic = 'ticket.closed:v1', o.position DESC
