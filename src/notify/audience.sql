/*
 * The audience: who has to do with an incident, and which channels reach them.
 *
 * A subject is one asset of an incident in its role: the root, a symptom, or
 * (only where a rule asks for it) at_risk, a quiet asset downstream. Rules are
 * tried on each subject by itself; that several lead to one channel is decide's
 * business.
 */
CREATE TYPE tracer.incident_state AS (
    incident_id     bigint,
    title           text,
    severity        tracer.severity,
    resolved        boolean,
    by_person       boolean,
    resolved_at     timestamptz,
    opened_at       timestamptz,
    noticed_at      timestamptz,
    last_alert_at   timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by text,
    confidence      real,
    confirmed       boolean,
    placed          boolean,
    suspect         boolean,
    root            text,
    root_id         bigint,
    owner           text,
    alert_count     bigint,
    asset_count     bigint,
    open_count      bigint,
    notes           bigint,
    splits          bigint,
    resolution      jsonb,
    runbook_url     text,
    said            jsonb
);
COMMENT ON TYPE tracer.incident_state IS 'What notifications need to know of an incident: see tracer.incident_state().';
COMMENT ON COLUMN tracer.incident_state.incident_id IS 'The incident.';
COMMENT ON COLUMN tracer.incident_state.title IS 'Title of the alert that it began with.';
COMMENT ON COLUMN tracer.incident_state.severity IS 'Highest severity in it.';
COMMENT ON COLUMN tracer.incident_state.resolved IS 'Whether it is over.';
COMMENT ON COLUMN tracer.incident_state.by_person IS 'Whether a person said so.';
COMMENT ON COLUMN tracer.incident_state.resolved_at IS 'Since when; NULL: it is not over.';
COMMENT ON COLUMN tracer.incident_state.opened_at IS 'First firing in it.';
COMMENT ON COLUMN tracer.incident_state.noticed_at IS 'When a pass found it.';
COMMENT ON COLUMN tracer.incident_state.last_alert_at IS 'Last firing in it.';
COMMENT ON COLUMN tracer.incident_state.acknowledged_at IS 'When somebody took it; NULL: nobody has.';
COMMENT ON COLUMN tracer.incident_state.acknowledged_by IS 'Who took it.';
COMMENT ON COLUMN tracer.incident_state.confidence IS 'How sure the root cause is, 0 to 1; NULL: not judged.';
COMMENT ON COLUMN tracer.incident_state.confirmed IS 'Whether a person named the root cause.';
COMMENT ON COLUMN tracer.incident_state.placed IS 'False where lineage knows none of its assets.';
COMMENT ON COLUMN tracer.incident_state.suspect IS 'Whether the root cause is a suspect, without an alert of its own.';
COMMENT ON COLUMN tracer.incident_state.root IS 'The root cause, however sure: a person''s, else the suspect, else the origin; NULL: its alert named no asset.';
COMMENT ON COLUMN tracer.incident_state.root_id IS 'That asset in tracer.asset; NULL: it is not declared.';
COMMENT ON COLUMN tracer.incident_state.owner IS 'Its owner; NULL: nobody.';
COMMENT ON COLUMN tracer.incident_state.alert_count IS 'Firings in it.';
COMMENT ON COLUMN tracer.incident_state.asset_count IS 'Assets that alert in it.';
COMMENT ON COLUMN tracer.incident_state.open_count IS 'Episodes in it that are not resolved.';
COMMENT ON COLUMN tracer.incident_state.notes IS 'How many notes and confirmations people left.';
COMMENT ON COLUMN tracer.incident_state.splits IS 'How often it was split.';
COMMENT ON COLUMN tracer.incident_state.resolution IS 'What the person who resolved it said; NULL: nobody did.';
COMMENT ON COLUMN tracer.incident_state.runbook_url IS 'Guide of the root cause; NULL: none.';
COMMENT ON COLUMN tracer.incident_state.said IS 'What a thread remembers of it once it was told.';

