-- What the reactor, its parked events and its timers ask of PostgreSQL. `now` is always a parameter.
-- section: register
-- $1 checkpoint
INSERT INTO engine.checkpoints (name) VALUES ($1) ON CONFLICT (name) DO NOTHING
-- section: claim
-- $1 checkpoint. Another worker has it where no row comes.
SELECT position, cursor FROM engine.checkpoints WHERE name = $1 FOR UPDATE SKIP LOCKED
-- section: hold
-- $1 checkpoint. Wait for it: a person asked.
SELECT position FROM engine.checkpoints WHERE name = $1 FOR UPDATE
-- section: move
-- $1 checkpoint, $2 position, $3 cursor or null, $4 now
UPDATE engine.checkpoints SET position = $2, cursor = $3, updated_at = $4 WHERE name = $1
-- section: limit
-- $1 checkpoint of the projection that the handler reads, or null
SELECT least((SELECT upto FROM log.commits ORDER BY upto DESC LIMIT 1),
             CASE WHEN $1::text IS NULL THEN NULL
                  ELSE coalesce((SELECT position FROM engine.checkpoints WHERE name = $1::text AND state = 'live'), 0) END)
-- section: events
-- $1 after (exclusive), $2 upto (inclusive), $3 topics, $4 jsonpath predicate or null, $5 limit
SELECT position, originator_id, originator_version, topic, state, recorded_at FROM log.current_events
 WHERE position > $1 AND position <= $2 AND topic = ANY($3) AND ($4::text IS NULL OR state @@ $4::text::jsonpath)
 ORDER BY position LIMIT $5
-- section: event
-- $1 position
SELECT position, originator_id, originator_version, topic, state, recorded_at FROM log.current_events WHERE position = $1
-- section: set_timer
-- $1 id, $2 handler, $3 key, $4 due, $5 payload
INSERT INTO engine.timers (id, handler, key, due_at, payload) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING
-- section: tell_in_turn
-- Held until the commit, so that the notices' numbers are in the order of commits. Before the log's own lock.
SELECT pg_advisory_xact_lock(7122)
-- section: tell
-- $1 id, $2 now, $3 kind, $4 ticket, $5 role, $6 unit, $7 area, $8 account, $9 members, $10 subject
INSERT INTO engine.notices (id, at, kind, ticket, role, unit, area, account, members, subject)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO NOTHING
-- section: claim_timer
-- $1 now, $2 handlers, $3 timers that failed a moment ago. The oldest due one of a key, which no other worker has.
WITH due AS (
  SELECT DISTINCT ON (handler, key) id, due_at FROM (
    SELECT id, handler, key, due_at FROM engine.timers
     WHERE fired_at IS NULL AND due_at <= $1 AND handler = ANY($2) ORDER BY due_at, id LIMIT 1000) AS oldest
   ORDER BY handler, key, due_at, id)
SELECT id, handler, key, due_at, payload FROM engine.timers
 WHERE id IN (SELECT id FROM due) AND fired_at IS NULL AND id <> ALL($3)
 ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
-- section: fired
-- $1 id, $2 now
UPDATE engine.timers SET fired_at = $2 WHERE id = $1
-- section: next_timer
-- $1 handlers
SELECT min(due_at) FROM engine.timers WHERE fired_at IS NULL AND handler = ANY($1)
-- section: overdue_timers
-- $1 due before. Timers that should have fired long ago.
SELECT id, handler, key, due_at FROM engine.timers WHERE fired_at IS NULL AND due_at < $1 ORDER BY due_at, id
-- section: waiting_keys
-- $1 handler, $2 keys
SELECT key, min(position) AS position FROM engine.parked WHERE handler = $1 AND key = ANY($2) GROUP BY key
-- section: park
-- $1 handler, $2 position, $3 key, $4 error, $5 now
INSERT INTO engine.parked (handler, position, key, error, parked_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (handler, position) DO UPDATE SET error = excluded.error, attempts = parked.attempts + 1
-- section: unpark
-- $1 handler, $2 position
DELETE FROM engine.parked WHERE handler = $1 AND position = $2
-- section: parked
-- $1 position or null for all
SELECT p.handler, p.position, p.key, p.error, p.attempts, p.parked_at, e.topic, e.originator_id
  FROM engine.parked p JOIN log.events e ON e.position = p.position
 WHERE $1::bigint IS NULL OR p.position = $1 ORDER BY p.position, p.handler
-- section: blocked_by
-- $1 handler, $2 position, $3 key
SELECT min(position) FROM engine.parked WHERE handler = $1 AND key = $3 AND position < $2
