-- The event log: events, commits with their chain of seals, and `append`, the only way in.
CREATE SCHEMA log;
REVOKE ALL ON SCHEMA log FROM PUBLIC;

CREATE TABLE log.events (
  position bigint CONSTRAINT events_position PRIMARY KEY,   -- dense, gap-free, commit order
  originator_id uuid NOT NULL,
  originator_version int NOT NULL CONSTRAINT events_version_positive CHECK (originator_version > 0),
  topic text NOT NULL,
  state jsonb NOT NULL,
  recorded_at timestamptz NOT NULL,
  CONSTRAINT events_stream UNIQUE (originator_id, originator_version)
);
-- Few events decide anything: tickets by their case, so that a 追评 or a contest finds the open one in the log itself.
CREATE INDEX events_tickets_of_case ON log.events ((state ->> 'caseId')) WHERE topic = 'ticket.opened:v1';

-- One row per commit, never updated: the last row gives the next position, its time orders the log, its seal chains all before.
CREATE TABLE log.commits (
  upto bigint CONSTRAINT commits_upto PRIMARY KEY,
  recorded_at timestamptz NOT NULL,
  seal bytea NOT NULL
);
CREATE INDEX commits_recorded_at ON log.commits (recorded_at);
INSERT INTO log.commits VALUES (0, now(), '');

-- What was generated when this log was made: the namespace of every id that is a function of its content.
CREATE TABLE log.install (
  namespace uuid CONSTRAINT install_namespace PRIMARY KEY DEFAULT gen_random_uuid(),
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX install_once ON log.install ((true));
INSERT INTO log.install DEFAULT VALUES;

-- Personal data apart from the events: identities sealed, free texts deletable. Rows come in with their events only.
CREATE SCHEMA private;
REVOKE ALL ON SCHEMA private FROM PUBLIC;
CREATE TABLE private.vault (
  subject uuid CONSTRAINT vault_subject PRIMARY KEY,
  sealed bytea NOT NULL,                                    -- AES-256-GCM: nonce, cipher text, tag
  key_no int NOT NULL,
  person bytea                                              -- keyed blind index of the certificate, else the phone
);
CREATE INDEX vault_person ON private.vault (person) WHERE person IS NOT NULL;
CREATE TABLE private.texts (
  id uuid CONSTRAINT texts_id PRIMARY KEY,
  subject uuid NOT NULL,
  body text NOT NULL
);
CREATE INDEX texts_subject ON private.texts (subject);

-- The bytes a seal covers: no session setting changes them (times as microseconds since 1970).
CREATE FUNCTION log.sealed_bytes(pos bigint, oid uuid, ver int, topic text, at timestamptz, state jsonb) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN convert_to(concat_ws('|', pos, oid, ver, topic, (extract(epoch FROM at) * 1000000)::bigint, state::text), 'UTF8');

-- Many independent appends (groups) in ONE transaction; each group gets its own verdict, a refused one harms no other:
--   ok · exists (that version is there already) · doubled (an earlier group of this call has the stream: ask again)
--   · stale (not the stream's next version). Identities and texts are stored for accepted groups only.
-- READ COMMITTED: the statement after the lock sees all that committed before it was granted.
CREATE FUNCTION log.append(
  ids uuid[], versions int[], topics text[], states jsonb[], grps int[],
  subject_grps int[], subjects uuid[], sealeds bytea[], key_nos int[], persons bytea[],
  text_grps int[], text_ids uuid[], text_subjects uuid[], bodies text[]
) RETURNS TABLE (grp int, verdict text, last_position bigint, recorded timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, log, pg_temp SET enable_seqscan = off AS $$
DECLARE h bigint; prev bytea; at timestamptz;
BEGIN
  PERFORM pg_advisory_xact_lock(7120);
  SELECT c.upto, c.seal, greatest(c.recorded_at, clock_timestamp()) INTO STRICT h, prev, at
    FROM commits c ORDER BY c.upto DESC LIMIT 1;
  RETURN QUERY
  WITH b AS MATERIALIZED (
         SELECT u.* FROM unnest(ids, versions, topics, states, grps) WITH ORDINALITY AS u(oid, ver, topic, state, g, ord)),
       streams AS MATERIALIZED (
         SELECT s.g, s.lo, s.hi, s.n, coalesce(x.v, 0) AS have, row_number() OVER (PARTITION BY s.oid ORDER BY s.first) AS nth
           FROM (SELECT b.oid, b.g, min(b.ver) lo, max(b.ver) hi, count(*) n, min(b.ord) AS first FROM b GROUP BY b.oid, b.g) s
           LEFT JOIN LATERAL (SELECT e.originator_version v FROM events e WHERE e.originator_id = s.oid
                               ORDER BY e.originator_version DESC LIMIT 1) x ON true),
       verdicts AS MATERIALIZED (
         SELECT s.g, CASE WHEN bool_or(s.lo <= s.have) THEN 'exists' WHEN bool_or(s.nth > 1) THEN 'doubled'
                          WHEN bool_or(s.lo <> s.have + 1 OR s.hi <> s.have + s.n) THEN 'stale' ELSE 'ok' END AS v
           FROM streams s GROUP BY s.g),
       ok AS MATERIALIZED (
         SELECT b.*, h + row_number() OVER (ORDER BY b.ord) AS pos FROM b JOIN verdicts v ON v.g = b.g AND v.v = 'ok'),
       stored AS (
         INSERT INTO events (position, originator_id, originator_version, topic, state, recorded_at)
         SELECT pos, oid, ver, topic, state, at FROM ok ORDER BY pos),
       identities AS (
         INSERT INTO private.vault (subject, sealed, key_no, person)
         SELECT i.subject, i.sealed, i.key_no, i.person
           FROM unnest(subject_grps, subjects, sealeds, key_nos, persons) AS i(g, subject, sealed, key_no, person)
           JOIN verdicts v ON v.g = i.g AND v.v = 'ok'
         ON CONFLICT (subject) DO UPDATE SET sealed = excluded.sealed, key_no = excluded.key_no, person = excluded.person),
       writings AS (
         INSERT INTO private.texts (id, subject, body)
         SELECT t.id, t.subject, t.body
           FROM unnest(text_grps, text_ids, text_subjects, bodies) AS t(g, id, subject, body)
           JOIN verdicts v ON v.g = t.g AND v.v = 'ok'),
       sealing AS (
         INSERT INTO commits
         SELECT max(pos), at, sha256(prev || string_agg(sha256(sealed_bytes(pos, oid, ver, topic, at, state)), ''::bytea ORDER BY pos))
           FROM ok HAVING count(*) > 0)
  SELECT v.g, v.v, max(o.pos), at FROM verdicts v LEFT JOIN ok o ON o.g = v.g GROUP BY v.g, v.v;
  PERFORM pg_notify('log', '');
END $$;
REVOKE ALL ON FUNCTION log.append FROM PUBLIC;

-- What folds read: old topic versions mapped to the current ones in SQL (equal to the Python upcasters; a test holds it so).
CREATE VIEW log.current_events AS
  SELECT position, originator_id, originator_version, topic, state, recorded_at FROM log.events;

GRANT USAGE ON SCHEMA log, private TO haocha_app;
GRANT SELECT ON log.events, log.commits, log.install, log.current_events TO haocha_app;
GRANT EXECUTE ON FUNCTION log.append, log.sealed_bytes TO haocha_app;
-- The application reads and erases personal data; it writes them only through `append`.
GRANT SELECT, DELETE ON private.vault, private.texts TO haocha_app;
