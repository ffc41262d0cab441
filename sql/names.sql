-- Identity: from the names that tools use to the one asset behind them.
SET TIME ZONE 'UTC';
SET intervalstyle = 'postgres';
\set SHOW_CONTEXT never
CREATE EXTENSION tracer;

-- Spelling: quotes around parts and case go, everything else stays.
SELECT n, tracer.fold_name(n) FROM unnest(ARRAY['Orders', '"Shop"."Orders"', '`shop`.`orders`', '[dbo].[Orders]', 'pg://h:5432/Shop."a.b"',
    '"say ""hi"""', '"unbalanced.x', 'list[0]', 'a"b"c', '""', '"a"b', '[a]]b].c', 'ÄRGER', '', '.', '"."', '"x".']) n;
SELECT tracer.fold_name(NULL);

-- A name stands for an asset of that name, an alias, what a rule makes of it, or
-- the only asset spelt so, in that order.
SELECT tracer.link('shop.raw', 'shop.orders'), tracer.link('shop.orders', 'shop.revenue');
SELECT n, tracer.canonical(n) FROM unnest(ARRAY['shop.orders', 'SHOP.ORDERS', '"shop"."Orders"', 'model.dw.orders', 'prod.Shop.Orders', 'prod.nothing', 'nothing', '', NULL]) n;
INSERT INTO tracer.asset_alias (alias, asset, namespace) VALUES ('model.dw.orders', 'shop.orders', 'dbt');
INSERT INTO tracer.alias_rule (name, pattern, template) VALUES ('prod', '^prod\.', '');
SELECT n, tracer.canonical(n) FROM unnest(ARRAY['MODEL.DW.orders', 'prod.Shop.Orders', 'prod.model.dw.orders', 'prod.nothing', 'prod.', 'nothing']) n;
-- The first rule that leaves something.
INSERT INTO tracer.alias_rule (name, pattern, template, position) VALUES ('tests', '^test\.([a-z]+)_(.+)$', 'shop.\2', 50), ('early', '^prod\.x$', 'shop.raw', 1);
SELECT n, tracer.canonical(n) FROM unnest(ARRAY['test.unique_orders', 'prod.x', 'prod.xx']) n;
-- Two assets that differ in case alone: neither is meant by a third spelling.
INSERT INTO tracer.asset (name) VALUES ('Shop.Orders');
SELECT n, tracer.canonical(n) FROM unnest(ARRAY['shop.orders', 'Shop.Orders', 'SHOP.ORDERS', 'prod.shop.orders', 'prod.SHOP.ORDERS']) n;
-- One name or many: the same.
SELECT count(*), count(*) FILTER (WHERE n.name IS DISTINCT FROM tracer.canonical(n.called)) AS differ
  FROM tracer.resolve_names(ARRAY['shop.orders', 'SHOP.ORDERS', 'prod.shop.orders', 'prod.SHOP.RAW', 'Shop.Raw', 'model.dw.orders', 'MODEL.DW.orders', 'prod.nothing', 'prod.', 'nothing', '', 'nothing', NULL]) n;
DELETE FROM tracer.asset WHERE name = 'Shop.Orders';
-- Walks, edges and changes go by the same names.
SELECT * FROM tracer.downstream('PROD.nothing');
SELECT * FROM tracer.downstream('"SHOP".raw') ORDER BY depth;
SELECT tracer.upstream_count('prod.shop.revenue');
SELECT tracer.link('prod.SHOP.revenue', 'prod.board');
SELECT upstream, downstream FROM tracer.lineage_edges ORDER BY 1, 2;
SELECT tracer.unlink('SHOP.REVENUE', 'BOARD');
SELECT tracer.link('shop.raw', 'prod.SHOP.RAW');
INSERT INTO tracer.alias_rule (name, pattern, template) VALUES ('broken', '(', 'x');
INSERT INTO tracer.alias_rule (name, pattern, template) VALUES ('', 'x', 'x');
INSERT INTO tracer.alias_rule (name, pattern, template) VALUES ('empty', '', 'x');

-- Correlation: one incident under four names.
SELECT tracer.correlate();
INSERT INTO tracer.alert (asset, title, source, fired_at) VALUES
  ('"Shop"."Raw"', 'late', 'airflow', now() - interval '60 minutes'), ('model.dw.orders', 'failed', 'dbt', now() - interval '50 minutes'),
  ('prod.SHOP.revenue', 'low', 'soda', now() - interval '40 minutes'), ('SHOP_ORDERS', 'rows', 'soda', now() - interval '30 minutes'),
  ('warehouse_orders', 'rows', 'grafana', now() - interval '29 minutes');
