-- Lineage from SQL text: what is written, and from what.
\set SHOW_CONTEXT never
\pset null -
CREATE EXTENSION tracer;
CREATE SCHEMA shop;
CREATE TABLE shop.orders (id int, customer_id int, amount numeric, note text);
ALTER TABLE shop.orders DROP COLUMN note;
CREATE TABLE shop.customers (id int, name text, city text);
CREATE TABLE shop.daily (day date, city text, total numeric);

CREATE FUNCTION pg_temp.l(sql text, s text DEFAULT 'shop') RETURNS TABLE (edge text, columns text) LANGUAGE sql AS $$
SELECT format('%s <- %s', coalesce(target, '(result)'), source),
       string_agg(target_column || '=' || source_column, ' ' ORDER BY target_column, source_column)
  FROM tracer.sql_lineage(sql, s) GROUP BY target, source ORDER BY target, source $$;

-- The rows as they come; a query without a target.
SELECT * FROM tracer.sql_lineage('INSERT INTO daily (city, total) SELECT c.city, sum(o.amount) FROM orders o JOIN customers c ON c.id = o.customer_id, config GROUP BY 1', 'shop');
SELECT * FROM tracer.sql_lineage('SELECT id, name AS n FROM customers');
SELECT * FROM tracer.sql_lineage('SELECT 1; COMMIT; DROP TABLE x');
SELECT count(*) FROM tracer.sql_lineage(NULL, 'shop');
SELECT count(*) FROM tracer.sql_lineage('', NULL);

-- Names: as written, by default, quoted, with a database.
SELECT * FROM pg_temp.l('CREATE TABLE T AS SELECT a FROM "Weird Name", other.U, db.sch.v, pg_class, pg_catalog.pg_proc, information_schema.tables', 'dw');
SELECT * FROM pg_temp.l('CREATE TABLE t AS SELECT a FROM u', NULL);
SELECT * FROM pg_temp.l('CREATE TABLE t AS SELECT a FROM u', 'prod.shop');

-- Stars: where the catalog knows the table, by place; else by name as far as that goes.
SELECT * FROM pg_temp.l('CREATE VIEW v AS SELECT * FROM orders');
SELECT * FROM pg_temp.l('CREATE VIEW v AS SELECT o.*, c.name FROM orders o, customers c');
SELECT * FROM pg_temp.l('CREATE VIEW v (a, b) AS SELECT * FROM orders');
SELECT * FROM pg_temp.l('INSERT INTO customers SELECT * FROM orders');
SELECT * FROM pg_temp.l('INSERT INTO customers SELECT * FROM unknown');
SELECT * FROM pg_temp.l('CREATE TABLE t AS SELECT x, y AS z FROM (SELECT * FROM unknown) s');
SELECT * FROM pg_temp.l('CREATE TABLE t AS SELECT x, u.y FROM unknown u, unknown2');
SELECT * FROM pg_temp.l('CREATE TABLE t AS SELECT city, x FROM unknown, customers');
SELECT * FROM pg_temp.l('CREATE TABLE t AS SELECT * FROM orders JOIN customers USING (id)');
SELECT * FROM pg_temp.l('INSERT INTO daily SELECT * FROM orders NATURAL JOIN customers');
SELECT * FROM pg_temp.l('CREATE TABLE t AS SELECT j.amount, j.a FROM (orders o JOIN customers c ON true) AS j (a)');

-- WITH, recursive or not; subqueries; set operations; laterals.
SELECT * FROM pg_temp.l('CREATE TABLE t AS WITH a AS (SELECT amount * 2 AS twice, customer_id FROM orders), b (x) AS (SELECT twice FROM a), c AS (SELECT 1 FROM unread) SELECT x FROM b');
SELECT * FROM pg_temp.l('CREATE TABLE t AS WITH customers AS (SELECT * FROM customers) SELECT name FROM customers');
SELECT * FROM pg_temp.l('CREATE TABLE t AS WITH RECURSIVE r (a, b, n) AS (SELECT id, name, 0 FROM customers UNION ALL SELECT b, amount, n + a FROM r JOIN orders ON r.a = orders.id) SELECT * FROM r');
SELECT * FROM pg_temp.l('CREATE TABLE t AS WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT name FROM customers) SELECT * FROM a');
SELECT * FROM pg_temp.l('CREATE TABLE t AS WITH RECURSIVE a AS (SELECT * FROM a) SELECT * FROM a');
SELECT * FROM pg_temp.l('CREATE TABLE t AS SELECT (SELECT max(amount) FROM orders WHERE customer_id = c.id) AS most, EXISTS (SELECT name FROM vip) AS is_vip FROM customers c WHERE id IN (SELECT cid FROM active)');
SELECT * FROM pg_temp.l('CREATE TABLE t AS SELECT id, city FROM customers UNION ALL (SELECT customer_id, amount FROM orders EXCEPT SELECT 1, total FROM daily) ORDER BY 1');
SELECT * FROM pg_temp.l('CREATE TABLE t AS SELECT s.v, s2.w FROM customers c, LATERAL (SELECT c.name || o.amount AS v FROM orders o) s, LATERAL (SELECT s.v AS w) s2');
SELECT * FROM pg_temp.l('CREATE TABLE t AS SELECT e.tag, k, f, value FROM customers c, unnest(string_to_array(c.name, '','')) AS e(tag), lower(c.city) f, jsonb_each(c.j) AS x(k, value)');
SELECT * FROM pg_temp.l('CREATE TABLE t AS SELECT row_to_json(c) AS j, count(*) OVER (PARTITION BY city) AS n, CASE WHEN id > 1 THEN name END AS cc, ARRAY(SELECT amount FROM orders) FROM customers c');
SELECT * FROM pg_temp.l('CREATE TABLE t AS VALUES ((SELECT name FROM customers), 1), (2, (SELECT amount FROM orders))');
SELECT * FROM pg_temp.l('CREATE TABLE t AS SELECT x.a FROM xmltable(''/r'' PASSING (SELECT doc FROM docs) COLUMNS a int) x');

