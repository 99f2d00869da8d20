-- Notices on their way to the webhook (migrations/0009_notices.sql). `now` is always a parameter.
-- section: begin
-- $1 address. A new address hears of what comes from now on.
INSERT INTO engine.courier (address, upto) VALUES ($1, coalesce((SELECT max(n) FROM engine.notices), 0)) ON CONFLICT DO NOTHING
-- section: hold
-- $1 address. Another worker has it where no row comes.
SELECT upto FROM engine.courier WHERE address = $1 FOR UPDATE SKIP LOCKED
-- section: notices
-- $1 after, $2 not before that time, $3 how many
SELECT n, id, ticket, at >= $2 AS fresh FROM engine.notices WHERE n > $1 ORDER BY n LIMIT $3
-- section: send
-- $1 id, $2 notice, $3 its number, $4 ticket, $5 address, $6 now
INSERT INTO engine.deliveries (id, notice, n, ticket, address, since, next_at)
VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (id) DO NOTHING
-- section: move
-- $1 address, $2 up to
UPDATE engine.courier SET upto = $2 WHERE address = $1
-- section: claim
-- $1 now, $2 addresses, $3 when another may take it. The first that waits of its ticket; nobody else has it.
WITH first AS (
  SELECT id FROM engine.deliveries d
   WHERE state = 'waiting' AND next_at <= $1 AND address = ANY ($2)
     AND NOT EXISTS (SELECT FROM engine.deliveries e
                      WHERE e.state = 'waiting' AND e.ticket = d.ticket AND e.address = d.address AND e.n < d.n)
   ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED)
UPDATE engine.deliveries d SET attempts = attempts + 1, next_at = $3
  FROM first, engine.notices n WHERE d.id = first.id AND n.id = d.notice
RETURNING d.id, d.address, d.attempts, d.since, n.at, n.kind, n.ticket, n.role, n.unit, n.area, n.account, n.members, n.subject
-- section: end
-- $1 id, $2 state, $3 now, $4 status, $5 error
UPDATE engine.deliveries SET state = $2, ended_at = $3, status = $4, error = $5 WHERE id = $1 AND state = 'waiting'
-- section: again
-- $1 id, $2 when, $3 status, $4 error
UPDATE engine.deliveries SET next_at = $2, status = $3, error = $4 WHERE id = $1 AND state = 'waiting'
-- section: give_up
-- $1 before, $2 now. Those of an address that is no longer set.
UPDATE engine.deliveries SET state = 'dead', ended_at = $2, error = coalesce(error, 'not sent in time')
 WHERE state = 'waiting' AND since < $1
-- section: clear
-- $1 before, $2 how many
DELETE FROM engine.notices WHERE n IN (SELECT n FROM engine.notices WHERE at < $1 ORDER BY at LIMIT $2)
-- section: deliveries
-- $1 state or null for all, $2 how many
SELECT d.id, d.notice, d.address, d.state, d.attempts, d.since, d.next_at, d.ended_at, d.status, d.error, n.kind, n.members, n.at
  FROM engine.deliveries d JOIN engine.notices n ON n.id = d.notice
 WHERE $1::text IS NULL OR d.state = $1 ORDER BY d.n DESC LIMIT $2
-- section: retry
-- $1 id or null for all that are dead, $2 now
UPDATE engine.deliveries SET state = 'waiting', attempts = 0, since = $2, next_at = $2, ended_at = NULL
 WHERE state = 'dead' AND ($1::uuid IS NULL OR id = $1) RETURNING id
-- section: people
-- $1 role
SELECT username, unit, node FROM access.accounts WHERE role = $1 AND disabled_at IS NULL ORDER BY username