SELECT tracer.correlate();
SELECT incident_id, root_asset, alert_count, asset_count FROM tracer.incidents ORDER BY 1;
SELECT asset FROM tracer.incident_alerts WHERE incident_id = 1 ORDER BY alert_id;

-- What could not be placed, with proposals that nobody acts on by himself.
SELECT name, alerts, sources, suggestions FROM tracer.unresolved_names ORDER BY 1;
SELECT tracer.correlate();
SELECT count(*) FROM tracer.incidents;
SELECT tracer.accept_alias('warehouse_orders', 'nowhere');
SELECT tracer.accept_alias('', 'shop.orders');
SELECT tracer.accept_alias('shop.raw', 'shop.orders');
SELECT tracer.accept_alias('warehouse_orders', 'MODEL.dw.orders');
SELECT tracer.accept_alias('SHOP_ORDERS', 'shop.orders');
SELECT incident_id, root_asset, alert_count, asset_count FROM tracer.incidents ORDER BY 1;
SELECT name FROM tracer.unresolved_names;
SELECT alias, asset, namespace FROM tracer.asset_alias ORDER BY 1;
-- A rule that comes and goes moves what is young.
INSERT INTO tracer.alias_rule (name, pattern, template, position) VALUES ('off', '^prod\.', 'elsewhere.', 0);
SELECT tracer.correlate();
SELECT incident_id, root_asset, alert_count FROM tracer.incidents ORDER BY 1;
DELETE FROM tracer.alias_rule WHERE name = 'off';
SELECT tracer.correlate();
SELECT incident_id, root_asset, alert_count FROM tracer.incidents ORDER BY 1;

-- Scores: spelling apart, the words that one has more than the other, mistakes.
SELECT a, b, round(tracer.name_similarity(a, b)::numeric, 2) AS score, tracer.name_similarity(a, b) = tracer.name_similarity(b, a) AS same
  FROM (VALUES ('shop.orders', '"SHOP".Orders'), ('model.dw.orders_daily', 'shop.orders_daily'), ('orders', 'ordres'), ('orders', 'revenue'), ('', 'x'), ('', ''), ('...', '---')) v(a, b);
SELECT * FROM tracer.suggest_assets('dw.revenu');
SELECT count(*) FROM tracer.suggest_assets('zzz');

-- Merging two assets: edges, aliases, alerts, history, decisions.
SELECT tracer.link('lake.a', 'lake.b', 'data', 'x', '1 hour'), tracer.link('lake.b', 'lake.c'), tracer.link('dup.b', 'lake.c'),
       tracer.link('lake.a', 'dup.b', 'data', 'x', '2 hours'), tracer.link('lake.b', 'dup.b'), tracer.link('dup.b', 'lake.d');
UPDATE tracer.asset SET owner = 'ops', tags = '{"k": 1, "l": 1}' WHERE name = 'dup.b';
UPDATE tracer.asset SET tags = '{"k": 2}' WHERE name = 'lake.b';
INSERT INTO tracer.asset_alias (alias, asset) VALUES ('b2', 'dup.b');
INSERT INTO tracer.alert (asset, title, source, dedup_key, fired_at) VALUES
  ('lake.b', 'old', 'dbt', 'k', now() - interval '40 days'), ('dup.b', 'old', 'dbt', 'k', now() - interval '39 days'), ('dup.b', 'older', 'dbt', NULL, now() - interval '39 days'),
  ('dup.b', 'new', 'dbt', 'k', now() - interval '20 minutes'), ('lake.c', 'new', 'dbt', NULL, now() - interval '10 minutes'),
  ('b2', 'new', 'soda', NULL, now() - interval '15 minutes');
