-- Registry events are few among millions of ratings: each process reads them all when it starts, and only them.
CREATE INDEX events_registry ON log.events (position)
  WHERE split_part(topic, '.', 1) IN ('org', 'hall', 'window', 'staff', 'matter', 'device');
