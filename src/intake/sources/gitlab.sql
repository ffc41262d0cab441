/*
 * GitLab: pushes to the default branch, merges and deployments as changes,
 * pipelines and deployments that fail as alerts.
 */
CREATE FUNCTION tracer.read_gitlab(body jsonb, headers jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    repo  text := body -> 'project' ->> 'path_with_namespace';
    main  text := coalesce(body -> 'project' ->> 'default_branch', 'main');
    thing jsonb := body -> 'object_attributes';
BEGIN
    CASE body ->> 'object_kind'
    WHEN 'push' THEN
        RETURN ARRAY(
            SELECT tracer.a_change(
                     title => coalesce(c ->> 'title', split_part(c ->> 'message', E'\n', 1)), asset => repo, kind => 'commit', author => c -> 'author' ->> 'name',
                     at => tracer.time_of(c ->> 'timestamp'), url => c ->> 'url', dedup_key => c ->> 'id', payload => c)
              FROM tracer.elements(body -> 'commits') AS c
             WHERE body ->> 'ref' = 'refs/heads/' || main
            UNION ALL
            SELECT tracer.nothing('Push to ' || (body ->> 'ref')));
    WHEN 'pipeline' THEN
        RETURN ARRAY[tracer.ci_outcome(
            thing ->> 'status', concat_ws(' ', 'Pipeline', nullif(thing ->> 'name', ''), 'of', thing ->> 'ref'), repo || '/pipeline', format('pipeline:%s:%s', repo, thing ->> 'ref'),
            tracer.time_of(coalesce(thing ->> 'finished_at', thing ->> 'created_at')), coalesce(thing ->> 'url', format('%s/-/pipelines/%s', body -> 'project' ->> 'web_url', thing ->> 'id')),
            thing ->> 'ref' = main, 'gitlab/' || (thing ->> 'id'),
            jsonb_build_object('branch', thing -> 'ref', 'sha', thing -> 'sha', 'source', thing -> 'source', 'repository', repo,
                               'failed_jobs', (SELECT string_agg(b ->> 'name', ', ') FROM tracer.elements(body -> 'builds') AS b WHERE b ->> 'status' = 'failed')), thing)];
    WHEN 'deployment' THEN
        RETURN CASE WHEN body ->> 'status' = 'success' THEN
                   ARRAY[tracer.a_change(
                       title => concat('Deployment', ' of ' || (body ->> 'ref'), ' to ' || (body ->> 'environment'), ': ' || (body ->> 'commit_title')), asset => repo, kind => 'deploy',
                       author => body -> 'user' ->> 'name', at => tracer.time_of(body ->> 'status_changed_at'), url => body ->> 'deployable_url',
                       dedup_key => 'deployment:' || coalesce(body ->> 'deployment_id', body ->> 'deployable_id'), payload => body)] ELSE '{}' END
            || tracer.ci_outcome(
                   body ->> 'status', format('Deployment to %s', body ->> 'environment'), repo, format('deployment:%s:%s', repo, body ->> 'environment'),
                   tracer.time_of(body ->> 'status_changed_at'), body ->> 'deployable_url', true, NULL,
                   jsonb_build_object('environment', body -> 'environment', 'repository', repo), body);
    WHEN 'merge_request' THEN
        IF thing ->> 'action' = 'merge' AND thing ->> 'target_branch' = main THEN
            RETURN ARRAY[tracer.a_change(
                title => format('!%s %s', thing ->> 'iid', thing ->> 'title'), asset => repo, kind => 'merge', author => body -> 'user' ->> 'name',
                at => tracer.time_of(coalesce(thing ->> 'merged_at', thing ->> 'updated_at')), url => thing ->> 'url', dedup_key => 'merge:' || (thing ->> 'id'), payload => thing)];
        END IF;
        RETURN ARRAY[tracer.nothing('Merge request ' || coalesce(thing ->> 'action', ''))];
    ELSE
        RETURN CASE WHEN body ->> 'object_kind' <> '' THEN ARRAY[tracer.nothing('Event ' || (body ->> 'object_kind'))] ELSE '{}' END;
    END CASE;
END
$$;
COMMENT ON FUNCTION tracer.read_gitlab(jsonb, jsonb) IS 'Reader of the format gitlab: push, pipeline, deployment and merge_request; other events say nothing.';
