-- Notifications where several things come together: what was found by trying.
\getenv top PG_ABS_SRCDIR
\set helpers :top '/test/lib/notify.sql'
\set estate :top '/test/lib/notify_estate.sql'
\set ECHO none
\i :helpers
\i :estate
\set ECHO all
INSERT INTO tracer.channel VALUES ('duty', 'webhook', '{"url": "https://duty.example.com/"}');
-- What they read, without the clock.
CREATE VIEW pg_temp.words AS
SELECT h.n, h.channel, h.events, regexp_replace(c.headline, '(since|after) .*', '\1 ...') AS headline,
       regexp_replace(array_to_string(c.lines, E'\n', '(NULL)'), '(incident |acknowledge\()\d+|(paged|Resolved) [^,]*UTC', '\1\2 ...', 'g') AS lines
  FROM heard h
 CROSS JOIN LATERAL tracer.compose(h.body::jsonb -> 'data', h.body::jsonb -> 'data', 'UTC') c
 WHERE h.body ~ 'specversion'
 ORDER BY h.n;
-- ---- what is over stays over at PagerDuty -----------------------------------------
UPDATE tracer.channel SET kind = 'pagerduty', settings = '{}' WHERE name = 'platform-page';
SELECT tracer.set_secret('platform-page', 'routing_key', '0123456789abcdef0123456789abcdef');
CREATE VIEW pg_temp.events AS
SELECT after, channel, events, outcome, body::jsonb ->> 'event_action' AS action FROM heard WHERE body ~ 'event_action' ORDER BY n;
-- a note on it, long after
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.run_until('3 minutes');
CALL pg_temp.person($$SELECT tracer.resolve(max(incident_id)) FROM tracer.incidents$$);
CALL pg_temp.run_until('20 minutes');
CALL pg_temp.person($$SELECT tracer.note(max(incident_id), 'the vendor explains it', 'night shift') FROM tracer.incidents$$);
CALL pg_temp.run_until('40 minutes');
SELECT * FROM events;
-- and what everybody else reads then
SELECT regexp_replace(c.headline, 'after .*', 'after ...') AS headline
  FROM tracer.incidents i, tracer.message_facts(ARRAY[i.incident_id]) f, tracer.compose(f.facts, '{"event": "note"}', 'UTC') c;
CALL pg_temp.curtain(forget => true);
-- A dead letter that is sent again when all is over says so, and begins nothing.
INSERT INTO reply VALUES ('platform-page', 404, NULL, 'no such hook');
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.run_until('3 minutes');
CALL pg_temp.person($$SELECT tracer.resolve(max(incident_id)) FROM tracer.incidents$$);
CALL pg_temp.run_until('20 minutes');
TRUNCATE reply;
CALL pg_temp.person($$SELECT tracer.resend(notification_id) FROM tracer.notifications WHERE state = 'dead'$$);
CALL pg_temp.run_until('40 minutes');
SELECT * FROM events;
CALL pg_temp.curtain(forget => true);
-- So with what came after the beginning.
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.run_until('3 minutes');
INSERT INTO reply VALUES ('platform-page', 400, NULL, 'no such key');
CALL pg_temp.fires('orders', 'orders is late');
CALL pg_temp.run_until('10 minutes');
TRUNCATE reply;
CALL pg_temp.person($$SELECT tracer.resolve(max(incident_id)) FROM tracer.incidents$$);
CALL pg_temp.run_until('20 minutes');
CALL pg_temp.person($$SELECT tracer.resend(notification_id) FROM tracer.notifications WHERE state = 'dead'$$);
CALL pg_temp.run_until('40 minutes');
SELECT * FROM events;
CALL pg_temp.curtain(forget => true);
-- And where the incident has become part of another: a thread that goes on tells
-- that one, a thread that has ended stays so.
UPDATE tracer.channel SET kind = 'pagerduty', settings = '{}' WHERE name = 'sales-page';
SELECT tracer.set_secret('sales-page', 'routing_key', '0123456789abcdef0123456789abcdef');
INSERT INTO reply VALUES ('sales-page', 404, NULL, 'no such hook'), ('finance-page', 404, NULL, 'no such hook');
CALL pg_temp.fires('orders', 'orders is late');
INSERT INTO tracer.asset (name, owner) VALUES ('crm', 'sales'), ('hr', 'finance');
CALL pg_temp.fires('hr', 'hr is stale', '1 second');
CALL pg_temp.fires('crm', 'crm is down', '2 seconds');
CALL pg_temp.run_until('3 minutes');
TRUNCATE reply;
CALL pg_temp.person($$SELECT tracer.merge(max(incident_id), min(incident_id)) FROM tracer.incidents WHERE origin_asset IN ('orders', 'crm') AND status <> 'resolved'$$);
CALL pg_temp.person($$SELECT tracer.merge(max(incident_id), min(incident_id)) FROM tracer.incidents WHERE status <> 'resolved'$$);
CALL pg_temp.run_until('4 minutes');
CALL pg_temp.person($$SELECT tracer.resend(notification_id) FROM tracer.notifications WHERE state = 'dead'$$);
CALL pg_temp.run_until('10 minutes');
SELECT n.channel, n.event, n.state, n.incident_id = i.incident_id AS of_the_whole FROM tracer.notifications n, tracer.incidents i WHERE i.status <> 'resolved' AND n.channel IN ('sales-page', 'finance-page') ORDER BY n.channel, n.notification_id;
SELECT channel, events, action FROM events WHERE outcome = 'sent';
UPDATE tracer.channel SET kind = 'webhook', settings = '{"url": "https://hooks.example.com/"}' WHERE kind = 'pagerduty';
CALL pg_temp.curtain(forget => true);

