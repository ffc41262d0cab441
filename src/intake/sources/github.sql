/*
 * GitHub: what people changed (push to the default branch, merged pull requests,
 * deployments) and what failed (deployments, workflows, checks). The header
 * x-github-event names the event; the body tells it as well.
 *
 * A failure on another branch than the default one is context (severity info).
 */
CREATE FUNCTION tracer.ci_outcome(outcome text, title text, asset text, dedup_key text, at timestamptz, url text, main boolean, run_id text, labels jsonb, payload jsonb)
RETURNS tracer.intake_row
LANGUAGE sql IMMUTABLE
AS $$
SELECT CASE WHEN lower(outcome) IN ('success', 'succeeded', 'passed', 'fixed') THEN
           tracer.a_success(dedup_key, title || ' succeeded', asset, at, run_id)
       WHEN lower(outcome) IN ('failure', 'failed', 'timed_out', 'startup_failure', 'error', 'errored', 'infrastructure_fail') THEN
           tracer.an_alert(title => title || ' ' || replace(replace(lower(outcome), 'failure', 'failed'), '_', ' '), asset => asset,
                           severity => CASE WHEN main THEN 'error' ELSE 'info' END, dedup_key => dedup_key, at => at,
                           labels => jsonb_strip_nulls(labels), url => url, payload => payload, run_id => run_id)
       ELSE tracer.nothing(title || ': ' || coalesce(outcome, 'under way')) END
$$;
COMMENT ON FUNCTION tracer.ci_outcome(text, text, text, text, timestamptz, text, boolean, text, jsonb, jsonb) IS 'What the outcome of a build or deployment says: a success, an alert (info where it is not of the main branch), or nothing, as for what was cancelled.';

CREATE FUNCTION tracer.read_github(body jsonb, headers jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    repo   text := body -> 'repository' ->> 'full_name';
    main   text := coalesce(body -> 'repository' ->> 'default_branch', body -> 'repository' ->> 'master_branch', 'main');
    run    jsonb := body -> 'workflow_run';
    checks jsonb := body -> 'check_run';
    deploy jsonb := body -> 'deployment';
    workflow text := coalesce(nullif(run ->> 'name', ''), nullif(body -> 'workflow' ->> 'name', ''), run ->> 'workflow_id');
    pull   jsonb := body -> 'pull_request';
BEGIN
    IF body ? 'commits' AND body ? 'ref' THEN
        RETURN ARRAY(
            SELECT tracer.a_change(
                     title => split_part(c ->> 'message', E'\n', 1), asset => repo, kind => 'commit',
                     author => coalesce(c -> 'author' ->> 'username', c -> 'author' ->> 'name', body -> 'pusher' ->> 'name'),
                     at => tracer.time_of(c ->> 'timestamp'), url => c ->> 'url', dedup_key => c ->> 'id', payload => c)
              FROM tracer.elements(body -> 'commits') AS c
             WHERE body ->> 'ref' = 'refs/heads/' || main
            UNION ALL
            SELECT tracer.nothing('Push to ' || (body ->> 'ref')));
    ELSIF body ? 'deployment_status' THEN
        RETURN ARRAY[tracer.ci_outcome(
            body -> 'deployment_status' ->> 'state', format('Deployment to %s', deploy ->> 'environment'), repo,
            format('deployment:%s:%s', repo, deploy ->> 'environment'), tracer.time_of(coalesce(body -> 'deployment_status' ->> 'updated_at', body -> 'deployment_status' ->> 'created_at')),
            coalesce(nullif(body -> 'deployment_status' ->> 'log_url', ''), nullif(body -> 'deployment_status' ->> 'target_url', ''), body -> 'repository' ->> 'html_url'),
            true, NULL, jsonb_build_object('environment', deploy -> 'environment', 'ref', deploy -> 'ref', 'repository', repo), body -> 'deployment_status')];
    ELSIF deploy ? 'id' THEN
        RETURN ARRAY[tracer.a_change(
            title => concat_ws(' ', 'Deployment of', deploy ->> 'ref', 'to', deploy ->> 'environment') || coalesce(': ' || nullif(deploy ->> 'description', ''), ''),
            asset => repo, kind => 'deploy', author => deploy -> 'creator' ->> 'login', at => tracer.time_of(deploy ->> 'created_at'),
            url => body -> 'repository' ->> 'html_url', dedup_key => 'deployment:' || (deploy ->> 'id'), payload => deploy)];
    ELSIF run ? 'id' THEN
        RETURN ARRAY[tracer.ci_outcome(
            CASE body ->> 'action' WHEN 'completed' THEN run ->> 'conclusion' END, 'Workflow ' || workflow, repo || '/' || workflow,
            format('workflow:%s:%s:%s', repo, coalesce(run ->> 'workflow_id', workflow), run ->> 'head_branch'), tracer.time_of(run ->> 'updated_at'), run ->> 'html_url',
            run ->> 'head_branch' = main, 'github/' || (run ->> 'id'), jsonb_build_object('branch', run -> 'head_branch', 'event', run -> 'event', 'sha', run -> 'head_sha', 'repository', repo), run)];
    ELSIF checks ? 'id' THEN
        RETURN ARRAY[tracer.ci_outcome(
            CASE body ->> 'action' WHEN 'completed' THEN checks ->> 'conclusion' END, format('Check %s', checks ->> 'name'), repo || '/' || (checks ->> 'name'),
            format('check:%s:%s:%s', repo, checks ->> 'name', checks -> 'check_suite' ->> 'head_branch'), tracer.time_of(checks ->> 'completed_at'),
            coalesce(checks ->> 'html_url', checks ->> 'details_url'), checks -> 'check_suite' ->> 'head_branch' = main, NULL,
            jsonb_build_object('branch', checks -> 'check_suite' -> 'head_branch', 'sha', checks -> 'head_sha', 'app', checks -> 'app' -> 'name', 'repository', repo), checks)];
    ELSIF pull ? 'title' THEN
        IF body ->> 'action' = 'closed' AND pull ->> 'merged' = 'true' AND pull -> 'base' ->> 'ref' = main THEN
            RETURN ARRAY[tracer.a_change(
                title => format('#%s %s', pull ->> 'number', pull ->> 'title'), asset => repo, kind => 'merge', author => pull -> 'user' ->> 'login',
                at => tracer.time_of(pull ->> 'merged_at'), url => pull ->> 'html_url', dedup_key => 'pull:' || (pull ->> 'id'), payload => pull)];
        END IF;
        RETURN ARRAY[tracer.nothing('Pull request ' || (body ->> 'action'))];
    ELSIF body ? 'zen' OR body ? 'hook' OR headers ? 'x-github-event' THEN
        RETURN ARRAY[tracer.nothing('Event ' || coalesce(headers ->> 'x-github-event', 'ping'))];
    END IF;
    RETURN '{}';
END
$$;
COMMENT ON FUNCTION tracer.read_github(jsonb, jsonb) IS 'Reader of the format github: push, pull_request, deployment, deployment_status, workflow_run, check_run; other events say nothing.';
