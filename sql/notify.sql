-- Who hears what, when, and what becomes of it: notifications on a clock of our own.
\getenv top PG_ABS_SRCDIR
\set helpers :top '/test/lib/notify.sql'
\set ECHO none
\i :helpers
\set ECHO all

-- ---- wrong input ------------------------------------------------------------------
\set VERBOSITY terse
INSERT INTO tracer.route VALUES (1, '["role=root"]');
INSERT INTO tracer.route VALUES (1, '{"colour": "red"}');
INSERT INTO tracer.route VALUES (1, '{"owner": ["sales", "finance"]}');
INSERT INTO tracer.route VALUES (1, '{"owner": "=~("}');
INSERT INTO tracer.route VALUES (1, '{"time": "at night"}');
INSERT INTO tracer.route VALUES (1, '{"time": "=~Mon 09:00-17:00"}');
INSERT INTO tracer.route VALUES (1, '{"time": "Mon-Fri 09:00-17:00 Mars/Olympus"}');
INSERT INTO tracer.route VALUES (1, '{}', '{}', 'shout');
INSERT INTO tracer.silence (matchers, ends_at, comment) VALUES ('{}', now() - interval '1 hour', 'over');
INSERT INTO tracer.silence (matchers, ends_at, comment) VALUES ('{}', 'infinity', ' ');
INSERT INTO tracer.channel VALUES ('c', 'webhook', '[]');
SELECT tracer.set('mode', 'loud');
SELECT tracer.set('digest_at', '25:00');
SELECT tracer.set_secret('nowhere', 'token', 'x');
SELECT tracer.test_channel('nowhere');
SELECT tracer.test_channel(NULL);
SELECT tracer.preview('nowhere', 1);
SELECT tracer.explain_route(987654321);
SELECT tracer.resend(987654321);
\set VERBOSITY default
SELECT name, value, concerns FROM tracer.setting WHERE concerns = 'notification' ORDER BY name;

-- ---- matchers, as Alertmanager's ----------------------------------------------------
SELECT m.op, m.wanted, m.found, tracer.matcher_holds(m.op, m.wanted, m.found::jsonb)
  FROM (VALUES ('=', 'a', '"a"'), ('=', 'a', '"b"'), ('!=', 'a', '"b"'), ('=', '', NULL), ('!=', '', NULL), ('=', 'a', NULL), ('=~', 'a|b', '"b"'),
               ('=~', 'a', '"ba"'), ('!~', 'a.*', '"abc"'), ('=', '2', '2'), ('=', 'true', 'true'), ('=', 'a', '["b","a"]'), ('!=', 'a', '["b","a"]'),
               ('!~', 'c', '["b","a"]'), ('=', '', '[]'), ('=~', '.+', '[null]')) AS m (op, wanted, found);
SELECT * FROM tracer.matchers('{"owner": "!=sales", "tags.a.b": "=~x|y", "root.tags.team": "z", "label.cluster": "!~prod.*", "tier": 1, "title": "=eq"}') ORDER BY key;

-- Wall-clock windows, across both changes of the clock in London.
SELECT at, tracer.in_window('Sat,Sun 00:30-02:30 Europe/London', at, NULL) AS weekend, tracer.in_window('22:00-06:00', at, 'Europe/London') AS night
  FROM unnest('{2026-03-29 00:15+00,2026-03-29 00:45+00,2026-03-29 01:15+00,2026-03-29 01:45+00,2026-03-29 05:15+00,
               2026-10-24 23:45+00,2026-10-25 00:15+00,2026-10-25 01:15+00,2026-10-25 02:15+00,2026-10-25 02:45+00,2026-10-25 21:59+00,2026-10-25 22:00+00}'::timestamptz[]) AS at;
-- Over midnight it belongs to the day on which it began.
SELECT at, tracer.in_window('Fri 22:00-06:00 UTC', at, NULL), tracer.in_window('Fri-Mon 00:00-24:00 UTC', at, NULL) AS long_weekend
  FROM unnest('{2026-01-02 05:00+00,2026-01-02 23:00+00,2026-01-03 05:00+00,2026-01-03 23:00+00,2026-01-05 23:59+00,2026-01-06 00:00+00}'::timestamptz[]) AS at;

-- ---- HMAC: RFC 4231, and the example of Standard Webhooks ------------------------------
SELECT encode(tracer.hmac_sha256(data, key), 'hex')
  FROM (VALUES ('Hi There'::bytea, decode(repeat('0b', 20), 'hex')), ('what do ya want for nothing?', 'Jefe'),
               ('Test Using Larger Than Block-Size Key - Hash Key First', decode(repeat('aa', 131), 'hex'))) AS v (data, key);
SELECT (tracer.fill_secrets('{"url": "http://x", "body": "{\"test\": 2432232314}", "secrets": [{"secret": "k", "as": "signature"}]}', 'c',
          '{"k": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}', 'msg_p5jXN8AQM9LWM0D4loKWxJek', to_timestamp(1614265330))).headers;

