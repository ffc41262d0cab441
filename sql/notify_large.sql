-- One incident of a thousand assets: deciding who hears of it looks at each of its
-- failures a few times, whatever rules match, and what rules match of the incident
-- as a whole is not there once for each of its assets.
SET client_min_messages = warning;
CREATE EXTENSION tracer;
INSERT INTO tracer.channel (name, kind, settings) VALUES ('hook', 'webhook', '{"url": "https://hooks.example.com/"}');
INSERT INTO tracer.team (name, page, inform) VALUES ('team', '{hook}', '{hook}');
INSERT INTO tracer.asset (name, kind, owner, tags) SELECT 'asset ' || i, 'table', 'team', '{"tag": "x"}' FROM generate_series(1, 1000) AS i;
SELECT tracer.link(array_agg('asset 1'::text), array_agg('asset ' || i)) FROM generate_series(2, 1000) AS i;
INSERT INTO tracer.alert (asset, title, labels) SELECT 'asset ' || i, 'late', '{"label": "x"}' FROM generate_series(1, 1000) AS i;
SELECT tracer.correlate();
INSERT INTO tracer.route (position, match, mode, continue) VALUES
  (10, '{"label.label": "x", "severity": "error"}', 'inform', true),
  (20, '{"affected.asset": "asset 7", "affected.tags.tag": "x", "role": "symptom"}', 'inform', true),
  (30, '{"status": "quiet"}', 'mute', false),
  (40, '{"label.label": "y"}', 'mute', false);
INSERT INTO tracer.silence (matchers, ends_at, comment) VALUES ('{"role": "symptom", "root.asset": "asset 1"}', 'infinity', 'a test');
SELECT pg_stat_force_next_flush();
BEGIN;
SELECT a.role, a.position, a.mode, count(*), count(a.silence_id) AS silenced, max(pg_column_size(a.doc)) < 1000 AS small
  FROM tracer.incidents i, tracer.audience(ARRAY(SELECT s FROM tracer.incident_state(ARRAY[i.incident_id]) s), now()) a
 GROUP BY a.role, a.position, a.mode ORDER BY a.role COLLATE "C", a.position;
SELECT t.relname, CASE WHEN n.read > 10000 THEN format('%s rows read', n.read) ELSE 'few times' END AS found
  FROM pg_stat_xact_user_tables t, LATERAL (SELECT coalesce(t.seq_tup_read, 0) + coalesce(t.idx_tup_fetch, 0)) AS n (read)
 WHERE t.schemaname = 'tracer' AND t.relname IN ('alert', 'alert_key', 'asset', 'episode')
 ORDER BY t.relname COLLATE "C";
COMMIT;
SELECT e.role, e.rule, e.matches, max(length(e.why)) < 400 AS short, e.mode, count(*)
  FROM tracer.incidents i, tracer.explain_route(i.incident_id) e
 GROUP BY e.role, e.rule, e.matches, e.mode ORDER BY e.role COLLATE "C", e.rule;
DROP EXTENSION tracer;
