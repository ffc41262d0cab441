-- Settings: one committed value for every session.
\set SHOW_CONTEXT never
CREATE EXTENSION tracer;

-- As declared, as set, as declared again; what may be none; what there is not.
SELECT tracer.get('horizon'), tracer.get('max_hops') IS NULL AS no_limit, tracer.get('nothing') IS NULL AS nothing, tracer.get(NULL) IS NULL AS null;
SELECT tracer.set('horizon', '90 minutes');
SELECT tracer.get('horizon');
SELECT tracer.set('repeat_interval', NULL) IS NULL AS none;
SELECT tracer.get('repeat_interval') IS NULL AS none;
SELECT tracer.set('horizon', NULL);
SELECT tracer.get('horizon');

-- Within a transaction, and after it was rolled back.
BEGIN;
SELECT tracer.set('max_hops', '3');
SELECT tracer.get('max_hops');
ROLLBACK;
SELECT tracer.get('max_hops') IS NULL AS no_limit;

-- One way to read them says what the other does.
SELECT name FROM tracer.setting WHERE tracer.get(name) IS DISTINCT FROM value;

-- A pass reads them anew when they change: a symptom within the horizon, or none.
INSERT INTO tracer.asset (name) VALUES ('up'), ('down');
SELECT tracer.link('up', 'down');
INSERT INTO tracer.alert (asset, title, fired_at) VALUES ('up', 'late', '2026-01-01 00:00+00'), ('down', 'empty', '2026-01-01 00:50+00');
INSERT INTO tracer.alert (asset, title, fired_at, status) VALUES ('up', 'late', '2026-01-01 00:10+00', 'resolved');
SELECT tracer.correlate();
SELECT count(*) AS incidents FROM tracer.incidents;
SELECT tracer.set('horizon', '5 minutes');
SELECT tracer.correlate();
SELECT count(*) AS incidents FROM tracer.incidents;

-- Installed again in the same session.
DROP EXTENSION tracer CASCADE;
CREATE EXTENSION tracer;
SELECT tracer.get('horizon'), tracer.get('repeat_interval');
DROP EXTENSION tracer CASCADE;
