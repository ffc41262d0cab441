-- The report: what it says, how it is laid out, and that no words of a tool's
-- or a person's break it.
SET TIME ZONE 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
CREATE EXTENSION tracer;

-- Numbers of incidents are no matter of this file's.
CREATE FUNCTION pg_temp.shown(number bigint, format text DEFAULT 'text') RETURNS text LANGUAGE sql AS
$$ SELECT regexp_replace(tracer.report(number, format), '(ncident |tracer\.\w+\()' || number || '\M', '\1N', 'g') $$;
CREATE FUNCTION pg_temp.facts(number bigint) RETURNS jsonb LANGUAGE sql AS 'SELECT tracer.report(number, ''json'')::jsonb';

-- A cascade, with a deadline on each side of the end, and what is still quiet.
INSERT INTO tracer.team VALUES ('payments', '{pager}', NULL, 'America/New_York'), ('risk', NULL, '{mail}', NULL);
INSERT INTO tracer.asset (name, kind, owner, tier, due, runbook_url) VALUES
  ('raw.events', 'table', 'payments', 1, NULL, NULL),
  ('agg.daily', 'job', 'payments', 1, NULL, 'https://runbooks.example.com/agg'),
  ('agg.table', 'table', 'payments', 2, NULL, NULL),
  ('fraud.model', 'model', 'risk', 1, '06:00 Europe/London', NULL),
  ('settlement', 'dbt model', NULL, 1, '04:00 UTC', NULL),
  ('regulator.report', 'pipeline', 'payments', 1, '03:30', NULL),
  ('exec.dashboard', 'dashboard', 'bi', 3, '9 o''clock', NULL),
  ('archive', 'table', 'bi', 3, NULL, NULL);
SELECT tracer.link(ARRAY['raw.events', 'agg.daily', 'agg.table', 'agg.table', 'settlement', 'agg.table'],
                   ARRAY['agg.daily', 'agg.table', 'fraud.model', 'settlement', 'regulator.report', 'exec.dashboard']);
SELECT tracer.link('agg.table', 'archive');
INSERT INTO tracer.change (asset, kind, title, author, url, changed_at)
VALUES ('raw.events', 'config', 'service account password rotated', 'security-bot', 'https://git.example.com/c/7', '2026-01-05 00:10+00');
INSERT INTO tracer.alert (asset, title, severity, source, fired_at, description, url) VALUES
  ('agg.daily', 'Executor lost, job failed', 'critical', 'spark', '2026-01-05 03:00+00', 'container killed (exit code 137, OOM) while reading partition_date=2026-01-05', 'https://spark.example.com/1'),
  ('fraud.model', 'Fraud model stale', 'error', 'mlflow', '2026-01-05 03:15+00', NULL, NULL),
  ('settlement', 'Settlement failed', 'error', 'dbt', '2026-01-05 03:30+00', NULL, NULL),
  ('regulator.report', 'Regulatory reporting blocked', 'critical', 'airflow', '2026-01-05 04:00+00', NULL, NULL),
  ('lonely.thing', 'Something is wrong', 'error', 'nagios', '2026-01-05 05:00+00', NULL, NULL),
  (NULL, 'Nobody knows where', 'error', 'nagios', '2026-01-05 05:30+00', NULL, NULL);
SELECT tracer.correlate();
SELECT incident_id AS night FROM tracer.incidents WHERE origin_asset = 'agg.daily' \gset
SELECT incident_id AS lonely FROM tracer.incidents WHERE origin_asset = 'lonely.thing' \gset
SELECT incident_id AS nowhere FROM tracer.incidents WHERE origin_asset IS NULL \gset

