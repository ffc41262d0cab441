/*
 * Opsgenie: the request that creates an alert, those that do something to it,
 * and the webhook that tells what became of one. The alias is the key; requests
 * to close an alert have it in their path, which the gateway tells in the headers
 * x-opsgenie-alias and x-opsgenie-action.
 */
CREATE FUNCTION tracer.read_opsgenie(body jsonb, headers jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    alert  jsonb := coalesce(body -> 'alert', body);
    alias  text := coalesce(headers ->> 'x-opsgenie-alias', nullif(alert ->> 'alias', ''), alert ->> 'alertId');
    action text := coalesce(initcap(headers ->> 'x-opsgenie-action'), body ->> 'action', 'Create');
    over   boolean := action IN ('Close', 'Delete');
BEGIN
    RETURN ARRAY(
        SELECT CASE WHEN over OR action IN ('Create', 'Escalate', 'EscalateNext', 'UpdatePriority') THEN
                   tracer.an_alert(
                     title       => coalesce(alert ->> 'message', 'Closed: ' || alias),
                     asset       => nullif(alert ->> 'entity', ''),
                     severity    => alert ->> 'priority',
                     status      => CASE WHEN over THEN 'resolved' END,
                     dedup_key   => alias,
                     at          => tracer.time_of(CASE WHEN action = 'Create' THEN alert ->> 'createdAt' ELSE alert ->> 'updatedAt' END),
                     description => coalesce(alert ->> 'description', alert ->> 'note'),
                     labels      => coalesce(tracer.tags_object(alert -> 'tags'), '{}')
                                    || CASE jsonb_typeof(alert -> 'details') WHEN 'object' THEN alert -> 'details' ELSE '{}' END,
                     payload     => body)
               ELSE tracer.nothing('Alert: ' || action) END
         WHERE alert ? 'message' OR alert ? 'alias' OR headers ? 'x-opsgenie-alias');
END
$$;
COMMENT ON FUNCTION tracer.read_opsgenie(jsonb, jsonb) IS 'Reader of the format opsgenie: requests to create and to close, and webhooks (Create, Escalate, UpdatePriority, Close and Delete); others say nothing.';
