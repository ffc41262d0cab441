/*
 * What people do to incidents.
 *
 * Whatever changes who belongs where is stored as rows of tracer.decision, which
 * name alerts and never numbers of incidents, and then applied by
 * tracer.regroup(), as it will be in every later pass. Everything else is a
 * column of the incident or a row of tracer.incident_event.
 *
 * Every function takes any number that an incident ever had. They run as the
 * owner of the extension (SECURITY DEFINER), so that an operator needs no rights
 * on tables; who may call them is what tracer.grant_access() decides. Actors
 * default to session_user, which SECURITY DEFINER leaves alone.
 */
CREATE FUNCTION tracer.live_incident(incident bigint) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    number bigint := incident;
    next   bigint;
BEGIN
    LOOP
        SELECT i.merged_into INTO next FROM tracer.incident i WHERE i.incident_id = number;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'incident % does not exist', coalesce(incident::text, 'NULL')
                USING ERRCODE = 'undefined_object',
                      HINT = 'SELECT incident_id, status, title FROM tracer.incidents lists them.';
        END IF;
        EXIT WHEN next IS NULL;
        number := next;
    END LOOP;
    RETURN number;
END
$$;
COMMENT ON FUNCTION tracer.live_incident(bigint) IS 'The number under which an incident is known today: itself, or the one that it was merged into. Error: undefined_object where there never was such an incident.';

CREATE FUNCTION tracer.hold_incident(incident bigint) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    number bigint;
BEGIN
    -- The same order as a pass: its lock, then rows. No pass merges it away now.
    PERFORM tracer.hold_correlation();
    number := tracer.live_incident(incident);
    PERFORM FROM tracer.incident i WHERE i.incident_id = number FOR UPDATE;
    RETURN number;
END
$$;
COMMENT ON FUNCTION tracer.hold_incident(bigint) IS 'As tracer.live_incident(), with the incident''s row locked until the end of the transaction. Not for users.';

CREATE FUNCTION tracer.incident_is_resolved(incident bigint) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT i.ended_at IS NOT NULL AND (i.reopened_at IS NULL OR i.reopened_at < i.ended_at)
  FROM tracer.incident i
 WHERE i.incident_id = incident_is_resolved.incident
$$;
COMMENT ON FUNCTION tracer.incident_is_resolved(bigint) IS 'Whether the incident of that number is resolved and was not reopened since; NULL where there is none.';

CREATE FUNCTION tracer.record_event(incident bigint, kind text, actor text, detail text) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
INSERT INTO tracer.incident_event (incident_id, at, kind, actor, detail)
VALUES (record_event.incident, clock_timestamp(), record_event.kind,
        coalesce(nullif(record_event.actor, ''), session_user), record_event.detail)
$$;
COMMENT ON FUNCTION tracer.record_event(bigint, text, text, text) IS 'Writes what a person did to an incident. Not for users.';

CREATE FUNCTION tracer.acknowledge(incident bigint, by text DEFAULT session_user) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    number bigint := tracer.hold_incident(incident);
    actor  text := coalesce(nullif(by, ''), session_user);
BEGIN
    IF tracer.incident_is_resolved(number) THEN
        RAISE EXCEPTION 'incident % is already resolved', number
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = format('SELECT tracer.reopen(%s) opens it again.', number);
    END IF;
    UPDATE tracer.incident i
       SET acknowledged_at = clock_timestamp(), acknowledged_by = actor
     WHERE i.incident_id = number
       AND i.acknowledged_by IS DISTINCT FROM actor;
    IF FOUND THEN
        PERFORM tracer.record_event(number, 'acknowledged', actor, 'acknowledged');
    END IF;
END
$$;
COMMENT ON FUNCTION tracer.acknowledge(bigint, text) IS 'Says that somebody (by) has the incident in hand; the latest to say so has it, and saying it twice changes nothing. Errors: undefined_object for an unknown incident, object_not_in_prerequisite_state for a resolved one.';

CREATE FUNCTION tracer.note(incident bigint, text text, by text DEFAULT session_user) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    number bigint := tracer.live_incident(incident);
BEGIN
    IF note.text IS NULL OR note.text !~ '\S' THEN
        RAISE EXCEPTION 'note for incident % is empty', number
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format('Say what you found: SELECT tracer.note(%s, ''the source file is late'').', number);
    END IF;
    PERFORM tracer.record_event(number, 'note', by, note.text);
END
$$;
COMMENT ON FUNCTION tracer.note(bigint, text, text) IS 'Writes a note into the incident''s timeline. Errors: undefined_object for an unknown incident, invalid_parameter_value for an empty note.';

