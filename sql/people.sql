-- What people do to incidents, and what the views then say.
SET TIME ZONE 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
\set SHOW_CONTEXT never
CREATE EXTENSION tracer;

-- orders feeds two branches that meet again in the board report; billing is
-- elsewhere.
SELECT tracer.link(ARRAY['orders', 'orders', 'revenue', 'costs', 'revenue'], ARRAY['revenue', 'costs', 'board', 'board', 'forecast']),
       tracer.link('billing', 'invoices');
UPDATE tracer.asset SET owner = 'sales' WHERE name IN ('orders', 'revenue');
UPDATE tracer.asset SET owner = 'finance' WHERE name IN ('costs', 'board', 'billing', 'invoices');
INSERT INTO tracer.asset_alias VALUES ('ORDERS', 'orders'), ('REVENUE', 'revenue');
-- Recovering: the origin is resolved, its symptom is not.
INSERT INTO tracer.alert (asset, title, severity, status, source, fired_at) VALUES
  ('orders', 'orders is late', 'error', 'firing', 'airflow', '2025-03-05 01:00+00'),
  ('forecast', 'forecast is late', 'error', 'firing', 'dbt', '2025-03-05 01:10+00'),
  ('orders', 'orders is late', 'error', 'resolved', 'airflow', '2025-03-05 02:00+00');
SELECT tracer.correlate();
SELECT origin_asset, status, alert_count, open_count FROM tracer.incidents;
SELECT incident_id AS third FROM tracer.incidents WHERE status = 'recovering' \gset
INSERT INTO tracer.alert (asset, title, severity, status, source, fired_at) VALUES
  ('forecast', 'forecast is late', 'error', 'resolved', 'dbt', '2025-03-05 03:00+00');
SELECT tracer.correlate();
SELECT status, resolved_at, duration, resolution FROM tracer.incidents WHERE incident_id = :third;
-- An end that came by itself can be overruled too, and comes again.
SELECT tracer.reopen(:third);
SELECT status FROM tracer.incidents WHERE incident_id = :third;
SELECT tracer.resolve(:third, 'now it is over');
SELECT status, resolved_at FROM tracer.incidents WHERE incident_id = :third;

-- Quiet: nothing in it has fired for longer than its source's quiet_after.
INSERT INTO tracer.source VALUES ('hourly', '2 hours');
INSERT INTO tracer.alert (asset, title, source, fired_at) VALUES
  ('billing', 'queue grows', 'hourly', '2025-05-05 01:00+00'), ('costs', 'slow', 'other', '2025-05-05 03:00+00');
SELECT tracer.correlate();
SELECT status FROM tracer.incidents WHERE title = 'queue grows';
INSERT INTO tracer.alert (asset, title, source, fired_at) VALUES ('costs', 'slow', 'other', '2025-05-05 03:30+00');
SELECT tracer.correlate();
SELECT title, status FROM tracer.incidents WHERE title IN ('queue grows', 'slow') ORDER BY title;

-- From here on, one night's incidents.
INSERT INTO tracer.alert (asset, title, severity, source, fired_at) VALUES
  ('orders', 'orders is late', 'error', 'airflow', '2026-01-05 01:00+00'),
  ('revenue', 'revenue is low', 'error', 'dbt', '2026-01-05 01:10+00'),
  ('costs', 'costs are late', 'warning', 'dbt', '2026-01-05 01:20+00'),
  ('board', 'board report is stale', 'critical', 'looker', '2026-01-05 01:30+00'),
  ('invoices', 'invoices are late', 'error', 'airflow', '2026-01-05 01:40+00');
SELECT tracer.correlate();

-- Incidents by what they hold; their numbers are in :first and :second.
CREATE TEMP VIEW shown AS
SELECT i.origin_asset, i.status, i.severity, i.alert_count AS alerts, i.asset_count AS assets, i.team_count AS teams,
       i.open_count AS open, i.acknowledged_by AS who
  FROM tracer.incidents i
 WHERE i.opened_at > '2026-01-01'
 ORDER BY i.opened_at, i.incident_id;
CREATE TEMP VIEW members AS
SELECT origin_asset, array_agg(DISTINCT asset ORDER BY asset) AS assets
  FROM tracer.incidents JOIN tracer.incident_alerts USING (incident_id)
 WHERE opened_at > '2026-01-01'
 GROUP BY opened_at, incident_id, origin_asset ORDER BY opened_at, incident_id;
SELECT incident_id AS first FROM tracer.incidents WHERE origin_asset = 'orders' AND status = 'open' \gset
SELECT incident_id AS second FROM tracer.incidents WHERE origin_asset = 'invoices' \gset
SELECT * FROM shown;
SELECT asset, role, severity, status, source, owner, parent_asset, hops, because, path FROM tracer.incident_alerts WHERE incident_id = :first ORDER BY fired_at;

