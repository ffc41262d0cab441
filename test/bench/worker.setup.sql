-- Lineage of 5,000 assets for the worker's rows: mostly short hops downwards.
SELECT setseed(0.5);
SELECT count(tracer.link(ARRAY['a' || u], ARRAY['a' || u + d]))
  FROM (SELECT DISTINCT 1 + (random() * 4900)::int AS u, 1 + (random() * 60)::int AS d FROM generate_series(1, 15000)) AS e;
ANALYZE;
