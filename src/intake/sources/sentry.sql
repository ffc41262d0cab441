/*
 * Sentry: webhooks of the integration platform (the header sentry-hook-resource
 * names the resource) and of the older plugin.
 */
CREATE FUNCTION tracer.sentry_tags(tags jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
SELECT jsonb_object_agg(coalesce(t ->> 0, t ->> 'key'), coalesce(t ->> 1, t ->> 'value'))
  FROM jsonb_array_elements(CASE jsonb_typeof(tags) WHEN 'array' THEN tags ELSE '[]' END) AS t
 WHERE coalesce(t ->> 0, t ->> 'key') IS NOT NULL
$$;
COMMENT ON FUNCTION tracer.sentry_tags(jsonb) IS 'Sentry''s tags, pairs or objects with key and value, as one object.';

CREATE FUNCTION tracer.read_sentry(body jsonb, headers jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    data   jsonb := body -> 'data';
    action text := body ->> 'action';
    issue  jsonb := data -> 'issue';
    event  jsonb := coalesce(data -> 'event', data -> 'error', body -> 'event');
    metric jsonb := data -> 'metric_alert';
BEGIN
    IF issue ? 'id' THEN
        IF action NOT IN ('created', 'resolved', 'unresolved', 'archived', 'ignored') THEN
            RETURN ARRAY[tracer.nothing('Issue ' || action)];
        END IF;
        RETURN ARRAY[tracer.an_alert(
            title       => issue ->> 'title',
            asset       => coalesce(issue -> 'project' ->> 'slug', issue -> 'project' ->> 'name'),
            severity    => issue ->> 'level',
            status      => CASE WHEN action IN ('resolved', 'archived', 'ignored') THEN 'resolved' END,
            dedup_key   => 'issue:' || (issue ->> 'id'),
            -- When it was last seen is not when its state changed.
            at          => CASE action WHEN 'created' THEN tracer.time_of(issue ->> 'firstSeen') END,
            description => issue ->> 'culprit',
            labels      => coalesce(tracer.sentry_tags(issue -> 'tags'), '{}') || jsonb_strip_nulls(jsonb_build_object('project', issue -> 'project' -> 'slug', 'short_id', issue -> 'shortId')),
            url         => coalesce(issue ->> 'web_url', issue ->> 'permalink'),
            payload     => issue)];
    ELSIF metric ? 'id' OR metric ? 'alert_rule' THEN
        RETURN ARRAY[tracer.an_alert(
            title       => coalesce(data ->> 'description_title', metric ->> 'title', metric -> 'alert_rule' ->> 'name'),
            asset       => coalesce(metric -> 'projects' ->> 0, metric -> 'alert_rule' -> 'projects' ->> 0),
            severity    => action,
            status      => CASE action WHEN 'resolved' THEN 'resolved' END,
            dedup_key   => 'metric:' || coalesce(metric -> 'alert_rule' ->> 'id', metric ->> 'id'),
            at          => tracer.time_of(CASE action WHEN 'resolved' THEN metric ->> 'date_closed' ELSE coalesce(metric ->> 'date_started', metric ->> 'date_detected', metric ->> 'date_created') END),
            description => data ->> 'description_text',
            url         => data ->> 'web_url',
            payload     => metric)];
    ELSIF event ? 'event_id' OR event ? 'title' OR body ? 'triggering_rules' THEN
        RETURN ARRAY[tracer.an_alert(
            title       => coalesce(event ->> 'title', event ->> 'message', body ->> 'message'),
            asset       => coalesce(body ->> 'project_slug', body ->> 'project', event ->> 'project_slug', substring(event ->> 'url' FROM '/projects/[^/]+/([^/]+)/'), event ->> 'project'),
            severity    => coalesce(event ->> 'level', body ->> 'level'),
            dedup_key   => 'issue:' || coalesce(event ->> 'issue_id', body ->> 'id', event ->> 'event_id'),
            at          => coalesce(tracer.time_of(event ->> 'datetime'), tracer.time_of(event ->> 'timestamp'), tracer.time_of(event ->> 'received')),
            description => coalesce(event ->> 'culprit', body ->> 'culprit'),
            labels      => coalesce(tracer.sentry_tags(event -> 'tags'), '{}') || jsonb_strip_nulls(jsonb_build_object('rule', coalesce(data -> 'triggered_rule', body -> 'triggering_rules' -> 0))),
            url         => coalesce(event ->> 'web_url', body ->> 'url'),
            payload     => event)];
    ELSIF body ? 'installation' OR headers ? 'sentry-hook-resource' THEN
        RETURN ARRAY[tracer.nothing(concat_ws(' ', headers ->> 'sentry-hook-resource', action))];
    END IF;
    RETURN '{}';
END
$$;
COMMENT ON FUNCTION tracer.read_sentry(jsonb, jsonb) IS 'Reader of the format sentry: issues, errors, issue alerts, metric alerts, and the webhooks plugin; installations and comments say nothing.';
