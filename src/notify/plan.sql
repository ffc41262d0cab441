/*
 * The planner: takes what is news and what time has come for, asks decide(), and
 * writes it down. A bounded number of incidents at a call; what is left makes
 * tracer.next_notification_at() say "now".
 */
CREATE FUNCTION tracer.follow_merges(incidents bigint[], at timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t       record;
    known   bigint;
    unseen  boolean;
    written bigint := 0;
BEGIN
    -- A channel that knows both incidents hears that the one is part of the
    -- other, and that thread ends. A channel that knows only the one that went
    -- goes on under the other number: same key, same place, next message.
    FOR t IN
        SELECT h.*, tracer.live_incident(h.incident_id) AS winner
          FROM tracer.thread h
          JOIN tracer.incident i ON i.incident_id = h.incident_id AND i.merged_into IS NOT NULL
         WHERE h.incident_id = ANY (incidents)
           AND h.closed_at IS NULL
         ORDER BY h.thread_id
    LOOP
        SELECT o.thread_id, o.shadow AND NOT t.shadow INTO known, unseen
          FROM tracer.thread o
         WHERE o.incident_id = t.winner AND o.channel = t.channel AND o.closed_at IS NULL;
        IF unseen THEN
            -- what nobody saw ends for what somebody did
            UPDATE tracer.thread h SET closed_at = at WHERE h.thread_id = known;
            known := NULL;
        END IF;
        IF known IS NULL THEN
            UPDATE tracer.thread h SET incident_id = t.winner WHERE h.thread_id = t.thread_id;
            UPDATE tracer.notification n SET incident_id = t.winner
             WHERE n.thread_id = t.thread_id AND n.state IN ('due', 'sending');
        ELSE
            UPDATE tracer.notification n SET state = 'dropped', reason = format('incident %s went into incident %s', t.incident_id, t.winner)
             WHERE n.thread_id = t.thread_id AND n.state = 'due' AND n.attempt = 0;
            UPDATE tracer.thread h SET closed_at = at, seq = h.seq + 1 WHERE h.thread_id = t.thread_id;
            IF t.said IS NOT NULL OR EXISTS (SELECT FROM tracer.notification n WHERE n.thread_id = t.thread_id AND n.state IN ('due', 'sending')) THEN
                INSERT INTO tracer.notification (thread_id, incident_id, channel, event, events, form, mode, role, reason, key, state, due_at, created_at, give_up_at, body)
                SELECT t.thread_id, t.winner, t.channel, 'merged', '{merged}', CASE WHEN k.edits AND t.ref ? 'ts' THEN 'edit' ELSE 'post' END,
                       t.mode, t.role, t.reason,
                       t.key || '-' || t.seq + 1, CASE WHEN t.shadow THEN 'shadow' ELSE 'due' END, at, at, at + tracer.get('give_up_after')::interval,
                       jsonb_build_object('from', t.incident_id, 'into', t.winner)
                  FROM tracer.channel c
                  JOIN tracer.channel_kinds k ON k.name = c.kind
                 WHERE c.name = t.channel;
                written := written + 1;
            END IF;
        END IF;
    END LOOP;
    RETURN written;
END
$$;
COMMENT ON FUNCTION tracer.follow_merges(bigint[], timestamptz) IS 'Moves the threads of incidents that were merged away to the incident that they went into, or ends them where the channel knows that one already; returns the messages written. Not for users.';

CREATE FUNCTION tracer.plan_incidents(changed bigint[], at timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changed CONSTANT bigint[] := plan_incidents.changed;
    at      CONSTANT timestamptz := plan_incidents.at;
    live    bigint[];
    merged  boolean;
    give_up interval;
    n       bigint;
    written bigint := 0;
    actions text[];
    decisions tracer.decision_to_tell[];
BEGIN
    DELETE FROM tracer.notify_news f WHERE f.incident_id = ANY (changed);
    DELETE FROM tracer.notify_timer t WHERE t.incident_id = ANY (changed);
    SELECT coalesce(array_agg(DISTINCT CASE WHEN i.merged_into IS NULL THEN i.incident_id ELSE tracer.live_incident(i.incident_id) END), '{}'),
           coalesce(bool_or(i.merged_into IS NOT NULL), false)
      INTO live, merged
      FROM tracer.incident i
     WHERE i.incident_id = ANY (changed);
    IF merged THEN
        written := tracer.follow_merges(changed, at);
    END IF;
    give_up := tracer.get('give_up_after');

    decisions := ARRAY(SELECT d FROM tracer.decide(live, at) d);
    actions := ARRAY(SELECT DISTINCT d.action FROM unnest(decisions) AS d);

    IF 'drop' = ANY (actions) THEN
        WITH dropped AS (
            -- by key, however much waits to be sent
            UPDATE tracer.notification n
               SET state = 'dropped',
                   reason = (SELECT d.reason FROM unnest(decisions) AS d WHERE d.action = 'drop' AND d.thread_id = n.thread_id)
             WHERE n.thread_id = ANY (ARRAY(SELECT d.thread_id FROM unnest(decisions) AS d WHERE d.action = 'drop'))
               AND n.state = 'due'
            RETURNING n.thread_id
        )
        UPDATE tracer.thread t SET closed_at = at FROM dropped x WHERE t.thread_id = x.thread_id;
    END IF;

    -- Threads with a message on its way (none of those written below): to be looked
    -- at again when it has arrived.
    UPDATE tracer.thread t
       SET dirty = true
     WHERE t.incident_id = ANY (live)
       AND t.closed_at IS NULL
       AND NOT t.dirty
       AND (SELECT true FROM tracer.notification n WHERE n.thread_id = t.thread_id AND n.state IN ('due', 'sending') LIMIT 1)
       AND t.thread_id <> ALL (ARRAY(SELECT d.thread_id FROM unnest(decisions) AS d WHERE d.action = 'drop'));

    IF actions && '{open,update,mute}' THEN
        WITH decision AS MATERIALIZED (
            SELECT d.* FROM unnest(decisions) AS d WHERE d.action IN ('open', 'update', 'mute')
        ), opened AS (
            INSERT INTO tracer.thread (incident_id, channel, mode, role, reason, shadow, opened_at, paged_at, said, said_at, seq)
            SELECT d.incident_id, d.channel, d.mode, d.role, d.reason, d.shadow, at, CASE d.mode WHEN 'page' THEN at END,
                   CASE WHEN d.shadow THEN d.said END, CASE WHEN d.shadow THEN at END, 1
              FROM decision d
             WHERE d.action = 'open'
            RETURNING thread_id, incident_id, channel, mode, role, reason, key, thread.shadow
        ), updated AS (
            UPDATE tracer.thread t
               SET mode = d.mode, role = d.role, reason = d.reason,
                   seq = t.seq + 1, dirty = false,
                   paged_at = CASE WHEN d.mode = 'page' AND d.events && '{escalated,repeat,reopened}' THEN at ELSE t.paged_at END,
                   said = CASE WHEN t.shadow THEN d.said ELSE t.said END,
                   said_at = CASE WHEN t.shadow THEN at ELSE t.said_at END
              FROM decision d
             WHERE d.action = 'update'
               AND t.thread_id = d.thread_id
               AND t.thread_id = ANY (ARRAY(SELECT x.thread_id FROM unnest(decisions) AS x WHERE x.action = 'update')) -- by key
            RETURNING t.thread_id, t.incident_id, t.channel, t.mode, t.role, t.reason, t.key, t.seq, t.shadow,
                      d.events, d.brief, d.edits AND (t.ref ? 'ts' OR t.shadow) AS edits
        ), message AS (
            SELECT o.thread_id, o.incident_id, o.channel, 'opened' AS event, '{opened}'::text[] AS events, 'post' AS form,
                   o.mode, o.role, o.reason, o.key || '-1' AS key, CASE WHEN o.shadow THEN 'shadow' ELSE 'due' END AS state, NULL::bigint AS silence_id
              FROM opened o
            UNION ALL
            SELECT u.thread_id, u.incident_id, u.channel, CASE WHEN u.brief AND u.events[1] = 'reopened' THEN 'opened' ELSE u.events[1] END, u.events,
                   f.form, u.mode, u.role, u.reason, u.key || '-' || u.seq || CASE f.form WHEN 'edit' THEN 'e' ELSE '' END,
                   CASE WHEN u.shadow THEN 'shadow' ELSE 'due' END, NULL
              FROM updated u
             CROSS JOIN LATERAL (SELECT 'post' WHERE NOT u.edits
                                 UNION ALL
                                 SELECT 'edit' WHERE u.edits
                                 UNION ALL
                                 SELECT 'reply' WHERE u.edits
                                    AND u.events && CASE u.mode WHEN 'page' THEN '{reopened,resolved,escalated,repeat,root_changed,merged,split,severity,note}'::text[]
                                                         ELSE '{reopened,resolved,escalated,repeat,root_changed,merged,split}' END) AS f (form)
            UNION ALL
            SELECT NULL, d.incident_id, d.channel, d.events[1], d.events, 'post', d.mode, d.role, d.reason, gen_random_uuid()::text, 'muted', d.silence_id
              FROM decision d
             WHERE d.action = 'mute'
        )
        INSERT INTO tracer.notification (thread_id, incident_id, channel, event, events, form, mode, role, reason, key, state, due_at, created_at, give_up_at, silence_id)
        SELECT m.thread_id, m.incident_id, m.channel, m.event, m.events, m.form, m.mode, m.role, m.reason, m.key, m.state, at, at, at + give_up, m.silence_id
          FROM message m
         ORDER BY m.mode <> 'page', m.incident_id, m.channel, m.form; -- who is woken comes first; an edit before the reply to it
        GET DIAGNOSTICS n = ROW_COUNT;
        written := written + n;
    END IF;

    IF 'wait' = ANY (actions) THEN
        INSERT INTO tracer.notify_timer (incident_id, next_at)
        SELECT d.incident_id, min(d.due_at)
          FROM unnest(decisions) AS d
         WHERE d.action = 'wait'
           AND d.due_at IS NOT NULL
         GROUP BY d.incident_id
        ON CONFLICT (incident_id) DO UPDATE SET next_at = excluded.next_at, problem = NULL;
    END IF;
    IF 0 = ANY (changed) THEN
        written := written + tracer.plan_digests(at);
    END IF;
    RETURN written;
END
$$;
COMMENT ON FUNCTION tracer.plan_incidents(bigint[], timestamptz) IS 'Takes the news of those incidents (0 stands for the digests), decides what is to be told, and writes it to the outbox; returns the number of messages written. Not for users.';

CREATE FUNCTION tracer.plan_notifications(at timestamptz DEFAULT now(), max_incidents int DEFAULT 1000) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET jit = off SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    at      CONSTANT timestamptz := plan_notifications.at;
    changed bigint[];
    one     bigint;
    failed  bigint := 0;
    problem text;
    written bigint := 0;
BEGIN
    -- Almost always there is nothing to do.
    IF NOT EXISTS (SELECT FROM tracer.notify_news)
       AND NOT EXISTS (SELECT FROM tracer.notify_timer t WHERE t.next_at <= at)
       OR NOT tracer.armed()
    THEN
        RETURN 0;
    END IF;
    PERFORM tracer.hold_planner();

    -- Take the news first and look at the incidents in a later statement: what
    -- came in between is then seen, what comes after leaves news of its own.
    SELECT coalesce(array_agg(DISTINCT w.incident_id), '{}') INTO changed
      FROM ((SELECT f.incident_id FROM tracer.notify_news f LIMIT max_incidents)
            UNION ALL
            (SELECT t.incident_id FROM tracer.notify_timer t WHERE t.next_at <= at ORDER BY t.next_at LIMIT max_incidents)) AS w;
    BEGIN
        RETURN tracer.plan_incidents(changed, at);
    EXCEPTION WHEN OTHERS THEN
        -- not now: deadlock, out of memory, a lock, shutdown
        IF SQLSTATE ~ '^(40|53|55|57|58)' THEN
            RAISE;
        END IF;
    END;
    -- What cannot be told of one incident (somebody's trigger on the outbox refuses it,
    -- say) must not keep the others from being told.
    FOREACH one IN ARRAY changed LOOP
        BEGIN
            written := written + tracer.plan_incidents(ARRAY[one], at);
        EXCEPTION WHEN OTHERS THEN
            IF SQLSTATE ~ '^(40|53|55|57|58)' THEN
                RAISE;
            END IF;
            failed := failed + 1;
            problem := format('incident %s: %s', one, SQLERRM);
            DELETE FROM tracer.notify_news f WHERE f.incident_id = one;
            INSERT INTO tracer.notify_timer AS t (incident_id, next_at, problem)
            VALUES (one, at + interval '1 minute', SQLERRM)
            ON CONFLICT (incident_id) DO UPDATE SET next_at = excluded.next_at, problem = excluded.problem;
        END;
    END LOOP;
    IF failed > 0 THEN
        RAISE WARNING 'tracer cannot write to its outbox what is to be told of %, lately %', tracer.counted(failed, 'incident'), problem
            USING HINT = 'See tracer.doctor(); it is tried again every minute.';
    END IF;
    RETURN written;
END
$$;
COMMENT ON FUNCTION tracer.plan_notifications(timestamptz, int) IS 'Decides what is to be told about incidents that changed, or whose time has come, and writes it to the outbox; returns the number of messages written, shadow and muted ones included. Touches at most max_incidents incidents of each sort; call it again while tracer.next_notification_at() is not in the future. An incident that fails by itself is tried again a minute later and stops no other. Idempotent; the time is an argument so that tests can choose it.';

CREATE FUNCTION tracer.next_notification_at() RETURNS timestamptz
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET jit = off SET enable_seqscan = off
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT tracer.armed() THEN
        RETURN NULL;
    ELSIF EXISTS (SELECT FROM tracer.notify_news) THEN
        RETURN '-infinity';
    END IF;
    RETURN least((SELECT min(t.next_at) FROM tracer.notify_timer t),
                 (SELECT min(greatest(q.due_at, s.resume_at,
                                      -- until its rate limit allows another
                                      CASE WHEN s.tokens < 1 THEN s.tokens_at + (1.001 - s.tokens) * interval '1 minute' / coalesce(c.rate_limit, k.rate_limit) END))
                    FROM tracer.channel c
                    LEFT JOIN tracer.channel_kind_defaults() k ON k.name = c.kind
                    LEFT JOIN tracer.channel_state s ON s.channel = c.name
                   CROSS JOIN LATERAL (SELECT n.due_at FROM tracer.notification n
                                        WHERE n.channel = c.name AND n.state IN ('due', 'sending')
                                        ORDER BY n.due_at LIMIT 1) AS q));
END
$$;
COMMENT ON FUNCTION tracer.next_notification_at() IS 'When tracer.plan_notifications() or tracer.claim_notifications() next have something to do: a time in the past means now, NULL never, unless something changes (as by tracer.arm(), where the database is disarmed).';