-- Acknowledge: the latest has it; saying it twice changes nothing.
SELECT tracer.acknowledge(:first, by => 'night shift');
SELECT tracer.acknowledge(:first, by => 'night shift');
SELECT tracer.acknowledge(:first);
SELECT origin_asset, status, who = session_user AS me FROM shown WHERE origin_asset = 'orders';
SELECT tracer.acknowledge(:first, by => 'day shift');
SELECT acknowledged_by, acknowledged_at > now() - interval '1 minute' AS just_now FROM tracer.incidents WHERE incident_id = :first;
SELECT count(*) AS times FROM tracer.timeline WHERE incident_id = :first AND kind = 'acknowledged';

-- A note after that: somebody is at it.
SELECT tracer.note(:first, text => 'the source file is late', by => 'day shift');
SELECT * FROM shown;
SELECT kind, what, who FROM tracer.timeline WHERE incident_id = :first AND kind = 'note';

-- Wrong input.
SELECT tracer.acknowledge(987654321);
SELECT tracer.acknowledge(NULL);
SELECT tracer.note(:first, '');
SELECT tracer.note(:first, E' \n ');
SELECT tracer.note(:first, NULL);
SELECT tracer.note(987654321, 'lost');
SELECT tracer.resolve(:first, category => 'bad luck');
SELECT tracer.reopen(:first);
\set VERBOSITY sqlstate
SELECT tracer.merge(:first, :first);
\set VERBOSITY default
SELECT tracer.merge(:first, 987654321);
SELECT tracer.split(987654321, 'orders');
\set VERBOSITY sqlstate
SELECT tracer.split(:first, 'invoices');
SELECT tracer.split(:first, 'nowhere');
SELECT tracer.split(:first, NULL);
SELECT tracer.split(:first, 'orders');
SELECT tracer.confirm(:first, 'nowhere');
SELECT tracer.confirm(:first, NULL);
\set VERBOSITY default
SELECT tracer.declare('');
SELECT tracer.declare(NULL);
SELECT tracer.declare('nothing to see', 'info');
SELECT tracer.declare('what', 'fatal');
SELECT count(*) AS decisions FROM tracer.decision;
SELECT * FROM members;

-- Merge: either number leads to the one that stays.
SELECT tracer.merge(:first, duplicate => :second);
SELECT * FROM members;
SELECT tracer.live_incident(:first) = :first AS lead_to_it, tracer.live_incident(:second) = :first AS second_too;
SELECT asset, role, because, path FROM tracer.incident_alerts WHERE incident_id = :first AND asset = 'invoices';
SELECT tracer.note(:second, 'written to the old number');
SELECT incident_id = :first AS with_the_first, what FROM tracer.timeline WHERE what LIKE 'written%';
\set VERBOSITY sqlstate
SELECT tracer.merge(:second, :first);
\set VERBOSITY default
-- It stays so, whatever comes.
INSERT INTO tracer.alert (asset, title, source, fired_at) VALUES ('billing', 'billing is down', 'airflow', '2026-01-05 02:30+00');
SELECT tracer.correlate();
SELECT * FROM members;

-- Split: the asset and what is below it, even what another branch explains.
SELECT tracer.split(:first, 'REVENUE') AS split \gset
SELECT :split <> :first AS new_number;
SELECT * FROM members;
SELECT tracer.split(:first, 'invoices') AS back \gset
SELECT * FROM members;
-- Nobody else's alert can undo it.
INSERT INTO tracer.alert (asset, title, source, fired_at) VALUES ('orders', 'orders is late', 'airflow', '2026-01-05 02:50+00');
SELECT tracer.correlate();
SELECT * FROM members;
-- Merged again, the later word counts.
SELECT tracer.merge(:first, :split);
SELECT * FROM members;

-- Confirm another root: a symptom, then one without an alert.
SELECT tracer.confirm(:first, 'costs', by => 'day shift');
SELECT origin_asset, severity, suspect FROM tracer.incidents WHERE incident_id = :first;
SELECT tracer.confirm(:first, 'ORDERS', by => 'day shift');
SELECT origin_asset, severity, suspect FROM tracer.incidents WHERE incident_id = :first;
SELECT kind, what, who FROM tracer.timeline WHERE incident_id = :first AND kind = 'confirmed' ORDER BY at;

-- Under a suspect there are several origins: a merge takes all of them along,
-- and each can be split off again.
SELECT tracer.link(ARRAY['kafka', 'kafka'], ARRAY['topic.a', 'topic.b']);
INSERT INTO tracer.alert (asset, title, source, fired_at) VALUES
  ('topic.a', 'a lags', 'prometheus', '2026-01-05 03:00+00'), ('topic.b', 'b lags', 'prometheus', '2026-01-05 03:05+00'),
  ('broker', 'disk is full', 'prometheus', '2026-01-05 03:08+00');
