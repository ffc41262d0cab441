-- What speaks for a root cause: weights that can be set and fitted, usual delays.
SET TIME ZONE 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET client_min_messages = warning;
CREATE EXTENSION tracer;

SELECT fact, weight, default_weight, changed_by FROM tracer.weight ORDER BY fact COLLATE "C";
-- Every fact that ranking knows, but that of a person, has a weight.
SELECT fact FROM tracer.weight EXCEPT SELECT DISTINCT m[1] FROM regexp_matches(
    (SELECT pg_catalog.col_description('tracer.evidence'::regclass, attnum) FROM pg_attribute WHERE attrelid = 'tracer.evidence'::regclass AND attname = 'fact'), '\w+', 'g') AS m;

-- Ten nights: src breaks, table breaks after it, and of the reports below it
-- slow follows within the hour, odd at no time in particular.
SELECT tracer.link('src', 'tab'), tracer.link('tab', 'slow'), tracer.link('tab', 'odd');
CREATE FUNCTION pg_temp.fail(asset text, at timestamptz) RETURNS void LANGUAGE sql AS $$
    INSERT INTO tracer.alert (asset, title, status, fired_at)
    VALUES (asset, 'failed', 'firing', at), (asset, 'failed', 'resolved', at + interval '6 hours')
$$;
SELECT count(pg_temp.fail(v.asset, timestamptz '2024-03-01' + n * interval '2 days' + v.after * interval '1 minute'))
  FROM generate_series(1, 10) AS n,
       LATERAL (VALUES ('src', 0), ('tab', 5), ('slow', 45 + n), ('odd', 10 + n * 37 % 300)) AS v (asset, after);
SELECT tracer.correlate();
SELECT tracer.learn_delays();
SELECT u.name AS upstream, d.name AS downstream, x.incidents, x.least, x.median, x.most
  FROM tracer.usual_delay x JOIN tracer.asset u ON u.asset_id = x.upstream_id JOIN tracer.asset d ON d.asset_id = x.downstream_id
 ORDER BY d.name COLLATE "C";
SELECT tracer.learn_delays('2030-01-01');
SELECT tracer.learn_delays();

-- Another night like these, and one on which what follows is far too quick.
SELECT count(pg_temp.fail(v.asset, timestamptz '2024-04-10' + v.after * interval '1 minute'))
  FROM (VALUES ('src', 0), ('tab', 5), ('slow', 50)) AS v (asset, after);
SELECT count(pg_temp.fail(v.asset, timestamptz '2024-04-20' + v.after * interval '1 minute'))
  FROM (VALUES ('tab', 0), ('slow', 1), ('odd', 2)) AS v (asset, after);
SELECT tracer.correlate();
SELECT e.asset, e.kind, e.fact, e.weight, e.detail FROM tracer.evidence e JOIN tracer.incidents i USING (incident_id)
 WHERE i.opened_at >= '2024-04-01' AND e.fact = 'delay' ORDER BY i.opened_at, e.asset COLLATE "C";
-- Scores are still what their rows add up to, and rows what amounts say.
SELECT count(*) FROM tracer.root_causes r WHERE r.score <> (SELECT sum(e.weight) FROM tracer.evidence e WHERE e.incident_id = r.incident_id AND e.asset = r.asset);
SELECT count(*) FROM tracer.evidence_row v JOIN tracer.weight w USING (fact) WHERE abs(v.weight - w.weight * v.amount) > 0.0051;

