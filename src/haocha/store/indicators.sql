-- Lists of indicators, through the index of migrations/0015_orders.sql.
-- section: query published
-- $1 after, $2 upto
SELECT position, originator_id, originator_version, topic, state FROM log.events
 WHERE topic = 'indicators.published:v1' AND position > $1 AND position <= $2 ORDER BY position