-- Bound when it is made, and part of the query that asks it.
CREATE FUNCTION tracer.incident_state(incidents bigint[]) RETURNS SETOF tracer.incident_state
LANGUAGE sql STABLE ROWS 100
BEGIN ATOMIC
    SELECT i.incident_id, i.title, i.severity,
           i.ended_at IS NOT NULL AND (i.reopened_at IS NULL OR i.reopened_at < i.ended_at),
           i.resolution IS NOT NULL,
           CASE WHEN i.reopened_at IS NULL OR i.reopened_at < i.ended_at THEN i.ended_at END,
           i.opened_at, coalesce(h.noticed_at, i.opened_at), i.last_alert_at, i.acknowledged_at, i.acknowledged_by,
           i.confidence, c.asset IS NOT NULL, i.placed, i.suspect_id IS NOT NULL AND c.asset IS NULL,
           coalesce(c.asset, s.name, k.asset), r.asset_id, r.owner,
           i.alert_count, i.asset_count, i.open_count, h.notes, h.splits, i.resolution, r.runbook_url,
           jsonb_build_object('incident', i.incident_id, 'root', coalesce(c.asset, s.name, k.asset), 'severity', i.severity,
             'resolved', i.ended_at IS NOT NULL AND (i.reopened_at IS NULL OR i.reopened_at < i.ended_at),
             'acknowledged_by', i.acknowledged_by,
             -- beside the root: that a suspect turns out to fail itself is not spreading
             'assets', i.asset_count - CASE WHEN i.suspect_id IS NULL OR c.asset IS NOT NULL THEN 1 ELSE 0 END, 'notes', h.notes, 'splits', h.splits)
      FROM tracer.incident i
      LEFT JOIN tracer.episode o ON o.episode_id = i.origin_id
      LEFT JOIN tracer.alert_key k ON k.key_id = o.key_id
      LEFT JOIN tracer.asset s ON s.asset_id = i.suspect_id
      LEFT JOIN LATERAL (SELECT v.asset FROM tracer.evidence_row v
                          WHERE v.incident_id = i.incident_id AND v.fact = 'confirmed' LIMIT 1) AS c ON true
      LEFT JOIN tracer.asset r ON r.name = coalesce(c.asset, s.name, k.asset)
     CROSS JOIN LATERAL (SELECT min(v.recorded_at) FILTER (WHERE v.kind = 'opened') AS noticed_at,
                                count(*) FILTER (WHERE v.kind IN ('note', 'confirmed')) AS notes,
                                count(*) FILTER (WHERE v.kind = 'split') AS splits
                           FROM tracer.incident_event v
                          WHERE v.incident_id = i.incident_id) AS h
     WHERE i.incident_id = ANY (incident_state.incidents)
       AND i.merged_into IS NULL;
END;
COMMENT ON FUNCTION tracer.incident_state(bigint[]) IS 'What notifications need to know of each of these incidents, in one look. Numbers that were merged away give no row.';