-- Statements that write.
SELECT * FROM pg_temp.l('INSERT INTO daily (total) SELECT amount FROM orders ON CONFLICT (day) DO UPDATE SET total = daily.total + excluded.total, city = (SELECT city FROM customers)');
SELECT * FROM pg_temp.l('INSERT INTO x DEFAULT VALUES; INSERT INTO daily VALUES (now(), (SELECT city FROM customers), 1)');
SELECT * FROM pg_temp.l('UPDATE daily d SET total = d.total + o.amount, (city, day) = (SELECT name, now() FROM customers) FROM orders o WHERE o.id IN (SELECT id FROM late)');
SELECT * FROM pg_temp.l('UPDATE daily SET (total, city) = ROW (o.amount, c.city) FROM orders o, customers c');
SELECT * FROM pg_temp.l('DELETE FROM daily USING orders o WHERE day < ANY (SELECT d FROM holidays)');
SELECT * FROM pg_temp.l('MERGE INTO daily d USING (SELECT city, amount FROM orders, customers) s ON d.city = s.city WHEN MATCHED AND s.amount > (SELECT max(m) FROM limits) THEN UPDATE SET total = s.amount WHEN NOT MATCHED THEN INSERT (city, total) VALUES (s.city, s.amount)');
SELECT * FROM pg_temp.l('MERGE INTO daily USING orders o ON true WHEN NOT MATCHED THEN INSERT VALUES (now(), ''x'', o.amount)');
SELECT * FROM pg_temp.l('SELECT name INTO target FROM customers; CREATE MATERIALIZED VIEW m (n) AS SELECT city FROM customers; EXPLAIN ANALYZE CREATE TABLE e AS SELECT * FROM daily');
SELECT * FROM pg_temp.l('WITH gone AS (DELETE FROM orders RETURNING id, amount), kept AS (INSERT INTO archive SELECT * FROM gone RETURNING a) INSERT INTO daily (total) SELECT amount FROM gone');
SELECT * FROM pg_temp.l('COPY daily FROM ''/data/daily.csv''; COPY orders TO ''/out/orders.csv''; COPY (SELECT name FROM customers) TO STDOUT; COPY daily FROM STDIN; COPY daily FROM PROGRAM ''x''');
SELECT * FROM pg_temp.l('CREATE TEMP TABLE s AS SELECT id, name AS n FROM customers; CREATE TEMP TABLE u (a int, b text); INSERT INTO u SELECT amount, note FROM orders; UPDATE u SET b = s.n FROM s; INSERT INTO daily (total, city) SELECT a, b FROM u');
SELECT * FROM pg_temp.l('INSERT INTO daily SELECT * FROM daily; PREPARE p AS INSERT INTO daily (city) SELECT name FROM customers WHERE id = $1');

-- What the grammar cannot read: the place is named.
SELECT * FROM tracer.sql_lineage(E'SELECT 1;\nCREATE TABLE t AS\n  SELECT TOP 5 * FROM é', 'shop');
SELECT * FROM tracer.sql_lineage('SELECT ''open', 'shop');
SELECT * FROM tracer.sql_lineage('SELECT `a` FROM b', 'shop');
SELECT * FROM tracer.sql_lineage('SELECT 1', repeat('x', 128));

-- Depth and breadth have bounds, not crashes.
SELECT count(*) FROM tracer.sql_lineage('SELECT ' || repeat('(SELECT ', 300) || 'a' || repeat(')', 300) || ' FROM t');
DO $$ BEGIN PERFORM tracer.sql_lineage('SELECT ' || repeat('(SELECT ', 100000) || 'a' || repeat(')', 100000) || ' FROM t');
EXCEPTION WHEN program_limit_exceeded OR syntax_error OR out_of_memory THEN RAISE NOTICE 'refused'; END $$;
DO $$ BEGIN PERFORM tracer.sql_lineage('SELECT ' || repeat('a + ', 100000) || 'b FROM t');
EXCEPTION WHEN program_limit_exceeded OR syntax_error OR out_of_memory THEN RAISE NOTICE 'refused'; END $$;
SELECT * FROM tracer.sql_lineage('WITH a AS (SELECT * FROM orders), ' ||
  (SELECT string_agg(format('a%s AS (SELECT * FROM %s x, %s y)', i, CASE WHEN i = 1 THEN 'a' ELSE 'a' || i - 1 END, CASE WHEN i = 1 THEN 'a' ELSE 'a' || i - 1 END), ', ') FROM generate_series(1, 30) i) ||
  ' SELECT * FROM a30', 'shop');
SELECT count(*) FROM tracer.sql_lineage('SELECT ' || (SELECT string_agg('c' || i, ' + ') FROM generate_series(1, 1000) i) || ' FROM t');

DROP SCHEMA shop CASCADE;
DROP EXTENSION tracer;