-- What is under test here is the layout, not the ranking: weights by hand.
CREATE FUNCTION pg_temp.by_hand(night bigint, lonely bigint) RETURNS void LANGUAGE sql AS $$
DELETE FROM tracer.evidence_row;
INSERT INTO tracer.evidence_row (incident_id, asset, fact, weight, amount, ref, num, num2)
SELECT v.incident_id, v.asset, v.fact, v.weight, 1, v.ref, v.num, v.num2 FROM (VALUES
  (night, 'agg.daily', 'origin', 0.3, NULL::bigint, NULL::float8, NULL::float8),
  (night, 'agg.daily', 'coverage', 0.25, NULL, 3, 3),
  (night, 'agg.daily', 'first', 0.1, NULL, 900, NULL),
  (night, 'agg.daily', 'change', 0.07, (SELECT change_id FROM tracer.change), 1, 10200),
  (night, 'agg.daily', 'message', 0.05, (SELECT min(alert_id) FROM tracer.alert WHERE asset = 'agg.daily'), NULL, NULL),
  (night, 'agg.daily', 'history', 0.1, NULL, 2, NULL),
  (night, 'settlement', 'coverage', 0.2, NULL, 1, 3),
  (night, 'settlement', 'late', -0.05, NULL, 1800, NULL),
  (night, 'settlement', 'explained', -0.1, (SELECT min(episode_id) FROM tracer.incident_alerts WHERE asset = 'settlement'), NULL, NULL),
  (lonely, 'lonely.thing', 'unplaced', -0.2, NULL, NULL, NULL)) AS v (incident_id, asset, fact, weight, ref, num, num2);
UPDATE tracer.incident SET confidence = CASE incident_id WHEN night THEN 0.85 ELSE 0.1 END;
DELETE FROM tracer.incident_event;
INSERT INTO tracer.incident_event (incident_id, at, kind) VALUES (night, '2026-01-05 03:00:01+00', 'opened');
$$;
SELECT pg_temp.by_hand(:night, :lonely);

SELECT pg_temp.shown(:night);
SELECT pg_temp.shown(:night, 'markdown');
SELECT pg_temp.shown(:night, 'html');
-- Another time zone moves every time, and says so.
SET TIME ZONE 'Asia/Kolkata';
SELECT line FROM string_to_table(pg_temp.shown(:night), E'\n') AS line WHERE line ~ '^(Since|Due|TIMELINE|  08:30)';
SET TIME ZONE 'UTC';

-- Scores are the sums of their evidence, to the digit.
SELECT r.rank, r.asset, r.score, r.owner, r.why FROM tracer.root_causes r WHERE r.incident_id = :night ORDER BY r.rank;
SELECT count(*) AS unequal FROM tracer.root_causes r
 WHERE r.score <> (SELECT sum(e.weight) FROM tracer.evidence e WHERE e.incident_id = r.incident_id AND e.asset = r.asset);
SELECT asset, kind, weight, detail, at, url FROM tracer.evidence WHERE incident_id = :night ORDER BY asset, weight DESC, detail;

-- The same facts as a document.
SELECT string_agg(k, ' ' ORDER BY k) FROM jsonb_object_keys(pg_temp.facts(:night)) AS k;
SELECT jsonb_pretty(pg_temp.facts(:night) -> 'affected' -> 'quiet'), jsonb_pretty(pg_temp.facts(:night) -> 'deadlines');
SELECT r ->> 'asset', r ->> 'state' FROM jsonb_array_elements(pg_temp.facts(:night) -> 'recovery') AS r;
SELECT c ->> 'n', c ->> 'parent', c ->> 'depth', c ->> 'asset' FROM jsonb_array_elements(pg_temp.facts(:night) -> 'cascade') AS c;

-- Where tracer does not know, it says so: no lineage, no asset, no confidence.
SELECT pg_temp.shown(:lonely);
SELECT line FROM string_to_table(pg_temp.shown(:nowhere), E'\n') AS line WHERE line ~ '^(OPEN|Cause|Owner)';
UPDATE tracer.incident SET confidence = 0.29 WHERE incident_id = :night;
SELECT root_asset IS NULL AS none, origin_asset, confidence FROM tracer.incidents WHERE incident_id = :night;
SELECT line FROM string_to_table(pg_temp.shown(:night), E'\n') AS line WHERE line ~ '^Cause';
UPDATE tracer.incident SET confidence = 0.85 WHERE incident_id = :night;

