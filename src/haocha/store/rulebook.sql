-- The published policies and calendars (migrations/0007_rules.sql); the lists of topics are that of the index.
-- section: query versions
SELECT position, originator_id, originator_version, topic, state FROM log.events
 WHERE topic IN ('policy.published:v1', 'calendar.published:v1') ORDER BY position;
-- section: query latest
SELECT coalesce(max(position), 0) FROM log.events WHERE topic IN ('policy.published:v1', 'calendar.published:v1');
