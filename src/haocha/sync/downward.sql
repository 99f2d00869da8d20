-- What members are told, through the index of migrations/0015_orders.sql: its condition, word for word.
-- section: query told
-- $1 after, $2 upto, $3 rows
SELECT position, originator_id, originator_version, topic, state, recorded_at FROM log.events
 WHERE topic IN ('ticket.opened:v1', 'ticket.appeal_decided:v1', 'ticket.verified:v1', 'ticket.reopened:v1',
                 'ticket.overruled:v1', 'ticket.reminded:v1', 'ticket.escalated:v1', 'indicators.published:v1')
   AND position > $1 AND position <= $2
 ORDER BY position LIMIT $3
