-- Finding and erasing a person (migrations/0001_log.sql has the tables).
-- section: query by_person
-- $1 blind indexes
SELECT subject FROM private.vault WHERE person = ANY($1);
-- section: query page
-- $1 subject to go on behind, $2 rows
SELECT subject, sealed, key_no FROM private.vault WHERE subject > $1 ORDER BY subject LIMIT $2;
-- section: query rows
SELECT count(*) FROM private.vault;
-- section: query texts
-- $1 subjects
SELECT count(*) FROM private.texts WHERE subject = ANY($1);
-- section: query erase_identities
-- $1 subjects
DELETE FROM private.vault WHERE subject = ANY($1) RETURNING subject;
-- section: query erase_texts
-- $1 subjects
WITH gone AS (DELETE FROM private.texts WHERE subject = ANY($1) RETURNING subject)
SELECT subject, count(*) AS texts FROM gone GROUP BY subject;
-- section: query versions
-- $1 streams
SELECT originator_id, max(originator_version) AS version FROM log.events WHERE originator_id = ANY($1) GROUP BY originator_id;
