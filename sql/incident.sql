-- Correlation: episodes, incidents and their numbers, cascade_id, backtest. The
-- rule itself is held against a second implementation in test/t/100_oracle.pl.
SET TIME ZONE 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
\set SHOW_CONTEXT never
CREATE EXTENSION tracer;

-- a feeds b feeds c; x feeds b as well.
SELECT tracer.link(ARRAY['a', 'b', 'x'], ARRAY['b', 'c', 'b']);

CREATE VIEW shown AS
SELECT i.incident_id AS id, a.asset, a.role, a.parent_asset AS parent, to_char(a.fired_at, 'DD HH24:MI') AS fired
  FROM tracer.incidents i JOIN tracer.incident_alerts a USING (incident_id)
 ORDER BY i.incident_id, a.fired_at, a.asset;

-- A symptom arrives first, its cause late: the incident keeps its number and
-- gets another root.
INSERT INTO tracer.alert (asset, title, fired_at) VALUES ('c', 'c is stale', '2024-05-01 03:00+00');
SELECT tracer.correlate();
INSERT INTO tracer.alert (asset, title, fired_at) VALUES ('a', 'a failed', '2024-05-01 01:00+00');
SELECT tracer.correlate();
SELECT * FROM shown;
SELECT incident_id, root_asset, status FROM tracer.incidents;
SELECT kind FROM tracer.incident_event WHERE incident_id = 1 ORDER BY event_id;

-- Two incidents become one by late news in between: the higher number redirects.
INSERT INTO tracer.alert (asset, title, fired_at) VALUES ('x', 'x failed', '2024-05-02 01:00+00'), ('c', 'c is stale', '2024-05-04 01:00+00');
SELECT tracer.correlate();
SELECT * FROM shown;
INSERT INTO tracer.alert (asset, title, fired_at) VALUES ('x', 'x failed', '2024-05-03 01:00+00');
SELECT tracer.correlate();
SELECT * FROM shown;
SELECT incident_id, merged_into FROM tracer.incident ORDER BY 1;

-- A resolve without asset ends every episode of its key; one that comes before
-- its firing waits; info opens nothing.
INSERT INTO tracer.alert (asset, title, severity, status, source, dedup_key, fired_at) VALUES
  ('p', 'key down', 'error', 'firing', 'tool', 'K', '2024-06-01 01:00+00'),
  ('q', 'key down', 'error', 'firing', 'tool', 'K', '2024-06-01 01:05+00'),
  (NULL, 'key up', 'error', 'resolved', 'tool', 'K', '2024-06-01 02:00+00'),
  ('r', 'for your information', 'info', 'firing', 'tool', NULL, '2024-06-01 01:00+00'),
  ('early', 'comes early', 'error', 'resolved', 'tool', NULL, '2024-06-01 05:00+00');
SELECT tracer.correlate();
SELECT origin_asset, severity, status, alert_count FROM tracer.incidents WHERE opened_at > '2024-06-01' ORDER BY origin_asset;
-- the resolve that waited finds its firing
INSERT INTO tracer.alert (asset, title, source, fired_at) VALUES ('early', 'comes early', 'tool', '2024-06-01 04:00+00');
SELECT tracer.correlate();
SELECT status FROM tracer.incidents WHERE origin_asset = 'early';

-- Two failures under one silent source: the source is suspected; an alert of its
-- own takes its place.
SELECT tracer.link(ARRAY['src', 'src', 'src'], ARRAY['k1', 'k2', 'k3']);
INSERT INTO tracer.alert (asset, title, fired_at) VALUES ('k1', 'failed', '2024-07-01 01:00+00'), ('k2', 'failed', '2024-07-01 01:10+00');
SELECT tracer.correlate();
SELECT root_asset, suspect, asset_count FROM tracer.incidents WHERE opened_at > '2024-07-01' AND opened_at < '2024-08-01';
SELECT asset, role, because FROM tracer.incident_alerts WHERE fired_at BETWEEN '2024-07-01' AND '2024-08-01' ORDER BY asset;
INSERT INTO tracer.alert (asset, title, fired_at) VALUES ('src', 'failed', '2024-07-01 01:20+00');
SELECT tracer.correlate();
SELECT root_asset, suspect, asset_count FROM tracer.incidents WHERE opened_at > '2024-07-01' AND opened_at < '2024-08-01';

-- Grouping by labels is off until somebody adds a rule; it joins what lineage
-- cannot.
INSERT INTO tracer.alert (asset, title, labels, fired_at) VALUES
  ('lone1', 'failed', '{"cluster": "eu", "job": "1"}', '2024-08-01 01:00+00'),
  ('lone2', 'failed', '{"cluster": "eu", "job": "2"}', '2024-08-01 01:30+00'),
  ('lone3', 'failed', '{"cluster": "us", "job": "3"}', '2024-08-01 01:30+00');
SELECT tracer.correlate();
SELECT count(*) FROM tracer.incidents WHERE opened_at > '2024-08-01' AND opened_at < '2024-09-01';
INSERT INTO tracer.group_rule (name, labels) VALUES ('by cluster', '{cluster}');
SELECT tracer.correlate();
SELECT incident_id = min(incident_id) OVER () AS first, array_agg(asset ORDER BY asset)
  FROM tracer.incident_alerts WHERE fired_at > '2024-08-01' AND fired_at < '2024-09-01' GROUP BY incident_id ORDER BY incident_id;
