-- Tickets by the day they were opened (Shanghai) and their area, in slices: what `haocha policy replay` reads.
-- section: query total
-- $1 since, $2 until (both inclusive, or null), $3 area prefix or null.
SELECT count(*) FROM log.events
 WHERE topic = 'ticket.opened:v1'
   AND ($1::date IS NULL OR ((state ->> 'at')::timestamptz AT TIME ZONE 'Asia/Shanghai')::date >= $1)
   AND ($2::date IS NULL OR ((state ->> 'at')::timestamptz AT TIME ZONE 'Asia/Shanghai')::date <= $2)
   AND ($3::text IS NULL OR starts_with(coalesce(state -> 'snapshot' ->> 'area', ''), $3));
-- section: query slice
-- $1 to $3 as above, $4 after this position, $5 rows.
SELECT position, originator_id FROM log.events
 WHERE topic = 'ticket.opened:v1' AND position > $4
   AND ($1::date IS NULL OR ((state ->> 'at')::timestamptz AT TIME ZONE 'Asia/Shanghai')::date >= $1)
   AND ($2::date IS NULL OR ((state ->> 'at')::timestamptz AT TIME ZONE 'Asia/Shanghai')::date <= $2)
   AND ($3::text IS NULL OR starts_with(coalesce(state -> 'snapshot' ->> 'area', ''), $3))
 ORDER BY position LIMIT $5;
