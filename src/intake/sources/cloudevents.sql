/*
 * CloudEvents 1.0: structured, batched, or binary (then the attributes are the
 * headers ce-...), and CDEvents, which come as such.
 *
 * What data says is read as the generic format reads it; what it leaves open,
 * the event's type, subject and time say. A type that neither sounds like a
 * failure nor has data with a severity or status is of no interest.
 */
CREATE FUNCTION tracer.as_json_of_base64(words text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
BEGIN
    RETURN convert_from(decode(words, 'base64'), 'UTF8')::jsonb;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION tracer.as_json_of_base64(text) IS 'What a text in base64 holds as jsonb; NULL where it is none.';

CREATE FUNCTION tracer.read_cloudevent(event jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    type    text := lower(event ->> 'type');
    data    jsonb := event -> 'data';
    at      timestamptz := tracer.time_of(coalesce(event ->> 'time', data -> 'context' ->> 'timestamp'));
    part    text[] := regexp_match(coalesce(data -> 'context' ->> 'type', type), '^dev\.cdevents\.(\w+)\.(\w+)');
    subject jsonb := data -> 'subject';
    content jsonb := data -> 'subject' -> 'content';
    name    text;
    item    tracer.intake_row;
BEGIN
    IF part IS NOT NULL THEN
        name := coalesce(content ->> 'pipelineName', content ->> 'taskName', content -> 'testSuite' ->> 'name', content -> 'testCase' ->> 'name', subject ->> 'id');
        IF part[1] = 'incident' THEN
            RETURN ARRAY[tracer.an_alert(
                title => coalesce(content ->> 'description', 'Incident ' || (subject ->> 'id')), asset => coalesce(content -> 'service' ->> 'id', content -> 'environment' ->> 'id'),
                status => CASE part[2] WHEN 'resolved' THEN 'resolved' END, dedup_key => 'incident:' || (subject ->> 'id'), at => at, url => content ->> 'ticketURI', payload => data)];
        ELSIF part[1] IN ('service', 'environment') AND part[2] IN ('deployed', 'upgraded', 'rolledback', 'removed', 'modified', 'created')
              OR part[1] = 'change' AND part[2] = 'merged' THEN
            RETURN ARRAY[tracer.a_change(
                title => format('%s %s', name, part[2]), asset => name, kind => CASE part[1] WHEN 'change' THEN 'commit' ELSE 'deploy' END,
                at => at, url => subject ->> 'source', dedup_key => data -> 'context' ->> 'id', payload => data)];
        ELSIF part[2] = 'finished' THEN
            RETURN ARRAY[tracer.ci_outcome(coalesce(content ->> 'outcome', 'success'), name, name, format('%s:%s', part[1], name), at, content ->> 'url', true,
                                           content -> 'pipelineRun' ->> 'id', jsonb_build_object('errors', content -> 'errors', 'reason', content -> 'reason'), data)];
        END IF;
        RETURN ARRAY[tracer.nothing(format('%s %s', part[1], part[2]))];
    END IF;

    IF type !~ '(fail|error|alert|alarm|incident|critical|resolv|recover|success|warn)' AND NOT data ?| '{severity,status,state,level}' THEN
        RETURN ARRAY[tracer.nothing('Event ' || type)];
    END IF;
    item := (tracer.read_generic(data, '{"title": {"path": ["$.title", "$.summary", "$.message", "$.description", "$.name"], "default": null}}'))[1];
    RETURN ARRAY[CASE WHEN item.what = 'success' OR item.what IS NULL AND type ~ '(success|succeeded)' THEN
        tracer.a_success(coalesce(item.dedup_key, event ->> 'subject', type), coalesce(item.title, type), coalesce(item.asset, event ->> 'subject'), coalesce(item.at, at))
    ELSE
        tracer.an_alert(
            title       => coalesce(nullif(item.title, 'Alert without a title'), event ->> 'type'),
            asset       => coalesce(item.asset, event ->> 'subject'),
            severity    => coalesce(item.severity, substring(type FROM '(critical|error|warn|info)')),
            status      => CASE WHEN type ~ '(resolv|recover)' THEN 'resolved' ELSE item.status END,
            dedup_key   => coalesce(item.dedup_key, concat_ws('|', event ->> 'source', regexp_replace(type, '\.?(fail\w*|firing|fired|resolved|recovered|triggered|raised)$', ''), event ->> 'subject')),
            at          => coalesce(item.at, at),
            description => item.description,
            labels      => coalesce(item.labels, '{}') || jsonb_build_object('event_type', event -> 'type', 'event_source', event -> 'source'),
            url         => item.url,
            payload     => event,
            run_id      => item.run_id)
    END];
END
$$;
COMMENT ON FUNCTION tracer.read_cloudevent(jsonb) IS 'Part of the reader of the format cloudevents: one event.';

CREATE FUNCTION tracer.read_cloudevents(body jsonb, headers jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    event jsonb;
    items tracer.intake_row[] := '{}';
BEGIN
    IF headers ? 'ce-type' THEN
        RETURN tracer.read_cloudevent(jsonb_build_object('type', headers -> 'ce-type', 'source', headers -> 'ce-source', 'id', headers -> 'ce-id',
                                                         'subject', headers -> 'ce-subject', 'time', headers -> 'ce-time', 'data', body));
    END IF;
    IF body -> 'context' ->> 'type' LIKE 'dev.cdevents.%' THEN
        RETURN tracer.read_cloudevent(jsonb_build_object('type', body -> 'context' -> 'type', 'data', body));
    END IF;
    FOR event IN SELECT e FROM tracer.elements(body) AS e WHERE e ? 'type' AND (e ? 'specversion' OR e ? 'source') LOOP
        items := items || tracer.read_cloudevent(event || CASE WHEN event ? 'data_base64'
            THEN jsonb_build_object('data', tracer.as_json_of_base64(event ->> 'data_base64')) ELSE '{}' END);
    END LOOP;
    RETURN items;
END
$$;
COMMENT ON FUNCTION tracer.read_cloudevents(jsonb, jsonb) IS 'Reader of the format cloudevents: CloudEvents 1.0 in structured, batched and binary mode, with CDEvents among them.';
