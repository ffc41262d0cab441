-- tracer.ingest(): what each tool sends, and what becomes of it.
SET TIME ZONE 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
\set SHOW_CONTEXT never
CREATE EXTENSION tracer;
\getenv abs_srcdir PG_ABS_SRCDIR

-- Ingests a body and shows what came of it.
CREATE FUNCTION pg_temp.sent(source text, body text, headers jsonb DEFAULT '{}', OUT what text, OUT asset text, OUT severity text, OUT status text, OUT at text, OUT key text, OUT title text, OUT run text)
RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
    r record;
    last_alert bigint := (SELECT coalesce(max(alert_id), 0) FROM tracer.alert);
    last_change bigint := (SELECT coalesce(max(change_id), 0) FROM tracer.change);
BEGIN
    SELECT * INTO r FROM tracer.ingest(source, body, headers);
    RETURN QUERY
    SELECT 'alert', a.asset, a.severity::text, a.status::text,
           CASE WHEN a.fired_at > now() - interval '1 day' THEN 'now' ELSE to_char(a.fired_at, 'YYYY-MM-DD HH24:MI:SS') END, left(a.dedup_key, 60), left(a.title, 70), a.run_id
      FROM tracer.alert a WHERE a.alert_id > last_alert ORDER BY a.alert_id;
    RETURN QUERY
    SELECT 'change', c.asset, c.kind, NULL, CASE WHEN c.changed_at > now() - interval '1 day' THEN 'now' ELSE to_char(c.changed_at, 'YYYY-MM-DD HH24:MI:SS') END, c.author, left(c.title, 70), NULL
      FROM tracer.change c WHERE c.change_id > last_change ORDER BY c.change_id;
    IF r.edges + r.assets + r.quarantined > 0 OR r.alerts + r.changes = 0 THEN
        what := format('%s alerts, %s changes, %s edges, %s assets, %s quarantined', r.alerts, r.changes, r.edges, r.assets, r.quarantined);
        RETURN NEXT;
    END IF;
END
$$;

-- Prometheus Alertmanager, version 4: firing and resolved share a key.
SELECT * FROM pg_temp.sent('alertmanager', '{"version": "4", "groupKey": "{}:{alertname=\"TableStale\"}", "truncatedAlerts": 0, "status": "firing", "receiver": "tracer", "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://am:9093",
  "alerts": [{"status": "firing", "labels": {"alertname": "TableStale", "severity": "critical", "dataset": "lake.orders", "service": "lake"}, "annotations": {"summary": "lake.orders is stale", "description": "no rows for 2h"}, "startsAt": "2024-01-15T03:00:00.5Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://prom/graph", "fingerprint": "f1"},
             {"status": "firing", "labels": {"alertname": "Lag", "priority": "P3", "job": "x"}, "annotations": {}, "startsAt": "2024-01-15T04:01:00+01:00", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "", "fingerprint": "f2"}]}');
