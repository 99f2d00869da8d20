-- What people are to hear of (消息), what of it they have read, and its deliveries to the webhook. None of it is a fact of
-- the log: it may be cleared away (180 days, engine/courier.py). Nobody's name, phone or words are in it.
CREATE TABLE engine.notices (
  id uuid CONSTRAINT notices_id PRIMARY KEY,                -- a function of its cause
  n bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT notices_n UNIQUE,  -- in the order of commits: a list is read from here on
  at timestamptz NOT NULL,
  kind text NOT NULL,
  ticket uuid NOT NULL,
  role text NOT NULL,                                       -- whose it is: those of the role …
  unit text NOT NULL,                                       -- … whose scope holds the unit …
  area text NOT NULL,                                       -- … and the area
  account text NOT NULL,                                    -- or one account alone
  members jsonb NOT NULL,                                   -- what the kind's sentence is filled with
  subject uuid                                              -- the citizen whom it is for: no inbox shows it
);
CREATE INDEX notices_role ON engine.notices (role, n) WHERE account = '' AND subject IS NULL;
CREATE INDEX notices_unit ON engine.notices (role, unit, n) WHERE account = '' AND subject IS NULL;
CREATE INDEX notices_account ON engine.notices (account, n) WHERE account <> '';
CREATE INDEX notices_at ON engine.notices (at);

-- What is told to an account of a role that sees `units` and the area that begins with `prefix` (NULL: all).
CREATE FUNCTION engine.addressed(username text, asked text, units text[], prefix text) RETURNS SETOF engine.notices
LANGUAGE sql STABLE AS $$
  SELECT * FROM engine.notices WHERE account = username AND account <> ''
   UNION ALL
  SELECT * FROM engine.notices
   WHERE account = '' AND subject IS NULL AND role = asked
     AND (units IS NULL OR unit = ANY (units)) AND (prefix IS NULL OR starts_with(area, prefix))
$$;
REVOKE ALL ON FUNCTION engine.addressed FROM PUBLIC;

-- Everything up to `upto` is read, and beyond it single ones.
CREATE TABLE engine.inboxes (
  account text CONSTRAINT inboxes_account PRIMARY KEY,
  upto bigint NOT NULL
);
CREATE TABLE engine.notices_read (
  account text NOT NULL,
  n bigint NOT NULL CONSTRAINT notices_read_notice REFERENCES engine.notices (n) ON DELETE CASCADE,
  CONSTRAINT notices_read_once PRIMARY KEY (account, n)
);
CREATE INDEX notices_read_n ON engine.notices_read (n);

-- A notice on its way to one address. `waiting` may be sent from `next_at` on; who sends it moves that into the future
-- first, so that another worker takes it over where the first one died.
CREATE TABLE engine.deliveries (
  id uuid CONSTRAINT deliveries_id PRIMARY KEY,             -- a function of notice and address: the receiver knows a repeat
  notice uuid NOT NULL CONSTRAINT deliveries_notice REFERENCES engine.notices (id) ON DELETE CASCADE,
  n bigint NOT NULL,                                        -- the notice's: a ticket's are sent in this order
  ticket uuid NOT NULL,
  address text NOT NULL,
  state text NOT NULL DEFAULT 'waiting' CONSTRAINT deliveries_state
    CHECK (state IN ('waiting', 'delivered', 'dead', 'nobody')),
  attempts int NOT NULL DEFAULT 0,
  since timestamptz NOT NULL,                               -- when it was first to be sent, or to be sent again
  next_at timestamptz NOT NULL,
  ended_at timestamptz,
  status int,                                               -- what the receiver answered last
  error text                                                -- why it was not taken
);
CREATE INDEX deliveries_due ON engine.deliveries (next_at) WHERE state = 'waiting';
CREATE INDEX deliveries_order ON engine.deliveries (ticket, address, n) WHERE state = 'waiting';
CREATE INDEX deliveries_dead ON engine.deliveries (ended_at) WHERE state = 'dead';
CREATE INDEX deliveries_notice ON engine.deliveries (notice);
-- Up to which notice deliveries were made.
CREATE TABLE engine.courier (
  address text CONSTRAINT courier_address PRIMARY KEY,
  upto bigint NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE
   ON engine.notices, engine.inboxes, engine.notices_read, engine.deliveries, engine.courier TO haocha_app;
GRANT EXECUTE ON FUNCTION engine.addressed TO haocha_app;
