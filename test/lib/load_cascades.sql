/*
 * load_cascades.sql: four real cascades, shuffled among unrelated alerts.
 *
 * For psql, from the root of the tree:
 *
 *     psql -v data=test/data/cascades -v seed=42 -f test/lib/load_cascades.sql
 *
 * Everything goes in as a user would write it: INSERT for assets, alerts and
 * changes, tracer.link() for lineage. The order of the alerts depends on seed
 * alone. Nothing is correlated yet: that is tracer.correlate().
 */
\set ON_ERROR_STOP on
\if :{?data} \else \set data test/data/cascades \endif
\if :{?seed} \else \set seed 42 \endif

CREATE TEMP TABLE cascade (doc jsonb);
\set doc `cat :'data'/transaction_processing.json`
INSERT INTO cascade VALUES (:'doc');
\set doc `cat :'data'/model_training.json`
INSERT INTO cascade VALUES (:'doc');
\set doc `cat :'data'/compensation_analytics.json`
INSERT INTO cascade VALUES (:'doc');
\set doc `cat :'data'/dbt_in_airflow.json`
INSERT INTO cascade VALUES (:'doc');
\unset doc

-- What exists, and who owns it.
INSERT INTO tracer.asset (name, kind, owner, tier)
SELECT a.name, a.kind, a.owner, a.tier
  FROM cascade, jsonb_to_recordset(doc -> 'assets') AS a (name text, kind text, owner text, tier int);

-- Deadlines and runbooks, which the report uses.
UPDATE tracer.asset
   SET due = '08:00 Europe/London'
 WHERE name = 'compliance.regulatory_report';
UPDATE tracer.asset
   SET runbook_url = 'https://runbooks.example.com/spark/executor-lost'
 WHERE name = 'spark.daily_transactions_agg';

-- Assets that have nothing to do with the cascades.
INSERT INTO tracer.asset (name, kind, owner, tier) VALUES
  ('web.checkout',          'service',   'web-platform', 1),
  ('k8s.batch_pool',        'host group', 'platform',    2),
  ('crm.contacts_sync',     'job',       'sales-ops',    3),
  ('ads.spend_import',      'job',       'marketing',    3),
  ('search.index',          'service',   'search',       2),
  ('erp.inventory',         'table',     'supply-chain', 2),
  ('bi.inventory_turnover', 'dashboard', 'supply-chain', 3);

INSERT INTO tracer.team (name) SELECT DISTINCT owner FROM tracer.asset;

-- What feeds what; and in one cascade, what runs what.
SELECT count(tracer.link(ARRAY[edge ->> 0], ARRAY[edge ->> 1])) AS edges
  FROM cascade, jsonb_array_elements(doc -> 'lineage') AS edge \gset
SELECT tracer.link(array_agg(edge ->> 0), array_agg(edge ->> 1), kind => 'runs') AS edges
  FROM cascade, jsonb_array_elements(doc -> 'runs') AS edge \gset
SELECT tracer.link('erp.inventory', 'bi.inventory_turnover') AS edges \gset
\unset edges

-- The alerts, in any order.
INSERT INTO tracer.alert (asset, title, severity, status, source, fired_at, description, labels, run_id)
SELECT asset, title, severity, status, source, fired_at, description, labels, run_id
  FROM (SELECT a.asset, a.title, a.severity, coalesce(a.status, 'firing') AS status, a.source,
               a.fired_at, a.description, a.labels, a.run_id
          FROM cascade, jsonb_to_recordset(doc -> 'alerts') AS a (asset text, title text,
               severity tracer.severity, status tracer.status, source text, fired_at timestamptz,
               description text, labels jsonb, run_id text)
        UNION ALL
        SELECT v.asset, v.title, v.severity::tracer.severity, v.status::tracer.status, v.source,
               ('2024-01-15 ' || v.at || '+00')::timestamptz, NULL, NULL, NULL
          FROM (VALUES
            -- latency that comes and goes
            ('04:10', 'web.checkout', 'p99 latency above 800 ms', 'warning', 'firing', 'prometheus'),
            ('04:25', 'web.checkout', 'p99 latency above 800 ms', 'warning', 'resolved', 'prometheus'),
            ('07:40', 'web.checkout', 'p99 latency above 820 ms', 'warning', 'firing', 'prometheus'),
            ('07:52', 'web.checkout', 'p99 latency above 820 ms', 'warning', 'resolved', 'prometheus'),
            -- a disk that fills
            ('01:20', 'k8s.batch_pool', 'Disk 91% full', 'warning', 'firing', 'prometheus'),
            ('02:20', 'k8s.batch_pool', 'Disk 93% full', 'warning', 'firing', 'prometheus'),
            -- failures of their own
            ('05:05', 'crm.contacts_sync', 'Sync failed: rate limit', 'error', 'firing', 'airbyte'),
            ('05:35', 'crm.contacts_sync', 'Sync failed: rate limit', 'error', 'resolved', 'airbyte'),
            ('10:05', 'erp.inventory', 'Row count dropped by 60%', 'error', 'firing', 'soda'),
            ('11:20', 'erp.inventory', 'Row count dropped by 60%', 'error', 'resolved', 'soda'),
            -- nothing to worry about
            ('03:20', 'ads.spend_import', 'Backfill finished', 'info', 'firing', 'airflow'),
            ('06:15', 'search.index', 'Reindexing started', 'info', 'firing', 'datadog'),
            -- assets that nobody declared, and none at all
            ('08:05', 'legacy.fax_gateway', 'Queue not draining', 'error', 'firing', 'nagios'),
            ('09:45', 'tmp.scratch_42', 'Freshness test failed', 'warning', 'firing', 'dbt'),
            ('00:30', NULL, 'Certificate expires in 14 days', 'warning', 'firing', 'cert-manager')
          ) AS v (at, asset, title, severity, status, source)) AS arrived
 ORDER BY md5(:'seed' || coalesce(asset, '') || title || fired_at);

-- What people changed.
INSERT INTO tracer.change (asset, kind, title, author, changed_at)
SELECT c.asset, c.kind, c.title, c.author, c.changed_at
  FROM cascade, jsonb_to_recordset(doc -> 'changes') AS c (asset text, kind text, title text,
       author text, changed_at timestamptz)
 ORDER BY md5(:'seed' || c.title);

DROP TABLE cascade;