SELECT * FROM pg_temp.sent('alertmanager', '{"version": "4", "groupKey": "{}:{}", "status": "resolved", "alerts": [{"status": "resolved", "labels": {"alertname": "TableStale", "severity": "critical", "dataset": "lake.orders", "service": "lake"}, "annotations": {"summary": "lake.orders is stale"}, "startsAt": "2024-01-15T03:00:00.5Z", "endsAt": "2024-01-15T05:00:00Z", "fingerprint": "f1"}]}');
-- Version 3, with an integer for groupKey and no fingerprint.
SELECT * FROM pg_temp.sent('alertmanager', '{"version": "3", "groupKey": 8441093840571239, "status": "firing", "alerts": [{"labels": {"alertname": "Down", "app": "shop"}, "annotations": {}, "startsAt": "2018-08-03T09:52:26.739266876+02:00", "endsAt": "0001-01-01T00:00:00Z"}]}');
-- A group cut short, and one without alerts.
SELECT * FROM pg_temp.sent('alertmanager', '{"version": "4", "status": "firing", "alerts": []}');
SELECT * FROM pg_temp.sent('prometheus', '[]');
SELECT * FROM pg_temp.sent('grafana', '{"version": "1", "status": "firing", "alerts": []}');
SELECT * FROM pg_temp.sent('alertmanager', '{"version": "4", "truncatedAlerts": 9, "status": "firing", "alerts": [{"status": "firing", "labels": {"alertname": "One"}, "annotations": {}, "startsAt": "2024-01-15T06:00:00Z", "fingerprint": "t1"}]}');
-- Prometheus itself.
SELECT * FROM pg_temp.sent('prometheus', '[{"labels": {"alertname": "Slow", "severity": "warning", "table": "t"}, "annotations": {"summary": "t is slow"}, "startsAt": "2024-02-01T00:00:00Z", "endsAt": "2199-01-01T00:00:00Z", "generatorURL": "http://p"}, {"labels": {"alertname": "Gone", "table": "u"}, "startsAt": "2024-02-01T00:00:00Z", "endsAt": "2024-02-01T01:00:00Z"}]');
\set path :abs_srcdir '/test/data/intake/prometheus/send_alerts.json'
\set body `cat :'path'`
SELECT * FROM pg_temp.sent('prometheus', :'body');
-- Grafana: unified, legacy.
SELECT * FROM pg_temp.sent('grafana', '{"receiver": "w", "status": "firing", "orgId": 1, "alerts": [{"status": "firing", "labels": {"alertname": "High latency", "grafana_folder": "F", "dashboard": "checkout"}, "annotations": {"summary": "p99 high"}, "startsAt": "2024-03-01T12:00:00Z", "endsAt": "0001-01-01T00:00:00Z", "values": {"B": 22}, "fingerprint": "c6ea", "silenceURL": "http://g/s", "dashboardURL": "", "panelURL": "", "valueString": "[ var=B ]"}], "version": "1", "groupKey": "{}", "truncatedAlerts": 0, "title": "[FIRING:1]", "state": "alerting", "message": "m"}');
SELECT * FROM pg_temp.sent('grafana', '{"dashboardId": 1, "evalMatches": [{"value": 1, "metric": "Count", "tags": {"service": "etl"}}], "message": "Notification", "orgId": 1, "panelId": 2, "ruleId": 7, "ruleName": "Panel Title alert", "ruleUrl": "http://g/d/x", "state": "alerting", "tags": {"severity": "high"}, "title": "[Alerting] Panel Title alert"}');
SELECT * FROM pg_temp.sent('grafana', '{"evalMatches": [], "orgId": 1, "ruleId": 7, "ruleName": "Panel Title alert", "state": "ok", "tags": {"service": "etl"}}');
SELECT * FROM pg_temp.sent('grafana', '{"orgId": 1, "ruleId": 7, "ruleName": "Panel Title alert", "state": "paused"}');
SELECT * FROM pg_temp.sent('grafana', '{"status": "firing", "alerts": [{"status": "firing", "labels": {"alertname": "DatasourceNoData", "rulename": "Rows of orders", "dataset": "orders"}, "annotations": {}, "startsAt": "2024-03-01T13:00:00Z", "fingerprint": "nd", "panelURL": "http://g/p"}]}');
\set path :abs_srcdir '/test/data/intake/grafana/legacy_webhook.json'
\set body `cat :'path'`
SELECT * FROM pg_temp.sent('grafana', :'body');
SELECT * FROM pg_temp.sent('grafana', jsonb_set(:'body', '{state}', '"ok"')::text);
-- PagerDuty: Events API v2, a change event.
SELECT * FROM pg_temp.sent('pagerduty', '{"payload": {"summary": "DISK at 99% on db-4", "timestamp": "2015-07-17T08:42:58.315+0000", "severity": "critical", "source": "prod-datapipe03.example.com", "component": "postgres", "group": "prod-datapipe", "class": "disk", "custom_details": {"free space": "1%"}}, "routing_key": "secret", "dedup_key": "samplekeyhere", "event_action": "trigger", "client": "Sample", "client_url": "https://monitoring.example.com"}');
SELECT * FROM pg_temp.sent('pagerduty', '{"routing_key": "secret", "dedup_key": "samplekeyhere", "event_action": "acknowledge"}');
SELECT * FROM pg_temp.sent('pagerduty', '{"routing_key": "secret", "dedup_key": "samplekeyhere", "event_action": "resolve"}');
SELECT * FROM pg_temp.sent('pagerduty', '{"routing_key": "secret", "payload": {"summary": "Build Success - Increase snapshot create timeout to 30 seconds", "timestamp": "2020-07-17T08:42:58.315+0000", "source": "acme-build-pipeline", "custom_details": {"build_state": "passed", "user": "kim"}}, "links": [{"href": "https://ci/1", "text": "ci"}]}');
SELECT count(*) AS secrets FROM tracer.alert WHERE payload::text LIKE '%secret%';
-- Opsgenie: the request, the webhook.
SELECT * FROM pg_temp.sent('opsgenie', '{"message": "An example alert message", "alias": "Life is too short for no alias", "description": "Every alert needs a description", "tags": ["OverwriteQuietHours", "table:orders"], "details": {"key1": "value1"}, "entity": "An example entity", "priority": "P1"}');
SELECT * FROM pg_temp.sent('opsgenie', '{"action": "Close", "alert": {"alertId": "052652ac", "message": "An example alert message", "tags": ["table:orders"], "alias": "Life is too short for no alias", "createdAt": 1706745600000, "updatedAt": 1706749200000000000, "entity": "An example entity", "priority": "P1"}, "integrationName": "hook"}');
SELECT * FROM pg_temp.sent('opsgenie', '{"action": "AddNote", "alert": {"alertId": "052652ac", "message": "m", "alias": "a"}}');
-- What is done to an alert: its alias is in the path, which the gateway tells.
SELECT * FROM pg_temp.sent('opsgenie', '{"message": "Loader down", "alias": "loader", "entity": "loader"}');
SELECT * FROM pg_temp.sent('opsgenie', '{"user": "Monitoring Script", "source": "AWS Lambda", "note": "Back again"}', '{"x-opsgenie-alias": "loader", "x-opsgenie-action": "close"}');
SELECT * FROM pg_temp.sent('opsgenie', '{"user": "Monitoring Script"}', '{"x-opsgenie-alias": "loader", "x-opsgenie-action": "acknowledge"}');
-- incident.io
SELECT * FROM pg_temp.sent('incident_io', '{"title": "*errors.withMessage: failed", "description": "We have detected", "deduplication_key": "unique-key", "status": "firing", "metadata": {"team": ["my-team"], "service": "my-service", "priority": "P2"}, "source_url": "https://www.example.com/alert"}');
SELECT * FROM pg_temp.sent('incident_io', '{"title": "*errors.withMessage: failed", "deduplication_key": "unique-key", "status": "resolved", "metadata": {"service": "my-service"}}');
\set path :abs_srcdir '/test/data/intake/incident_io/icinga_problem.json'
\set body `cat :'path'`
SELECT * FROM pg_temp.sent('incident_io', :'body');
SELECT * FROM pg_temp.sent('incident_io', jsonb_set(:'body', '{status}', '"resolved"')::text);
-- Datadog: the default payload, and ours.
SELECT * FROM pg_temp.sent('datadog', '{"body": "%%%\n@webhook-tracer too slow\n%%%", "last_updated": "1706745600000", "event_type": "query_alert_monitor", "title": "[Triggered on {service:etl,env:prod}] Job takes too long", "date": "1706745600000", "org": {"id": "1", "name": "acme"}, "id": "7345"}');
SELECT * FROM pg_temp.sent('datadog', '{"body": "", "event_type": "query_alert_monitor", "title": "[Recovered on {service:etl,env:prod}] Job takes too long", "date": "1706749200000", "org": {"id": "1", "name": "acme"}, "id": "7346"}');
SELECT * FROM pg_temp.sent('datadog', '{"id": "1", "key": "abc", "transition": "Warn", "title": "[Warn on {host:a}] Disk", "scope": "host:a", "tags": "env:prod,dataset:orders", "priority": "", "date": "1706745600000", "link": "https://dd", "body": "x", "hostname": "a"}');
SELECT * FROM pg_temp.sent('datadog', '{"body": "", "event_type": "query_alert_monitor", "title": "[P1] [Triggered] Disk of the loader", "date": "1706745600000", "id": "8"}');
SELECT * FROM pg_temp.sent('datadog', '{"body": "", "event_type": "query_alert_monitor", "title": "[P1] [Recovered] Disk of the loader", "date": "1706745700000", "id": "9"}');
SELECT * FROM pg_temp.sent('datadog', '{"id": "2", "key": "abc", "transition": "Warn Recovered", "title": "[Warn Recovered on {host:a}] Disk", "scope": "host:a", "date": "1706745800000", "hostname": "a"}');
-- CloudWatch, through SNS.
\set path :abs_srcdir '/test/data/intake/cloudwatch/single_metric.json'
\set body `cat :'path'`
SELECT * FROM pg_temp.sent('cloudwatch', :'body');
\set path :abs_srcdir '/test/data/intake/cloudwatch/multiple_metrics.json'
\set body `cat :'path'`
SELECT * FROM pg_temp.sent('cloudwatch', replace(:'body', 'alarm:EXAMPLE', 'alarm:MULTIPLE'));
SELECT * FROM pg_temp.sent('cloudwatch', '{"AlarmName": "late", "NewStateValue": "OK", "StateChangeTime": "2024-01-01T00:00:00.000+0000", "AlarmArn": "arn:late", "Trigger": {"Dimensions": []}}');
SELECT * FROM pg_temp.sent('cloudwatch', '{"AlarmName": "late", "NewStateValue": "INSUFFICIENT_DATA", "AlarmArn": "arn:late"}');
SELECT * FROM pg_temp.sent('cloudwatch', '{"Type": "SubscriptionConfirmation", "MessageId": "m1", "Token": "t", "TopicArn": "arn:aws:sns:us-west-2:1:alarms", "Message": "You have chosen to subscribe", "SubscribeURL": "https://sns/?Action=ConfirmSubscription", "Timestamp": "2024-01-01T00:00:00.000Z"}');
SELECT * FROM pg_temp.sent('cloudwatch', '{"version": "0", "id": "e", "detail-type": "CloudWatch Alarm State Change", "source": "aws.cloudwatch", "time": "2024-05-02T17:04:40Z", "region": "eu-west-1", "resources": ["arn:alarm:Server"], "detail": {"alarmName": "ServerCpuTooHigh", "configuration": {"description": "d", "metrics": [{"id": "m", "metricStat": {"metric": {"dimensions": {"InstanceId": "i-12"}, "name": "CPU", "namespace": "AWS/EC2"}}}]}, "state": {"reason": "Threshold", "timestamp": "2024-05-02T17:04:40.985+0000", "value": "ALARM"}}}');
-- dbt: a failed build, a later good one, freshness. Greens leave nothing.
SELECT * FROM pg_temp.sent('dbt', '{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v4.json", "dbt_version": "1.7.0", "generated_at": "2024-01-15T02:06:00.0Z", "invocation_id": "inv1", "env": {"AIRFLOW_CTX_DAG_ID": "nightly", "AIRFLOW_CTX_TASK_ID": "dbt_build", "AIRFLOW_CTX_DAG_RUN_ID": "scheduled__2024-01-15"}},
  "results": [{"status": "error", "timing": [{"name": "compile", "started_at": "2024-01-15T02:04:00Z", "completed_at": "2024-01-15T02:04:01Z"}, {"name": "execute", "started_at": "2024-01-15T02:04:01Z", "completed_at": "2024-01-15T02:05:00.123Z"}], "thread_id": "Thread-1", "execution_time": 1.2, "message": "Database Error in model stg_orders\n  column \"discount_code\" does not exist", "failures": null, "unique_id": "model.shop.stg_orders"},
              {"status": "skipped", "timing": [], "message": null, "unique_id": "model.shop.fct_orders"},
              {"status": "fail", "timing": [], "message": "Got 3 results, configured to fail if != 0", "failures": 3, "unique_id": "test.shop.not_null_id.abc"},
              {"status": "warn", "timing": [], "message": "Got 1 result, configured to warn if != 0", "failures": 1, "unique_id": "test.shop.unique_id.def"},
              {"status": "pass", "timing": [], "message": null, "unique_id": "test.shop.ok.ghi"},
              {"status": "success", "timing": [], "message": "SELECT 1", "unique_id": "model.shop.other"}], "elapsed_time": 10, "args": {"which": "build"}}');
