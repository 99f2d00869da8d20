-- The sender of one peer: who it is, and how it is.
-- section: query become
-- $1 peer. Held as long as the connection lives.
SELECT pg_try_advisory_lock(7124, hashtext($1))
-- section: query resign
-- $1 peer
SELECT pg_advisory_unlock(7124, hashtext($1))
-- section: query beat
-- $1 peer, $2 dialect, $3 version, $4 rate, $5 now, $6 last answer, $7 open until, $8 failures, $9 error
INSERT INTO sync.peers (peer, dialect, version, rate, alive_at, answered_at, open_until, failures, error)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (peer) DO UPDATE SET dialect = excluded.dialect, version = excluded.version, rate = excluded.rate,
  alive_at = excluded.alive_at, answered_at = coalesce(excluded.answered_at, peers.answered_at),
  open_until = excluded.open_until, failures = excluded.failures, error = excluded.error