-- ---- the estate ----------------------------------------------------------------------
\set estate :top '/test/lib/notify_estate.sql'
\set ECHO none
\i :estate
\set ECHO all
-- ---- a cascade that somebody takes ----------------------------------------------------------
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.run_until('1 minute');
CALL pg_temp.fires('orders', 'orders is late');
CALL pg_temp.run_until('4 minutes');
CALL pg_temp.person($$SELECT tracer.acknowledge(max(incident_id), 'night shift') FROM tracer.incidents$$);
CALL pg_temp.run_until('20 minutes');
CALL pg_temp.fires('revenue', 'revenue is low');
CALL pg_temp.fires('board', 'board is stale');
CALL pg_temp.run_until('40 minutes');
CALL pg_temp.person($$SELECT tracer.note(max(incident_id), 'the vendor sent no file', 'night shift') FROM tracer.incidents$$);
CALL pg_temp.run_until('2 hours');
CALL pg_temp.person($$SELECT tracer.resolve(max(incident_id), 'file re-sent', by => 'night shift') FROM tracer.incidents$$);
CALL pg_temp.run_until('3 hours');
SELECT * FROM told;
-- What they read: origin, what is affected and since when first.
SELECT x.what, left(c.headline, 80) AS phone, array_length(c.lines, 1) AS lines
  FROM (SELECT 'first' AS what, body::jsonb AS b FROM heard WHERE n = 1 UNION ALL SELECT 'last', body::jsonb FROM heard WHERE n = (SELECT max(n) FROM heard)) AS x
 CROSS JOIN LATERAL tracer.compose(x.b -> 'data' || '{"opened_at": "2026-01-05 03:00+00", "resolved_at": "2026-01-05 05:00+00"}', x.b -> 'data', 'UTC') c;
CALL pg_temp.curtain();

-- ---- suppression fails open ----------------------------------------------------------------
-- nobody takes it
CALL pg_temp.fires('raw', 'raw is empty again');
CALL pg_temp.fires('orders', 'orders is late again');
CALL pg_temp.run_until('90 minutes');
SELECT * FROM told;
CALL pg_temp.curtain();
-- its channel cannot be reached, permanently; finance is told, then paged at once
INSERT INTO reply VALUES ('platform-page', 404, NULL, 'no such hook');
CALL pg_temp.fires('raw', 'raw is empty, third');
CALL pg_temp.fires('orders', 'orders is late, third');
CALL pg_temp.run_until('30 minutes');
SELECT * FROM told;
SELECT channel, event, state, error FROM tracer.notifications WHERE state = 'dead';
-- a dead letter goes out again under the same key, with what is so now
TRUNCATE reply;
CALL pg_temp.person($$SELECT tracer.resend(notification_id) FROM tracer.notifications WHERE state = 'dead'$$);
CALL pg_temp.run_until('31 minutes');
SELECT channel, count(DISTINCT key) AS keys, array_agg(attempt ORDER BY n) AS attempts, array_agg(outcome ORDER BY n) AS outcomes FROM heard WHERE event = 'opened' AND channel = 'platform-page' GROUP BY 1;
CALL pg_temp.curtain();
-- a fallback channel takes it instead
INSERT INTO tracer.channel VALUES ('duty', 'webhook', '{"url": "https://duty.example.com/"}');
SELECT tracer.set('fallback_channel', 'duty');
INSERT INTO reply VALUES ('platform-page', 410, NULL, 'gone');
CALL pg_temp.fires('raw', 'raw is empty, fourth');
CALL pg_temp.fires('nobodys', 'nobody knows this');
CALL pg_temp.run_until('5 minutes');
SELECT * FROM told;
SELECT tracer.set('fallback_channel', NULL);
CALL pg_temp.curtain();
-- the root cause is not sure enough
SELECT tracer.set('suppress_confidence', '0.99');
CALL pg_temp.fires('raw', 'raw is empty, fifth');
CALL pg_temp.fires('orders', 'orders is late, fifth');
CALL pg_temp.run_until('5 minutes');
SELECT * FROM told;
SELECT tracer.set('suppress_confidence', NULL);
CALL pg_temp.curtain();
-- nobody was paged for it: a rule mutes the root cause
INSERT INTO tracer.route VALUES (10, '{"role": "root", "asset": "raw"}', '{}', 'mute');
CALL pg_temp.fires('raw', 'raw is empty, sixth');
CALL pg_temp.fires('orders', 'orders is late, sixth');
CALL pg_temp.run_until('5 minutes');
SELECT * FROM told;
DELETE FROM tracer.route;
CALL pg_temp.curtain();
-- some symptoms always page
UPDATE tracer.asset SET tags = '{"page_as_symptom": "yes"}' WHERE name = 'board';
CALL pg_temp.fires('raw', 'raw is empty, seventh');
CALL pg_temp.fires('orders', 'orders is late, seventh');
CALL pg_temp.fires('board', 'board is stale, seventh');
CALL pg_temp.run_until('5 minutes');
SELECT * FROM told;
SELECT e.role, e.asset, e.why, e.mode, e.channels FROM tracer.incidents i, tracer.explain_route(i.incident_id) e WHERE i.status <> 'resolved' ORDER BY e.role, e.asset;
UPDATE tracer.asset SET tags = NULL WHERE name = 'board';
CALL pg_temp.curtain();