-- ---- what would only be found out at night ------------------------------------------
\set VERBOSITY terse
UPDATE tracer.channel SET settings = settings || '{"time_zone": "Europe/Londn"}' WHERE name = 'duty';
UPDATE tracer.team SET time_zone = 'Mars/Olympus' WHERE name = 'sales';
\set VERBOSITY default
-- A zone that a dump names and this server does not know wakes people all the same.
SET check_function_bodies = off;
UPDATE tracer.channel SET settings = settings || '{"time_zone": "Europe/Londn"}' WHERE name = 'platform-page';
UPDATE tracer.team SET time_zone = 'Mars/Olympus' WHERE name IN ('platform', 'sales');
INSERT INTO tracer.route VALUES (1, '{"time": "00:00-24:00 Mars/Olympus", "role": "root"}'), (2, '{"time": "00:00-24:00"}');
RESET check_function_bodies;
CALL pg_temp.person($$SELECT tracer.set('digest_at', '12:00')$$);
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.run_until('36 hours');
SELECT DISTINCT channel, events, outcome, reason FROM heard WHERE channel LIKE 'platform%' AND events IN ('{opened}', '{digest}') ORDER BY channel;
SELECT topic, subject, problem FROM tracer.doctor() WHERE topic = 'time zones';
CALL pg_temp.person($$SELECT tracer.set('digest_at', NULL)$$);
DELETE FROM tracer.route;
UPDATE tracer.team SET time_zone = 'Europe/London';
UPDATE tracer.channel SET settings = settings - 'time_zone' WHERE name = 'platform-page';
CALL pg_temp.curtain(forget => true);
-- The doctor tries a page, not only a test.
INSERT INTO tracer.channel VALUES ('post', 'email', '{"url": "smtp://localhost", "from": "tracer@example.com", "to": "data@example.com", "report": "if need be"}');
SELECT tracer.channel_obstacle('post'), tracer.channel_obstacle('duty') IS NULL AS duty_is_fine;
DELETE FROM tracer.channel WHERE name = 'post';

-- ---- a weekend is longer than a day ---------------------------------------------------
INSERT INTO tracer.silence (matchers, starts_at, ends_at, comment) SELECT '{"asset": "raw"}', at, at + interval '60 hours', 'the vendor moves' FROM clock;
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.run_until('70 hours');
SELECT * FROM told WHERE events = '{opened}';
DELETE FROM tracer.silence;
CALL pg_temp.curtain(forget => true);
-- Paged in working hours only.
INSERT INTO tracer.route (position, match, mode)
SELECT 10, jsonb_build_object('role', 'root', 'time', to_char(at + interval '60 hours', 'Dy HH24:MI') || to_char(at + interval '61 hours', '-HH24:MI') || ' UTC'), 'page' FROM clock
UNION ALL
SELECT 20, '{}', 'mute';
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.fires('archive', 'three days ago', '-72 hours');
CALL pg_temp.run_until('70 hours');
SELECT date_trunc('hour', after + interval '1 minute') AS after, channel, events, mode, role FROM told;
DELETE FROM tracer.route;
CALL pg_temp.curtain(forget => true);

