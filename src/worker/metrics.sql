/*
 * Metrics in Prometheus' text format, for whatever scrapes the database: an
 * exporter, a gateway, a cron job.
 */
CREATE FUNCTION tracer.metric_label(name text, value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT format('%s="%s"', metric_label.name, replace(replace(replace(metric_label.value, E'\\', E'\\\\'), '"', E'\\"'), E'\n', E'\\n')) $$;
COMMENT ON FUNCTION tracer.metric_label(text, text) IS 'A label of Prometheus'' text format, its value escaped.';

-- Not compiled (jit): that takes longer than all of it, and its cost is a guess.
CREATE FUNCTION tracer.metrics() RETURNS text
LANGUAGE sql STABLE
SET jit = off
SET search_path = pg_catalog, pg_temp
AS $$
WITH worker AS (
     SELECT w.* FROM tracer.workers w WHERE w.database = current_database() AND w.kind IS NOT NULL
), unplaced AS (
     SELECT u.n, u.since FROM tracer.unplaced_alerts() u
), sample (nr, name, type, help, labels, value) AS (
     SELECT 1, 'tracer_armed', 'gauge', 'Whether the worker acts by itself in this database.', NULL, tracer.armed()::int::double precision
     UNION ALL
     SELECT 2, 'tracer_worker_up', 'gauge', 'Whether the process runs and has no error or obstacle to wait out.',
            tracer.metric_label('kind', w.kind), (w.state IN ('idle', 'working'))::int FROM worker w
      WHERE w.kind = 'correlator' OR EXISTS (SELECT FROM tracer.channel)
     UNION ALL
     SELECT 3, 'tracer_worker_last_pass_timestamp_seconds', 'gauge', 'When its last pass succeeded.',
            tracer.metric_label('kind', w.kind), extract(epoch FROM w.last_pass_at) FROM worker w WHERE w.last_pass_at IS NOT NULL
     UNION ALL
     SELECT 4, 'tracer_worker_passes_total', 'counter', 'Passes that succeeded.',
            tracer.metric_label('kind', w.kind), w.passes FROM worker w
     UNION ALL
     SELECT 5, 'tracer_worker_busy_seconds_total', 'counter', 'Time spent in passes.',
            tracer.metric_label('kind', w.kind), w.busy_seconds FROM worker w
     UNION ALL
     SELECT 6, 'tracer_worker_failures_total', 'counter', 'Passes that failed.',
            tracer.metric_label('kind', w.kind), w.failures FROM worker w
     UNION ALL
     SELECT 7, 'tracer_alerts_taken_total', 'counter', 'Alerts that the worker took.', NULL, w.alerts_taken
       FROM worker w WHERE w.kind = 'correlator'
     UNION ALL
     SELECT 8, 'tracer_notifications_sent_total', 'counter', 'Notifications that the worker sent.', NULL, w.alerts_taken
       FROM worker w WHERE w.kind = 'sender'
     UNION ALL
     SELECT 9, 'tracer_unplaced_alerts', 'gauge', 'Alerts that no pass has taken.', NULL, u.n FROM unplaced u
     UNION ALL
     SELECT 10, 'tracer_oldest_unplaced_alert_seconds', 'gauge', 'For how long the oldest of them waits.', NULL,
            coalesce(extract(epoch FROM now() - u.since), 0) FROM unplaced u
     UNION ALL
     SELECT 11, 'tracer_open_incidents', 'gauge', 'Incidents that are not resolved, by status and severity.',
            tracer.metric_label('status', i.status) || ',' || tracer.metric_label('severity', i.severity::text), count(*)
       FROM tracer.incidents i WHERE i.status <> 'resolved' GROUP BY i.status, i.severity
     UNION ALL
     SELECT 12, 'tracer_outbox', 'gauge', 'Notifications that wait to be sent or are being sent, by state.',
            tracer.metric_label('state', s.state), (SELECT count(*) FROM tracer.notification n WHERE n.state = s.state AND n.state IN ('due', 'sending'))
       FROM (VALUES ('due'), ('sending')) AS s (state)
     UNION ALL
     SELECT 13, 'tracer_dead_letters', 'gauge', 'Notifications of the last 7 days that were given up.', NULL, count(*)
       FROM tracer.notification n WHERE n.state = 'dead' AND n.created_at > now() - interval '7 days'
     UNION ALL
     SELECT 14, 'tracer_alerts_set_aside', 'gauge', 'Alerts that could not be placed and are left out for now.', NULL, count(*)
       FROM tracer.set_aside
), family AS (
     SELECT s.nr, format(E'# HELP %s %s\n# TYPE %s %s\n%s', s.name, s.help, s.name, s.type,
                         string_agg(format('%s%s %s', s.name, '{' || s.labels || '}', s.value), E'\n' ORDER BY s.labels COLLATE "C")) AS text
       FROM sample s
      WHERE s.value IS NOT NULL
      GROUP BY s.nr, s.name, s.help, s.type
)
SELECT string_agg(f.text, E'\n' ORDER BY f.nr) || E'\n' FROM family f
$$;
COMMENT ON FUNCTION tracer.metrics() IS 'How tracer does in this database, in Prometheus'' text format. Counters start at 0 with the worker.';
