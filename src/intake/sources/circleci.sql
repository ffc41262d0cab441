/*
 * CircleCI: the webhooks workflow-completed and job-completed, and what a job
 * posts itself from a shell step: title, status, and metadata with repository
 * and branch, often without a key.
 */
CREATE FUNCTION tracer.read_circleci(body jsonb, headers jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    project text := coalesce(body -> 'project' ->> 'name', body -> 'project' ->> 'slug');
    branch  text := coalesce(body -> 'pipeline' -> 'vcs' ->> 'branch', body -> 'pipeline' -> 'trigger_parameters' -> 'git' ->> 'branch');
    thing   jsonb := CASE body ->> 'type' WHEN 'job-completed' THEN body -> 'job' ELSE body -> 'workflow' END;
BEGIN
    IF body ->> 'type' IN ('workflow-completed', 'job-completed') THEN
        RETURN ARRAY[tracer.ci_outcome(
            thing ->> 'status', concat_ws(' ', CASE body ->> 'type' WHEN 'job-completed' THEN 'Job' ELSE 'Workflow' END, thing ->> 'name'),
            project || '/' || (thing ->> 'name'), format('%s:%s:%s:%s', split_part(body ->> 'type', '-', 1), project, thing ->> 'name', branch),
            coalesce(tracer.time_of(body ->> 'happened_at'), tracer.time_of(thing ->> 'stopped_at')), coalesce(thing ->> 'url', body -> 'workflow' ->> 'url'),
            branch IN ('main', 'master') OR branch IS NULL, 'circleci/' || (body -> 'workflow' ->> 'id'),
            jsonb_build_object('branch', branch, 'repository', project, 'commit', body -> 'pipeline' -> 'vcs' -> 'commit' -> 'subject', 'pipeline', body -> 'pipeline' -> 'number'), body)];
    END IF;
    RETURN ARRAY(
        SELECT CASE WHEN lower(body ->> 'status') IN ('success', 'passed', 'succeeded') THEN
                   tracer.a_success(x.key, body ->> 'title', x.repo, run_id => x.run)
               ELSE
                   tracer.an_alert(
                     title       => body ->> 'title',
                     asset       => x.repo,
                     severity    => coalesce(body ->> 'severity', body -> 'metadata' ->> 'severity'),
                     status      => lower(body ->> 'status'),
                     dedup_key   => x.key,
                     at          => tracer.time_of(coalesce(body ->> 'timestamp', body -> 'metadata' ->> 'timestamp')),
                     description => body ->> 'description',
                     labels      => body -> 'metadata',
                     url         => coalesce(body ->> 'source_url', body -> 'metadata' ->> 'source_url'),
                     payload     => body,
                     run_id      => x.run) END
          FROM (SELECT body -> 'metadata' ->> 'repository' AS repo,
                       coalesce(nullif(body ->> 'deduplication_key', ''), concat_ws('|', body -> 'metadata' ->> 'repository', body -> 'metadata' ->> 'branch', regexp_replace(body ->> 'title', '\d+', '', 'g'))) AS key,
                       'circleci/' || (body -> 'metadata' ->> 'workflow_id') AS run) AS x
         WHERE body ? 'title');
END
$$;
COMMENT ON FUNCTION tracer.read_circleci(jsonb, jsonb) IS 'Reader of the format circleci: webhooks, and bodies that a job posts itself.';
