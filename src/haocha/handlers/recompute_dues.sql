-- What `recompute_dues` looks up in the tickets' read model, which it follows.
-- section: provisional
-- $1 after this position, $2 rows. Tickets, oldest first, with a deadline that rests on days that were not known.
SELECT position, id FROM live.tickets
 WHERE position > $1
   AND (status <> 'closed' AND provisional @? '$.* ? (@ == true)' OR look_back_at IS NOT NULL AND provisional @> '{"look_back": true}')
 ORDER BY position LIMIT $2
