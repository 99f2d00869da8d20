-- What accounts hear of (migrations/0009_notices.sql). Of an account: $1 its name, $2 its role, $3 the units it sees or
-- NULL for all, $4 the area's prefix or NULL.
-- section: query unread
-- $5 how many are counted at most
SELECT count(*) FROM (
  SELECT FROM engine.addressed($1, $2, $3, $4) AS a
   WHERE a.n > coalesce((SELECT upto FROM engine.inboxes WHERE account = $1), 0)
     AND NOT EXISTS (SELECT FROM engine.notices_read r WHERE r.account = $1 AND r.n = a.n)
   LIMIT $5) AS counted;
-- section: query page_unread
-- $5 before this number, $6 how many
SELECT a.n, a.id, a.at, a.kind, a.ticket, a.members FROM engine.addressed($1, $2, $3, $4) AS a
 WHERE a.n < $5 AND a.n > coalesce((SELECT upto FROM engine.inboxes WHERE account = $1), 0)
   AND NOT EXISTS (SELECT FROM engine.notices_read r WHERE r.account = $1 AND r.n = a.n)
 ORDER BY a.n DESC LIMIT $6;
-- section: query page_read
-- $5 before this number, $6 how many
SELECT a.n, a.id, a.at, a.kind, a.ticket, a.members FROM engine.addressed($1, $2, $3, $4) AS a
 WHERE a.n < $5
   AND (a.n <= coalesce((SELECT upto FROM engine.inboxes WHERE account = $1), 0)
        OR EXISTS (SELECT FROM engine.notices_read r WHERE r.account = $1 AND r.n = a.n))
 ORDER BY a.n DESC LIMIT $6;
-- section: query ticket
-- $5 its number
SELECT ticket FROM engine.addressed($1, $2, $3, $4) AS a WHERE a.n = $5;
-- section: query read_one
-- $5 its number
INSERT INTO engine.notices_read (account, n)
SELECT $1, a.n FROM engine.addressed($1, $2, $3, $4) AS a
 WHERE a.n = $5 AND a.n > coalesce((SELECT upto FROM engine.inboxes WHERE account = $1), 0)
ON CONFLICT DO NOTHING;
-- section: query read_all
-- $1 account, $2 up to this number; what does not exist yet cannot be read
WITH moved AS (
  INSERT INTO engine.inboxes AS i (account, upto)
  VALUES ($1, least($2, coalesce((SELECT max(n) FROM engine.notices), 0)))
  ON CONFLICT (account) DO UPDATE SET upto = greatest(i.upto, excluded.upto) RETURNING upto)
DELETE FROM engine.notices_read WHERE account = $1 AND n <= (SELECT upto FROM moved);
-- section: query deliveries
-- $1 now
SELECT count(*) AS waiting, coalesce(extract(epoch FROM $1 - min(since)), 0)::float8 AS oldest,
       (SELECT count(*) FROM engine.deliveries WHERE state = 'dead') AS dead
  FROM engine.deliveries WHERE state = 'waiting';
