/*
 * Airflow: the context of a callback as contrib/airflow posts it, objects of the
 * REST API (task instances, DAG runs, tasks of a DAG, datasets and assets).
 *
 * A task is the asset dag.task, a DAG the asset of its id. What runs share is
 * dag/run, since run ids repeat from DAG to DAG. A DAG runs its tasks; a dataset
 * is fed by tasks and feeds DAGs. A skipped or never started task is context
 * (severity info) unless the sender gives a severity: branches skip every day.
 */
CREATE FUNCTION tracer.airflow_state(item jsonb, headers jsonb) RETURNS tracer.intake_row
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    ti    jsonb := coalesce(item -> 'task_instance', item -> 'ti', item);
    dag   text := coalesce(ti ->> 'dag_id', item ->> 'dag_id', item -> 'dag' ->> 'dag_id', item -> 'dag_run' ->> 'dag_id');
    task  text := coalesce(ti ->> 'task_id', item ->> 'task_id', item -> 'task' ->> 'task_id');
    run   text := coalesce(ti ->> 'run_id', ti ->> 'dag_run_id', item ->> 'run_id', item ->> 'dag_run_id', item -> 'dag_run' ->> 'run_id');
    state text := lower(coalesce(item ->> 'event', item ->> 'state', ti ->> 'state', item -> 'dag_run' ->> 'state',
                                 CASE WHEN item ->> 'exception' <> '' THEN 'failed' END));
    at    timestamptz := coalesce(tracer.time_of(ti ->> 'end_date'), tracer.time_of(item ->> 'end_date'), tracer.time_of(item -> 'dag_run' ->> 'end_date'),
                                  tracer.time_of(item ->> 'timestamp'), tracer.time_of(ti ->> 'start_date'));
    asset text := concat_ws('.', dag, task);
    key   text := asset || coalesce('[' || nullif(ti ->> 'map_index', '-1') || ']', '');
BEGIN
    IF dag IS NULL OR state IS NULL THEN
        RETURN NULL;
    ELSIF state IN ('success', 'succeeded') THEN
        RETURN tracer.a_success(key, asset || ' succeeded', asset, at, dag || '/' || run);
    ELSIF state IN ('failed', 'failure', 'upstream_failed', 'skipped', 'shutdown', 'removed', 'sla_miss', 'up_for_retry', 'retry') THEN
        RETURN tracer.an_alert(
            title       => format('%s %s: %s', CASE WHEN task IS NULL THEN 'DAG run' ELSE 'Task' END,
                                  CASE state WHEN 'failure' THEN 'failed' WHEN 'sla_miss' THEN 'missed its SLA' ELSE replace(state, '_', ' ') END, asset),
            asset       => asset,
            severity    => coalesce(item ->> 'severity', CASE WHEN state IN ('upstream_failed', 'skipped', 'removed', 'up_for_retry', 'retry') THEN 'info'
                                                              WHEN state = 'sla_miss' THEN 'warning' ELSE 'error' END),
            dedup_key   => key,
            at          => at,
            description => coalesce(item ->> 'exception', item ->> 'reason', ti ->> 'note'),
            labels      => jsonb_strip_nulls(jsonb_build_object('state', state, 'try_number', ti -> 'try_number', 'operator', coalesce(ti -> 'operator', ti -> 'operator_name'),
                             'logical_date', coalesce(item -> 'logical_date', ti -> 'logical_date', ti -> 'execution_date', item -> 'execution_date'))),
            url         => coalesce(ti ->> 'log_url', item ->> 'log_url'),
            payload     => item,
            run_id      => dag || '/' || run);
    END IF;
    RETURN tracer.nothing(asset || ': ' || state);
END
$$;
COMMENT ON FUNCTION tracer.airflow_state(jsonb, jsonb) IS 'What a callback context, a task instance or a DAG run says; NULL where it is none.';