CREATE FUNCTION tracer.resolve(incident bigint, note text DEFAULT NULL, fix_url text DEFAULT NULL, category text DEFAULT NULL, by text DEFAULT session_user) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    number  bigint := tracer.live_incident(incident);
    actor   text := coalesce(nullif(by, ''), session_user);
    said    text := nullif(btrim(note), '');
    alerts  bigint[];
BEGIN
    IF tracer.incident_is_resolved(number) THEN
        RAISE EXCEPTION 'incident % is already resolved', number
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = format('SELECT tracer.note(%s, ...) adds what you know; SELECT tracer.reopen(%s) opens it again.', number, number);
    END IF;
    IF category NOT IN ('data change', 'logic change', 'operational issue') THEN
        RAISE EXCEPTION 'unrecognized category "%"', category
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'It is one of "data change", "logic change" and "operational issue"; leave it out where you do not know.';
    END IF;

    -- An end for every failure that has none: one resolve for each key, after
    -- its last firing even where that firing's clock runs ahead of ours.
    WITH ended AS (
        INSERT INTO tracer.alert (asset, title, severity, status, source, dedup_key, fired_at, labels)
        SELECT k.asset, 'resolved by ' || actor, 'info', 'resolved', 'tracer', k.dedup_key,
               greatest(clock_timestamp(), max(e.last_fired_at)),
               jsonb_build_object('source', k.source, 'by', actor)
          FROM tracer.episode e
          JOIN tracer.alert_key k ON k.key_id = e.key_id
         WHERE e.incident_id = number
           AND e.resolved_at IS NULL
         GROUP BY k.key_id
        RETURNING alert_id)
    SELECT array_agg(alert_id) INTO alerts FROM ended;
    IF alerts IS NOT NULL THEN
        PERFORM tracer.regroup(alerts);
        number := tracer.live_incident(number);
    END IF;

    UPDATE tracer.incident i
       SET reopened_at = NULL,
           resolution = jsonb_build_object('note', said, 'fix_url', fix_url, 'category', category,
                                           'by', actor, 'at', clock_timestamp())
     WHERE i.incident_id = number;
    PERFORM tracer.record_event(number, 'resolution', actor,
                                coalesce(said, 'resolved') || coalesce(' (' || nullif(fix_url, '') || ')', ''));
END
$$;
COMMENT ON FUNCTION tracer.resolve(bigint, text, text, text, text) IS 'Resolves an incident with everything in it that still fires, and keeps what fixed it: a note, a link to the fix, the category (data change, logic change or operational issue; NULL: unknown). A check that fires again later opens it or another one. Errors: undefined_object for an unknown incident, object_not_in_prerequisite_state for a resolved one, invalid_parameter_value for an unknown category.';

CREATE FUNCTION tracer.reopen(incident bigint, by text DEFAULT session_user) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    number bigint := tracer.hold_incident(incident);
BEGIN
    -- The end that is overruled is remembered, not the moment: an end that
    -- comes later, in event time, counts again.
    UPDATE tracer.incident i
       SET reopened_at = i.ended_at, resolution = NULL, acknowledged_at = NULL, acknowledged_by = NULL
     WHERE i.incident_id = number
       AND tracer.incident_is_resolved(i.incident_id);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'incident % is not resolved', number
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Only a resolved incident can be reopened.';
    END IF;
    PERFORM tracer.record_event(number, 'reopened', by, 'reopened');
END
$$;
COMMENT ON FUNCTION tracer.reopen(bigint, text) IS 'Opens a resolved incident again; it is then acknowledged by nobody. Its alerts stay resolved. Errors: undefined_object for an unknown incident, object_not_in_prerequisite_state for one that is not resolved.';

CREATE FUNCTION tracer.merge(incident bigint, duplicate bigint, by text DEFAULT session_user) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    number bigint := tracer.hold_incident(incident);
    other  bigint := tracer.live_incident(duplicate);
    actor  text := coalesce(nullif(by, ''), session_user);
    target bigint;
    moved  bigint[];
    kept   bigint;
