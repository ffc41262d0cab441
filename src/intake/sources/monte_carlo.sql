/*
 * Monte Carlo: the webhook of alerts and of their updates. One alert for each
 * table that it names. An update repeats the id, not the tables: a status
 * (alert_feedback) that closes the alert ends them all, others say nothing.
 */
CREATE FUNCTION tracer.read_monte_carlo(body jsonb, headers jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    alert  jsonb := CASE jsonb_typeof(body -> 'payload') WHEN 'object' THEN body -> 'payload' ELSE body END;
    key    text := coalesce(alert ->> 'alert_id', alert ->> 'incident_id', alert ->> 'group_id', alert ->> 'event_id', alert ->> 'uuid', body ->> 'alert_id');
    status text := upper(coalesce(alert ->> 'alert_feedback', body ->> 'alert_feedback', alert ->> 'status'));
    type   text := coalesce(alert ->> 'alert_type', alert ->> 'type', body ->> 'type');
    over   boolean := coalesce(status IN ('FIXED', 'RESOLVED', 'EXPECTED', 'NO_ACTION_NEEDED', 'FALSE_POSITIVE', 'CLOSED'), false);
    tables jsonb := coalesce(alert -> 'event_list', alert -> 'events', alert -> 'tables', alert -> 'assets', '[]');
BEGIN
    IF tables = '[]' AND NOT over AND (alert || body) ?| '{alert_feedback,declared_alert_severity,owner}' THEN
        RETURN ARRAY[tracer.nothing('Update ' || concat_ws(' ', key, lower(status)))];
    END IF;
    RETURN ARRAY(
        SELECT tracer.an_alert(
                 title       => coalesce(alert ->> 'title', alert ->> 'name', alert -> 'rule' ->> 'description', alert ->> 'monitor_name', t.event ->> 'event_details',
                                         initcap(replace(coalesce(t.event ->> 'event_type', type), '_', ' ')), 'Alert'),
                 asset       => coalesce(t.event ->> 'full_table_id', t.event ->> 'table_name', t.event ->> 'table', t.event ->> 'name'),
                 severity    => coalesce(alert ->> 'declared_alert_severity', body ->> 'declared_alert_severity', alert ->> 'severity', alert ->> 'priority'),
                 status      => CASE WHEN over THEN 'resolved' END,
                 dedup_key   => key,
                 at          => coalesce(tracer.time_of(CASE WHEN over THEN coalesce(alert ->> 'updated_time', alert ->> 'updated_at', alert ->> 'resolved_time')
                                                             ELSE coalesce(t.event ->> 'event_generated_time', t.event ->> 'timestamp') END),
                                         tracer.time_of(coalesce(alert ->> 'created_time', alert ->> 'created_at', alert ->> 'timestamp', body ->> 'timestamp'))),
                 description => coalesce(alert ->> 'description', alert ->> 'message', t.event ->> 'event_details', t.event ->> 'message', t.event ->> 'description'),
                 labels      => jsonb_strip_nulls(jsonb_build_object('type', coalesce(t.event ->> 'event_type', type), 'domain', alert -> 'domain', 'monitor', coalesce(alert -> 'monitor_name', alert -> 'monitor_id'))),
                 url         => alert ->> 'url',
                 payload     => body)
          FROM (SELECT e FROM tracer.elements(tables) AS e
                UNION ALL
                SELECT alert WHERE tables = '[]') AS t (event)
         WHERE key IS NOT NULL);
END
$$;
COMMENT ON FUNCTION tracer.read_monte_carlo(jsonb, jsonb) IS 'Reader of the format monte_carlo: alerts (formerly incidents) and their updates.';
