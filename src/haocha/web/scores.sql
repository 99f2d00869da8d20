-- What an `asOf` means in the log: positions of times, times of positions.
-- section: upto
-- The position of the last commit at or before a time. $1 time
SELECT upto FROM log.commits WHERE recorded_at <= $1 ORDER BY recorded_at DESC, upto DESC LIMIT 1;
-- section: before
-- The position of the last commit before a time. $1 time
SELECT upto FROM log.commits WHERE recorded_at < $1 ORDER BY recorded_at DESC, upto DESC LIMIT 1;
-- section: recorded
-- When a position was recorded. $1 position
SELECT recorded_at FROM log.commits WHERE upto >= $1 ORDER BY upto LIMIT 1;
