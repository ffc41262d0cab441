/*
 * For people: secrets, previews, tests, and why somebody heard of something.
 */
-- A plan that is made for a secret has it in it, and auto_explain may log the plan.
CREATE FUNCTION tracer.set_secret(channel text, name text, value text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET plan_cache_mode = force_generic_plan
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    channel_kind text;
    known        text[];
    -- what a file or a paste brings along
    content CONSTANT text := btrim(value, E' \t\r\n');
BEGIN
    -- held, lest it be deleted meanwhile
    SELECT c.kind INTO channel_kind FROM tracer.channel c WHERE c.name = set_secret.channel FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'channel "%" does not exist', coalesce(set_secret.channel, 'NULL')
            USING ERRCODE = 'undefined_object',
                  HINT = 'INSERT it INTO tracer.channel first.';
    END IF;
    IF set_secret.name IS NULL OR set_secret.name = '' THEN
        RAISE EXCEPTION 'a secret needs a name'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'docs/notifications.md lists the secrets of each kind of channel: token, url, routing_key, ...';
    END IF;
    IF set_secret.value IS NULL THEN
        DELETE FROM tracer.secret s WHERE s.channel = set_secret.channel AND s.name = set_secret.name;
        IF FOUND THEN
            RETURN;
        END IF;
    END IF;
    -- Kinds of users' own use what secrets they like.
    SELECT d.secrets INTO known FROM tracer.channel_kind_defaults() d WHERE d.name = channel_kind;
    IF set_secret.name <> ALL (known) THEN
        RAISE WARNING 'channel "%" is of kind "%", which uses no secret "%"', set_secret.channel, channel_kind, set_secret.name
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format('It uses %s.', array_to_string(known, ', '));
    END IF;
    IF content = '' THEN
        RAISE EXCEPTION 'the secret "%" of channel "%" is empty', set_secret.name, set_secret.channel
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'NULL removes it.';
    ELSIF known IS NOT NULL AND content ~ '[[:cntrl:]]' THEN
        RAISE EXCEPTION 'the secret "%" of channel "%" has more than one line, or other control characters', set_secret.name, set_secret.channel
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Was more pasted than the secret?';
    ELSIF known IS NOT NULL AND set_secret.name = 'url' AND content !~* '^https?://\S+$' THEN
        RAISE EXCEPTION 'the secret "%" of channel "%" is no address', set_secret.name, set_secret.channel
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'It must start with https:// and have no blanks.';
    ELSIF content IS NOT NULL THEN
        INSERT INTO tracer.secret AS s (channel, name, value)
        VALUES (set_secret.channel, set_secret.name, content)
        ON CONFLICT ON CONSTRAINT secret_pkey DO UPDATE SET value = excluded.value, set_at = now(), set_by = session_user;
    END IF;
END
$$;
COMMENT ON FUNCTION tracer.set_secret(text, text, text) IS 'Stores a secret of a channel, without blanks and line breaks around it; nobody can read it again. NULL removes it. Give the value as a bind parameter, or a literal may end up in the server''s log. Errors: undefined_object for an unknown channel; invalid_parameter_value for a name that is missing, and for a value that is empty, of several lines or, where it is to be one, no address. A name that a kind which ships does not use is warned of.';

CREATE VIEW tracer.notifications AS
SELECT n.notification_id, n.incident_id, n.channel, n.event, n.events, n.form, n.mode, n.role, n.state, n.reason,
       n.created_at, CASE WHEN n.state IN ('due', 'sending') THEN n.due_at END AS due_at, n.sent_at, n.attempt AS attempts, n.status, n.error, n.silence_id, n.key
  FROM tracer.notification n;
COMMENT ON VIEW tracer.notifications IS 'Every message that was decided on, and what became of it. Dead letters have state dead: tracer.resend().';
COMMENT ON COLUMN tracer.notifications.notification_id IS 'Id.';
COMMENT ON COLUMN tracer.notifications.incident_id IS 'The incident; NULL for tests and digests.';
COMMENT ON COLUMN tracer.notifications.channel IS 'Where it goes.';
COMMENT ON COLUMN tracer.notifications.event IS 'What it tells; the weightiest, where it tells several.';
COMMENT ON COLUMN tracer.notifications.events IS 'All that it tells.';
COMMENT ON COLUMN tracer.notifications.form IS 'post, edit (the first message is changed in place) or reply (below the first).';
COMMENT ON COLUMN tracer.notifications.mode IS 'page or inform.';
COMMENT ON COLUMN tracer.notifications.role IS 'Why the channel hears of it: root, symptom or at_risk.';
COMMENT ON COLUMN tracer.notifications.state IS 'due, sending, sent, dead, dropped (overtaken before it left), muted (by a silence) or shadow (would have been sent).';
COMMENT ON COLUMN tracer.notifications.reason IS 'Which rule chose the channel and why, or why it was dropped.';
COMMENT ON COLUMN tracer.notifications.created_at IS 'When it was decided on.';
COMMENT ON COLUMN tracer.notifications.due_at IS 'When it is tried next; NULL: never again.';
COMMENT ON COLUMN tracer.notifications.sent_at IS 'When the other side accepted it.';
COMMENT ON COLUMN tracer.notifications.attempts IS 'How often it was tried.';
COMMENT ON COLUMN tracer.notifications.status IS 'HTTP or SMTP code of the last attempt.';
COMMENT ON COLUMN tracer.notifications.error IS 'What went wrong last; NULL: nothing.';
COMMENT ON COLUMN tracer.notifications.silence_id IS 'What muted it (tracer.silence).';
COMMENT ON COLUMN tracer.notifications.key IS 'Idempotency key: the same whenever this message is sent again.';

CREATE FUNCTION tracer.unmet(key text, found jsonb) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT format('%s is %s', unmet.key, coalesce(tracer.one_line(unmet.found::text, 300), 'not set')) $$;
COMMENT ON FUNCTION tracer.unmet(text, jsonb) IS 'What a condition of a rule found instead of what it wants, in words; cut where it is long.';

CREATE FUNCTION tracer.explain_route(incident bigint, at timestamptz DEFAULT now())
RETURNS TABLE (role text, asset text, rule int, matches boolean, why text, mode text, channels text[], silence_id bigint)
LANGUAGE plpgsql STABLE
SET jit = off
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    number bigint := tracer.live_incident(incident);
BEGIN
    RETURN QUERY
    WITH state AS MATERIALIZED (
        SELECT s FROM tracer.incident_state(ARRAY[number]) s
    ), audience AS MATERIALIZED (
        -- a symptom that pages whatever holds is no matter of suppression
        SELECT a.role, a.asset, a.owner, a.position, a.page, a.inform, a.silence_id, a.doc,
               CASE WHEN a.mode = 'auto' AND a.always_page THEN 'page' ELSE a.mode END AS mode,
               CASE WHEN a.mode = 'auto' AND a.always_page THEN '; tagged page_as_symptom' ELSE '' END AS tagged,
               dense_rank() OVER (ORDER BY a.role, a.asset) AS n
          FROM tracer.audience(ARRAY(SELECT s.s FROM state s), explain_route.at) a
    ), subject AS (
        SELECT DISTINCT ON (a.n) a.n, a.role, a.asset, a.doc, (SELECT t.time_zone FROM tracer.team t WHERE t.name = a.owner) AS time_zone FROM audience a
    ), condition AS MATERIALIZED (
        -- what holds or not for the incident as a whole is found out once
        SELECT r.position, m.key, array_remove(m.path, NULL) AS path, m.op, m.value, m.whole,
               CASE WHEN m.whole AND NOT tracer.matcher_holds(m.op, m.value, d.doc #> array_remove(m.path, NULL))
                    THEN tracer.unmet(m.key, d.doc #> array_remove(m.path, NULL)) END AS unmet
          FROM (SELECT tracer.incident_doc(s.s, true, true) AS doc FROM state s OFFSET 0) AS d
         CROSS JOIN tracer.route r
         CROSS JOIN LATERAL tracer.matchers(r.match) m
    ), tried AS (
        -- every rule on every subject, with the conditions that do not hold
        SELECT s.n, s.role, s.asset, r.position,
               (SELECT string_agg(CASE WHEN c.whole THEN c.unmet
                                       WHEN c.key = 'time' THEN format('the time is %s %s', CASE c.op WHEN '=' THEN 'not in' ELSE 'in' END, c.value)
                                       ELSE tracer.unmet(c.key, s.doc #> c.path) END, ', ' ORDER BY c.key)
                  FROM condition c
                 WHERE c.position = r.position
                   AND CASE WHEN c.whole THEN c.unmet IS NOT NULL
                            WHEN c.key = 'time' THEN tracer.in_window(c.value, explain_route.at, s.time_zone) <> (c.op = '=')
                            ELSE NOT tracer.matcher_holds(c.op, c.value, s.doc #> c.path) END) AS fails,
               r.match, tracer.asks_at_risk(r.match) AS asks
          FROM subject s
         CROSS JOIN tracer.route r
    )
    SELECT x.role, x.asset, x.position, x.matches, x.why, x.mode, x.channels, x.silence_id
      FROM (SELECT t.role, t.asset, t.position, a.role IS NOT NULL AS matches,
                   CASE WHEN a.role IS NOT NULL THEN CASE WHEN t.match = '{}' THEN 'it matches everything' ELSE 'every condition holds' END || a.tagged
                        WHEN t.fails IS NOT NULL THEN t.fails
                        WHEN t.role = 'at_risk' AND NOT t.asks THEN 'what is at risk is for rules that ask for it by role'
                        ELSE 'an earlier rule decided' END AS why,
                   a.mode, CASE a.mode WHEN 'inform' THEN a.inform WHEN 'auto' THEN a.inform ELSE a.page END AS channels, a.silence_id
              FROM tried t
              LEFT JOIN audience a ON ARRAY[a.n, a.position] = ARRAY[t.n, t.position] -- one key, or it might go by position alone
            UNION ALL
            SELECT a.role, a.asset, NULL, true, 'no rule decided otherwise' || a.tagged, a.mode,
                   CASE a.mode WHEN 'page' THEN a.page ELSE a.inform END, a.silence_id
              FROM audience a
             WHERE a.position IS NULL) AS x
     ORDER BY x.role = 'root' DESC, x.role = 'symptom' DESC, x.asset COLLATE "C", x.position;
END
$$;
COMMENT ON FUNCTION tracer.explain_route(bigint, timestamptz) IS 'Who would hear of an open incident, and why: for each asset of it in its role, every rule of tracer.route that was tried (rule NULL: what goes without saying), whether it matched, and which conditions did not hold. mode auto: informed while suppression holds, else paged. Error: undefined_object for an unknown incident.';

CREATE FUNCTION tracer.preview(channel text, incident bigint, event text DEFAULT 'opened')
RETURNS TABLE (method text, url text, headers text[], body text, options jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    number bigint := tracer.live_incident(incident);
    place  tracer.channel;
    t      record;
    facts  jsonb;
BEGIN
    SELECT * INTO place FROM tracer.channel c WHERE c.name = preview.channel;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'channel "%" does not exist', coalesce(preview.channel, 'NULL')
            USING ERRCODE = 'undefined_object',
                  HINT = 'SELECT name, kind FROM tracer.channel lists them.';
    END IF;
    IF preview.event IS NULL OR preview.event NOT IN ('opened', 'root_changed', 'merged', 'split', 'symptoms', 'note', 'acknowledged', 'resolved', 'reopened', 'severity', 'escalated', 'repeat') THEN
        RAISE EXCEPTION 'unrecognized event "%"', coalesce(preview.event, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'The events are opened, root_changed, merged, split, symptoms, note, acknowledged, resolved, reopened, severity, escalated and repeat.';
    END IF;
    SELECT f.facts INTO facts FROM tracer.message_facts(ARRAY[number]) f;
    SELECT coalesce(h.mode, d.mode, 'page') AS mode, coalesce(h.role, d.role, 'root') AS role, coalesce(h.reason, d.reason, 'a preview') AS reason, h.key, h.ref INTO t
      FROM (SELECT) AS one
      LEFT JOIN tracer.thread h ON h.incident_id = number AND h.channel = place.name AND h.closed_at IS NULL
      LEFT JOIN LATERAL (SELECT x.* FROM tracer.decide(ARRAY[number], now()) x WHERE x.channel = place.name AND x.mode IS NOT NULL LIMIT 1) AS d ON true;
    -- what may be left out is, where it was not set
    RETURN QUERY
    SELECT q.method, q.url, q.headers, q.body, q.options
      FROM tracer.render(facts,
             jsonb_build_object('event', preview.event, 'events', jsonb_build_array(preview.event), 'form', CASE WHEN preview.event = 'opened' THEN 'post' ELSE 'reply' END,
               'mode', t.mode, 'role', t.role, 'reason', t.reason, 'key', 'preview-1', 'attempt', 1, 'at', now(), 'thread', coalesce(t.key, 'preview'), 'ref', coalesce(t.ref, '{}') || '{"room": ""}'),
             jsonb_build_object('name', place.name, 'kind', place.kind, 'settings', place.settings)) AS r (request)
     CROSS JOIN LATERAL tracer.fill_secrets(r.request || jsonb_build_object('secrets',
             (SELECT coalesce(jsonb_agg(w.item ORDER BY w.n), '[]')
                FROM jsonb_array_elements(coalesce(r.request -> 'secrets', '[]')) WITH ORDINALITY AS w (item, n)
               WHERE NOT coalesce((w.item ->> 'optional')::boolean, false)
                  OR EXISTS (SELECT FROM tracer.secret x WHERE x.channel = place.name AND x.name = w.item ->> 'secret'))),
             place.name, NULL, 'preview-1', now()) q;
END
$$;
COMMENT ON FUNCTION tracer.preview(text, bigint, text) IS 'The request that would tell a channel an event of an incident, secrets as asterisks; sends nothing. Errors: undefined_object for an unknown channel or incident, invalid_parameter_value for an unknown event.';

CREATE FUNCTION tracer.test_channel(name text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    result bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM tracer.channel c WHERE c.name = test_channel.name) THEN
        RAISE EXCEPTION 'channel "%" does not exist', coalesce(test_channel.name, 'NULL')
            USING ERRCODE = 'undefined_object',
                  HINT = 'SELECT name, kind FROM tracer.channel lists them.';
    END IF;
    PERFORM tracer.hold_planner();
    INSERT INTO tracer.notification (channel, event, events, mode, key, state, due_at, created_at, give_up_at, body)
    VALUES (test_channel.name, 'test', '{test}', 'inform', gen_random_uuid()::text, 'due', now(), now(), now() + interval '10 minutes',
            jsonb_build_object('headline', format('Test of channel %s', test_channel.name),
              'lines', jsonb_build_array(format('Sent by %s from database %s. Nothing is wrong.', session_user, current_database()))))
    RETURNING notification_id INTO result;
    -- Whoever tests has mended something; but a pause that was asked for holds.
    UPDATE tracer.channel_state s SET resume_at = NULL WHERE s.channel = test_channel.name AND s.failures >= 5;
    RETURN result;
END
$$;
COMMENT ON FUNCTION tracer.test_channel(text) IS 'Sends a test message to a channel, in shadow mode too and even if it rests after failures, and returns its id: see what became of it in tracer.notifications. Error: undefined_object for an unknown channel.';

CREATE FUNCTION tracer.resend(notification_id bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    n tracer.notification;
    t tracer.thread;
BEGIN
    PERFORM tracer.hold_planner();
    SELECT * INTO n FROM tracer.notification x WHERE x.notification_id = resend.notification_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'notification % does not exist', coalesce(resend.notification_id::text, 'NULL')
            USING ERRCODE = 'undefined_object',
                  HINT = 'SELECT notification_id, state, error FROM tracer.notifications WHERE state = ''dead'' lists the dead letters.';
    ELSIF n.state <> 'dead' THEN
        RAISE EXCEPTION 'notification % is no dead letter but %', n.notification_id, n.state
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Only a dead letter can be sent again.';
    END IF;
    -- Its thread goes on, maybe under another number, and what happened since is told
    -- along; or it has ended, and a message of it would begin what nobody ends.
    UPDATE tracer.thread h SET failed_at = NULL, dirty = true
     WHERE h.thread_id = n.thread_id AND h.closed_at IS NULL
    RETURNING h.* INTO t;
    IF n.thread_id IS NOT NULL AND t.thread_id IS NULL THEN
        UPDATE tracer.notification x SET state = 'dropped', reason = 'its incident went into one that the channel knows'
         WHERE x.notification_id = n.notification_id;
        RETURN;
    END IF;
    UPDATE tracer.notification x
       SET state = 'due', due_at = now(), give_up_at = now() + tracer.get('give_up_after')::interval, incident_id = t.incident_id
     WHERE x.notification_id = n.notification_id;
    UPDATE tracer.channel_state s SET resume_at = NULL WHERE s.channel = n.channel;
END
$$;
COMMENT ON FUNCTION tracer.resend(bigint) IS 'Tries a dead letter again, under the same key, with what is so now; one whose thread has ended is dropped instead, since the channel knows better. Errors: undefined_object for an unknown id, object_not_in_prerequisite_state for one that is no dead letter.';

-- Its plans hold no secrets, as above.
CREATE FUNCTION tracer.channel_obstacle(name text) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET plan_cache_mode = force_generic_plan
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r record;
BEGIN
    -- a test and, where there is an incident, the page for the latest one: much of a
    -- renderer is reached with an incident only
    FOR r IN
    SELECT q.url, q.headers, CASE WHEN c.kind = 'email' THEN 'smtp' WHEN k.name IS NOT NULL THEN 'http' ELSE '(http|smtp)' END AS scheme
       FROM tracer.channel c
       LEFT JOIN tracer.channel_kind_defaults() k ON k.name = c.kind
      CROSS JOIN (SELECT NULL::jsonb AS facts, 'test' AS event, '{"headline": "a test", "lines": []}'::jsonb AS body
                  UNION ALL
                  SELECT f.facts, 'opened', NULL
                    FROM tracer.message_facts(ARRAY(SELECT i.incident_id FROM tracer.incident i WHERE i.merged_into IS NULL ORDER BY i.incident_id DESC LIMIT 1)) f) AS d
      CROSS JOIN LATERAL tracer.fill_secrets(tracer.render(d.facts,
              jsonb_build_object('event', d.event, 'events', jsonb_build_array(d.event), 'form', 'post', 'mode', 'page', 'role', 'root', 'reason', 'a test',
                'key', 'test', 'thread', 'test', 'attempt', 1, 'at', now(), 'ref', '{"room": ""}'::jsonb, 'body', d.body),
              jsonb_build_object('name', c.name, 'kind', c.kind, 'settings', c.settings)), c.name,
              coalesce((SELECT jsonb_object_agg(s.name, s.value) FROM tracer.secret s WHERE s.channel = c.name), '{}'), 'test', now()) q
      WHERE c.name = channel_obstacle.name
    LOOP
        -- what the sender would refuse
        IF r.url !~* ('^' || r.scheme || 's?://') THEN
            RETURN format('its address does not start with %s', CASE r.scheme WHEN 'smtp' THEN 'smtp:// or smtps://' WHEN 'http' THEN 'https:// or http://' ELSE 'https, http, smtps or smtp' END);
        ELSIF EXISTS (SELECT FROM unnest(r.headers) AS h (line) WHERE h.line !~ '^[!#$%&''*+.^_`|~0-9A-Za-z-]+:' OR h.line ~* '^(host|content-length|transfer-encoding|connection):') THEN
            RETURN format('its header "%s" is malformed or not yours to set',
                     (SELECT split_part(h.line, ': ', 1) FROM unnest(r.headers) AS h (line)
                       WHERE h.line !~ '^[!#$%&''*+.^_`|~0-9A-Za-z-]+:' OR h.line ~* '^(host|content-length|transfer-encoding|connection):' LIMIT 1));
        END IF;
    END LOOP;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLERRM;
END
$$;
COMMENT ON FUNCTION tracer.channel_obstacle(text) IS 'Why no message to this channel could be made or would be sent: its kind or that kind''s function does not exist, a secret or the address is missing, the address or a header is not of a form that is sent, its function fails; NULL: nothing of that. Tries it as the sender would, and sends nothing.';

CREATE VIEW tracer.channels AS
SELECT c.name, c.kind,
       ARRAY(SELECT s.name FROM tracer.secret s WHERE s.channel = c.name ORDER BY s.name) AS secrets,
       CASE WHEN h.failures >= 5 THEN 'failing' WHEN h.resume_at > now() THEN 'paused' WHEN h.succeeded_at IS NULL THEN 'untested' ELSE 'working' END AS state,
       (SELECT count(*) FROM tracer.notification n WHERE n.channel = c.name AND n.state IN ('due', 'sending')) AS waiting,
       h.succeeded_at, h.failed_at, h.error, h.resume_at
  FROM tracer.channel c
  LEFT JOIN tracer.channel_state h ON h.channel = c.name;
COMMENT ON VIEW tracer.channels IS 'How each channel is doing.';
COMMENT ON COLUMN tracer.channels.name IS 'The channel.';
COMMENT ON COLUMN tracer.channels.kind IS 'Its kind.';
COMMENT ON COLUMN tracer.channels.secrets IS 'Names of the secrets that were set.';
COMMENT ON COLUMN tracer.channels.state IS 'untested (nothing ever arrived: tracer.test_channel()), working, paused (it asked for it), or failing (it is tried now and then).';
COMMENT ON COLUMN tracer.channels.waiting IS 'Messages that wait for it.';
COMMENT ON COLUMN tracer.channels.succeeded_at IS 'When it last took a message.';
COMMENT ON COLUMN tracer.channels.failed_at IS 'When it last failed.';
COMMENT ON COLUMN tracer.channels.error IS 'What went wrong then.';
COMMENT ON COLUMN tracer.channels.resume_at IS 'When it is tried again; NULL: at any time.';