-- ---- a silence ends that nobody's channel was under -----------------------------------
UPDATE tracer.asset SET owner = NULL WHERE name = 'raw';
INSERT INTO tracer.silence (matchers, starts_at, ends_at, comment) SELECT '{"asset": "raw"}', at, at + interval '30 minutes', 'vendor maintenance' FROM clock;
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.fires('orders', 'orders is late');
CALL pg_temp.run_until('1 hour');
SELECT * FROM told;
CALL pg_temp.curtain(forget => true);
-- nor, where a rule mutes the root cause
UPDATE tracer.asset SET owner = 'platform' WHERE name = 'raw';
INSERT INTO tracer.route VALUES (10, '{"role": "root"}', '{}', 'mute');
UPDATE tracer.silence s SET starts_at = at, ends_at = at + interval '30 minutes' FROM clock;
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.fires('orders', 'orders is late');
CALL pg_temp.run_until('1 hour');
SELECT * FROM told;
DELETE FROM tracer.route;
DELETE FROM tracer.silence;
CALL pg_temp.curtain(forget => true);

-- ---- what began in shadow ends in shadow, whoever else it comes to ---------------------
SELECT tracer.set('mode', 'shadow');
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.run_until('5 minutes');
SELECT tracer.set('mode', 'live');
CALL pg_temp.run_until('6 minutes');
CALL pg_temp.fires('orders', 'orders is late');
CALL pg_temp.run_until('2 hours');
SELECT count(*) AS left_the_house FROM heard;
SELECT channel, event, mode, state FROM tracer.notifications ORDER BY notification_id;
-- But if it becomes part of one that somebody was told of, he goes on hearing of that.
INSERT INTO tracer.asset (name, owner) VALUES ('erp', 'platform');
CALL pg_temp.fires('erp', 'erp is down');
CALL pg_temp.run_until('130 minutes');
CALL pg_temp.person($$SELECT tracer.merge(max(incident_id), min(incident_id)) FROM tracer.incidents WHERE status <> 'resolved'$$);
CALL pg_temp.run_until('140 minutes');
CALL pg_temp.person($$SELECT tracer.resolve(max(incident_id)) FROM tracer.incidents WHERE status <> 'resolved'$$);
CALL pg_temp.run_until('150 minutes');
SELECT channel, events, mode, count(*) OVER (PARTITION BY substring(key FROM '^(.*)-')) AS in_this_thread FROM heard ORDER BY n;
CALL pg_temp.curtain(forget => true);

-- ---- what they read is so ----------------------------------------------------------------
-- A page that reached nobody was none.
SELECT tracer.set('fallback_channel', 'duty');
INSERT INTO reply VALUES ('platform-page', 404, NULL, 'no such hook');
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.fires('orders', 'orders is late');
CALL pg_temp.run_until('1 minute');
SELECT channel, headline, lines FROM words WHERE channel IN ('duty', 'sales-page');
SELECT tracer.set('fallback_channel', NULL);
CALL pg_temp.curtain(forget => true);
INSERT INTO reply VALUES ('platform-page', 404, NULL, 'no such hook');
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.fires('orders', 'orders is late');
CALL pg_temp.run_until('1 minute');
SELECT channel, lines FROM words WHERE channel = 'sales-page';
CALL pg_temp.curtain(forget => true);

-- A root cause that a person named need not have an alert of its own, and what has no
-- asset cannot be affected by name.
CALL pg_temp.fires('orders', 'orders is late');
CALL pg_temp.run_until('3 minutes');
CALL pg_temp.person($$SELECT tracer.confirm(max(incident_id), 'raw') FROM tracer.incidents WHERE status <> 'resolved'$$);
CALL pg_temp.run_until('4 minutes');
SELECT channel, headline, lines FROM words WHERE channel = 'platform-page';
CALL pg_temp.curtain(forget => true);
CALL pg_temp.run_until('1 second');
CALL pg_temp.person($$INSERT INTO tracer.alert (title, fired_at) SELECT 'something is wrong', at FROM clock$$);
CALL pg_temp.fires('orders', 'orders is late');
CALL pg_temp.run_until('3 minutes');
CALL pg_temp.person($$SELECT tracer.merge(max(incident_id), min(incident_id)) FROM tracer.incidents WHERE status <> 'resolved'$$);
CALL pg_temp.run_until('10 minutes');
SELECT channel, events, headline, lines FROM words WHERE events = '{merged}';
CALL pg_temp.curtain(forget => true);

