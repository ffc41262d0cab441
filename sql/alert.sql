-- tracer.alert: what may be inserted, and how it reads.
SET TIME ZONE 'UTC';
SET datestyle = 'ISO';
CREATE EXTENSION tracer;

-- Only the title is required; everything else has a default.
BEGIN;
INSERT INTO tracer.alert (title) VALUES ('orders is late');
SELECT asset, title, severity, status, source, dedup_key, fired_at = now() AS now,
       received_at = now() AS received_now, xid = pg_current_xact_id() AS own_xid, alert_id >= 1024 AS has_id
  FROM tracer.alert;
ROLLBACK;

-- An explicit NULL is the default when read, in every column that has one.
BEGIN;
INSERT INTO tracer.alert (asset, title, severity, status, source, fired_at) VALUES (NULL, 'nulls', NULL, NULL, NULL, NULL);
INSERT INTO tracer.alert (title, severity, status, source, fired_at) VALUES ('values', 'info', 'resolved', 'dbt', '2026-01-01');
COPY tracer.alert (asset, title, severity, status, source, fired_at) FROM stdin;
orders	copied	\N	\N	\N	\N
\.
SELECT asset, title, severity, status, source, fired_at IS NULL AS no_time FROM tracer.alert ORDER BY alert_id;
SELECT asset, title, severity, status, source,
       CASE WHEN title = 'values' THEN fired_at = '2026-01-01' ELSE fired_at = received_at END AS time_as_said
  FROM tracer.alerts ORDER BY alert_id;
ROLLBACK;

-- The view has every column of the table but the internal one.
SELECT attname FROM pg_attribute WHERE attrelid = 'tracer.alert'::regclass AND attnum > 0 AND NOT attisdropped
EXCEPT
SELECT attname FROM pg_attribute WHERE attrelid = 'tracer.alerts'::regclass AND attnum > 0;

-- Accepted: an asset nobody declared, an empty title, the past, the future.
INSERT INTO tracer.alert (asset, title, fired_at) VALUES
    ('nobody declared this', '', '0001-01-01 BC'),
    ('', E'two\nlines', '294276-12-31 23:59:59.999999');

-- Refused, each with what to do.
INSERT INTO tracer.alert (asset) VALUES ('orders');
INSERT INTO tracer.alert (title) VALUES (NULL);
INSERT INTO tracer.alert (title, fired_at) VALUES ('x', 'infinity');
INSERT INTO tracer.alert (title, fired_at) VALUES ('x', '-infinity');
INSERT INTO tracer.alert (title, severity) VALUES ('x', 'fatal');
INSERT INTO tracer.alert (title, status) VALUES ('x', 'open');
UPDATE tracer.alert SET title = NULL;
COPY tracer.alert (asset, title) FROM stdin;
orders	fine
orders	\N
\.
\set VERBOSITY sqlstate
INSERT INTO tracer.alert (title) VALUES (NULL);
INSERT INTO tracer.alert (title, fired_at) VALUES ('x', 'infinity');
\set VERBOSITY default
SELECT count(*) FROM tracer.alert;

-- The check itself: true or an error, never NULL or false.
SELECT tracer.alert_is_valid('x', now(), NULL), tracer.alert_is_valid('x', NULL, '1'), tracer.alert_is_valid('', now(), '1');

-- Severities are in ascending order.
SELECT array_agg(s ORDER BY s DESC) FROM unnest(enum_range(NULL::tracer.severity)) s;

-- Ids go up in steps that leave room for other servers, and a rollback takes
-- none back.
TRUNCATE tracer.alert;
INSERT INTO tracer.alert (title) VALUES ('a');
BEGIN;
INSERT INTO tracer.alert (title) VALUES ('b');
ROLLBACK;
INSERT INTO tracer.alert (title) VALUES ('c'), ('d');
SELECT title, alert_id - lag(alert_id) OVER (ORDER BY alert_id) AS step FROM tracer.alert ORDER BY alert_id;

-- An insert runs no trigger and tells nobody.
SELECT tgname FROM pg_trigger WHERE tgrelid = 'tracer.alert'::regclass AND tgtype & 1 = 1 AND tgenabled <> 'R';

-- Changes: a time that is none is refused.
\set VERBOSITY sqlstate
INSERT INTO tracer.change (asset, title, changed_at) VALUES ('orders', 'deploy', NULL);
INSERT INTO tracer.change (asset, title, changed_at) VALUES ('orders', 'deploy', 'infinity');
INSERT INTO tracer.change (asset) VALUES ('orders');
INSERT INTO tracer.metric (asset, name, ts, value) VALUES ('orders', 'row_count', '-infinity', 1);
INSERT INTO tracer.source (name, quiet_after) VALUES ('dbt', '0');
\set VERBOSITY default

-- Every column of the room says what it is.
SELECT c.relname, a.attname
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
 WHERE c.oid IN ('tracer.alert'::regclass, 'tracer.alerts'::regclass, 'tracer.source'::regclass,
                 'tracer.change'::regclass, 'tracer.metric'::regclass, 'tracer.burst'::regclass)
   AND a.attnum > 0 AND NOT a.attisdropped AND col_description(c.oid, a.attnum) IS NULL
 ORDER BY 1, 2;

DROP EXTENSION tracer;
