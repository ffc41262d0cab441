-- What tired people write: refused with a word on what to do, taken as it was meant, or named by the doctor.
\getenv top PG_ABS_SRCDIR
\set helpers :top '/test/lib/notify.sql'
\set ECHO none
\i :helpers
\pset format unaligned
\pset tuples_only on
\set VERBOSITY default
\set ECHO all

-- ---- names of channels that can be none ---------------------------------------------
\set VERBOSITY terse
INSERT INTO tracer.team (name, page) VALUES ('t', ARRAY[NULL]::text[]);
INSERT INTO tracer.team (name, inform) VALUES ('t', '{chat,""}');
INSERT INTO tracer.route (position, channels) VALUES (1, ARRAY['chat', NULL]);
INSERT INTO tracer.route (position, channels) VALUES (1, '{""}');
INSERT INTO tracer.team (name, page, inform) VALUES ('t', NULL, '{}'), ('u', '{chat}', '{chat,pages}');
\set VERBOSITY default

-- ---- a regular expression is compared with the whole word ------------------------------
INSERT INTO tracer.route (position, match) VALUES (1, '{"severity": "=~err"}');
INSERT INTO tracer.route (position, match) VALUES (1, '{"role": "!~roots"}');
INSERT INTO tracer.route (position, match) VALUES (1, '{"severity": "=~err.*|critical", "status": "!~res.*"}');
DELETE FROM tracer.route;

-- ---- secrets ------------------------------------------------------------------------------
INSERT INTO tracer.channel (name, kind, settings) VALUES
  ('hook', 'webhook', '{"url": "https://hooks.example.com/"}'), ('team', 'teams', '{}'), ('fax', 'fax', '{}');
SELECT tracer.set_secret('hook', 'sigining_key', 'x');
SELECT tracer.set_secret('hook', 'sigining_key', NULL);
SELECT tracer.set_secret('hook', 'token', E' \n');
SELECT tracer.set_secret('hook', 'token', E'first\nsecond');
SELECT tracer.set_secret('team', 'url', 'teams.example.com/x');
-- as pg_read_file() gives it; a kind of one's own takes what it likes
SELECT tracer.set_secret('hook', 'token', E' sesame\r\n'), tracer.set_secret('fax', 'key', E'-----BEGIN\nEND-----\n');
SELECT channel, name, to_json(value) FROM tracer.secret ORDER BY channel COLLATE "C", name;
SELECT tracer.set_secret('hook', 'token', NULL);
SELECT count(*) FROM tracer.secret WHERE channel = 'hook';
DELETE FROM tracer.channel WHERE name = 'fax';

-- ---- all channels written anew: psql -1 -f channels.sql --------------------------------
SELECT tracer.set_secret('hook', 'token', 'sesame');
BEGIN;
DELETE FROM tracer.channel;
INSERT INTO tracer.channel (name, kind, settings) VALUES ('hook', 'webhook', '{"url": "https://hooks.example.com/new"}');
COMMIT;
SELECT channel, name, value FROM tracer.secret;
-- one that takes another's name brings its own secrets
BEGIN;
INSERT INTO tracer.channel (name, kind, settings) VALUES ('next', 'webhook', '{"url": "https://hooks.example.com/next"}');
SELECT tracer.set_secret('next', 'token', 'open');
DELETE FROM tracer.channel WHERE name = 'hook';
UPDATE tracer.channel SET name = 'hook' WHERE name = 'next';
COMMIT;
SELECT channel, name, value FROM tracer.secret;
DELETE FROM tracer.channel;
SELECT count(*) FROM tracer.secret;

-- ---- a preview shows what would be sent: no secret that was not set ---------------------
INSERT INTO tracer.channel (name, kind, settings) VALUES ('hook', 'webhook', '{"url": "https://hooks.example.com/"}');
SELECT tracer.declare('by hand') AS incident \gset
SELECT p.url, p.headers FROM tracer.preview('hook', :incident) p;
SELECT tracer.set_secret('hook', 'token', 'sesame'), tracer.set_secret('hook', 'url', 'https://hooks.example.com/secret');
SELECT p.url, p.headers FROM tracer.preview('hook', :incident) p;
DELETE FROM tracer.channel;

-- ---- what fails together failed once; a test tries a channel that rests --------------------
INSERT INTO tracer.channel (name, kind, settings) VALUES ('hook', 'webhook', '{"url": "https://hooks.example.com/"}');
SELECT count(tracer.test_channel('hook')) FROM generate_series(1, 8);
SELECT tracer.record_deliveries(array_agg(c.notification_id), array_agg(c.attempt), array_agg(NULL::int), array_agg('no answer'::text), array_agg(NULL::float8),
         array_agg(NULL::text), array_agg(now()), array_agg(NULL::float8), array_agg(NULL::float8))
  FROM tracer.claim_notifications() c;
