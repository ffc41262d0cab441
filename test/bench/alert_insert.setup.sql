-- A million alerts as tools send them, in a table to insert from and a file to
-- COPY from; and tracer.alert's columns with an id, its primary key and nothing
-- else.
CREATE SCHEMA IF NOT EXISTS bench;
SELECT setseed(0.42) \gset
CREATE UNLOGGED TABLE bench.incoming AS
SELECT 'warehouse.schema_' || n % 100 || '.table_' || n % 5000 AS asset,
       'check ' || n % 7 || ' failed: ' || (random() * 1000)::int || ' rows' AS title,
       (enum_range(NULL::tracer.severity))[1 + n % 4] AS severity,
       CASE WHEN n % 3 = 0 THEN 'resolved' ELSE 'firing' END::tracer.status AS status,
       (ARRAY['dbt', 'airflow', 'grafana'])[1 + n % 3] AS source,
       md5((n % 20000)::text) AS dedup_key,
       timestamptz '2026-01-01' + n * interval '1 second' AS fired_at,
       'expected more than 0 rows, got ' || n % 17 AS description,
       jsonb_build_object('team', 'team_' || n % 20, 'env', 'prod') AS labels,
       'https://tool.example/runs/' || n AS url,
       'run_' || n / 10 AS run_id
  FROM generate_series(1, 1000000) n;
VACUUM ANALYZE bench.incoming;
COPY bench.incoming TO :'file';

CREATE SEQUENCE bench.plain_id;
CREATE TABLE bench.plain (
    alert_id    bigint PRIMARY KEY DEFAULT nextval('bench.plain_id'),
    asset       text,
    title       text,
    severity    tracer.severity,
    status      tracer.status,
    source      text,
    dedup_key   text,
    fired_at    timestamptz,
    description text,
    labels      jsonb,
    url         text,
    payload     jsonb,
    run_id      text
);