-- A label that has no name is had by all: such a rule would join everything.
INSERT INTO tracer.group_rule (name, labels) VALUES ('any', '{NULL}');

-- Names that come late: an alias places what it names.
INSERT INTO tracer.alert (asset, title, fired_at) VALUES ('a', 'a failed', '2024-09-01 01:00+00'), ('B.view', 'empty', '2024-09-01 01:10+00');
SELECT tracer.correlate();
SELECT asset, role FROM tracer.incident_alerts WHERE fired_at > '2024-09-01' AND fired_at < '2024-10-01' ORDER BY asset;
INSERT INTO tracer.asset_alias VALUES ('B.view', 'b');
SELECT tracer.correlate();
SELECT asset, role, incident_id = min(incident_id) OVER () AS together FROM tracer.incident_alerts WHERE fired_at > '2024-09-01' AND fired_at < '2024-10-01' ORDER BY asset;

-- cascade_id: the same rule over a query of one's own.
SELECT asset, ts, tracer.cascade_id(asset, ts) OVER () AS cascade
  FROM (VALUES ('a', timestamptz '2024-01-01 01:00+00'), ('b', '2024-01-01 01:30+00'), ('c', '2024-01-01 02:00+00'),
               ('z', '2024-01-01 01:10+00'), ('a', '2024-01-20 00:00+00'), ('b', NULL),
               (NULL, '2024-01-01 01:00+00'), (NULL, '2024-01-01 01:00+00'), ('a', '2024-01-01 01:00+00')) v(asset, ts);
-- the order of the window and of the rows does not matter, the horizon does
SELECT asset, tracer.cascade_id(asset, ts, '10 minutes') OVER (ORDER BY ts DESC) AS cascade
  FROM (VALUES ('c', timestamptz '2024-01-20 02:00+00'), ('a', '2024-01-01 01:00+00'), ('b', '2024-01-01 01:30+00')) v(asset, ts);
SELECT tracer.cascade_id('a', now(), '0') OVER ();
SELECT tracer.cascade_id('a', 'infinity') OVER ();
SELECT tracer.cascade_id('a', now());

-- backtest: other settings, from scratch, touching nothing.
SELECT count(DISTINCT incident) AS incidents, count(*) FILTER (WHERE role = 'symptom') AS symptoms
  FROM tracer.backtest('2024-09-01', '2024-10-01');
SELECT count(DISTINCT incident) AS incidents FROM tracer.backtest('2024-09-01', '2024-10-01', '{"horizon": "1 minute", "max_incident_age": "1 minute"}');
SELECT tracer.backtest(settings => '{"horizn": "1 minute"}');
SELECT tracer.backtest(settings => '{"horizon": "soon"}');
SELECT count(*) FROM tracer.backtest(settings => '[]');

-- Wrong input.
SELECT tracer.correlate(0);
SELECT tracer.correlate(-1);
SELECT tracer.regroup(NULL);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT tracer.correlate();
ROLLBACK;
INSERT INTO tracer.alert (title) VALUES (NULL);
INSERT INTO tracer.alert (title, fired_at) VALUES ('when?', '-infinity');
INSERT INTO tracer.alert (title, severity) VALUES ('how bad?', 'awful');
-- Explicit NULLs mean the defaults; what differs in numbers alone is a repeat.
INSERT INTO tracer.alert (asset, title, severity, status, source, dedup_key, fired_at, description, labels, url, payload, run_id)
VALUES ('m', 'm 1 failed', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
       ('m', 'm 2 failed', 'critical', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT tracer.correlate();
SELECT origin_asset, severity, status, alert_count FROM tracer.incidents WHERE origin_asset = 'm';

-- the far future is as good a time as any
INSERT INTO tracer.alert (asset, title, fired_at) VALUES ('a', 'a failed', '2199-01-01 00:00+00');
SELECT tracer.correlate();
SELECT status, opened_at FROM tracer.incidents WHERE opened_at > '2100-01-01';
-- Lineage turned around after an incident: what is old keeps its place, but for a late
-- alert the pass decides by the lineage of now, and no two explain each other.
SELECT tracer.link('turned_a', 'turned_b');
INSERT INTO tracer.alert (asset, title, dedup_key, fired_at)
VALUES ('turned_a', 'failed', 'ta', '2021-01-01 10:00+00'), ('turned_b', 'failed', 'tb', '2021-01-01 10:05+00');
SELECT tracer.correlate();
SELECT tracer.unlink('turned_a', 'turned_b');
SELECT tracer.link('turned_b', 'turned_a');
SELECT tracer.correlate();
SELECT asset, role, parent_asset, because FROM tracer.incident_alerts WHERE asset LIKE 'turned%' ORDER BY fired_at;
INSERT INTO tracer.alert (asset, title, dedup_key, fired_at) VALUES ('turned_a', 'failed', 'ta', '2021-01-01 09:59+00');
SELECT tracer.correlate();
SELECT asset, role, parent_asset, because FROM tracer.incident_alerts WHERE asset LIKE 'turned%' ORDER BY fired_at;
DROP VIEW shown;
DROP EXTENSION tracer;