SELECT tracer.correlate();
SELECT origin_asset, suspect, alert_count FROM tracer.incidents WHERE opened_at >= '2026-01-05 03:00+00' ORDER BY opened_at;
-- The number of the other lives on, with what was said of the one to keep.
SELECT tracer.acknowledge(incident_id, by => origin_asset || ' team') FROM tracer.incidents WHERE origin_asset IN ('broker', 'kafka');
SELECT k.incident_id AS kafka, b.incident_id AS broker FROM tracer.incidents b, tracer.incidents k WHERE b.origin_asset = 'broker' AND k.origin_asset = 'kafka' \gset
SELECT tracer.merge(:broker, :kafka);
SELECT tracer.live_incident(:broker) = :kafka AS the_other_number, status, acknowledged_by FROM tracer.incidents WHERE incident_id = :kafka;
SELECT origin_asset, suspect, alert_count FROM tracer.incidents WHERE opened_at >= '2026-01-05 03:00+00' ORDER BY opened_at;
-- A failure of the suspect itself, told of late, does not take them back.
INSERT INTO tracer.alert (asset, title, source, fired_at) VALUES ('kafka', 'kafka is down', 'prometheus', '2026-01-05 02:58+00');
SELECT tracer.correlate();
SELECT origin_asset, suspect, alert_count FROM tracer.incidents WHERE opened_at >= '2026-01-05 02:58+00' ORDER BY opened_at;
SELECT count(tracer.split(incident_id, 'topic.b')) FROM tracer.incidents WHERE origin_asset = 'broker';
SELECT origin_asset, suspect, alert_count FROM tracer.incidents WHERE opened_at >= '2026-01-05 03:00+00' ORDER BY opened_at;

-- Resolve: everything that fires in it ends; what helped is kept.
SELECT tracer.resolve(:first, note => 'loaded the file again', fix_url => 'https://git.example.com/fix/1', category => 'data change', by => 'day shift');
SELECT * FROM shown;
SELECT resolution - 'at' AS resolution, (resolution ->> 'at')::timestamptz > now() - interval '1 minute' AS just_now, category, resolved_at IS NOT NULL AS resolved
  FROM tracer.incidents WHERE incident_id = :first;
SELECT asset, title, severity, status, source, labels FROM tracer.alert WHERE source = 'tracer' ORDER BY asset, labels;
SELECT DISTINCT status FROM tracer.incident_alerts WHERE incident_id = :first;
SELECT kind, what, who FROM tracer.timeline WHERE incident_id = :first AND kind = 'resolution';
-- Not twice, and nobody takes it over.
SELECT tracer.resolve(:first) IS NULL AS done;
SELECT tracer.acknowledge(:first) IS NULL AS done;
SELECT tracer.note(:first, 'a note is welcome any time');

-- Reopen: open for everybody, until it is resolved again.
SELECT tracer.reopen(:first, by => 'day shift');
SELECT * FROM shown;
SELECT resolved_at, resolution FROM tracer.incidents WHERE incident_id = :first;
SELECT tracer.acknowledge(:first, by => 'night shift');
SELECT * FROM shown;
SELECT tracer.correlate() AS nothing_new;
SELECT * FROM shown;
SELECT tracer.resolve(:first, by => 'night shift');
SELECT * FROM shown;
SELECT resolution - 'at' AS resolution FROM tracer.incidents WHERE incident_id = :first;

-- Declared by hand: each one is its own, with or without an asset.
SELECT tracer.declare('Totals are wrong', by => 'support') AS declared \gset
SELECT tracer.declare('Totals are wrong', 'critical', description => 'a customer called') AS again \gset
SELECT :declared <> :again AS two;
SELECT title, status, severity, origin_asset, placed, root_asset FROM tracer.incidents WHERE incident_id IN (:declared, :again) ORDER BY severity;
SELECT kind, what, who FROM tracer.timeline WHERE incident_id = :declared AND kind IN ('alert', 'declared') ORDER BY kind;
SELECT tracer.resolve(:declared);
SELECT incident_id = :declared AS this, status FROM tracer.incidents WHERE title = 'Totals are wrong' ORDER BY 1;
-- A cause that no alert told of.
SELECT tracer.confirm(:again, 'billing');
SELECT origin_asset, root_asset, suspect FROM tracer.incidents WHERE incident_id = :again;
SELECT line FROM string_to_table(tracer.report(:again), E'\n') AS line WHERE line ~ '^Cause';
-- Below something that fails now, it belongs to that.
INSERT INTO tracer.alert (asset, title, source) VALUES ('orders', 'orders is late', 'airflow');
SELECT tracer.declare('Forecast is empty', asset => 'forecast') AS part \gset
SELECT origin_asset FROM tracer.incidents WHERE incident_id = :part;

