-- What comes down from the platforms above (下发), and what goes down to the members below: rare events among millions of
-- ratings, each found through an index of its own kind only.

-- The tickets that came from an order or that one joined, and the verdicts and urgings that belong to an order.
CREATE INDEX events_tickets_of_order ON log.events ((state ->> 'sourceId'))
  WHERE topic IN ('ticket.opened:v1', 'ticket.joined:v1') AND state ->> 'source' = 'province';
CREATE INDEX events_of_order ON log.events ((state ->> 'order'), position)
  WHERE topic IN ('order.verdict_given:v1', 'order.urged:v1');

-- What members are told: `GET /v1/sync/orders` reads on from a position.
CREATE INDEX events_down ON log.events (position)
  WHERE topic IN ('ticket.opened:v1', 'ticket.appeal_decided:v1', 'ticket.verified:v1', 'ticket.reopened:v1',
                  'ticket.overruled:v1', 'ticket.reminded:v1', 'ticket.escalated:v1', 'indicators.published:v1');

-- Lists of indicators (测评指标): every process reads them when it starts and follows them.
CREATE INDEX events_indicators ON log.events (position) WHERE topic = 'indicators.published:v1';

-- Up to which of a peer's own positions its orders were pulled.
CREATE TABLE sync.pulls (
  peer text CONSTRAINT pulls_peer PRIMARY KEY,
  position bigint NOT NULL,
  pulled_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON sync.pulls TO haocha_app;
