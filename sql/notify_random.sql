-- Notifications under random weather: alerts, people, rules, silences and broken
-- channels in any order. Whatever happens, some things hold.
\getenv top PG_ABS_SRCDIR
\set helpers :top '/test/lib/notify.sql'
\set ECHO none
\i :helpers
\set ECHO all
CALL pg_temp.person($$SELECT tracer.link(array_agg('a' || u), array_agg('a' || d)) FROM (VALUES (1,2),(2,3),(2,4),(4,5),(6,7),(7,8),(6,9),(9,10),(11,12)) AS e (u, d)$$);
UPDATE tracer.asset SET owner = 't' || substr(name, 2)::int % 3;
INSERT INTO tracer.channel (name, kind, settings) VALUES ('p0', 'webhook', '{"url": "http://x"}'), ('i0', 'slack', '{"channel": "C1"}'), ('p1', 'pagerduty', '{}'), ('i1', 'webhook', '{"url": "http://x"}'),
  ('p2', 'slack', '{"channel": "C2"}'), ('i2', 'teams', '{"url": "http://x"}'), ('all', 'webhook', '{"url": "http://x"}');
SELECT count(tracer.set_secret(c.name, s, '0123456789abcdef0123456789abcdef'))
  FROM tracer.channel c JOIN tracer.channel_kind_defaults() k ON k.name = c.kind CROSS JOIN unnest(k.secrets) AS s WHERE s <> 'url';
INSERT INTO tracer.team SELECT 't' || i, ARRAY['p' || i], ARRAY['i' || i] FROM generate_series(0, 2) AS i;
CALL pg_temp.person($$SELECT tracer.set('mode', 'live'), tracer.set('digest_at', NULL), tracer.set('fallback_channel', 'all')$$);

CREATE PROCEDURE pg_temp.weather(seed float8, steps int) LANGUAGE plpgsql AS $$
DECLARE
    dice  float8;
    one   bigint;
    two   bigint;
    place text;
    later interval;
BEGIN
    PERFORM setseed(seed);
    FOR i IN 1 .. steps LOOP
        dice := random();
        place := 'a' || 1 + floor(random() * 13);
        SELECT incident_id INTO one FROM tracer.incidents WHERE status <> 'resolved' ORDER BY md5(incident_id::text || dice) LIMIT 1;
        SELECT incident_id INTO two FROM tracer.incidents WHERE status <> 'resolved' AND incident_id <> one ORDER BY md5(incident_id::text || dice) LIMIT 1;
        IF dice < 0.40 THEN
            INSERT INTO tracer.alert (asset, title, severity, fired_at)
            SELECT place, 'check ' || (ARRAY['a', 'b'])[1 + floor(random() * 2)], (ARRAY['warning', 'error', 'critical'])[1 + floor(random() * 3)]::tracer.severity, at - random() * interval '20 minutes' FROM clock;
        ELSIF dice < 0.52 THEN
            INSERT INTO tracer.alert (asset, title, status, fired_at) SELECT place, 'check ' || (ARRAY['a', 'b'])[1 + floor(random() * 2)], 'resolved', at FROM clock;
        ELSIF dice < 0.58 THEN PERFORM tracer.acknowledge(one, 'p' || i) WHERE one IS NOT NULL;
        ELSIF dice < 0.62 THEN PERFORM tracer.resolve(one) WHERE one IS NOT NULL;
        ELSIF dice < 0.65 THEN PERFORM tracer.reopen(incident_id) FROM (SELECT incident_id FROM tracer.incidents WHERE status = 'resolved' ORDER BY md5(incident_id::text || dice) LIMIT 1) AS x;
        ELSIF dice < 0.69 THEN PERFORM tracer.merge(one, two) WHERE two IS NOT NULL;
        ELSIF dice < 0.72 THEN
            BEGIN
                PERFORM tracer.split(one, (SELECT asset FROM tracer.incident_alerts WHERE incident_id = one ORDER BY md5(asset || dice) LIMIT 1)) WHERE one IS NOT NULL;
            EXCEPTION WHEN invalid_parameter_value THEN NULL;
            END;
        ELSIF dice < 0.76 THEN PERFORM tracer.note(one, 'note ' || i) WHERE one IS NOT NULL;
        ELSIF dice < 0.79 THEN
            INSERT INTO tracer.silence (matchers, starts_at, ends_at, comment) SELECT jsonb_build_object('asset', place), at, at + random() * interval '2 hours', 'x' FROM clock;
        ELSIF dice < 0.82 THEN
            INSERT INTO tracer.route VALUES (i, jsonb_build_object('asset', place), '{all}', (ARRAY['page', 'inform', 'mute'])[1 + floor(random() * 3)], random() < 0.5);
        ELSIF dice < 0.84 THEN DELETE FROM tracer.route;
        ELSIF dice < 0.92 THEN
            INSERT INTO reply SELECT name, (ARRAY[503, 404, NULL, 429])[1 + floor(random() * 4)], 'broken', 'broken' FROM tracer.channel ORDER BY md5(name || dice) LIMIT 1 ON CONFLICT DO NOTHING;
        ELSE TRUNCATE reply;
        END IF;
        later := (SELECT at - started FROM clock) + random() * interval '12 minutes';
        CALL pg_temp.run_until(later);
    END LOOP;
    -- the sky clears
    TRUNCATE reply;
    DELETE FROM tracer.route;
    DELETE FROM tracer.silence;
    PERFORM tracer.resend(notification_id) FROM tracer.notifications WHERE state = 'dead';
    later := (SELECT at - started FROM clock) + interval '40 minutes';
    CALL pg_temp.run_until(later);
