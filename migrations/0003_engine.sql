-- What runs beside the web process: how far each projection and handler is, timers, parked events, and the read models' schemas.
CREATE SCHEMA engine;
REVOKE ALL ON SCHEMA engine FROM PUBLIC;
CREATE TABLE engine.checkpoints (
  name text CONSTRAINT checkpoints_name PRIMARY KEY,        -- projection:scores, handler:open_ticket
  position bigint NOT NULL DEFAULT 0,
  definition bytea,                                         -- hash of a projection's statements
  state text NOT NULL DEFAULT 'live' CONSTRAINT checkpoints_state CHECK (state IN ('live', 'frozen', 'failed')),
  error text,
  cursor text,                                              -- how far a handler is within one event of many effects
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE engine.timers (
  id uuid CONSTRAINT timers_id PRIMARY KEY,                 -- a function of its cause
  handler text NOT NULL,
  key text NOT NULL,                                        -- fired in order of due time within a key
  due_at timestamptz NOT NULL,
  payload jsonb NOT NULL,
  fired_at timestamptz
);
CREATE INDEX timers_due ON engine.timers (due_at) WHERE fired_at IS NULL;
CREATE TABLE engine.parked (
  handler text NOT NULL,
  position bigint NOT NULL,
  key text NOT NULL,                                        -- later events of the same key wait behind it
  error text NOT NULL,
  attempts int NOT NULL DEFAULT 1,
  parked_at timestamptz NOT NULL,
  CONSTRAINT parked_event PRIMARY KEY (handler, position)
);
CREATE INDEX parked_key ON engine.parked (handler, key);
GRANT USAGE ON SCHEMA engine TO haocha_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA engine TO haocha_app;

-- Read models: the application owns its tables in these. `next` holds a rebuild, `recount` a check.
CREATE SCHEMA live;
CREATE SCHEMA next;
CREATE SCHEMA recount;
REVOKE ALL ON SCHEMA live, next, recount FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA live, next, recount TO haocha_app;
