-- What counts as evidence for a root cause, how much, and what does not count.
SET TIME ZONE 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET client_min_messages = warning;
CREATE EXTENSION tracer;
CREATE FUNCTION pg_temp.fail(asset text, at timestamptz) RETURNS void LANGUAGE sql AS $$
    INSERT INTO tracer.alert (asset, title, status, fired_at)
    VALUES (asset, 'failed', 'firing', at), (asset, 'failed', 'resolved', at + interval '6 hours')
$$;
CREATE VIEW facts AS
SELECT i.opened_at, v.asset, v.fact, round(v.amount::numeric, 3) AS amount, v.num, v.num2
  FROM tracer.evidence_row v JOIN tracer.incidents i USING (incident_id)
 ORDER BY i.opened_at, v.asset COLLATE "C", v.fact COLLATE "C", v.amount, v.num2;

-- Changes: from change_lookback before the failure to detection_lag after it, the
-- less the longer ago and the farther up. The same asset fails again two days later.
SELECT tracer.link('above', 'changed'), tracer.link('top', 'above');
INSERT INTO tracer.change (asset, title, changed_at) VALUES
  ('changed', 'far too early', '2024-03-01 07:59'), ('changed', 'a day before', '2024-03-01 08:01'), ('changed', 'an hour before', '2024-03-02 07:00'),
  ('changed', 'while it failed', '2024-03-02 08:29'), ('changed', 'too late', '2024-03-02 08:31'),
  ('above', 'an hour before', '2024-03-02 07:00'), ('top', 'an hour before', '2024-03-02 07:00');
SELECT count(pg_temp.fail('changed', at)) FROM unnest('{2024-03-02 08:00,2024-03-04 08:00}'::timestamptz[]) AS at;
SELECT tracer.correlate();
SELECT * FROM facts WHERE asset IN ('changed', 'above', 'top');

-- Who fails in the same minute as another is not the first; what is above may be
-- heard of later than what is below, and is not late for it.
SELECT tracer.link('source', 'together'), tracer.link('slow source', 'quick report');
SELECT pg_temp.fail('source', '2024-03-10 08:00'), pg_temp.fail('together', '2024-03-10 08:00'),
       pg_temp.fail('slow source', '2024-03-11 08:10'), pg_temp.fail('quick report', '2024-03-11 08:00');
SELECT tracer.correlate();
SELECT * FROM facts WHERE opened_at >= '2024-03-10';

-- Of many neighbours, those that explain most are candidates; each counts all that
-- descends from it.
SELECT count(tracer.link('hub', 'n' || n)) FROM generate_series(1, 7) AS n;
SELECT tracer.link('n6', 'n6.a'), tracer.link('n6.a', 'n6.b'), tracer.link('n6.b', 'n6.c'), tracer.link('n7', 'n7.a');
SELECT count(pg_temp.fail(asset, timestamptz '2024-03-20 08:00' + n * interval '1 minute'))
  FROM unnest('{hub,n1,n2,n3,n4,n5,n6,n7,n6.a,n6.b,n6.c,n7.a}'::text[]) WITH ORDINALITY AS f (asset, n);
SELECT tracer.correlate();
SELECT asset, amount, num FROM facts WHERE opened_at >= '2024-03-20' AND fact = 'coverage';

-- History: other incidents in which people named the asset, four at most.
INSERT INTO tracer.asset (name) VALUES ('usual');
SELECT count(pg_temp.fail('usual', timestamptz '2024-04-01' + n * interval '2 days')) FROM generate_series(1, 7) AS n;
SELECT tracer.correlate();
SELECT tracer.confirm(max(incident_id), 'usual') FROM tracer.incidents WHERE opened_at = '2024-04-03';
SELECT opened_at, amount FROM facts WHERE asset = 'usual' AND fact = 'history';
SELECT count(tracer.confirm(incident_id, 'usual')) FROM tracer.incidents WHERE opened_at BETWEEN '2024-04-04' AND '2024-04-14';
SELECT pg_temp.fail('usual', '2024-04-20');
SELECT tracer.correlate();
SELECT opened_at, amount, num FROM facts WHERE asset = 'usual' AND fact = 'history' ORDER BY opened_at DESC LIMIT 1;