END
$$;
CALL pg_temp.weather(0.1, 30);
CALL pg_temp.weather(0.4, 30);
SELECT count(*) >= 3 AS enough_incidents FROM tracer.incident;
SELECT count(DISTINCT event) >= 9 AS enough_events, count(DISTINCT outcome) >= 2 AS enough_outcomes, bool_or('merged' = ANY (events)) AS merges, bool_or('escalated' = ANY (events) OR 'repeat' = ANY (events)) AS pages_again FROM heard;

-- A thread is begun once, and nothing is told twice under different keys or
-- different things under one key.
CREATE VIEW pg_temp.thread_of AS SELECT h.*, substring(h.key FROM '^(.*)-\d+e?$') AS thread FROM heard h;
SELECT count(*) AS opened_twice FROM (SELECT thread FROM thread_of WHERE events = '{opened}' AND outcome = 'sent' GROUP BY thread HAVING count(*) > 1) AS x;
SELECT count(*) AS opened_twice_on_a_channel FROM (SELECT incident_id, channel FROM thread_of WHERE events = '{opened}' AND outcome = 'sent' GROUP BY 1, 2 HAVING count(DISTINCT thread) > 1) AS x;
SELECT count(*) AS accepted_twice FROM (SELECT key FROM heard WHERE outcome = 'sent' GROUP BY key HAVING count(*) > 1) AS x;
SELECT count(*) AS key_shared FROM (SELECT key FROM tracer.notification GROUP BY key HAVING count(*) > 1) AS x;
-- Every message finds its end, and in its thread they are told one after the other.
SELECT count(*) AS stuck FROM tracer.notification WHERE state IN ('due', 'sending');
SELECT count(*) AS news FROM tracer.notify_news;
SELECT count(*) AS lost_attempts FROM tracer.notification n WHERE n.attempt <> (SELECT count(*) FROM tracer.delivery_attempt a WHERE a.notification_id = n.notification_id);
-- Whoever knows of an incident knows what is so.
SELECT count(*) AS wrong_about_its_end
  FROM tracer.thread t
  JOIN tracer.incident i ON i.incident_id = t.incident_id
 WHERE t.closed_at IS NULL AND t.said IS NOT NULL
   AND (t.said ->> 'resolved')::boolean IS DISTINCT FROM tracer.incident_is_resolved(t.incident_id);
SELECT count(*) AS wrong_about_the_root
  FROM tracer.thread t
  JOIN tracer.incident_state((SELECT array_agg(incident_id) FROM tracer.thread WHERE closed_at IS NULL)) s ON s.incident_id = t.incident_id
 WHERE t.closed_at IS NULL AND t.said IS NOT NULL AND NOT s.resolved AND t.said ->> 'root' IS DISTINCT FROM s.root;
SELECT count(*) AS threads_of_nothing FROM tracer.thread t JOIN tracer.incident i USING (incident_id) WHERE t.closed_at IS NULL AND i.merged_into IS NOT NULL;
-- An end is told to whom it was told that it began, and to nobody else.
SELECT count(*) AS ends_without_beginning
  FROM thread_of e
 WHERE 'resolved' = ANY (e.events) AND NOT 'opened' = ANY (e.events)
   AND NOT EXISTS (SELECT FROM thread_of o WHERE o.thread = e.thread AND o.n < e.n AND o.outcome = 'sent');
-- Nobody is left alone with what is open: somebody was paged.
SELECT count(*) AS unattended
  FROM tracer.incidents i
 WHERE i.status IN ('open', 'recovering')
   AND NOT EXISTS (SELECT FROM tracer.thread t WHERE t.incident_id = i.incident_id AND t.mode = 'page' AND t.said IS NOT NULL);
-- PagerDuty's rules for its fields.
SELECT count(*) > 5 AS enough, count(DISTINCT b ->> 'event_action') AS actions,
       count(*) FILTER (WHERE b ->> 'event_action' NOT IN ('trigger', 'acknowledge', 'resolve') OR length(b ->> 'routing_key') <> 32
                           OR length(b ->> 'dedup_key') NOT BETWEEN 1 AND 255
                           OR b ->> 'event_action' = 'trigger'
                              AND (b -> 'payload' ->> 'severity' NOT IN ('critical', 'error', 'warning', 'info') OR coalesce(b -> 'payload' ->> 'source', '') = ''
                                   OR length(b -> 'payload' ->> 'summary') NOT BETWEEN 1 AND 1024 OR (b -> 'payload' ->> 'timestamp')::timestamptz IS NULL)
                           OR octet_length(b::text) > 512000) AS violations
  FROM (SELECT body::jsonb AS b FROM heard WHERE channel = 'p1') AS x;
SET client_min_messages = error;
DROP EXTENSION tracer CASCADE;
