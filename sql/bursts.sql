-- tracer.bursts: the sessions of a set of times, with their size and peak.
SET TIME ZONE 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
CREATE EXTENSION tracer;

-- A distance of exactly the gap stays, one microsecond more starts the next.
SELECT b.*
  FROM (SELECT tracer.bursts(ts, '10 minutes') AS bursts
          FROM (VALUES (timestamptz '2026-01-01 00:20:00.000001'),
                       ('2026-01-01 00:00'),
                       ('2026-01-01 00:10'),
                       (NULL),
                       ('2026-01-01 00:20:00.000001'),
                       ('2026-01-01 12:00')) v (ts)) s, unnest(bursts) b;

-- The peak counts a clock minute, on either side of 2000, whatever the zone.
SET TIME ZONE 'Asia/Kolkata';
SELECT b.*
  FROM (SELECT tracer.bursts(ts, '1 hour') AS bursts
          FROM (VALUES (timestamptz '2026-01-01 00:00:59.999999Z'),
                       ('2026-01-01 00:01:00Z'), ('2026-01-01 00:01:30Z'), ('2026-01-01 00:01:59.999999Z'),
                       ('2026-01-01 00:02:00Z'), ('2026-01-01 00:02:01Z'),
                       ('1999-12-31 23:58:59.999999Z'),
                       ('1999-12-31 23:59:00Z'), ('1999-12-31 23:59:00.000001Z'), ('1999-12-31 23:59:59.999999Z'),
                       ('2000-01-01 00:00:00Z'), ('2000-01-01 00:00:00.000001Z')) v (ts)) s, unnest(bursts) b;
SET TIME ZONE 'UTC';

-- Two sessions that share a minute each count their own.
SELECT b.*
  FROM (SELECT tracer.bursts(ts, '5 seconds') AS bursts
          FROM (VALUES (timestamptz '2026-01-01 00:00:40'), ('2026-01-01 00:00:10'),
                       ('2026-01-01 00:00:00'), ('2026-01-01 00:00:05'), ('2026-01-01 00:00:44')) v (ts)) s, unnest(bursts) b;

-- A late time joins two sessions into one.
SELECT b.*
  FROM (SELECT tracer.bursts(ts, '5 seconds') AS bursts
          FROM (VALUES (timestamptz '2026-01-01 00:00:00'), ('2026-01-01 00:00:10'),
                       ('2026-01-01 00:00:05')) v (ts)) s, unnest(bursts) b;

-- Nothing, nothing but NULLs, one.
SELECT tracer.bursts(now(), '1 hour') IS NULL AS no_rows WHERE false;
SELECT tracer.bursts(NULL, '1 hour') IS NULL AS no_times FROM generate_series(1, 3);
SELECT tracer.bursts('2026-01-01 00:00Z', '1 hour');

-- Infinities, and the two ends of time, whose distance exceeds an int64.
SELECT gap, b.*
  FROM (SELECT gap, tracer.bursts(ts, gap) AS bursts
          FROM (VALUES (timestamptz 'infinity'), ('-infinity'), ('-infinity'),
                       ('4713-01-01 00:00 BC'), ('294276-12-31 23:59:59.999999'), ('infinity')) v (ts),
               (VALUES (interval '1 day'), ('178000000 years')) g (gap)
         GROUP BY gap) s, unnest(bursts) b
 ORDER BY gap, b.started_at;

-- What is no gap, and a gap that changes within a group. The same gap in
-- other units does not.
SELECT tracer.bursts(now(), NULL);
SELECT tracer.bursts(NULL, NULL);
SELECT tracer.bursts(now(), '0');
SELECT tracer.bursts(now(), '-1 hour');
SELECT tracer.bursts(now(), n * interval '1 hour') FROM generate_series(1, 2) n;
SELECT tracer.bursts(NULL, CASE WHEN n < 2 THEN interval '1 hour' END) FROM generate_series(1, 2) n;
SELECT (tracer.bursts(now(), gap))[1].count
  FROM (VALUES (interval '1 month'), ('30 days'), ('720 hours')) v (gap);

-- In a window.
SELECT n, (tracer.bursts(timestamptz '2026-01-01' + n * n * interval '1 minute', '6 minutes') OVER (ORDER BY n))[1].count AS first_count,
       cardinality(tracer.bursts(timestamptz '2026-01-01' + n * n * interval '1 minute', '6 minutes') OVER (ORDER BY n)) AS bursts
  FROM generate_series(1, 6) n ORDER BY n;

-- Against the same in SQL. Times lie dense, sparse and in clusters, in no
-- order; seeded, so that a failure can be had again.
CREATE TABLE events (kind text, n int, ts timestamptz);
SELECT setseed(0.2026) \gset
INSERT INTO events
SELECT 'dense', n, timestamptz '2026-03-29 00:00Z' + random() * interval '1 hour' FROM generate_series(1, 3000) n
UNION ALL
SELECT 'sparse', n, timestamptz '1999-12-01 00:00Z' + random() * interval '60 days' FROM generate_series(1, 3000) n
UNION ALL
SELECT 'clustered', n, timestamptz '2026-01-01 00:00Z' + (n % 40) * interval '7 hours' + random() ^ 4 * interval '5 hours' FROM generate_series(1, 3000) n
UNION ALL
SELECT 'minutes', n, timestamptz '2026-01-01 00:00Z' + floor(random() * 6000) * interval '1 minute' FROM generate_series(1, 3000) n
UNION ALL
SELECT 'ends', n, CASE WHEN n % 10 = 0 THEN 'infinity' WHEN n % 10 = 1 THEN '-infinity' WHEN n % 10 = 2 THEN NULL
                       ELSE timestamptz '2026-01-01 00:00Z' + random() * interval '200 years' END FROM generate_series(1, 1000) n
