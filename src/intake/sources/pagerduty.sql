/*
 * PagerDuty: what is sent to it (Events API v2: alerts and changes) and what it
 * sends (webhooks v3: what people did to an incident that tracer opened there).
 *
 * What webhooks say of an incident that tracer opened (its key tells) also tells
 * PagerDuty's own id of it, which later ones may name alone, as notes do.
 *
 * An event without a time is told apart by what its key said last; a resolve
 * carries nothing but the key, and so ends it on every asset.
 */
CREATE FUNCTION tracer.read_pagerduty(body jsonb, headers jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    event   jsonb := body -> 'event';
    content jsonb := body -> 'payload';
    key     text;
    person  text;
    known   tracer.intake_row[] := '{}';
BEGIN
    IF body ? 'event_action' THEN
        RETURN ARRAY[
            CASE WHEN body ->> 'event_action' IN ('trigger', 'resolve') THEN
                tracer.an_alert(
                  title       => coalesce(content ->> 'summary', 'Resolved: ' || (body ->> 'dedup_key')),
                  asset       => coalesce(content ->> 'component', content ->> 'source'),
                  severity    => content ->> 'severity',
                  status      => CASE body ->> 'event_action' WHEN 'resolve' THEN 'resolved' END,
                  dedup_key   => nullif(body ->> 'dedup_key', ''),
                  at          => tracer.time_of(content ->> 'timestamp'),
                  description => coalesce(content -> 'custom_details' ->> 'description', nullif(content -> 'custom_details', '{}')::text),
                  labels      => CASE jsonb_typeof(content -> 'custom_details') WHEN 'object' THEN content -> 'custom_details' ELSE '{}' END
                                 || jsonb_strip_nulls(jsonb_build_object('component', content -> 'component', 'group', content -> 'group', 'class', content -> 'class')),
                  url         => coalesce(body ->> 'client_url', body -> 'links' -> 0 ->> 'href'),
                  payload     => body - 'routing_key')
            ELSE tracer.nothing('Event ' || (body ->> 'event_action')) END];
    ELSIF content ? 'summary' THEN
        RETURN ARRAY[tracer.a_change(
            title => content ->> 'summary', asset => coalesce(content -> 'custom_details' ->> 'asset', content ->> 'source'), kind => 'deploy',
            author => coalesce(content -> 'custom_details' ->> 'author', content -> 'custom_details' ->> 'user'),
            at => tracer.time_of(content ->> 'timestamp'), url => body -> 'links' -> 0 ->> 'href', payload => body - 'routing_key')];
    ELSIF event ? 'event_type' THEN
        key := coalesce(event -> 'data' ->> 'incident_key', event -> 'data' -> 'incident' ->> 'incident_key',
                        'pagerduty:' || coalesce(event -> 'data' -> 'incident' ->> 'id', event -> 'data' ->> 'id'));
        IF tracer.incident_of(key) IS NULL THEN
            RETURN ARRAY[tracer.nothing('Webhook ' || (event ->> 'event_type'))];
        END IF;
        IF event -> 'data' ->> 'incident_key' <> '' AND event -> 'data' ->> 'id' <> '' THEN
            known := ARRAY[tracer.an_action('known', key, NULL, jsonb_build_object('id', 'pagerduty:' || (event -> 'data' ->> 'id')))];
        END IF;
        -- Only what people did: what comes by the API is what tracer itself said.
        IF event -> 'agent' ->> 'type' LIKE 'user%' THEN
            person := coalesce(event -> 'agent' ->> 'summary', event -> 'agent' ->> 'id');
            CASE event ->> 'event_type'
                WHEN 'incident.acknowledged' THEN RETURN known || ARRAY[tracer.an_action('acknowledge', key, person)];
                WHEN 'incident.resolved' THEN RETURN known || ARRAY[tracer.an_action('resolve', key, person, jsonb_build_object('note', event -> 'data' -> 'resolve_reason' ->> 'type'))];
                WHEN 'incident.reopened' THEN RETURN known || ARRAY[tracer.an_action('reopen', key, person)];
                WHEN 'incident.annotated' THEN RETURN known || ARRAY[tracer.an_action('note', key, person, jsonb_build_object('note', event -> 'data' ->> 'content'))];
                WHEN 'incident.reassigned', 'incident.escalated', 'incident.delegated', 'incident.unacknowledged', 'incident.priority_updated' THEN
                    RETURN known || ARRAY[tracer.an_action('note', key, person, jsonb_build_object('note', format('In PagerDuty: %s',
                        replace(replace(event ->> 'event_type', 'incident.', ''), '_', ' '))))];
                WHEN 'incident.status_update_published' THEN
                    RETURN known || ARRAY[tracer.an_action('note', key, person, jsonb_build_object('note', event -> 'data' ->> 'message'))];
                ELSE NULL;
            END CASE;
        END IF;
        RETURN known || tracer.nothing('Webhook ' || (event ->> 'event_type'));
    END IF;
    RETURN '{}';
END
$$;
COMMENT ON FUNCTION tracer.read_pagerduty(jsonb, jsonb) IS 'Reader of the format pagerduty: Events API v2 (trigger, resolve; acknowledge says nothing), change events, and webhooks v3.';
