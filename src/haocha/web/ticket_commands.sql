-- What a command asks beside the ticket's own stream.
-- section: query has_accounts
-- $1 unit. Whether somebody works there.
SELECT EXISTS (SELECT FROM access.accounts WHERE unit = $1 AND disabled_at IS NULL);
