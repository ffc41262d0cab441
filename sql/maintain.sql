-- Retention: what goes, what stays, and that what stays is grouped as before.
SET TIME ZONE 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
\set SHOW_CONTEXT never
CREATE EXTENSION tracer;

-- Off unless somebody sets it, and then not for less than the rules look back.
CALL tracer.maintain();
SELECT tracer.set('retention', '20 days');
SELECT tracer.set('retention', '60 days');
CALL tracer.maintain();
BEGIN;
CALL tracer.maintain();
ROLLBACK;

SELECT tracer.link(ARRAY['raw', 'stg', 'mart'], ARRAY['stg', 'mart', 'board']);
-- Five months: a failure every ten days that runs down the lineage and ends an hour later.
INSERT INTO tracer.alert (asset, title, severity, status, source, fired_at)
SELECT a.asset, a.asset || ' failed', 'error', s.status::tracer.status, 'dbt',
       '2026-01-01 03:00+00'::timestamptz + d * interval '10 days' + a.n * interval '10 minutes' + s.after
  FROM generate_series(0, 14) AS d,
       (VALUES (0, 'raw'), (1, 'stg'), (2, 'mart'), (3, 'board')) AS a (n, asset),
       (VALUES ('firing', interval '0'), ('resolved', interval '1 hour')) AS s (status, after);
-- One that never ended went quiet; one goes on to this day; and what belongs to no incident.
INSERT INTO tracer.source (name, quiet_after) VALUES ('ticket', '300 days');
INSERT INTO tracer.alert (asset, title, severity, status, source, fired_at) VALUES
  ('forgotten', 'never resolved', 'error', 'firing', 'dbt', '2026-01-05 00:00+00'),
  ('elsewhere', 'long', 'error', 'firing', 'ticket', '2026-01-06 00:00+00'),
  ('elsewhere', 'all well', 'info', 'firing', 'dbt', '2026-01-07 00:00+00'),
  ('elsewhere', 'nothing to resolve', 'error', 'resolved', 'dbt', '2026-01-08 00:00+00');
INSERT INTO tracer.change (asset, kind, title, changed_at) VALUES
  ('raw', 'deploy', 'old', '2026-01-20 00:00+00'), ('raw', 'deploy', 'new', '2026-05-20 00:00+00');
INSERT INTO tracer.metric (asset, name, ts, value) VALUES
  ('raw', 'rows', '2026-01-20 00:00+00', 1), ('raw', 'rows', '2026-05-20 00:00+00', 2);
SELECT tracer.correlate();
-- Two were the same after all; and a person said what the first was.
SELECT min(incident_id) AS first, min(incident_id) FILTER (WHERE opened_at > '2026-01-10') AS second
  FROM tracer.incidents WHERE origin_asset = 'raw' \gset
SELECT tracer.merge(:first, :second);
SELECT tracer.note(:first, 'disk full');

CREATE TABLE before AS
SELECT a.alert_id, a.incident_id, a.role, i.root_asset, i.confidence, i.status
  FROM tracer.incident_alerts a JOIN tracer.incidents i USING (incident_id);

SELECT tracer.retained_from();
CALL tracer.maintain();
CALL tracer.maintain();

SELECT status, count(*), min(opened_at), max(opened_at) FROM tracer.incidents GROUP BY status ORDER BY status;
SELECT (SELECT count(*) FROM tracer.alert) AS alerts, (SELECT count(*) FROM tracer.placement) AS placements,
       (SELECT count(*) FROM tracer.episode) AS episodes, (SELECT count(*) FROM tracer.alert_key) AS keys,
       (SELECT count(*) FROM tracer.decision) AS decisions, (SELECT count(*) FROM tracer.incident WHERE merged_into IS NOT NULL) AS redirects,
       (SELECT count(*) FROM tracer.evidence_row r WHERE NOT EXISTS (SELECT FROM tracer.incident i WHERE i.incident_id = r.incident_id)) AS loose_evidence,
       (SELECT count(*) FROM tracer.incident_event v WHERE NOT EXISTS (SELECT FROM tracer.incident i WHERE i.incident_id = v.incident_id)) AS loose_events,
       (SELECT string_agg(title, ', ') FROM tracer.change) AS changes, (SELECT string_agg(value::text, ', ') FROM tracer.metric) AS metrics;
