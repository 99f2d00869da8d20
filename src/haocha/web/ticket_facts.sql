-- What stands around one ticket on its page: names, and what its window, person and matter have been through.
-- section: query names
-- $1 usernames
SELECT username, name FROM access.accounts WHERE username = ANY($1);
-- section: query window
-- $1 a window, $2 days. Its ratings of these days by level.
SELECT coalesce(sum(n1), 0)::bigint AS n1, coalesce(sum(n2), 0)::bigint AS n2, coalesce(sum(n3), 0)::bigint AS n3,
       coalesce(sum(n4), 0)::bigint AS n4, coalesce(sum(n5), 0)::bigint AS n5
  FROM live.scores WHERE kind = 'windows' AND day = ANY($2::date[]) AND key = $1;
-- section: query tickets_of_window
-- $1 window, $2 since, $3 but not this ticket, $4 rows
SELECT id, number, status, outcome, satisfaction, opened_at FROM live.tickets
 WHERE "window" = $1 AND opened_at >= $2 AND id <> $3 ORDER BY position DESC LIMIT $4;
-- section: query tickets_of_staff
-- $1 staff, $2 matter, $3 but not this ticket, $4 rows
SELECT id, number, status, outcome, satisfaction, opened_at FROM live.tickets
 WHERE staff = $1 AND matter = $2 AND id <> $3 ORDER BY position DESC LIMIT $4;
-- section: query tickets_by_id
-- $1 ids
SELECT id, number, status, outcome, satisfaction, opened_at FROM live.tickets WHERE id = ANY($1) ORDER BY position DESC;