-- What is at risk is named; who has it no more is not told that he is paged for it.
INSERT INTO tracer.route VALUES (10, '{"role": "at_risk", "asset": "board"}', '{}', 'inform'), (20, '{"owner": "finance"}', '{}', 'page'), (30, '{"role": "!=root"}', '{}', 'inform');
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.run_until('3 minutes');
SELECT channel, role, substring(lines FROM 'You [^\n]*') AS line FROM heard JOIN words USING (n, channel) ORDER BY n;
-- and what leaves roots out asks for nothing, whatever other rules do
SELECT e.asset, e.rule, e.matches, e.why, e.channels FROM tracer.incidents i, tracer.explain_route(i.incident_id) e WHERE i.status <> 'resolved' AND e.role = 'at_risk';
DELETE FROM tracer.route;
CALL pg_temp.curtain(forget => true);
CALL pg_temp.fires('orders', 'orders is late');
CALL pg_temp.run_until('3 minutes');
CALL pg_temp.person($$SELECT tracer.confirm(max(incident_id), 'raw') FROM tracer.incidents WHERE status <> 'resolved'$$);
CALL pg_temp.run_until('8 minutes');
SELECT h.after, channel, w.events, role, substring(lines FROM 'You [^\n]*') AS line FROM heard h JOIN words w USING (n, channel) ORDER BY n;
CALL pg_temp.curtain(forget => true);

-- ---- channels that are renamed or deleted while messages wait ------------------------------
SELECT tracer.set('fallback_channel', 'platform-page');
INSERT INTO tracer.route VALUES (10, '{"role": "root", "asset": "raw"}', '{platform-page}', 'page');
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.run_until('5 minutes');
INSERT INTO reply VALUES ('platform-page', 503, NULL, 'busy'), ('platform-night', 503, NULL, 'busy');
CALL pg_temp.person($$SELECT tracer.note(max(incident_id), 'looking', 'night shift') FROM tracer.incidents$$);
CALL pg_temp.run_until('6 minutes');
UPDATE tracer.channel SET name = 'platform-night' WHERE name = 'platform-page';
CALL pg_temp.run_until('7 minutes');
TRUNCATE reply;
CALL pg_temp.run_until('15 minutes');
CALL pg_temp.person($$SELECT tracer.resolve(max(incident_id)) FROM tracer.incidents$$);
CALL pg_temp.run_until('30 minutes');
SELECT channel, events, substring(key FROM '^(.*)-') = first_value(substring(key FROM '^(.*)-')) OVER (ORDER BY n) AS same_thread FROM heard WHERE outcome = 'sent' ORDER BY n;
SELECT m.page, r.channels, s.value FROM tracer.team m, tracer.route r, tracer.setting s WHERE m.name = 'platform' AND s.name = 'fallback_channel';
SELECT state FROM tracer.channels WHERE name = 'platform-night';
UPDATE tracer.channel SET name = 'platform-page' WHERE name = 'platform-night';
SELECT tracer.set('fallback_channel', NULL);
DELETE FROM tracer.route;
CALL pg_temp.curtain(forget => true);
-- Deleted, nothing waits for it; written anew in one transaction, it is the same.
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.run_until('5 minutes');
INSERT INTO reply VALUES ('platform-page', 503, NULL, 'busy');
CALL pg_temp.person($$SELECT tracer.note(max(incident_id), 'looking', 'night shift') FROM tracer.incidents$$);
CALL pg_temp.run_until('6 minutes');
BEGIN;
CREATE TEMP TABLE kept AS SELECT * FROM tracer.channel;
DELETE FROM tracer.channel;
INSERT INTO tracer.channel SELECT * FROM kept;
COMMIT;
SELECT event, state FROM tracer.notifications ORDER BY notification_id;
SELECT tracer.test_channel('duty') IS NOT NULL AS a_test;
DELETE FROM tracer.channel WHERE name IN ('platform-page', 'duty');
SELECT channel, event, state, reason FROM tracer.notifications ORDER BY notification_id;
INSERT INTO tracer.channel SELECT * FROM kept WHERE name IN ('platform-page', 'duty');
TRUNCATE reply;
CALL pg_temp.run_until('15 minutes');
CALL pg_temp.person($$SELECT tracer.resolve(max(incident_id)) FROM tracer.incidents$$);
CALL pg_temp.run_until('30 minutes');
SELECT channel, events FROM heard WHERE outcome = 'sent' ORDER BY n;
CALL pg_temp.curtain(forget => true);

