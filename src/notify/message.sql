/*
 * Messages: what there is to say about an incident, once, for every channel.
 *
 * message_facts() gathers the little that every message needs, for many
 * incidents in one look. compose() puts it into words: a headline whose first 80
 * characters say origin, what is affected and since when, and a few lines below
 * it. Renderers only lay these out. All words that came from outside go through
 * tracer.one_line(); escaping is the renderer's business.
 */
CREATE FUNCTION tracer.message_facts(incidents bigint[])
RETURNS TABLE (incident_id bigint, facts jsonb, said jsonb)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    min_confidence CONSTANT real := tracer.get('min_confidence')::real;
    link           CONSTANT text := tracer.get('incident_url');
    fallback       CONSTANT text := tracer.get('fallback_channel');
BEGIN
    RETURN QUERY
    SELECT s.incident_id,
           jsonb_build_object(
             'incident', s.incident_id,
             'status', CASE WHEN s.resolved THEN 'resolved' WHEN s.acknowledged_at IS NOT NULL THEN 'acknowledged' ELSE 'open' END,
             'severity', s.severity, 'title', left(s.title, 1000), -- whose alerts anybody may write, and receivers refuse what is too large
             'opened_at', s.opened_at, 'last_alert_at', s.last_alert_at, 'resolved_at', s.resolved_at,
             'acknowledged_at', s.acknowledged_at, 'acknowledged_by', s.acknowledged_by,
             'root', jsonb_build_object('asset', s.root, 'owner', s.owner, 'confidence', round(s.confidence::numeric, 2),
                       'named', s.confirmed OR s.placed AND coalesce(s.confidence >= min_confidence, false),
                       'confirmed', s.confirmed, 'suspect', s.suspect, 'recovered', r.recovered, 'placed', s.placed, 'runbook_url', s.runbook_url),
             'alert_count', s.alert_count, 'asset_count', s.asset_count, 'affected', m.affected, 'affected_count', m.affected_count, 'failing_count', m.failing_count,
             'resolution', s.resolution, 'paged', p.paged, 'url', replace(link, '{incident}', s.incident_id::text)),
           s.said
      FROM tracer.incident_state(incidents) s
     CROSS JOIN LATERAL (
           -- the largest consequences first: what fails last is nearest to people
           SELECT coalesce(jsonb_agg(x.asset ORDER BY x.started_at DESC, x.asset COLLATE "C"), '[]') AS affected, coalesce(max(x.n), 0) AS affected_count,
                  coalesce(max(x.failing), 0) AS failing_count
             FROM (SELECT k.asset, min(e.started_at) AS started_at, count(*) OVER () AS n, sum(bool_or(e.resolved_at IS NULL)::int) OVER () AS failing
                     FROM tracer.episode e
                     JOIN tracer.alert_key k ON k.key_id = e.key_id
                    WHERE e.incident_id = s.incident_id
                      AND k.asset <> coalesce(s.root, '')
                    GROUP BY k.asset
                    ORDER BY 2 DESC, 1 LIMIT 10) AS x) AS m
     CROSS JOIN LATERAL (
           -- the cause is over, not what it caused
           SELECT CASE WHEN m.failing_count = 0 OR s.resolved THEN false
                       ELSE coalesce((SELECT bool_and(e.resolved_at IS NOT NULL)
                                        FROM tracer.episode e
                                        JOIN tracer.alert_key k ON k.key_id = e.key_id
                                       WHERE e.incident_id = s.incident_id
                                         AND k.asset = s.root), false) END AS recovered) AS r
     CROSS JOIN LATERAL (
           -- unreached: none of its own channels takes the page; at is then when the fallback was paged
           SELECT jsonb_build_object('at', min(t.paged_at) FILTER (WHERE t.failed_at IS NULL), 'delivered', bool_or(t.said IS NOT NULL),
                    'unreached', coalesce(bool_or(t.failed_at IS NOT NULL) AND NOT bool_or(t.failed_at IS NULL AND t.channel IS DISTINCT FROM fallback), false)) AS paged
             FROM tracer.thread t
            WHERE t.incident_id = s.incident_id
              AND t.closed_at IS NULL AND t.mode = 'page' AND t.role = 'root') AS p;
