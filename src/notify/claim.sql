/*
 * The outbox towards the sender: what is due is handed out under a lease, as
 * complete requests. Messages are rendered here and nowhere earlier, from what
 * is committed at this moment, and secrets are filled in here and nowhere else.
 *
 * A renderer never sees a secret. It returns a request
 *
 *   {"method": "POST", "url": ..., "headers": {...}, "body": object or string,
 *    "options": {...}, "timeout_ms": ..., "secrets": [...]}
 *
 * in which "secrets" says which secret of the channel goes where:
 *   {"secret": "token",  "as": "bearer"}               Authorization: Bearer ...
 *   {"secret": "token",  "as": "basic", "user": "x"}   Authorization: Basic ...
 *   {"secret": "key",    "as": "header", "name": "X-Api-Key"}
 *   {"secret": "url",    "as": "url"}                  the address itself
 *   {"secret": "key",    "as": "body", "path": ["routing_key"]}
 *   {"secret": "key",    "as": "signature"}            Standard Webhooks' headers
 *   {"secret": "password", "as": "option"}             options.password
 * A secret that was never set is left out ("optional": true) or an error.
 */
CREATE FUNCTION tracer.fill_secrets(request jsonb, channel text, secrets jsonb, key text, at timestamptz,
    OUT method text, OUT url text, OUT headers text[], OUT body text, OUT options jsonb, OUT timeout_ms int)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    masked CONSTANT boolean := secrets IS NULL;
    wanted CONSTANT jsonb := coalesce(request -> 'secrets', '[]');
    filled jsonb := request -> 'body';
    stamp  text;
    signed text;
    value  text;
    traces text[] := '{}';
    s      jsonb;
BEGIN
    method := coalesce(request ->> 'method', 'POST');
    url := request ->> 'url';
    options := coalesce(request -> 'options', '{}');
    timeout_ms := coalesce(least(greatest((request ->> 'timeout_ms')::numeric, 0), 60000)::int, 10000);
    headers := ARRAY(SELECT h.key || ': ' || h.value FROM jsonb_each_text(coalesce(request -> 'headers', '{}')) AS h WHERE h.value IS NOT NULL);
    FOR i IN 0 .. jsonb_array_length(wanted) - 1 LOOP
        s := wanted -> i;
        value := CASE WHEN masked THEN '***' ELSE secrets ->> (s ->> 'secret') END;
        IF value IS NULL THEN
            CONTINUE WHEN (s ->> 'optional')::boolean;
            RAISE EXCEPTION 'channel "%" has no secret "%"', channel, s ->> 'secret'
                USING ERRCODE = 'undefined_object',
                      HINT = format('SELECT tracer.set_secret(%L, %L, ...) sets it.', channel, s ->> 'secret');
        END IF;
        -- the sender blots them out of the answer, which may come when they are others
        traces := traces || CASE WHEN NOT masked THEN tracer.secret_traces(value) END;
        CASE s ->> 'as'
        WHEN 'bearer' THEN headers := headers || ('Authorization: Bearer ' || value);
        WHEN 'basic' THEN headers := headers || ('Authorization: Basic ' || CASE WHEN masked THEN value
                 ELSE translate(encode(convert_to((s ->> 'user') || ':' || value, 'UTF8'), 'base64'), E'\n', '') END);
        WHEN 'header' THEN headers := headers || ((s ->> 'name') || ': ' || value);
        WHEN 'url' THEN url := value;
        WHEN 'option' THEN options := options || jsonb_build_object(s ->> 'secret', value);
        WHEN 'body' THEN filled := jsonb_set(filled, ARRAY(SELECT jsonb_array_elements_text(s -> 'path')), to_jsonb(value));
        WHEN 'signature' THEN signed := value;
        ELSE RAISE EXCEPTION 'a renderer asked for a secret as "%"', s ->> 'as'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'It is bearer, basic, header, url, option, body or signature.';
        END CASE;
    END LOOP;
    IF traces <> '{}' THEN
        options := options || jsonb_build_object('redact', (SELECT jsonb_agg(u.t ORDER BY length(u.t) DESC) FROM unnest(traces) AS u (t)));
    END IF;
    body := CASE jsonb_typeof(filled) WHEN 'string' THEN filled #>> '{}' ELSE filled::text END;
    IF signed IS NOT NULL THEN
        stamp := extract(epoch FROM at)::bigint;
        headers := headers || ARRAY['webhook-id: ' || key, 'webhook-timestamp: ' || stamp,
            'webhook-signature: v1,' || CASE WHEN masked THEN signed ELSE
              translate(encode(tracer.hmac_sha256(convert_to(key || '.' || stamp || '.' || body, 'UTF8'),
                CASE WHEN signed LIKE 'whsec\_%' THEN decode(substr(signed, 7), 'base64') ELSE convert_to(signed, 'UTF8') END), 'base64'), E'\n', '') END];
    END IF;
    -- Nobody's words begin a header of their own.
    IF coalesce(url, '') = '' THEN
        RAISE EXCEPTION 'channel "%" has no address', channel
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'It belongs in tracer.channel.settings as "url" or, where it is a secret, in tracer.set_secret(); docs/notifications.md lists what each kind takes.';
    ELSIF url ~ '\s' OR array_to_string(headers, '') ~ '[\r\n]' THEN
        RAISE EXCEPTION 'channel "%" has blanks in its address, or line breaks in a header', channel
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Secrets become headers, too: tracer.set_secret() takes one anew.';
    END IF;
