-- Policies and calendars are a handful among millions of events, and every command on a ticket asks for them.
CREATE INDEX events_rules ON log.events (position) WHERE topic IN ('policy.published:v1', 'calendar.published:v1');
