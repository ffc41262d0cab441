/*
 * Opsgenie: the request that creates an alert, and the webhook that tells what
 * became of one. The alias is the key.
 */
CREATE FUNCTION tracer.read_opsgenie(body jsonb, headers jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    alert  jsonb := coalesce(body -> 'alert', body);
    action text := coalesce(body ->> 'action', 'Create');
    over   boolean := action IN ('Close', 'Delete');
BEGIN
    RETURN ARRAY(
        SELECT CASE WHEN over OR action IN ('Create', 'Escalate', 'EscalateNext', 'UpdatePriority') THEN
                   tracer.an_alert(
                     title       => coalesce(alert ->> 'message', 'Closed: ' || (alert ->> 'alias')),
                     asset       => nullif(alert ->> 'entity', ''),
                     severity    => alert ->> 'priority',
                     status      => CASE WHEN over THEN 'resolved' END,
                     dedup_key   => coalesce(nullif(alert ->> 'alias', ''), alert ->> 'alertId'),
                     at          => tracer.time_of(CASE WHEN action = 'Create' THEN alert ->> 'createdAt' ELSE alert ->> 'updatedAt' END),
                     description => alert ->> 'description',
                     labels      => coalesce(tracer.tags_object(alert -> 'tags'), '{}')
                                    || CASE jsonb_typeof(alert -> 'details') WHEN 'object' THEN alert -> 'details' ELSE '{}' END,
                     payload     => body)
               ELSE tracer.nothing('Alert: ' || action) END
         WHERE alert ? 'message' OR alert ? 'alias');
END
$$;
COMMENT ON FUNCTION tracer.read_opsgenie(jsonb, jsonb) IS 'Reader of the format opsgenie: create requests, and webhooks (Create, Close and Delete; others say nothing).';
