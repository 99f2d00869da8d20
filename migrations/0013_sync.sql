-- Reports to the platforms above (上报): what is to be sent to each, and what became of it. Rows hold ids and codes only; who
-- rated and what he wrote is read from vault and texts when it is sent. Nothing here is ever deleted: a row is the proof.
CREATE SCHEMA sync;
REVOKE ALL ON SCHEMA sync FROM PUBLIC;
CREATE TABLE sync.outbox (
  peer text NOT NULL,
  position bigint NOT NULL,                                 -- the event's: what is older is sent first
  kind text NOT NULL CONSTRAINT outbox_kind
    CHECK (kind IN ('service', 'rating', 'supplement', 'contested', 'decision', 'ticket')),
  key text NOT NULL,                                        -- the natural key: rating|projectNo|serviceNumber
  needs text,                                               -- the key of what must have been accepted before
  lane text NOT NULL,                                       -- the case: within it one after the other
  stream uuid NOT NULL,
  version int NOT NULL,
  area text NOT NULL,
  pf text NOT NULL,
  level smallint NOT NULL,                                  -- satisfaction; 0 where there is none
  day date NOT NULL,                                        -- of assessTime or serviceTime in Shanghai
  recorded_at timestamptz NOT NULL,
  state text NOT NULL CONSTRAINT outbox_state
    CHECK (state IN ('waiting', 'held', 'noService', 'local', 'notReportable', 'accepted', 'dead')),
  attempts int NOT NULL DEFAULT 0,
  next_at timestamptz NOT NULL,
  ended_at timestamptz,                                     -- when the platform answered, or we gave up
  duplicate bool NOT NULL DEFAULT false,                    -- it had it already
  adjusted bool NOT NULL DEFAULT false,                     -- a time was moved as the platform permits
  receipt text NOT NULL DEFAULT '',
  code text NOT NULL DEFAULT '',                            -- the platform's last code and words, or ours
  words text NOT NULL DEFAULT '',
  CONSTRAINT outbox_row PRIMARY KEY (peer, position)
) WITH (fillfactor = 80);
CREATE INDEX outbox_waiting ON sync.outbox (peer, position) WHERE state = 'waiting';
CREATE INDEX outbox_lane ON sync.outbox (peer, lane, position) WHERE state = 'waiting';
CREATE INDEX outbox_key ON sync.outbox (peer, key, state);
CREATE INDEX outbox_needs ON sync.outbox (peer, needs) WHERE state IN ('held', 'noService', 'notReportable');
CREATE INDEX outbox_held ON sync.outbox (peer, recorded_at) WHERE state = 'held';
CREATE INDEX outbox_trouble ON sync.outbox (peer, state, position) WHERE state IN ('dead', 'noService', 'notReportable');
CREATE INDEX outbox_pending ON sync.outbox (peer, level, recorded_at) WHERE state IN ('waiting', 'held');
CREATE INDEX outbox_ended ON sync.outbox (peer, ended_at) WHERE state = 'accepted';
CREATE INDEX outbox_day ON sync.outbox (peer, day, kind);
CREATE INDEX outbox_adjusted ON sync.outbox (peer, position) WHERE adjusted;

-- How many of each are in which state, kept exact with every change: figures never count the outbox.
CREATE TABLE sync.tallies (
  peer text NOT NULL,
  kind text NOT NULL,
  day date NOT NULL,
  area text NOT NULL,
  pf text NOT NULL,
  level smallint NOT NULL,
  state text NOT NULL,
  n bigint NOT NULL,
  CONSTRAINT tallies_cell PRIMARY KEY (peer, kind, day, area, pf, level, state)
) WITH (fillfactor = 70);

CREATE FUNCTION sync.tally() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, sync, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO tallies AS t SELECT peer, kind, day, area, pf, level, state, count(*) FROM came
     GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 3, 4, 5, 6, 7
    ON CONFLICT ON CONSTRAINT tallies_cell DO UPDATE SET n = t.n + excluded.n;
  ELSE
    INSERT INTO tallies AS t
    SELECT peer, kind, day, area, pf, level, state, sum(d)
      FROM (SELECT peer, kind, day, area, pf, level, state, 1 AS d FROM came
            UNION ALL SELECT peer, kind, day, area, pf, level, state, -1 FROM went) c
     GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(d) <> 0 ORDER BY 1, 2, 3, 4, 5, 6, 7
    ON CONFLICT ON CONSTRAINT tallies_cell DO UPDATE SET n = t.n + excluded.n;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER outbox_came AFTER INSERT ON sync.outbox REFERENCING NEW TABLE AS came
  FOR EACH STATEMENT EXECUTE FUNCTION sync.tally();
CREATE TRIGGER outbox_moved AFTER UPDATE ON sync.outbox REFERENCING NEW TABLE AS came OLD TABLE AS went
  FOR EACH STATEMENT EXECUTE FUNCTION sync.tally();

-- How each peer's sender is: when it last looked round, when the platform last answered, whether calls are held back.
CREATE TABLE sync.peers (
  peer text CONSTRAINT peers_peer PRIMARY KEY,
  dialect text NOT NULL,
  version text NOT NULL,                                    -- of the mapping
  rate double precision NOT NULL,                           -- items a second at most
  alive_at timestamptz NOT NULL,
  answered_at timestamptz,
  open_until timestamptz,                                   -- the breaker: no calls before
  failures int NOT NULL DEFAULT 0,                          -- calls in a row without an answer
  error text NOT NULL DEFAULT ''                            -- of the last of them
);
GRANT USAGE ON SCHEMA sync TO haocha_app;
GRANT SELECT, INSERT, UPDATE ON sync.outbox, sync.tallies, sync.peers TO haocha_app;
