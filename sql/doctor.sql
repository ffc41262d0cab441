-- The doctor: each finding appears when there is cause, and goes when it is mended.
SET TIME ZONE 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
CREATE EXTENSION tracer;

-- A fresh installation has nothing to say.
SELECT * FROM tracer.doctor();

-- Alerts that nobody ever correlated, and no lineage.
INSERT INTO tracer.alert (asset, title, source, fired_at) VALUES ('orders', 'late', 'dbt', now() - interval '1 hour');
SELECT * FROM tracer.doctor();
SELECT tracer.correlate();
SELECT * FROM tracer.doctor();

-- Names: undeclared, an alias of nothing, an alias that an asset hides.
SELECT tracer.link('raw', 'orders'), tracer.link('raw', 'revenue');
INSERT INTO tracer.asset (name, owner) VALUES ('alone', 'sales');
INSERT INTO tracer.asset_alias VALUES ('ORD', 'order'), ('raw', 'orders');
INSERT INTO tracer.alert (asset, title, source, fired_at) VALUES
  ('Ordrs', 'late', 'dbt', now() - interval '1 hour'), ('Ordrs', 'late', 'soda', now() - interval '1 hour'),
  (E'it''s\nodd', 'late', 'soda', now() - interval '1 hour'), ('alone', 'late', 'soda', now() - interval '1 hour');
SELECT tracer.correlate();
SELECT * FROM tracer.doctor();

-- Mended.
DELETE FROM tracer.asset_alias;
INSERT INTO tracer.asset_alias VALUES ('Ordrs', 'orders'), (E'it''s\nodd', 'revenue');
INSERT INTO tracer.team (name, page, inform) VALUES ('sales', '{pager}', NULL), ('ops', '{}', NULL);
UPDATE tracer.asset SET owner = 'sales' WHERE name <> 'raw';
UPDATE tracer.asset SET owner = 'ops' WHERE name = 'raw';
SELECT tracer.link('raw', 'alone');
SELECT tracer.correlate();
SELECT * FROM tracer.doctor();
UPDATE tracer.team SET inform = '{mail}' WHERE name = 'ops';
SELECT * FROM tracer.doctor();

-- Deadlines that cannot be read.
UPDATE tracer.asset SET due = '8 o''clock' WHERE name = 'orders';
UPDATE tracer.asset SET due = '08:00 Europe/Lodnon' WHERE name = 'revenue';
UPDATE tracer.asset SET due = '08:00 Europe/London' WHERE name = 'raw';
SELECT * FROM tracer.doctor();
UPDATE tracer.asset SET due = NULL;

-- A circle of two.
SELECT tracer.link('orders', 'raw');
SELECT * FROM tracer.doctor();
SELECT tracer.unlink('orders', 'raw');

-- Alerts that wait: fresh ones may, old ones may not.
INSERT INTO tracer.alert (asset, title, source, fired_at) VALUES ('orders', 'fresh', 'dbt', now() - interval '1 hour');
SELECT * FROM tracer.doctor();
INSERT INTO tracer.alert (asset, title, source, fired_at, received_at) VALUES ('orders', 'old', 'dbt', now() - interval '1 hour', now() - interval '20 minutes');
SELECT * FROM tracer.doctor();
INSERT INTO tracer.alert (asset, title, source, fired_at, received_at) VALUES ('orders', 'old', 'dbt', now() - interval '1 hour', now() - interval '2 hours');
SELECT * FROM tracer.doctor();
SELECT tracer.correlate();
SELECT * FROM tracer.doctor();

-- A source that sent every hour and fell silent two days ago; one that is slow
-- by nature, and one that just began.
INSERT INTO tracer.alert (asset, title, source, fired_at)
SELECT 'orders', 'tick', 'hourly', now() - interval '2 days 20 minutes' - n * interval '1 hour' FROM generate_series(0, 12) AS n
UNION ALL SELECT 'orders', 'tick', 'weekly', now() - interval '2 days' - n * interval '7 days' FROM generate_series(0, 12) AS n
UNION ALL SELECT 'orders', 'tick', 'new', now() - interval '2 days' - n * interval '1 hour' FROM generate_series(0, 3) AS n;
SELECT tracer.correlate();
SELECT * FROM tracer.doctor();

-- A clock that runs ahead.
INSERT INTO tracer.alert (asset, title, source, fired_at) VALUES ('orders', 'soon', 'ahead', now() + interval '5 hours 30 minutes 30 seconds');
SELECT tracer.correlate();
SELECT severity, topic, subject, regexp_replace(problem, '5h \d+m', '5h 30m') AS problem FROM tracer.doctor() WHERE subject = 'ahead';

-- A graph that the cache cannot hold.
SET tracer.graph_cache_size = '1kB';
SELECT tracer.link(array_agg('raw'::text), array_agg('t' || n)) FROM generate_series(1, 100) AS n;
SELECT severity, topic, regexp_replace(problem, 'about \S+ \S+', 'about N'), remedy FROM tracer.doctor() WHERE problem LIKE '%memory%';
RESET tracer.graph_cache_size;
SELECT count(*) FROM tracer.doctor() WHERE problem LIKE '%memory%';

-- Worst first.
SELECT DISTINCT ON (n) severity FROM tracer.doctor() WITH ORDINALITY AS d (severity, topic, subject, problem, remedy, n) ORDER BY n LIMIT 1;

DROP EXTENSION tracer;
