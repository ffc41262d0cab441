SET max_parallel_workers_per_gather = 2;
SET work_mem = '256MB';
\timing on
SELECT b.* FROM (SELECT tracer.bursts(ts, '30 minutes') AS bursts FROM bench.burst_rows) s, unnest(bursts) b;
\timing off