-- ---- late news ------------------------------------------------------------------------------
-- The upstream alert arrives within group_wait: nobody is woken for the symptom.
CALL pg_temp.fires('board', 'board is stale');
CALL pg_temp.run_until('90 seconds');
CALL pg_temp.fires('orders', 'orders is late', '-10 minutes');
CALL pg_temp.run_until('4 minutes');
SELECT * FROM told;
CALL pg_temp.curtain();
-- It arrives after: the page has gone out, its owner hears that the cause is another.
CALL pg_temp.fires('board', 'board is stale');
CALL pg_temp.run_until('3 minutes');
CALL pg_temp.fires('orders', 'orders is late', '-10 minutes');
CALL pg_temp.run_until('9 minutes');
SELECT * FROM told;
CALL pg_temp.curtain();

-- Two incidents become one. Who knows only one hears it on the same thread; who
-- knows both hears it on each, and one of them ends.
INSERT INTO tracer.route VALUES (10, '{"role": "root"}', '{finance-chat}', 'inform', true);
CALL pg_temp.fires('orders', 'orders is late');
CALL pg_temp.run_until('5 minutes');
INSERT INTO tracer.asset (name, owner) VALUES ('erp', 'platform');
CALL pg_temp.fires('erp', 'erp is down');
CALL pg_temp.run_until('10 minutes');
CREATE TEMP TABLE keys AS SELECT channel, incident_id, substring(key FROM '^(.*)-') AS thread FROM heard;
CALL pg_temp.person($$SELECT tracer.merge(min(incident_id), max(incident_id)) FROM keys$$);
CALL pg_temp.run_until('20 minutes');
CALL pg_temp.person($$SELECT tracer.resolve(min(incident_id)) FROM keys$$);
CALL pg_temp.run_until('30 minutes');
SELECT after, channel, incident_id - (SELECT min(incident_id) FROM keys) AS incident, events, mode, role,
       (SELECT k.incident_id - (SELECT min(incident_id) FROM keys) FROM keys k WHERE k.thread = substring(h.key FROM '^(.*)-') LIMIT 1) AS thread_of FROM heard h ORDER BY n;
DELETE FROM tracer.route;
CALL pg_temp.curtain();

-- One becomes two.
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.fires('orders', 'orders is late', '1 second');
CALL pg_temp.fires('revenue', 'revenue is low', '2 seconds');
CALL pg_temp.run_until('5 minutes');
CALL pg_temp.person($$SELECT tracer.acknowledge(max(incident_id), 'night shift') FROM tracer.incidents$$);
SELECT count(*) FROM (SELECT tracer.split(max(incident_id), 'revenue', 'night shift') FROM tracer.incidents) AS s;
CALL pg_temp.run_until('20 minutes');
SELECT * FROM told;
CALL pg_temp.curtain();

-- ---- coalescing, editing in place, mail --------------------------------------------------------
INSERT INTO tracer.channel VALUES ('slack', 'slack', '{"channel": "C1"}'), ('mail', 'email', '{"url": "smtp://localhost", "from": "tracer@example.com", "to": "data@example.com"}');
SELECT tracer.set_secret('slack', 'token', 'xoxb-secret-token');
UPDATE tracer.team SET page = '{slack,mail}', inform = '{slack}' WHERE name = 'platform';
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.run_until('1 minute');
CALL pg_temp.fires('orders', 'orders is late');
CALL pg_temp.run_until('2 minutes');
CALL pg_temp.fires('payments', 'payments are late');
CALL pg_temp.person($$SELECT tracer.note(max(incident_id), 'looking', 'night shift') FROM tracer.incidents$$);
CALL pg_temp.run_until('10 minutes');
CALL pg_temp.fires('revenue', 'revenue is low');
CALL pg_temp.run_until('20 minutes');
CALL pg_temp.person($$SELECT tracer.acknowledge(max(incident_id), 'night shift') FROM tracer.incidents$$);
CALL pg_temp.run_until('21 minutes');
CALL pg_temp.person($$SELECT tracer.resolve(max(incident_id)) FROM tracer.incidents$$);
CALL pg_temp.run_until('30 minutes');
CALL pg_temp.person($$SELECT tracer.reopen(max(incident_id)) FROM tracer.incidents$$);
CALL pg_temp.run_until('40 minutes');
SELECT after, channel, event, events, form, substring(url FROM '[^/]*$') AS method,
       CASE WHEN channel = 'slack' THEN body::jsonb ? 'thread_ts' END AS in_thread, CASE WHEN channel = 'slack' THEN body::jsonb ? 'reply_broadcast' END AS broadcast
  FROM heard WHERE channel IN ('slack', 'mail') ORDER BY n;
