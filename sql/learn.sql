-- Missing lineage: suggested, accepted, rejected, learned, and trusted less.
SET TIME ZONE 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET client_min_messages = warning;
CREATE EXTENSION tracer;

-- orders -> orders_daily is declared; that a dashboard and a model read
-- orders_daily is not.
SELECT tracer.link('raw.orders', 'orders_daily'), tracer.link('raw.users', 'users_daily');

-- Eight days: raw.orders fails at some hour, what follows it a while later.
-- Other things fail as they like.
CREATE FUNCTION pg_temp.fail(asset text, at timestamptz) RETURNS void LANGUAGE sql AS $$
    INSERT INTO tracer.alert (asset, title, status, fired_at)
    VALUES (asset, 'failed', 'firing', at), (asset, 'failed', 'resolved', at + interval '3 hours')
$$;
SELECT count(pg_temp.fail(v.asset, timestamptz '2024-03-01' + n * interval '1 day' + n * 37 % 11 * interval '1 hour' + v.after * interval '1 minute'))
  FROM generate_series(1, 8) AS n,
       LATERAL (VALUES ('raw.orders', 0), ('orders_daily', 15 + n), ('sales_dashboard', 30 + n + n * 7 % 5),
                       ('churn_model', CASE WHEN n % 2 = 0 THEN 24 + n + n * 3 % 7 END),
                       ('raw.users', n * 997 % 1400 - 600), ('users_daily', n * 997 % 1400 - 580),
                       ('weather', n * 613 % 1300 - 700), ('hr_report', n * 377 % 1400 - 650)) AS v (asset, after)
 WHERE v.after IS NOT NULL;
SELECT tracer.correlate();

-- Each missing edge is found from the end of the known path, and nothing else.
SELECT upstream, downstream, support, confidence > 0.9 AS sure, lag, why FROM tracer.suggest_lineage();
SELECT count(*) FROM tracer.suggest_lineage(0) WHERE NOT (upstream = 'orders_daily' AND downstream IN ('sales_dashboard', 'churn_model')) AND confidence > 0.5;
-- A part of the history says less.
SELECT upstream, downstream, support FROM tracer.suggest_lineage(0, until => '2024-03-06') WHERE downstream = 'sales_dashboard' AND upstream = 'orders_daily';
SELECT count(*) FROM tracer.suggest_lineage(0, since => '2025-01-01');
-- Nor does a tool that has a time of its own to be quiet stand in the way.
INSERT INTO tracer.source (name, quiet_after) VALUES ('nightly', '30 hours');
SELECT upstream, downstream FROM tracer.suggest_lineage();
DELETE FROM tracer.source;

-- Suggesting changes nothing; accepting makes an edge, and what is recent is regrouped.
SELECT count(*) FROM tracer.lineage_edges WHERE source = 'learned';
SELECT tracer.accept_lineage('orders_daily', 'sales_dashboard', by => 'ana') > 0.9 AS accepted;
SELECT upstream, downstream, kind, source, lag FROM tracer.lineage_edges WHERE source = 'learned';
SELECT upstream, downstream, verdict, confidence > 0.9 AS sure, why IS NOT NULL AS says_why, decided_by FROM tracer.learned_lineage;
SELECT tracer.correlate();
SELECT role, parent_asset, because, path FROM tracer.incident_alerts WHERE asset = 'sales_dashboard' ORDER BY fired_at DESC LIMIT 1;

-- Every explanation says so, and it counts less.
CREATE VIEW latest AS SELECT incident_id FROM tracer.incident_alerts WHERE asset = 'sales_dashboard' ORDER BY fired_at DESC LIMIT 1;
SELECT asset, fact, weight < 0 AS against, regexp_replace(detail, '0\.\d+', 'N') AS detail FROM tracer.evidence WHERE fact = 'learned' AND incident_id = (SELECT incident_id FROM latest);
SELECT regexp_replace(why, '0\.\d+', 'N') AS why FROM tracer.root_causes WHERE rank = 1 AND incident_id = (SELECT incident_id FROM latest);
SELECT tracer.report(incident_id) ~ 'learned, not declared: orders_daily -> sales_dashboard' AS reported FROM latest;
-- Declared as well, it is an edge like any other.
SELECT tracer.link('orders_daily', 'sales_dashboard');
SELECT tracer.note(incident_id, 'looked at') IS NOT NULL FROM latest;
SELECT because FROM tracer.incident_alerts WHERE asset = 'sales_dashboard' ORDER BY fired_at DESC LIMIT 1;
SELECT tracer.unlink('orders_daily', 'sales_dashboard', source => 'manual');