SELECT * FROM pg_temp.sent('dbt', '{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json", "generated_at": "2024-01-15T04:00:00Z", "invocation_id": "inv2", "env": {}}, "results": [{"status": "success", "timing": [], "unique_id": "model.shop.stg_orders"}, {"status": "success", "timing": [], "unique_id": "model.shop.fct_orders"}, {"status": "pass", "timing": [], "unique_id": "test.shop.not_null_id.abc"}]}');
SELECT * FROM pg_temp.sent('dbt', '{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/sources/v3.json", "generated_at": "2024-01-15T05:00:00Z", "invocation_id": "inv3", "env": {}}, "results": [{"unique_id": "source.shop.raw.orders", "max_loaded_at": "2024-01-14T01:00:00Z", "snapshotted_at": "2024-01-15T05:00:00Z", "max_loaded_at_time_ago_in_s": 100800.4, "status": "error", "criteria": {"error_after": {"count": 24, "period": "hour"}}}, {"unique_id": "source.shop.raw.users", "status": "pass", "snapshotted_at": "2024-01-15T05:00:00Z"}, {"unique_id": "source.shop.raw.x", "error": "no relation", "status": "runtime error"}]}');
-- What dbt itself has written: successes, which leave nothing.
\set path :abs_srcdir '/test/data/intake/dbt/run_results_v4.json'
\set body `cat :'path'`
SELECT * FROM pg_temp.sent('dbt', :'body');
SELECT * FROM pg_temp.sent('dbt', jsonb_set(:'body', '{results,0,status}', '"error"')::text);
\set path :abs_srcdir '/test/data/intake/dbt/run_results_v6.json'
\set body `cat :'path'`
SELECT * FROM pg_temp.sent('dbt', :'body');
-- dbt before 0.19
SELECT * FROM pg_temp.sent('dbt', '{"generated_at": "2020-08-01T00:00:00Z", "elapsed_time": 1, "results": [{"node": {"unique_id": "model.shop.old"}, "error": "boom", "status": "ERROR", "fail": null, "skip": false, "warn": null}]}');
-- dbt Cloud
SELECT * FROM pg_temp.sent('dbt_cloud', '{"accountId": 1, "webhookId": "wsu_1", "eventId": "wev_2", "timestamp": "2023-01-31T21:14:41Z", "eventType": "job.run.errored", "webhookName": "w", "data": {"jobId": "123", "jobName": "dbt Vault", "runId": "218726483", "environmentName": "dbt Vault Demo", "dbtVersion": "1.0.0", "projectName": "Snowflake Github Demo", "runStatus": "Errored", "runStatusMessage": "None", "runReason": "Kicked off from the UI", "runStartedAt": "2023-01-31T21:14:39Z", "runErroredAt": "2023-01-31T21:14:41Z"}}');
SELECT * FROM pg_temp.sent('dbt_cloud', '{"eventType": "job.run.completed", "timestamp": "2023-01-31T22:14:41Z", "data": {"jobId": "123", "jobName": "dbt Vault", "runId": "218726490", "projectName": "Snowflake Github Demo", "runStatus": "Success", "runFinishedAt": "2023-01-31T22:14:41Z"}}');
SELECT * FROM pg_temp.sent('dbt_cloud', '{"eventType": "job.run.started", "data": {"jobId": "123", "jobName": "dbt Vault", "runStatus": "Running"}}');
-- Airflow: a callback, REST objects.
SELECT * FROM pg_temp.sent('airflow', '{"event": "failure", "dag_id": "nightly", "task_id": "dbt_build", "run_id": "scheduled__2024-01-15", "exception": "exit code 1", "task_instance": {"dag_id": "nightly", "task_id": "dbt_build", "run_id": "scheduled__2024-01-15", "state": "failed", "try_number": 2, "map_index": -1, "end_date": "2024-01-15T02:50:00+00:00", "log_url": "http://airflow/log"}, "inlets": ["lake.orders"], "outlets": [{"uri": "s3://bucket/out"}]}');
SELECT * FROM pg_temp.sent('airflow', '{"task_instances": [{"dag_id": "nightly", "task_id": "dbt_build", "dag_run_id": "scheduled__2024-01-15", "state": "success", "end_date": "2024-01-15T04:50:00Z", "map_index": -1}, {"dag_id": "nightly", "task_id": "later", "dag_run_id": "r", "state": "upstream_failed", "end_date": "2024-01-15T03:50:00Z", "map_index": 3}, {"dag_id": "nightly", "task_id": "now", "dag_run_id": "r", "state": "running"}], "total_entries": 3}');
SELECT * FROM pg_temp.sent('airflow', '{"dag_id": "nightly", "dag_run_id": "r7", "state": "failed", "end_date": "2024-01-15T05:00:00Z", "run_type": "scheduled"}');
-- OpenLineage
SELECT * FROM pg_temp.sent('openlineage', '{"eventType": "FAIL", "eventTime": "2024-01-15T02:00:00.000Z", "run": {"runId": "r2", "facets": {"errorMessage": {"message": "OutOfMemory\nat x", "programmingLanguage": "JAVA", "stackTrace": "st"}, "nominalTime": {"nominalStartTime": "2024-01-15T00:00:00Z"}, "parent": {"run": {"runId": "r1"}, "job": {"namespace": "airflow", "name": "dag.task"}, "root": {"run": {"runId": "r0"}, "job": {"namespace": "airflow", "name": "dag"}}}}}, "job": {"namespace": "spark", "name": "agg"},
  "inputs": [{"namespace": "s3://lake", "name": "raw/orders", "inputFacets": {"dataQualityAssertions": {"assertions": [{"assertion": "not_null", "success": false, "column": "id"}, {"assertion": "row_count", "success": true}]}}}], "outputs": [{"namespace": "postgres://db:5432", "name": "shop.public.orders"}], "producer": "p", "schemaURL": "u"}');
