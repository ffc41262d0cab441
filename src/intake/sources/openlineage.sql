/*
 * OpenLineage: run, job and dataset events.
 *
 * An asset is namespace/name. Lineage goes through the job: what it reads feeds
 * it, it feeds what it writes; a parent runs its children, and a whole tree of
 * runs shares the id of its root. A failed assertion is an alert on its dataset.
 */
CREATE FUNCTION tracer.openlineage_name(thing jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN thing ->> 'namespace' IN ('', 'default') THEN thing ->> 'name'
            ELSE coalesce(rtrim(thing ->> 'namespace', '/') || '/' || (thing ->> 'name'), thing ->> 'name', rtrim(thing ->> 'namespace', '/')) END;
COMMENT ON FUNCTION tracer.openlineage_name(jsonb) IS 'The asset that a job or dataset of OpenLineage is: namespace/name; in the namespace default, its name; NULL for neither.';

CREATE FUNCTION tracer.read_openlineage_event(body jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    job    text := tracer.openlineage_name(body -> 'job');
    type   text := upper(body ->> 'eventType');
    at     timestamptz := tracer.time_of(body ->> 'eventTime');
    facets jsonb := body -> 'run' -> 'facets';
    parent jsonb := coalesce(facets -> 'parent', facets -> 'parentRun');
    run_id text := coalesce(parent -> 'root' -> 'run' ->> 'runId', parent -> 'run' ->> 'runId', body -> 'run' ->> 'runId');
BEGIN
    RETURN ARRAY(
        SELECT CASE WHEN type IN ('FAIL', 'ABORT') THEN
                   tracer.an_alert(
                     title       => format('Run %s: %s', CASE type WHEN 'FAIL' THEN 'failed' ELSE 'aborted' END, body -> 'job' ->> 'name')
                                    || coalesce(': ' || nullif(left(split_part(facets -> 'errorMessage' ->> 'message', E'\n', 1), 300), ''), ''),
                     asset       => job,
                     dedup_key   => 'run:' || job,
                     at          => at,
                     description => concat_ws(E'\n', facets -> 'errorMessage' ->> 'message', facets -> 'errorMessage' ->> 'stackTrace'),
                     labels      => jsonb_strip_nulls(jsonb_build_object('nominal_start', facets -> 'nominalTime' -> 'nominalStartTime', 'nominal_end', facets -> 'nominalTime' -> 'nominalEndTime',
                                      'producer', body -> 'producer', 'openlineage_run', body -> 'run' -> 'runId')),
                     payload     => body,
                     run_id      => run_id)
               WHEN type = 'COMPLETE' THEN
                   tracer.a_success('run:' || job, (body -> 'job' ->> 'name') || ' completed', job, at, run_id)
               ELSE tracer.nothing(format('%s of %s', coalesce(type, 'JOB'), job)) END
         WHERE job <> ''
        UNION ALL
        SELECT tracer.an_asset(job, coalesce(lower(body -> 'job' -> 'facets' -> 'jobType' ->> 'jobType'), 'job'),
                               body -> 'job' -> 'facets' -> 'ownership' -> 'owners' -> 0 ->> 'name',
                               jsonb_strip_nulls(jsonb_build_object('description', coalesce(body -> 'job' -> 'facets' -> 'documentation' ->> 'description'),
                                 -- Airflow's dag.task says the same within its own namespace.
                                 'aliases', CASE WHEN upper(body -> 'job' -> 'facets' -> 'jobType' ->> 'integration') = 'AIRFLOW'
                                                      AND job <> body -> 'job' ->> 'name' THEN jsonb_build_array(body -> 'job' -> 'name') END)))
         WHERE job <> ''
        UNION ALL
        SELECT tracer.an_asset(tracer.openlineage_name(d.thing), 'dataset', d.thing -> 'facets' -> 'ownership' -> 'owners' -> 0 ->> 'name',
                               jsonb_strip_nulls(jsonb_build_object('description', d.thing -> 'facets' -> 'documentation' ->> 'description')))
          FROM (SELECT i FROM tracer.elements(body -> 'inputs') AS i UNION ALL SELECT o FROM tracer.elements(body -> 'outputs') AS o
                UNION ALL SELECT d FROM tracer.elements(body -> 'dataset') AS d) AS d (thing)
         WHERE d.thing ->> 'name' <> ''
        UNION ALL
        SELECT tracer.an_edge(tracer.openlineage_name(i), job, 'data', 'openlineage') FROM tracer.elements(body -> 'inputs') AS i WHERE job <> '' AND i ->> 'name' <> ''
        UNION ALL
        SELECT tracer.an_edge(job, tracer.openlineage_name(o), 'data', 'openlineage') FROM tracer.elements(body -> 'outputs') AS o WHERE job <> '' AND o ->> 'name' <> ''
        UNION ALL
        SELECT tracer.an_edge(tracer.openlineage_name(parent -> 'job'), job, 'runs', 'openlineage') WHERE job <> '' AND parent -> 'job' ->> 'name' <> ''
        UNION ALL
        -- Which columns come from which; that whole datasets decide (dataset) is said by the edges.
        SELECT tracer.an_edge(tracer.openlineage_name(c.input), tracer.openlineage_name(d.thing), 'data', 'openlineage',
                              jsonb_agg(DISTINCT jsonb_build_array(c.input ->> 'field', f.key)))
          FROM (SELECT o FROM tracer.elements(body -> 'outputs') AS o UNION ALL SELECT s FROM tracer.elements(body -> 'dataset') AS s) AS d (thing)
         CROSS JOIN LATERAL tracer.members(d.thing -> 'facets' -> 'columnLineage' -> 'fields') AS f
         CROSS JOIN LATERAL tracer.elements(f.value -> 'inputFields') AS c (input)
         WHERE d.thing ->> 'name' <> '' AND c.input ->> 'name' <> ''
         GROUP BY tracer.openlineage_name(c.input), tracer.openlineage_name(d.thing)
        UNION ALL
        SELECT CASE WHEN a ->> 'success' = 'true' THEN
                   tracer.a_success(concat_ws('|', 'assertion', a ->> 'assertion', a ->> 'column', d.asset), format('%s passed', a ->> 'assertion'), d.asset, at, run_id)
               ELSE
                   tracer.an_alert(
                     title     => format('Assertion failed: %s%s', a ->> 'assertion', coalesce(' of ' || (a ->> 'column'), '')),
                     asset     => d.asset,
                     severity  => a ->> 'severity',
                     dedup_key => concat_ws('|', 'assertion', a ->> 'assertion', a ->> 'column', d.asset),
                     at        => at,
                     labels    => jsonb_strip_nulls(jsonb_build_object('column', a -> 'column', 'assertion', a -> 'assertion')),
                     payload   => a,
                     run_id    => run_id) END
          FROM (SELECT i FROM tracer.elements(body -> 'inputs') AS i UNION ALL SELECT o FROM tracer.elements(body -> 'outputs') AS o
                UNION ALL SELECT s FROM tracer.elements(body -> 'dataset') AS s) AS t (thing)
         CROSS JOIN LATERAL (SELECT tracer.openlineage_name(t.thing)) AS d (asset)
         CROSS JOIN LATERAL (SELECT x FROM tracer.elements(t.thing -> 'inputFacets' -> 'dataQualityAssertions' -> 'assertions') AS x
                             UNION ALL SELECT x FROM tracer.elements(t.thing -> 'facets' -> 'dataQualityAssertions' -> 'assertions') AS x) AS f (a)
         WHERE a ? 'success');
END
$$;
COMMENT ON FUNCTION tracer.read_openlineage_event(jsonb) IS 'Part of the reader of the format openlineage: one event.';

CREATE FUNCTION tracer.read_openlineage(body jsonb, headers jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    event jsonb;
    items tracer.intake_row[] := '{}';
BEGIN
    FOR event IN SELECT e FROM tracer.elements(body) AS e WHERE e ? 'job' OR e ? 'dataset' LOOP
        items := items || tracer.read_openlineage_event(event);
    END LOOP;
    RETURN items;
END
$$;
COMMENT ON FUNCTION tracer.read_openlineage(jsonb, jsonb) IS 'Reader of the format openlineage: RunEvent (FAIL and ABORT are alerts, COMPLETE a success), JobEvent, DatasetEvent, one or an array of them.';