-- What was decided is not suggested again: neither taken back nor rejected.
SELECT downstream FROM tracer.suggest_lineage();
SELECT tracer.unlink('orders_daily', 'sales_dashboard');
SELECT tracer.correlate();
SELECT upstream, downstream FROM tracer.suggest_lineage();
SELECT tracer.reject_lineage('orders_daily', 'churn_model', 'it reads raw.orders', 'ben');
SELECT count(*) FROM tracer.suggest_lineage();
SELECT upstream, downstream, verdict, confidence IS NULL AS unjudged, why, decided_by FROM tracer.learned_lineage WHERE verdict = 'rejected';

-- By itself only where a setting says how sure is sure enough.
DELETE FROM tracer.learned_lineage;
SELECT count(*) FROM tracer.learn_lineage();
SELECT tracer.set('learn_confidence', '1');
SELECT count(*) FROM tracer.learn_lineage();
SELECT tracer.set('learn_confidence', '0.9');
SELECT upstream, downstream FROM tracer.learn_lineage();
SELECT upstream, downstream, verdict, decided_by, why IS NOT NULL AS says_why FROM tracer.learned_lineage;
SELECT count(*) FROM tracer.learn_lineage();
SELECT tracer.correlate();
SELECT asset FROM tracer.incident_alerts WHERE incident_id = (SELECT incident_id FROM latest) ORDER BY fired_at;
SELECT tracer.reject_lineage('orders_daily', 'sales_dashboard');
SELECT upstream, downstream FROM tracer.lineage_edges WHERE source = 'learned';

-- Only what shares a label is related.
CREATE TABLE device_alert AS
SELECT d, n, v.asset, timestamptz '2024-06-01' + n * interval '9 hours' + v.after * interval '1 minute' AS at
  FROM generate_series(1, 3) d, generate_series(1, 9) n, LATERAL (VALUES ('link down', d * 11 + n), ('no signal', d * 11 + n + 2)) AS v (asset, after)
 WHERE (d + n) % 3 = 0;
INSERT INTO tracer.alert (asset, title, dedup_key, labels, status, fired_at)
SELECT d.asset, 'alarm', d.d || d.asset, jsonb_build_object('device', d.d), s.status::tracer.status, d.at + s.later
  FROM device_alert d, (VALUES ('firing', interval '0'), ('resolved', interval '1 hour')) AS s (status, later);
SELECT tracer.correlate();
SELECT upstream, downstream, support, lag FROM tracer.suggest_lineage(within => 'device');
SELECT count(*) FROM tracer.suggest_lineage(0, within => 'no such label');

-- What rests on a learned edge says so under a suspect, too; and where nobody wrote
-- down who accepted it, or its assets are gone.
SELECT tracer.accept_lineage('hidden', 'left', 0.9), tracer.link('hidden', 'right'), tracer.link('above', 'below', source => 'learned'), tracer.link('some', 'other', source => 'learned');
SELECT pg_temp.fail('left', '2024-09-01 08:00'), pg_temp.fail('right', '2024-09-01 08:05'), pg_temp.fail('above', '2024-09-02 08:00'), pg_temp.fail('below', '2024-09-02 08:05');
DELETE FROM tracer.learned_lineage;
SELECT tracer.correlate();
SELECT asset, because FROM tracer.incident_alerts WHERE fired_at > '2024-09-01' ORDER BY fired_at;
SELECT asset, detail FROM tracer.evidence e JOIN tracer.incidents i USING (incident_id) WHERE i.opened_at > '2024-09-01' AND fact = 'learned' ORDER BY i.opened_at;
DELETE FROM tracer.asset WHERE name IN ('hidden', 'above');
SELECT asset, because FROM tracer.incident_alerts WHERE fired_at > '2024-09-01' ORDER BY fired_at;

