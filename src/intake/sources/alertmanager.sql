/*
 * Prometheus: Alertmanager's webhook, versions 3 and 4, and what Prometheus
 * itself sends to /api/v2/alerts.
 *
 * In the webhook each alert carries its own status, times and, since 0.15, a
 * fingerprint. A group that was truncated (truncatedAlerts) says nothing about
 * the alerts left out, and so ends none of them. Prometheus posts what fires
 * every minute or so, with an endsAt ahead of the clock, and what ended with one
 * in the past; the same array read back from Alertmanager has a state.
 */
CREATE FUNCTION tracer.read_alertmanager(body jsonb, headers jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN ARRAY(
        SELECT tracer.an_alert(
                 title       => coalesce(a -> 'annotations' ->> 'summary', a -> 'annotations' ->> 'title', a -> 'labels' ->> 'alertname'),
                 severity    => coalesce(a -> 'labels' ->> 'severity', a -> 'labels' ->> 'priority', a -> 'labels' ->> 'level'),
                 status      => coalesce(a ->> 'status', body ->> 'status'),
                 dedup_key   => coalesce(nullif(a ->> 'fingerprint', ''), (a -> 'labels')::text),
                 at          => tracer.time_of(CASE coalesce(a ->> 'status', body ->> 'status') WHEN 'resolved' THEN a ->> 'endsAt' ELSE a ->> 'startsAt' END),
                 description => coalesce(a -> 'annotations' ->> 'description', a -> 'annotations' ->> 'message'),
                 labels      => a -> 'labels',
                 url         => coalesce(nullif(a ->> 'generatorURL', ''), body ->> 'externalURL'),
                 payload     => a)
          FROM tracer.elements(body -> 'alerts') AS a
         WHERE jsonb_typeof(a -> 'labels') = 'object'
        UNION ALL
        SELECT tracer.nothing('No alerts') WHERE body -> 'alerts' = '[]');
END
$$;
COMMENT ON FUNCTION tracer.read_alertmanager(jsonb, jsonb) IS 'Reader of the format alertmanager: the webhook of Prometheus Alertmanager.';

CREATE FUNCTION tracer.read_prometheus(body jsonb, headers jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN ARRAY(
        SELECT tracer.an_alert(
                 title       => coalesce(a -> 'annotations' ->> 'summary', a -> 'annotations' ->> 'title', a -> 'labels' ->> 'alertname'),
                 severity    => coalesce(a -> 'labels' ->> 'severity', a -> 'labels' ->> 'priority', a -> 'labels' ->> 'level'),
                 status      => CASE WHEN t.over THEN 'resolved' ELSE 'firing' END,
                 dedup_key   => (a -> 'labels')::text,
                 at          => CASE WHEN t.over THEN t.ends ELSE tracer.time_of(a ->> 'startsAt') END,
                 description => coalesce(a -> 'annotations' ->> 'description', a -> 'annotations' ->> 'message'),
                 labels      => a -> 'labels',
                 url         => nullif(a ->> 'generatorURL', ''),
                 payload     => a)
          FROM tracer.elements(body) AS a
         CROSS JOIN LATERAL (
               SELECT e.ends, e.ends <= now() AND a -> 'status' ->> 'state' IS NULL AS over
                 FROM tracer.time_of(a ->> 'endsAt') AS e (ends)) AS t
         WHERE jsonb_typeof(a -> 'labels') = 'object'
        UNION ALL
        SELECT tracer.nothing('No alerts') WHERE body = '[]');
END
$$;
COMMENT ON FUNCTION tracer.read_prometheus(jsonb, jsonb) IS 'Reader of the format prometheus: the array of alerts that Prometheus posts to /api/v2/alerts, or that is read from there.';
