-- The doctor: each finding appears when there is cause, and goes when it is mended.
SET TIME ZONE 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
CREATE EXTENSION tracer;

-- A fresh installation has nothing to say.
SELECT * FROM tracer.doctor();

-- Alerts that nobody ever correlated, and no lineage.
INSERT INTO tracer.alert (asset, title, source, fired_at) VALUES ('orders', 'late', 'dbt', now() - interval '1 hour');
SELECT * FROM tracer.doctor();
SELECT tracer.correlate();
SELECT * FROM tracer.doctor();

-- Names: undeclared, an alias of nothing, an alias that an asset hides.
SELECT tracer.link('raw', 'orders'), tracer.link('raw', 'revenue');
INSERT INTO tracer.asset (name, owner) VALUES ('alone', 'sales');
INSERT INTO tracer.asset_alias VALUES ('ORD', 'order'), ('raw', 'orders');
INSERT INTO tracer.alert (asset, title, source, fired_at) VALUES
  ('Ordrs', 'late', 'dbt', now() - interval '1 hour'), ('Ordrs', 'late', 'soda', now() - interval '1 hour'),
  (E'it''s\nodd', 'late', 'soda', now() - interval '1 hour'), ('alone', 'late', 'soda', now() - interval '1 hour');
SELECT tracer.correlate();
SELECT * FROM tracer.doctor();

-- Mended.
DELETE FROM tracer.asset_alias;
INSERT INTO tracer.asset_alias VALUES ('Ordrs', 'orders'), (E'it''s\nodd', 'revenue');
INSERT INTO tracer.channel (name, kind, settings) SELECT c, 'webhook', '{"url": "https://example.com/"}' FROM unnest('{pager,mail}'::text[]) AS c;
INSERT INTO tracer.team (name, page, inform) VALUES ('sales', '{pager}', NULL), ('ops', '{}', NULL);
UPDATE tracer.asset SET owner = 'sales' WHERE name <> 'raw';
UPDATE tracer.asset SET owner = 'ops' WHERE name = 'raw';
SELECT tracer.link('raw', 'alone');
SELECT tracer.correlate();
SELECT * FROM tracer.doctor();
UPDATE tracer.team SET inform = '{mail}' WHERE name = 'ops';
SELECT * FROM tracer.doctor();

-- Deadlines that cannot be read.
UPDATE tracer.asset SET due = '8 o''clock' WHERE name = 'orders';
UPDATE tracer.asset SET due = '08:00 Europe/Lodnon' WHERE name = 'revenue';
UPDATE tracer.asset SET due = '08:00 Europe/London' WHERE name = 'raw';
SELECT * FROM tracer.doctor();
UPDATE tracer.asset SET due = NULL;

-- A circle of two.
SELECT tracer.link('orders', 'raw');
SELECT * FROM tracer.doctor();
SELECT tracer.unlink('orders', 'raw');

-- Alerts that wait: fresh ones may, old ones may not.
INSERT INTO tracer.alert (asset, title, source, fired_at) VALUES ('orders', 'fresh', 'dbt', now() - interval '1 hour');
SELECT * FROM tracer.doctor();
INSERT INTO tracer.alert (asset, title, source, fired_at, received_at) VALUES ('orders', 'old', 'dbt', now() - interval '1 hour', now() - interval '20 minutes');
SELECT * FROM tracer.doctor();
INSERT INTO tracer.alert (asset, title, source, fired_at, received_at) VALUES ('orders', 'old', 'dbt', now() - interval '1 hour', now() - interval '2 hours');
SELECT * FROM tracer.doctor();
SELECT tracer.correlate();
SELECT * FROM tracer.doctor();

-- A source that sent every hour and fell silent two days ago; one that is slow
-- by nature, and one that just began.
INSERT INTO tracer.alert (asset, title, source, fired_at)
SELECT 'orders', 'tick', 'hourly', now() - interval '2 days 20 minutes' - n * interval '1 hour' FROM generate_series(0, 12) AS n
UNION ALL SELECT 'orders', 'tick', 'weekly', now() - interval '2 days' - n * interval '7 days' FROM generate_series(0, 12) AS n
UNION ALL SELECT 'orders', 'tick', 'new', now() - interval '2 days' - n * interval '1 hour' FROM generate_series(0, 3) AS n;
SELECT tracer.correlate();
SELECT * FROM tracer.doctor();

-- A clock that runs ahead.
INSERT INTO tracer.alert (asset, title, source, fired_at) VALUES ('orders', 'soon', 'ahead', now() + interval '5 hours 30 minutes 30 seconds');
SELECT tracer.correlate();
SELECT severity, topic, subject, regexp_replace(problem, '5h \d+m', '5h 30m') AS problem FROM tracer.doctor() WHERE subject = 'ahead';

