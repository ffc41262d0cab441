-- A session goes on from what it kept of stored episodes, but not past what somebody
-- else wrote to them.
SET TIME ZONE 'UTC';
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION tracer;
SELECT count(tracer.link(ARRAY['up'], ARRAY['down']));
INSERT INTO tracer.alert (asset, title) VALUES ('other', 'failed');
SELECT tracer.correlate();
INSERT INTO tracer.alert (asset, title) VALUES ('up', 'failed');
SELECT tracer.correlate();
-- What its own passes stored is among it,
INSERT INTO tracer.alert (asset, title) VALUES ('down', 'failed');
SELECT tracer.correlate();
SELECT incident_id, origin_asset, alert_count FROM tracer.incidents ORDER BY 1;
-- and what another session's did (and its incident is gone from here).
\setenv PGDATABASE :DBNAME
\! psql -X -q -At -c "INSERT INTO tracer.alert (asset, title, status) VALUES ('down', 'failed', 'resolved'), ('up', 'failed', 'resolved')" -c "SELECT tracer.correlate()" -c "SELECT tracer.forget_incidents('infinity', 10)"
INSERT INTO tracer.alert (asset, title) VALUES ('down', 'late');
SELECT tracer.correlate();
SELECT incident_id, origin_asset, alert_count FROM tracer.incidents ORDER BY 1;
INSERT INTO tracer.alert (asset, title, status) VALUES ('down', 'late', 'resolved');
SELECT tracer.correlate();
-- A pass that is rolled back leaves nothing behind, whole or in part.
INSERT INTO tracer.alert (asset, title) VALUES ('up', 'late');
BEGIN;
SELECT tracer.correlate();
ROLLBACK;
BEGIN;
SAVEPOINT s;
SELECT tracer.correlate();
ROLLBACK TO s;
SELECT tracer.correlate();
COMMIT;
SELECT incident_id, origin_asset, alert_count FROM tracer.incidents ORDER BY 1;
-- Nor does one that fails on its way.
CREATE FUNCTION pg_temp.fail() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no evidence'; END$$;
CREATE TRIGGER fail BEFORE INSERT ON tracer.evidence_row FOR EACH STATEMENT EXECUTE FUNCTION pg_temp.fail();
INSERT INTO tracer.alert (asset, title) VALUES ('up', 'third');
SELECT tracer.correlate();
DROP TRIGGER fail ON tracer.evidence_row;
DELETE FROM tracer.alert WHERE title = 'third';
INSERT INTO tracer.alert (asset, title) VALUES ('down', 'third');
SELECT tracer.correlate();
SELECT incident_id, origin_asset, alert_count FROM tracer.incidents ORDER BY 1;
SELECT count(*) FROM tracer.episode e WHERE e.parent_id NOT IN (SELECT x.episode_id FROM tracer.episode x);
-- What is written by hand counts, too.
DELETE FROM tracer.episode;
INSERT INTO tracer.alert (asset, title) VALUES ('down', 'again');
SELECT tracer.correlate();
SELECT e.parent_id IS NULL AS origin FROM tracer.episode e;
DROP EXTENSION tracer;
