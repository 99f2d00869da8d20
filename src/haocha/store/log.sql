-- Reading the log, and the one way in (migrations/0001_log.sql).
-- section: query append
SELECT * FROM log.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14);
-- section: query last
SELECT upto, recorded_at, seal FROM log.commits ORDER BY upto DESC LIMIT 1;
-- section: query streams
SELECT position, originator_id, originator_version, topic, state, recorded_at
  FROM log.events WHERE originator_id = ANY($1) ORDER BY originator_id, originator_version;