SELECT * FROM pg_temp.sent('openlineage', '{"eventType": "COMPLETE", "eventTime": "2024-01-15T03:00:00Z", "run": {"runId": "r3"}, "job": {"namespace": "spark", "name": "agg"}, "inputs": [], "outputs": []}');
SELECT * FROM pg_temp.sent('openlineage', '{"eventTime": "2024-01-15T03:00:00Z", "job": {"namespace": "default", "name": "loader", "facets": {"ownership": {"owners": [{"name": "ingestion"}]}}}, "inputs": [{"namespace": "kafka://k", "name": "topic"}]}');
SELECT * FROM pg_temp.sent('openlineage', '{"eventTime": "2024-01-15T03:00:00Z", "dataset": {"namespace": "kafka://k", "name": "topic", "facets": {"dataQualityAssertions": {"assertions": [{"assertion": "fresh", "success": false, "severity": "warn"}]}}}}');
\set path :abs_srcdir '/test/data/intake/openlineage/run_event.json'
\set body `cat :'path'`
SELECT * FROM pg_temp.sent('openlineage', :'body');
SELECT * FROM pg_temp.sent('openlineage', jsonb_set(:'body', '{eventType}', '"ABORT"')::text);
SELECT * FROM pg_temp.sent('openlineage', jsonb_set(jsonb_set(:'body', '{eventTime}', '"2020-12-28T19:55:00Z"'), '{run,runId}', '"next"')::text);
\set path :abs_srcdir '/test/data/intake/openlineage/dataset_event.json'
\set body `cat :'path'`
SELECT * FROM pg_temp.sent('openlineage', :'body');
SELECT upstream, downstream, kind, source FROM tracer.lineage_edges ORDER BY 1, 2;
-- Great Expectations, before and after version 1.
SELECT * FROM pg_temp.sent('great_expectations', '{"success": false, "meta": {"expectation_suite_name": "orders.warning", "run_id": {"run_name": "r", "run_time": "2024-01-15T03:45:00+00:00"}, "active_batch_definition": {"datasource_name": "pg", "data_asset_name": "orders"}}, "results": [{"success": false, "expectation_config": {"expectation_type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}}, "result": {"element_count": 100, "unexpected_count": 5}, "exception_info": {"raised_exception": false}}, {"success": true, "expectation_config": {"expectation_type": "expect_column_to_exist", "kwargs": {"column": "id"}}}], "statistics": {}}');
SELECT * FROM pg_temp.sent('great_expectations', '{"success": true, "validation_results": [{"success": true, "suite_name": "orders.warning", "meta": {"active_batch_definition": {"data_asset_name": "orders"}, "validation_time": "2024-01-15T05:45:00+00:00"}, "results": [{"success": true, "expectation_config": {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}}}]}]}');
\set path :abs_srcdir '/test/data/intake/great_expectations/validation_operator_result.json'
\set body `cat :'path'`
SELECT * FROM pg_temp.sent('great_expectations', :'body');
-- Soda
SELECT * FROM pg_temp.sent('soda', '{"definitionName": "scan", "defaultDataSource": "pg", "dataTimestamp": "2024-01-15T10:00:00+00:00", "scanEndTimestamp": "2024-01-15T10:01:00+00:00", "hasFailures": true, "checks": [{"identity": "id1", "name": "row_count > 0", "type": "generic", "dataSource": "pg", "table": "inventory", "column": null, "outcome": "fail", "outcomeReasons": [], "diagnostics": {"value": 0}}, {"identity": "id2", "name": "fresh", "table": "inventory", "outcome": "warn"}, {"identity": "id3", "name": "ok", "table": "inventory", "outcome": "pass"}, {"identity": "id4", "name": "broken", "table": "inventory", "outcome": null}]}');
SELECT * FROM pg_temp.sent('soda', '{"dataTimestamp": "2024-01-15T12:00:00+00:00", "checks": [{"identity": "id1", "name": "row_count > 0", "table": "inventory", "outcome": "pass"}]}');
SELECT * FROM pg_temp.sent('soda', '{"event": "incidentCreated", "incident": {"id": "i1", "number": 1, "title": "Rows missing", "severity": "major", "status": "reported", "createdTimestamp": "2024-01-15T10:05:00Z", "checkResults": [{"datasets": [{"name": "inventory"}]}]}}');
SELECT * FROM pg_temp.sent('soda', '{"event": "incidentUpdated", "incident": {"id": "i1", "number": 1, "title": "Rows missing", "severity": "major", "status": "resolved", "created": "2024-01-15T10:05:00Z", "lastUpdated": "2024-01-15T11:05:00Z", "checkResults": [{"datasets": [{"name": "inventory"}]}]}}');
-- Soda Cloud: a check is known by its link, as ids may be those of results.
SELECT * FROM pg_temp.sent('soda', '{"event": "checkEvaluation", "checkResults": [{"id": "r1", "sodaCloudUrl": "https://cloud.soda.io/checks/c-77?x=1", "definition": "checks for inventory:\n  row_count > 0", "datasets": [{"name": "inventory", "datasource": {"name": "pg"}}], "outcome": "fail", "dataTimestamp": "2024-01-15T13:00:00Z", "diagnostics": {"value": 0}}]}');
SELECT * FROM pg_temp.sent('soda', '{"event": "checkEvaluation", "checkResults": [{"id": "r2", "sodaCloudUrl": "https://cloud.soda.io/checks/c-77", "definition": "checks for inventory:\n  row_count > 0", "datasets": [{"name": "inventory"}], "outcome": "pass", "dataTimestamp": "2024-01-15T14:00:00Z"}]}');
SELECT * FROM pg_temp.sent('soda', '{"event": "validate", "sentAt": "2024-01-15T14:00:00Z"}');
-- Monte Carlo
SELECT * FROM pg_temp.sent('monte_carlo', '{"type": "anomalies", "version": 1, "payload": {"incident_id": "inc-1", "group_id": "g", "event_list": [{"event_type": "fresh_anom", "full_table_id": "analytics:prod.compensation", "event_generated_time": "2024-01-15T10:30:00Z"}], "url": "https://getmontecarlo.com/incidents/inc-1", "severity": "SEV-2"}}');
SELECT * FROM pg_temp.sent('monte_carlo', '{"type": "anomalies", "payload": {"incident_id": "inc-1", "status": "FIXED", "updated_time": "2024-01-15T12:30:00Z"}}');
SELECT * FROM pg_temp.sent('monte_carlo', '{"account": {"id": "a"}, "action": "incident", "type": "open_anomaly_incident", "version": "v0.1", "payload": {"incident_id": "inc-2", "group_id": "wh:raw", "event_list": [{"event_details": "3 rows where 90 were expected", "table_name": "payments"}, {"event_details": "No new rows", "table_name": "refunds"}]}}');
SELECT * FROM pg_temp.sent('monte_carlo', '{"action": "incident", "type": "open_custom_rule_anomaly_incident", "payload": {"incident_id": "inc-3", "rule": {"description": "Every payment has a customer"}, "event_list": [{"data": {"hits": [{"value": "50.0"}]}}]}}');
-- Updates name no table: those that close the alert end it everywhere, others say nothing.
SELECT * FROM pg_temp.sent('monte_carlo', '{"action": "incident", "payload": {"incident_id": "inc-2", "alert_feedback": "investigating"}}');
SELECT * FROM pg_temp.sent('monte_carlo', '{"action": "incident", "payload": {"incident_id": "inc-2", "owner": "ann@example.com"}}');
SELECT * FROM pg_temp.sent('monte_carlo', '{"action": "incident", "alert_feedback": "no_action_needed", "payload": {"incident_id": "inc-2"}}');
-- Sentry
SELECT * FROM pg_temp.sent('sentry', '{"action": "created", "installation": {"uuid": "u"}, "data": {"issue": {"id": "1170820242", "shortId": "FRONT-END-1", "title": "ReferenceError: blooopy is not defined", "culprit": "?(<anonymous>)", "level": "error", "status": "unresolved", "project": {"id": "1", "name": "Front End", "slug": "front-end"}, "firstSeen": "2019-08-19T20:58:37.391000Z", "lastSeen": "2019-08-19T20:58:37.391000Z"}}, "actor": {"type": "application"}}', '{"sentry-hook-resource": "issue"}');
SELECT * FROM pg_temp.sent('sentry', '{"action": "resolved", "data": {"issue": {"id": "1170820242", "title": "ReferenceError: blooopy is not defined", "level": "error", "project": {"slug": "front-end"}, "lastSeen": "2019-08-19T21:58:37Z"}}}', '{"sentry-hook-resource": "issue"}');
SELECT * FROM pg_temp.sent('sentry', '{"action": "triggered", "data": {"event": {"event_id": "e4874d664c3540c1a32eab185f12c5ab", "issue_id": "1117540176", "title": "ReferenceError: heck is not defined", "level": "fatal", "project": 1, "datetime": "2019-08-19T21:06:17.403000Z", "tags": [["browser", "Chrome 75"], ["service", "checkout"]], "web_url": "https://sentry.io/e"}, "triggered_rule": "Very Important"}}');
-- An event names its project by number, and by name in its link. An issue reopened is heard, though nothing was seen since.
SELECT * FROM pg_temp.sent('sentry', '{"action": "triggered", "data": {"event": {"event_id": "e5", "issue_id": "1170820242", "title": "ReferenceError: blooopy is not defined", "level": "error", "project": 1, "datetime": "2019-08-19T21:06:17.677000Z", "url": "https://sentry.io/api/0/projects/test-org/front-end/events/e5/"}}}', '{"sentry-hook-resource": "event_alert"}');
SELECT * FROM pg_temp.sent('sentry', '{"action": "unresolved", "data": {"issue": {"id": "1170820242", "title": "ReferenceError: blooopy is not defined", "level": "error", "project": {"slug": "front-end"}, "firstSeen": "2019-08-19T20:58:37.391000Z", "lastSeen": "2019-08-19T20:58:37.391000Z"}}}', '{"sentry-hook-resource": "issue"}');
SELECT * FROM pg_temp.sent('sentry', '{"action": "critical", "data": {"metric_alert": {"id": "7", "alert_rule": {"id": "70", "name": "Too many errors"}, "date_started": "2019-12-07T18:40:00Z", "projects": ["backend"]}, "description_title": "Critical: Too many errors", "description_text": "1000 events in the last 10 minutes", "web_url": "https://sentry.io/m"}}');
SELECT * FROM pg_temp.sent('sentry', '{"action": "resolved", "data": {"metric_alert": {"id": "7", "alert_rule": {"id": "70", "name": "Too many errors"}, "date_closed": "2019-12-07T19:40:00Z", "projects": ["backend"]}}}');
-- GitHub
\set path :abs_srcdir '/test/data/intake/github/push.json'
\set body `cat :'path'`
SELECT * FROM pg_temp.sent('github', :'body', '{"x-github-event": "push"}');
\set path :abs_srcdir '/test/data/intake/github/pull_request_closed.json'
\set body `cat :'path'`
SELECT * FROM pg_temp.sent('github', :'body', '{"x-github-event": "pull_request"}');
SELECT * FROM pg_temp.sent('github', jsonb_set(jsonb_set(:'body', '{pull_request,merged}', 'true'), '{pull_request,merged_at}', '"2019-05-15T15:20:40Z"')::text);
\set path :abs_srcdir '/test/data/intake/github/deployment.json'
\set body `cat :'path'`
SELECT * FROM pg_temp.sent('github', :'body', '{"x-github-event": "deployment"}');
\set path :abs_srcdir '/test/data/intake/github/deployment_status.json'
\set body `cat :'path'`
SELECT * FROM pg_temp.sent('github', :'body', '{"x-github-event": "deployment_status"}');
SELECT * FROM pg_temp.sent('github', jsonb_set(:'body', '{deployment_status,state}', '"failure"')::text);
\set path :abs_srcdir '/test/data/intake/github/check_run_failure.json'
\set body `cat :'path'`
SELECT * FROM pg_temp.sent('github', :'body', '{"x-github-event": "check_run"}');
\set path :abs_srcdir '/test/data/intake/github/workflow_run_success.json'
\set body `cat :'path'`
SELECT * FROM pg_temp.sent('github', :'body', '{"x-github-event": "workflow_run"}');
SELECT * FROM pg_temp.sent('github', jsonb_set(jsonb_set(:'body', '{workflow_run,conclusion}', '"failure"'), '{workflow_run,updated_at}', '"2020-01-01T00:00:00Z"')::text);
\set path :abs_srcdir '/test/data/intake/github/ping.json'
\set body `cat :'path'`
SELECT * FROM pg_temp.sent('github', :'body', '{"x-github-event": "ping"}');
-- GitLab
\set path :abs_srcdir '/test/data/intake/gitlab/deployment.json'
\set body `cat :'path'`
SELECT * FROM pg_temp.sent('gitlab', :'body', '{"x-gitlab-event": "Deployment Hook"}');
SELECT * FROM pg_temp.sent('gitlab', '{"object_kind": "pipeline", "object_attributes": {"id": 31, "ref": "main", "status": "failed", "created_at": "2024-08-12 15:23:28 UTC", "finished_at": "2024-08-12 15:26:29 UTC", "source": "push"}, "project": {"path_with_namespace": "acme/dbt", "default_branch": "main", "web_url": "http://gl/acme/dbt"}, "builds": [{"name": "test", "status": "failed"}]}');
SELECT * FROM pg_temp.sent('gitlab', '{"object_kind": "pipeline", "object_attributes": {"id": 32, "ref": "main", "status": "success", "finished_at": "2024-08-12 16:26:29 UTC"}, "project": {"path_with_namespace": "acme/dbt", "default_branch": "main"}}');
SELECT * FROM pg_temp.sent('gitlab', '{"object_kind": "push", "ref": "refs/heads/main", "project": {"path_with_namespace": "acme/dbt", "default_branch": "main"}, "commits": [{"id": "b6568db1", "message": "Update Catalan\n\nSee", "title": "Update Catalan", "timestamp": "2024-12-12T14:27:31+02:00", "url": "http://c", "author": {"name": "Jordi"}}]}');
SELECT * FROM pg_temp.sent('gitlab', '{"object_kind": "merge_request", "user": {"name": "Ann"}, "project": {"path_with_namespace": "acme/dbt", "default_branch": "main"}, "object_attributes": {"id": 99, "iid": 1, "title": "Split revenue", "action": "merge", "target_branch": "main", "updated_at": "2024-08-12 15:23:28 UTC", "url": "http://mr"}}');
\set path :abs_srcdir '/test/data/intake/gitlab/push.json'
\set body `cat :'path'`
SELECT * FROM pg_temp.sent('gitlab', :'body', '{"x-gitlab-event": "Push Hook"}');
\set path :abs_srcdir '/test/data/intake/gitlab/pipeline.json'
\set body `cat :'path'`
SELECT * FROM pg_temp.sent('gitlab', jsonb_set(jsonb_set(:'body', '{object_attributes,status}', '"failed"'), '{object_attributes,finished_at}', '"2016-08-12 15:20:00 UTC"')::text);
SELECT * FROM pg_temp.sent('gitlab', :'body', '{"x-gitlab-event": "Pipeline Hook"}');
-- CircleCI: a webhook, and what a shell step posts, with its trailing comma.
SELECT * FROM pg_temp.sent('circleci', '{"type": "workflow-completed", "id": "3888", "happened_at": "2021-09-01T22:49:34.317Z", "webhook": {"id": "cf8c", "name": "Sample"}, "project": {"id": "84996744", "name": "webhook-service", "slug": "github/circleci/webhook-service"}, "workflow": {"id": "fda08377", "name": "build-test-deploy", "status": "failed", "url": "https://app.circleci.com/w", "stopped_at": "2021-09-01T22:49:34.170Z"}, "pipeline": {"id": "1285fe1d", "number": 130, "vcs": {"branch": "main", "revision": "1dc6aa6", "commit": {"subject": "Describe webhooks"}}}}');
\set path :abs_srcdir '/test/data/cascades/circleci_alert.txt'
\set body `cat :'path'`
SELECT * FROM pg_temp.sent('circleci', :'body');
SELECT * FROM pg_temp.sent('circleci', '{"title": "warehouse dbt_hourly failure", "status": "resolved", "metadata": {"repository": "warehouse", "branch": "main"}}');
-- CloudEvents and CDEvents
SELECT * FROM pg_temp.sent('cloudevents', '{"specversion": "1.0", "type": "com.example.table.failed", "source": "/loader", "id": "A1", "time": "2024-04-05T17:31:00Z", "subject": "orders", "datacontenttype": "application/json", "data": {"message": "no file", "severity": "critical"}}');
SELECT * FROM pg_temp.sent('cloudevents', '{"message": "no file"}', '{"ce-type": "com.example.table.resolved", "ce-source": "/loader", "ce-id": "A2", "ce-time": "2024-04-05T18:31:00Z", "ce-subject": "orders"}');
SELECT * FROM pg_temp.sent('cloudevents', '[{"specversion": "1.0", "type": "com.example.someevent", "source": "/x", "id": "1", "data": {}}]');
-- Neither says more than that something happened; the data of one is no base64.
\set path :abs_srcdir '/test/data/intake/cloudevents/json_format_batch.json'
\set body `cat :'path'`
SELECT * FROM pg_temp.sent('cloudevents', :'body');
SELECT * FROM pg_temp.sent('cloudevents', replace(:'body', 'com.example.some', 'com.example.failed.some'));
\set path :abs_srcdir '/test/data/intake/cloudevents/cdevents_incident_detected.json'
\set body `cat :'path'`
SELECT * FROM pg_temp.sent('cloudevents', :'body');
\set path :abs_srcdir '/test/data/intake/cloudevents/cdevents_pipelinerun_finished.json'
\set body `cat :'path'`
SELECT * FROM pg_temp.sent('cloudevents', jsonb_build_object('specversion', '1.0', 'type', 'dev.cdevents.pipelinerun.finished.0.3.0', 'source', '/s', 'id', 'x', 'data', :'body'::jsonb)::text);
\set path :abs_srcdir '/test/data/intake/cloudevents/cdevents_service_deployed.json'
\set body `cat :'path'`
SELECT * FROM pg_temp.sent('cloudevents', :'body');