BEGIN
    IF number = other THEN
        RAISE EXCEPTION 'cannot merge incident % into itself', number
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = format('Incident %s and incident %s are both incident %s.', incident, duplicate, number),
                  HINT = 'Name two different incidents: the one to keep and its duplicate.';
    END IF;

    SELECT e.first_alert_id INTO STRICT target
      FROM tracer.incident i
      JOIN tracer.episode e ON e.episode_id = i.origin_id
     WHERE i.incident_id = number;

    -- An incident under a suspect has several origins; all of them move.
    WITH join_rows AS (
        INSERT INTO tracer.decision (kind, alert_id, other_id, decided_by)
        SELECT 'join', e.first_alert_id, target, actor
          FROM tracer.episode e
          JOIN tracer.incident i ON i.incident_id = e.incident_id
         WHERE e.incident_id = other
           AND (e.parent_id IS NULL OR e.episode_id = i.origin_id OR e.because = 'u')
         ORDER BY e.started_at, e.episode_id
        RETURNING alert_id)
    SELECT array_agg(alert_id) INTO moved FROM join_rows;
    PERFORM tracer.regroup(moved || target);

    -- What people said of the incident goes with it where the other's number lives on.
    kept := tracer.live_incident(number);
    UPDATE tracer.incident i
       SET acknowledged_at = n.acknowledged_at, acknowledged_by = n.acknowledged_by,
           reopened_at = n.reopened_at, resolution = n.resolution
      FROM tracer.incident n
     WHERE n.incident_id = number AND i.incident_id = kept AND kept <> number;
    PERFORM tracer.record_event(kept, 'merge', actor,
                                format('incident %s was merged with %s', other, number));
END
$$;
COMMENT ON FUNCTION tracer.merge(bigint, bigint, text) IS 'Says that duplicate is part of incident, for good: its origin becomes a symptom of the other''s. The lower number of the two lives on, the other redirects to it; whichever it is, it is acknowledged if incident was, not if only duplicate was. Errors: undefined_object for an unknown incident, invalid_parameter_value where both are one incident.';

CREATE FUNCTION tracer.split(incident bigint, asset text, by text DEFAULT session_user) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    number  bigint := tracer.live_incident(incident);
    place   text := tracer.canonical(asset);
    actor   text := coalesce(nullif(by, ''), session_user);
    head    record;
    rest    bigint[];
    result  bigint;
BEGIN
    SELECT e.episode_id, e.first_alert_id, e.key_id INTO head
      FROM tracer.episode e
      JOIN tracer.alert_key k ON k.key_id = e.key_id
     WHERE e.incident_id = number
       AND k.asset = place
     ORDER BY e.started_at, k.source COLLATE "C", k.dedup_key COLLATE "C"
     LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'asset "%" has no alert in incident %', coalesce(asset, 'NULL'), number
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format('SELECT DISTINCT asset FROM tracer.incident_alerts WHERE incident_id = %s lists those that have.', number);
    END IF;

    -- What goes along: all that the failures on this asset explain, and what
    -- lies below it in lineage even where another failure explains it. Of the
    -- latter only the tops need a decision; what hangs below them follows.
    WITH RECURSIVE taken AS (
        SELECT e.episode_id, e.parent_id, e.first_alert_id, e.started_at
          FROM tracer.episode e
          JOIN tracer.alert_key k ON k.key_id = e.key_id
         WHERE e.incident_id = number
           AND (k.asset = place
                OR k.asset IN (SELECT d.asset
                                 FROM tracer.asset t
                                CROSS JOIN LATERAL tracer.downstream(t.name) d
                                WHERE t.name = place))
        UNION
        SELECT e.episode_id, e.parent_id, e.first_alert_id, e.started_at
          FROM taken t
          JOIN tracer.episode e ON e.parent_id = t.episode_id AND e.incident_id = number)
    SELECT coalesce(array_agg(t.first_alert_id ORDER BY t.started_at, t.first_alert_id)
                      FILTER (WHERE t.episode_id <> head.episode_id
                                AND NOT EXISTS (SELECT FROM taken p WHERE p.episode_id = t.parent_id)), '{}')
      INTO rest
      FROM taken t
    HAVING count(*) < (SELECT count(*) FROM tracer.episode e WHERE e.incident_id = number);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'all of incident % descends from asset "%"', number, place
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Nothing would be left behind. Split off an asset further down.';
    END IF;

    INSERT INTO tracer.decision (kind, alert_id, decided_by)
    SELECT 'part', u.alert_id, actor
      FROM unnest(head.first_alert_id || rest) WITH ORDINALITY AS u (alert_id, n)
     ORDER BY u.n;
    INSERT INTO tracer.decision (kind, alert_id, other_id, decided_by)
    SELECT 'join', u.alert_id, head.first_alert_id, actor
      FROM unnest(rest) WITH ORDINALITY AS u (alert_id, n)
     ORDER BY u.n;
    PERFORM tracer.regroup(head.first_alert_id || rest);

    SELECT e.incident_id INTO result
      FROM tracer.placement p
      JOIN tracer.episode e ON e.episode_id = p.episode_id
     WHERE p.alert_id = head.first_alert_id;
    PERFORM tracer.record_event(number, 'split', actor, format('%s was split off', place));
    IF result <> number THEN
        PERFORM tracer.record_event(result, 'split', actor, format('split off from incident %s', number));
    END IF;
    RETURN result;
