-- A million times in about 23 days, a pause now and then; an index in order.
CREATE SCHEMA IF NOT EXISTS bench;
SELECT setseed(0.42) \gset
CREATE TABLE bench.session_rows AS
SELECT timestamptz '2026-01-01' + n * interval '2 seconds' + n / 97 * interval '20 minutes' * (n / 97 % 3) + random() * interval '1 second' AS ts
  FROM generate_series(1, 1000000) n;
CREATE INDEX ON bench.session_rows (ts);
VACUUM ANALYZE bench.session_rows;
