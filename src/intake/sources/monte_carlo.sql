/*
 * Monte Carlo: the webhook of alerts and of their updates. One alert for each
 * table that it names; a status that closes it ends them all.
 */
CREATE FUNCTION tracer.read_monte_carlo(body jsonb, headers jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    alert  jsonb := CASE jsonb_typeof(body -> 'payload') WHEN 'object' THEN body -> 'payload' ELSE body END;
    key    text := coalesce(alert ->> 'alert_id', alert ->> 'incident_id', alert ->> 'group_id', alert ->> 'event_id', alert ->> 'uuid', body ->> 'alert_id');
    status text := upper(coalesce(alert ->> 'status', alert ->> 'feedback', alert ->> 'incident_status'));
    type   text := coalesce(alert ->> 'alert_type', alert ->> 'incident_type', alert ->> 'type', body ->> 'type', body ->> 'event_type');
    over   boolean := coalesce(status IN ('FIXED', 'RESOLVED', 'EXPECTED', 'NO_ACTION_NEEDED', 'FALSE_POSITIVE', 'CLOSED'), false);
BEGIN
    RETURN ARRAY(
        SELECT tracer.an_alert(
                 title       => coalesce(alert ->> 'title', alert ->> 'alert_title', alert ->> 'name', alert ->> 'monitor_name',
                                         initcap(replace(coalesce(t.event ->> 'event_type', type), '_', ' ')), 'Alert'),
                 asset       => coalesce(t.event ->> 'full_table_id', t.event ->> 'table', t.event ->> 'name'),
                 severity    => coalesce(alert ->> 'severity', alert ->> 'priority', alert ->> 'alert_priority'),
                 status      => CASE WHEN over THEN 'resolved' END,
                 dedup_key   => key,
                 at          => coalesce(tracer.time_of(CASE WHEN over THEN coalesce(alert ->> 'updated_time', alert ->> 'updated_at', alert ->> 'resolved_time')
                                                             ELSE coalesce(t.event ->> 'event_generated_time', t.event ->> 'timestamp') END),
                                         tracer.time_of(coalesce(alert ->> 'created_time', alert ->> 'created_at', alert ->> 'timestamp', body ->> 'timestamp'))),
                 description => coalesce(alert ->> 'description', alert ->> 'message', t.event ->> 'message', t.event ->> 'description'),
                 labels      => jsonb_strip_nulls(jsonb_build_object('type', coalesce(t.event ->> 'event_type', type), 'domain', alert -> 'domain', 'monitor', coalesce(alert -> 'monitor_name', alert -> 'monitor_id'))),
                 url         => coalesce(alert ->> 'url', alert ->> 'alert_url', alert ->> 'incident_url'),
                 payload     => body)
          FROM (SELECT e FROM tracer.elements(coalesce(alert -> 'event_list', alert -> 'events', alert -> 'tables', alert -> 'assets')) AS e
                UNION ALL
                SELECT alert WHERE coalesce(alert -> 'event_list', alert -> 'events', alert -> 'tables', alert -> 'assets', '[]') = '[]') AS t (event)
         WHERE key IS NOT NULL);
END
$$;
COMMENT ON FUNCTION tracer.read_monte_carlo(jsonb, jsonb) IS 'Reader of the format monte_carlo: alerts (formerly incidents) and their updates.';
