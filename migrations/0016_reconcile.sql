-- Reconciliation (对账): what we hold as accepted against what the platform holds, day by day of assessTime.
CREATE TABLE sync.reconciliations (
  id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT reconciliations_id PRIMARY KEY,
  peer text NOT NULL,
  day date NOT NULL,
  source text NOT NULL CONSTRAINT reconciliations_source CHECK (source IN ('listing', 'file')),
  taken_at timestamptz NOT NULL,                            -- what was accepted later is not expected over there
  ended_at timestamptz NOT NULL,
  ours bigint NOT NULL,
  theirs bigint NOT NULL,
  late bigint NOT NULL,                                     -- there, and on its way here: no difference
  missing bigint NOT NULL,
  altered bigint NOT NULL,
  extra bigint NOT NULL,
  doubled bigint NOT NULL
);
CREATE INDEX reconciliations_day ON sync.reconciliations (peer, day, id);

-- Of the latest run of a day: counts and digests by area, channel and level. Equal digests are equal records.
CREATE TABLE sync.reconciled (
  run bigint NOT NULL CONSTRAINT reconciled_run REFERENCES sync.reconciliations,
  area text NOT NULL,
  pf text NOT NULL,
  level smallint NOT NULL,
  ours bigint NOT NULL,
  theirs bigint NOT NULL,
  ours_digest text NOT NULL,
  theirs_digest text NOT NULL,
  CONSTRAINT reconciled_cell PRIMARY KEY (run, area, pf, level)
);

-- Differences by key, until a later run finds them gone.
CREATE TABLE sync.differences (
  id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT differences_id PRIMARY KEY,
  peer text NOT NULL,
  day date NOT NULL,
  key text NOT NULL,                                        -- as in the outbox: rating|projectNo|serviceNumber
  found text NOT NULL CONSTRAINT differences_found CHECK (found IN ('missing', 'altered', 'extra', 'doubled')),
  position bigint,                                          -- of our row, where there is one
  area text NOT NULL,
  pf text NOT NULL,
  level smallint NOT NULL,                                  -- ours, theirs where we have none
  their_level smallint,
  here text NOT NULL DEFAULT '',                            -- of an extra one: the state of our row
  state text NOT NULL DEFAULT 'open' CONSTRAINT differences_state CHECK (state IN ('open', 'resent', 'settled')),
  run bigint NOT NULL CONSTRAINT differences_run REFERENCES sync.reconciliations,  -- the last that saw it
  found_at timestamptz NOT NULL,
  resent_at timestamptz,
  resent_by text NOT NULL DEFAULT '',
  settled_at timestamptz,
  CONSTRAINT differences_key UNIQUE (peer, day, key, found)
);
CREATE INDEX differences_unsettled ON sync.differences (peer, day, id) WHERE state <> 'settled';
GRANT SELECT, INSERT ON sync.reconciliations TO haocha_app;
GRANT SELECT, INSERT, DELETE ON sync.reconciled TO haocha_app;
GRANT SELECT, INSERT, UPDATE ON sync.differences TO haocha_app;