UPDATE tracer.team SET page = '{platform-page}', inform = '{platform-chat}' WHERE name = 'platform';
CALL pg_temp.curtain();

-- ---- silences and maintenance windows -----------------------------------------------------------
-- They mute pages, never a resolve, and say what they muted; symptoms do not fail
-- open for something that is known.
INSERT INTO tracer.silence (matchers, starts_at, ends_at, comment)
SELECT '{"asset": "raw"}', at - interval '1 hour', at + interval '30 minutes', 'vendor maintenance' FROM clock;
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.fires('orders', 'orders is late');
CALL pg_temp.run_until('25 minutes');
SELECT * FROM told;
SELECT n.channel, n.state, s.comment FROM tracer.notifications n JOIN tracer.silence s USING (silence_id);
-- It ends, and they still fail.
CALL pg_temp.run_until('31 minutes');
SELECT * FROM told;
INSERT INTO tracer.silence (matchers, starts_at, ends_at, comment) SELECT '{}', at, at + interval '1 day', 'everything' FROM clock;
CALL pg_temp.run_until('32 minutes');
CALL pg_temp.person($$SELECT tracer.resolve(max(incident_id)) FROM tracer.incidents$$);
CALL pg_temp.run_until('50 minutes');
SELECT after, channel, events FROM heard WHERE events @> '{resolved}' ORDER BY n;
DELETE FROM tracer.silence;
CALL pg_temp.curtain();
-- Deleted before its time, it mutes no longer; a window comes every day.
INSERT INTO tracer.silence (matchers, starts_at, ends_at, comment)
SELECT jsonb_build_object('time', format('%s-%s UTC', to_char(at - interval '1 hour', 'HH24:MI'), to_char(at + interval '1 hour', 'HH24:MI'))), at - interval '1 hour', 'infinity', 'every day' FROM clock;
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.run_until('50 minutes');
SELECT count(*) AS during FROM heard;
CALL pg_temp.run_until('62 minutes');
SELECT channel, events, after BETWEEN '59 minutes' AND '61 minutes' AS at_its_end FROM heard;
DELETE FROM tracer.silence;
CALL pg_temp.curtain();

-- ---- routes ------------------------------------------------------------------------------------
-- Customer-facing things break: the engineers on call. Internal ones: the data
-- team in working hours. What is at risk only where somebody asks.
INSERT INTO tracer.channel VALUES ('oncall', 'webhook', '{"url": "https://oncall.example.com/"}'), ('risk', 'webhook', '{"url": "https://risk.example.com/"}');
UPDATE tracer.asset SET tags = '{"customer_facing": "yes"}', kind = 'dashboard', tier = 1 WHERE name = 'board';
INSERT INTO tracer.route (position, match, channels, mode) VALUES
  (10, '{"role": "at_risk", "tags.customer_facing": "yes"}', '{risk}', 'inform'),
  (20, '{"role": "root", "affected.tags.customer_facing": "yes", "severity": "=~error|critical"}', '{oncall}', 'page'),
  (30, '{"role": "root", "severity": "=~error|critical", "time": "!=00:00-24:00"}', '{oncall}', 'page'),
  (40, '{"role": "root"}', '{}', 'inform');
CALL pg_temp.fires('orders', 'orders is late');
CALL pg_temp.fires('payments', 'payments are late');
CALL pg_temp.run_until('3 minutes');
SELECT channel, events, mode, role, reason FROM heard ORDER BY n;
SELECT e.role, e.asset, e.rule, e.matches, e.why, e.mode, e.channels FROM tracer.incidents i, tracer.explain_route(i.incident_id) e WHERE i.status <> 'resolved' ORDER BY i.origin_asset, e.role, e.asset, e.rule;
DELETE FROM tracer.route;
UPDATE tracer.asset SET tags = NULL, kind = NULL, tier = NULL;
CALL pg_temp.curtain();
-- By labels, and further rules.
INSERT INTO tracer.route VALUES (10, '{"label.env": "prod"}', '{oncall}', 'page', true), (20, '{"owner": "!=sales"}', '{}', 'mute', false);
CALL pg_temp.run_until('1 second');
INSERT INTO tracer.alert (asset, title, fired_at, labels) SELECT v.asset, 'fails', at, jsonb_build_object('env', v.env) FROM clock, (VALUES ('orders', 'prod'), ('payments', 'test')) AS v (asset, env);
CALL pg_temp.run_until('3 minutes');
SELECT channel, events, mode, reason FROM heard ORDER BY n;
DELETE FROM tracer.route;
CALL pg_temp.curtain();
-- Imported history wakes nobody.
CALL pg_temp.fires('archive', 'long ago', '-25 hours');
CALL pg_temp.run_until('1 hour');
SELECT count(*) AS told FROM heard;
CALL pg_temp.curtain();

