-- What tools tell tracer.ingest() of lineage and names: edges, columns, aliases; and what it never does by a tool's word alone.
SET TIME ZONE 'UTC';
\set SHOW_CONTEXT never
CREATE EXTENSION tracer;

-- OpenLineage: columns go from dataset to dataset, edges through the job as well.
SELECT edges, assets, quarantined FROM tracer.ingest('openlineage', '{"eventType": "COMPLETE", "eventTime": "2024-01-15T02:00:00Z", "run": {"runId": "r"}, "job": {"namespace": "spark", "name": "agg"}, "inputs": [{"namespace": "s3://lake", "name": "raw"}],
  "outputs": [{"namespace": "pg://db", "name": "sales", "facets": {"columnLineage": {"fields": {
      "total": {"inputFields": [{"namespace": "s3://lake", "name": "raw", "field": "amount", "transformations": [{"type": "DIRECT", "subtype": "AGGREGATION"}]}, {"namespace": "s3://lake", "name": "rates", "field": "rate"}]},
      "day": {"inputFields": [{"namespace": "s3://lake", "name": "raw", "field": "at"}, {"namespace": "pg://db", "name": "sales", "field": "day"}, {"namespace": "s3://lake", "name": "raw"}, 7]},
      "odd": null}, "dataset": [{"namespace": "s3://lake", "name": "raw", "field": "region"}]}}}]}');
SELECT upstream, upstream_column, downstream, downstream_column, source FROM tracer.lineage_columns ORDER BY 1, 2;
SELECT upstream, downstream, kind FROM tracer.lineage_edges ORDER BY 1, 2;
SELECT edges, assets FROM tracer.ingest('openlineage', '{"eventTime": "2024-01-15T02:00:00Z", "dataset": {"namespace": "pg://db", "name": "report", "facets": {"columnLineage": {"fields": {"total": {"inputFields": [{"namespace": "pg://db", "name": "sales", "field": "total"}]}}}}}}');
-- Evidence names them.
INSERT INTO tracer.alert (asset, title, fired_at) VALUES ('s3://lake/raw', 'Amounts are NULL', '2024-01-16 00:00+00'), ('pg://db/sales', 'Total is 0', '2024-01-16 00:10+00');
SELECT tracer.correlate();
SELECT asset, detail FROM tracer.evidence WHERE detail LIKE '%->%';

-- dbt: columns from compiled SQL, between nodes of the project; SQL of another dialect is told at its asset.
CREATE FUNCTION pg_temp.manifest(orders text, daily text) RETURNS text LANGUAGE sql AS $$
SELECT jsonb_build_object('metadata', '{"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "project_name": "shop"}'::jsonb,
  'sources', '{"source.shop.raw.orders": {"resource_type": "source", "relation_name": "\"wh\".\"raw\".\"Orders\""}}'::jsonb,
  'nodes', jsonb_build_object(
    'model.shop.orders', jsonb_build_object('resource_type', 'model', 'relation_name', '"wh"."dbt"."orders"', 'database', 'wh', 'schema', 'dbt', 'depends_on', '{"nodes": ["source.shop.raw.orders"]}'::jsonb, 'compiled_code', orders),
    'model.shop.daily', jsonb_build_object('resource_type', 'model', 'relation_name', '"wh"."dbt"."daily"', 'database', 'wh', 'schema', 'dbt', 'depends_on', '{"nodes": ["model.shop.orders"]}'::jsonb, 'compiled_sql', daily),
    'model.shop.python', jsonb_build_object('resource_type', 'model', 'language', 'python', 'relation_name', '"wh"."dbt"."python"', 'depends_on', '{"nodes": ["model.shop.daily"]}'::jsonb, 'compiled_code', 'def model(dbt): pass')))::text $$;
