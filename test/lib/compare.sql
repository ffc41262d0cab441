/*
 * Compares what tracer.correlate() made with oracle.partition(), and checks
 * what must hold after every pass. Loaded after oracle.sql; speaks of alerts by
 * the number in their url where they have one, so that the same scenario reads
 * the same whatever ids its alerts were given.
 */

/* What correlate() made, in the form of oracle.partition(). */
CREATE FUNCTION oracle.placed()
RETURNS TABLE (alert_id bigint, episode_no bigint, origin_alert bigint, parent_alert bigint, because text, suspect text)
LANGUAGE plpgsql SET jit = off AS $$
BEGIN
    RETURN QUERY
    WITH firing AS (
        SELECT p.alert_id, p.episode_id FROM tracer.placement p JOIN tracer.alert a USING (alert_id)
         WHERE a.status IS DISTINCT FROM 'resolved'
    ), face AS (SELECT episode_id, min(f.alert_id) AS a FROM firing f GROUP BY 1)
    SELECT f.alert_id, f.episode_id, o.a, p.a, e.because::text, s.name
      FROM firing f
      LEFT JOIN tracer.episode e ON e.episode_id = f.episode_id
      LEFT JOIN tracer.incident i ON i.incident_id = e.incident_id
      LEFT JOIN face o ON o.episode_id = i.origin_id
      LEFT JOIN face p ON p.episode_id = e.parent_id
      LEFT JOIN tracer.asset s ON s.asset_id = i.suspect_id
     ORDER BY 1;
END
$$;

/* An alert by its number in the scenario. */
CREATE FUNCTION oracle.nr(id bigint) RETURNS text LANGUAGE sql STABLE
AS 'SELECT coalesce(''#'' || url, id::text) FROM tracer.alert WHERE alert_id = id';

/* Firing alerts that the two place differently; no row means that they agree. */
CREATE FUNCTION oracle.differences()
RETURNS TABLE (alert text, difference text) LANGUAGE plpgsql SET jit = off AS $$
BEGIN
    RETURN QUERY
    WITH want AS (SELECT w.*, min(w.alert_id) OVER (PARTITION BY w.episode_no) AS face FROM oracle.partition() w),
         got AS (SELECT g.*, min(g.alert_id) OVER (PARTITION BY g.episode_no) AS face FROM oracle.placed() g)
    SELECT oracle.nr(coalesce(want.alert_id, got.alert_id)),
           concat_ws('; ',
               CASE WHEN got.alert_id IS NULL THEN 'not placed' END,
               CASE WHEN want.alert_id IS NULL THEN 'placed, though it is no firing' END,
               CASE WHEN got.face IS DISTINCT FROM want.face
                    THEN format('episode of %s, not of %s', oracle.nr(got.face), oracle.nr(want.face)) END,
               CASE WHEN got.origin_alert IS DISTINCT FROM want.origin_alert
                    THEN format('origin %s, not %s', coalesce(oracle.nr(got.origin_alert), 'none'), coalesce(oracle.nr(want.origin_alert), 'none')) END,
               CASE WHEN got.parent_alert IS DISTINCT FROM want.parent_alert
                    THEN format('parent %s, not %s (%s)', coalesce(oracle.nr(got.parent_alert), 'none'),
                                coalesce(oracle.nr(want.parent_alert), 'none'), want.because) END,
               CASE WHEN got.suspect IS DISTINCT FROM want.suspect
                    THEN format('suspect %s, not %s', coalesce(got.suspect, 'none'), coalesce(want.suspect, 'none')) END)
      FROM want FULL JOIN got ON got.alert_id = want.alert_id
     WHERE (got.alert_id IS NULL, want.alert_id IS NULL) <> (false, false)
        OR (got.face, got.origin_alert, got.parent_alert, got.suspect)
           IS DISTINCT FROM (want.face, want.origin_alert, want.parent_alert, want.suspect)
     ORDER BY coalesce(want.alert_id, got.alert_id);
END
$$;

/*
 * The oracle's answer as one line, by number of alert: `2<1` has 1 as its
 * parent, `1` is an origin, `1*s` the first of those that suspect s explains, `3-` info in no
 * incident, `4=2` another firing of the episode of 2.
 */
CREATE FUNCTION oracle.line(answer text) RETURNS text LANGUAGE plpgsql SET jit = off AS $$
DECLARE
    result text;
BEGIN
    EXECUTE format($f$
        WITH a AS (SELECT w.*, min(alert_id) OVER (PARTITION BY episode_no) AS face FROM oracle.%I() w)
        SELECT string_agg(ltrim(oracle.nr(alert_id), '#') ||
                 CASE WHEN alert_id <> face THEN '=' || ltrim(oracle.nr(face), '#')
                      WHEN origin_alert IS NULL THEN '-'
                      WHEN parent_alert IS NOT NULL THEN '<' || ltrim(oracle.nr(parent_alert), '#')
                      ELSE coalesce('*' || suspect, '') END,
                 ' ' ORDER BY alert_id)
          FROM a $f$, answer) INTO result;
    RETURN result;