SELECT failures, resume_at FROM tracer.channel_state;
UPDATE tracer.channel_state SET failures = 5, resume_at = now() + interval '5 minutes';
UPDATE tracer.notification SET due_at = now();
SELECT count(*) FROM tracer.claim_notifications();
SELECT count(tracer.test_channel('hook'));
SELECT count(*) FROM tracer.claim_notifications();
DELETE FROM tracer.channel;

-- ---- tags -----------------------------------------------------------------------------------
SELECT t, tracer.pages_as_symptom(t::jsonb)
  FROM unnest(ARRAY['{"page_as_symptom": true}', '{"page_as_symptom": "Yes"}', '{"page_as_symptom": 1}', '{"page_as_symptom": false}', '{"page_as_symptom": "No"}',
                    '{"page_as_symptom": ""}', '{"page_as_symptom": null}', '{}', '["page_as_symptom"]', NULL]) AS t;

-- ---- settings -------------------------------------------------------------------------------
SELECT tracer.set('incident_url', 'ops.example.com/{incident}');
SELECT tracer.set('incident_url', ' https://ops.example.com/{incident} ');
SELECT tracer.set('incident_url', '');
SELECT name FROM tracer.setting WHERE concerns = 'notification' LIMIT 3;

-- ---- what cannot be refused, the doctor names ---------------------------------------------
INSERT INTO tracer.channel (name, kind, settings) VALUES
  ('address', 'webhook', '{"url": "hooks.example.com/x"}'), ('blank', 'webhook', '{"url": "https://hooks.example.com/a b"}'), ('empty', 'webhook', '{"url": ""}'),
  ('header', 'webhook', '{"url": "https://x", "headers": {"X-A": null, "X B": "y"}}'), ('host', 'webhook', '{"url": "https://x", "headers": {"Host": "y"}}'),
  ('long', 'webhook', '{"url": "https://x", "timeout_ms": 99999999999.5}'), ('mail', 'email', '{"url": "mail.example.com", "from": "a@b.c", "to": "d@e.f", "starttls": "true"}'),
  ('nothing', 'webhook', '{"url": "https://x", "timeout_ms": null}'), ('relay', 'webhook', '{"url": "smtp://x"}'),
  ('typo', 'slack', '{"channel": "C1", "chanel": "C2", "invite": "U1", "token": "xoxb-1"}');
SELECT tracer.set_secret('typo', 'token', 'xoxb-1');
INSERT INTO tracer.channel_kind (name, function) VALUES ('sms', 'ops.render_sms');
SELECT * FROM tracer.doctor() WHERE topic = 'channels';
UPDATE tracer.channel SET kind = 'teams', settings = '{"url": "https://x"}' WHERE name = 'typo';
SELECT * FROM tracer.doctor() WHERE subject = 'typo';
SELECT f.timeout_ms, f.headers FROM tracer.fill_secrets('{"url": "https://x", "timeout_ms": 99999999999.5, "headers": {"X-A": null, "X-B": "y"}}', 'c', '{}', 'k', now()) f;
SELECT tracer.link('raw', 'orders');
UPDATE tracer.asset SET owner = 'platform', kind = 'table', tier = 1 WHERE name = 'raw';
INSERT INTO tracer.route (position, match, channels, mode) VALUES
  (1, '{"owner": "platform", "root.kind": "table", "affected.asset": "orders", "tier": "1"}', '{address}', NULL),
  (2, '{"owner": "platfrom", "root.kind": "tabel", "affected.asset": "oders", "tier": "9", "tags.x": "y"}', '{address}', NULL),
  (3, '{"owner": "=~nobody", "asset": "!=x", "kind": ""}', '{address}', NULL),
  (4, '{}', '{}', 'mute'), (5, '{"severity": "error"}', '{address}', NULL), (6, '{"role": "at_risk"}', '{address}', NULL);
INSERT INTO tracer.silence (matchers, starts_at, ends_at, comment) VALUES
  ('{}', now(), '2999-01-01 00:00+00', 'all'), ('{}', now(), 'infinity', 'for ever'), ('{"owner": "slaes"}', now(), 'infinity', 'typo'),
  ('{}', now() - interval '2 hours', now() - interval '1 hour', 'over'), ('{"owner": "over"}', now() - interval '2 hours', now() - interval '1 hour', 'over');
SELECT * FROM tracer.doctor() WHERE topic = 'rules';
DELETE FROM tracer.route WHERE position < 4;
SELECT severity, problem FROM tracer.doctor() WHERE topic = 'rules' AND subject LIKE '%rule%';
SET client_min_messages = error;
DROP EXTENSION tracer CASCADE;