-- Any other tool, by what its fields are usually called, or by JSON paths.
SELECT * FROM pg_temp.sent('nagios', '{"title": "Queue not draining", "host": "fax-1", "severity": "high", "timestamp": 1705305600, "state": "CRITICAL"}');
INSERT INTO tracer.source (name, fields, asset_labels) VALUES ('probe',
  '{"items": "$.checks[*]", "title": "$.what", "asset": "$.target.name", "severity": {"path": "$.lvl", "map": {"3": "critical", "2": "warning"}, "default": "error"},
    "status": {"path": "$.up", "map": {"true": "resolved", "false": "firing"}}, "at": "$.t", "key": ["asset", "$.code"]}', '{}');
SELECT * FROM pg_temp.sent('probe', '{"checks": [{"what": "Down 1", "target": {"name": "api"}, "lvl": 3, "up": false, "code": "E7", "t": 1705305600123}, {"what": "Down 2", "target": {"name": "api"}, "lvl": 9, "up": true, "code": "E8", "t": "2024-01-15 08:00"}]}');
-- A mistake in a source is told at once.
INSERT INTO tracer.source (name, format) VALUES ('wrong', 'alertmanger');
INSERT INTO tracer.source (name, fields) VALUES ('wrong', '["$.title"]');
INSERT INTO tracer.source (name, fields) VALUES ('wrong', '{"titel": "$.what"}');
INSERT INTO tracer.source (name, fields) VALUES ('wrong', '{"title": ["$.what", "$.what["]}');
INSERT INTO tracer.source (name, fields) VALUES ('wrong', '{"severity": {"map": {"a": "b"}, "path": 5}}');
INSERT INTO tracer.source (name, fields) VALUES ('wrong', '{"key": "asset"}');
UPDATE tracer.source SET fields = fields || '{"key": ["asset", "$.code["]}' WHERE name = 'probe';
INSERT INTO tracer.source (name, fields) VALUES ('wrong', '{"severity": {"default": "info"}}');
DELETE FROM tracer.source WHERE name = 'wrong';
INSERT INTO tracer.source (name, format) VALUES ('alertmanager-eu', 'alertmanager');
SELECT * FROM pg_temp.sent('alertmanager-eu', '{"alerts": [{"status": "firing", "labels": {"alertname": "A"}, "startsAt": "2024-01-15T03:00:00Z", "fingerprint": "f1"}]}');
-- Which label names the asset is the source's to say.
INSERT INTO tracer.source (name, asset_labels) VALUES ('alertmanager', '{service,dataset}');
SELECT * FROM pg_temp.sent('alertmanager', '{"alerts": [{"status": "firing", "labels": {"alertname": "A", "dataset": "d", "service": "s"}, "startsAt": "2024-01-16T03:00:00Z", "fingerprint": "f9"}]}');

