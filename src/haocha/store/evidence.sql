-- Evidence files (migrations/0010_evidence.sql).
-- section: query keep
-- $1 digest, $2 media type, $3 size, $4 body, $5 by, $6 at. One that is there is only new again.
INSERT INTO private.evidence AS e (digest, media_type, size, body, kept_by, kept_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT ON CONSTRAINT evidence_digest DO UPDATE SET kept_at = greatest(e.kept_at, excluded.kept_at);
-- section: query described
SELECT digest, media_type, size FROM private.evidence WHERE digest = $1;
-- section: query kept
-- $1 digests
SELECT digest FROM private.evidence WHERE digest = ANY($1);
-- section: query body
SELECT body FROM private.evidence WHERE digest = $1;
-- section: query sweep
-- $1 kept before then, $2 how many to look at. Those that an event refers to are not looked at again.
WITH loose AS MATERIALIZED (
  SELECT v.digest,
         EXISTS (SELECT FROM log.events e
                  WHERE jsonb_path_query_array(e.state, '$.**.evidence[*].digest') ? v.digest
                    AND e.topic IN ('ticket.opened:v1', 'ticket.joined:v1', 'ticket.reviewed:v1', 'ticket.appeal_lodged:v1',
                                    'ticket.fix_submitted:v1', 'ticket.verified:v1', 'ticket.looked_back:v1')) AS used
    FROM private.evidence v WHERE NOT v.referred AND v.kept_at < $1 ORDER BY v.kept_at LIMIT $2),
held AS (UPDATE private.evidence v SET referred = true FROM loose WHERE v.digest = loose.digest AND loose.used)
DELETE FROM private.evidence v USING loose WHERE v.digest = loose.digest AND NOT loose.used RETURNING v.digest;
