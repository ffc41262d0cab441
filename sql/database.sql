-- Lineage that the database knows itself: its catalog, and what sessions do.
\set SHOW_CONTEXT never
\set VERBOSITY terse
CREATE EXTENSION tracer;
CREATE SCHEMA dw;
CREATE TABLE dw.customers (id int PRIMARY KEY, name text);
CREATE TABLE dw.orders (id int PRIMARY KEY, customer_id int REFERENCES dw.customers, amount int, before int REFERENCES dw.orders);
CREATE VIEW dw.revenue AS SELECT c.name, sum(o.amount) AS total FROM dw.orders o JOIN dw.customers c ON c.id = o.customer_id GROUP BY 1;
CREATE MATERIALIZED VIEW dw.top AS SELECT total * 2 AS twice, name FROM dw.revenue WHERE EXISTS (SELECT FROM pg_class);
CREATE TABLE dw."Events" (a int, b int) PARTITION BY LIST (a);
CREATE TABLE dw.events_1 PARTITION OF dw."Events" FOR VALUES IN (1);
CREATE TABLE dw.log (a int);
CREATE TABLE dw.log_old () INHERITS (dw.log);
CREATE TEMP VIEW mine AS SELECT * FROM dw.log;

-- The whole, a second time, and after something is gone or renamed.
SELECT * FROM tracer.import_catalog();
SELECT * FROM tracer.import_catalog();
SELECT upstream, downstream, kind, source FROM tracer.lineage_edges ORDER BY 1, 2;
SELECT downstream, downstream_column, upstream, upstream_column FROM tracer.lineage_columns ORDER BY 1, 2, 3;
SELECT name, kind FROM tracer.asset ORDER BY 1;
SELECT alias = current_database() || '.' || asset AS database_first, asset, namespace FROM tracer.asset_alias ORDER BY 2;
SELECT count(*) FROM tracer.lineage_log;
SELECT tracer.link('dw.customers', 'dw.orders', 'foreign_key'), tracer.link('src.crm', 'dw.customers');
DROP MATERIALIZED VIEW dw.top;
ALTER TABLE dw.orders DROP CONSTRAINT orders_customer_id_fkey;
CREATE OR REPLACE VIEW dw.revenue AS SELECT c.name, sum(c.id) AS total FROM dw.customers c GROUP BY 1;
SELECT * FROM tracer.import_catalog();
SELECT upstream, downstream, kind, source FROM tracer.lineage_edges ORDER BY 1, 2;
SELECT downstream, downstream_column, upstream, upstream_column FROM tracer.lineage_columns ORDER BY 1, 2, 3;
-- A table that has another name already, and two that a person made one.
SELECT tracer.merge_assets('crm.clients', 'dw.customers') WHERE tracer.link('src.crm', 'crm.clients') > 0;
SELECT tracer.merge_assets('dw.Events', 'dw.events_1');
SELECT * FROM tracer.import_catalog();
SELECT upstream, downstream, kind, source FROM tracer.lineage_edges ORDER BY 1, 2;
SELECT downstream, downstream_column, upstream, upstream_column FROM tracer.lineage_columns ORDER BY 1, 2, 3;

-- Columns and SQL text by hand.
SELECT tracer.link_columns('{a, a, b}', '{x, y, z}', '{c, c, c}', '{p, p, q}');
SELECT tracer.link_columns('{a, a, b}', '{x, y, z}', '{c, c, c}', '{p, p, q}');
SELECT tracer.link_columns('{a}', '{x, y}', '{c}', '{p}');
SELECT tracer.link_columns('{a}', '{""}', '{c}', '{p}');
SELECT tracer.link_columns('{}', '{}', '{}', '{}');
SELECT tracer.link_sql('SELECT name AS n FROM dw.customers JOIN dw.orders USING (id)', NULL, 'model.top', 'dbt');
SELECT tracer.link_sql('SELECT name AS n FROM dw.customers JOIN dw.orders USING (id)', NULL, 'model.top', 'dbt');
SELECT tracer.link_sql('SELECT name FROM dw.customers');
SELECT tracer.link_sql('INSERT INTO dw.customers SELECT * FROM crm.clients');
SELECT tracer.link_sql('SELECT FROM WHERE');
SELECT upstream, upstream_column, downstream, downstream_column, source FROM tracer.lineage_columns WHERE source <> 'catalog' ORDER BY 3, 4, 1, 2;
-- Evidence names the columns between two assets that failed.
SELECT tracer.link_columns('{a, a}', '{z, w}', '{c, c}', '{p, r}');
INSERT INTO tracer.alert (asset, title, fired_at) VALUES ('a', 'late', '2024-01-01 01:00+00'), ('c', 'late', '2024-01-01 01:30+00'), ('crm.clients', 'late', '2024-01-01 01:00+00'), ('model.top', 'late', '2024-01-01 01:30+00');
SELECT tracer.correlate();
SELECT asset, detail FROM tracer.evidence WHERE fact = 'explained' ORDER BY 1, 2;
SELECT * FROM tracer.replace_lineage('{a, b, a}', '{b, c, a}', '{data, runs, data}', 'imp');
SELECT * FROM tracer.replace_lineage('{a, b, a}', '{b, c, a}', '{data, runs, data}', 'imp');
SELECT * FROM tracer.replace_lineage('{a, b}', '{d, c}', '{data, data}', 'imp');
SELECT upstream, downstream, kind FROM tracer.lineage_edges WHERE source = 'imp' ORDER BY 1, 2;
SELECT * FROM tracer.replace_lineage('{}', '{}', '{}', 'imp');
SELECT * FROM tracer.replace_lineage('{}', '{}', '{}', 'manual');
SELECT * FROM tracer.replace_lineage('{a}', '{NULL}', '{data}', 'imp');

