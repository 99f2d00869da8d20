-- Reports that somebody had sent once more (replay, re-send of a difference): they are as late as they were when first taken.
ALTER TABLE sync.outbox ADD COLUMN again_at timestamptz;    -- when; delays and waiting count from then on
DROP INDEX sync.outbox_pending;
CREATE INDEX outbox_pending ON sync.outbox (peer, kind, level, (coalesce(again_at, recorded_at)))
  WHERE state = 'waiting';
