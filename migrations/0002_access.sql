-- API keys, kept as SHA-256 of 256 random bits; a client is a name and may hold several keys (rotation).
CREATE SCHEMA access;
REVOKE ALL ON SCHEMA access FROM PUBLIC;
CREATE TABLE access.keys (
  id int GENERATED ALWAYS AS IDENTITY CONSTRAINT keys_id PRIMARY KEY,
  client text NOT NULL,
  kind text NOT NULL CONSTRAINT keys_kind
    CHECK (kind IN ('pad', 'keypad', 'terminal', 'hotline', 'web', 'mobile', 'integration')),
  scopes text[] NOT NULL,
  hall text NOT NULL DEFAULT '',
  window_no text NOT NULL DEFAULT '',
  per_minute int CONSTRAINT keys_limit CHECK (per_minute > 0),
  digest bytea NOT NULL CONSTRAINT keys_digest UNIQUE,
  created_at timestamptz NOT NULL,
  revoked_at timestamptz
);
GRANT USAGE ON SCHEMA access TO haocha_app;
GRANT SELECT, INSERT, UPDATE ON access.keys TO haocha_app;
