/*
 * Great Expectations: the result of a validation, or of a checkpoint that holds
 * several; before and after version 1.
 */
CREATE FUNCTION tracer.read_validation(body jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    meta  jsonb := body -> 'meta';
    suite text := coalesce(meta ->> 'expectation_suite_name', body ->> 'suite_name', meta ->> 'suite_name');
    asset text := coalesce(meta -> 'active_batch_definition' ->> 'data_asset_name', meta -> 'batch_spec' ->> 'table_name',
                           meta -> 'batch_kwargs' ->> 'table', meta -> 'batch_kwargs' ->> 'data_asset_name', body ->> 'asset_name', meta -> 'batch_spec' ->> 'data_asset_name');
    run   text := coalesce(meta -> 'run_id' ->> 'run_name', meta ->> 'run_id');
    at    timestamptz := coalesce(tracer.time_of(meta -> 'run_id' ->> 'run_time'), tracer.time_of(meta ->> 'validation_time'), tracer.time_of(body ->> 'run_time'));
BEGIN
    RETURN ARRAY(
        SELECT CASE WHEN r ->> 'success' = 'true' THEN
                   tracer.a_success(concat_ws('|', suite, asset, x.type, x.args), x.type || ' passed', asset, at, run)
               ELSE
                   tracer.an_alert(
                     title       => concat_ws(' ', x.type, 'of ' || coalesce(x.args, asset), CASE WHEN r -> 'exception_info' ->> 'raised_exception' = 'true' THEN 'could not be evaluated' ELSE 'failed' END),
                     asset       => asset,
                     severity    => coalesce(x.config ->> 'severity', x.config -> 'meta' ->> 'severity'),
                     dedup_key   => concat_ws('|', suite, asset, x.type, x.args),
                     at          => at,
                     description => coalesce(r -> 'exception_info' ->> 'exception_message',
                                             CASE WHEN r -> 'result' ? 'observed_value' THEN format('observed %s', r -> 'result' ->> 'observed_value') END,
                                             CASE WHEN r -> 'result' ? 'unexpected_count' THEN format('%s of %s values are unexpected', r -> 'result' ->> 'unexpected_count', r -> 'result' ->> 'element_count') END),
                     labels      => jsonb_strip_nulls(jsonb_build_object('suite', suite, 'column', x.config -> 'kwargs' -> 'column', 'checkpoint', meta -> 'checkpoint_name',
                                      'datasource', meta -> 'active_batch_definition' -> 'datasource_name')),
                     payload     => r,
                     run_id      => run) END
          FROM tracer.elements(body -> 'results') AS r
         CROSS JOIN LATERAL (SELECT r -> 'expectation_config' AS config,
                                    coalesce(r -> 'expectation_config' ->> 'expectation_type', r -> 'expectation_config' ->> 'type') AS type,
                                    coalesce(r -> 'expectation_config' -> 'kwargs' ->> 'column',
                                             nullif(concat_ws(',', r -> 'expectation_config' -> 'kwargs' ->> 'column_A', r -> 'expectation_config' -> 'kwargs' ->> 'column_B'), '')) AS args) AS x
         WHERE x.type IS NOT NULL
        UNION ALL
        SELECT tracer.nothing('A validation without expectations') WHERE body -> 'results' = '[]');
END
$$;
COMMENT ON FUNCTION tracer.read_validation(jsonb) IS 'Part of the reader of the format great_expectations: one validation result.';

CREATE FUNCTION tracer.read_great_expectations(body jsonb, headers jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    result jsonb;
    items  tracer.intake_row[] := '{}';
BEGIN
    FOR result IN
        SELECT coalesce(m.value -> 'validation_result', m.value) FROM tracer.members(body -> 'run_results') AS m
        UNION ALL
        SELECT v FROM tracer.elements(body -> 'validation_results') AS v
        UNION ALL
        SELECT body WHERE body ? 'results'
    LOOP
        items := items || tracer.read_validation(result);
    END LOOP;
    RETURN items;
END
$$;
COMMENT ON FUNCTION tracer.read_great_expectations(jsonb, jsonb) IS 'Reader of the format great_expectations: validation and checkpoint results, one alert for each failed expectation.';
