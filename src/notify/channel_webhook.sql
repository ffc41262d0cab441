/*
 * The generic webhook: a CloudEvents 1.0 event in structured JSON, signed as
 * Standard Webhooks says if the channel has a secret signing_key.
 *
 * settings: url (or the secret url), headers, timeout_ms.
 */
CREATE FUNCTION tracer.render_webhook(incident jsonb, event jsonb, channel jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
-- plpgsql keeps its plan from one message to the next; sql would parse this for each
RETURN jsonb_build_object(
         'method', 'POST', 'url', channel -> 'settings' ->> 'url', 'timeout_ms', channel -> 'settings' -> 'timeout_ms',
         'headers', CASE jsonb_typeof(channel -> 'settings' -> 'headers') WHEN 'object' THEN channel -> 'settings' -> 'headers' ELSE '{}' END
                    || '{"Content-Type": "application/cloudevents+json; charset=utf-8"}',
         'secrets', '[{"secret": "url", "as": "url", "optional": true}, {"secret": "signing_key", "as": "signature", "optional": true},
                      {"secret": "token", "as": "bearer", "optional": true}]'::jsonb,
         'body', jsonb_strip_nulls(jsonb_build_object(
           'specversion', '1.0', 'id', event ->> 'key', 'source', '/tracer/' || tracer.form_encode(current_database()), -- a URI
           'type', 'tracer.' || CASE WHEN incident IS NULL THEN '' ELSE 'incident.' END || (event ->> 'event'),
           'subject', incident ->> 'incident', 'time', event ->> 'at', 'datacontenttype', 'application/json'))
           || jsonb_build_object('data', coalesce(incident, event -> 'body', '{}') || jsonb_build_object(
                'event', event ->> 'event', 'events', event -> 'events', 'mode', event ->> 'mode', 'role', event ->> 'role',
                'reason', event ->> 'reason', 'thread', event ->> 'thread')));
END
$$;
COMMENT ON FUNCTION tracer.render_webhook(jsonb, jsonb, jsonb) IS 'The request for a channel of kind webhook: a CloudEvents 1.0 event whose data is the incident and what happened to it.';