-- ---- delivery ------------------------------------------------------------------------------------
-- Retried with backoff, under one key, and then it goes through; no other channel waits.
INSERT INTO reply VALUES ('platform-page', 503, NULL, 'busy');
SELECT tracer.set('acknowledge_within', '1 day');
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.fires('orders', 'orders is late');
CALL pg_temp.run_until('20 minutes');
SELECT channel, count(DISTINCT key) AS keys, count(*) BETWEEN 5 AND 60 AS some_attempts, min(outcome), max(after) FILTER (WHERE channel = 'sales-chat') AS last FROM heard GROUP BY channel ORDER BY channel;
SELECT state, error, resume_at IS NOT NULL AS left_alone FROM tracer.channels WHERE name = 'platform-page';
TRUNCATE reply;
CALL pg_temp.run_until('30 minutes');
SELECT count(*) FILTER (WHERE outcome = 'sent') AS sent, count(DISTINCT key) AS keys FROM heard WHERE channel = 'platform-page' AND event = 'opened';
SELECT state FROM tracer.channels WHERE name = 'platform-page';
SELECT count(*) AS log, bool_and(attempt = n) AS gapless
  FROM (SELECT a.attempt, row_number() OVER (ORDER BY a.attempt) AS n FROM tracer.delivery_attempt a JOIN tracer.notifications x USING (notification_id)
         WHERE x.channel = 'platform-page' AND x.event = 'opened' AND x.notification_id = (SELECT max(notification_id) FROM tracer.notifications WHERE channel = 'platform-page' AND event = 'opened')) AS g \gset a_
SELECT :a_log >= 5 AS logged, :'a_gapless' AS gapless;
CALL pg_temp.curtain();
-- Retry-After is honoured, the channel is left in peace until then.
INSERT INTO reply VALUES ('platform-page', 429, NULL, 'slow down', 600);
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.run_until('11 minutes');
SELECT after, status_of.status, outcome FROM heard CROSS JOIN LATERAL (SELECT 429 AS status) AS status_of WHERE channel = 'platform-page' ORDER BY n;
SELECT tracer.set('acknowledge_within', NULL);
TRUNCATE reply;
CALL pg_temp.curtain();
-- Over before it could be sent: nobody hears of it, neither of its end.
INSERT INTO reply VALUES ('platform-page', NULL, 'connection refused');
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.run_until('3 minutes');
CALL pg_temp.person($$SELECT tracer.resolve(max(incident_id)) FROM tracer.incidents$$);
TRUNCATE reply;
CALL pg_temp.run_until('30 minutes');
SELECT count(*) FILTER (WHERE outcome = 'sent') AS arrived FROM heard;
SELECT state, reason FROM tracer.notifications ORDER BY notification_id DESC LIMIT 1;
CALL pg_temp.curtain();
-- A sender that died between sending and recording: same message, same key.
CALL pg_temp.fires('raw', 'raw is empty');
UPDATE clock SET at = at + interval '3 minutes';
CALL pg_temp.person('SELECT tracer.correlate()');
CREATE TEMP TABLE first_claim AS SELECT q.* FROM clock, tracer.claim_notifications(10, '1 minute', at) q;
SELECT count(*) AS while_leased FROM clock, tracer.claim_notifications(10, '1 minute', at + interval '59 seconds');
CREATE TEMP TABLE second_claim AS SELECT q.* FROM clock, tracer.claim_notifications(10, '1 minute', at + interval '61 seconds') q;
SELECT f.notification_id = s.notification_id AS same, f.attempt, s.attempt, f.body::jsonb ->> 'id' = s.body::jsonb ->> 'id' AS same_key FROM first_claim f, second_claim s;
SELECT attempt, outcome, error FROM tracer.delivery_attempt WHERE notification_id = (SELECT notification_id FROM first_claim);
-- The first one's answer comes late after all: it counts.
SELECT tracer.record_deliveries(array_agg(notification_id), array_agg(attempt), '{200}', '{NULL}', '{NULL}', '{ok}', '{NULL}', '{1}', '{2}') FROM first_claim;
SELECT state FROM tracer.notifications WHERE notification_id = (SELECT notification_id FROM first_claim);
SELECT tracer.record_deliveries(array_agg(notification_id), array_agg(attempt), '{503}', '{NULL}', '{NULL}', '{no}', '{NULL}', '{1}', '{2}') FROM second_claim;
SELECT state FROM tracer.notifications WHERE notification_id = (SELECT notification_id FROM first_claim);
CALL pg_temp.curtain();
-- A message that cannot be rendered stops no other.
UPDATE tracer.team SET page = '{mail,platform-page,slack}' WHERE name = 'platform';
UPDATE tracer.channel SET settings = '{"url": "smtp://localhost", "from": "no address", "to": "data@example.com"}' WHERE name = 'mail';
UPDATE tracer.channel SET settings = '{}' WHERE name = 'slack';
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.run_until('3 minutes');
SELECT * FROM told;
SELECT channel, state, error FROM tracer.notifications WHERE state = 'dead' AND channel IN ('mail', 'slack') ORDER BY notification_id;
UPDATE tracer.team SET page = '{platform-page}' WHERE name = 'platform';
CALL pg_temp.curtain();
-- A kind of one's own: its function runs as a role that may do nothing else, and
-- sees no secret.
CREATE ROLE regress_tracer_guest;
CREATE SCHEMA guest AUTHORIZATION regress_tracer_guest;
CREATE FUNCTION guest.render(incident jsonb, event jsonb, channel jsonb) RETURNS jsonb LANGUAGE sql AS $$
SELECT jsonb_build_object('url', channel -> 'settings' ->> 'url', 'secrets', '[{"secret": "token", "as": "header", "name": "X-Key"}]'::jsonb,
         'body', format('%s as %s: %s', coalesce(event ->> 'event', '?'), current_user, event -> 'body' ->> 'headline')) $$;