-- Somebody has it; the origin is back, then all of it; what helped.
UPDATE tracer.incident SET acknowledged_by = 'night shift', acknowledged_at = '2026-01-05 03:20+00' WHERE incident_id = :night;
SELECT line FROM string_to_table(pg_temp.shown(:night), E'\n') AS line WHERE line ~ '^Owner|acknowledge';
INSERT INTO tracer.alert (asset, title, status, source, fired_at) VALUES ('agg.daily', 'Executor lost, job failed', 'resolved', 'spark', '2026-01-05 04:30+00');
SELECT tracer.correlate();
SELECT pg_temp.by_hand(:night, :lonely);
SELECT line FROM string_to_table(pg_temp.shown(:night), E'\n') AS line WHERE line ~ '^(RECOVERING|DOWNSTREAM)|, resolved|, recovered';
INSERT INTO tracer.alert (asset, title, status, source, fired_at) VALUES
  ('fraud.model', 'Fraud model stale', 'resolved', 'mlflow', '2026-01-05 05:00+00'),
  ('settlement', 'Settlement failed', 'resolved', 'dbt', '2026-01-05 05:00+00'),
  ('regulator.report', 'Regulatory reporting blocked', 'resolved', 'airflow', '2026-01-05 05:10+00');
SELECT tracer.correlate();
SELECT pg_temp.by_hand(:night, :lonely);
UPDATE tracer.incident SET resolution = '{"by": "night shift", "note": "gave the executor more memory", "fix_url": "https://git.example.com/fix/2"}' WHERE incident_id = :night;
SELECT line FROM string_to_table(pg_temp.shown(:night), E'\n') AS line WHERE line ~ '^(RESOLVED|Owner|Due|DOWNSTREAM|RECOVERY|  SELECT)|fix/2|:';

-- A suspect stands above the failures that it explains.
SELECT tracer.link(ARRAY['kafka', 'kafka', 'kafka'], ARRAY['topic.a', 'topic.b', 'topic.c']);
INSERT INTO tracer.alert (asset, title, source, fired_at) VALUES
  ('topic.a', 'a lags', 'prometheus', '2026-02-01 01:00+00'), ('topic.b', 'b lags', 'prometheus', '2026-02-01 01:05+00'), ('topic.c', 'c lags', 'prometheus', '2026-02-01 01:06+00');
SELECT tracer.correlate();
SELECT incident_id AS kafka FROM tracer.incidents WHERE origin_asset = 'kafka' \gset
UPDATE tracer.incident SET confidence = 0.6 WHERE incident_id = :kafka;
DELETE FROM tracer.evidence_row WHERE incident_id = :kafka;
INSERT INTO tracer.evidence_row (incident_id, asset, fact, weight, amount, num, num2) VALUES (:kafka, 'kafka', 'consumers', 0.6, 0.3, 3, 3);
SELECT line FROM string_to_table(pg_temp.shown(:kafka), E'\n') AS line WHERE line ~ '^(Cause|CASCADE|DOWNSTREAM)|kafka|lags \[';
SELECT tracer.report_mermaid(tracer.incident_facts(:kafka));
SELECT asset, role, because, path FROM tracer.incident_alerts WHERE incident_id = :kafka ORDER BY fired_at;

-- A circle in lineage is no reason to hang; whoever failed first comes first.
SELECT tracer.link(ARRAY['ring.b', 'ring.c', 'ring.a'], ARRAY['ring.c', 'ring.a', 'ring.b']);
INSERT INTO tracer.alert (asset, title, source, fired_at) VALUES
  ('ring.b', 'b', 'x', '2026-03-01 01:00+00'), ('ring.a', 'a', 'x', '2026-03-01 01:05+00'), ('ring.c', 'c', 'x', '2026-03-01 01:06+00');
SELECT tracer.correlate();
SELECT string_agg(r ->> 'asset', ' ' ORDER BY n) FROM tracer.incidents, jsonb_array_elements(pg_temp.facts(incident_id) -> 'recovery') WITH ORDINALITY AS x (r, n) WHERE origin_asset = 'ring.b';