END
$$;

/* The scenario at hand, for people. */
CREATE FUNCTION oracle.describe() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT 'settings: ' || string_agg(name || '=' || coalesce(value, 'none'), ', ' ORDER BY name) FROM tracer.setting_override HAVING count(*) > 0
    UNION ALL
    SELECT 'sources: ' || string_agg(name || ' ' || coalesce(quiet_after::text, '-'), ', ' ORDER BY name) FROM tracer.source HAVING count(*) > 0
    UNION ALL
    SELECT 'rules: ' || string_agg(format('%s: %s -> %s', position, pattern, template), ', ' ORDER BY position, name) FROM tracer.alias_rule HAVING count(*) > 0
    UNION ALL
    SELECT 'aliases: ' || string_agg(alias || ' -> ' || asset, ', ' ORDER BY alias) FROM tracer.asset_alias HAVING count(*) > 0
    UNION ALL
    SELECT 'lineage: ' || string_agg(u.name || CASE lineage.kind WHEN 'runs' THEN ' => ' ELSE ' > ' END || d.name || coalesce(' (' || lag || ')', ''), ', ' ORDER BY u.name, d.name)
      FROM tracer.lineage JOIN tracer.asset u ON u.asset_id = upstream JOIN tracer.asset d ON d.asset_id = downstream HAVING count(*) > 0
    UNION ALL
    SELECT 'changes: ' || string_agg(format('%s at %s', asset, to_char(coalesce(changed_at, received_at), 'MM-DD HH24:MI:SS.US')), ', ') FROM tracer.change HAVING count(*) > 0
    UNION ALL
    SELECT 'groups: ' || string_agg(format('%s %s %s %s', name, labels, source, "window"), ', ' ORDER BY name) FROM tracer.group_rule HAVING count(*) > 0
    UNION ALL
    SELECT 'decisions: ' || string_agg(format('%s %s %s', kind, oracle.nr(alert_id), oracle.nr(other_id)), ', ' ORDER BY decision_id) FROM tracer.decision HAVING count(*) > 0
    UNION ALL
    (SELECT format('%s %s %s %s %s key %s "%s"%s%s', coalesce('#' || url, alert_id::text), to_char(coalesce(fired_at, received_at), 'MM-DD HH24:MI:SS.US'),
                   coalesce(asset, 'NULL'), coalesce(severity::text, 'NULL'), coalesce(status::text, 'NULL'), coalesce(source, 'NULL') || '/' || coalesce(dedup_key, 'NULL'),
                   title, coalesce(' run ' || run_id, ''), coalesce(' ' || labels::text, ''))
       FROM tracer.alert ORDER BY coalesce(fired_at, received_at), alert_id)
$$;

-- After every pass ----------------------------------------------------------------

-- Every number that a committed pass handed out, and the alerts that it ever held.
CREATE UNLOGGED TABLE oracle.handed_out (incident_id bigint PRIMARY KEY, alerts bigint[]);

/*
 * What is broken after a pass, one row each. whole: the pass took everything,
 * so that no firing alert may be left out.
 */