END
$$;
COMMENT ON FUNCTION tracer.fill_secrets(jsonb, text, jsonb, text, timestamptz) IS 'A renderer''s request as the sender takes it, with the channel''s secrets (an object; NULL: asterisks instead) in their places. Errors: undefined_object for a secret that was never set, invalid_parameter_value for a request without address or with line breaks in a header.';

CREATE FUNCTION tracer.render(incident jsonb, event jsonb, channel jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own     record;
    request jsonb;
BEGIN
    CASE channel ->> 'kind'
    WHEN 'webhook' THEN RETURN tracer.render_webhook(incident, event, channel);
    WHEN 'slack' THEN RETURN tracer.render_slack(incident, event, channel);
    WHEN 'slack_webhook' THEN RETURN tracer.render_slack_webhook(incident, event, channel);
    WHEN 'pagerduty' THEN RETURN tracer.render_pagerduty(incident, event, channel);
    WHEN 'teams' THEN RETURN tracer.render_teams(incident, event, channel);
    WHEN 'email' THEN RETURN tracer.render_email(incident, event, channel);
    WHEN 'sms' THEN RETURN tracer.render_sms(incident, event, channel);
    ELSE
        SELECT k.function, k.owner INTO own FROM tracer.channel_kind k WHERE k.name = channel ->> 'kind';
        IF NOT FOUND THEN
            RAISE EXCEPTION 'channel "%" is of kind "%", which does not exist', channel ->> 'name', channel ->> 'kind'
                USING ERRCODE = 'undefined_object',
                      HINT = 'SELECT name FROM tracer.channel_kinds lists the kinds.';
        END IF;
        SELECT r INTO request FROM tracer.call_registered(quote_ident(own.owner)::regrole, own.function, incident, event, channel) AS r LIMIT 1;
        RETURN request;
    END CASE;
END
$$;
COMMENT ON FUNCTION tracer.render(jsonb, jsonb, jsonb) IS 'The request that tells a channel an event of an incident, without secrets: tracer.render_<kind>(), or the function of a kind of your own, run as its owner. Errors: undefined_object for an unknown kind, and whatever the function raises.';

CREATE FUNCTION tracer.claim_notifications(max int DEFAULT 100, lease interval DEFAULT '1 minute', at timestamptz DEFAULT now())
RETURNS TABLE (notification_id bigint, attempt int, channel text, kind text, method text, url text, headers text[], body text, options jsonb, timeout_ms int)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET jit = off SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    at       CONSTANT timestamptz := claim_notifications.at;
    picked   bigint[];
    lost     boolean;
    limited  boolean;
    n        record;
    failed   bigint[] := '{}';
    problems text[] := '{}';
    began    CONSTANT timestamptz := clock_timestamp();
    hung     jsonb := '{}';
    later    bigint[] := '{}';
BEGIN
    -- A database that was restored or copied pages nobody.
    IF NOT tracer.armed() THEN
        RETURN;
    END IF;
    -- Nothing leaves that what is committed by now would not say. And almost always
    -- there is nothing to send.
    IF tracer.plan_notifications(at) = 0
       AND NOT EXISTS (SELECT FROM tracer.channel c
                    WHERE EXISTS (SELECT FROM tracer.notification d
                                   WHERE d.channel = c.name AND d.state IN ('due', 'sending') AND d.due_at <= at)) THEN
        RETURN;
    END IF;
    PERFORM tracer.hold_planner();

    -- In turn from every channel that may be sent to, pages first.
    SELECT array_agg(q.notification_id), bool_or(q.state = 'sending'), bool_or(q.limited) INTO picked, lost, limited
      FROM (SELECT d.notification_id, d.state, c.limited
              FROM (SELECT c.name, r.rate IS NOT NULL OR s.failures >= 5 AS limited,
                           CASE WHEN s.failures >= 5 THEN 1
                                WHEN r.rate IS NULL THEN max
                                ELSE greatest(floor(tracer.tokens_left(s.tokens, s.tokens_at, r.rate, at)), 0)::int END AS allowed
                      FROM tracer.channel c
                      LEFT JOIN tracer.channel_kind_defaults() k ON k.name = c.kind
                      LEFT JOIN tracer.channel_state s ON s.channel = c.name
                     CROSS JOIN LATERAL (SELECT coalesce(c.rate_limit, k.rate_limit)) AS r (rate)
                     WHERE s.resume_at IS NULL OR s.resume_at <= at) AS c
             CROSS JOIN LATERAL (
                   SELECT x.notification_id, x.state, row_number() OVER (ORDER BY x.mode = 'page' DESC, x.due_at, x.notification_id) AS turn, x.mode, x.due_at
                     FROM (SELECT w.notification_id, w.state, w.mode, w.due_at
                             FROM tracer.notification w
                            WHERE w.channel = c.name
                              AND w.state IN ('due', 'sending')
                              AND w.due_at <= at
                              AND NOT EXISTS (SELECT FROM tracer.notify_news f WHERE f.incident_id = w.incident_id)
                            ORDER BY w.due_at
                            -- so that one dead endpoint does not take all of the sender's places
                            LIMIT greatest(least(c.allowed, max, 256 - (SELECT count(*) FROM tracer.notification h
                                                                         WHERE h.channel = c.name AND h.state = 'sending' AND h.due_at > at)), 0)
                              FOR UPDATE SKIP LOCKED) AS x) AS d
             ORDER BY d.turn, d.mode = 'page' DESC, d.due_at
             LIMIT max) AS q;
    IF picked IS NULL THEN
        RETURN;
    END IF;
    IF lost THEN
        INSERT INTO tracer.delivery_attempt (notification_id, attempt, outcome, error)
        SELECT w.notification_id, w.attempt, 'lost', 'the sender never said what became of it'
          FROM tracer.notification w
         WHERE w.notification_id = ANY (picked) AND w.state = 'sending';
    END IF;

    FOR n IN
        WITH fact AS MATERIALIZED (
            SELECT f.*
              FROM tracer.message_facts((SELECT array_agg(DISTINCT w.incident_id)
                                           FROM (SELECT d.incident_id FROM tracer.notification d WHERE d.notification_id = ANY (picked) OFFSET 0) AS w
                                          WHERE w.incident_id IS NOT NULL)) f
        ), claimed AS (
            UPDATE tracer.notification w
               SET state = 'sending', attempt = w.attempt + 1, due_at = at + lease, event = e.events[1], events = e.events,
                   -- PagerDuty's trigger says nothing of who has it: that is an event of its own, still to be told
                   said = CASE WHEN k.kind <> 'pagerduty' OR e.events @> '{acknowledged}' AND NOT e.events @> '{reopened}' THEN f.said
                               ELSE f.said || jsonb_build_object('acknowledged_by', h.said -> 'acknowledged_by') END
              FROM unnest(picked) AS p (id)
              JOIN tracer.notification o ON o.notification_id = p.id
              JOIN tracer.channel k ON k.name = o.channel
              LEFT JOIN fact f ON f.incident_id = o.incident_id
              LEFT JOIN tracer.thread h ON h.thread_id = o.thread_id
             -- What happened while it waited is told along with it.
             CROSS JOIN LATERAL (SELECT CASE WHEN h.dirty AND f.said IS NOT NULL AND o.body IS NULL
                                             THEN tracer.told_now(o.channel, h, o.event, o.events, f.said)
                                             ELSE ARRAY[o.event] || array_remove(o.events, o.event) END AS events) AS e
             WHERE w.notification_id = p.id
            RETURNING w.notification_id, w.attempt, w.channel, w.incident_id, w.thread_id, w.key, w.event, w.events, w.form, w.mode, w.role, w.reason,
                      w.created_at, w.body, f.facts, w.said ->> 'acknowledged_by' IS DISTINCT FROM f.said ->> 'acknowledged_by' AS untold
        ), clean AS (
            UPDATE tracer.thread t
               SET dirty = t.thread_id = ANY (ARRAY(SELECT x.thread_id FROM claimed x WHERE x.untold))
             WHERE t.thread_id = ANY (ARRAY(SELECT x.thread_id FROM claimed x))
               AND t.dirty <> (t.thread_id = ANY (ARRAY(SELECT x.thread_id FROM claimed x WHERE x.untold)))
        )
        SELECT x.notification_id, x.attempt, x.channel, c.kind, k.name IS NULL AS own, x.facts, x.key,
               jsonb_build_object('event', x.event, 'events', x.events, 'form', x.form, 'mode', x.mode, 'role', x.role, 'reason', x.reason,
                 'key', x.key, 'attempt', x.attempt, 'at', x.created_at, 'thread', t.key, 'ref', t.ref, 'body', x.body,
                 'notes', CASE WHEN x.events && '{note,split}' THEN tracer.recent_notes(x.incident_id, t.said) END) AS event,
               jsonb_build_object('name', c.name, 'kind', c.kind, 'settings', c.settings) AS place,
               coalesce((SELECT jsonb_object_agg(q.name, q.value) FROM tracer.secret q WHERE q.channel = x.channel), '{}') AS secrets
          FROM claimed x
          JOIN tracer.channel c ON c.name = x.channel
          LEFT JOIN tracer.channel_kind_defaults() k ON k.name = c.kind
          LEFT JOIN LATERAL (SELECT h.key, h.ref, h.said FROM tracer.thread h WHERE h.thread_id = x.thread_id OFFSET 0) AS t ON true
         ORDER BY array_position(picked, x.notification_id)
    LOOP
        -- Users' functions take only so much of the time of all: what is left of theirs
        -- waits for the next claim, and none is called again that does not end.
        IF hung ? n.kind THEN
            failed := failed || n.notification_id;
            problems := problems || (hung ->> n.kind);
            CONTINUE;
        ELSIF n.own AND clock_timestamp() > began + interval '2 seconds' THEN
            later := later || n.notification_id;
            CONTINUE;
        END IF;
        BEGIN
            RETURN QUERY
            SELECT n.notification_id, n.attempt, n.channel, n.kind, r.method, r.url, r.headers, r.body, r.options, r.timeout_ms
              FROM tracer.fill_secrets(tracer.render(n.facts, n.event, n.place), n.channel, n.secrets, n.key, at) AS r;
        EXCEPTION WHEN OTHERS THEN
            failed := failed || n.notification_id;
            problems := problems || format('could not be rendered: %s', SQLERRM);
            IF n.own AND SQLSTATE = '54000' THEN -- program_limit_exceeded
                hung := hung || jsonb_build_object(n.kind, format('could not be rendered: %s', SQLERRM));
            END IF;
        END;
    END LOOP;
    IF later <> '{}' THEN
        UPDATE tracer.notification w SET state = 'due', due_at = at, attempt = w.attempt - 1 WHERE w.notification_id = ANY (later);
        picked := ARRAY(SELECT p.id FROM unnest(picked) AS p (id) WHERE p.id <> ALL (later));
    END IF;
    IF limited THEN
        PERFORM tracer.spend_tokens(picked, at, lease);
    END IF;
    IF failed <> '{}' THEN
        PERFORM tracer.bury(failed, problems, at);
    END IF;
END
$$;
COMMENT ON FUNCTION tracer.claim_notifications(int, interval, timestamptz) IS 'Hands at most max messages that are due to the sender, complete and with secrets, rendered from what is committed now; they are its own for the length of the lease. None until tracer.arm() in a database that was restored or copied. One row a message; for SMTP url is smtp://host:port, body the whole message, and options say from, to, username, password and starttls; options.redact lists what must not be kept of the answer. A message that cannot be rendered becomes a dead letter and stops no other. Report with tracer.record_deliveries().';

CREATE FUNCTION tracer.told_now(channel text, t tracer.thread, event text, events text[], said jsonb) RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    over   CONSTANT boolean := (said ->> 'resolved')::boolean;
    wanted text[];
BEGIN
    IF t.said IS NULL THEN
        RETURN CASE WHEN over THEN '{resolved,opened}' ELSE '{opened}' END;
    END IF;
    SELECT tracer.wanted_events(events || tracer.happened(t.said, said), t.mode = 'page', t.role, k.brief, k.edits) INTO wanted
      FROM tracer.channel c
      JOIN tracer.channel_kinds k ON k.name = c.kind
     WHERE c.name = told_now.channel;
    -- of an end and a return, the later one
    wanted := array_remove(wanted, CASE WHEN over THEN 'reopened' ELSE 'resolved' END);
    IF over THEN
        wanted := ARRAY['resolved'] || array_remove(wanted, 'resolved');
    END IF;
    RETURN CASE WHEN wanted = '{}' THEN ARRAY[event] || array_remove(events, event) ELSE wanted END;
END
$$;
COMMENT ON FUNCTION tracer.told_now(text, tracer.thread, text, text[], jsonb) IS 'The events of a message that waited, with what happened meanwhile, weightiest first. Not for users.';

CREATE FUNCTION tracer.tokens_left(tokens double precision, tokens_at timestamptz, rate int, at timestamptz) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- A sixth of a minute's messages at once, then evenly.
SELECT least(greatest(ceil(rate / 6.0), 1)::float8,
             coalesce(tokens + extract(epoch FROM at - tokens_at) * rate / 60.0, greatest(ceil(rate / 6.0), 1)))
$$;
COMMENT ON FUNCTION tracer.tokens_left(double precision, timestamptz, int, timestamptz) IS 'How many messages a channel''s rate limit (a minute) allows at a moment. Not for users.';

CREATE FUNCTION tracer.spend_tokens(claimed bigint[], at timestamptz, lease interval) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    WITH spent AS (
        SELECT n.channel, count(*) AS messages, coalesce(c.rate_limit, k.rate_limit) AS rate
          FROM tracer.notification n
          JOIN tracer.channel c ON c.name = n.channel
          JOIN tracer.channel_kinds k ON k.name = c.kind
         WHERE n.notification_id = ANY (claimed)
         GROUP BY n.channel, c.rate_limit, k.rate_limit
    )
    INSERT INTO tracer.channel_state AS s (channel, tokens, tokens_at)
    SELECT p.channel, tracer.tokens_left(NULL, NULL, p.rate, at) - p.messages, at
      FROM spent p
     WHERE p.rate IS NOT NULL
        OR EXISTS (SELECT FROM tracer.channel_state o WHERE o.channel = p.channel AND o.failures >= 5)
    ON CONFLICT (channel) DO UPDATE
       SET tokens = tracer.tokens_left(s.tokens, s.tokens_at, (SELECT p.rate FROM spent p WHERE p.channel = s.channel), at)
                    - (SELECT p.messages FROM spent p WHERE p.channel = s.channel),
           tokens_at = at,
           -- one message tries a channel that failed; the next waits for its answer
           resume_at = CASE WHEN s.failures >= 5 THEN at + lease ELSE s.resume_at END;
END
$$;
COMMENT ON FUNCTION tracer.spend_tokens(bigint[], timestamptz, interval) IS 'Counts what was handed out against the channels'' rate limits. Not for users.';

CREATE FUNCTION tracer.recent_notes(incident bigint, said jsonb) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT coalesce(jsonb_agg(format('%s: %s', coalesce(x.actor, 'tracer'), x.detail) ORDER BY x.event_id), '[]')
  FROM (SELECT v.*, row_number() OVER (PARTITION BY v.kind = 'split' ORDER BY v.event_id DESC) AS n
          FROM tracer.incident_event v
         WHERE v.incident_id = recent_notes.incident
           AND v.kind IN ('note', 'confirmed', 'split')) AS x
 WHERE x.n <= CASE WHEN (recent_notes.said ->> 'incident')::bigint = recent_notes.incident
                   THEN (SELECT count(*) FILTER (WHERE (v.kind = 'split') = (x.kind = 'split')) FROM tracer.incident_event v
                          WHERE v.incident_id = recent_notes.incident AND v.kind IN ('note', 'confirmed', 'split'))
                        - (recent_notes.said ->> CASE x.kind WHEN 'split' THEN 'splits' ELSE 'notes' END)::bigint
                   ELSE 1 END
   AND x.n <= 5
$$;
COMMENT ON FUNCTION tracer.recent_notes(bigint, jsonb) IS 'The notes and splits of an incident that a thread has not been told of, at most five of each, as "who: what".';
