-- How far each peer's orders were pulled.
-- section: query position
SELECT position FROM sync.pulls WHERE peer = $1
-- section: query restart
-- $1 peer, $2 now
UPDATE sync.pulls SET position = 0, pulled_at = $2 WHERE peer = $1
-- section: query move
-- $1 peer, $2 position, $3 now. Two that pull at once take the same items, which are known the second time.
INSERT INTO sync.pulls (peer, position, pulled_at) VALUES ($1, $2, $3)
ON CONFLICT ON CONSTRAINT pulls_peer DO UPDATE SET position = greatest(pulls.position, $2), pulled_at = $3
