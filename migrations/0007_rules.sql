-- Policies and calendars are a handful among millions of events, and every command on a ticket asks for them.
CREATE INDEX events_rules ON log.events (position) WHERE topic IN ('policy.published:v1', 'calendar.published:v1');
-- Replaying a policy reads all tickets of a time, in slices, from the log itself.
CREATE INDEX events_tickets ON log.events (position) WHERE topic = 'ticket.opened:v1';
