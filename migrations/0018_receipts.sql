-- Receipts (回执) of reports that were sent once more: what a platform said the first time is a proof, and stays.
CREATE TABLE sync.receipts (
  peer text NOT NULL,
  position bigint NOT NULL,
  ended_at timestamptz NOT NULL,                            -- when the platform took it
  attempts int NOT NULL,
  duplicate bool NOT NULL,
  adjusted bool NOT NULL,
  receipt text NOT NULL,
  CONSTRAINT receipts_key PRIMARY KEY (peer, position, ended_at)
);
CREATE FUNCTION sync.keep_receipt() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, sync, pg_temp AS $$
BEGIN
  INSERT INTO receipts (peer, position, ended_at, attempts, duplicate, adjusted, receipt)
  VALUES (OLD.peer, OLD.position, OLD.ended_at, OLD.attempts, OLD.duplicate, OLD.adjusted, OLD.receipt)
  ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER outbox_again AFTER UPDATE ON sync.outbox
  FOR EACH ROW WHEN (OLD.state = 'accepted' AND NEW.state <> 'accepted' AND OLD.ended_at IS NOT NULL)
  EXECUTE FUNCTION sync.keep_receipt();
GRANT SELECT, INSERT ON sync.receipts TO haocha_app;