-- Names say last what tells them apart; what cannot be seen is no name.
INSERT INTO tracer.asset (name, owner) VALUES ('snowflake://an-organisation-account.snowflakecomputing.com/analytics.finance.fct_orders_daily', 'platform'), (U&'\200B\200B', 'platform');
CALL pg_temp.fires('snowflake://an-organisation-account.snowflakecomputing.com/analytics.finance.fct_orders_daily', U&'\200B');
CALL pg_temp.fires(U&'\200B\200B', U&' \200B ');
CALL pg_temp.run_until('3 minutes');
SELECT headline, lines FROM words ORDER BY headline;
CALL pg_temp.curtain(forget => true);
-- A rule that could never match is refused.
\set VERBOSITY terse
INSERT INTO tracer.route VALUES (1, '{"role": "Root"}');
INSERT INTO tracer.route VALUES (1, '{"severity": "!=fatal"}');
INSERT INTO tracer.route VALUES (1, '{"status": "closed"}');
\set VERBOSITY default

-- ---- a silence says what it held back of what was told already ------------------------------
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.run_until('5 minutes');
INSERT INTO tracer.silence (matchers, starts_at, ends_at, comment) SELECT '{"root.asset": "raw"}', at, at + interval '4 hours', 'vendor maintenance' FROM clock;
CALL pg_temp.run_until('3 hours');
CALL pg_temp.fires('raw', 'raw is slow', NULL, 'critical');
CALL pg_temp.run_until('245 minutes');
SELECT n.channel, n.events, n.mode, n.state, s.comment FROM tracer.notifications n LEFT JOIN tracer.silence s USING (silence_id) ORDER BY n.notification_id;
DELETE FROM tracer.silence;
CALL pg_temp.curtain(forget => true);

-- ---- somebody has it before PagerDuty knows of it ------------------------------------------
UPDATE tracer.channel SET kind = 'pagerduty', settings = '{}' WHERE name = 'sales-page';
SELECT tracer.set_secret('sales-page', 'routing_key', '0123456789abcdef0123456789abcdef');
CALL pg_temp.fires('orders', 'orders is late');
CALL pg_temp.run_until('1 minute');
CALL pg_temp.person($$SELECT tracer.acknowledge(max(incident_id), 'night shift') FROM tracer.incidents$$);
CALL pg_temp.run_until('5 minutes');
SELECT * FROM events;
-- reopened and taken again while it cannot be reached
CALL pg_temp.person($$SELECT tracer.resolve(max(incident_id)) FROM tracer.incidents$$);
CALL pg_temp.run_until('20 minutes');
INSERT INTO reply VALUES ('sales-page', 503, NULL, 'busy');
CALL pg_temp.person($$SELECT tracer.reopen(max(incident_id)) FROM tracer.incidents$$);
CALL pg_temp.run_until('21 minutes');
CALL pg_temp.person($$SELECT tracer.acknowledge(max(incident_id), 'day shift') FROM tracer.incidents$$);
CALL pg_temp.run_until('22 minutes');
TRUNCATE reply;
CALL pg_temp.run_until('40 minutes');
SELECT channel, events, action FROM events WHERE outcome = 'sent';
UPDATE tracer.channel SET kind = 'webhook', settings = '{"url": "https://hooks.example.com/"}' WHERE kind = 'pagerduty';
CALL pg_temp.curtain(forget => true);

