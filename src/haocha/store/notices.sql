-- What accounts hear of (migrations/0009_notices.sql). Of an account: $1 its name, $2 its role, $3 the units it sees or
-- NULL for all, $4 the area's prefix or NULL.
-- section: query unread
-- The numbers of those not read, newest first. $5 before this one, $6 how many.
-- One branch per way of seeing, each read in the order of its own index.
WITH own AS MATERIALIZED (SELECT coalesce((SELECT upto FROM engine.inboxes WHERE account = $1), 0) AS upto)
SELECT n FROM (
  (SELECT found.n FROM unnest($3::text[]) AS seen (unit), LATERAL (
     SELECT t.n FROM engine.notices t
      WHERE t.account = '' AND t.subject IS NULL AND t.role = $2 AND t.unit = seen.unit AND t.n < $5
        AND t.n > (SELECT upto FROM own)
        AND NOT EXISTS (SELECT FROM engine.notices_read r WHERE r.account = $1 AND r.n = t.n)
      ORDER BY t.n DESC LIMIT $6) AS found)
   UNION ALL
  (SELECT t.n FROM engine.notices t
    WHERE $3::text[] IS NULL AND ($4::text IS NULL OR starts_with(t.area, $4))
      AND t.account = '' AND t.subject IS NULL AND t.role = $2 AND t.n < $5
      AND t.n > (SELECT upto FROM own)
      AND NOT EXISTS (SELECT FROM engine.notices_read r WHERE r.account = $1 AND r.n = t.n)
    ORDER BY t.n DESC LIMIT $6)
   UNION ALL
  (SELECT t.n FROM engine.notices t
    WHERE t.account = $1 AND t.account <> '' AND t.n < $5
      AND t.n > (SELECT upto FROM own)
      AND NOT EXISTS (SELECT FROM engine.notices_read r WHERE r.account = $1 AND r.n = t.n)
    ORDER BY t.n DESC LIMIT $6)) AS told
 ORDER BY n DESC LIMIT $6;
-- section: query read
-- The numbers of those read, newest first. $5 before this one, $6 how many.
-- One branch per way of seeing, each read in the order of its own index.
WITH own AS MATERIALIZED (SELECT coalesce((SELECT upto FROM engine.inboxes WHERE account = $1), 0) AS upto)
SELECT n FROM (
  (SELECT found.n FROM unnest($3::text[]) AS seen (unit), LATERAL (
     SELECT t.n FROM engine.notices t
      WHERE t.account = '' AND t.subject IS NULL AND t.role = $2 AND t.unit = seen.unit AND t.n < $5
        AND (t.n <= (SELECT upto FROM own)
             OR EXISTS (SELECT FROM engine.notices_read r WHERE r.account = $1 AND r.n = t.n))
      ORDER BY t.n DESC LIMIT $6) AS found)
   UNION ALL
  (SELECT t.n FROM engine.notices t
    WHERE $3::text[] IS NULL AND ($4::text IS NULL OR starts_with(t.area, $4))
      AND t.account = '' AND t.subject IS NULL AND t.role = $2 AND t.n < $5
      AND (t.n <= (SELECT upto FROM own)
           OR EXISTS (SELECT FROM engine.notices_read r WHERE r.account = $1 AND r.n = t.n))
    ORDER BY t.n DESC LIMIT $6)
   UNION ALL
  (SELECT t.n FROM engine.notices t
    WHERE t.account = $1 AND t.account <> '' AND t.n < $5
      AND (t.n <= (SELECT upto FROM own)
           OR EXISTS (SELECT FROM engine.notices_read r WHERE r.account = $1 AND r.n = t.n))
    ORDER BY t.n DESC LIMIT $6)) AS told
 ORDER BY n DESC LIMIT $6;
-- section: query notices
-- $1 numbers
SELECT n, id, at, kind, ticket, members FROM engine.notices WHERE n = ANY ($1) ORDER BY n DESC;
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
