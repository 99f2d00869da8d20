-- What `haocha check` asks of the log and of what runs beside it. Ranges are (after, upto].
-- section: bounds
SELECT (SELECT max(upto) FROM log.commits) AS head,
       (SELECT coalesce(min(position), 1) FROM log.events) AS first, (SELECT coalesce(max(position), 0) FROM log.events) AS last
-- section: count
-- $1 after, $2 upto
SELECT count(*) FROM log.events WHERE position > $1 AND position <= $2
-- section: missing
-- $1 after, $2 upto: the first positions without an event
SELECT wanted FROM generate_series($1::bigint + 1, $2::bigint) AS wanted
 WHERE NOT EXISTS (SELECT FROM log.events e WHERE e.position = wanted) ORDER BY wanted LIMIT 3
-- section: chain
-- $1 the last commit already checked, $2 how many. Each commit's seal is computed anew from the one before and its events.
WITH slice AS MATERIALIZED (
  SELECT upto, recorded_at, seal, lag(upto) OVER (ORDER BY upto) AS after, lag(seal) OVER (ORDER BY upto) AS previous
    FROM (SELECT upto, recorded_at, seal FROM log.commits WHERE upto >= $1 ORDER BY upto LIMIT $2 + 1) AS commits)
SELECT slice.after, slice.upto, slice.seal = computed.seal AS holds, computed.timed
  FROM slice,
       LATERAL (SELECT sha256(slice.previous || coalesce(string_agg(sha256(log.sealed_bytes(e.position, e.originator_id,
                         e.originator_version, e.topic, e.recorded_at, e.state)), ''::bytea ORDER BY e.position), '')) AS seal,
                       coalesce(bool_and(e.recorded_at = slice.recorded_at), true) AS timed
                  FROM log.events e WHERE e.position > slice.after AND e.position <= slice.upto) AS computed
 WHERE slice.after IS NOT NULL
 ORDER BY slice.upto
-- section: begun
-- The chain begins with the empty seal at position 0.
SELECT seal = '' FROM log.commits WHERE upto = 0
-- section: seal
-- $1 position
SELECT seal FROM log.commits WHERE upto = $1
-- section: checkpoints
SELECT name, position, definition, state, error FROM engine.checkpoints ORDER BY name
-- section: parked
SELECT handler, count(*) AS events, min(position) AS first FROM engine.parked GROUP BY handler ORDER BY handler
-- section: handled
-- How far the tickets are opened, and which events wait parked.
SELECT (SELECT position FROM engine.checkpoints WHERE name = 'handler:open_ticket') AS position,
       ARRAY(SELECT position FROM engine.parked WHERE handler = 'open_ticket') AS parked
-- section: bad
-- $1 after, $2 upto: what must have a ticket
SELECT position, originator_id FROM log.current_events
 WHERE position > $1 AND position <= $2
   AND topic IN ('rating.submitted:v1', 'rating.supplemented:v1', 'rating.contested:v1')
   AND (state -> 'satisfaction')::int <= 2 AND NOT coalesce((state -> 'same')::bool, false)
-- section: sources
-- $1 after, $2 upto: what has one
SELECT (state ->> 'sourceId')::uuid AS originator_id FROM log.current_events
 WHERE position > $1 AND position <= $2 AND topic IN ('ticket.opened:v1', 'ticket.joined:v1')
   AND state ->> 'source' IN ('rating', 'supplement', 'contested')
-- section: compare
-- $1 projection: for each of its tables, a statement that compares what is stored with what was counted anew
SELECT relname AS name,
       format('SELECT stored.n AS stored, recounted.n AS recounted,
                      stored.n = recounted.n AND stored.hashes IS NOT DISTINCT FROM recounted.hashes AS same
                 FROM (SELECT count(*) AS n, sum(hashtextextended(t::text, 0)) AS hashes FROM live.%1$I t) AS stored,
                      (SELECT count(*) AS n, sum(hashtextextended(t::text, 0)) AS hashes FROM recount.%1$I t) AS recounted',
              relname) AS comparison,
       format('(SELECT ''stored'' AS side, t::text AS row
                  FROM (SELECT * FROM live.%1$I EXCEPT ALL SELECT * FROM recount.%1$I) AS t ORDER BY 2 LIMIT 3)
               UNION ALL
               (SELECT ''recounted'', t::text
                  FROM (SELECT * FROM recount.%1$I EXCEPT ALL SELECT * FROM live.%1$I) AS t ORDER BY 2 LIMIT 3)',
              relname) AS difference
  FROM pg_class
 WHERE relnamespace = 'recount'::regnamespace AND relkind = 'r' AND obj_description(oid, 'pg_class') = $1
 ORDER BY relname
