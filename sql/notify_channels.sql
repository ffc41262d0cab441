-- Channels, what they send and what they keep of the answers: what was found by trying.
\getenv top PG_ABS_SRCDIR
\set helpers :top '/test/lib/notify.sql'
\set ECHO none
\i :helpers
\set ECHO all
CREATE FUNCTION pg_temp.test(VARIADIC channels text[]) RETURNS bigint LANGUAGE sql AS $$ SELECT count(tracer.test_channel(c)) FROM unnest(channels) AS c $$;

-- ---- a kind of one's own stops nobody else's messages ------------------------------
CREATE ROLE regress_tracer_guest;
CREATE SCHEMA guest AUTHORIZATION regress_tracer_guest;
CREATE FUNCTION guest.asserts(incident jsonb, event jsonb, channel jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN ASSERT false, 'never so'; END $$;
CREATE FUNCTION guest.cancels(incident jsonb, event jsonb, channel jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN RAISE query_canceled; END $$;
CREATE FUNCTION guest.hangs(incident jsonb, event jsonb, channel jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'called'; LOOP PERFORM pg_sleep(1); END LOOP; END $$;
CREATE FUNCTION guest.slow(incident jsonb, event jsonb, channel jsonb) RETURNS jsonb LANGUAGE sql AS
  $$ SELECT '{"url": "https://slow.example.com/"}'::jsonb FROM pg_sleep(0.3) $$;
INSERT INTO tracer.channel_kind (name, function, owner) SELECT f, 'guest.' || f, 'regress_tracer_guest' FROM unnest('{asserts,cancels,hangs,slow}'::text[]) AS f;
INSERT INTO tracer.channel (name, kind) SELECT f, f FROM unnest('{asserts,cancels,hangs,slow}'::text[]) AS f;
INSERT INTO tracer.channel VALUES ('hook', 'webhook', '{"url": "https://hooks.example.com/"}');
SELECT pg_temp.test('asserts', 'cancels', 'hook');
SELECT channel FROM tracer.claim_notifications();
SELECT channel, state, error FROM tracer.notifications ORDER BY notification_id;
-- One that does not end is called once, and slow ones wait for their turn.
TRUNCATE tracer.notification;
SELECT pg_temp.test('hangs', 'hangs', 'hangs', 'hook');
SELECT pg_temp.test(VARIADIC array_fill('slow'::text, ARRAY[20]));
SELECT count(*) FILTER (WHERE channel = 'hook') AS hook, count(*) FILTER (WHERE channel = 'slow') BETWEEN 0 AND 8 AS some FROM tracer.claim_notifications();
SELECT channel, state, attempt, error FROM tracer.notification WHERE channel <> 'slow' ORDER BY notification_id;
SELECT bool_or(state = 'due') AS wait, bool_and(attempt = (state = 'sending')::int) AS counted FROM tracer.notification WHERE channel = 'slow';
-- Somebody who cancels the caller is heard.
\set VERBOSITY terse
SET statement_timeout = '500ms';
SELECT tracer.channel_obstacle('hangs');
RESET statement_timeout;
\set VERBOSITY default
DELETE FROM tracer.channel;
DELETE FROM tracer.channel_kind;
TRUNCATE tracer.notification, tracer.delivery_attempt;

-- ---- what the other side repeats of a secret is kept nowhere ------------------------
SELECT tracer.secret_traces('abc');
INSERT INTO tracer.channel VALUES
  ('hook', 'webhook', '{}'),
  ('text', 'sms', '{"account_sid": "AC1", "to": "+15005550001", "from": "+15005550006"}');
SELECT tracer.set_secret('hook', 'url', 'https://hooks.example.com/services/T0001/B0001/abcdefghijklmnop0001?v=1'),
       tracer.set_secret('text', 'auth_token', 's3cr3t-auth-token-0001');
-- whoever else is the user, and wherever the answer is cut
SELECT tracer.blot_secrets(a.words, ARRAY(SELECT v.trace FROM tracer.secret x, unnest(tracer.secret_traces(x.value)) AS v (trace)
                                          WHERE x.channel = a.channel ORDER BY length(v.trace) DESC))
  FROM (VALUES ('hook', 'Cannot POST /services/T0001/B0001/abcdefghijklmnop0001?v=1'), ('hook', '{"path": "\/services\/T0001\/B0001\/abcdefghijklmnop0001"}'), ('hook', 'no service'),
               ('text', 'Basic ' || encode('AC1:s3cr3t-auth-token-0001', 'base64')), ('text', 'Basic ' || encode('AC12:s3cr3t-auth-token-0001', 'base64')),
               ('text', 'Basic ' || encode('AC123:s3cr3t-auth-token-0001', 'base64'))) AS a (channel, words);
SELECT pg_temp.test('hook', 'text');
CREATE TEMP TABLE asked AS SELECT * FROM tracer.claim_notifications();
SELECT tracer.record_deliveries(array_agg(notification_id), array_agg(attempt), array_agg(404), array_agg(NULL::text), array_agg(NULL::float8),
         array_agg(repeat('x', 1990) || CASE channel WHEN 'hook' THEN ' /services/T0001/B0001/abcdefghijklmnop0001?v=1' ELSE ' s3cr3t-auth-token-0001' END), array_agg(now()), array_agg(1::float8), array_agg(2::float8)) FROM asked;
SELECT substr(response, 1990) AS ends FROM tracer.delivery_attempt ORDER BY notification_id;
-- The sender knows what it sent, though the secret may be another by then.
SELECT channel, options -> 'redact' AS redact FROM asked ORDER BY channel;
SELECT count(*) AS shown FROM tracer.channel c, tracer.fill_secrets('{"url": "http://x", "secrets": [{"secret": "url", "as": "url"}]}', 'hook', NULL, 'k', now()) f WHERE f.options ? 'redact';
DELETE FROM tracer.channel;
TRUNCATE tracer.notification, tracer.delivery_attempt;

-- ---- a pause that was asked for holds, though something on its way gets through -----
INSERT INTO tracer.channel VALUES ('hook', 'webhook', '{"url": "https://hooks.example.com/"}');
CREATE FUNCTION pg_temp.answers(status int, retry_after float8, OUT state text, OUT pause int) LANGUAGE plpgsql AS $$
DECLARE
    n record;
BEGIN
    SELECT * INTO n FROM tracer.notification x WHERE x.state = 'sending' ORDER BY x.notification_id LIMIT 1;
    PERFORM tracer.record_deliveries(ARRAY[n.notification_id], ARRAY[n.attempt], ARRAY[status], '{NULL}', ARRAY[retry_after], '{NULL}', '{NULL}', '{1}', '{2}');
    SELECT c.state, round(extract(epoch FROM c.resume_at - now())) INTO state, pause FROM tracer.channels c WHERE c.name = 'hook';
END
$$;
SELECT pg_temp.test(VARIADIC array_fill('hook'::text, ARRAY[12]));
SELECT count(*) FROM tracer.claim_notifications(11);
BEGIN;
SELECT a.* FROM pg_temp.answers(429, 60) a;
SELECT a.* FROM pg_temp.answers(200, NULL) a;
SELECT a.* FROM pg_temp.answers(503, 5) a;
SELECT a.* FROM pg_temp.answers(503, NULL) a;
SELECT count(*) AS claimed FROM tracer.claim_notifications();
-- what was only a rest ends with the first that gets through
UPDATE tracer.channel_state SET resume_at = NULL, failures = 4;
SELECT a.state, a.pause > 0 AS rests FROM pg_temp.answers(503, NULL) a;
SELECT a.* FROM pg_temp.answers(200, NULL) a;
ROLLBACK;
TRUNCATE tracer.notification, tracer.delivery_attempt;

-- ---- what services refuse to take -------------------------------------------------------
-- Alerts come from anybody, and their titles are as long as somebody likes.
INSERT INTO tracer.alert (asset, title) VALUES ('raw', repeat('"', 2000000));
SELECT count(*) FROM (SELECT tracer.correlate()) c;
SELECT length(p.body) < 10000 AS small FROM tracer.incidents i, tracer.preview('hook', i.incident_id) p;
-- Teams' 28 kB, if it counts in UTF-16
SELECT octet_length(r ->> 'body') * 2 < 28000 AS fits, r #> '{body,attachments,0,content,body,1,inlines,0,text}' IS NOT NULL AS says_something
  FROM tracer.incidents i, tracer.message_facts(ARRAY[i.incident_id]) f,
       tracer.render_teams(f.facts || jsonb_build_object('root', f.facts -> 'root' || jsonb_build_object('asset', repeat('"', 300), 'owner', repeat('"', 40)), 'affected_count', 9,
                             'affected', (SELECT jsonb_agg(repeat('"', 60)) FROM generate_series(1, 5))), jsonb_build_object('event', 'note', 'events', '["note"]'::jsonb, 'mode', 'page', 'role', 'symptom', 'reason', repeat('"', 300),
                             'notes', (SELECT jsonb_agg(repeat('"', 500)) FROM generate_series(1, 10))), '{"settings": {"url": "https://x.example.com/"}}') r;
-- The source of a CloudEvent is a URI.
\set home :DBNAME
CREATE DATABASE "regress tracer 100%/ü" TEMPLATE template0;
\c "regress tracer 100%/ü"
SET client_min_messages = error;
CREATE EXTENSION tracer;
SELECT tracer.render_webhook(NULL, '{"event": "test"}', '{"settings": {}}') -> 'body' ->> 'source' AS source;
\c :home
DROP DATABASE "regress tracer 100%/ü";

-- ---- the end -------------------------------------------------------------------------
SET client_min_messages = error;
DROP SCHEMA guest CASCADE;
DROP ROLE regress_tracer_guest;
DROP EXTENSION tracer CASCADE;