GRANT EXECUTE ON FUNCTION guest.render(jsonb, jsonb, jsonb) TO regress_tracer_guest;
INSERT INTO tracer.channel_kind (name, function, owner) VALUES ('own', 'guest.render', 'regress_tracer_guest'), ('bad', 'guest.nothing', 'regress_tracer_guest'), ('root', 'guest.render', (SELECT rolname FROM pg_roles WHERE oid = 10));
INSERT INTO tracer.channel VALUES ('own', 'own', '{"url": "https://own.example.com/"}'), ('bad', 'bad', '{}'), ('root', 'root', '{}'), ('lost', 'no such kind', '{}');
CALL pg_temp.person($$SELECT tracer.set_secret('own', 'token', 'guest-secret'), tracer.test_channel('own'), tracer.test_channel('bad'), tracer.test_channel('root'), tracer.test_channel('lost')$$);
SELECT q.channel, q.url, q.headers, q.body FROM clock, tracer.claim_notifications(10, '1 hour', at) q;
SELECT channel, state, error IS NOT NULL AS says_why FROM tracer.notifications WHERE channel IN ('own', 'bad', 'root', 'lost') ORDER BY channel;
DELETE FROM tracer.channel WHERE name IN ('own', 'bad', 'root', 'lost');
DELETE FROM tracer.channel_kind;
-- A rate limit: a burst, and then evenly.
UPDATE tracer.channel SET rate_limit = 12 WHERE name = 'duty';
SELECT count(tracer.test_channel('duty')) FROM generate_series(1, 6);
SELECT count(*) AS at_once FROM clock, tracer.claim_notifications(10, '1 hour', at);
SELECT count(*) AS in_five_seconds FROM clock, tracer.claim_notifications(10, '1 hour', at + interval '5 seconds');
SELECT count(*) AS in_fifteen FROM clock, tracer.claim_notifications(10, '1 hour', at + interval '15 seconds');
DELETE FROM tracer.notification;

-- What happens while a message waits goes with it: a page that may have arrived
-- and is over is not sent as one.
UPDATE tracer.channel SET kind = 'pagerduty', settings = '{}' WHERE name = 'platform-page';
SELECT tracer.set_secret('platform-page', 'routing_key', '0123456789abcdef0123456789abcdef');
INSERT INTO reply VALUES ('platform-page', 500, NULL, 'oops');
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.run_until('2 minutes');
CALL pg_temp.person($$SELECT tracer.resolve(max(incident_id)) FROM tracer.incidents$$);
TRUNCATE reply;
CALL pg_temp.run_until('30 minutes');
SELECT event, events, outcome, body::jsonb ->> 'event_action' AS action FROM heard ORDER BY n DESC LIMIT 1;
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.run_until('40 minutes');
INSERT INTO reply VALUES ('platform-page', 500, NULL, 'oops');
CALL pg_temp.fires('orders', 'orders is late', '41 minutes');
CALL pg_temp.run_until('50 minutes');
CALL pg_temp.person($$SELECT tracer.acknowledge(max(incident_id)) FROM tracer.incidents$$);
CALL pg_temp.person($$SELECT tracer.resolve(max(incident_id)) FROM tracer.incidents$$);
TRUNCATE reply;
CALL pg_temp.run_until('60 minutes');
SELECT event, events, outcome, body::jsonb ->> 'event_action' AS action FROM heard WHERE channel = 'platform-page' ORDER BY n DESC LIMIT 1;
UPDATE tracer.channel SET kind = 'webhook', settings = '{"url": "https://hooks.example.com/"}' WHERE name = 'platform-page';
CALL pg_temp.curtain();
DELETE FROM tracer.notification;