SELECT tracer.correlate();
SELECT asset, source, dedup_key FROM tracer.alert_key k WHERE asset ~ '\.b$' ORDER BY 1, 2, 3;
SELECT tracer.merge_assets('lake.b', 'lake.b');
SELECT tracer.merge_assets('lake.b', 'nowhere');
SELECT tracer.merge_assets(NULL, 'lake.b');
SELECT tracer.merge_assets('lake.b', 'b2');
SELECT upstream, downstream, kind, source, lag FROM tracer.lineage_edges WHERE upstream ~ '^lake|^dup' ORDER BY 1, 2;
SELECT name, owner, tags FROM tracer.asset WHERE name ~ '\.b$';
SELECT alias, asset, namespace FROM tracer.asset_alias WHERE asset = 'lake.b' ORDER BY 1;
SELECT k.asset, k.source, k.dedup_key, count(e.episode_id), sum(e.alert_count) FROM tracer.alert_key k LEFT JOIN tracer.episode e USING (key_id) WHERE k.asset ~ '\.b$' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT root_asset, alert_count FROM tracer.incidents WHERE root_asset = 'lake.b' ORDER BY opened_at;
SELECT DISTINCT asset FROM tracer.evidence WHERE asset ~ '\.b$';
SELECT tracer.correlate();

-- Rules written after both names were declared.
SELECT tracer.link('prod.lake.a', 'prod.lake.z');
INSERT INTO tracer.asset (name) VALUES ('pg://h/lake.a'), ('pg://h/lake.e');
SELECT * FROM tracer.merge_by_rules();
INSERT INTO tracer.alias_rule (name, pattern, template) VALUES ('pg', '^pg://h/', '');
SELECT * FROM tracer.merge_by_rules() ORDER BY 1;
SELECT * FROM tracer.merge_by_rules();
SELECT name FROM tracer.asset WHERE name ~ 'lake' ORDER BY 1;

-- What importers say. A name that stood for nothing becomes an alias; a tool may move its own; a person's word holds; what
-- contradicts is a claim, and nothing is joined.
SELECT tracer.add_aliases(ARRAY['m.a', 'm.b', 'lake.a'], ARRAY['lake.a', 'lake.b', 'lake.a'], 'dbt');
SELECT tracer.add_aliases(ARRAY['m.a', 'm.b'], ARRAY['lake.a', 'lake.b'], 'dbt');
SELECT tracer.add_aliases(ARRAY['m.a', 'b2'], ARRAY['lake.c', 'lake.c'], 'dbt');
SELECT tracer.add_aliases(ARRAY['m.a'], ARRAY['lake.d'], 'openlineage');
SELECT tracer.add_aliases(ARRAY['lake.e', 'LAKE.A', 'b2'], ARRAY['M.A', 'lake.c', 'lake.d'], 'openlineage');
SELECT alias, asset, namespace FROM tracer.asset_alias WHERE alias IN ('m.a', 'm.b', 'b2', 'lake.e', 'LAKE.A') ORDER BY 1;
SELECT alias, namespace, asset, stands_for, because FROM tracer.alias_conflicts ORDER BY 1, 2;
SELECT count(*) FROM tracer.asset WHERE name ~ '^lake\.[a-e]$';
-- Said again, they are the same; said otherwise, the last word counts; once true, they are gone.
SELECT tracer.add_aliases(ARRAY['lake.e'], ARRAY['lake.c'], 'openlineage');
SELECT count(*) FROM tracer.alias_claim;
SELECT tracer.add_aliases(ARRAY['lake.e'], ARRAY['lake.d'], 'openlineage');
SELECT asset, stands_for FROM tracer.alias_conflicts WHERE alias = 'lake.e';
UPDATE tracer.asset_alias SET asset = 'lake.d' WHERE alias = 'm.a';
SELECT alias FROM tracer.alias_conflicts ORDER BY 1;
-- A person decides: no, or yes.
SELECT tracer.reject_alias('LAKE.A', 'lake.d');
SELECT tracer.reject_alias('LAKE.A', 'lake.c');
SELECT tracer.add_aliases(ARRAY['LAKE.A'], ARRAY['lake.c'], 'openlineage');
SELECT alias FROM tracer.alias_conflicts ORDER BY 1;
SELECT * FROM tracer.merge_by_claims('dbt');
SELECT * FROM tracer.merge_by_claims();
SELECT tracer.canonical('lake.e'), tracer.canonical('lake.d');
SELECT alias FROM tracer.alias_conflicts;
-- Two tools, one table. What comes later joins what is there, whichever comes first, by any spelling.
INSERT INTO tracer.asset (name) VALUES ('sales.facts'), ('people.facts');
SELECT tracer.add_aliases(ARRAY['db.sales.facts'], ARRAY['sales.facts'], 'catalog');
SELECT tracer.add_aliases(ARRAY['"DB"."SALES"."FACTS"', 'test.facts'], ARRAY['model.dw.facts', 'model.dw.facts'], 'dbt');
SELECT tracer.add_aliases(ARRAY['"DB"."SALES"."FACTS"', 'test.facts'], ARRAY['model.dw.facts', 'model.dw.facts'], 'dbt'), tracer.add_aliases(ARRAY['db.sales.facts'], ARRAY['sales.facts'], 'catalog');
-- A tool that renames: its own names move with it.
SELECT tracer.add_aliases(ARRAY['test.facts'], ARRAY['model.dw.moved'], 'dbt');
SELECT tracer.accept_alias('facts!', 'people.facts');
SELECT tracer.add_aliases(ARRAY['facts!'], ARRAY['model.dw.facts'], 'dbt');
-- An asset whose names lead to two others stays itself; so does one that the same call names.
SELECT tracer.add_aliases(ARRAY['sales.facts', 'people.facts'], ARRAY['model.dw.both', 'model.dw.both'], 'dbt');
SELECT tracer.add_aliases(ARRAY['model.dw.two', 'model.dw.two'], ARRAY['model.dw.one', 'model.dw.two'], 'dbt');
INSERT INTO tracer.asset (name) VALUES ('model.dw.both'), ('model.dw.one'), ('model.dw.two');
SELECT alias, asset, namespace FROM tracer.asset_alias WHERE alias ~* 'facts|dw' ORDER BY alias COLLATE "C";
SELECT alias, namespace, asset, stands_for, because FROM tracer.alias_conflicts ORDER BY 1, 2;
SELECT tracer.add_aliases(ARRAY['x'], ARRAY['lake.a', 'lake.b'], 'dbt');
SELECT tracer.add_aliases(ARRAY['x'], ARRAY['lake.a'], NULL);

