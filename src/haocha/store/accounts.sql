-- People's accounts (migrations/0006_accounts.sql). A change and its trace are one statement.
-- section: query create
WITH made AS (
  INSERT INTO access.accounts
    (username, name, role, unit, node, staff, contact_officer, password, must_change, created_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id)
INSERT INTO access.account_changes (at, by, account, what) SELECT $10, $11, id, 'created' FROM made RETURNING account;
-- section: query by_id
SELECT a.*, a.xmin::text::bigint AS revision FROM access.accounts a WHERE id = $1;
-- section: query by_username
SELECT a.*, a.xmin::text::bigint AS revision FROM access.accounts a WHERE lower(username) = lower($1);
-- section: query by_token
SELECT a.*, a.xmin::text::bigint AS revision FROM access.accounts a WHERE token = $1 AND disabled_at IS NULL;
-- section: query changed
-- $1 the ids that are remembered, $2 in which revision
SELECT a.id FROM unnest($1::int[], $2::bigint[]) AS known (id, revision)
  JOIN access.accounts a USING (id) WHERE a.xmin::text::bigint <> known.revision;
-- section: query page
-- $1 after this username, $2 how many, $3 what to look for, $4 role, $5 units or NULL for all, $6 area's prefix
SELECT a.*, a.xmin::text::bigint AS revision FROM access.accounts a
 WHERE lower(username) > lower($1)
   AND ($3 = '' OR strpos(lower(concat_ws(' ', username, name, unit, node, staff)), lower($3)) > 0)
   AND ($4 = '' OR role = $4)
   AND ($5::text[] IS NULL OR CASE WHEN role = 'handler' THEN unit = ANY($5)
          WHEN node LIKE 'dept:%' THEN substr(node, 6) = ANY($5)
          ELSE $6 <> '' AND starts_with(node, 'area:' || $6) END)
 ORDER BY lower(username) LIMIT $2;
-- section: query change
WITH was AS (SELECT * FROM access.accounts WHERE id = $1 FOR UPDATE),
     done AS (
  UPDATE access.accounts a
     SET name = $2, role = $3, unit = $4, node = $5, staff = $6, contact_officer = $7,
         epoch = a.epoch + ((was.role, was.unit, was.node, was.staff) IS DISTINCT FROM ($3, $4, $5, $6))::int
    FROM was WHERE a.id = was.id RETURNING a.*)
INSERT INTO access.account_changes (at, by, account, what, was, became)
SELECT $8, $9, done.id, member.what, member.was, member.became
  FROM was, done, LATERAL (VALUES
    ('name', was.name, done.name), ('role', was.role, done.role), ('unit', was.unit, done.unit),
    ('node', was.node, done.node), ('staff', was.staff, done.staff),
    ('contact_officer', was.contact_officer::text, done.contact_officer::text)) AS member (what, was, became)
 WHERE member.was <> member.became RETURNING what;
-- section: query disable
WITH done AS (
  UPDATE access.accounts SET disabled_at = $2, epoch = epoch + 1, token = NULL, token_at = NULL
   WHERE id = $1 AND disabled_at IS NULL RETURNING id)
INSERT INTO access.account_changes (at, by, account, what) SELECT $2, $3, id, 'disabled' FROM done RETURNING account;
-- section: query enable
WITH done AS (
  UPDATE access.accounts SET disabled_at = NULL, failures = 0, locked_until = NULL
   WHERE id = $1 AND disabled_at IS NOT NULL RETURNING id)
INSERT INTO access.account_changes (at, by, account, what) SELECT $2, $3, id, 'enabled' FROM done RETURNING account;
-- section: query unlock
WITH done AS (
  UPDATE access.accounts SET failures = 0, locked_until = NULL WHERE id = $1 AND locked_until > $2 RETURNING id)
INSERT INTO access.account_changes (at, by, account, what) SELECT $2, $3, id, 'unlocked' FROM done RETURNING account;
-- section: query password
-- $5 whether somebody else than its owner knows it: a token made by who may have had the old one goes with it
WITH done AS (
  UPDATE access.accounts
     SET password = $4, must_change = $5, epoch = epoch + 1, failures = 0, locked_until = NULL,
         token = CASE WHEN NOT $5 THEN token END, token_at = CASE WHEN NOT $5 THEN token_at END
   WHERE id = $1 RETURNING id)
INSERT INTO access.account_changes (at, by, account, what)
SELECT $2, $3, id, CASE WHEN $5 THEN 'password_reset' ELSE 'password_changed' END FROM done RETURNING account;
-- section: query token
WITH done AS (
  UPDATE access.accounts SET token = $4, token_at = $2 WHERE id = $1 AND disabled_at IS NULL RETURNING id)
INSERT INTO access.account_changes (at, by, account, what) SELECT $2, $3, id, 'token_created' FROM done RETURNING account;
-- section: query revoke_token
WITH done AS (
  UPDATE access.accounts SET token = NULL, token_at = NULL WHERE id = $1 AND token IS NOT NULL RETURNING id)
INSERT INTO access.account_changes (at, by, account, what) SELECT $2, $3, id, 'token_revoked' FROM done RETURNING account;
-- section: query attempt
-- Counts the attempt before the password is looked at, so that many at once are no way round: $3 wrong ones lock until $4.
UPDATE access.accounts
   SET failures = CASE WHEN locked_until <= $2 THEN 1 ELSE failures + 1 END,
       locked_until = CASE WHEN locked_until IS NULL AND failures + 1 >= $3 THEN $4::timestamptz END
 WHERE lower(username) = lower($1) AND disabled_at IS NULL AND (locked_until IS NULL OR locked_until <= $2)
RETURNING id, password;
-- section: query succeeded
UPDATE access.accounts a SET failures = 0, locked_until = NULL, last_login_at = $2
 WHERE id = $1 AND disabled_at IS NULL AND password = $3 RETURNING a.*, a.xmin::text::bigint AS revision;
-- section: query changes
SELECT at, by, what, was, became FROM access.account_changes WHERE account = $1 ORDER BY id DESC LIMIT $2;