-- An incident counts once, by what was said of it last.
SELECT pg_temp.fail('other', '2024-04-22'), tracer.link('usual', 'after'), tracer.link('other', 'after');
SELECT tracer.correlate();
SELECT tracer.confirm(incident_id, 'usual'), tracer.confirm(incident_id, 'other'), tracer.confirm(incident_id, 'other') FROM tracer.incidents WHERE opened_at = '2024-04-22';
SELECT pg_temp.fail('other', '2024-04-24'), pg_temp.fail('usual', '2024-04-26');
SELECT tracer.correlate();
SELECT opened_at, asset, amount, num FROM facts WHERE opened_at > '2024-04-23' AND fact = 'history';

-- A suspect that changed is a candidate once.
SELECT tracer.link('silent', 'left'), tracer.link('silent', 'right');
INSERT INTO tracer.change (asset, title, changed_at) VALUES ('silent', 'deploy', '2024-05-01 07:30');
SELECT pg_temp.fail('left', '2024-05-01 08:00'), pg_temp.fail('right', '2024-05-01 08:05');
SELECT tracer.correlate();
SELECT asset, fact, amount, num FROM facts WHERE opened_at >= '2024-05-01' AND asset = 'silent';

-- Words claim no more than is so: what a suspect, a person, a rule or a run explains
-- was not explained by lineage, and under a suspect nothing descends from the first.
INSERT INTO tracer.group_rule (name, labels) VALUES ('same device', '{device}');
SELECT tracer.link('job', 'step', 'runs'), tracer.link('feed', 'fed'), tracer.link('fed', 'eater'), tracer.link('far', 'away');
INSERT INTO tracer.alert (asset, title, run_id, labels, fired_at) VALUES
  ('step', 'failed', 'run 1', NULL, '2024-05-03 08:00'), ('job', 'failed', 'run 1', NULL, '2024-05-03 08:05'),
  ('phone', 'failed', NULL, '{"device": 7}', '2024-05-04 08:00'), ('lamp', 'failed', NULL, '{"device": 7}', '2024-05-04 08:05');
SELECT pg_temp.fail('feed', '2024-05-05 08:00'), pg_temp.fail('fed', '2024-05-05 08:05'), pg_temp.fail('eater', '2024-05-05 08:10'), pg_temp.fail('away', '2024-05-05 08:20');
SELECT tracer.correlate();
SELECT tracer.confirm(f.incident_id, 'fed'), tracer.merge(f.incident_id, a.incident_id)
  FROM tracer.incidents f, tracer.incidents a WHERE f.origin_asset = 'feed' AND a.origin_asset = 'away';
SELECT i.opened_at, e.asset, e.fact, e.weight, e.detail, e.at FROM tracer.evidence e JOIN tracer.incidents i USING (incident_id)
 WHERE i.opened_at >= '2024-05-01' AND e.fact IN ('origin', 'explained', 'coverage') ORDER BY i.opened_at, e.asset COLLATE "C", e.fact;
DELETE FROM tracer.group_rule;

-- Metrics: r0 has an alert, and metrics as ever; from r1 down to the symptom r9 they
-- move, r4's hardly. Each candidate comes once, and of the seven without alerts the
-- six that speak for themselves most.
SELECT count(tracer.link('r' || n, 'r' || n + 1)) FROM generate_series(0, 8) AS n;
INSERT INTO tracer.metric (asset, name, ts, value)
SELECT 'r' || n, 'latency', timestamptz '2024-07-01 06:00' + minute * interval '1 minute',
       100 + minute % 5 + CASE WHEN minute < 120 OR n = 0 THEN 0 WHEN n = 4 THEN 2.8 ELSE 50 - n END
  FROM generate_series(0, 9) AS n, generate_series(0, 150) AS minute;
