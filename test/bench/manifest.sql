\timing on
SELECT edges, assets FROM tracer.ingest('dbt', (SELECT body FROM manifest));
SELECT edges, assets FROM tracer.ingest('dbt', (SELECT body FROM manifest));