-- ---- shadow mode and digest -----------------------------------------------------------------------
SELECT tracer.set('mode', 'shadow');
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.fires('orders', 'orders is late');
CALL pg_temp.fires('payments', 'payments are late');
CALL pg_temp.fires('revenue', 'revenue is low');
CALL pg_temp.fires('board', 'board is stale');
CALL pg_temp.run_until('3 hours');
SELECT count(*) AS left_the_house FROM heard;
SELECT channel, event, mode, state FROM tracer.notifications ORDER BY notification_id;
SELECT d.team, d.alerts, d.pages, d.informed, d.words FROM clock, tracer.digest(NULL, started - interval '1 minute', at + interval '1 minute') d;
-- What began in shadow ends in shadow, live or not.
SELECT tracer.set('mode', 'live');
CALL pg_temp.person($$SELECT tracer.resolve(max(incident_id)) FROM tracer.incidents$$);
CALL pg_temp.run_until('4 hours');
SELECT count(*) AS left_the_house FROM heard;
SELECT channel, event, state FROM tracer.notifications WHERE event = 'resolved' ORDER BY channel;
-- One digest a day for each team, on its own clock.
CALL pg_temp.curtain();
CALL pg_temp.person($$SELECT tracer.set('digest_at', to_char((at AT TIME ZONE 'Europe/London') + interval '5 hours', 'HH24:MI')) FROM clock$$);
CALL pg_temp.fires('board', 'board is stale');
CALL pg_temp.run_until('12 hours');
CALL pg_temp.fires('board', 'board is stale');
CALL pg_temp.run_until('47 hours');
SELECT channel, event, count(*) AS days, count(DISTINCT key) AS keys, min(after) BETWEEN '4 hours 59 minutes' AND '5 hours' AS on_time FROM heard WHERE event = 'digest' GROUP BY 1, 2 ORDER BY 1;
SELECT (body::jsonb -> 'data' ->> 'headline') FROM heard WHERE event = 'digest' AND channel = 'finance-chat' ORDER BY n LIMIT 1;
-- It tells of the day before its time: what fires an hour later waits for the next.
CALL pg_temp.curtain();
CALL pg_temp.person($$SELECT tracer.set('digest_at', to_char((at AT TIME ZONE 'Europe/London') - interval '1 hour', 'HH24:MI')) FROM clock$$);
CALL pg_temp.run_until('24 hours');
UPDATE clock SET started = at;
TRUNCATE heard;
CALL pg_temp.fires('board', 'board is stale');
CALL pg_temp.run_until('30 minutes');
CALL pg_temp.person($$UPDATE tracer.team SET time_zone = time_zone$$);
CALL pg_temp.run_until('24 hours');
SELECT channel, after BETWEEN '22 hours 58 minutes' AND '23 hours' AS next_day FROM heard WHERE event = 'digest';
-- One that is due before midnight belongs to the day that ends.
CALL pg_temp.person($$SELECT tracer.set('digest_at', '23:50')$$);
CALL pg_temp.person($$UPDATE clock SET at = ((at AT TIME ZONE 'Europe/London')::date + 2 + time '23:40') AT TIME ZONE 'Europe/London'$$);
UPDATE clock SET started = at;
TRUNCATE heard;
CALL pg_temp.fires('board', 'board is stale again');
CALL pg_temp.run_until('30 minutes');
CALL pg_temp.person($$UPDATE tracer.team SET time_zone = time_zone$$);
CALL pg_temp.fires('board', 'board is stale once more');
CALL pg_temp.run_until('25 hours');
SELECT channel, after FROM heard WHERE event = 'digest';
CALL pg_temp.person($$SELECT tracer.set('digest_at', NULL)$$);
CALL pg_temp.curtain();

-- ---- the four cascades ------------------------------------------------------------------------------
-- Each as it came, to teams with a channel each for pages and for the rest;
-- whoever is paged for the root cause takes it after 8 minutes.
\set doc `cat $PG_ABS_SRCDIR/test/data/cascades/transaction_processing.json`
CREATE TEMP TABLE cascade AS SELECT 1 AS n, :'doc'::jsonb AS doc;
\set doc `cat $PG_ABS_SRCDIR/test/data/cascades/model_training.json`
INSERT INTO cascade VALUES (2, :'doc');
\set doc `cat $PG_ABS_SRCDIR/test/data/cascades/compensation_analytics.json`
INSERT INTO cascade VALUES (3, :'doc');
\set doc `cat $PG_ABS_SRCDIR/test/data/cascades/dbt_in_airflow.json`
INSERT INTO cascade VALUES (4, :'doc');
INSERT INTO tracer.asset (name, kind, owner, tier)
SELECT a.name, a.kind, a.owner, a.tier FROM cascade, jsonb_to_recordset(doc -> 'assets') AS a (name text, kind text, owner text, tier int);
CALL pg_temp.person($$SELECT tracer.link(array_agg(e ->> 0), array_agg(e ->> 1)) FROM cascade, jsonb_array_elements(doc -> 'lineage') AS e$$);
CALL pg_temp.person($$SELECT tracer.link(array_agg(e ->> 0), array_agg(e ->> 1), kind => 'runs') FROM cascade, jsonb_array_elements(doc -> 'runs') AS e$$);
DELETE FROM tracer.team;
INSERT INTO tracer.team SELECT DISTINCT owner, ARRAY[owner || '!'], ARRAY[owner] FROM tracer.asset WHERE owner IS NOT NULL;
INSERT INTO tracer.channel SELECT DISTINCT unnest(page || inform), 'webhook', '{"url": "https://hooks.example.com/"}'::jsonb FROM tracer.team;
CREATE PROCEDURE pg_temp.replay(which int) LANGUAGE plpgsql AS $$
DECLARE
    a     record;
    taken boolean := false;
