-- Sessions by window functions, as the definition reads: sort all rows, number
-- the sessions, count each session's minutes. The sort may be parallel too.
SET max_parallel_workers_per_gather = 2;
SET work_mem = '256MB';
\timing on
SELECT min(first), max(last), sum(n), max(n)
  FROM (SELECT session, min(ts) AS first, max(ts) AS last, count(*) AS n
          FROM (SELECT ts, sum(CASE WHEN ts - before > interval '30 minutes' THEN 1 ELSE 0 END)
                           OVER (ORDER BY ts ROWS UNBOUNDED PRECEDING) AS session
                  FROM (SELECT ts, lag(ts) OVER (ORDER BY ts) AS before FROM bench.burst_rows) l) s
         GROUP BY session, date_trunc('minute', ts)) m
 GROUP BY session ORDER BY 1;
\timing off
