-- Evidence files (凭证) by their SHA-256: in the database, so that a backup of the log holds them too and no web server can
-- serve them by mistake. Photos and PDFs are compressed already: EXTERNAL stores them as they are, out of line.
CREATE TABLE private.evidence (
  digest text CONSTRAINT evidence_digest PRIMARY KEY CONSTRAINT evidence_digest_form CHECK (digest ~ '^[0-9a-f]{64}$'),
  media_type text NOT NULL,
  size int NOT NULL CONSTRAINT evidence_size CHECK (size = octet_length(body) AND size > 0),
  body bytea NOT NULL,
  kept_by text NOT NULL,                                    -- the account that brought it
  kept_at timestamptz NOT NULL,                             -- the last time somebody brought it
  referred bool NOT NULL DEFAULT false                      -- true once an event was seen that refers to it
);
ALTER TABLE private.evidence ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX evidence_loose ON private.evidence (kept_at) WHERE NOT referred;

-- Which events refer to a file, so that those nobody refers to can go.
CREATE INDEX events_evidence ON log.events USING gin (jsonb_path_query_array(state, '$.**.evidence[*].digest'))
  WHERE topic IN ('ticket.opened:v1', 'ticket.joined:v1', 'ticket.reviewed:v1', 'ticket.appeal_lodged:v1',
                  'ticket.fix_submitted:v1', 'ticket.verified:v1', 'ticket.looked_back:v1');

GRANT SELECT, INSERT, DELETE, UPDATE (kept_at, referred) ON private.evidence TO haocha_app;
