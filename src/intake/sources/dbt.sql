/*
 * dbt's artifacts, told apart by dbt_schema_version: run_results.json (any
 * version), sources.json (freshness), manifest.json.
 *
 * A node is the asset of its unique_id; the relation that it builds is an alias.
 * A test stands for the node that it is attached to, by an alias that comes with
 * the manifest. What was skipped because something upstream failed is reported
 * with severity info: context of an incident, never one itself.
 */
CREATE FUNCTION tracer.dbt_run(metadata jsonb, headers jsonb, OUT run_id text, OUT runner text)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    env jsonb := metadata -> 'env';
BEGIN
    IF env ? 'AIRFLOW_CTX_DAG_ID' THEN
        run_id := (env ->> 'AIRFLOW_CTX_DAG_ID') || '/' || (env ->> 'AIRFLOW_CTX_DAG_RUN_ID');
        runner := (env ->> 'AIRFLOW_CTX_DAG_ID') || '.' || (env ->> 'AIRFLOW_CTX_TASK_ID');
    ELSIF env ? 'GITHUB_RUN_ID' THEN
        run_id := 'github/' || (env ->> 'GITHUB_RUN_ID');
        runner := (env ->> 'GITHUB_REPOSITORY') || '/' || (env ->> 'GITHUB_WORKFLOW');
    ELSIF env ? 'CI_PIPELINE_ID' THEN
        run_id := 'gitlab/' || (env ->> 'CI_PIPELINE_ID');
        runner := (env ->> 'CI_PROJECT_PATH') || '/pipeline';
    ELSIF env ? 'CIRCLE_WORKFLOW_ID' THEN
        run_id := 'circleci/' || (env ->> 'CIRCLE_WORKFLOW_ID');
    ELSIF env ? 'DBT_CLOUD_RUN_ID' THEN
        run_id := 'dbt_cloud/' || (env ->> 'DBT_CLOUD_RUN_ID');
    END IF;
    run_id := coalesce(headers ->> 'x-run-id', run_id, metadata ->> 'invocation_id');
    runner := coalesce(headers ->> 'x-runner', runner);
END
$$;
COMMENT ON FUNCTION tracer.dbt_run(jsonb, jsonb) IS 'The execution that a dbt run belongs to, and the asset that runs it: from the headers x-run-id and x-runner, or from what Airflow, GitHub, GitLab, CircleCI and dbt Cloud put into the environment, where dbt recorded it (DBT_ENV_CUSTOM_ENV_...).';

