/*
 * dbt Cloud: webhooks of job runs.
 */
CREATE FUNCTION tracer.read_dbt_cloud(body jsonb, headers jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    data   jsonb := body -> 'data';
    status text := lower(data ->> 'runStatus');
    job    text := concat_ws('.', 'dbt_cloud', data ->> 'projectName', data ->> 'jobName');
    at     timestamptz := coalesce(tracer.time_of(data ->> 'runErroredAt'), tracer.time_of(data ->> 'runFinishedAt'), tracer.time_of(body ->> 'timestamp'));
    run    text := 'dbt_cloud/' || (data ->> 'runId');
BEGIN
    IF body ->> 'eventType' IS NULL OR data ->> 'jobId' IS NULL THEN
        RETURN '{}';
    ELSIF body ->> 'eventType' = 'job.run.started' THEN
        RETURN ARRAY[tracer.nothing('Run started')];
    ELSIF status = 'success' THEN
        RETURN ARRAY[tracer.a_success('job:' || (data ->> 'jobId'), (data ->> 'jobName') || ' succeeded', job, at, run)];
    END IF;
    RETURN ARRAY[tracer.an_alert(
        title       => format('%s %s', data ->> 'jobName', coalesce(status, 'errored')),
        asset       => job,
        severity    => CASE status WHEN 'cancelled' THEN 'warning' ELSE 'error' END,
        dedup_key   => 'job:' || (data ->> 'jobId'),
        at          => at,
        description => concat_ws(E'\n', nullif(data ->> 'runStatusMessage', 'None'), data ->> 'runReason'),
        labels      => jsonb_strip_nulls(jsonb_build_object('environment', data -> 'environmentName', 'project', data -> 'projectName')),
        payload     => body,
        run_id      => run)];
END
$$;
COMMENT ON FUNCTION tracer.read_dbt_cloud(jsonb, jsonb) IS 'Reader of the format dbt_cloud: webhooks job.run.errored and job.run.completed; job.run.started says nothing.';