-- A weight changes ranking from the next news on, and groups nothing anew.
SELECT tracer.set_weights('{"origin": 0, "explained": 0, "late": 3}');
SELECT fact, weight, default_weight, changed_by = session_user AS mine FROM tracer.weight WHERE weight <> default_weight ORDER BY fact;
SELECT pg_temp.fail('odd', '2024-04-20 01:00');
SELECT tracer.correlate();
SELECT opened_at, root_asset, origin_asset FROM tracer.incidents WHERE opened_at >= '2024-04-01' ORDER BY opened_at;
SELECT count(*) FROM tracer.incidents;
SELECT tracer.set_weights('{"origin": null, "explained": null, "late": null}');
SELECT tracer.set_weights('[1]');
SELECT tracer.set_weights(NULL);
SELECT tracer.set_weights('{"colour": 1}');
SELECT tracer.set_weights('{"change": "much"}');
SELECT tracer.set('weight_change', '1000');
SELECT tracer.set('weight_change', '1e-400');

-- A backtest tells what would have spoken for whom.
SELECT asset, fact, weight, amount FROM tracer.backtest_evidence('2024-04-20', '2024-04-21', '{"weight_coverage": 1}') WHERE asset = 'tab' ORDER BY fact COLLATE "C";
SELECT count(*) FROM tracer.backtest_evidence('2030-01-01');
SELECT tracer.backtest_evidence(NULL, NULL, '{"weight_colour": 1}');

-- People say again and again that it was tab. Fitting offers what follows from
-- that, and only set_weights() makes it so.
SELECT * FROM tracer.fit_weights('2030-01-01');
SELECT count(tracer.confirm(i.incident_id, 'tab')) FROM tracer.incidents i WHERE i.opened_at < '2024-04-01';
SELECT tracer.correlate();
SELECT incidents, unlisted, right_now, right_fitted, right_held_out, weights ? 'history' AS history,
       (weights ->> 'explained')::float8 > -1 AS explained, (weights ->> 'late')::float8 > -0.5 AS late, (weights ->> 'origin')::float8 < 2 AS origin
  FROM tracer.fit_weights();
SELECT count(*) FROM tracer.weight WHERE weight <> default_weight;
SELECT tracer.set_weights((SELECT weights FROM tracer.fit_weights())) > 0 AS set;
SELECT right_now FROM tracer.fit_weights();
SELECT root_asset FROM (SELECT (SELECT asset FROM tracer.backtest_evidence('2024-04-10', '2024-04-11') GROUP BY asset ORDER BY sum(weight) DESC LIMIT 1)) AS b (root_asset);
-- A root that nobody could have found is not counted.
SELECT tracer.confirm(max(incident_id), 'src') FROM tracer.incidents;
SELECT tracer.correlate();
SELECT incidents, unlisted FROM tracer.fit_weights();
-- Nor is one whose root is the only candidate.
SELECT tracer.link('lone', 'other');
SELECT pg_temp.fail('lone', '2024-05-10');
SELECT tracer.correlate();
SELECT tracer.confirm(max(incident_id), 'lone') FROM tracer.incidents;
SELECT tracer.correlate();
SELECT incidents, unlisted FROM tracer.fit_weights();
-- The arithmetic alone: what is told apart by nothing is not right; and a fit is
-- judged by cases that it has not seen.
SELECT * FROM tracer.fit_choices('{1,1}', '{t,f}', '{1,1}', '{1}', '{1}');
SELECT right_now, right_fitted, right_held_out, weight[1] > 0 AS first, weight[2] < 0 AS second
  FROM tracer.fit_choices('{1,1,2,2,3,3}', '{t,f,t,f,t,f}', '{1,0,0,0, 1,0,0,0, 0,0,0,1}', '{0,0}', '{1,1}');

-- What only has a suspect in common was not explained by what failed first.
SELECT tracer.link('quiet', 'one'), tracer.link('quiet', 'two');
SELECT count(pg_temp.fail(v.asset, timestamptz '2025-01-01' + n * interval '2 days' + v.after * interval '1 minute'))
  FROM generate_series(1, 6) AS n, (VALUES ('one', 0), ('two', 5)) AS v (asset, after);
SELECT tracer.correlate();
SELECT count(*) FROM tracer.incidents WHERE suspect;
SELECT tracer.learn_delays('2025-01-01');

DROP EXTENSION tracer CASCADE;
