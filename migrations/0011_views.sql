-- Saved views of the workbench's queues (常用视图), each person's own; at most one opens first.
CREATE TABLE access.views (
  account text NOT NULL,                                    -- the user name
  name text NOT NULL CONSTRAINT views_named CHECK (length(name) BETWEEN 1 AND 40),
  query text NOT NULL CONSTRAINT views_query CHECK (length(query) <= 2000),
  starts boolean NOT NULL DEFAULT false,
  saved_at timestamptz NOT NULL,
  CONSTRAINT views_id PRIMARY KEY (account, name)
);
CREATE UNIQUE INDEX views_start ON access.views (account) WHERE starts;
GRANT SELECT, INSERT, UPDATE, DELETE ON access.views TO haocha_app;