CREATE FUNCTION tracer.matcher_holds(op text, wanted text, found jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
SELECT EXISTS (SELECT
                 FROM pg_catalog.jsonb_array_elements_text(
                        CASE pg_catalog.jsonb_typeof(found)
                             WHEN 'array' THEN CASE WHEN found = '[]' THEN '[""]' ELSE found END
                             ELSE pg_catalog.jsonb_build_array(coalesce(found #>> '{}', '')) END) AS f (v)
                WHERE CASE WHEN op IN ('=', '!=') THEN coalesce(f.v, '') = wanted
                           ELSE coalesce(f.v, '') ~ ('^(?:' || wanted || ')$') END)
       = (op IN ('=', '=~'))
$$;
COMMENT ON FUNCTION tracer.matcher_holds(text, text, jsonb) IS 'Whether a condition (operator =, !=, =~ or !~, and value) holds for what was found: a scalar, an array of which one must match (for the negated operators: none), or nothing, which counts as the empty string. Regular expressions match the whole value.';

CREATE FUNCTION tracer.pages_as_symptom(tags jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
SELECT coalesce(lower(tags ->> 'page_as_symptom'), '') NOT IN ('', 'false', 'no', 'off', '0')
$$;
COMMENT ON FUNCTION tracer.pages_as_symptom(jsonb) IS 'Whether an asset with these tags is to page even as a symptom: tag page_as_symptom is there and is not false, no, off, 0 or empty. Whoever wrote "yes" meant it.';

CREATE FUNCTION tracer.asks_at_risk(match jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
SELECT EXISTS (SELECT FROM tracer.matchers(match) m WHERE m.key = 'role' AND m.op IN ('=', '=~') AND tracer.matcher_holds(m.op, m.value, '"at_risk"'))
$$;
COMMENT ON FUNCTION tracer.asks_at_risk(jsonb) IS 'Whether a rule says by role, and not merely by leaving others out, that it is for what is at risk.';

CREATE FUNCTION tracer.in_window(window_words text, at timestamptz, zone text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names CONSTANT text[] := '{mon,tue,wed,thu,fri,sat,sun}';
    part  text[] := tracer.window_part(window_words);
    wall  timestamp;
    day   int;
    days  int[];
    span  text;
    low   int;
    high  int;
    from_time time;
    to_time   time;
BEGIN
    wall := at AT TIME ZONE tracer.known_zone(coalesce(part[4], zone));
    day := extract(isodow FROM wall);
    from_time := part[2]::time;
    to_time := part[3]::time;
    FOREACH span IN ARRAY coalesce(string_to_array(lower(part[1]), ','), '{}') LOOP
        low := array_position(names, split_part(span, '-', 1));
        high := coalesce(array_position(names, nullif(split_part(span, '-', 2), '')), low);
        days := days || ARRAY(SELECT CASE WHEN d > 7 THEN d - 7 ELSE d END
                                FROM generate_series(low, CASE WHEN high < low THEN high + 7 ELSE high END) AS d);
    END LOOP;
    IF to_time > from_time THEN
        RETURN wall::time >= from_time AND wall::time < to_time AND (days IS NULL OR day = ANY (days));
    END IF;
    -- Over midnight: it belongs to the day on which it began.
    RETURN wall::time >= from_time AND (days IS NULL OR day = ANY (days))
        OR wall::time < to_time AND (days IS NULL OR (day + 5) % 7 + 1 = ANY (days));
END
$$;
COMMENT ON FUNCTION tracer.in_window(text, timestamptz, text) IS 'Whether a moment lies in a time window such as "Mon-Fri 09:00-18:00 Europe/London", by the wall clock there. A window that ends before it begins goes over midnight; start belongs to it, end does not. zone stands in where the window names none; else it is the session''s.';

CREATE FUNCTION tracer.next_boundary(after timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM tracer.route) AND NOT EXISTS (SELECT FROM tracer.silence) THEN
        RETURN NULL;
    END IF;
    RETURN (
        SELECT min(look.at)
          FROM (SELECT r.match FROM tracer.route r UNION ALL SELECT s.matchers FROM tracer.silence s WHERE s.ends_at > next_boundary.after) AS rule (match)
         CROSS JOIN LATERAL tracer.window_part((SELECT m.value FROM tracer.matchers(rule.match) m WHERE m.key = 'time')) AS part
         CROSS JOIN LATERAL unnest(part[2:3]) AS edge
         CROSS JOIN LATERAL (SELECT tracer.known_zone(part[4])
                             UNION
                             SELECT tracer.known_zone(t.time_zone) FROM tracer.team t WHERE part[4] IS NULL) AS zone (name)
         CROSS JOIN LATERAL tracer.next_due(edge, next_boundary.after + interval '1 microsecond', zone.name) AS due
         CROSS JOIN LATERAL (SELECT (next_boundary.after AT TIME ZONE zone.name) - (due AT TIME ZONE zone.name) - (next_boundary.after - due)) AS clock (back)
         -- Where the clock is put back before then, it shows that time an hour earlier, too;
         -- where it is put on, it may skip it.
         CROSS JOIN LATERAL (SELECT due
                             UNION ALL
                             SELECT due - back WHERE back > interval '0' AND due - back > next_boundary.after
                             UNION ALL
                             SELECT min(g)
                               FROM generate_series(date_bin('15 minutes', next_boundary.after, '2000-01-01 00:00+00') + interval '15 minutes', due, '15 minutes') AS g
                              WHERE back <> interval '0'
                                AND (next_boundary.after AT TIME ZONE zone.name) - (g AT TIME ZONE zone.name) <> next_boundary.after - g) AS look (at)
         WHERE rule.match ? 'time');
END
$$;
COMMENT ON FUNCTION tracer.next_boundary(timestamptz) IS 'When a time window of a rule or silence next begins or ends, on any day, or a clock that one goes by is changed; NULL: no rule has one.';

CREATE FUNCTION tracer.reason_words(rule int, role text, asset text, owner text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
SELECT coalesce('rule ' || rule::text || ': ', '') || coalesce(asset, 'it') || coalesce(' of ' || owner, ', which nobody owns,')
       || CASE role WHEN 'root' THEN ' is the root cause' WHEN 'symptom' THEN ' is a symptom' ELSE ' is at risk' END
$$;
COMMENT ON FUNCTION tracer.reason_words(int, text, text, text) IS 'Why somebody hears of an incident, in words.';

-- Once for an incident: what it touches may be a document as large as the incident.
CREATE FUNCTION tracer.incident_doc(s tracer.incident_state, affected boolean, status boolean) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH a AS MATERIALIZED (
     SELECT x.* FROM tracer.affected_assets(s.incident_id) x WHERE incident_doc.affected
)
SELECT jsonb_build_object(
         'severity', s.severity,
         'root', jsonb_build_object('asset', s.root, 'owner', r.owner, 'kind', r.kind, 'tier', r.tier, 'tags', r.tags),
         'status', CASE WHEN incident_doc.status THEN (SELECT v.status FROM tracer.incidents v WHERE v.incident_id = s.incident_id) END,
         'affected', CASE WHEN incident_doc.affected THEN
            (SELECT jsonb_build_object('asset', jsonb_agg(a.asset), 'owner', jsonb_agg(DISTINCT a.owner), 'kind', jsonb_agg(DISTINCT a.kind),
                      'tier', jsonb_agg(DISTINCT a.tier), 'tags',
                      (SELECT jsonb_object_agg(x.key, x.found)
                         FROM (SELECT g.key, jsonb_agg(DISTINCT g.value) AS found
                                 FROM a AS b
                                 JOIN tracer.asset t ON t.name = b.asset
                                CROSS JOIN LATERAL jsonb_each_text(CASE jsonb_typeof(t.tags) WHEN 'object' THEN t.tags END) g
                                GROUP BY g.key) AS x))
               FROM a) END)
  FROM (SELECT) AS one
  LEFT JOIN tracer.asset r ON r.asset_id = s.root_id
$$;
COMMENT ON FUNCTION tracer.incident_doc(tracer.incident_state, boolean, boolean) IS 'What rules can match of an incident, whichever asset of it they are tried on; what it touches and its status only where asked for. Not for users.';

CREATE FUNCTION tracer.audience(states tracer.incident_state[], at timestamptz)
RETURNS TABLE (incident_id bigint, role text, asset text, owner text, "position" int, mode text, page text[], inform text[],
               always_page boolean, silence_id bigint, silenced_until timestamptz, reason text, doc jsonb)
LANGUAGE plpgsql STABLE ROWS 200
SET jit = off
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    at             CONSTANT timestamptz := audience.at;
    fallback       text[];
    has_rules      CONSTANT boolean := EXISTS (SELECT FROM tracer.route) OR EXISTS (SELECT FROM tracer.silence);
    wants_at_risk  boolean := false;
    wants_affected boolean := false;
    wants_labels   boolean := false;
    wants_status   boolean := false;
BEGIN
    IF tracer.get('fallback_channel') IS NOT NULL THEN
        fallback := ARRAY(SELECT c.name FROM tracer.channel c WHERE c.name = tracer.get('fallback_channel'));
    END IF;
    IF NOT has_rules THEN
        -- What goes without saying; the long way below comes to the same.
        RETURN QUERY
        SELECT m.incident_id, m.role, m.asset, t.owner, NULL::int, CASE m.role WHEN 'root' THEN 'page' ELSE 'auto' END,
               coalesce(nullif(c.page, '{}'), nullif(fallback, '{}'), c.inform), c.inform,
               tracer.pages_as_symptom(t.tags), NULL::bigint, NULL::timestamptz,
               tracer.reason_words(NULL, m.role, m.asset, t.owner), NULL::jsonb
          FROM unnest(states) AS s
         CROSS JOIN LATERAL (
               SELECT s.incident_id, 'root' AS role, s.root AS asset, s.root_id AS asset_id
               UNION ALL
               SELECT DISTINCT s.incident_id, 'symptom', k.asset, k.asset_id
                 FROM tracer.episode e
                 JOIN tracer.alert_key k ON k.key_id = e.key_id
                WHERE e.incident_id = s.incident_id
                  AND e.resolved_at IS NULL
                  AND e.severity > 'info'
                  AND k.asset IS DISTINCT FROM s.root) AS m
          LEFT JOIN tracer.asset t ON t.asset_id = m.asset_id
          LEFT JOIN tracer.team tm ON tm.name = t.owner
         CROSS JOIN LATERAL (SELECT ARRAY(SELECT c.name FROM tracer.channel c WHERE c.name = ANY (tm.page)) AS page,
                                    ARRAY(SELECT c.name FROM tracer.channel c WHERE c.name = ANY (tm.inform)) AS inform) AS c
         WHERE NOT s.resolved;
        RETURN;
    END IF;
    SELECT coalesce(bool_or(r.route AND tracer.asks_at_risk(r.match)), false),
               coalesce(bool_or(m.path[1] = 'affected'), false),
               coalesce(bool_or(m.path[2] = 'label'), false),
               coalesce(bool_or(m.key = 'status'), false)
          INTO wants_at_risk, wants_affected, wants_labels, wants_status
          FROM (SELECT r.match, true AS route FROM tracer.route r UNION ALL SELECT s.matchers, false FROM tracer.silence s) AS r
         CROSS JOIN LATERAL tracer.matchers(r.match) m;

    -- Each subject meets each rule once; what is the same for all subjects of an
    -- incident is judged once for the incident. Nothing here joins subjects to
    -- subjects: an incident may have thousands.
    RETURN QUERY
    WITH rule AS MATERIALIZED (
         SELECT row_number() OVER () AS n, x.*
           FROM (SELECT r.position, r.match, tracer.asks_at_risk(r.match) AS asks, r.mode, r.continue, nullif(ARRAY(SELECT c.name FROM tracer.channel c WHERE c.name = ANY (r.channels)), '{}') AS channels,
                        NULL::bigint AS silence_id, NULL::timestamptz AS ends_at, NULL::timestamptz AS until
                   FROM tracer.route r
                 UNION ALL
                 SELECT NULL, s.matchers, NULL, NULL, NULL, NULL, s.silence_id, s.ends_at,
                        CASE WHEN s.matchers ? 'time' THEN least(s.ends_at, tracer.next_boundary(at)) ELSE s.ends_at END
                   FROM tracer.silence s
                  WHERE at >= s.starts_at AND at < s.ends_at) AS x
    ), condition AS MATERIALIZED (
         SELECT r.n, m.key, array_remove(m.path, NULL) AS path, m.op, m.value, m.whole
           FROM rule r
          CROSS JOIN LATERAL tracer.matchers(r.match) m
    ), incident AS MATERIALIZED (
         SELECT s.incident_id, s.root, s.root_id,
                ARRAY(SELECT r.n FROM rule r
                       WHERE NOT EXISTS (SELECT FROM condition c
                                          WHERE c.n = r.n AND c.whole AND NOT tracer.matcher_holds(c.op, c.value, d.doc #> c.path))) AS rules
           FROM unnest(states) AS s
          CROSS JOIN LATERAL (SELECT tracer.incident_doc(s, wants_affected, wants_status) OFFSET 0) AS d (doc)
          WHERE NOT s.resolved
    ), subject AS (
         SELECT i.incident_id, i.rules, m.role, m.asset, t.owner, tm.time_zone,
                tracer.pages_as_symptom(t.tags) AS always_page,
                ARRAY(SELECT c.name FROM tracer.channel c WHERE c.name = ANY (tm.page)) AS page,
                ARRAY(SELECT c.name FROM tracer.channel c WHERE c.name = ANY (tm.inform)) AS inform,
                jsonb_build_object('role', m.role, 'asset', m.asset, 'owner', t.owner, 'kind', t.kind, 'tier', t.tier, 'tags', t.tags, 'label', m.labels) AS doc
           FROM incident i
          CROSS JOIN LATERAL (
                SELECT u.role, u.asset, u.asset_id, (array_agg(u.labels) FILTER (WHERE u.labels IS NOT NULL) OVER (PARTITION BY u.asset))[1] AS labels
                  FROM (SELECT 'root' AS role, i.root AS asset, i.root_id AS asset_id, NULL::jsonb AS labels
                        UNION ALL
                        (SELECT DISTINCT 'symptom', k.asset, k.asset_id, NULL::jsonb
                           FROM tracer.episode e
                           JOIN tracer.alert_key k ON k.key_id = e.key_id
                          WHERE e.incident_id = i.incident_id
                            AND e.resolved_at IS NULL
                            AND e.severity > 'info'
                            AND k.asset IS DISTINCT FROM i.root)
                        UNION ALL
                        SELECT 'at_risk', a.asset, (SELECT t.asset_id FROM tracer.asset t WHERE t.name = a.asset), NULL
                          FROM tracer.affected_assets(i.incident_id) a
                         WHERE wants_at_risk
                           AND a.state = 'quiet'
                        UNION ALL
                        -- not subjects, but the labels of their alerts
                        SELECT NULL, l.asset, NULL, jsonb_object_agg(l.key, l.found)
                          FROM (SELECT k.asset, x.key, jsonb_agg(DISTINCT x.value) AS found
                                  FROM tracer.episode e
                                  JOIN tracer.alert_key k ON k.key_id = e.key_id
                                  JOIN tracer.alert a ON a.alert_id = e.first_alert_id
                                 CROSS JOIN LATERAL jsonb_each_text(CASE jsonb_typeof(a.labels) WHEN 'object' THEN a.labels END) x
                                 WHERE wants_labels
                                   AND e.incident_id = i.incident_id
                                 GROUP BY k.asset, x.key) AS l
                         GROUP BY l.asset) AS u
                OFFSET 0) AS m
           LEFT JOIN tracer.asset t ON t.asset_id = m.asset_id
           LEFT JOIN tracer.team tm ON tm.name = t.owner
          WHERE m.role IS NOT NULL
         OFFSET 0
    )
    SELECT s.incident_id, s.role, s.asset, s.owner, c.position,
           coalesce(c.mode, CASE s.role WHEN 'root' THEN 'page' WHEN 'symptom' THEN 'auto' ELSE 'inform' END),
           CASE WHEN c.mode = 'mute' THEN '{}' ELSE coalesce(c.channels, nullif(s.page, '{}'), nullif(fallback, '{}'), s.inform) END,
           CASE WHEN c.mode = 'mute' THEN '{}' ELSE coalesce(c.channels, s.inform) END,
           s.always_page, q.silence_id, q.until,
           tracer.reason_words(c.position, s.role, s.asset, s.owner),
           s.doc
      FROM subject s
     CROSS JOIN LATERAL (
           SELECT array_agg(r.n) AS rules, min(r.position) FILTER (WHERE NOT r.continue) AS last
             FROM rule r
            WHERE r.n = ANY (s.rules)
              AND (s.role <> 'at_risk' OR r.position IS NULL OR r.asks)
              AND NOT EXISTS (SELECT FROM condition c
                               WHERE c.n = r.n
                                 AND NOT c.whole
                                 AND NOT CASE WHEN c.key = 'time' THEN tracer.in_window(c.value, at, s.time_zone) = (c.op = '=')
                                              ELSE tracer.matcher_holds(c.op, c.value, s.doc #> c.path) END)) AS hit
     CROSS JOIN LATERAL (
           SELECT r.position, r.mode, r.channels
             FROM rule r
            WHERE r.n = ANY (hit.rules) AND r.position <= coalesce(hit.last, r.position)
           UNION ALL
           -- what goes without saying, where no rule had the last word
           SELECT NULL, NULL, NULL
            WHERE s.role <> 'at_risk' AND hit.last IS NULL) AS c
      LEFT JOIN LATERAL (
           SELECT r.silence_id, r.until
             FROM rule r
            WHERE r.n = ANY (hit.rules) AND r.silence_id IS NOT NULL
            ORDER BY r.ends_at DESC, r.silence_id
            LIMIT 1) AS q ON true;
END
$$;
COMMENT ON FUNCTION tracer.audience(tracer.incident_state[], timestamptz) IS 'Who has to do with each of these incidents (as tracer.incident_state() gives them) at a moment, one row per subject and rule: its role (root, symptom, at_risk), the mode (page, inform, mute, or auto: inform while suppression holds, else page), the channels to page and to inform, the silence that mutes it and until when, the reason in words, and what rules can match of the subject itself (NULL where there are no rules; tracer.incident_doc() has the rest). position is the rule in tracer.route; NULL: what goes without saying. Resolved incidents have none.';
