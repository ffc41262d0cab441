-- Ten million times in no order, in 30 days with a pause of an hour each day.
CREATE SCHEMA IF NOT EXISTS bench;
SELECT setseed(0.42) \gset
CREATE UNLOGGED TABLE bench.burst_rows AS
SELECT timestamptz '2026-01-01' + floor(random() * 30) * interval '1 day' + random() * interval '23 hours' AS ts
  FROM generate_series(1, 10000000) n;
VACUUM ANALYZE bench.burst_rows;