-- Capture: off until it is switched on.
CREATE TABLE dw.t (total numeric);
INSERT INTO dw.t SELECT total FROM dw.revenue;
SELECT count(*) FROM tracer.lineage_captured;
SET tracer.capture_lineage = on;
INSERT INTO dw.t SELECT total FROM dw.revenue;
INSERT INTO dw.t SELECT total FROM dw.revenue;
INSERT INTO dw.t VALUES (1);
UPDATE dw.t SET total = amount FROM dw.orders WHERE id = total;
UPDATE dw.t SET total = total + 1;
DELETE FROM dw.t USING dw.log;
CREATE TABLE dw.ctas AS SELECT t.* FROM dw.t, dw.log;
CREATE TABLE IF NOT EXISTS dw.ctas AS SELECT * FROM dw.orders;
SELECT * INTO dw.made FROM dw."Events";
CREATE MATERIALIZED VIEW dw.late AS SELECT * FROM dw.t;
REFRESH MATERIALIZED VIEW dw.late;
CREATE TEMP TABLE scratch AS SELECT * FROM dw.t;
INSERT INTO dw.t SELECT * FROM scratch;
INSERT INTO dw.t SELECT count(*) FROM pg_class;
MERGE INTO dw.t USING dw.customers c ON total = c.id WHEN MATCHED THEN UPDATE SET total = c.id;
EXPLAIN (COSTS off) INSERT INTO dw.log SELECT id FROM dw.orders;
DO $$ BEGIN INSERT INTO dw.log SELECT total FROM dw.revenue; END $$;
PREPARE p AS INSERT INTO dw.log SELECT b FROM dw."Events"; EXECUTE p; EXECUTE p;
-- Two targets: nobody can tell what was written from what.
WITH x AS (INSERT INTO dw.log SELECT id FROM dw.customers RETURNING a) INSERT INTO dw.log_old SELECT * FROM x;
-- What fails or rolls back is no lineage, and is seen when it happens again.
BEGIN; INSERT INTO dw.log_old SELECT id FROM dw.orders; ROLLBACK;
INSERT INTO dw.log_old SELECT 1 / (id - id) FROM (SELECT 1 AS id FROM dw.made UNION ALL SELECT 1) x;
BEGIN; SAVEPOINT s; INSERT INTO dw.log_old SELECT id FROM dw.orders; ROLLBACK TO s; COMMIT;
SELECT target, source FROM tracer.lineage_captured ORDER BY 1, 2;
INSERT INTO dw.log_old SELECT id FROM dw.orders;
-- A table with other columns in its place is left alone; so is one that is locked.
BEGIN;
ALTER TABLE tracer.lineage_captured ALTER COLUMN seen_at TYPE text;
INSERT INTO dw.made SELECT id, id FROM dw.orders;
SELECT count(*) FROM tracer.lineage_captured WHERE target = 'dw.made' AND source = 'dw.orders';
ROLLBACK;
SELECT tracer.take_captured(), tracer.take_captured();
SELECT upstream, downstream, last_seen_at IS NOT NULL AS expires FROM tracer.lineage_edges WHERE source = 'capture' ORDER BY 1, 2;
-- Without the extension the session goes on as ever; only superusers set it.
DROP EXTENSION tracer CASCADE;
INSERT INTO dw.made SELECT id, id FROM dw.customers;
CREATE TABLE tracer.lineage_captured (target int, source int, seen_at int);
INSERT INTO dw.log SELECT id FROM dw.customers;
TABLE tracer.lineage_captured;
DROP SCHEMA tracer CASCADE;
RESET tracer.capture_lineage;
CREATE ROLE regress_tracer_capture;
SET ROLE regress_tracer_capture;
SET tracer.capture_lineage = on;
RESET ROLE;
DROP ROLE regress_tracer_capture;
DROP SCHEMA dw CASCADE;