-- Hostile words: markup, quotes, line breaks, escapes, backticks, pipes.
INSERT INTO tracer.asset (name, owner, runbook_url) VALUES (E'evil"];x-->y;`|#<b>\n  n9', E'<script>alert(1)</script>\n# owner', 'javascript:alert(1)');
SELECT tracer.link(E'evil"];x-->y;`|#<b>\n  n9', E'child''s\ttable');
INSERT INTO tracer.alert (asset, title, source, fired_at, description, url) VALUES
  (E'evil"];x-->y;`|#<b>\n  n9', E'**bold** [x](javascript:y) `code` | cell\nOPEN, CRITICAL: forged line\x1b[31m\u202e %%{init: {}}%% "]', 'x"y', '2026-04-01 01:00+00', E'```\n# head\n</details>', 'javascript:alert(2)'),
  (E'child''s\ttable', 'fine', 'x', '2026-04-01 01:10+00', NULL, NULL);
SELECT tracer.correlate();
SELECT incident_id AS evil FROM tracer.incidents WHERE origin_asset LIKE 'evil%' \gset
DELETE FROM tracer.evidence_row WHERE incident_id = :evil;
INSERT INTO tracer.evidence_row (incident_id, asset, fact, weight, amount, ref, num) SELECT :evil, asset, 'message', 0.1, 0.4, alert_id, 1 FROM tracer.alert WHERE asset LIKE 'evil%';
DELETE FROM tracer.incident_event WHERE incident_id = :evil;
UPDATE tracer.incident SET confidence = 0.5 WHERE incident_id = :evil;
SELECT pg_temp.shown(:evil);
SELECT pg_temp.shown(:evil, 'markdown');
SELECT line FROM string_to_table(pg_temp.shown(:evil, 'html'), E'\n') AS line WHERE line ~ 'evil|script|bold|alert|head';
SELECT pg_temp.facts(:evil) ->> 'title' = (SELECT title FROM tracer.alert WHERE asset LIKE 'evil%') AS exact_in_json;
-- What is to be pasted does what it says.
SELECT s ->> 'sql' AS confirm FROM jsonb_array_elements(pg_temp.facts(:evil) -> 'next_steps') AS s WHERE s ->> 'sql' LIKE '%confirm%' \gset
:confirm
SELECT count(*) AS confirmed FROM tracer.decision d JOIN tracer.alert a USING (alert_id) WHERE a.asset LIKE 'evil%';
-- No line is too long, but for addresses and statements, and none holds a control character.
SELECT i.origin_asset, line
  FROM tracer.incidents i, string_to_table(tracer.report(i.incident_id), E'\n') AS line
 WHERE length(line) > 100 AND line !~ '^(Guide:|  SELECT )' OR line ~ '[\x01-\x1f\x7f\u0080-\u009f\u2028-\u202e]';

-- Much of everything: lists are cut, counts are not.
SELECT tracer.link(array_agg('hub'::text), array_agg('spoke.' || n)) FROM generate_series(1, 300) AS n;
INSERT INTO tracer.alert (asset, title, source, fired_at) VALUES ('hub', 'hub is down', 'x', '2026-05-01 01:00+00');
INSERT INTO tracer.alert (asset, title, source, fired_at)
SELECT 'spoke.' || n, 'spoke ' || repeat('is down ', 30), 'x', timestamptz '2026-05-01 01:00+00' + n * interval '1 second' FROM generate_series(1, 250) AS n;
SELECT tracer.correlate();
SELECT incident_id AS hub FROM tracer.incidents WHERE origin_asset = 'hub' \gset
SELECT line FROM string_to_table(tracer.report(:hub), E'\n') AS line WHERE line ~ ' more( |$)|^DOWNSTREAM';
SELECT max(length(line)) <= 100 AS fits FROM string_to_table(tracer.report(:hub), E'\n') AS line WHERE line !~ '^  SELECT ';
SELECT pg_temp.facts(:hub) ->> 'alert_count', jsonb_array_length(pg_temp.facts(:hub) -> 'cascade'), pg_temp.facts(:hub) -> 'affected' ->> 'quiet_count', jsonb_array_length(pg_temp.facts(:hub) -> 'recovery'), pg_temp.facts(:hub) ->> 'recovery_count';
SELECT line FROM string_to_table(tracer.report(:hub, 'markdown'), E'\n') AS line WHERE line ~ '^(Of |[0-9]+ more|- [.]{3})';

