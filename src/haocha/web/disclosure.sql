-- Who looked at whose identity, in the log itself (migrations/0012_sources.sql has the indexes).
-- section: query lately
-- $1 account, $2 since
SELECT count(*) FROM log.events
 WHERE topic = 'identity.disclosed:v1' AND state #>> '{by,account}' = $1 AND recorded_at > $2;
-- section: query list
-- The newest first, below position $1 (NULL: from the newest). Filters $2 account, $3 number of the ticket, $4 from and
-- $5 until (exclusive), $6 units and $7 area prefix of the tickets may be NULL. $8 rows.
SELECT e.position, e.recorded_at, e.state, t.body AS note
  FROM log.events e LEFT JOIN private.texts t ON t.id = (e.state #>> '{note,id}')::uuid
 WHERE e.topic = 'identity.disclosed:v1' AND ($1::bigint IS NULL OR e.position < $1)
   AND ($2::text IS NULL OR e.state #>> '{by,account}' = $2) AND ($3::text IS NULL OR e.state ->> 'number' = $3)
   AND ($4::timestamptz IS NULL OR e.recorded_at >= $4) AND ($5::timestamptz IS NULL OR e.recorded_at < $5)
   AND ($6::text[] IS NULL OR e.state ->> 'unit' = ANY ($6)) AND ($7::text IS NULL OR starts_with(e.state ->> 'area', $7))
 ORDER BY e.position DESC LIMIT $8;