-- ---- the root cause is mended, not what it broke --------------------------------------------
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.fires('orders', 'orders is late');
CALL pg_temp.fires('payments', 'payments are late');
CALL pg_temp.run_until('3 minutes');
CALL pg_temp.fires('raw', 'raw is empty', NULL, 'error', 'resolved');
CALL pg_temp.fires('payments', 'payments are late', NULL, 'error', 'resolved');
CALL pg_temp.run_until('70 minutes');
SELECT channel, w.events, headline FROM words w JOIN heard h USING (n, channel) ORDER BY n;
CALL pg_temp.fires('orders', 'orders is late', NULL, 'error', 'resolved');
CALL pg_temp.run_until('80 minutes');
SELECT channel, events, headline FROM words WHERE events @> '{resolved}' ORDER BY channel;
CALL pg_temp.curtain(forget => true);

-- ---- what names no asset, and what nobody owns ------------------------------------------------
SELECT tracer.set('fallback_channel', 'duty');
CALL pg_temp.run_until('1 second');
CALL pg_temp.fires(NULL, 'the site is slow');
CALL pg_temp.run_until('1 minute');
SELECT channel, headline, regexp_replace(lines, 'was paged [^,]*', 'was paged ...') AS lines FROM words;
SELECT tracer.set('fallback_channel', NULL);
CALL pg_temp.curtain(forget => true);

-- ---- windows on the nights when clocks are changed: each beginning and end is looked at ---------
INSERT INTO tracer.route VALUES (1, '{"time": "01:30-02:30 Europe/London"}', '{}', 'page'), (2, '{"time": "02:00-03:00 Australia/Lord_Howe"}', '{}', 'page');
WITH RECURSIVE look AS (
    SELECT zone, start AS at, start FROM (VALUES ('Europe/London', '2026-03-28 12:00+00'::timestamptz), ('Europe/London', '2026-10-24 12:00+00'),
                                                 ('Australia/Lord_Howe', '2026-10-03 12:00+00'), ('Australia/Lord_Howe', '2026-04-04 12:00+00')) AS v (zone, start)
    UNION ALL
    SELECT zone, tracer.next_boundary(at), start FROM look WHERE at < start + interval '1 day'
), truth AS (
    SELECT l.zone, l.start, m AS at, tracer.in_window(r.match ->> 'time', m, NULL) AS inside, lag(tracer.in_window(r.match ->> 'time', m, NULL)) OVER (PARTITION BY l.zone, l.start ORDER BY m) AS before
      FROM (SELECT DISTINCT zone, start FROM look) l
      JOIN tracer.route r ON r.match ->> 'time' LIKE '%' || l.zone
     CROSS JOIN LATERAL generate_series(l.start, l.start + interval '1 day', '1 minute') AS m
)
SELECT t.zone, t.at AT TIME ZONE 'UTC' AS utc, CASE WHEN t.inside THEN 'begins' ELSE 'ends' END AS window, EXISTS (SELECT FROM look l WHERE l.start = t.start AND l.at = t.at) AS looked_at
  FROM truth t
 WHERE t.inside <> t.before
 ORDER BY t.zone, t.at;
DELETE FROM tracer.route;

-- ---- who was paged for a symptom hears that somebody has it -------------------------------------
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.fires('orders', 'orders is late');
CALL pg_temp.run_until('15 minutes');
CALL pg_temp.person($$SELECT tracer.acknowledge(max(incident_id), 'night shift') FROM tracer.incidents$$);
CALL pg_temp.run_until('3 hours');
SELECT * FROM told;
CALL pg_temp.curtain(forget => true);

-- ---- a suspect that turns out to fail itself is not spreading --------------------------------------
CALL pg_temp.fires('orders', 'orders is late');
CALL pg_temp.fires('payments', 'payments are late');
CALL pg_temp.run_until('3 minutes');
CALL pg_temp.person($$SELECT tracer.acknowledge(max(incident_id), 'night shift') FROM tracer.incidents$$);
CALL pg_temp.fires('raw', 'raw is empty');
CALL pg_temp.run_until('15 minutes');
SELECT channel, events, role FROM told;
CALL pg_temp.fires('revenue', 'revenue is low');
CALL pg_temp.run_until('30 minutes');
SELECT channel, events, role FROM told WHERE after > '15 minutes' OR events = '{symptoms}';
CALL pg_temp.curtain(forget => true);

-- ---- the end -----------------------------------------------------------------------
SET client_min_messages = error;
DROP EXTENSION tracer CASCADE;
