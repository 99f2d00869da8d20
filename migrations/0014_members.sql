-- Instances below us (成员): who may report to us, and of which area. The secret itself is nowhere: it is derived from the
-- instance's keys, the name and the serial, so that another serial is another secret.
CREATE TABLE sync.members (
  name text CONSTRAINT members_name PRIMARY KEY CONSTRAINT members_name_form CHECK (name ~ '^[a-z][a-z0-9-]{0,30}$'),
  area text NOT NULL CONSTRAINT members_area CHECK (area ~ '^[0-9]{2,12}$'),  -- what its areaCodes begin with
  serial int NOT NULL CONSTRAINT members_serial CHECK (serial > 0),
  created_at timestamptz NOT NULL,
  revoked_at timestamptz
);
GRANT SELECT, INSERT, UPDATE ON sync.members TO haocha_app;

-- What each of them reported, by the day of its assessTime: their times are written in Shanghai's, the day comes first.
CREATE INDEX events_reported ON log.events ((state ->> 'client'), left(state ->> 'assessTime', 10), position)
  WHERE topic IN ('rating.submitted:v1', 'rating.supplemented:v1') AND state ->> 'keyKind' = 'member';
