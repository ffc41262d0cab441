/*
 * PagerDuty, Events API v2: trigger, acknowledge, resolve, all under one
 * dedup_key. Limits: summary 1,024 characters, dedup_key 255, an event 512 kB;
 * payload.severity one of critical, error, warning and info.
 *
 * settings: time_zone, url (for the EU: https://events.eu.pagerduty.com/v2/enqueue);
 * secret routing_key.
 */
CREATE FUNCTION tracer.render_pagerduty(incident jsonb, event jsonb, channel jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    said   record;
    -- a trigger for what is over would open it again there, and wake somebody
    action text := CASE WHEN incident ->> 'status' = 'resolved' OR event ->> 'event' = 'resolved' OR event -> 'body' ->> 'from' IS NOT NULL THEN 'resolve'
                        WHEN event -> 'events' ? 'acknowledged' AND NOT event -> 'events' ? 'reopened' THEN 'acknowledge'
                        ELSE 'trigger' END;
    body   jsonb;
    links  jsonb;
BEGIN
    body := jsonb_build_object('event_action', action, 'dedup_key', left(coalesce(event ->> 'thread', event ->> 'key'), 255));
    IF action = 'trigger' THEN
        SELECT * INTO said FROM tracer.compose(incident, event, channel -> 'settings' ->> 'time_zone');
        SELECT jsonb_agg(jsonb_build_object('href', l.href, 'text', l.text)) INTO links
          FROM (VALUES (incident ->> 'url', 'Incident ' || (incident ->> 'incident')), (incident -> 'root' ->> 'runbook_url', 'Guide')) AS l (href, text)
         WHERE l.href ~ '^https?://';
        body := body || jsonb_build_object('client', 'tracer',
            'payload', jsonb_strip_nulls(jsonb_build_object(
              'summary', left(said.headline || coalesce(': ' || tracer.one_line(incident ->> 'title', 300), ''), 1024),
              'source', coalesce(nullif(left(tracer.one_line(incident -> 'root' ->> 'asset'), 255), ''), 'tracer'),
              'severity', CASE WHEN event ->> 'mode' = 'page' THEN coalesce(incident ->> 'severity', 'info') ELSE 'info' END,
              'timestamp', coalesce(incident ->> 'opened_at', event ->> 'at'),
              'component', left(tracer.one_line(incident -> 'root' ->> 'asset'), 255),
              'group', left(tracer.one_line(incident -> 'root' ->> 'owner'), 255),
              'class', event ->> 'role',
              'custom_details', jsonb_build_object('incident', incident -> 'incident', 'details', to_jsonb(said.lines),
                                                   'confidence', incident -> 'root' -> 'confidence'))));
        IF links IS NOT NULL THEN
            body := body || jsonb_build_object('links', links);
        END IF;
        IF incident ->> 'url' ~ '^https?://' THEN
            body := body || jsonb_build_object('client_url', incident ->> 'url');
        END IF;
    END IF;
    RETURN jsonb_build_object(
        'method', 'POST', 'url', coalesce(channel -> 'settings' ->> 'url', 'https://events.pagerduty.com/v2/enqueue'),
        'headers', '{"Content-Type": "application/json"}'::jsonb,
        'secrets', '[{"secret": "routing_key", "as": "body", "path": ["routing_key"]}]'::jsonb,
        'body', body);
END
$$;
COMMENT ON FUNCTION tracer.render_pagerduty(jsonb, jsonb, jsonb) IS 'The request for a channel of kind pagerduty: an event for the Events API v2. What only informs is sent with severity info.';
