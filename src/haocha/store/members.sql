-- Instances below us (migrations/0014_members.sql), and what they reported.
-- section: query enrol
-- $1 name, $2 area, $3 now. No row where the name is taken.
INSERT INTO sync.members (name, area, serial, created_at) VALUES ($1, $2, 1, $3)
ON CONFLICT ON CONSTRAINT members_name DO NOTHING
RETURNING name, area, serial
-- section: query renew
-- $1 name, $2 area, $3 now. The next serial; what was revoked is in force again.
UPDATE sync.members SET area = $2, serial = serial + 1, created_at = $3, revoked_at = NULL WHERE name = $1
RETURNING name, area, serial
-- section: query revoke
UPDATE sync.members SET revoked_at = $2 WHERE name = $1 AND revoked_at IS NULL RETURNING name
-- section: query list
SELECT name, area, serial, created_at, revoked_at FROM sync.members ORDER BY name
-- section: query by_name
SELECT name, area, serial FROM sync.members WHERE name = $1 AND revoked_at IS NULL
-- section: query reported
-- $1 member, $2 day as text, $3 after this position, $4 rows. A found one may have lost its text: erased.
SELECT e.position, e.originator_id, e.originator_version, e.topic, e.state, t.body
  FROM log.events e
  LEFT JOIN private.texts t ON t.id = (e.state #>> '{texts,writingEvaluation,id}')::uuid
 WHERE e.topic IN ('rating.submitted:v1', 'rating.supplemented:v1') AND e.state ->> 'keyKind' = 'member'
   AND e.state ->> 'client' = $1 AND left(e.state ->> 'assessTime', 10) = $2 AND e.position > $3
 ORDER BY e.position LIMIT $4
