TRUNCATE tracer.alert;
CHECKPOINT;
\timing on
COPY tracer.alert (asset, title, severity, status, source, dedup_key, fired_at, description, labels, url, run_id) FROM :'file';
\timing off
