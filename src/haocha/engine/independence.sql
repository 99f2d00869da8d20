-- Tickets that wait for somebody independent, and who there is.
-- section: query waiting
-- By task, area and the units that may not judge.
SELECT CASE WHEN status = 'verifying' AND source = 'inspection' THEN 'rechecking' ELSE status END AS task,
       area, array_remove(handled || dept, '') AS units, count(*) AS tickets
  FROM live.tickets WHERE status IN ('appealing', 'approving', 'verifying')
 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
-- section: query people
SELECT role, unit, node FROM access.accounts WHERE disabled_at IS NULL;