CREATE FUNCTION oracle.broken(whole boolean) RETURNS SETOF text LANGUAGE plpgsql SET jit = off AS $$
BEGIN
    -- Nothing is lost.
    RETURN QUERY
    SELECT format('alert %s is in no live incident', oracle.nr(a.alert_id))
      FROM tracer.alert a
      LEFT JOIN tracer.placement p USING (alert_id)
      LEFT JOIN tracer.episode e USING (episode_id)
      LEFT JOIN tracer.incident i ON i.incident_id = e.incident_id AND i.merged_into IS NULL
     WHERE a.status IS DISTINCT FROM 'resolved' AND coalesce(a.severity, 'error') > 'info'
       AND i.incident_id IS NULL AND (whole OR p.alert_id IS NOT NULL);
    RETURN QUERY
    SELECT format('alert %s was not placed', oracle.nr(a.alert_id))
      FROM tracer.alert a WHERE whole AND NOT EXISTS (SELECT FROM tracer.placement p WHERE p.alert_id = a.alert_id);
    RETURN QUERY
    SELECT format('placement of %s points nowhere', p.alert_id)
      FROM tracer.placement p
     WHERE NOT EXISTS (SELECT FROM tracer.alert_key k WHERE k.key_id = p.key_id)
        OR p.episode_id IS NOT NULL AND NOT EXISTS (SELECT FROM tracer.episode e WHERE e.episode_id = p.episode_id AND e.key_id = p.key_id);

    -- Episodes say what their firings say.
    RETURN QUERY
    SELECT format('episode %s: count %s, start %s, last %s, severity %s do not fit its firings', e.episode_id, e.alert_count, e.started_at, e.last_fired_at, e.severity)
      FROM tracer.episode e
      LEFT JOIN (SELECT p.episode_id, count(*) AS n, min(coalesce(a.fired_at, a.received_at)) AS t0, max(coalesce(a.fired_at, a.received_at)) AS t1,
                        max(coalesce(a.severity, 'error')) AS s
                   FROM tracer.placement p JOIN tracer.alert a USING (alert_id) WHERE a.status IS DISTINCT FROM 'resolved' GROUP BY 1) f USING (episode_id)
     WHERE (e.alert_count, e.started_at, e.last_fired_at, e.severity) IS DISTINCT FROM (f.n, f.t0, f.t1, f.s);

    -- A live incident is an origin and all that descends from it.
    RETURN QUERY
    SELECT format('incident %s lives without episodes', i.incident_id) FROM tracer.incident i
     WHERE i.merged_into IS NULL AND i.origin_id IS NOT NULL AND NOT EXISTS (SELECT FROM tracer.episode e WHERE e.incident_id = i.incident_id);
    RETURN QUERY
    SELECT format('incident %s: its origin is in incident %s', i.incident_id, o.incident_id)
      FROM tracer.incident i LEFT JOIN tracer.episode o ON o.episode_id = i.origin_id
     WHERE i.merged_into IS NULL AND i.origin_id IS NOT NULL AND (o.incident_id IS DISTINCT FROM i.incident_id OR o.parent_id IS NOT NULL);
    RETURN QUERY
    SELECT format('episode %s is in incident %s, its parent in %s', e.episode_id, e.incident_id, p.incident_id)
      FROM tracer.episode e LEFT JOIN tracer.episode p ON p.episode_id = e.parent_id
     WHERE e.parent_id IS NOT NULL
       AND (p.incident_id IS DISTINCT FROM e.incident_id
            OR e.incident_id IS NULL AND (e.severity > 'info' OR e.because <> 'p'));   -- info that a person put under info
    RETURN QUERY
    SELECT format('episode %s has no parent and is not the origin of %s', e.episode_id, e.incident_id)
      FROM tracer.episode e JOIN tracer.incident i USING (incident_id)
     WHERE e.parent_id IS NULL AND i.origin_id <> e.episode_id;

    -- Counts.
    RETURN QUERY
    SELECT format('incident %s: alerts %s, open %s, severity %s, opened %s, last %s; its episodes say %s', i.incident_id, i.alert_count, i.open_count,
                  i.severity, i.opened_at, i.last_alert_at, w)
      FROM tracer.incident i
      JOIN (SELECT incident_id, sum(alert_count)::bigint AS n, count(*) FILTER (WHERE resolved_at IS NULL) AS open, max(severity) AS s,
                   min(started_at) AS t0, max(last_fired_at) AS t1 FROM tracer.episode GROUP BY 1) w USING (incident_id)
     WHERE i.merged_into IS NULL
       AND (i.alert_count, i.open_count, i.severity, i.opened_at, i.last_alert_at) IS DISTINCT FROM (w.n, w.open, w.s, w.t0, w.t1);
    RETURN QUERY
    SELECT format('incident %s: %s assets, its episodes say %s', i.incident_id, i.asset_count, w.n)
      FROM tracer.incident i
      JOIN (SELECT incident_id, count(DISTINCT coalesce(k.asset, '(' || k.key_id || ')')) AS n FROM tracer.episode JOIN tracer.alert_key k USING (key_id) GROUP BY 1) w USING (incident_id)
     WHERE i.merged_into IS NULL AND i.asset_count IS DISTINCT FROM w.n;

    -- Numbers lead somewhere, and stay with what they once stood for.
    RETURN QUERY
    WITH RECURSIVE chain AS (
        SELECT h.incident_id AS number, h.incident_id AS at, 0 AS depth FROM oracle.handed_out h
        UNION ALL
        SELECT number, i.merged_into, depth + 1 FROM chain JOIN tracer.incident i ON i.incident_id = chain.at
         WHERE i.merged_into IS NOT NULL AND depth < 1000)
    SELECT format('number %s leads to no live incident', h.incident_id) FROM oracle.handed_out h
     WHERE NOT EXISTS (SELECT FROM chain JOIN tracer.incident i ON i.incident_id = chain.at
                        WHERE number = h.incident_id AND i.merged_into IS NULL
                          AND EXISTS (SELECT FROM tracer.episode e WHERE e.incident_id = i.incident_id));
    RETURN QUERY
    SELECT format('number %s was used again for other alerts', h.incident_id)
      FROM oracle.handed_out h JOIN tracer.incident i USING (incident_id)
     WHERE i.merged_into IS NULL
       AND NOT EXISTS (SELECT FROM tracer.episode e JOIN tracer.placement p USING (episode_id)
                        WHERE e.incident_id = i.incident_id AND p.alert_id = ANY (h.alerts));
    INSERT INTO oracle.handed_out AS h
    SELECT e.incident_id, array_agg(p.alert_id) FROM tracer.episode e JOIN tracer.placement p USING (episode_id)
     WHERE e.incident_id IS NOT NULL GROUP BY 1
    ON CONFLICT (incident_id) DO UPDATE
       SET alerts = ARRAY(SELECT unnest(h.alerts) UNION SELECT unnest(excluded.alerts));
END
$$;
