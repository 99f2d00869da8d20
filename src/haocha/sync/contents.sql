-- What rows of the outbox stand for.
-- section: query events
-- $1 positions
SELECT position, originator_id, originator_version, topic, state, recorded_at FROM log.current_events WHERE position = ANY ($1)
-- section: query latest
-- $1 streams of service records. The latest of each counts.
SELECT s.id, e.originator_version, e.topic, e.state FROM unnest($1::uuid[]) AS s(id)
  CROSS JOIN LATERAL (SELECT originator_version, topic, state FROM log.current_events WHERE originator_id = s.id
                       ORDER BY originator_version DESC LIMIT 1) e
-- section: query identities
-- $1 subjects
SELECT subject, sealed, key_no FROM private.vault WHERE subject = ANY ($1)
-- section: query firsts
-- $1 streams
SELECT originator_id, topic, state FROM log.current_events WHERE originator_id = ANY ($1) AND originator_version = 1
