-- API keys (migrations/0002_access.sql); the key itself is nowhere.
-- section: query create
INSERT INTO access.keys (client, kind, scopes, hall, window_no, per_minute, digest, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id;
-- section: query list
SELECT id, client, kind, scopes, hall, window_no, per_minute, created_at, revoked_at FROM access.keys ORDER BY id DESC;
-- section: query revoke
UPDATE access.keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL RETURNING id;
-- section: query by_digest
SELECT id, client, kind, scopes, hall, window_no, per_minute, digest FROM access.keys WHERE digest = $1 AND revoked_at IS NULL;
-- section: query by_id
SELECT id, client, kind, scopes, hall, window_no, per_minute, digest FROM access.keys WHERE id = $1 AND revoked_at IS NULL;
-- section: query revoked
-- $1 the digests that are remembered
SELECT digest FROM access.keys WHERE revoked_at IS NOT NULL AND digest = ANY($1);
