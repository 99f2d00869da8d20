-- Tickets that wait for somebody independent, and who there is.
-- section: query waiting
-- By role, area and the units that may not judge.
SELECT CASE status WHEN 'appealing' THEN 'reviewer' WHEN 'approving' THEN 'supervisor'
                   ELSE CASE source WHEN 'inspection' THEN 'inspector' ELSE 'agent' END END AS role,
       area, array_remove(handled || dept, '') AS units, count(*) AS tickets
  FROM live.tickets WHERE status IN ('appealing', 'approving', 'verifying')
 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
-- section: query people
SELECT role, unit, node FROM access.accounts WHERE disabled_at IS NULL;
