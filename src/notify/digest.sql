/*
 * The daily digest of a team: what there was, and what tracer made of it.
 */
CREATE FUNCTION tracer.digest(team text DEFAULT NULL, since timestamptz DEFAULT now() - interval '1 day', until timestamptz DEFAULT now())
RETURNS TABLE (team text, alerts bigint, pages bigint, informed bigint, muted bigint, undelivered bigint, incidents bigint, open_incidents bigint, words text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT x.name, x.alerts, x.pages, x.informed, x.muted, x.undelivered, x.incidents, x.open_incidents,
       tracer.counted(x.alerts, 'page') || CASE WHEN tracer.get('mode') = 'shadow' THEN ' would have become ' ELSE ' became ' END || x.pages
  FROM (SELECT t.name, e.alerts, e.incidents, e.open_incidents, n.pages, n.informed, n.muted, n.undelivered
          FROM tracer.team t
         CROSS JOIN LATERAL (
               -- what each tool would have sent by itself: one page for each failure of an asset of theirs
               SELECT count(*) AS alerts, count(DISTINCT e.incident_id) AS incidents,
                      count(DISTINCT e.incident_id) FILTER (WHERE i.ended_at IS NULL OR i.reopened_at >= i.ended_at) AS open_incidents
                 FROM tracer.asset s
                 JOIN tracer.alert_key k ON k.asset_id = s.asset_id
                 JOIN tracer.episode e ON e.key_id = k.key_id
                 LEFT JOIN tracer.incident i ON i.incident_id = e.incident_id
                WHERE s.owner = t.name
                  AND e.started_at >= digest.since AND e.started_at < digest.until
                  AND e.severity > 'info') AS e
         CROSS JOIN LATERAL (
               SELECT count(*) FILTER (WHERE n.mode = 'page' AND n.state <> 'muted' AND n.events && '{opened,escalated,repeat,reopened}' AND n.channel = ANY (t.page)) AS pages,
                      count(*) FILTER (WHERE n.mode = 'inform' AND n.state <> 'muted' AND n.channel = ANY (t.inform)) AS informed,
                      count(*) FILTER (WHERE n.state = 'muted') AS muted,
                      count(*) FILTER (WHERE n.state = 'dead') AS undelivered
                 FROM tracer.notification n
                WHERE n.created_at >= digest.since AND n.created_at < digest.until
                  AND n.event NOT IN ('test', 'digest')
                  AND n.state <> 'dropped'
                  AND n.form <> 'edit'
                  AND n.channel = ANY (coalesce(t.page, '{}') || coalesce(t.inform, '{}'))) AS n
         WHERE digest.team IS NULL OR t.name = digest.team) AS x
 ORDER BY x.alerts - x.pages DESC, x.name COLLATE "C"
$$;
COMMENT ON FUNCTION tracer.digest(text, timestamptz, timestamptz) IS 'For a team (NULL: for each) from since to until: failures of its assets (alerts: what its tools would have paged), pages and messages that tracer sent or, in shadow mode, would have sent instead, those that silences muted, dead letters, and its incidents. words says it in one line: "41 pages became 3".';

CREATE FUNCTION tracer.plan_digests(at timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    due     CONSTANT text := tracer.get('digest_at');
    shadow  CONSTANT boolean := tracer.get('mode') = 'shadow';
    written bigint;
BEGIN
    -- Within the hours after its time, once a day on the team's own calendar. It
    -- tells of the day before that time, however late it is written, so that what
    -- happens is told in one digest.
    INSERT INTO tracer.notification (channel, event, events, mode, key, state, due_at, created_at, give_up_at, body)
    SELECT c.name, 'digest', '{digest}', 'inform', m.key, CASE WHEN shadow THEN 'shadow' ELSE 'due' END, at, at, at + tracer.get('give_up_after')::interval,
           jsonb_build_object('headline', t.name || ': ' || d.words || ' since yesterday',
             'lines', to_jsonb(array_remove(ARRAY[
               format('%s, %s of them still open.', tracer.counted(d.incidents, 'incident'), d.open_incidents),
               CASE WHEN d.informed > 0 THEN format('%s told what was not theirs to fix.', tracer.counted(d.informed, 'message')) END,
               CASE WHEN d.muted > 0 THEN format('Silences held back %s.', tracer.counted(d.muted, 'message')) END,
               CASE WHEN d.undelivered > 0 THEN format('%s could not be delivered: SELECT * FROM tracer.notifications WHERE state = ''dead''.', tracer.counted(d.undelivered, 'message')) END], NULL))
               || coalesce((SELECT jsonb_agg(format('Open: incident %s, %s, since %s.', o.incident_id, tracer.one_line(o.title, 100), tracer.clock_words(o.opened_at, t.time_zone)) ORDER BY o.opened_at)
                              FROM (SELECT DISTINCT i.incident_id, i.title, i.opened_at
                                      FROM tracer.incident i
                                      JOIN tracer.episode e ON e.incident_id = i.incident_id
                                      JOIN tracer.alert_key k ON k.key_id = e.key_id
                                      JOIN tracer.asset s ON s.asset_id = k.asset_id
                                     WHERE s.owner = t.name AND i.ended_at IS NULL AND i.opened_at > at - interval '30 days'
                                     ORDER BY i.opened_at DESC LIMIT 8) AS o), '[]'))
      FROM tracer.team t
     CROSS JOIN LATERAL (SELECT tracer.known_zone(t.time_zone) AS name) AS zone
     CROSS JOIN LATERAL (SELECT tracer.next_due(due, at - interval '3 hours', zone.name) AS due_at) AS slot
     CROSS JOIN LATERAL (SELECT slot.due_at AT TIME ZONE zone.name AS due_at) AS wall
     CROSS JOIN LATERAL tracer.digest(t.name, (wall.due_at - interval '1 day') AT TIME ZONE zone.name, slot.due_at) d
      JOIN tracer.channel c ON c.name = ANY (coalesce(nullif(t.inform, '{}'), t.page)) AND c.kind NOT IN ('pagerduty', 'sms')
     CROSS JOIN LATERAL (SELECT format('digest-%s-%s-%s', t.name, wall.due_at::date, c.name) AS key) AS m
     WHERE due IS NOT NULL
       AND slot.due_at <= at
       AND d.alerts + d.pages + d.informed > 0
       AND NOT EXISTS (SELECT FROM tracer.notification n
                        WHERE n.key = m.key AND n.event = 'digest' AND n.created_at > at - interval '1 day');
    GET DIAGNOSTICS written = ROW_COUNT;
    INSERT INTO tracer.notify_timer (incident_id, next_at)
    SELECT 0, min(tracer.next_due(due, at + interval '1 second', tracer.known_zone(t.time_zone)))
      FROM tracer.team t
    HAVING min(tracer.next_due(due, at + interval '1 second', tracer.known_zone(t.time_zone))) IS NOT NULL
    ON CONFLICT (incident_id) DO UPDATE SET next_at = excluded.next_at;
    RETURN written;
END
$$;
COMMENT ON FUNCTION tracer.plan_digests(timestamptz) IS 'Writes the daily digests that are due, and when to look again; returns how many. Not for users.';
