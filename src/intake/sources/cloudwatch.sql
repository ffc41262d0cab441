/*
 * Amazon CloudWatch: alarms through SNS (JSON within a string), raw, or through
 * EventBridge; of one metric, of several, composite.
 *
 * SNS asks to confirm a subscription by following a link. That is a decision:
 * the link is recorded as an alert of severity info, and not followed.
 */
CREATE FUNCTION tracer.as_json(words text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
BEGIN
    RETURN words::jsonb;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION tracer.as_json(text) IS 'A text as jsonb; NULL where it is none.';

CREATE FUNCTION tracer.read_alarm(body jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    alarm jsonb := body;
    state text;
    dims  jsonb;
BEGIN
    IF body ->> 'Type' IN ('SubscriptionConfirmation', 'UnsubscribeConfirmation') THEN
        RETURN ARRAY[tracer.an_alert(
            title => format('SNS asks for confirmation: %s of %s', body ->> 'Type', body ->> 'TopicArn'), severity => 'info',
            dedup_key => body ->> 'MessageId', at => tracer.time_of(body ->> 'Timestamp'), description => body ->> 'Message',
            url => body ->> 'SubscribeURL', payload => body)];
    ELSIF body ->> 'Type' = 'Notification' THEN
        alarm := tracer.as_json(body ->> 'Message');
        IF jsonb_typeof(alarm) IS DISTINCT FROM 'object' THEN
            RETURN ARRAY[tracer.an_alert(
                title => coalesce(body ->> 'Subject', split_part(body ->> 'Message', E'\n', 1)), dedup_key => body ->> 'MessageId',
                at => tracer.time_of(body ->> 'Timestamp'), description => body ->> 'Message', payload => body)];
        END IF;
    END IF;
    IF alarm ? 'detail' THEN
        alarm := jsonb_build_object(
            'AlarmName', alarm -> 'detail' -> 'alarmName', 'AlarmArn', alarm -> 'resources' -> 0, 'Region', alarm -> 'region',
            'NewStateValue', alarm -> 'detail' -> 'state' -> 'value', 'NewStateReason', alarm -> 'detail' -> 'state' -> 'reason',
            'StateChangeTime', coalesce(alarm -> 'detail' -> 'state' -> 'timestamp', alarm -> 'time'),
            'AlarmDescription', alarm -> 'detail' -> 'configuration' -> 'description',
            'Trigger', jsonb_build_object('Dimensions',
                (SELECT jsonb_agg(jsonb_build_object('name', d.key, 'value', d.value))
                   FROM tracer.elements(alarm -> 'detail' -> 'configuration' -> 'metrics') AS m
                  CROSS JOIN LATERAL tracer.members(m -> 'metricStat' -> 'metric' -> 'dimensions') AS d)));
    END IF;
    state := alarm ->> 'NewStateValue';
    dims := (SELECT jsonb_object_agg(d ->> 'name', d ->> 'value')
               FROM (SELECT d FROM tracer.elements(alarm -> 'Trigger' -> 'Dimensions') AS d
                     UNION ALL
                     SELECT d FROM tracer.elements(alarm -> 'Trigger' -> 'Metrics') AS m
                      CROSS JOIN LATERAL tracer.elements(m -> 'MetricStat' -> 'Metric' -> 'Dimensions') AS d) AS x
              WHERE d ->> 'name' <> '');
    RETURN ARRAY(
        SELECT CASE WHEN state IN ('ALARM', 'OK') THEN
                   tracer.an_alert(
                     title       => alarm ->> 'AlarmName',
                     asset       => (SELECT min(d.value #>> '{}') FROM tracer.members(dims) AS d HAVING count(*) = 1),
                     status      => CASE state WHEN 'OK' THEN 'resolved' END,
                     dedup_key   => coalesce(alarm ->> 'AlarmArn', alarm ->> 'AlarmName'),
                     at          => tracer.time_of(alarm ->> 'StateChangeTime'),
                     description => concat_ws(E'\n', alarm ->> 'NewStateReason', alarm ->> 'AlarmDescription'),
                     labels      => coalesce(dims, '{}') || jsonb_build_object('alarm', alarm -> 'AlarmName', 'region', alarm -> 'Region'),
                     payload     => alarm)
               ELSE tracer.nothing('State ' || state) END
         WHERE alarm ? 'AlarmName' AND state <> '');
END
$$;
COMMENT ON FUNCTION tracer.read_alarm(jsonb) IS 'Part of the reader of the format cloudwatch: one message.';

CREATE FUNCTION tracer.read_cloudwatch(body jsonb, headers jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    message jsonb;
    items   tracer.intake_row[] := '{}';
BEGIN
    FOR message IN SELECT coalesce(m -> 'Sns', m) FROM tracer.elements(coalesce(body -> 'Records', body)) AS m LOOP
        items := items || tracer.read_alarm(message);
    END LOOP;
    RETURN items;
END
$$;
COMMENT ON FUNCTION tracer.read_cloudwatch(jsonb, jsonb) IS 'Reader of the format cloudwatch: alarms (ALARM and OK; INSUFFICIENT_DATA says nothing) in SNS notifications, raw, or as EventBridge events; other SNS messages become alerts as they are.';