UNION ALL
SELECT 'nulls', n, NULL FROM generate_series(1, 5) n;

CREATE FUNCTION bursts_in_sql(of_kind text, gap interval)
RETURNS TABLE (started_at timestamptz, ended_at timestamptz, count bigint, peak bigint)
LANGUAGE sql AS $$
    WITH marked AS (
        SELECT ts,
               CASE WHEN lag(ts) OVER w = ts THEN 0
                    WHEN isfinite(ts) AND isfinite(lag(ts) OVER w) AND ts - lag(ts) OVER w <= gap THEN 0
                    ELSE 1 END AS start
          FROM events WHERE kind = of_kind AND ts IS NOT NULL
        WINDOW w AS (ORDER BY ts)
    ), numbered AS (
        SELECT ts, sum(start) OVER (ORDER BY ts ROWS UNBOUNDED PRECEDING) AS session FROM marked
    ), minutes AS (
        SELECT session, min(ts) AS first, max(ts) AS last, count(*) AS n
          FROM numbered GROUP BY session, date_trunc('minute', ts AT TIME ZONE 'UTC')
    )
    SELECT min(first), max(last), sum(n)::bigint, max(n) FROM minutes GROUP BY session
$$;

CREATE VIEW differences AS
SELECT kind, gap,
       (SELECT count(*) FROM bursts_in_sql(kind, gap)) AS bursts,
       (SELECT count(*)
          FROM (SELECT * FROM bursts_in_sql(kind, gap)) theirs
          FULL JOIN (SELECT b.*
                       FROM (SELECT tracer.bursts(ts, gap) AS bursts
                               FROM (SELECT ts FROM events e WHERE e.kind = k.kind ORDER BY n OFFSET 0) s) a,
                            unnest(bursts) b) ours
         USING (started_at, ended_at, count, peak)
         WHERE theirs.* IS NULL OR ours.* IS NULL) AS differences
  FROM (SELECT DISTINCT kind FROM events) k,
       (VALUES (interval '1 microsecond'), ('1 second'), ('59.5 seconds'), ('1 minute'),
               ('10 minutes'), ('2 hours 30 minutes'), ('1 month')) g (gap);
SELECT * FROM differences ORDER BY kind, gap;

-- Enough rows that the buffer is folded several times: in order, against it
-- and shuffled, the cells must come out alike; so must they where parallel
-- workers pass what they have through bytes.
CREATE TABLE many AS
SELECT n, n % 5 AS part,
       timestamptz '2026-01-01 00:00Z' + (n + n / 100 * 13 + n / 1000 * 700) * interval '0.41 seconds' AS ts
  FROM generate_series(1, 300000) n ORDER BY hashint4(n);
SET max_parallel_workers_per_gather = 0;
CREATE TABLE results AS
SELECT 'in order' AS how, gap, tracer.bursts(ts, gap) AS bursts
  FROM (SELECT * FROM many ORDER BY n OFFSET 0) s, (VALUES (interval '1 second'), ('2 minutes')) g (gap) GROUP BY gap
UNION ALL
SELECT 'against it', gap, tracer.bursts(ts, gap)
  FROM (SELECT * FROM many ORDER BY n DESC OFFSET 0) s, (VALUES (interval '1 second'), ('2 minutes')) g (gap) GROUP BY gap
UNION ALL
SELECT 'shuffled', gap, tracer.bursts(ts, gap)
  FROM many, (VALUES (interval '1 second'), ('2 minutes')) g (gap) GROUP BY gap;

SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
ANALYZE many;
EXPLAIN (COSTS OFF) SELECT tracer.bursts(ts, '2 minutes') FROM many;
CREATE TABLE parallel AS
SELECT 'parallel' AS how, interval '1 second' AS gap, tracer.bursts(ts, '1 second') AS bursts FROM many;
INSERT INTO results TABLE parallel;
DROP TABLE parallel;
CREATE TABLE parallel AS
SELECT 'parallel' AS how, interval '2 minutes' AS gap, tracer.bursts(ts, '2 minutes') AS bursts FROM many;
INSERT INTO results TABLE parallel;
SELECT gap, count(*) AS ways, count(DISTINCT bursts) AS results, min(cardinality(bursts)) AS bursts,
       (SELECT sum(b.count) FROM unnest(min(r.bursts)) b) AS times,
       (SELECT max(b.peak) FROM unnest(min(r.bursts)) b) AS peak
  FROM results r GROUP BY gap ORDER BY gap;

-- Grouped, without any row, and with a gap that changes.
SELECT md5(string_agg(x::text, ',' ORDER BY part)) AS grouped
  FROM (SELECT part, tracer.bursts(ts, '1 second') AS x FROM many GROUP BY part) s \gset
SELECT tracer.bursts(ts, '1 hour') IS NULL AS none FROM many WHERE n < 0;
SELECT tracer.bursts(ts, CASE WHEN n % 2 = 0 THEN interval '1 minute' ELSE '60 seconds' END) IS NOT NULL AS same_gap FROM many;
DO $$
BEGIN
    PERFORM tracer.bursts(ts, CASE WHEN n = 123456 THEN interval '2 minutes' ELSE '1 minute' END) FROM many;
    RAISE 'no error';
EXCEPTION WHEN invalid_parameter_value THEN
    RAISE NOTICE 'refused';
END
$$;
SET max_parallel_workers_per_gather = 0;
SELECT md5(string_agg(x::text, ',' ORDER BY part)) = :'grouped' AS grouped_alike
  FROM (SELECT part, tracer.bursts(ts, '1 second') AS x FROM many GROUP BY part) s;

DROP VIEW differences;
DROP FUNCTION bursts_in_sql;
DROP TABLE events, many, parallel, results;
DROP EXTENSION tracer;
