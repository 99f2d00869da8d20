-- People's accounts: who acts, in which role, for which unit, how far he sees, and how he proves that it is he. An account
-- is never deleted, only disabled: events name it.
CREATE TABLE access.accounts (
  id int GENERATED ALWAYS AS IDENTITY CONSTRAINT accounts_id PRIMARY KEY,
  username text NOT NULL CONSTRAINT accounts_username_form CHECK (username ~ '^[A-Za-z0-9._-]{1,40}$'),
  name text NOT NULL DEFAULT '',
  role text NOT NULL CONSTRAINT accounts_role
    CHECK (role IN ('handler', 'supervisor', 'reviewer', 'agent', 'inspector', 'leader', 'auditor', 'admin')),
  unit text NOT NULL DEFAULT '',                            -- deptCode
  node text NOT NULL DEFAULT ''                             -- what he oversees: '' all, area:PREFIX, dept:CODE
    CONSTRAINT accounts_node CHECK (node = '' OR node ~ '^area:[0-9]{2,12}$' OR node ~ '^dept:.+$'),
  staff text NOT NULL DEFAULT '',                           -- deptCode/staffNo that he is
  contact_officer boolean NOT NULL DEFAULT false,
  external text CONSTRAINT accounts_external UNIQUE,        -- his subject at an identity provider
  password text,                                            -- argon2id; none where he proves himself otherwise
  must_change boolean NOT NULL DEFAULT true,                -- somebody else knows the password
  failures int NOT NULL DEFAULT 0,                          -- attempts since the last success
  locked_until timestamptz,
  epoch int NOT NULL DEFAULT 1,                             -- sessions of an earlier one are over
  token bytea CONSTRAINT accounts_token UNIQUE,             -- SHA-256 of 256 random bits
  token_at timestamptz,
  created_at timestamptz NOT NULL,
  disabled_at timestamptz,
  last_login_at timestamptz,
  CONSTRAINT accounts_handlers_unit CHECK (role <> 'handler' OR unit <> ''),
  CONSTRAINT accounts_officers_unit CHECK (NOT contact_officer OR unit <> '')
);
CREATE UNIQUE INDEX accounts_username ON access.accounts (lower(username));
CREATE UNIQUE INDEX accounts_one_contact_officer ON access.accounts (unit) WHERE contact_officer AND disabled_at IS NULL;

-- What was done to an account, by whom: added to, never altered.
CREATE TABLE access.account_changes (
  id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT account_changes_id PRIMARY KEY,
  at timestamptz NOT NULL,
  by text NOT NULL,                                         -- an account's username, or os:USER at the command line
  account int NOT NULL CONSTRAINT account_changes_account REFERENCES access.accounts (id),
  what text NOT NULL,                                       -- an act, or the member that was changed
  was text NOT NULL DEFAULT '',
  became text NOT NULL DEFAULT ''
);
CREATE INDEX account_changes_of ON access.account_changes (account, id);
GRANT SELECT, INSERT, UPDATE ON access.accounts TO haocha_app;
GRANT SELECT, INSERT ON access.account_changes TO haocha_app;
