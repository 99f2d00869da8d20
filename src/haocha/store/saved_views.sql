-- Saved views of the workbench's queues (migrations/0011_views.sql).
-- section: query list
SELECT name, query, starts FROM access.views WHERE account = $1 ORDER BY starts DESC, saved_at, name;
-- section: query save
-- A name that is there gets the new query. $1 account, $2 name, $3 query, $4 now, $5 how many views there may be
INSERT INTO access.views (account, name, query, saved_at)
SELECT $1, $2, $3, $4
 WHERE EXISTS (SELECT FROM access.views WHERE account = $1 AND name = $2)
    OR (SELECT count(*) FROM access.views WHERE account = $1) < $5
ON CONFLICT ON CONSTRAINT views_id DO UPDATE SET query = excluded.query RETURNING name;
-- section: query rename
UPDATE access.views SET name = $3 WHERE account = $1 AND name = $2 RETURNING name;
-- section: query delete
DELETE FROM access.views WHERE account = $1 AND name = $2 RETURNING name;
-- section: query stop_starting
-- $2 the view that starts from now on, '' where none does
UPDATE access.views SET starts = false
 WHERE account = $1 AND starts AND name <> $2
   AND ($2 = '' OR EXISTS (SELECT FROM access.views WHERE account = $1 AND name = $2));
-- section: query start
UPDATE access.views SET starts = true WHERE account = $1 AND name = $2 RETURNING name;
-- section: query starting
SELECT query FROM access.views WHERE account = $1 AND starts;