END
$$;
COMMENT ON FUNCTION tracer.split(bigint, text, text) IS 'Makes an asset of the incident and what descends from it an incident of its own, for good; returns that incident''s number. Errors: undefined_object for an unknown incident, invalid_parameter_value where the asset has no alert in it or everything in it descends from the asset.';

CREATE FUNCTION tracer.confirm(incident bigint, root_asset text, by text DEFAULT session_user) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    number bigint := tracer.live_incident(incident);
    place  text := tracer.canonical(root_asset);
    actor  text := coalesce(nullif(by, ''), session_user);
    anchor bigint;
    named  text;
BEGIN
    SELECT e.first_alert_id INTO anchor
      FROM tracer.episode e
      JOIN tracer.alert_key k ON k.key_id = e.key_id
     WHERE e.incident_id = number
       AND k.asset = place
     ORDER BY e.started_at, k.source COLLATE "C", k.dedup_key COLLATE "C"
     LIMIT 1;
    IF NOT FOUND THEN
        -- A cause without an alert of its own: the grouping stays, the name goes
        -- to the incident that holds the present origin.
        IF NOT EXISTS (SELECT FROM tracer.asset t WHERE t.name = place) THEN
            RAISE EXCEPTION 'asset "%" does not exist', coalesce(root_asset, 'NULL')
                USING ERRCODE = 'undefined_object',
                      HINT = format('It is neither declared nor in incident %s; SELECT asset FROM tracer.root_causes WHERE incident_id = %s lists the candidates.', number, number);
        END IF;
        SELECT e.first_alert_id INTO STRICT anchor
          FROM tracer.incident i
          JOIN tracer.episode e ON e.episode_id = i.origin_id
         WHERE i.incident_id = number;
        named := place;
    END IF;
    INSERT INTO tracer.decision (kind, alert_id, root_asset, decided_by)
    VALUES ('root', anchor, named, actor);
    PERFORM tracer.regroup(ARRAY[anchor]);
    PERFORM tracer.record_event(tracer.live_incident(number), 'confirmed', actor,
                                format('root cause confirmed: %s', place));
END
$$;
COMMENT ON FUNCTION tracer.confirm(bigint, text, text) IS 'Says what the root cause was, whatever tracer thought: an asset of the incident, or any declared asset. Counts as history for later incidents. Errors: undefined_object for an unknown incident, and for an asset that is neither in it nor declared.';

CREATE FUNCTION tracer.declare(title text, severity tracer.severity DEFAULT 'error', asset text DEFAULT NULL, description text DEFAULT NULL, by text DEFAULT session_user) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor  text := coalesce(nullif(by, ''), session_user);
    alert  bigint;
    result bigint;
BEGIN
    IF title IS NULL OR title !~ '\S' THEN
        RAISE EXCEPTION 'title of the incident is empty'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Say what broke: SELECT tracer.declare(''Invoices show wrong totals'').';
    END IF;
    IF severity = 'info' THEN
        RAISE EXCEPTION 'severity info opens no incident'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Declare it as warning, error or critical.';
    END IF;

    -- A key of its own: the same words on another day are another incident.
    alert := nextval('tracer.alert_id');
    INSERT INTO tracer.alert (alert_id, asset, title, severity, source, dedup_key, fired_at, description, labels)
    VALUES (alert, declare.asset, declare.title, declare.severity, 'declared', 'declared:' || alert,
            clock_timestamp(), declare.description, jsonb_build_object('by', actor));
    PERFORM tracer.regroup(ARRAY[alert]);

    SELECT e.incident_id INTO result
      FROM tracer.placement p
      JOIN tracer.episode e ON e.episode_id = p.episode_id
     WHERE p.alert_id = alert;
    PERFORM tracer.record_event(result, 'declared', actor, declare.title);
    RETURN result;
END
$$;
COMMENT ON FUNCTION tracer.declare(text, tracer.severity, text, text, text) IS 'Declares an incident by hand, as an alert of source "declared", and returns its number: a new one, or that of the incident which explains a failure of this asset now. Errors: invalid_parameter_value for an empty title and for severity info.';
