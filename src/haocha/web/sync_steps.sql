-- What a step of a ticket below that finds no ticket here waits for.
-- section: query awaited
-- $1 streams of the case, $2 checkpoint, $3 reported before. None of them is here; or the ticket is still to be opened:
-- else there will be none.
SELECT count(*) > 0 AS rated,
       coalesce(bool_and(e.recorded_at < $3 AND e.position <= coalesce(c.position, 0)), false) AS passed
  FROM log.events e
  LEFT JOIN engine.checkpoints c ON c.name = $2
 WHERE e.originator_id = ANY ($1) AND e.originator_version = 1
