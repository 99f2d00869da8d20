-- The log as a feed: what of a stretch somebody asked for.
-- section: query stretch
-- $1 after (exclusive), $2 upto (inclusive), $3 topics, $4 the digits its area begins with, $5 hall, $6 window ('' for any),
-- $7 how many. An event happened where it says itself, a move both where it was and where it is; else where the first event
-- of its stream says, or the order (下发工单) that it is about.
SELECT e.position, e.originator_id, e.originator_version, e.topic, e.recorded_at, e.state
  FROM log.events e
 WHERE e.position > $1 AND e.position <= $2 AND e.topic = ANY($3::text[])
   AND (($4 = '' AND $5 = '' AND $6 = '') OR EXISTS (
     SELECT FROM (SELECT e.state
                  UNION ALL
                  SELECT first.state FROM log.events first
                   WHERE first.originator_id = e.originator_id AND first.originator_version = 1
                     AND e.originator_version > 1
                     AND NOT e.state ?| ARRAY['area', 'areaCode', 'hall', 'snapshot', 'new']
                  UNION ALL
                  SELECT issued.state FROM log.events issued
                   WHERE issued.originator_id = (e.state ->> 'order')::uuid AND issued.originator_version = 1
                     AND e.topic LIKE 'order.%') AS told (state),
            LATERAL (VALUES (told.state), (told.state -> 'snapshot'), (told.state -> 'old'), (told.state -> 'new'))
              AS place (said)
      WHERE coalesce(place.said ->> 'area', place.said ->> 'areaCode', '') LIKE $4 || '%'
        AND ($5 = '' OR place.said ->> 'hall' = $5 OR (e.topic LIKE 'hall.%' AND place.said ->> 'key' = $5))
        AND ($6 = '' OR place.said ->> 'window' = $6)))
 ORDER BY e.position
 LIMIT $7;
