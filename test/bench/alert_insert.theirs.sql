TRUNCATE bench.plain;
CHECKPOINT;
\timing on
INSERT INTO bench.plain (asset, title, severity, status, source, dedup_key, fired_at, description, labels, url, run_id)
SELECT asset, title, severity, status, source, dedup_key, fired_at, description, labels, url, run_id FROM bench.incoming;
\timing off