SELECT line FROM string_to_table(tracer.report(:hub, 'html'), E'\n') AS line WHERE line ~ ' more<';
SELECT line FROM string_to_table(pg_temp.shown(:kafka, 'html'), E'\n') AS line WHERE line ~ 'suspected';

-- The next one that begins there remembers it. It is due later today, whenever that is.
UPDATE tracer.asset SET due = '23:59 UTC' WHERE name = 'archive';
INSERT INTO tracer.alert (asset, title, severity, source, fired_at) VALUES ('agg.daily', 'Executor lost, job failed', 'critical', 'spark', now());
SELECT tracer.correlate();
SELECT incident_id AS today FROM tracer.incidents WHERE origin_asset = 'agg.daily' AND status = 'open' \gset
SELECT s ->> 'note', s ->> 'fix_url', (s ->> 'incident')::bigint = :night FROM jsonb_array_elements(pg_temp.facts(:today) -> 'similar') AS s;
SELECT regexp_replace(line, 'Incident \d+', 'Incident N') FROM string_to_table(tracer.report(:today), E'\n') AS line WHERE line ~ '^(BEFORE|  Incident)' OR line ~ 'more memory';
SELECT d ->> 'outcome', (d ->> 'seconds_left')::int BETWEEN 0 AND 86400 FROM jsonb_array_elements(pg_temp.facts(:today) -> 'deadlines') AS d WHERE d ->> 'asset' = 'archive';

-- Deadlines: wall-clock time in its zone, both sides of both clock changes.
SELECT due, tracer.next_due(due, at::timestamptz) FROM (VALUES
  ('08:00 Europe/London', '2026-01-05 03:00+00'), ('08:00 Europe/London', '2026-07-05 03:00+00'),
  ('08:00 Europe/London', '2026-07-05 07:00+00'), ('08:00 Europe/London', '2026-07-05 07:00:01+00'),
  ('01:30 Europe/London', '2026-03-28 12:00+00'), ('01:30 Europe/London', '2026-03-29 12:00+00'),
  ('01:30 Europe/London', '2026-10-24 12:00+00'), ('23:30 America/New_York', '2026-01-05 03:00+00'),
  ('7:05', '2026-01-05 03:00+00'), (' 07:05:30  UTC ', '2026-01-05 03:00+00'),
  ('25:00 UTC', '2026-01-05 03:00+00'), ('08:00 Europe/Lodnon', '2026-01-05 03:00+00'), ('soon', '2026-01-05 03:00+00'), (NULL, '2026-01-05 03:00+00')) AS v (due, at);
SELECT tracer.next_due('08:00', '2026-01-05 03:00+00', 'Europe/Paris');

-- Small words.
SELECT tracer.span(0), tracer.span(59.9), tracer.span(60), tracer.span(-3600), tracer.span(21000), tracer.span(86400), tracer.span(183600), tracer.span(NULL);
SELECT tracer.one_line(E' a\n\tb\x7f\x1bc ', NULL), tracer.one_line('abcdefgh', 6), tracer.one_line('abcdef', 6), tracer.one_line(NULL);
SELECT tracer.wrap('aa bb cc dd', 5, 0), tracer.wrap('longer than that', 5, 2);

-- Wrong input.
SELECT tracer.report(987654321);
SELECT tracer.report(NULL);
SELECT tracer.report(:night, 'latin');
SELECT tracer.report(:night, NULL);