END
$$;
COMMENT ON FUNCTION tracer.message_facts(bigint[]) IS 'What messages about these incidents say, as the document that every renderer gets, and what their threads will remember of it.';

CREATE FUNCTION tracer.clock_words(at timestamptz, zone text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT to_char(clock_words.at AT TIME ZONE z.name,
               CASE WHEN (clock_words.at AT TIME ZONE z.name)::date = (now() AT TIME ZONE z.name)::date THEN 'HH24:MI' ELSE 'MM-DD HH24:MI' END)
       || ' ' || CASE WHEN z.name IN ('UTC', 'Etc/UTC', 'GMT') THEN 'UTC' ELSE z.name END
  FROM (SELECT tracer.known_zone(clock_words.zone) AS name) AS z
$$;
COMMENT ON FUNCTION tracer.clock_words(timestamptz, text) IS 'A moment on the wall clock of a zone (NULL: the session''s), with the zone''s name; with the date unless it is today.';

CREATE FUNCTION tracer.event_words(event text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE event WHEN 'opened' THEN NULL
                  WHEN 'root_changed' THEN 'New root cause'
                  WHEN 'symptoms' THEN 'Spreading'
                  WHEN 'severity' THEN 'More severe'
                  WHEN 'escalated' THEN 'Paging you now'
                  WHEN 'repeat' THEN 'Still open'
                  ELSE initcap(event) END
$$;
COMMENT ON FUNCTION tracer.event_words(text) IS 'How a headline begins for an event; NULL for opened.';

CREATE FUNCTION tracer.compose(incident jsonb, event jsonb, zone text)
RETURNS TABLE (headline text, lines text[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    root    jsonb := incident -> 'root';
    others  int := coalesce((incident ->> 'affected_count')::int, 0);
    title   text := coalesce(nullif(tracer.one_line(incident ->> 'title', 300), ''), 'no title');
    origin  text := coalesce(nullif(tracer.one_line(root ->> 'asset', 300), ''), nullif(tracer.one_line(incident ->> 'title', 40), ''), 'unknown');
    -- names say last what tells them apart
    short   text := CASE WHEN length(origin) > 40 THEN '...' || right(origin, 37) ELSE origin END;
    what    text := event ->> 'event';
    team    text := tracer.one_line(root ->> 'owner', 40);
    note    text;
BEGIN
    IF incident IS NULL THEN
        headline := event -> 'body' ->> 'headline';
        lines := ARRAY(SELECT jsonb_array_elements_text(coalesce(event -> 'body' -> 'lines', '[]')));
        RETURN NEXT;
        RETURN;
    END IF;
    headline := coalesce(tracer.event_words(what) || ': ', '') || short
        || CASE WHEN (root ->> 'recovered')::boolean THEN format(' recovered, %s still failing', incident ->> 'failing_count')
                ELSE CASE WHEN root ->> 'asset' IS NULL THEN '' ELSE ' fails' END
                     || CASE WHEN others = 0 THEN '' ELSE format(', +%s affected', others) END END
        || ', since ' || tracer.clock_words((incident ->> 'opened_at')::timestamptz, zone);
    IF what = 'resolved' OR incident ->> 'status' = 'resolved' AND what <> 'opened' THEN
        headline := tracer.event_words(what) || ': ' || short || CASE WHEN others = 0 THEN '' ELSE format(' and %s affected', others) END
            || CASE what WHEN 'resolved' THEN ', after ' ELSE ', resolved after ' END || coalesce(tracer.span(extract(epoch FROM (incident ->> 'resolved_at')::timestamptz - (incident ->> 'opened_at')::timestamptz)), '?');
    END IF;

    headline := left(headline, 200);
    lines := ARRAY[format('%s: %s (incident %s, %s)', upper(incident ->> 'severity'), title,
                          incident ->> 'incident', incident ->> 'status')];
    IF event ->> 'role' <> 'root' THEN
        lines := lines || format('You %s: %s.',
                   CASE WHEN event ->> 'mode' <> 'page' THEN CASE event ->> 'role' WHEN 'symptom' THEN 'are informed' ELSE 'are warned' END
                        ELSE CASE WHEN coalesce(event -> 'events', '[]') || to_jsonb(what) ?| '{opened,escalated,repeat,reopened}' THEN 'are' ELSE 'were' END
                             || ' paged for ' || CASE event ->> 'role' WHEN 'symptom' THEN 'a symptom' ELSE 'what is at risk' END END,
                   tracer.one_line(event ->> 'reason', 300));
    END IF;
    lines := lines || CASE WHEN (root ->> 'confirmed')::boolean THEN format('Root cause, confirmed: %s.', origin)
                           WHEN (root ->> 'named')::boolean
                           THEN format('Likely root cause: %s%s, confidence %s%%.', origin, CASE WHEN (root ->> 'suspect')::boolean THEN ' (suspected, no alert of its own)' ELSE '' END,
                                       round((root ->> 'confidence')::numeric * 100))
                           WHEN root ->> 'asset' IS NULL THEN 'Root cause unknown: the alert names no asset.'
                           WHEN NOT (root ->> 'placed')::boolean THEN format('Root cause unknown: lineage does not know %s.', origin)
                           ELSE format('Root cause not sure; it began on %s.', origin) END;
    IF incident ->> 'status' = 'resolved' THEN
        lines := lines || format('Resolved %s%s%s.', tracer.clock_words((incident ->> 'resolved_at')::timestamptz, zone),
                                 coalesce(' by ' || tracer.one_line(incident -> 'resolution' ->> 'by', 60), ''),
                                 coalesce(': ' || tracer.one_line(incident -> 'resolution' ->> 'note', 300), ''));
    ELSE
        lines := lines || (coalesce(team, 'Nobody') || CASE WHEN team IS NULL THEN ' owns it' ELSE '' END
            || CASE WHEN (incident -> 'paged' ->> 'unreached')::boolean
                    THEN ' could not be reached' || coalesce(', the fallback channel was paged ' || tracer.clock_words((incident -> 'paged' ->> 'at')::timestamptz, zone), '')
                    WHEN incident -> 'paged' ->> 'at' IS NULL THEN ', nobody was paged for it'
                    ELSE CASE WHEN team IS NULL THEN '; somebody was paged ' ELSE ', paged ' END || tracer.clock_words((incident -> 'paged' ->> 'at')::timestamptz, zone) END
            || CASE WHEN incident ->> 'acknowledged_by' IS NULL THEN ', not acknowledged yet.'
                    ELSE format(', acknowledged by %s %s.', tracer.one_line(incident ->> 'acknowledged_by', 60),
                                tracer.clock_words((incident ->> 'acknowledged_at')::timestamptz, zone)) END);
    END IF;
    IF others > 0 THEN
        lines := lines || ('Affected: ' || (SELECT string_agg(CASE WHEN length(o.line) > 60 THEN '...' || right(o.line, 57) ELSE o.line END, ', ' ORDER BY a.n)
                                              FROM jsonb_array_elements_text(incident -> 'affected') WITH ORDINALITY AS a (value, n)
                                             CROSS JOIN LATERAL (SELECT coalesce(nullif(tracer.one_line(a.value), ''), 'an asset without a name') AS line) AS o
                                             WHERE a.n <= 5)
                           || CASE WHEN others > 5 THEN format(' and %s more', others - 5) ELSE '' END || '.');
    END IF;
    IF event -> 'body' ->> 'from' IS NOT NULL THEN
        lines := lines || format('Incident %s went into incident %s; this thread ends here.', event -> 'body' ->> 'from', event -> 'body' ->> 'into');
    END IF;
    FOR note IN SELECT n.value FROM jsonb_array_elements_text(CASE jsonb_typeof(event -> 'notes') WHEN 'array' THEN event -> 'notes' ELSE '[]' END) WITH ORDINALITY AS n (value, n) ORDER BY n.n LOOP
        lines := lines || tracer.one_line(note, 500);
    END LOOP;
    IF root ->> 'runbook_url' IS NOT NULL THEN
        lines := lines || ('Guide: ' || tracer.one_line(root ->> 'runbook_url', 300));
    END IF;
    IF incident ->> 'status' = 'open' THEN
        lines := lines || format('Take it: SELECT tracer.acknowledge(%s);', incident ->> 'incident');
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION tracer.compose(jsonb, jsonb, text) IS 'A message in words: the headline, whose first 80 characters say origin, what is affected and since when, and the lines below it. Plain text, nothing escaped.';
