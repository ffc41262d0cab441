/*
 * Soda: the results file of a scan, and Soda Cloud's webhook (check evaluations
 * and incidents; others say nothing).
 */
CREATE FUNCTION tracer.read_soda(body jsonb, headers jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF body ? 'checks' OR body ? 'checkResults' THEN
        RETURN ARRAY(
            SELECT CASE WHEN x.outcome = 'pass' THEN
                       tracer.a_success(x.key, x.name || ' passed', x.asset, x.at)
                   ELSE
                       tracer.an_alert(
                         title       => concat_ws(' ', x.name, CASE x.outcome WHEN 'warn' THEN 'warned' WHEN 'fail' THEN 'failed' ELSE 'could not be evaluated' END),
                         asset       => x.asset,
                         severity    => coalesce(c -> 'attributes' ->> 'severity', CASE x.outcome WHEN 'warn' THEN 'warning' END),
                         dedup_key   => x.key,
                         at          => x.at,
                         description => coalesce((SELECT string_agg(r ->> 'message', E'\n') FROM tracer.elements(c -> 'outcomeReasons') AS r),
                                                 'value ' || (c -> 'diagnostics' ->> 'value'), c ->> 'definition'),
                         labels      => jsonb_strip_nulls(jsonb_build_object('column', c -> 'column', 'data_source', coalesce(c -> 'dataSource', c -> 'datasets' -> 0 -> 'datasource' -> 'name'), 'scan', body -> 'definitionName')),
                         url         => coalesce(c ->> 'sodaCloudUrl', c ->> 'cloudUrl'),
                         payload     => c) END
              FROM tracer.elements(coalesce(body -> 'checks', body -> 'checkResults')) AS c
             CROSS JOIN LATERAL (
                   SELECT lower(coalesce(c ->> 'outcome', c ->> 'evaluationStatus', c ->> 'status')) AS outcome,
                          -- The id may be that of the result; the check's own stands in its link.
                          coalesce(c ->> 'identity', c ->> 'checkId', substring(c ->> 'sodaCloudUrl' FROM '/checks/([^/?#]+)'), c ->> 'id', c ->> 'name') AS key,
                          coalesce(nullif(c ->> 'name', ''), regexp_replace(c ->> 'definition', '^checks for [^\n]*:\s*', ''), 'check') AS name,
                          coalesce(c ->> 'table', c -> 'datasets' -> 0 ->> 'name', c -> 'dataset' ->> 'name', c ->> 'dataset') AS asset,
                          coalesce(tracer.time_of(c ->> 'createdAt'), tracer.time_of(c ->> 'dataTimestamp'), tracer.time_of(body ->> 'dataTimestamp'), tracer.time_of(body ->> 'scanEndTimestamp')) AS at) AS x
            UNION ALL
            SELECT tracer.nothing('A scan without checks') WHERE '[]' IN (body -> 'checks', body -> 'checkResults'));
    ELSIF body ? 'incident' THEN
        RETURN ARRAY[tracer.an_alert(
            title       => body -> 'incident' ->> 'title',
            asset       => body -> 'incident' -> 'checkResults' -> 0 -> 'datasets' -> 0 ->> 'name',
            severity    => body -> 'incident' ->> 'severity',
            status      => CASE WHEN lower(body -> 'incident' ->> 'status') IN ('resolved', 'closed') THEN 'resolved' END,
            dedup_key   => 'incident:' || (body -> 'incident' ->> 'id'),
            at          => tracer.time_of(CASE WHEN lower(body -> 'incident' ->> 'status') IN ('resolved', 'closed')
                                               THEN coalesce(body -> 'incident' ->> 'resolutionTimestamp', body -> 'incident' ->> 'lastUpdatedTimestamp', body -> 'incident' ->> 'lastUpdated')
                                               ELSE coalesce(body -> 'incident' ->> 'createdTimestamp', body -> 'incident' ->> 'created') END),
            description => body -> 'incident' ->> 'description',
            url         => body -> 'incident' ->> 'sodaCloudUrl',
            payload     => body)];
    ELSIF body ? 'event' THEN
        RETURN ARRAY[tracer.nothing('Webhook ' || (body ->> 'event'))];
    END IF;
    RETURN '{}';
END
$$;
COMMENT ON FUNCTION tracer.read_soda(jsonb, jsonb) IS 'Reader of the format soda: results of scans, and the webhooks checkEvaluation, incidentCreated and incidentUpdated.';
