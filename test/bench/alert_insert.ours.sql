TRUNCATE tracer.alert;
CHECKPOINT;
\timing on
INSERT INTO tracer.alert (asset, title, severity, status, source, dedup_key, fired_at, description, labels, url, run_id)
SELECT asset, title, severity, status, source, dedup_key, fired_at, description, labels, url, run_id FROM bench.incoming;
\timing off