-- Categories: what ships, and your own words on top.
\pset tuples_only off
SELECT words, (tracer.categorize(subject, words)).* FROM (VALUES
  ('change', 'config: DAG default trigger rule changed'), ('change', 'config: service account password rotated'),
  ('change', 'schema: column discount_code renamed to promo_code'), ('change', 'schema: password column dropped'),
  ('change', 'commit: Split revenue model by region'), ('change', 'deploy: v1.2.3'), ('change', 'lunch: pizza'),
  ('alert', 'Spark executor lost, job failed. ExecutorLostFailure: container killed (exit code 137, OOM) while reading partition_date=2024-01-15'),
  ('alert', 'ETL job timeout: storage access denied. 403 Forbidden: token expired'),
  ('alert', 'Model error: column "discount_code" does not exist. Database Error in model stg_orders'),
  ('alert', 'Certificate expires in 14 days'), ('alert', 'Disk 91% full'), ('alert', 'connection refused'), ('alert', 'HTTP 503'), ('alert', '503 rows were late'),
  ('alert', 'unique test failed'), ('alert', 'Row count dropped by 60%'), ('alert', 'KeyError: region'), ('alert', 'it is broken'), ('alert', NULL)) AS v (subject, words);
INSERT INTO tracer.category_rule (pattern, category, kind) VALUES ('pizza', 'operational issue', 'environment');
INSERT INTO tracer.category_rule (pattern, applies_to) SELECT pattern, applies_to FROM tracer.category_rule_defaults() WHERE pattern LIKE '%row ?count%';
SELECT (tracer.categorize('change', 'lunch: pizza')).*, (tracer.categorize('alert', 'Row count dropped by 60%')).*;
SELECT count(*) FILTER (WHERE own) AS own, count(*) = count(DISTINCT pattern) AS each_once FROM tracer.category_rules;
INSERT INTO tracer.category_rule (pattern, category) VALUES ('(', 'data change');
INSERT INTO tracer.category_rule (pattern, category) VALUES ('x', 'bad luck');
INSERT INTO tracer.category_rule (pattern, category) VALUES ('', 'data change');

DROP EXTENSION tracer;