-- A source of one's own.
CREATE ROLE regress_intake_guest;
CREATE SCHEMA intake_guest AUTHORIZATION regress_intake_guest;
SET ROLE regress_intake_guest;
CREATE FUNCTION intake_guest.read(body jsonb, headers jsonb) RETURNS TABLE (title text, asset text, severity text, at timestamptz) LANGUAGE sql AS
  $$ SELECT body ->> 'headline', current_user::text, 'P1', (headers ->> 'date')::timestamptz $$;
RESET ROLE;
INSERT INTO tracer.source (name, function, owner) VALUES ('own', 'intake_guest.read', 'regress_intake_guest');
SELECT * FROM pg_temp.sent('own', '{"headline": "Mine"}', '{"date": "2024-01-15 10:00+00"}');
SELECT * FROM pg_temp.sent('own', '{"headline": "Mine"}', '{"date": "yesteryear"}');
UPDATE tracer.source SET owner = 'postgres' WHERE name = 'own';
SELECT * FROM pg_temp.sent('own', '{"headline": "Mine again"}');
INSERT INTO tracer.source (name, format, function) VALUES ('two', 'dbt', 'x.y');

-- Reading one body is neither compiled nor shared out to workers, whatever the planner thinks of it.
SELECT count(*) FROM pg_proc WHERE pronamespace = 'tracer'::regnamespace AND proname = 'ingest' AND proconfig @> '{jit=off,max_parallel_workers_per_gather=0}';