-- What was decided about an asset goes along where it becomes another's: an accepted
-- edge is still named and trusted as it was, and a no is a no.
DELETE FROM tracer.lineage WHERE source = 'learned';
SELECT tracer.accept_lineage('orders_daily', 'sales_dashboard', 0.97);
SELECT tracer.reject_lineage('raw.orders', 'churn_model'), tracer.reject_lineage('orders_daily', 'churn_model'), tracer.reject_lineage('orders_daily', 'churn');
SELECT pg_temp.fail('orders_daily', '2024-09-10 08:00'), pg_temp.fail('sales_dashboard', '2024-09-10 08:15');
SELECT tracer.correlate();
INSERT INTO tracer.asset (name) VALUES ('sales'), ('churn');
SELECT tracer.merge_assets('sales', 'sales_dashboard'), tracer.merge_assets('churn', 'churn_model');
SELECT upstream, downstream, verdict FROM tracer.learned_lineage ORDER BY upstream, downstream;
SELECT tracer.regroup(array_agg(alert_id)) FROM tracer.alert WHERE fired_at > '2024-09-10';
SELECT e.asset, e.weight > -0.3 AS trusted, regexp_replace(e.detail, '0\.\d+|1\.00', 'N') AS detail FROM tracer.evidence e JOIN tracer.incidents i USING (incident_id)
 WHERE i.opened_at > '2024-09-10' AND e.fact = 'learned';
SELECT tracer.unlink('orders_daily', 'sales');
SELECT tracer.correlate();
SELECT upstream, downstream FROM tracer.suggest_lineage();
-- But for that it would be suggested.
BEGIN;
DELETE FROM tracer.learned_lineage;
SELECT upstream, downstream FROM tracer.suggest_lineage();
ROLLBACK;
-- A merge of both ends leaves nothing to say. A name that becomes an alias is not free of a no.
SELECT tracer.merge_assets('sales', 'orders_daily');
SELECT upstream, downstream, verdict FROM tracer.learned_lineage ORDER BY upstream;
SELECT tracer.reject_lineage('link down', 'no signal');
INSERT INTO tracer.asset (name) VALUES ('signal');
SELECT tracer.accept_alias('no signal', 'signal');
SELECT count(*) FROM tracer.suggest_lineage(within => 'device') WHERE upstream = 'link down';
SELECT pg_temp.fail('link down', timestamptz '2024-10-01' + n * interval '1 day'), pg_temp.fail('no signal', timestamptz '2024-10-01 00:02' + n * interval '1 day') FROM generate_series(1, 5) AS n;
SELECT tracer.correlate();
SELECT upstream, downstream FROM tracer.suggest_lineage();
-- A reason to say no is none to say yes.
SELECT tracer.accept_lineage('weather', 'churn', 0.9, 'looks like it'), tracer.reject_lineage('weather', 'churn', 'both run at six'), tracer.accept_lineage('weather', 'churn', 0.9);
SELECT upstream, downstream, verdict, why FROM tracer.learned_lineage WHERE downstream = 'churn' AND upstream ~ 'weather';

-- Wrong input.
\set SHOW_CONTEXT never
-- What was decided is suggested no more, and who asks for it is told.
SELECT tracer.reject_lineage('weather', 'churn', by => 'night shift');
SELECT tracer.accept_lineage('weather', 'churn');
SELECT tracer.suggest_lineage(1.5);
SELECT tracer.suggest_lineage(NULL);
SELECT tracer.accept_lineage('weather', 'hr_report');
SELECT tracer.accept_lineage('weather', 'hr_report', 7);
SELECT tracer.accept_lineage(NULL, 'hr_report', 0.9);
SELECT tracer.accept_lineage('weather', 'weather', 0.9);
SELECT tracer.reject_lineage('weather', NULL);
SELECT tracer.set('learn_confidence', '0.2');
SELECT tracer.set('learn_confidence', NULL);
DROP EXTENSION tracer CASCADE;
