/*
 * The decision: what each channel should be told about an incident now, or when
 * to look again. A function of committed rows and of a time, so that it can be
 * asked without consequences and gives the same answer however often and
 * whenever it is asked.
 *
 * What a thread was told last (said) against what is so gives the events;
 * several at once are one message.
 */

CREATE FUNCTION tracer.happened(before jsonb, now jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT array_remove(ARRAY[
         CASE WHEN (now ->> 'resolved')::boolean AND NOT (before ->> 'resolved')::boolean THEN 'resolved' END,
         CASE WHEN (before ->> 'resolved')::boolean AND NOT (now ->> 'resolved')::boolean THEN 'reopened' END,
         CASE WHEN now ->> 'root' IS DISTINCT FROM before ->> 'root' THEN 'root_changed' END,
         CASE WHEN (now ->> 'severity')::tracer.severity > (before ->> 'severity')::tracer.severity THEN 'severity' END,
         CASE WHEN now ->> 'acknowledged_by' IS DISTINCT FROM before ->> 'acknowledged_by' AND now ->> 'acknowledged_by' IS NOT NULL THEN 'acknowledged' END]
       -- what is counted per incident says nothing across two of them
       || CASE WHEN now ->> 'incident' <> before ->> 'incident' THEN ARRAY['merged']
               ELSE ARRAY[CASE WHEN (now ->> 'assets')::bigint > (before ->> 'assets')::bigint THEN 'symptoms' END,
                          CASE WHEN (now ->> 'notes')::bigint > (before ->> 'notes')::bigint THEN 'note' END,
                          CASE WHEN (now ->> 'splits')::bigint > (before ->> 'splits')::bigint THEN 'split' END] END, NULL)
$$;
COMMENT ON FUNCTION tracer.happened(jsonb, jsonb) IS 'The events between what a thread was told and what is so, both as tracer.incident_state() gives them in said.';

-- What a kind of thread wants to hear of, in order of weight.
CREATE FUNCTION tracer.wanted_events(happened text[], pages boolean, role text, brief boolean, edits boolean) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT coalesce(array_agg(w.event ORDER BY w.weight), '{}')
  FROM (VALUES (1, 'reopened',     1),
               (2, 'resolved',     1),
               (3, 'escalated',    1),
               (4, 'repeat',       1),
               (5, 'root_changed', 1),
               (6, 'merged',       2),
               (7, 'split',        2),
               (8, 'severity',     4),
               (9, 'note',         4),
               (10, 'acknowledged', 3),
               (11, 'symptoms',    4)) AS w (weight, event, least_interest)
 WHERE w.event = ANY (happened)
   AND w.least_interest <= CASE WHEN brief THEN 1
                                WHEN edits OR pages AND role = 'root' THEN 4
                                WHEN pages THEN 3
                                ELSE 2 END
$$;
COMMENT ON FUNCTION tracer.wanted_events(text[], boolean, text, boolean, boolean) IS 'Of what happened, what a channel is told, weightiest first: all of it where the root cause is paged, and where a message can be edited without a sound; who is paged for a symptom also that somebody has it; who is only informed, what changes the picture; SMS and mail the least.';

-- A subject whose channels are reached, and how.
CREATE TYPE tracer.reached AS (
    incident_id    bigint,
    role           text,
    page           text[],
    inform         text[],
    pages          boolean,
    reason         text,
    because        text,
    unreachable    boolean,
    silence_id     bigint,
    silenced_until timestamptz,
    deadline       timestamptz,
    open_at        timestamptz
);
COMMENT ON TYPE tracer.reached IS 'A subject of an incident whose channels are to hear of it: one step of tracer.decide().';
COMMENT ON COLUMN tracer.reached.incident_id IS 'The incident.';
COMMENT ON COLUMN tracer.reached.role IS 'root, symptom or at_risk.';
COMMENT ON COLUMN tracer.reached.page IS 'Channels to page.';
COMMENT ON COLUMN tracer.reached.inform IS 'Channels to inform.';
COMMENT ON COLUMN tracer.reached.pages IS 'Whether it is paged, not informed.';
COMMENT ON COLUMN tracer.reached.reason IS 'Which rule chose it, in words.';
COMMENT ON COLUMN tracer.reached.because IS 'Why it pages though it might have been informed; NULL: there is no such reason.';
COMMENT ON COLUMN tracer.reached.unreachable IS 'Whether it is the root cause and none of its channels can be reached.';
COMMENT ON COLUMN tracer.reached.silence_id IS 'The silence that holds it back; NULL: none.';
COMMENT ON COLUMN tracer.reached.silenced_until IS 'Until when.';
COMMENT ON COLUMN tracer.reached.deadline IS 'When it will page unless somebody has taken the root cause''s page; NULL: that does not matter.';
COMMENT ON COLUMN tracer.reached.open_at IS 'When the incident may first be told.';

-- Names nothing but tracer's own, and is part of the query that asks it.
CREATE FUNCTION tracer.wanted(reached tracer.reached[], fallback text)
RETURNS TABLE (incident_id bigint, channel text, pages boolean, role text, reason text, silenced boolean, silence_id bigint, silenced_until timestamptz, open_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
SELECT DISTINCT ON (w.incident_id, w.channel)
       w.incident_id, w.channel, bool_or(w.pages) OVER pair, w.role,
       w.reason || coalesce(' (' || w.because || ')', ''),
       bool_and(w.silence_id IS NOT NULL) OVER pair,
       min(w.silence_id) OVER pair, max(w.silenced_until) OVER pair, w.open_at
  FROM (SELECT r.incident_id, c.channel, r.pages, r.role, r.reason, r.because, r.silence_id, r.silenced_until, r.open_at
          FROM unnest(wanted.reached) AS r
         CROSS JOIN LATERAL unnest(CASE WHEN r.pages THEN r.page ELSE r.inform END) AS c (channel)
        UNION ALL
        -- its own channels cannot be reached
        SELECT r.incident_id, wanted.fallback, true, r.role, r.reason, 'its channels cannot be reached', r.silence_id, r.silenced_until, r.open_at
          FROM unnest(wanted.reached) AS r
         WHERE r.unreachable AND wanted.fallback IS NOT NULL) AS w
WINDOW pair AS (PARTITION BY w.incident_id, w.channel)
 ORDER BY w.incident_id, w.channel, w.silence_id IS NOT NULL, w.pages DESC, w.role = 'root' DESC, w.role = 'symptom' DESC, w.reason COLLATE "C"
$$;
COMMENT ON FUNCTION tracer.wanted(tracer.reached[], text) IS 'Which channels those subjects come to, each once for each incident: one step of tracer.decide().';

CREATE TYPE tracer.decision_to_tell AS (
    incident_id bigint,
    channel     text,
    action      text,
    thread_id   bigint,
    events      text[],
    mode        text,
    role        text,
    reason      text,
    silence_id  bigint,
    due_at      timestamptz,
    said        jsonb,
    edits       boolean,
    brief       boolean,
    shadow      boolean
);
COMMENT ON TYPE tracer.decision_to_tell IS 'What to do about an incident on a channel, as tracer.decide() says.';
COMMENT ON COLUMN tracer.decision_to_tell.incident_id IS 'The incident.';
COMMENT ON COLUMN tracer.decision_to_tell.channel IS 'The channel; NULL: the incident is to be looked at again as a whole.';
COMMENT ON COLUMN tracer.decision_to_tell.action IS 'open (begin a thread), update (tell its thread events), mute (a silence holds it back), drop (take back what has not left) or wait (look again at due_at).';
COMMENT ON COLUMN tracer.decision_to_tell.thread_id IS 'The thread; NULL: there is none yet.';
COMMENT ON COLUMN tracer.decision_to_tell.events IS 'What to tell, weightiest first.';
COMMENT ON COLUMN tracer.decision_to_tell.mode IS 'page or inform.';
COMMENT ON COLUMN tracer.decision_to_tell.role IS 'Why the channel hears of it: root, symptom or at_risk.';
COMMENT ON COLUMN tracer.decision_to_tell.reason IS 'Which rule chose it and why, or why a message is dropped.';
COMMENT ON COLUMN tracer.decision_to_tell.silence_id IS 'The silence that mutes it; NULL: none.';
COMMENT ON COLUMN tracer.decision_to_tell.due_at IS 'When to act, or to look again; NULL: nothing to wait for.';
COMMENT ON COLUMN tracer.decision_to_tell.said IS 'What the thread will remember.';
COMMENT ON COLUMN tracer.decision_to_tell.edits IS 'Of an update, whether the channel can change a message that was sent.';
COMMENT ON COLUMN tracer.decision_to_tell.brief IS 'Of an update, whether the channel gets only what matters most.';
COMMENT ON COLUMN tracer.decision_to_tell.shadow IS 'Of a thread to open, whether it is only recorded.';

CREATE FUNCTION tracer.decide(incidents bigint[], at timestamptz) RETURNS SETOF tracer.decision_to_tell
LANGUAGE plpgsql STABLE ROWS 200
SET jit = off
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    at                 CONSTANT timestamptz := decide.at;
    group_wait         CONSTANT interval := tracer.get('group_wait');
    group_interval     CONSTANT interval := tracer.get('group_interval');
    repeat_interval    CONSTANT interval := tracer.get('repeat_interval');
    acknowledge_within CONSTANT interval := tracer.get('acknowledge_within');
    announce_within    CONSTANT interval := tracer.get('announce_within');
    suppress           CONSTANT real := tracer.get('suppress_confidence');
    shadow             bigint[] := incidents;
    states             CONSTANT tracer.incident_state[] := ARRAY(SELECT s FROM tracer.incident_state(incidents) s);
    boundary           CONSTANT timestamptz := tracer.next_boundary(at);
    fallback           text := tracer.get('fallback_channel');
    reached            tracer.reached[];
    fresh              bigint[];
    armed_at           timestamptz;
BEGIN
    IF fallback IS NOT NULL AND NOT EXISTS (SELECT FROM tracer.channel c WHERE c.name = fallback) THEN
        fallback := NULL;
    END IF;
    -- What is only recorded: all in shadow mode, and what nobody was told of but in shadow.
    IF tracer.get('mode') <> 'shadow' THEN
        shadow := ARRAY(SELECT t.incident_id FROM tracer.thread t
                         WHERE t.incident_id = ANY (incidents) AND t.closed_at IS NULL
                         GROUP BY t.incident_id
                        HAVING bool_and(t.shadow));
    END IF;
    -- What may be announced. What was noticed before this database was restored
    -- or copied was for the one that it comes from to tell.
    -- History that was imported is no news either; but what a silence held back, or a
    -- time window may have (the last of a week's has opened by then), was once.
    SELECT array_agg(s.incident_id)
             FILTER (WHERE greatest(s.noticed_at, s.last_alert_at) >= i.installed_at
                       AND (s.last_alert_at >= at - announce_within
                            OR s.last_alert_at >= s.noticed_at - announce_within
                               AND (boundary IS NOT NULL AND s.noticed_at >= at - interval '8 days'
                                    OR EXISTS (SELECT FROM tracer.notification n WHERE n.incident_id = s.incident_id AND n.state = 'muted')))),
           max(i.armed_at)
      INTO fresh, armed_at
      FROM (SELECT max(i.installed_at) AS installed_at, max(i.armed_at) AS armed_at FROM tracer.installation i) AS i, unnest(states) AS s;

    reached := ARRAY(
    WITH state AS MATERIALIZED (
         SELECT s.incident_id, s.confidence, s.confirmed, s.acknowledged_at,
                -- Nobody waits for an alert upstream where there is no upstream.
                CASE WHEN s.confirmed OR s.root_id IS NULL
                       OR NOT EXISTS (SELECT FROM tracer.lineage l WHERE l.downstream = s.root_id)
                          AND NOT EXISTS (SELECT FROM tracer.lineage l WHERE l.upstream = s.root_id AND l.kind = 'runs')
                     THEN s.noticed_at ELSE s.noticed_at + group_wait END AS open_at
           FROM unnest(states) AS s
    ), audience AS MATERIALIZED (
         SELECT a.incident_id, a.role, a.mode, a.page, a.inform, a.always_page, a.silence_id, a.silenced_until, a.reason
           FROM tracer.audience(states, at) a
    ), root AS (
         -- Is somebody with the root cause?
         SELECT a.incident_id,
                bool_or(a.silence_id IS NOT NULL) AS silenced,
                coalesce(bool_or(a.mode = 'page' AND a.page <> '{}'), false) AS paging,
                coalesce(bool_and(t.failed_at IS NOT NULL) FILTER (WHERE t.thread_id IS NOT NULL), false) AS unreachable,
                min(CASE WHEN t.paged_at IS NULL THEN at ELSE greatest(t.paged_at, armed_at) END) FILTER (WHERE t.failed_at IS NULL) AS paged_at
           FROM audience a
           LEFT JOIN LATERAL (SELECT x.thread_id, x.failed_at, x.paged_at FROM tracer.thread x
                               WHERE x.incident_id = a.incident_id AND x.closed_at IS NULL AND x.channel = ANY (a.page) AND a.mode = 'page'
                              OFFSET 0) AS t ON true -- by key, however many threads there are
          WHERE a.role = 'root'
          GROUP BY a.incident_id
    ), suppression AS (
         SELECT s.incident_id, s.open_at,
                NOT (coalesce(s.confidence, 0) >= suppress OR s.confirmed) AS unsure,
                s.acknowledged_at IS NOT NULL OR coalesce(r.silenced, false) OR s.incident_id = ANY (shadow) AND coalesce(r.paging, false) AS taken,
                coalesce(r.paging, false) AND NOT coalesce(r.unreachable, false) AS paging,
                coalesce(r.unreachable, false) AS unreachable,
                coalesce(r.paged_at, greatest(at, s.open_at)) + acknowledge_within AS deadline
           FROM state s
           LEFT JOIN root r ON r.incident_id = s.incident_id
    )
    SELECT ROW(a.incident_id, a.role, a.page, a.inform,
               a.mode = 'page'
               OR a.mode = 'auto' AND (a.always_page OR p.unsure OR NOT p.taken AND (NOT p.paging OR at >= p.deadline)),
               a.reason,
               CASE WHEN a.mode <> 'auto' THEN NULL
                    WHEN a.always_page THEN 'tagged page_as_symptom'
                    WHEN p.unsure THEN 'the root cause is not sure enough'
                    WHEN p.taken THEN NULL
                    WHEN p.unreachable THEN 'the owner of the root cause could not be reached'
                    WHEN NOT p.paging THEN 'nobody was paged for the root cause'
                    WHEN at >= p.deadline THEN 'nobody acknowledged the root cause''s page'
               END,
               p.unreachable AND a.role = 'root', a.silence_id, a.silenced_until,
               CASE WHEN a.mode = 'auto' AND NOT a.always_page AND NOT p.unsure AND NOT p.taken AND p.paging AND at < p.deadline THEN p.deadline END,
               p.open_at)::tracer.reached
      FROM audience a
      JOIN suppression p ON p.incident_id = a.incident_id);

    -- The first message; and when to look again though nothing changed: a page to
    -- repeat, a page to wait for no longer, the end of a silence.
    RETURN QUERY
    WITH want AS MATERIALIZED (
         SELECT w.* FROM tracer.wanted(reached, fallback) w
    )
    SELECT w.incident_id, w.channel,
           CASE WHEN at < w.open_at THEN 'wait' WHEN w.silenced THEN 'mute' ELSE 'open' END,
           NULL::bigint, ARRAY['opened'], CASE WHEN w.pages THEN 'page' ELSE 'inform' END, w.role, w.reason,
           CASE WHEN w.silenced THEN w.silence_id END, greatest(at, w.open_at), s.said, NULL::boolean, NULL::boolean, w.incident_id = ANY (shadow)
      FROM want w
      JOIN unnest(states) AS s ON s.incident_id = w.incident_id
     WHERE w.incident_id = ANY (fresh)
       AND EXISTS (SELECT FROM tracer.channel c WHERE c.name = w.channel)
       AND NOT EXISTS (SELECT FROM tracer.thread t WHERE t.incident_id = w.incident_id AND t.channel = w.channel AND t.closed_at IS NULL)
       AND NOT (w.silenced AND at >= w.open_at
                AND EXISTS (SELECT FROM tracer.notification n
                             WHERE n.incident_id = w.incident_id AND n.channel = w.channel AND n.state = 'muted' AND n.silence_id = w.silence_id))
    UNION ALL
    SELECT w.incident_id, w.channel, 'wait', NULL, NULL, NULL, NULL, NULL, NULL, at + repeat_interval, NULL, NULL, NULL, NULL
      FROM want w
     WHERE w.pages AND w.incident_id <> ALL (shadow) AND repeat_interval IS NOT NULL
       AND w.incident_id = ANY (fresh)
       AND EXISTS (SELECT FROM unnest(states) AS s WHERE s.incident_id = w.incident_id AND s.acknowledged_at IS NULL)
    UNION ALL
    SELECT r.incident_id, NULL, 'wait', NULL, NULL, NULL, NULL, NULL, NULL, min(r.deadline), NULL, NULL, NULL, NULL
      FROM unnest(reached) AS r
     WHERE r.deadline IS NOT NULL
       AND r.incident_id = ANY (fresh)
     GROUP BY r.incident_id
    UNION ALL
    -- whether it silences one who has a channel, or only why nobody takes the root
    SELECT r.incident_id, NULL, 'wait', NULL, NULL, NULL, NULL, NULL, NULL, min(r.silenced_until), NULL, NULL, NULL, NULL
      FROM unnest(reached) AS r
     WHERE isfinite(r.silenced_until)
     GROUP BY r.incident_id;

    IF boundary IS NOT NULL THEN
        RETURN QUERY
        SELECT s.incident_id, NULL::text, 'wait', NULL::bigint, NULL::text[], NULL::text, NULL::text, NULL::text, NULL::bigint, boundary,
               NULL::jsonb, NULL::boolean, NULL::boolean, NULL::boolean
          FROM unnest(states) AS s
         WHERE NOT s.resolved
           AND (s.incident_id = ANY (fresh)
                OR EXISTS (SELECT FROM tracer.thread t WHERE t.incident_id = s.incident_id AND t.closed_at IS NULL));
    END IF;
    IF NOT EXISTS (SELECT FROM tracer.thread t WHERE t.incident_id = ANY (incidents) AND t.closed_at IS NULL) THEN
        RETURN;
    END IF;

    RETURN QUERY
    WITH state AS MATERIALIZED (
         SELECT s.incident_id, s.resolved, s.by_person, s.acknowledged_at, s.said FROM unnest(states) AS s
    ), want AS MATERIALIZED (
         SELECT w.* FROM tracer.wanted(reached, fallback) w
    ), thread AS MATERIALIZED (
         SELECT t.thread_id, t.incident_id, t.channel, t.mode, t.role, t.reason, t.shadow, t.paged_at, t.said, t.said_at, o.waiting, o.left_us
           FROM tracer.thread t
          CROSS JOIN LATERAL (SELECT count(*) > 0 AS waiting,
                                     coalesce(bool_or(n.state = 'sending'
                                                      OR EXISTS (SELECT FROM tracer.delivery_attempt d
                                                                  WHERE d.notification_id = n.notification_id
                                                                    AND (d.status IS NOT NULL OR d.connect_ms IS NOT NULL OR d.outcome = 'lost'))), false) AS left_us
                                FROM tracer.notification n
                               WHERE n.thread_id = t.thread_id AND n.state IN ('due', 'sending')) AS o
          WHERE t.incident_id = ANY (incidents)
            AND t.closed_at IS NULL
    ), kind AS (
         -- a kind that does not exist makes dead letters, not silence
         SELECT c.name AS channel, coalesce(k.edits, false) AS edits, coalesce(k.brief, false) AS brief
           FROM tracer.channel c
           LEFT JOIN tracer.channel_kinds k ON k.name = c.kind
    ), told AS (
         -- Threads that are open on both sides: what is new to them.
         SELECT t.thread_id, t.incident_id, t.channel, t.mode, t.said_at, s.said AS now_said, s.resolved, s.by_person, k.edits, k.brief,
                w.channel IS NOT NULL AS wanted, coalesce(w.pages, false) AS pages, coalesce(w.role, b.role) AS now_role,
                coalesce(w.reason, CASE WHEN b.role = t.role THEN t.reason ELSE replace(t.reason, ' is the root cause', ' was taken for the root cause') END) AS now_reason,
                coalesce(w.silenced, false) AND NOT s.resolved AS silenced, w.silence_id,
                t.mode = 'page' AND NOT t.shadow AND NOT s.resolved AND s.acknowledged_at IS NULL AND w.channel IS NOT NULL AS repeats,
                greatest(t.paged_at, armed_at) + repeat_interval AS repeat_at,
                tracer.happened(t.said, s.said) AS happened
           FROM thread t
           JOIN state s ON s.incident_id = t.incident_id
           JOIN kind k ON k.channel = t.channel
           LEFT JOIN want w ON w.incident_id = t.incident_id AND w.channel = t.channel
          -- who was told as the root cause's owner, and is not any more
          CROSS JOIN LATERAL (SELECT CASE WHEN t.role = 'root' AND NOT s.resolved
                                           AND NOT EXISTS (SELECT FROM unnest(reached) AS r WHERE r.incident_id = t.incident_id AND r.role = 'root' AND t.channel = ANY (r.page || r.inform))
                                          THEN 'symptom' ELSE t.role END AS role) AS b
          WHERE t.said IS NOT NULL
            AND NOT t.waiting
    ), update AS (
         SELECT t.*,
                tracer.wanted_events(
                  CASE WHEN t.wanted OR t.resolved
                       THEN t.happened || CASE WHEN t.pages AND t.mode = 'inform' AND NOT t.resolved THEN 'escalated'
                                               WHEN t.repeats AND at >= t.repeat_at THEN 'repeat' END
                       -- not its business any more: only what sets right what it was told, and to whom it
                       -- paged, that somebody has it
                       ELSE ARRAY(SELECT e FROM unnest(t.happened) AS e WHERE e IN ('root_changed', 'merged', 'split', 'reopened', 'acknowledged')) END,
                  t.mode = 'page' OR t.pages, t.now_role, t.brief, t.edits) AS events
           FROM told t
    ), timed AS (
         SELECT u.*,
                CASE WHEN u.events && '{reopened,escalated,repeat,acknowledged}' OR u.resolved AND u.by_person THEN at
                     ELSE greatest(u.said_at + group_interval, at) END AS tell_at
           FROM update u
          WHERE u.events <> '{}'
            AND NOT u.silenced
    )
    -- The next message.
    SELECT t.incident_id, t.channel, CASE WHEN at < t.tell_at THEN 'wait' ELSE 'update' END, t.thread_id, t.events,
           CASE WHEN t.pages THEN 'page' ELSE t.mode END, t.now_role, t.now_reason, NULL::bigint, t.tell_at, t.now_said, t.edits, t.brief, NULL::boolean
      FROM timed t
    UNION ALL
    -- What a silence holds back, once for each.
    SELECT u.incident_id, u.channel, 'mute', u.thread_id, u.events,
           CASE WHEN u.pages THEN 'page' ELSE u.mode END, u.now_role, u.now_reason, u.silence_id, at, NULL, NULL, NULL, NULL
      FROM update u
     WHERE u.silenced AND u.events <> '{}'
       AND NOT EXISTS (SELECT FROM tracer.notification n
                        WHERE n.incident_id = u.incident_id AND n.channel = u.channel AND n.state = 'muted' AND n.silence_id = u.silence_id)
    UNION ALL
    -- A message that has not left, and should not any more.
    SELECT t.incident_id, t.channel, 'drop', t.thread_id, NULL, NULL, NULL,
           CASE WHEN s.resolved THEN 'over before it was sent' WHEN w.channel IS NULL THEN 'no longer concerned' ELSE 'silenced' END,
           NULL, at, NULL, NULL, NULL, NULL
      FROM thread t
      JOIN state s ON s.incident_id = t.incident_id
      LEFT JOIN want w ON w.incident_id = t.incident_id AND w.channel = t.channel
     WHERE t.waiting AND t.said IS NULL AND NOT t.left_us
       AND (s.resolved OR w.channel IS NULL OR w.silenced)
    UNION ALL
    -- A page to repeat later.
    SELECT t.incident_id, t.channel, 'wait', t.thread_id, NULL, NULL, NULL, NULL, NULL, t.repeat_at, NULL, NULL, NULL, NULL
      FROM told t
     WHERE t.repeats AND t.repeat_at > at;
END
$$;
COMMENT ON FUNCTION tracer.decide(bigint[], timestamptz) IS 'What to do about each of these incidents at a moment. Writes nothing.';