-- Delivered twice: one alert. A trigger without time counts again once the tool
-- said something else in between.
SELECT * FROM tracer.ingest('incident_io', '{"title": "Flap", "deduplication_key": "flap", "status": "firing"}');
SELECT * FROM tracer.ingest('incident_io', '{"title": "Flap", "deduplication_key": "flap", "status": "firing"}');
SELECT * FROM tracer.ingest('incident_io', '{"title": "Flap", "deduplication_key": "flap", "status": "resolved"}');
SELECT * FROM tracer.ingest('incident_io', '{"title": "Flap", "deduplication_key": "flap", "status": "firing"}');
SELECT * FROM tracer.ingest('prometheus', '[{"labels": {"alertname": "Twice"}, "startsAt": "2024-02-01T00:00:00Z"}, {"labels": {"alertname": "Twice"}, "startsAt": "2024-02-01T00:00:00Z"}]');
-- A tool that repeats what goes on is heard again before the episode turns quiet.
UPDATE tracer.intake_event SET seen_at = seen_at - interval '14 hours';
SELECT * FROM pg_temp.sent('prometheus', '[{"labels": {"alertname": "Twice"}, "startsAt": "2024-02-01T00:00:00Z"}]');
SELECT * FROM pg_temp.sent('dbt_cloud', '{"eventType": "job.run.completed", "data": {"jobId": "123", "jobName": "dbt Vault", "runId": "218726490", "projectName": "Snowflake Github Demo", "runStatus": "Success", "runFinishedAt": "2023-01-31T22:14:41Z"}}');
-- A failure that arrives after the success that ended it.
SELECT * FROM pg_temp.sent('airflow', '{"dag_id": "late", "task_id": "t", "dag_run_id": "r", "state": "success", "end_date": "2024-01-15T04:00:00Z"}');
SELECT * FROM pg_temp.sent('airflow', '{"dag_id": "late", "task_id": "t", "dag_run_id": "r", "state": "failed", "end_date": "2024-01-15T03:00:00Z"}');