SELECT edges, assets, quarantined FROM tracer.ingest('dbt', pg_temp.manifest('select o.id, o.amount - o.discount as net from "wh"."raw"."Orders" o', 'select * from "wh"."dbt"."orders" qualify 1 = 1'));
SELECT upstream, upstream_column, downstream, downstream_column, source FROM tracer.lineage_columns WHERE source LIKE 'dbt%' ORDER BY 1, 2;
SELECT name, tags ->> 'sql_error' AS sql_error FROM tracer.asset WHERE tags ->> 'imported_by' = 'dbt:shop' ORDER BY 1;
SELECT changes, edges, assets FROM tracer.ingest('dbt', pg_temp.manifest('select o.id, o.amount - o.discount as net from "wh"."raw"."Orders" o', 'select * from "wh"."dbt"."orders" qualify 1 = 1'));
-- What it no longer says goes, and so does the error.
SELECT changes, edges, assets FROM tracer.ingest('dbt', pg_temp.manifest('select o.id, o.amount as net from "wh"."raw"."Orders" o', 'with x as (select net from "wh"."dbt"."orders"), c as (select * from seeds.calendar) select sum(x.net) as net from x, c'));
SELECT upstream, upstream_column, downstream, downstream_column, source FROM tracer.lineage_columns WHERE source LIKE 'dbt%' ORDER BY 1, 2;
SELECT count(*) FROM tracer.asset WHERE tags ? 'sql_error';
SELECT upstream, downstream FROM tracer.lineage_edges WHERE source = 'dbt:shop' ORDER BY 1, 2;
SELECT alias, asset, namespace FROM tracer.asset_alias ORDER BY 1;

-- An asset that comes later under another of its names is the one that is there.
SELECT assets, edges FROM tracer.ingest('airflow', '{"assets": [{"uri": "postgres://h/wh.dbt.daily", "name": "WH.dbt.Daily", "producing_tasks": [{"dag_id": "d", "task_id": "build"}]}]}');
SELECT tracer.canonical('postgres://h/wh.dbt.daily');
SELECT upstream, downstream FROM tracer.lineage_edges WHERE source = 'airflow';

-- Two assets that are there already are never made one by what a tool says, whoever sends it.
CREATE ROLE regress_imports_writer;
SELECT tracer.grant_access('regress_imports_writer', 'writer');
INSERT INTO tracer.asset (name, owner) VALUES ('payroll', 'people'), ('public.page', 'web');
SET ROLE regress_imports_writer;
SELECT assets, edges, quarantined FROM tracer.ingest('airflow', '{"assets": [{"uri": "public.page", "name": "payroll"}]}');
SELECT tracer.add_aliases('{payroll}', '{public.page}', 'me');
SELECT tracer.merge_by_claims();
SELECT tracer.reject_alias('payroll', 'public.page');
UPDATE tracer.alias_claim SET rejected_by = 'me';
RESET ROLE;
SELECT name, owner FROM tracer.asset WHERE name IN ('payroll', 'public.page') ORDER BY 1;
SELECT alias, namespace, asset, stands_for, because FROM tracer.alias_conflicts ORDER BY 1, 2;
SELECT subject, problem, remedy FROM tracer.doctor() WHERE topic = 'names' AND problem LIKE 'stands for%' ORDER BY 1, 2;
SELECT tracer.merge_assets('public.page', 'payroll');
SELECT count(*) FROM tracer.alias_conflicts;

-- Airflow: a DAG's tasks; those that are gone are unlinked, and only this DAG's.
SELECT edges, assets FROM tracer.ingest('airflow', '{"dag_id": "d", "tasks": [{"task_id": "a", "downstream_task_ids": ["b"], "owner": "eng"}, {"task_id": "b", "downstream_task_ids": []}]}');
SELECT changes, edges, assets FROM tracer.ingest('airflow', '{"dag_id": "d", "tasks": [{"task_id": "a", "downstream_task_ids": []}]}');
SELECT upstream, downstream, kind, source FROM tracer.lineage_edges WHERE source LIKE 'airflow%' ORDER BY 1, 2, 3;
SELECT name, tags ? 'gone_since' AS gone FROM tracer.asset WHERE tags ->> 'imported_by' = 'airflow:d' ORDER BY 1;

SET client_min_messages = warning;
SELECT tracer.revoke_access('regress_imports_writer');
DROP EXTENSION tracer;
DROP ROLE regress_imports_writer;
