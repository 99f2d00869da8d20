-- Bad ratings of the same person on the same matter are related: the tickets of both, newest first.
CREATE INDEX events_tickets_of_person ON log.events
  ((state -> 'snapshot' ->> 'staff'), (state -> 'snapshot' ->> 'matter'), position)
  WHERE topic = 'ticket.opened:v1';