SELECT pg_temp.fail('r0', '2024-07-01 08:00'), pg_temp.fail('r5', '2024-07-01 08:05');
INSERT INTO tracer.alert (asset, title, fired_at) VALUES ('r9', 'latency of r9', '2024-07-01 08:10');
SELECT tracer.correlate();
SELECT asset, fact, round(amount, 2) AS amount, round(num::numeric, 1) AS num FROM facts WHERE opened_at >= '2024-07-01';
-- Ranked again when nothing is new, as after what a person does, it is the same; and
-- of several points at one time it does not matter which was stored first.
CREATE TABLE ranked AS SELECT * FROM facts WHERE opened_at >= '2024-07-01';
SELECT tracer.regroup(array_agg(alert_id)) FROM tracer.alert;
SELECT count(*) FROM (SELECT * FROM facts WHERE opened_at >= '2024-07-01' EXCEPT SELECT * FROM ranked) AS x;
CREATE TABLE twice AS SELECT asset, name, ts, value + n * (3 + extract(minute FROM ts)::int % 4) AS value, n FROM tracer.metric, generate_series(0, 1) AS n;
TRUNCATE tracer.metric;
INSERT INTO tracer.metric SELECT asset, name, ts, value FROM twice ORDER BY n;
SELECT tracer.regroup(array_agg(alert_id)) FROM tracer.alert;
TRUNCATE ranked;
INSERT INTO ranked SELECT * FROM facts WHERE opened_at >= '2024-07-01';
TRUNCATE tracer.metric;
INSERT INTO tracer.metric SELECT asset, name, ts, value FROM twice ORDER BY n DESC;
SELECT tracer.regroup(array_agg(alert_id)) FROM tracer.alert;
SELECT count(*) FROM (SELECT * FROM facts WHERE opened_at >= '2024-07-01' EXCEPT SELECT * FROM ranked) AS x;
DROP TABLE ranked, twice;
TRUNCATE tracer.metric;
-- However dense a series, what is looked at is what surrounds the first alert.
SELECT tracer.link('d0', 'd1');
INSERT INTO tracer.metric (asset, name, ts, value)
SELECT 'd' || n, 'latency', timestamptz '2024-07-10 07:00' + second * interval '1 second', 100 + second % 5 + CASE WHEN second < 3600 THEN 0 ELSE 50 END
  FROM generate_series(0, 1) AS n, generate_series(0, 4800) AS second;
INSERT INTO tracer.alert (asset, title, fired_at) VALUES ('d1', 'latency of d1', '2024-07-10 08:01');
SELECT tracer.correlate();
SELECT asset, fact, round(amount, 2) AS amount, round(num::numeric, 1) AS num FROM facts WHERE opened_at >= '2024-07-10';
TRUNCATE tracer.metric;
-- Where the beginning has none, they are beside the point, and the symptom's own say nothing.
SELECT tracer.link('s0', 's1'), tracer.link('s1', 's2');
INSERT INTO tracer.metric (asset, name, ts, value)
SELECT 's' || n, 'latency', timestamptz '2024-08-01 06:00' + minute * interval '1 minute', 100 + minute % 5 + CASE WHEN minute < 120 THEN 0 ELSE 50 END
  FROM generate_series(1, 2) AS n, generate_series(0, 150) AS minute;
SELECT count(pg_temp.fail('s' || n, timestamptz '2024-08-01 08:00' + n * interval '5 minutes')) FROM generate_series(0, 2) AS n;
SELECT tracer.correlate();
SELECT asset, fact, round(amount, 2) AS amount FROM facts WHERE opened_at >= '2024-08-01' AND fact IN ('origin', 'metric', 'spread', 'still', 'source_moves');

-- Where candidates score the same, the one where the incident begins leads.
SELECT tracer.set_weights('{"origin": 0, "explained": 0, "coverage": 0, "first": 0, "late": 0}'), tracer.set('min_confidence', '0');
SELECT tracer.link('one', 'two');
SELECT pg_temp.fail('one', '2024-09-01 08:00'), pg_temp.fail('two', '2024-09-01 08:05');
SELECT tracer.correlate();
SELECT asset, score FROM tracer.root_causes r JOIN tracer.incidents i USING (incident_id) WHERE i.opened_at >= '2024-09-01' ORDER BY asset COLLATE "C";
SELECT root_asset FROM tracer.incidents WHERE opened_at >= '2024-09-01';

DROP VIEW facts;
DROP EXTENSION tracer;
