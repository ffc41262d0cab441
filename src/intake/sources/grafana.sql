/*
 * Grafana: the webhook of unified alerting, which is Alertmanager's with more in
 * it, and that of legacy alerting (up to version 8), which knows one rule and no
 * time.
 */
CREATE FUNCTION tracer.read_grafana(body jsonb, headers jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF body ? 'alerts' THEN
        -- A rule without data is called so, and names itself in a label.
        RETURN ARRAY(SELECT CASE WHEN (i).what = 'alert' THEN
                                tracer.an_alert((i).title || CASE WHEN (i).title IN ('DatasourceNoData', 'DatasourceError')
                                                                  THEN coalesce(': ' || ((i).labels ->> 'rulename'), '') ELSE '' END,
                                                (i).asset, (i).severity, (i).status, (i).dedup_key, (i).at, (i).description, (i).labels,
                                                coalesce(nullif((i).payload ->> 'panelURL', ''), nullif((i).payload ->> 'dashboardURL', ''), (i).url), (i).payload)
                            ELSE i END
                       FROM (SELECT ROW(u.*)::tracer.intake_row AS i FROM unnest(tracer.read_alertmanager(body, headers)) AS u) AS x);
    END IF;
    RETURN ARRAY(
        SELECT CASE WHEN body ->> 'state' IN ('alerting', 'no_data', 'ok') THEN
                   tracer.an_alert(
                     title       => coalesce(body ->> 'ruleName', body ->> 'title'),
                     severity    => coalesce(body -> 'tags' ->> 'severity', CASE body ->> 'state' WHEN 'no_data' THEN 'warning' END),
                     status      => CASE body ->> 'state' WHEN 'ok' THEN 'resolved' END,
                     dedup_key   => concat_ws(':', 'rule', body ->> 'orgId', body ->> 'ruleId'),
                     description => concat_ws(E'\n', body ->> 'message',
                                              (SELECT string_agg(format('%s = %s', m ->> 'metric', m ->> 'value'), ', ') FROM tracer.elements(body -> 'evalMatches') AS m)),
                     labels      => coalesce((SELECT m -> 'tags' FROM tracer.elements(body -> 'evalMatches') AS m WHERE jsonb_typeof(m -> 'tags') = 'object' LIMIT 1), '{}')
                                    || CASE jsonb_typeof(body -> 'tags') WHEN 'object' THEN body -> 'tags' ELSE '{}' END,
                     url         => body ->> 'ruleUrl',
                     payload     => body)
               ELSE tracer.nothing('Rule is ' || (body ->> 'state')) END
         WHERE body ? 'ruleId' AND body ->> 'state' <> '');
END
$$;
COMMENT ON FUNCTION tracer.read_grafana(jsonb, jsonb) IS 'Reader of the format grafana: webhooks of unified and of legacy alerting.';
