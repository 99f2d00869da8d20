-- What the projector asks of PostgreSQL besides the folds themselves, which are in projections/*.sql.
-- section: setting live
-- A fold and its checkpoint commit together: what a crash takes back is folded again, so no commit waits for the disk.
SET LOCAL search_path = live, log; SET LOCAL synchronous_commit = off
-- section: setting next
SET LOCAL search_path = next, log; SET LOCAL synchronous_commit = off; SET LOCAL work_mem = '128MB'
-- section: setting recount
SET LOCAL search_path = recount, log; SET LOCAL synchronous_commit = off; SET LOCAL work_mem = '128MB'
-- section: setting swap
SET LOCAL lock_timeout = '200ms'
-- section: states
SELECT name, position, definition, state FROM engine.checkpoints WHERE name = ANY ($1)
-- section: preparing
-- Of several workers that start at once, one after the other.
SELECT pg_advisory_xact_lock(7121)
-- section: register
-- $1 checkpoint, $2 definition, $3 now
INSERT INTO engine.checkpoints (name, definition, updated_at) VALUES ($1, $2, $3)
-- section: freeze
-- $1 checkpoint, $2 now. Its statements changed: readers keep what there is until it is rebuilt.
UPDATE engine.checkpoints SET state = 'frozen', error = NULL, updated_at = $2 WHERE name = $1
-- section: retry
-- $1 checkpoint, $2 now
UPDATE engine.checkpoints SET state = 'live', error = NULL, updated_at = $2 WHERE name = $1 AND state = 'failed'
-- section: claim
-- $1 checkpoint, $2 definition. Another worker has it, or it is not to be folded, where no row comes.
SELECT position FROM engine.checkpoints WHERE name = $1 AND definition = $2 AND state = 'live' FOR UPDATE SKIP LOCKED
-- section: hold
-- $1 checkpoint
SELECT position FROM engine.checkpoints WHERE name = $1 FOR UPDATE
-- section: move
-- $1 checkpoint, $2 from, $3 to, $4 now
UPDATE engine.checkpoints SET position = $3, updated_at = $4 WHERE name = $1 AND position = $2
-- section: fail
-- $1 checkpoint, $2 error, $3 now
UPDATE engine.checkpoints SET state = 'failed', error = $2, updated_at = $3 WHERE name = $1
-- section: swapped
-- $1 checkpoint, $2 position, $3 definition, $4 now
UPDATE engine.checkpoints SET position = $2, definition = $3, state = 'live', error = NULL, updated_at = $4 WHERE name = $1
-- section: exclusive
-- $1 schema, $2 projection. One rebuild (or recount) of a projection at a time, whoever asks.
SELECT pg_try_advisory_lock(hashtext('haocha ' || $1), hashtext($2))
-- section: shared
-- $1 schema, $2 projection
SELECT pg_advisory_unlock(hashtext('haocha ' || $1), hashtext($2))
-- section: mark
-- $1 schema, $2 projection. Its tables carry its name, so that they are found whatever a later version calls them.
SELECT format('COMMENT ON TABLE %I.%I IS %L', $1::text, relname, $2::text) FROM pg_class
 WHERE relnamespace = to_regnamespace($1) AND relkind = 'r' AND relowner = current_user::regrole
   AND obj_description(oid, 'pg_class') IS NULL
-- section: drop
-- $1 schema, $2 projection
SELECT format('DROP TABLE %I.%I', $1::text, relname) FROM pg_class
 WHERE relnamespace = to_regnamespace($1) AND relkind = 'r' AND obj_description(oid, 'pg_class') = $2
-- section: promote
-- $1 schema, $2 projection
SELECT format('ALTER TABLE %I.%I SET SCHEMA live', $1::text, relname) FROM pg_class
 WHERE relnamespace = to_regnamespace($1) AND relkind = 'r' AND obj_description(oid, 'pg_class') = $2
-- section: analyze
-- $1 schema, $2 projection
SELECT format('ANALYZE %I.%I', $1::text, relname) FROM pg_class
 WHERE relnamespace = to_regnamespace($1) AND relkind = 'r' AND obj_description(oid, 'pg_class') = $2
