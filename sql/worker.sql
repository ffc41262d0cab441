-- The worker as it is seen where nothing is preloaded: nothing runs, and all that
-- does not need it works. What it does is tested by test/t/2*_worker*.pl.
CREATE EXTENSION tracer;
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;

SELECT database = current_database(), kind, pid, state, last_pass_at, alerts_taken, oldest_unplaced, outbox_depth FROM tracer.workers;
SELECT tracer.metrics();
INSERT INTO tracer.alert (asset, title) VALUES ('a', 'broken');
SELECT n, since = now() FROM tracer.unplaced_alerts();
SELECT oldest_unplaced >= interval '0' FROM tracer.workers;
SELECT tracer.correlate();
SELECT * FROM tracer.unplaced_alerts();
SELECT tracer.metric_label('name', E'a "quoted"\nback\\slash');

-- Every line of the metrics is one of the format's.
INSERT INTO tracer.alert (asset, title, severity) VALUES ('b', 'very broken', 'critical');
SELECT tracer.correlate();
SELECT l FROM regexp_split_to_table(rtrim(tracer.metrics(), E'\n'), E'\n') AS l
 WHERE l !~ '^# (HELP|TYPE) tracer_[a-z_]+ .+$'
   AND l !~ '^tracer_[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? -?[0-9.e+]+$';

-- Armed by CREATE EXTENSION, but not by one in a restore.
SELECT tracer.armed(), (SELECT count(*) FROM tracer.installation);
SELECT tracer.arm();
SELECT count(*), bool_and(armed_at < clock_timestamp()), bool_and(armed_by = session_user) FROM tracer.installation;
DROP EXTENSION tracer;
SET row_security = off;
CREATE EXTENSION tracer;
RESET row_security;
SELECT tracer.armed(), (SELECT armed_at FROM tracer.installation);
SELECT severity, topic, problem FROM tracer.doctor();
SELECT tracer.arm();
SELECT tracer.armed(), (SELECT armed_by = session_user FROM tracer.installation);
INSERT INTO tracer.installation (database, armed_at) VALUES (1, now());
SELECT tracer.armed();
SELECT tracer.arm();
SELECT tracer.armed(), (SELECT count(*) FROM tracer.installation);
UPDATE tracer.installation SET database = 1;
SELECT tracer.armed();
SELECT tracer.arm();

-- Disarmed by hand, and armed again, by an administrator of tracer's: what was
-- noticed before the disarming is no news any more.
CREATE ROLE regress_tracer_armer;
SELECT tracer.grant_access('regress_tracer_armer', 'admin');
SET ROLE regress_tracer_armer;
SELECT tracer.disarm();
SELECT tracer.armed(), (SELECT armed_at IS NULL AND installed_at > now() - interval '1 minute' FROM tracer.installation);
SELECT tracer.disarm();
SELECT tracer.arm();
SELECT tracer.armed(), (SELECT armed_at > installed_at AND armed_by = session_user FROM tracer.installation);

-- What pg_restore --disable-triggers does to a table; arming mends it.
SELECT tracer.disarm();
RESET ROLE;
SELECT * FROM tracer.trigger_repairs();
ALTER TABLE tracer.alert DISABLE TRIGGER ALL;
ALTER TABLE tracer.alert ENABLE TRIGGER ALL;
ALTER TABLE tracer.team DISABLE TRIGGER wake;
SELECT subject, problem, remedy FROM tracer.doctor() WHERE subject ~ '^tracer';
SET ROLE regress_tracer_armer;
SELECT tracer.arm();
RESET ROLE;
SELECT * FROM tracer.trigger_repairs();
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'tracer.alert'::regclass AND NOT tgisinternal ORDER BY tgname;
SELECT tracer.revoke_access('regress_tracer_armer');
DROP ROLE regress_tracer_armer;

-- Rows that bring another transaction's id are placed by the next pass.
SELECT tracer.correlate();
INSERT INTO tracer.alert (title, xid) VALUES ('old', '3'), ('new', '123456789012');
SELECT count(*) FROM tracer.foreign_row;
SELECT tracer.correlate(1);
SELECT tracer.correlate(1);
SELECT tracer.correlate();
SELECT count(*) FROM tracer.foreign_row;
SELECT count(*) FROM tracer.alert WHERE xid > pg_current_xact_id();
INSERT INTO tracer.alert (title) VALUES ('own');
INSERT INTO tracer.alert (title, xid) SELECT 'own, said explicitly', pg_current_xact_id();
SELECT count(*) FROM tracer.foreign_row;
-- The mark goes with its transaction.
BEGIN;
INSERT INTO tracer.alert (title, xid) VALUES ('never', '3');
ROLLBACK;
SELECT count(*) FROM tracer.foreign_row;
SELECT tracer.correlate();

SELECT tracer.wake();
DROP EXTENSION tracer;