CREATE FUNCTION tracer.read_dbt_results(body jsonb, headers jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_custom_plan
SET enable_nestloop = off
SET jit = off
AS $$
DECLARE
    run record := tracer.dbt_run(body -> 'metadata', headers);
BEGIN
    RETURN ARRAY(
        WITH result AS MATERIALIZED (
            SELECT coalesce(r ->> 'unique_id', r -> 'node' ->> 'unique_id') AS id,
                   -- Before 0.19 a result said so in flags.
                   CASE WHEN r ? 'node' THEN CASE WHEN r ->> 'error' IS NOT NULL THEN 'error' WHEN r ->> 'fail' IN ('true', '1') THEN 'fail'
                                                  WHEN r ->> 'warn' = 'true' THEN 'warn' WHEN r ->> 'skip' = 'true' THEN 'skipped' ELSE 'success' END
                        ELSE lower(r ->> 'status') END AS status,
                   coalesce(r ->> 'message', r ->> 'error') AS message,
                   coalesce((SELECT max(tracer.time_of(t ->> 'completed_at')) FROM tracer.elements(r -> 'timing') AS t),
                            tracer.time_of(body -> 'metadata' ->> 'generated_at'), tracer.time_of(body ->> 'generated_at')) AS at,
                   r
              FROM tracer.elements(body -> 'results') AS r)
        SELECT CASE
                 WHEN status IN ('success', 'pass', 'partial success') AND status <> 'partial success' THEN
                   tracer.a_success(id, split_part(id, '.', 3) || ' ' || CASE status WHEN 'pass' THEN 'passed' ELSE 'succeeded' END, id, at, run.run_id)
                 WHEN status IN ('error', 'fail', 'warn', 'skipped', 'runtime error', 'partial success') THEN
                   tracer.an_alert(
                     title       => format('%s %s: %s', split_part(id, '.', 1), CASE status WHEN 'fail' THEN 'failed' WHEN 'warn' THEN 'warned' ELSE status END, split_part(id, '.', 3))
                                    || coalesce(': ' || nullif(split_part(btrim(message, E' \n'), E'\n', 1), ''), ''),
                     asset       => id,
                     severity    => CASE status WHEN 'warn' THEN 'warning' WHEN 'skipped' THEN 'info' ELSE 'error' END,
                     dedup_key   => id,
                     at          => at,
                     description => message,
                     labels      => jsonb_strip_nulls(jsonb_build_object('status', status, 'failures', r -> 'failures', 'command', body -> 'args' -> 'which', 'target', body -> 'args' -> 'target')),
                     payload     => r - 'compiled_code' - 'compiled_sql',
                     run_id      => run.run_id)
                 ELSE tracer.nothing(format('%s: %s', id, status)) END
          FROM result WHERE id IS NOT NULL
        UNION ALL
        SELECT tracer.an_edge(run.runner, id, 'runs')
          FROM result
         WHERE run.runner IS NOT NULL AND id IS NOT NULL AND split_part(id, '.', 1) NOT IN ('test', 'unit_test', 'operation', 'source')
        UNION ALL
        SELECT tracer.nothing('A run without results') WHERE NOT EXISTS (SELECT FROM result) AND jsonb_typeof(body -> 'results') = 'array');
END
$$;
COMMENT ON FUNCTION tracer.read_dbt_results(jsonb, jsonb) IS 'Part of the reader of the format dbt: run_results.json.';

CREATE FUNCTION tracer.read_dbt_freshness(body jsonb, headers jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    run record := tracer.dbt_run(body -> 'metadata', headers);
BEGIN
    RETURN ARRAY(
        SELECT CASE lower(r ->> 'status')
                 WHEN 'pass' THEN tracer.a_success(id || ':freshness', split_part(id, '.', 4) || ' is fresh', id, at, run.run_id)
                 ELSE tracer.an_alert(
                        title       => format('source %s: %s', CASE WHEN r ->> 'status' IN ('warn', 'error') THEN 'stale' ELSE r ->> 'status' END, split_part(id, '.', 3) || '.' || split_part(id, '.', 4)),
                        asset       => id,
                        severity    => CASE r ->> 'status' WHEN 'warn' THEN 'warning' ELSE 'error' END,
                        dedup_key   => id || ':freshness',
                        at          => at,
                        description => coalesce(r ->> 'error', format('loaded at %s, which is %s seconds ago', r ->> 'max_loaded_at', round((r ->> 'max_loaded_at_time_ago_in_s')::numeric))),
                        labels      => jsonb_build_object('criteria', r -> 'criteria', 'max_loaded_at', r -> 'max_loaded_at'),
                        payload     => r,
                        run_id      => run.run_id) END
          FROM tracer.elements(body -> 'results') AS r
         CROSS JOIN LATERAL (SELECT r ->> 'unique_id', coalesce(tracer.time_of(r ->> 'snapshotted_at'), tracer.time_of(body -> 'metadata' ->> 'generated_at'))) AS x (id, at)
         WHERE id IS NOT NULL
        UNION ALL
        SELECT tracer.nothing('No freshness was checked') WHERE body -> 'results' = '[]');
END
$$;
COMMENT ON FUNCTION tracer.read_dbt_freshness(jsonb, jsonb) IS 'Part of the reader of the format dbt: sources.json, the freshness of sources.';

CREATE FUNCTION tracer.columns_of_sql(code text, default_schema text) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place text;
BEGIN
    RETURN (SELECT jsonb_build_object('columns', coalesce(jsonb_object_agg(x.source, x.pairs), '{}'))
              FROM (SELECT l.source, jsonb_agg(jsonb_build_array(l.source_column, l.target_column)) AS pairs
                      FROM tracer.sql_lineage(code, default_schema) l
                     WHERE l.target IS NULL AND l.source_column IS NOT NULL
                     GROUP BY l.source) AS x);
EXCEPTION
    WHEN transaction_rollback OR insufficient_resources OR operator_intervention OR lock_not_available THEN
        RAISE;
    WHEN OTHERS THEN
        RETURN jsonb_build_object('error', left(sqlerrm, 300));
END
$$;
COMMENT ON FUNCTION tracer.columns_of_sql(text, text) IS 'Which columns the result of a query comes from: {"columns": {source: [[its column, the result''s], ...]}}, or {"error": where it cannot be read}. For importers of SQL whose dialect may be another.';

CREATE FUNCTION tracer.read_dbt_manifest(body jsonb, headers jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_custom_plan
SET enable_nestloop = off
SET jit = off
SET work_mem = '256MB'
AS $$
DECLARE
    origin CONSTANT text := concat_ws(':', 'dbt', body -> 'metadata' ->> 'project_name');
    groups CONSTANT jsonb := (SELECT jsonb_object_agg(g.value ->> 'name', coalesce(g.value -> 'owner' ->> 'name', g.value -> 'owner' ->> 'email'))
                                FROM tracer.members(body -> 'groups') AS g WHERE g.value ->> 'name' <> '');
BEGIN
    RETURN ARRAY(
        WITH part (name) AS (
            VALUES ('nodes'), ('sources'), ('exposures'), ('metrics'), ('semantic_models'), ('saved_queries')
        ), node AS MATERIALIZED (
            SELECT n.key AS id, n.value ->> 'resource_type' AS type, n.value -> 'depends_on' -> 'nodes' AS needs, part.name AS part,
                   coalesce(nullif(n.value -> 'config' -> 'meta', '{}'), nullif(n.value -> 'meta', '{}')) AS meta,
                   nullif(replace(replace(coalesce(n.value ->> 'relation_name',
                       CASE WHEN n.value ->> 'resource_type' IN ('model', 'seed', 'snapshot') AND n.value -> 'config' ->> 'materialized' IS DISTINCT FROM 'ephemeral' OR part.name = 'sources'
                            THEN concat_ws('.', n.value ->> 'database', n.value ->> 'schema', coalesce(n.value ->> 'alias', n.value ->> 'identifier', n.value ->> 'name')) END),
                       '"', ''), '`', ''), '') AS relation,
                   coalesce(n.value -> 'tags', '[]') AS tags,
                   n.value ->> 'description' AS description, n.value ->> 'url' AS url, n.value ->> 'type' AS exposure,
                   n.value -> 'owner' AS owner, n.value ->> 'group' AS member_of, n.value ->> 'attached_node' AS attached,
                   n.value ->> 'package_name' AS package,
                   CASE WHEN n.value ->> 'resource_type' IN ('model', 'snapshot') AND coalesce(n.value ->> 'language', 'sql') = 'sql' THEN
                        tracer.columns_of_sql(coalesce(n.value ->> 'compiled_code', n.value ->> 'compiled_sql'), concat_ws('.', n.value ->> 'database', n.value ->> 'schema')) END AS sql
              FROM part
             CROSS JOIN LATERAL tracer.members(body -> part.name) AS n
        ), test AS (
            SELECT n.id, coalesce(n.attached, (SELECT min(d) FROM jsonb_array_elements_text(CASE jsonb_typeof(n.needs) WHEN 'array' THEN n.needs ELSE '[]' END) AS d
                                                WHERE d NOT LIKE 'test.%' HAVING count(*) = 1)) AS stands_for
              FROM node n
             WHERE n.type IN ('test', 'unit_test')
        ), tests AS (
            SELECT t.stands_for, jsonb_agg(t.id ORDER BY t.id) AS ids FROM test t WHERE t.stands_for IS NOT NULL GROUP BY 1
        ), kept AS MATERIALIZED (
            SELECT n.* FROM node n WHERE n.type IS DISTINCT FROM 'test' AND n.type NOT IN ('unit_test', 'operation', 'analysis', 'sql operation', 'rpc')
        ), place AS MATERIALIZED (
            SELECT tracer.fold_name(k.relation) AS relation, min(k.id) AS id FROM kept k WHERE k.relation IS NOT NULL GROUP BY 1
        ), feeds AS MATERIALIZED (
            -- What compiled SQL says of columns, between nodes of this manifest.
            SELECT p.id AS up, k.id AS down, jsonb_agg(c) AS columns
              FROM kept k
             CROSS JOIN LATERAL tracer.members(k.sql -> 'columns') AS s
              JOIN place p ON p.relation = tracer.fold_name(s.key)
             CROSS JOIN LATERAL jsonb_array_elements(s.value) AS c
             WHERE p.id <> k.id
             GROUP BY p.id, k.id
        )
        SELECT tracer.an_import(origin)
        UNION ALL
        SELECT tracer.an_asset(
                 k.id,
                 CASE WHEN k.part = 'exposures' THEN coalesce(k.exposure, 'exposure') ELSE 'dbt ' || replace(coalesce(k.type, k.part), '_', ' ') END,
                 coalesce(k.meta ->> 'owner', k.owner ->> 'name', k.owner ->> 'email', groups ->> k.member_of),
                 jsonb_strip_nulls(jsonb_build_object(
                   'tier', (regexp_match(k.meta ->> 'tier', '\d+'))[1], 'due', k.meta -> 'due', 'runbook_url', k.meta -> 'runbook_url',
                   'description', nullif(k.description, ''),
                   'tags', jsonb_build_object('dbt_tags', nullif(k.tags, '[]'), 'package', k.package, 'url', k.url, 'sql_error', k.sql -> 'error'),
                   'aliases', CASE WHEN k.relation IS NULL THEN '[]' ELSE jsonb_build_array(k.relation) END || coalesce(t.ids, '[]'))),
                 origin)
          FROM kept k
          LEFT JOIN tests t ON t.stands_for = k.id
        UNION ALL
        SELECT tracer.an_edge(d.up, k.id, 'data', origin)
          FROM kept k
         CROSS JOIN LATERAL jsonb_array_elements_text(CASE jsonb_typeof(k.needs) WHEN 'array' THEN k.needs ELSE '[]' END) AS d (up)
         WHERE d.up NOT LIKE 'test.%'
        UNION ALL
        SELECT tracer.an_edge(f.up, f.down, 'data', origin, f.columns) FROM feeds f);
END
$$;
COMMENT ON FUNCTION tracer.read_dbt_manifest(jsonb, jsonb) IS 'Part of the reader of the format dbt: manifest.json. Edges are said by dbt:project, so that several projects do not unsay each other''s.';

CREATE FUNCTION tracer.read_dbt(body jsonb, headers jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    schema text := body -> 'metadata' ->> 'dbt_schema_version';
BEGIN
    IF schema LIKE '%/manifest/%' OR schema IS NULL AND body ? 'nodes' THEN
        RETURN tracer.read_dbt_manifest(body, headers);
    ELSIF schema LIKE '%/sources/%' THEN
        RETURN tracer.read_dbt_freshness(body, headers);
    ELSIF schema LIKE '%/run-results/%' OR schema IS NULL AND body ? 'results' THEN
        RETURN tracer.read_dbt_results(body, headers);
    ELSIF schema IS NOT NULL THEN
        RETURN ARRAY[tracer.nothing('An artifact without news: ' || schema)];
    END IF;
    RETURN '{}';
END
$$;
COMMENT ON FUNCTION tracer.read_dbt(jsonb, jsonb) IS 'Reader of the format dbt: run_results.json, sources.json and manifest.json of every version; other artifacts say nothing.';
