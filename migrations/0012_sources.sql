-- What the log is asked about complaints, inspections and disclosures: rare events among millions of ratings, each found
-- through an index of its own kind only.

-- Complaints (投诉意见) and findings (查评问题), newest first.
CREATE INDEX events_sources ON log.events (position)
  WHERE topic IN ('complaint.received:v1', 'inspection.finding_recorded:v1');

-- Who looked at whose identity: the auditor's list, and how many an account has seen within the hour.
CREATE INDEX events_disclosures ON log.events (position) WHERE topic = 'identity.disclosed:v1';
CREATE INDEX events_disclosed_by ON log.events ((state #>> '{by,account}'), recorded_at)
  WHERE topic = 'identity.disclosed:v1';