-- Nothing that is retained went, and nothing that stayed moved.
SELECT count(*) AS lost FROM before b JOIN tracer.incidents i USING (incident_id)
 WHERE NOT EXISTS (SELECT FROM tracer.alert a WHERE a.alert_id = b.alert_id);
SELECT b.* FROM before b JOIN tracer.alert USING (alert_id)
EXCEPT
SELECT a.alert_id, a.incident_id, a.role, i.root_asset, i.confidence, i.status
  FROM tracer.incident_alerts a JOIN tracer.incidents i USING (incident_id);
-- Nor does it when everything is folded and grouped anew.
WITH stored AS (
    SELECT a.alert_id, min(a.alert_id) OVER (PARTITION BY a.incident_id) AS incident, a.role
      FROM tracer.incident_alerts a JOIN tracer.alert t USING (alert_id) WHERE t.status = 'firing'
), anew AS (
    SELECT b.alert_id, min(b.alert_id) OVER (PARTITION BY b.incident) AS incident, b.role
      FROM tracer.backtest() b WHERE b.incident IS NOT NULL
)
(TABLE stored EXCEPT TABLE anew) UNION ALL (TABLE anew EXCEPT TABLE stored);

-- The next pass goes on from there.
INSERT INTO tracer.alert (asset, title, severity, source, fired_at) VALUES
  ('elsewhere', 'long', 'error', 'ticket', '2026-05-22 00:00+00'), ('raw', 'raw failed', 'error', 'dbt', '2026-05-22 00:00+00');
SELECT tracer.correlate();
SELECT status, opened_at, last_alert_at FROM tracer.incidents WHERE last_alert_at >= '2026-05-22' ORDER BY opened_at;

-- What a batch reads is what it deletes, however much there is; an end that names no
-- asset goes with what it ended.
TRUNCATE tracer.alert, tracer.placement, tracer.episode, tracer.alert_key, tracer.incident;
INSERT INTO tracer.alert (asset, title, status, source, dedup_key, fired_at)
SELECT CASE s.status WHEN 'firing' THEN 'asset ' || i END, 'late', s.status::tracer.status, 'dbt', 'run ' || i, '2025-01-01 00:00+00'::timestamptz + i * interval '10 minutes' + s.after
  FROM generate_series(1, 2000) AS i, (VALUES ('firing', interval '0'), ('resolved', interval '1 minute')) AS s (status, after);
SELECT tracer.correlate();
INSERT INTO tracer.thread (incident_id, channel, mode, role, reason, shadow, opened_at, closed_at)
SELECT i.incident_id, c.channel, 'page', 'root', 'a test', false, i.opened_at, c.closed_at
  FROM tracer.incident i, (VALUES ('open', NULL), ('closed', now())) AS c (channel, closed_at);
INSERT INTO tracer.notification (thread_id, incident_id, channel, event, events, form, mode, role, reason, key, state, due_at, created_at, give_up_at)
SELECT t.thread_id, t.incident_id, t.channel, 'opened', '{opened}', 'post', 'page', 'root', 'a test', t.key, 'sent', now(), now(), now() FROM tracer.thread t;
INSERT INTO tracer.delivery_attempt (notification_id, attempt, outcome) SELECT n.notification_id, 1, 'sent' FROM tracer.notification n;
SELECT pg_stat_force_next_flush();
BEGIN;
SELECT tracer.forget_incidents('2026-01-01', 100);
SELECT t.relname, CASE WHEN n.read > 1000 THEN format('%s rows read', n.read) ELSE 'by key' END AS found
  FROM pg_stat_xact_user_tables t, LATERAL (SELECT coalesce(t.seq_tup_read, 0) + coalesce(t.idx_tup_fetch, 0)) AS n (read)
 WHERE t.schemaname = 'tracer' AND t.relname IN ('alert', 'placement', 'episode', 'alert_key', 'incident', 'thread', 'notification', 'delivery_attempt')
 ORDER BY t.relname COLLATE "C";
SELECT (SELECT count(*) FROM tracer.alert) AS alerts, (SELECT count(*) FROM tracer.placement) AS placements, (SELECT count(*) FROM tracer.episode) AS episodes,
       (SELECT count(*) FROM tracer.incident) AS incidents, (SELECT count(*) FROM tracer.thread) AS threads,
       (SELECT count(*) FROM tracer.notification) AS notifications, (SELECT count(*) FROM tracer.delivery_attempt) AS attempts;
COMMIT;
DROP EXTENSION tracer;
DROP TABLE before;