-- A graph that the cache cannot hold.
SET tracer.graph_cache_size = '1kB';
SELECT tracer.link(array_agg('raw'::text), array_agg('t' || n)) FROM generate_series(1, 100) AS n;
SELECT severity, topic, regexp_replace(problem, 'about \S+ \S+', 'about N'), remedy FROM tracer.doctor() WHERE problem LIKE '%memory%';
RESET tracer.graph_cache_size;
SELECT count(*) FROM tracer.doctor() WHERE problem LIKE '%memory%';

-- Channels: what keeps messages from being made or from arriving.
INSERT INTO tracer.channel (name, kind, settings) VALUES
  ('chat', 'slack', '{"channel": "C1"}'), ('fax', 'fax', '{}'), ('hook', 'webhook', '{}'), ('post', 'email', '{"url": "smtp://h", "from": "a@b.c", "to": "d@e.f", "username": "u"}'),
  ('pd', 'pagerduty', '{}'), ('sms', 'sms', '{"account_sid": "A", "to": "+1", "from": "+2"}'), ('swh', 'slack_webhook', '{}'), ('teams', 'teams', '{}'), ('good', 'webhook', '{"url": "https://example.com/"}');
SELECT severity, subject, problem, remedy FROM tracer.doctor() WHERE topic = 'channels';
SELECT count(tracer.set_secret(c, n, 'https://example.com/'))
  FROM (VALUES ('chat', 'token'), ('hook', 'url'), ('post', 'password'), ('pd', 'routing_key'), ('sms', 'auth_token'), ('swh', 'url'), ('teams', 'url')) AS s (c, n);
DELETE FROM tracer.channel WHERE name = 'fax';
SELECT subject, problem FROM tracer.doctor() WHERE topic = 'channels';
-- A kind of one's own whose function went.
CREATE ROLE regress_tracer_renderer;
CREATE SCHEMA render AUTHORIZATION regress_tracer_renderer;
CREATE FUNCTION render.fax(incident jsonb, event jsonb, channel jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{"url": "https://fax.example.com/"}'::jsonb $$;
ALTER FUNCTION render.fax OWNER TO regress_tracer_renderer;
INSERT INTO tracer.channel_kind (name, function, owner) VALUES ('fax', 'render.fax', 'regress_tracer_renderer');
INSERT INTO tracer.channel (name, kind) VALUES ('fax', 'fax');
SELECT subject, problem FROM tracer.doctor() WHERE topic = 'channels';
DROP FUNCTION render.fax;
SELECT subject, problem FROM tracer.doctor() WHERE topic = 'channels';
DELETE FROM tracer.channel WHERE name IN ('fax', 'hook', 'post', 'pd', 'sms', 'swh', 'teams');
DROP SCHEMA render;
DELETE FROM tracer.channel_kind;
DROP ROLE regress_tracer_renderer;
-- Live, and never tried; then tried, then failing.
SELECT tracer.set('mode', 'live');
SELECT severity, subject, problem, remedy FROM tracer.doctor() WHERE topic = 'channels';
INSERT INTO tracer.channel_state (channel, failures, succeeded_at, error) VALUES ('chat', 0, now(), NULL), ('good', 5, now(), 'status 503');
SELECT severity, subject, problem, remedy FROM tracer.doctor() WHERE topic = 'channels';
DELETE FROM tracer.channel_state WHERE channel = 'good';
INSERT INTO tracer.channel_state (channel, succeeded_at) VALUES ('good', now());
SELECT * FROM tracer.doctor() WHERE topic = 'channels';
-- Names of channels that do not exist; rules that reach nobody.
INSERT INTO tracer.team (name, page, inform) VALUES ('lost', '{gone}', '{good}');
INSERT INTO tracer.route (position, match, channels, mode) VALUES (10, '{"owner": "lost"}', '{good,nowhere}', 'page'), (20, '{"tier": 1}', '{}', 'page'), (30, '{}', '{}', 'mute');
SELECT tracer.set('fallback_channel', 'none such');
SELECT severity, subject, problem, remedy FROM tracer.doctor() WHERE topic = 'channels';
SELECT tracer.set('fallback_channel', 'good');
DELETE FROM tracer.team WHERE name = 'lost';
UPDATE tracer.route SET channels = '{good}' WHERE position = 10;
SELECT * FROM tracer.doctor() WHERE topic = 'channels';

-- An alert that the worker set aside.
INSERT INTO tracer.set_aside (alert_id, error) VALUES (7, 'it is odd');
SELECT * FROM tracer.doctor() WHERE topic = 'correlation';

-- Worst first.
SELECT DISTINCT ON (n) severity FROM tracer.doctor() WITH ORDINALITY AS d (severity, topic, subject, problem, remedy, n) ORDER BY n LIMIT 1;

DROP EXTENSION tracer;
