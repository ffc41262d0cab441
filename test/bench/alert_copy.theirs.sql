TRUNCATE bench.plain;
CHECKPOINT;
\timing on
COPY bench.plain (asset, title, severity, status, source, dedup_key, fired_at, description, labels, url, run_id) FROM :'file';
\timing off