CREATE FUNCTION tracer.read_airflow(body jsonb, headers jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    items jsonb := coalesce(body -> 'task_instances', body -> 'dag_runs', body);
    dag   text := coalesce(body ->> 'dag_id', headers ->> 'x-airflow-dag-id');
BEGIN
    RETURN ARRAY(
        SELECT s FROM (SELECT tracer.airflow_state(i, headers) AS s FROM tracer.elements(items) AS i) AS x WHERE (s).what IS NOT NULL
        UNION ALL
        -- Tasks of one DAG: {"dag_id": ..., "tasks": [{"task_id", "downstream_task_ids"}]}
        SELECT tracer.an_asset(dag || '.' || (t ->> 'task_id'), 'task', nullif(t ->> 'owner', 'airflow'), origin => 'airflow:' || dag)
          FROM tracer.elements(body -> 'tasks') AS t WHERE dag IS NOT NULL AND t ? 'task_id'
        UNION ALL
        SELECT tracer.an_asset(dag, 'dag', origin => 'airflow:' || dag) WHERE dag IS NOT NULL AND body ? 'tasks'
        UNION ALL
        SELECT tracer.an_import('airflow:' || dag) WHERE dag IS NOT NULL AND body ? 'tasks'
        UNION ALL
        SELECT tracer.an_edge(dag, dag || '.' || (t ->> 'task_id'), 'runs', 'airflow:' || dag)
          FROM tracer.elements(body -> 'tasks') AS t WHERE dag IS NOT NULL AND t ? 'task_id'
        UNION ALL
        SELECT tracer.an_edge(dag || '.' || (t ->> 'task_id'), dag || '.' || (d #>> '{}'), 'data', 'airflow:' || dag)
          FROM tracer.elements(body -> 'tasks') AS t
         CROSS JOIN LATERAL tracer.elements(t -> 'downstream_task_ids') AS d
         WHERE dag IS NOT NULL AND t ? 'task_id'
        UNION ALL
        -- Datasets (Airflow 2) and assets (Airflow 3)
        SELECT tracer.an_asset(d ->> 'uri', 'dataset', details => jsonb_build_object('aliases', jsonb_build_array(d -> 'name') - 'null'))
          FROM tracer.elements(coalesce(body -> 'datasets', body -> 'assets')) AS d WHERE d ? 'uri' AND jsonb_typeof(d -> 'name') = 'string'
        UNION ALL
        SELECT tracer.an_asset(d ->> 'uri', 'dataset')
          FROM tracer.elements(coalesce(body -> 'datasets', body -> 'assets')) AS d WHERE d ? 'uri' AND jsonb_typeof(d -> 'name') IS DISTINCT FROM 'string'
        UNION ALL
        SELECT tracer.an_edge((p ->> 'dag_id') || '.' || (p ->> 'task_id'), d ->> 'uri', 'data', 'airflow')
          FROM tracer.elements(coalesce(body -> 'datasets', body -> 'assets')) AS d
         CROSS JOIN LATERAL tracer.elements(d -> 'producing_tasks') AS p
        UNION ALL
        SELECT tracer.an_edge(d ->> 'uri', concat_ws('.', c ->> 'dag_id', c ->> 'task_id'), 'data', 'airflow')
          FROM tracer.elements(coalesce(body -> 'datasets', body -> 'assets')) AS d
         CROSS JOIN LATERAL (SELECT e FROM tracer.elements(d -> 'consuming_dags') AS e UNION ALL SELECT e FROM tracer.elements(d -> 'scheduled_dags') AS e
                             UNION ALL SELECT e FROM tracer.elements(d -> 'consuming_tasks') AS e) AS u (c)
        UNION ALL
        -- What a task reads, writes and runs, as a callback may tell
        SELECT tracer.an_edge(coalesce(i ->> 'uri', i ->> 'name', i #>> '{}'), concat_ws('.', dag, coalesce(body ->> 'task_id', body -> 'task_instance' ->> 'task_id')), 'data', 'airflow')
          FROM tracer.elements(CASE jsonb_typeof(body -> 'inlets') WHEN 'array' THEN body -> 'inlets' END) AS i WHERE dag IS NOT NULL
        UNION ALL
        SELECT tracer.an_edge(concat_ws('.', dag, coalesce(body ->> 'task_id', body -> 'task_instance' ->> 'task_id')), coalesce(o ->> 'uri', o ->> 'name', o #>> '{}'), 'data', 'airflow')
          FROM tracer.elements(CASE jsonb_typeof(body -> 'outlets') WHEN 'array' THEN body -> 'outlets' END) AS o WHERE dag IS NOT NULL
        UNION ALL
        SELECT tracer.an_edge(concat_ws('.', dag, coalesce(body ->> 'task_id', body -> 'task_instance' ->> 'task_id')), r #>> '{}', 'runs', 'airflow')
          FROM tracer.elements(CASE jsonb_typeof(body -> 'runs') WHEN 'array' THEN body -> 'runs' END) AS r WHERE dag IS NOT NULL
        UNION ALL
        SELECT tracer.nothing('An empty list')
         WHERE '[]' IN (body -> 'task_instances', body -> 'dag_runs', body -> 'datasets', body -> 'assets', body -> 'tasks'));
END
$$;
COMMENT ON FUNCTION tracer.read_airflow(jsonb, jsonb) IS 'Reader of the format airflow: callback contexts, task instances, DAG runs, the tasks of a DAG (with dag_id in the body or the header x-airflow-dag-id), datasets and assets.';
