-- A million alerts that came through tracer.ingest(), with what it remembers of them.
INSERT INTO tracer.alert (asset, title, source, dedup_key, fired_at, labels)
SELECT 'orders' || i % 5000, 'orders is stale', 'alertmanager', md5(i::text), timestamptz '2024-01-01' + i * interval '1 second', '{"severity": "critical"}'
  FROM generate_series(1, 1000000) AS i;
INSERT INTO tracer.intake_event SELECT md5(i::text)::uuid, NULL, now() FROM generate_series(1, 1000000) AS i;
VACUUM ANALYZE tracer.alert, tracer.intake_event;
CHECKPOINT;