-- Evidence stays when an incident is grouped anew, and when a late symptom joins.
SELECT tracer.link(ARRAY['feed', 'feed', 'feed', 'feed_a'], ARRAY['feed_a', 'feed_b', 'feed_c', 'feed_d']);
INSERT INTO tracer.change (asset, kind, title, changed_at) VALUES ('feed', 'deploy', 'v2', '2025-04-01 09:30+00');
INSERT INTO tracer.alert (asset, title, fired_at)
SELECT asset, asset || ' is late', '2025-04-01 10:00+00' FROM unnest(ARRAY['feed_a', 'feed_b', 'feed_c']) asset;
SELECT tracer.correlate();
CREATE TEMP VIEW told AS
SELECT asset, fact, weight, num, num2 FROM tracer.evidence_row
 WHERE fact IN ('change', 'consumers', 'silent') AND incident_id = (SELECT incident_id FROM tracer.incidents WHERE suspect AND origin_asset = 'feed');
CREATE TEMP TABLE told_at_first AS SELECT * FROM told;
SELECT asset, fact, num, num2 FROM told_at_first ORDER BY fact;
SELECT tracer.regroup(ARRAY[max(alert_id)]) FROM tracer.alert WHERE asset = 'feed_b';
SELECT * FROM told EXCEPT TABLE told_at_first;
INSERT INTO tracer.alert (asset, title, fired_at) VALUES ('feed_d', 'feed_d is late', '2025-04-04 10:00+00');
SELECT tracer.correlate();
SELECT * FROM told EXCEPT TABLE told_at_first;
SELECT count(*) = (SELECT count(*) FROM told_at_first) AS still FROM told;
DROP VIEW told;

-- A confirmed root that nobody declared is one all the same; and where the asset that a
-- person named is gone, nobody has confirmed another.
INSERT INTO tracer.alert (asset, title, fired_at) VALUES ('undeclared 1', 'x', '2025-06-01 10:00+00'), ('undeclared 2', 'x', '2025-06-01 10:10+00'), ('declared', 'x', '2025-06-05 10:00+00');
INSERT INTO tracer.asset (name) VALUES ('soon gone'), ('declared');
SELECT tracer.correlate();
SELECT tracer.merge(a.incident_id, b.incident_id), tracer.confirm(b.incident_id, 'undeclared 2'), tracer.confirm(c.incident_id, 'soon gone')
  FROM tracer.incidents a, tracer.incidents b, tracer.incidents c WHERE a.origin_asset = 'undeclared 1' AND b.origin_asset = 'undeclared 2' AND c.origin_asset = 'declared';
SELECT root_asset, confidence FROM tracer.incidents WHERE opened_at BETWEEN '2025-06-01' AND '2025-06-30' ORDER BY opened_at;
DELETE FROM tracer.asset WHERE name = 'soon gone';
SELECT tracer.note(incident_id, 'regrouped'), tracer.regroup((SELECT array_agg(alert_id) FROM tracer.alert WHERE fired_at >= '2025-06-01')) FROM tracer.incidents WHERE opened_at = '2025-06-05 10:00+00';
SELECT root_asset, confidence, tracer.confirmed_root(incident_id) FROM tracer.incidents WHERE opened_at BETWEEN '2025-06-01' AND '2025-06-30' ORDER BY opened_at;

-- A backtest takes the settings that tracer.set() would, by name.
SELECT tracer.backtest(settings => '[]');
SELECT tracer.backtest(settings => 'null');
SELECT tracer.backtest(settings => '{"horizons": "1 hour"}');
SELECT tracer.backtest(settings => '{"horizon": "soon"}');
SELECT count(*) > 0 AS ran FROM tracer.backtest(settings => NULL);

-- What began at one moment is told apart by source, key and name: the number stays
-- where the first of them is.
SELECT tracer.link('same.a', 'same.b');
INSERT INTO tracer.alert (asset, title, fired_at) VALUES ('same.a', 'failed', '2024-03-01 01:00+00'), ('same.b', 'failed', '2024-03-01 01:00+00');
SELECT tracer.correlate();
SELECT tracer.split(incident_id, 'same.b') <> incident_id AS another FROM tracer.incidents WHERE origin_asset = 'same.a';

-- Every public view and column says what it is.
SELECT c.oid::regclass AS view, a.attname AS column
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = 'tracer'::regnamespace AND c.relkind = 'v'
   AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)
 ORDER BY 1, a.attnum;
SELECT oid::regprocedure AS function FROM pg_proc
 WHERE pronamespace = 'tracer'::regnamespace AND prorettype <> 'trigger'::regtype AND obj_description(oid, 'pg_proc') IS NULL ORDER BY 1;

DROP VIEW shown, members;
DROP EXTENSION tracer;
