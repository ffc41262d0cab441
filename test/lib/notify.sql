/*
 * notify.sql: the extension, and time that a test can choose, for psql.
 *
 * A simulation has a clock of its own, which begins now and only goes forward.
 * passes(at) is what the worker and the sender do at a moment: correlate, plan,
 * claim, record. run_until(at) does it whenever tracer.next_notification_at()
 * says so. What receivers would have seen is in pg_temp.heard; reply() says how
 * a channel answers.
 *
 *     CALL pg_temp.fires('orders', 'orders is late');
 *     CALL pg_temp.run_until('10 minutes');
 *     SELECT after, channel, events FROM heard ORDER BY n;
 */
SET TIME ZONE 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE EXTENSION tracer;

CREATE TEMP TABLE clock (started timestamptz, at timestamptz, seen_event bigint);
-- not before the extension was created: what was noticed earlier is no news
INSERT INTO clock SELECT s.at, s.at, coalesce((SELECT max(event_id) FROM tracer.incident_event), 0) FROM date_trunc('second', now() + interval '1 second') AS s (at);
CREATE TEMP TABLE heard (n bigint GENERATED ALWAYS AS IDENTITY, after interval, channel text, incident_id bigint, event text, events text[],
                         form text, mode text, role text, reason text, key text, attempt int, outcome text, body text, url text, headers text[]);
CREATE TEMP TABLE claimed (notification_id bigint, attempt int, channel text, kind text, method text, url text, headers text[], body text, options jsonb, timeout_ms int);
CREATE TEMP TABLE reply (channel text PRIMARY KEY, status int, error text, response text, retry_after float8);

CREATE PROCEDURE pg_temp.passes(until timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
    ids      bigint[];
    attempts int[];
BEGIN
    UPDATE clock SET at = until;
    PERFORM tracer.correlate();
    -- a pass notes the server's time; here it is the simulation's
    UPDATE tracer.incident_event e SET recorded_at = until FROM clock c WHERE e.event_id > c.seen_event;
    UPDATE clock SET seen_event = greatest(seen_event, (SELECT max(event_id) FROM tracer.incident_event));
    FOR i IN 1 .. 100 LOOP
        IF i = 100 THEN RAISE EXCEPTION 'the sender goes round in circles'; END IF;
        DELETE FROM claimed;
        INSERT INTO claimed SELECT * FROM tracer.claim_notifications(100, '1 minute', until);
        SELECT array_agg(q.notification_id ORDER BY q.notification_id), array_agg(q.attempt ORDER BY q.notification_id) INTO ids, attempts FROM claimed q;
        EXIT WHEN ids IS NULL;
        INSERT INTO heard (after, channel, incident_id, event, events, form, mode, role, reason, key, attempt, body, url, headers)
        SELECT until - c.started, q.channel, n.incident_id, n.event, n.events, n.form, n.mode, n.role, n.reason, n.key, q.attempt, q.body, q.url, q.headers
          FROM claimed q
          JOIN tracer.notification n USING (notification_id), clock c
         ORDER BY q.channel COLLATE "C", q.notification_id;
        PERFORM tracer.record_deliveries(ids, attempts, array_agg(coalesce(r.status, CASE WHEN r.channel IS NULL THEN 200 END) ORDER BY n.notification_id),
                  array_agg(r.error ORDER BY n.notification_id), array_agg(r.retry_after ORDER BY n.notification_id),
                  array_agg(coalesce(r.response, '{"ok":true,"channel":"C1","ts":"1700000000.' || n.thread_id || '"}') ORDER BY n.notification_id),
                  array_agg(until ORDER BY n.notification_id), array_agg(CASE WHEN r.error IS NULL THEN 1.0::float8 END ORDER BY n.notification_id),
                  array_agg(2.0::float8 ORDER BY n.notification_id), until)
           FROM tracer.notification n
           LEFT JOIN reply r USING (channel)
          WHERE n.notification_id = ANY (ids);
    END LOOP;
    DELETE FROM claimed;
    UPDATE heard h SET outcome = a.outcome
      FROM tracer.notification n
      JOIN tracer.delivery_attempt a USING (notification_id)
     WHERE h.outcome IS NULL AND n.key = h.key AND a.attempt = h.attempt;
END
$$;

-- As the worker does: at every moment that it asked for, and then at `after`.
CREATE PROCEDURE pg_temp.run_until(after interval)
LANGUAGE plpgsql AS $$
DECLARE
    goal timestamptz := (SELECT started FROM clock) + after;
    next timestamptz := (SELECT at FROM clock);
BEGIN
    CALL pg_temp.passes(next);
    FOR i IN 1 .. 1000 LOOP
        next := tracer.next_notification_at();
        EXIT WHEN next IS NULL OR next > goal;
        next := greatest(next, (SELECT at FROM clock));
        -- nothing is allowed to ask for the same moment for ever
        IF i = 1000 THEN
            RAISE EXCEPTION 'no progress at %', next - (SELECT started FROM clock)
                USING DETAIL = (SELECT jsonb_build_object('next', tracer.next_notification_at(), 'at', c.at,
                                  'news', (SELECT jsonb_agg(n.incident_id) FROM tracer.notify_news n), 'timers', (SELECT jsonb_agg(t) FROM tracer.notify_timer t WHERE t.next_at <= c.at),
                                  'outbox', (SELECT jsonb_agg(to_jsonb(n) - 'said') FROM tracer.notification n WHERE n.state IN ('due', 'sending') AND n.due_at <= c.at),
                                  'channels', (SELECT jsonb_agg(s) FROM tracer.channel_state s WHERE s.failures > 0 OR s.resume_at IS NOT NULL OR s.tokens < 1))::text FROM clock c);
        END IF;
        CALL pg_temp.passes(next);
    END LOOP;
    CALL pg_temp.passes(goal);
END
$$;

CREATE PROCEDURE pg_temp.fires(asset text, title text, after interval DEFAULT NULL, severity tracer.severity DEFAULT 'error', status tracer.status DEFAULT 'firing')
LANGUAGE sql AS $$
INSERT INTO tracer.alert (asset, title, severity, status, fired_at) SELECT $1, $2, $4, $5, coalesce(c.started + $3, c.at) FROM clock c
$$;

-- What people do: any statement, without its result.
CREATE PROCEDURE pg_temp.person(does text)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE does;
END
$$;
