-- Finished backups, so that their age can be told without looking through folders.
CREATE TABLE engine.backups (
  id int GENERATED ALWAYS AS IDENTITY CONSTRAINT backups_id PRIMARY KEY,
  name text NOT NULL,                                       -- of the folder: 20261121T203000Z
  started_at timestamptz NOT NULL,
  finished_at timestamptz NOT NULL,
  bytes bigint NOT NULL CONSTRAINT backups_bytes CHECK (bytes > 0),
  position bigint NOT NULL                                  -- of the log when it began: the backup holds at least that
);
CREATE INDEX backups_finished_at ON engine.backups (finished_at);
GRANT SELECT, INSERT ON engine.backups TO haocha_app;