BEGIN
    FOR a IN SELECT x.*, x.fired_at - min(x.fired_at) OVER () AS after
               FROM cascade, jsonb_to_recordset(doc -> 'alerts') AS x (asset text, title text, severity tracer.severity, status tracer.status, source text, fired_at timestamptz, description text, run_id text)
              WHERE n = which
              ORDER BY fired_at, asset COLLATE "C"
    LOOP
        CALL pg_temp.run_until(a.after);
        INSERT INTO tracer.alert (asset, title, severity, status, source, fired_at, description, run_id)
        SELECT a.asset, a.title, a.severity, a.status, a.source, c.started + a.after, a.description, a.run_id FROM clock c;
        IF NOT taken THEN
            a.after := a.after + interval '8 minutes';
            CALL pg_temp.run_until(a.after);
            PERFORM tracer.acknowledge(incident_id, 'night shift') FROM tracer.incidents WHERE status = 'open';
            taken := true;
        END IF;
    END LOOP;
    a.after := a.after + interval '20 minutes';
    CALL pg_temp.run_until(a.after);
END
$$;
CALL pg_temp.replay(1);
SELECT after, channel, events, role FROM heard ORDER BY n;
SELECT sum(alerts) AS pages_before, sum(pages) AS pages FROM clock, tracer.digest(NULL, started - interval '1 hour', at + interval '1 hour');
CALL pg_temp.curtain();
CALL pg_temp.replay(2);
SELECT after, channel, events, role FROM heard ORDER BY n;
SELECT sum(alerts) AS pages_before, sum(pages) AS pages FROM clock, tracer.digest(NULL, started - interval '1 hour', at + interval '1 hour');
CALL pg_temp.curtain();
CALL pg_temp.replay(3);
SELECT after, channel, events, role FROM heard ORDER BY n;
SELECT sum(alerts) AS pages_before, sum(pages) AS pages FROM clock, tracer.digest(NULL, started - interval '1 hour', at + interval '1 hour');
CALL pg_temp.curtain();
CALL pg_temp.replay(4);
SELECT after, channel, events, role FROM heard ORDER BY n;
SELECT sum(alerts) AS pages_before, sum(pages) AS pages FROM clock, tracer.digest(NULL, started - interval '1 hour', at + interval '1 hour');
CALL pg_temp.curtain();

-- ---- nothing more to do -------------------------------------------------------------------------
SELECT count(*) AS news FROM tracer.notify_news;
SELECT tracer.plan_notifications(at), tracer.plan_notifications(at) FROM clock;
SELECT count(*) AS waiting FROM tracer.notification WHERE state IN ('due', 'sending');

-- Secrets are nowhere to be seen.
SELECT count(*) AS leaks FROM (SELECT row_to_json(n)::text AS t FROM tracer.notification n UNION ALL SELECT row_to_json(a)::text FROM tracer.delivery_attempt a
                               UNION ALL SELECT row_to_json(c)::text FROM tracer.channels c UNION ALL SELECT row_to_json(c)::text FROM tracer.channel c) AS x WHERE t LIKE '%xoxb%';
-- Nor where the other side repeats them, and its words are cut in the middle of one.
CREATE TEMP TABLE last AS SELECT notification_id AS id, channel FROM tracer.notification WHERE state = 'sent' ORDER BY notification_id DESC LIMIT 1;
INSERT INTO tracer.secret (channel, name, value) SELECT l.channel, s.name, s.value FROM last l, (VALUES ('x', 'xoxb-secret-token'), ('part', 'secret'), ('short', 'you')) AS s (name, value);
SELECT tracer.record_deliveries(ARRAY[l.id], '{99}', '{200}', ARRAY['you sent xoxb-secret-token to us'], '{NULL}',
                                ARRAY[repeat('x', 1990) || 'xoxb-secret-token'], '{NULL}', '{NULL}', '{NULL}', clock.at)
  FROM clock, last l;
SELECT error, ltrim(response, 'x') AS response FROM tracer.delivery_attempt WHERE attempt = 99;
SET client_min_messages = error;
DROP SCHEMA guest CASCADE;
DROP ROLE regress_tracer_guest;
DROP EXTENSION tracer CASCADE;