-- Four real cascades: the root, its category, and the evidence that a person
-- would look for.
\c -
SET TIME ZONE 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
CREATE EXTENSION tracer;
\getenv source PG_ABS_SRCDIR
\set data :source /test/data/cascades
CREATE TEMP TABLE cascade (doc jsonb);
\set doc `cat :'data'/transaction_processing.json`
INSERT INTO cascade VALUES (:'doc');
\set doc `cat :'data'/model_training.json`
INSERT INTO cascade VALUES (:'doc');
\set doc `cat :'data'/compensation_analytics.json`
INSERT INTO cascade VALUES (:'doc');
\set doc `cat :'data'/dbt_in_airflow.json`
INSERT INTO cascade VALUES (:'doc');
INSERT INTO tracer.asset (name, kind, owner)
SELECT a.name, a.kind, a.owner FROM cascade, jsonb_to_recordset(doc -> 'assets') AS a (name text, kind text, owner text);
SELECT sum(tracer.link(e ->> 0, e ->> 1)) AS linked FROM cascade, jsonb_array_elements(doc -> 'lineage') AS e;
SELECT sum(tracer.link(e ->> 0, e ->> 1, 'runs')) AS runs FROM cascade, jsonb_array_elements(doc -> 'runs') AS e;
INSERT INTO tracer.alert (asset, title, severity, source, fired_at, description, run_id)
SELECT a.* FROM cascade, jsonb_to_recordset(doc -> 'alerts') AS a (asset text, title text, severity tracer.severity, source text, fired_at timestamptz, description text, run_id text);
INSERT INTO tracer.change (asset, kind, title, author, changed_at)
SELECT c.* FROM cascade, jsonb_to_recordset(doc -> 'changes') AS c (asset text, kind text, title text, author text, changed_at timestamptz);
SELECT tracer.correlate();
SELECT root_asset, category, alert_count - 1 AS symptoms FROM tracer.incidents ORDER BY root_asset;
SELECT doc ->> 'name' AS cascade,
       i.root_asset = doc #>> '{expect,origin}' AS root,
       i.category = doc #>> '{expect,category}' AS category,
       i.alert_count - 1 = (doc #>> '{expect,symptoms}')::int AS symptoms,
       EXISTS (SELECT FROM tracer.evidence e WHERE e.incident_id = i.incident_id AND e.asset = i.root_asset AND strpos(e.detail, doc #>> '{expect,evidence}') > 0) AS evidence,
       strpos(regexp_replace(tracer.report(i.incident_id), '\s+', ' ', 'g'), doc #>> '{expect,evidence}') BETWEEN 1 AND 400 AS told_at_once
  FROM cascade LEFT JOIN tracer.incidents i ON i.root_asset = doc #>> '{expect,origin}'
 ORDER BY 1;

-- What ran the build comes after what broke it, and before what waits for both.
SELECT string_agg(r ->> 'asset', ' > ' ORDER BY n) AS recovery
  FROM tracer.incidents, jsonb_array_elements(tracer.incident_facts(incident_id) -> 'recovery') WITH ORDINALITY AS x (r, n)
 WHERE root_asset = 'dbt.stg_orders';

-- What a query of tracer.incidents does not ask for costs it nothing.
EXPLAIN (COSTS OFF) SELECT incident_id, severity, title, opened_at FROM tracer.incidents;

-- Alerts at either edge of time take no view and no report away.
INSERT INTO tracer.alert (asset, title, source, fired_at) VALUES
  ('edge', 'first day', 'x', '4713-01-01 00:00+00 BC'), ('edge', 'last day', 'x', '294276-12-31 23:59:59+00'),
  ('edge.life', 'whole life', 'x', '4713-01-01 00:00+00 BC');
INSERT INTO tracer.alert (asset, title, source, status, fired_at) VALUES ('edge.life', 'whole life', 'x', 'resolved', '294276-12-31 23:59:59+00');
INSERT INTO tracer.source (name, quiet_after) VALUES ('y', '170000 years');
INSERT INTO tracer.alert (asset, title, severity, source, fired_at) VALUES ('edge', 'never quiet', 'warning', 'y', '2026-06-01 01:00+00');
SELECT tracer.correlate();
SELECT title, status, duration >= '0' AS has_duration, length(tracer.report(incident_id)) > 0 AS has_report,
       length(tracer.report(incident_id, 'markdown')) > 0 AS has_markdown
  FROM tracer.incidents WHERE origin_asset LIKE 'edge%' ORDER BY title;
SELECT count(*) FROM tracer.open_warnings WHERE age IS NOT NULL AND asset = 'edge';
SELECT count(*) > 0 AS ran FROM tracer.doctor();

-- Nor do words longer than any index takes stop a pass: a stack trace as title, key, source, run or name.
CREATE TABLE trace AS SELECT string_agg(translate(md5(n::text), '0123456789', 'ghijklmnop'), '') AS text FROM generate_series(1, 1000) AS n;
INSERT INTO tracer.alert (asset, title, source, dedup_key, run_id, fired_at)
SELECT a.asset, a.title, a.source, a.dedup_key, a.run_id, '2026-06-02 01:00+00'
  FROM trace, LATERAL (VALUES ('long.title', text, 'x', NULL, NULL), ('long.key', 'key', 'x', text, NULL), ('long.source', 'source', text, NULL, NULL),
                              ('long.run', 'run', 'x', NULL, text), (text, 'asset', 'x', NULL, NULL)) AS a (asset, title, source, dedup_key, run_id);
SELECT tracer.correlate();
INSERT INTO tracer.alert (asset, title, source, fired_at) SELECT 'long.title', text, 'x', '2026-06-02 01:30+00' FROM trace;
SELECT tracer.correlate();
SELECT coalesce(CASE WHEN length(origin_asset) < 100 THEN origin_asset END, 'long.asset') AS origin, alert_count, length(tracer.report(incident_id)) > 0 AS has_report
  FROM tracer.incidents WHERE opened_at = '2026-06-02 01:00+00' ORDER BY 1;
DROP TABLE trace;

DROP TABLE cascade;
DROP EXTENSION tracer;
