/*
 * What became of what was sent: accepted, to be tried again, or a dead letter.
 *
 * One retry policy for all: exponential backoff with full jitter, from 1 second
 * to 5 minutes, and never before what Retry-After asks for. A channel that fails
 * five times in a row for reasons that lie with the other side is left alone for
 * a while (resume_at), and then tried with one message at a time.
 */
CREATE FUNCTION tracer.delivery_outcome(kind text, form text, smtp boolean, status int, response text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    said text;
BEGIN
    IF status IS NULL OR status < 200 THEN
        RETURN 'retry';
    ELSIF smtp THEN
        RETURN CASE status / 100 WHEN 2 THEN 'sent' WHEN 4 THEN 'retry' ELSE 'dead' END;
    ELSIF status >= 300 THEN
        RETURN CASE WHEN status IN (408, 425, 429) OR status >= 500 THEN 'retry' ELSE 'dead' END;
    ELSIF kind <> 'slack' OR response IS NULL OR response ~ '^\s*\{\s*"ok"\s*:\s*true' THEN
        RETURN 'sent';
    END IF;
    -- Slack's Web API says what is wrong in the body.
    said := substring(response FROM '"error"\s*:\s*"([a-z_]+)"');
    RETURN CASE WHEN said IN ('ratelimited', 'rate_limited', 'internal_error', 'fatal_error', 'service_unavailable', 'request_timeout', 'team_added_to_org') THEN 'retry'
                WHEN form = 'edit' AND said IN ('message_not_found', 'cant_update_message', 'edit_window_closed') THEN 'sent'
                ELSE 'dead' END;
END
$$;
COMMENT ON FUNCTION tracer.delivery_outcome(text, text, boolean, int, text) IS 'What an answer means: sent, retry, dead, or more (a first step went through, the message itself is still to be sent). No answer, 408, 425, 429 and 5xx are tried again, other HTTP errors are not; for SMTP 4xx is tried again and 5xx is not.';

-- Not in SQL: auto_explain logs what the statements of such functions are given.
CREATE FUNCTION tracer.secret_traces(value text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- An error page repeats the path of an address that is secret; what echoes a
    -- request repeats user:password in base64, in which three bytes are four characters:
    -- of the first ones that are not all the password's own, the user decides.
    RETURN (SELECT array_agg(DISTINCT f.form)
      FROM (SELECT secret_traces.value
            UNION ALL
            SELECT btrim(to_json(secret_traces.value)::text, '"')
            UNION ALL
            SELECT substring(secret_traces.value FROM '^[a-z]+://[^/?#]+(/.+)$')
            UNION ALL
            SELECT p.part FROM regexp_split_to_table(substring(secret_traces.value FROM '^[a-z]+://[^/?#]+(.+)$'), '[/?#&=]') AS p (part) WHERE length(p.part) >= 16
            UNION ALL
            SELECT substr(translate(encode(convert_to(repeat(' ', k) || b.word, 'UTF8'), 'base64'), E'\n', ''), ceil(k * 4 / 3.0)::int + 1)
              FROM generate_series(0, 2) AS k,
                   (SELECT CASE WHEN secret_traces.value ~ '^[a-z]+://' THEN substring(secret_traces.value FROM '^[a-z]+://[^/?#@:]*:([^/?#@]+)@') ELSE secret_traces.value END) AS b (word)
           ) AS f (form)
     WHERE length(f.form) >= 4
       AND length(secret_traces.value) >= 4);
END
$$;
COMMENT ON FUNCTION tracer.secret_traces(text) IS 'What a secret looks like where the other side repeats it: as it is, in JSON, in base64, and of an address its path and long parts. NULL for a secret so short that anything might look like it.';

CREATE FUNCTION tracer.blot_secrets(words text, secrets text[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    trace text;
BEGIN
    FOREACH trace IN ARRAY secrets LOOP
        words := pg_catalog.replace(words, trace, '***');
    END LOOP;
    RETURN words;
END
$$;
COMMENT ON FUNCTION tracer.blot_secrets(text, text[]) IS 'The words with those secrets as asterisks, one after the other: what the other side answers may repeat them.';

CREATE FUNCTION tracer.thread_ref(outcome text, response text, ref jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- A long answer comes cut off: what is wanted stands near its beginning. The
-- first message stays the one to edit and to reply to.
SELECT CASE WHEN outcome = 'more' AND ref ? 'room' THEN '{"invited": true}'
            WHEN outcome = 'more' THEN jsonb_build_object('room', coalesce(substring(response FROM '"channel"\s*:\s*\{\s*"id"\s*:\s*"([A-Z0-9]+)"'), ''))
                    ELSE jsonb_strip_nulls(jsonb_build_object('channel', substring(response FROM '"channel"\s*:\s*"([A-Z0-9]+)"'),
                                                              'ts', substring(response FROM '"ts"\s*:\s*"([0-9.]+)"'))) END || ref
$$;
COMMENT ON FUNCTION tracer.thread_ref(text, text, jsonb) IS 'What later messages of a thread need of Slack''s answer, beside what is known already.';

CREATE FUNCTION tracer.record_deliveries(notification_id bigint[], attempt int[], status int[], error text[], retry_after double precision[], response text[], started_at timestamptz[], connect_ms double precision[], total_ms double precision[], at timestamptz DEFAULT now(), history boolean DEFAULT true)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET jit = off SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    at      CONSTANT timestamptz := record_deliveries.at;
    history CONSTANT boolean := record_deliveries.history;
BEGIN
    IF coalesce(cardinality(notification_id), 0) = 0 THEN
        RETURN;
    END IF;
    PERFORM tracer.hold_planner();
    WITH result AS MATERIALIZED (
        SELECT n.notification_id AS id, u.attempt, n.thread_id, n.incident_id, n.channel, n.said, n.form, c.kind, u.status,
               -- blotted before it is cut: half a secret is not seen as one
               left(CASE WHEN q.secrets IS NULL THEN u.error ELSE tracer.blot_secrets(u.error, q.secrets) END, 500) AS error,
               left(CASE WHEN q.secrets IS NULL THEN u.response ELSE tracer.blot_secrets(left(u.response, 20000), q.secrets) END, 2000) AS response,
               left(u.response, 20000) AS whole,
               u.started_at, u.connect_ms, u.total_ms, CASE WHEN u.retry_after > 0 THEN least(u.retry_after, 3600) END AS pause,
               -- an attempt that was given up for lost and answered late counts if it went through
               n.state = 'sending' AND n.attempt = u.attempt AS current,
               n.state IN ('due', 'sending') AS open,
               -- that there is no channel for the incident must not keep the page from going out
               CASE WHEN o.outcome <> 'retry' AND c.kind = 'slack' AND n.mode = 'page' AND t.thread_id IS NOT NULL
                         AND tracer.slack_step(n.event, n.form, c.settings, t.ref) IS NOT NULL THEN 'more'
                    WHEN o.outcome = 'retry' AND at >= n.give_up_at THEN 'dead'
                    ELSE o.outcome END AS outcome,
               n.give_up_at
          FROM unnest(notification_id, attempt, status, error, retry_after, response, started_at, connect_ms, total_ms)
               AS u (id, attempt, status, error, retry_after, response, started_at, connect_ms, total_ms)
         CROSS JOIN LATERAL (SELECT d.* FROM tracer.notification d WHERE d.notification_id = u.id OFFSET 0) AS n
          LEFT JOIN tracer.channel c ON c.name = n.channel
          LEFT JOIN LATERAL (SELECT h.thread_id, h.ref FROM tracer.thread h WHERE h.thread_id = n.thread_id OFFSET 0) AS t ON true
         -- the longest first: one may be part of another
         CROSS JOIN LATERAL (SELECT array_agg(v.trace ORDER BY length(v.trace) DESC) AS secrets
                               FROM tracer.secret x
                              CROSS JOIN LATERAL unnest(tracer.secret_traces(x.value)) AS v (trace)
                              WHERE x.channel = n.channel) AS q
         CROSS JOIN LATERAL tracer.delivery_outcome(c.kind, n.form, coalesce(c.settings ->> 'url' ILIKE 'smtp%' OR c.kind = 'email', false), u.status, u.response) AS o (outcome)
    ), logged AS (
        INSERT INTO tracer.delivery_attempt (notification_id, attempt, outcome, status, error, response, started_at, connect_ms, total_ms)
        SELECT r.id, r.attempt, r.outcome, r.status, r.error, r.response, r.started_at, r.connect_ms, r.total_ms FROM result r WHERE history
    ), done AS (
        UPDATE tracer.notification n
           SET state = CASE r.outcome WHEN 'sent' THEN 'sent' WHEN 'dead' THEN 'dead' ELSE 'due' END,
               status = r.status,
               error = CASE WHEN r.outcome <> 'sent' THEN coalesce(r.error, nullif(left(r.response, 500), ''), 'status ' || r.status)
                            WHEN NOT history THEN r.error END,
               sent_at = CASE r.outcome WHEN 'sent' THEN at END,
               due_at = CASE WHEN r.outcome = 'more' THEN at
                             WHEN r.outcome <> 'retry' THEN n.due_at
                             -- and not later than the last try before giving up
                             ELSE greatest(at + r.pause * interval '1 second',
                                           least(at + random() * least(300, 2.0 ^ least(r.attempt, 10)) * interval '1 second', n.give_up_at)) END
          FROM result r
         WHERE n.notification_id = r.id
           AND n.notification_id = ANY (record_deliveries.notification_id) -- by key
           AND (r.current OR r.open AND r.outcome = 'sent')
        RETURNING n.notification_id
    ), told AS (
        UPDATE tracer.thread t
           -- a dead letter is said, too, or the planner would write it again at once
           SET said = CASE WHEN x.sent OR x.dead AND t.said IS NOT NULL THEN x.said ELSE t.said END,
               said_at = CASE WHEN x.sent OR x.dead AND t.said IS NOT NULL THEN at ELSE t.said_at END,
               ref = coalesce(x.ref, t.ref),
               dirty = t.dirty AND NOT (x.sent OR x.dead),
               failed_at = CASE WHEN x.sent THEN NULL WHEN x.dead AND t.said IS NULL THEN at ELSE t.failed_at END
          FROM (SELECT r.thread_id, bool_or(r.outcome = 'sent') AS sent, bool_or(r.outcome = 'dead') AS dead, bool_or(t.dirty) AS was_dirty,
                       (array_agg(r.said ORDER BY r.outcome = 'sent' DESC, r.id DESC) FILTER (WHERE r.outcome IN ('sent', 'dead')))[1] AS said,
                       (array_agg(tracer.thread_ref(r.outcome, r.whole, t.ref) ORDER BY r.form = 'post' DESC, r.id)
                          FILTER (WHERE r.outcome IN ('sent', 'more') AND r.kind = 'slack'))[1] AS ref
                  FROM result r
                  JOIN done d ON d.notification_id = r.id
                 CROSS JOIN LATERAL (SELECT h.dirty, h.ref FROM tracer.thread h WHERE h.thread_id = r.thread_id OFFSET 0) AS t
                 GROUP BY r.thread_id) AS x
         WHERE t.thread_id = x.thread_id
           AND t.thread_id = ANY (ARRAY(SELECT r.thread_id FROM result r))
           AND (x.sent OR x.dead OR x.ref IS NOT NULL OR t.dirty)
        RETURNING t.incident_id, x.was_dirty OR x.dead AS look_again
    ), news AS (
        INSERT INTO tracer.notify_news (incident_id) SELECT DISTINCT t.incident_id FROM told t WHERE t.look_again
    ), health AS (
        SELECT r.channel,
               bool_or(r.outcome IN ('sent', 'more', 'dead') AND r.status IS NOT NULL) AS answered,
               count(*) FILTER (WHERE r.outcome = 'retry' AND r.status IS DISTINCT FROM 429) AS failed,
               bool_or(r.outcome IN ('retry', 'dead')) AS any_failed, bool_or(r.outcome = 'sent') AS any_sent,
               max(r.pause) FILTER (WHERE r.outcome = 'retry') AS pause,
               max(coalesce(r.error, 'status ' || r.status)) FILTER (WHERE r.outcome IN ('retry', 'dead')) AS error
          FROM result r
         GROUP BY r.channel
    )
    INSERT INTO tracer.channel_state AS s (channel, failures, resume_at, succeeded_at, failed_at, error)
    -- what failed together failed once
    SELECT h.channel, CASE WHEN h.answered THEN 0 ELSE least(h.failed, 1) END, at + h.pause * interval '1 second',
           CASE WHEN h.any_sent THEN at END, CASE WHEN h.any_failed THEN at END, h.error
      FROM health h
    ON CONFLICT (channel) DO UPDATE
       SET failures = CASE WHEN excluded.failures = 0 AND excluded.succeeded_at IS NULL AND excluded.resume_at IS NOT NULL THEN s.failures
                           WHEN excluded.failures = 0 THEN 0
                           ELSE s.failures + 1 END,
           -- a pause that was asked for holds, whatever was on its way then; one message
           -- that gets through ends only a rest after failures
           resume_at = CASE WHEN s.failures < 5 AND s.resume_at > at THEN greatest(excluded.resume_at, s.resume_at)
                            WHEN excluded.resume_at IS NOT NULL THEN excluded.resume_at
                            WHEN excluded.failures > 0 AND s.failures + 1 >= 5
                            THEN at + least(300, 10 * 2.0 ^ least(s.failures - 4, 10)) * (0.5 + random() / 2) * interval '1 second' END,
           succeeded_at = coalesce(excluded.succeeded_at, s.succeeded_at),
           failed_at = coalesce(excluded.failed_at, s.failed_at),
           error = coalesce(excluded.error, s.error);
END
$$;
COMMENT ON FUNCTION tracer.record_deliveries(bigint[], int[], int[], text[], double precision[], text[], timestamptz[], double precision[], double precision[], timestamptz, boolean) IS 'What became of messages that tracer.claim_notifications() handed out, one array element a message: status is the HTTP or SMTP code, NULL where no answer came, and error then says why; retry_after in seconds. Decides between sent, another attempt and dead letter. history = false leaves the attempts out of tracer.delivery_attempt, where that is what cannot be written.';

CREATE FUNCTION tracer.bury(notifications bigint[], problems text[], at timestamptz) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
WITH dead AS (
    UPDATE tracer.notification n
       SET state = 'dead', error = left(u.problem, 500)
      FROM unnest(bury.notifications, bury.problems) AS u (id, problem)
     WHERE n.notification_id = u.id
       AND n.notification_id = ANY (bury.notifications)
    RETURNING n.*
), logged AS (
    INSERT INTO tracer.delivery_attempt (notification_id, attempt, outcome, error, started_at)
    SELECT d.notification_id, d.attempt, 'dead', d.error, bury.at FROM dead d
), failed AS (
    UPDATE tracer.thread t
       SET failed_at = CASE WHEN t.said IS NULL THEN bury.at ELSE t.failed_at END,
           said = CASE WHEN t.said IS NOT NULL THEN d.said END,
           said_at = CASE WHEN t.said IS NOT NULL THEN bury.at END
      FROM dead d
     WHERE t.thread_id = d.thread_id
       AND t.thread_id = ANY (ARRAY(SELECT x.thread_id FROM dead x))
)
INSERT INTO tracer.notify_news (incident_id) SELECT DISTINCT d.incident_id FROM dead d WHERE d.incident_id IS NOT NULL
$$;
COMMENT ON FUNCTION tracer.bury(bigint[], text[], timestamptz) IS 'Makes dead letters of messages that cannot be sent. Not for users.';