-- What cannot be read is kept, and told.
SELECT * FROM pg_temp.sent('alertmanager', '');
SELECT * FROM pg_temp.sent('alertmanager', E' \n');
SELECT * FROM pg_temp.sent('alertmanager', 'not json at all');
SELECT * FROM pg_temp.sent('alertmanager', '{"title": "Disk full", "alerts": [{"labels"');
SELECT * FROM pg_temp.sent('alertmanager', '{"commits": [], "ref": "refs/heads/main"}');
SELECT * FROM pg_temp.sent('alertmanager', repeat('[', 10000) || repeat(']', 10000));
SELECT * FROM pg_temp.sent('alertmanager', repeat('[', 500000) || repeat(']', 500000));
SELECT * FROM pg_temp.sent('nagios', '[' || repeat('{"a":', 10000));
SELECT * FROM pg_temp.sent('alertmanager', NULL);
SELECT * FROM pg_temp.sent(NULL, 'x');
SELECT * FROM pg_temp.sent('grafana', '"a string"', '"no headers"');
INSERT INTO tracer.source (name, max_bytes) VALUES ('small', 10);
SELECT * FROM pg_temp.sent('small', '{"title": "This is longer"}');
SELECT alerts, quarantined FROM tracer.ingest('nagios', '\x7b227469746c65223a2022436166e9206675 6c6c227d'::bytea);
SELECT alerts, quarantined FROM tracer.ingest('nagios', '\x7b227469746c65223a20224e554c00227d'::bytea);
SELECT alerts, quarantined FROM tracer.ingest('nagios', '\xffff'::bytea);
SELECT alerts, quarantined FROM tracer.ingest('nagios', ''::bytea);
SELECT source, reason, times, length(body) FROM tracer.quarantine ORDER BY quarantine_id;
SELECT title, labels ->> 'repaired' AS repaired FROM tracer.alert WHERE labels ? 'repaired' ORDER BY alert_id;
-- What is nearly JSON.
SELECT what, repaired, repairs FROM (VALUES
  ('valid', '{"a": ", ]", "b": "\"}", "c": [1, {}]}'), ('commas', '{"a": [1, 2, ], "b": {"c": 1 , } , }'), ('line break', E'{"a": "x\ny\tz"}'),
  ('path', '{"a": "C:\dir\new"}'), ('nul', '{"a": "x\u0000y\ud800z\ud83d\ude00"}'), ('nan', '{"a": NaN, "b": [Infinity, -Infinity], "c": "NaN"}'),
  ('lines', E'{"a": 1}\n{"a": 2}\n'), ('lines of scalars', '1 2'), ('form', 'payload=%7B%22a%22%3A+1%7D&x=y'), ('bom', E'\uFEFF{}'), ('open', '{"a": "b')) AS v (what, body)
 CROSS JOIN LATERAL tracer.repair_json(v.body) AS r;
-- Times.
SELECT w, tracer.time_of(w) FROM (VALUES ('2024-01-15T03:00:00Z'), ('2024-01-15T03:00:00+0100'), ('2024-01-15 03:00:00'), ('2024-01-15'), ('2024-01-15 03:00:00 UTC'), ('1705287600'), ('1705287600.5'), ('1705287600123'),
  ('1705287600123456789'), ('Mon, 15 Jan 2024 03:00:00 GMT'), ('0001-01-01T00:00:00Z'), ('2024-13-45T99:00:00Z'), ('infinity'), ('now'), ('yesterday'), ('99999999999999999999999'), (''), ('0')) AS v (w);

-- People's deeds in other tools reach the incident, in their name.
INSERT INTO tracer.alert (asset, title, source, fired_at) VALUES ('people', 'Broken', 'hand', '2024-06-01 00:00+00');
SELECT count(*) > 0 AS placed FROM tracer.correlate();
SELECT i.incident_id AS incident FROM tracer.incident_alerts i WHERE i.asset = 'people' \gset
SELECT * FROM pg_temp.sent('pagerduty', format('{"event": {"id": "1", "event_type": "incident.acknowledged", "resource_type": "incident", "occurred_at": "2024-06-01T00:05:00Z", "agent": {"id": "P1", "summary": "Tenex Engineer", "type": "user_reference"}, "data": {"id": "PGR0", "type": "incident", "incident_key": "tracer-%s", "status": "acknowledged"}}}', :incident));
SELECT acknowledged_by FROM tracer.incident WHERE incident_id = :incident;
-- What tracer said itself, and incidents that are PagerDuty's own.
SELECT * FROM pg_temp.sent('pagerduty', format('{"event": {"event_type": "incident.resolved", "agent": {"type": "service_reference", "summary": "API"}, "data": {"incident_key": "tracer-%s"}}}', :incident));
SELECT * FROM pg_temp.sent('pagerduty', '{"event": {"event_type": "incident.resolved", "agent": {"type": "user_reference", "summary": "Ann"}, "data": {"incident_key": "somebody else''s"}}}');
-- A note names the incident by PagerDuty's id alone, which an earlier webhook told.
SELECT * FROM pg_temp.sent('pagerduty', '{"event": {"event_type": "incident.annotated", "agent": {"type": "user_reference", "summary": "Ann"}, "data": {"incident": {"id": "Q1UNKNOWN", "type": "incident_reference"}, "id": "PN0", "content": "Whose?", "type": "incident_note"}}}');
SELECT * FROM pg_temp.sent('pagerduty', '{"event": {"event_type": "incident.annotated", "agent": {"type": "user_reference", "summary": "Ann"}, "data": {"incident": {"id": "PGR0", "type": "incident_reference"}, "id": "PN1", "content": "The disk is full", "trimmed": false, "type": "incident_note"}}}');
SELECT * FROM pg_temp.sent('pagerduty', '{"event": {"event_type": "incident.status_update_published", "agent": {"type": "user_reference", "summary": "Ann"}, "data": {"incident": {"id": "PGR0", "type": "incident_reference"}, "id": "PS1", "message": "A disk is being added", "type": "incident_status_update"}}}');
SELECT * FROM pg_temp.sent('pagerduty', '{"event": {"event_type": "incident.triggered", "agent": {"type": "service_reference", "summary": "API"}, "data": {"id": "Q2", "incident_key": "somebody else''s"}}}');
SELECT * FROM tracer.foreign_incident;
SELECT * FROM pg_temp.sent('slack', format('payload={"type": "block_actions", "user": {"id": "U1", "username": "ann", "name": "ann"}, "actions": [{"action_id": "tracer_not_mine", "type": "button", "value": "%s"}, {"action_id": "tracer_wrong_root", "type": "static_select", "selected_option": {"value": "%s|people"}}]}', :incident, :incident));
SELECT * FROM pg_temp.sent('slack', format('{"type": "block_actions", "user": {"id": "U1", "username": "ann"}, "actions": [{"action_id": "tracer_resolve", "type": "button", "value": "%s"}]}', :incident));
SELECT * FROM pg_temp.sent('slack', format('{"type": "block_actions", "user": {"id": "U1", "username": "ann"}, "actions": [{"action_id": "tracer_resolve", "type": "button", "value": "%s"}]}', :incident));
SELECT * FROM pg_temp.sent('slack', '{"type": "block_actions", "user": {"id": "U1"}, "actions": [{"action_id": "tracer_resolve", "value": "tracer-999999"}]}');
SELECT status FROM tracer.incidents WHERE incident_id = :incident;
SELECT kind, actor, detail FROM tracer.incident_event WHERE incident_id = :incident AND actor IS NOT NULL ORDER BY event_id;
SELECT source, regexp_replace(reason, '\d+', 'N', 'g') AS reason FROM tracer.quarantine WHERE source = 'slack';

SET client_min_messages = warning;
DROP SCHEMA intake_guest CASCADE;
DROP ROLE regress_intake_guest;
DROP EXTENSION tracer;