-- Edges that their source no longer names are kept, not walked; declared ones stay.
SELECT tracer.link('ttl.a', 'ttl.b', source => 'x'), tracer.link('ttl.b', 'ttl.c'), tracer.link('ttl.a', 'ttl.d', source => 'x');
UPDATE tracer.lineage l SET last_seen_at = now() - interval '46 days', created_at = now() - interval '90 days' FROM tracer.asset a WHERE a.asset_id = l.downstream AND a.name = 'ttl.b';
UPDATE tracer.lineage l SET created_at = now() - interval '90 days' FROM tracer.asset a WHERE a.asset_id = l.downstream AND a.name = 'ttl.c';
SELECT * FROM tracer.downstream('ttl.a') ORDER BY 1;
SELECT tracer.expire_lineage(), tracer.expire_lineage();
SELECT * FROM tracer.downstream('ttl.a') ORDER BY 1;
SELECT * FROM tracer.downstream('ttl.b') ORDER BY 1;
SELECT upstream, downstream, source, expired_at IS NOT NULL AS expired FROM tracer.lineage_edges WHERE upstream ~ '^ttl' ORDER BY 1, 2;
SELECT tracer.link('ttl.a', 'ttl.b', source => 'x');
SELECT upstream, downstream, expired_at, date_trunc('day', now() - created_at) AS age, date_trunc('day', now() - last_seen_at) AS seen FROM tracer.lineage_edges WHERE downstream = 'ttl.b';
SELECT * FROM tracer.downstream('ttl.a') ORDER BY 1;
-- Being seen again is no change: nothing is logged, no graph is patched.
UPDATE tracer.lineage SET last_seen_at = now() - interval '3 days' WHERE last_seen_at IS NOT NULL;
SELECT count(*) AS before FROM tracer.lineage_log \gset
SELECT tracer.link('ttl.a', 'ttl.b', source => 'x');
SELECT count(*) - :before AS logged FROM tracer.lineage_log;
SELECT downstream, date_trunc('day', now() - last_seen_at) AS seen FROM tracer.lineage_edges WHERE upstream = 'ttl.a' ORDER BY 1;
SELECT tracer.set('lineage_ttl', '2 days');
SELECT tracer.expire_lineage();
SELECT tracer.unlink('ttl.a', 'ttl.d');
SELECT count(*) FROM tracer.lineage_expired x JOIN tracer.asset a ON a.asset_id = x.upstream WHERE a.name = 'ttl.a';
DROP EXTENSION tracer;
