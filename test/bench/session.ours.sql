-- OFFSET: every row is computed and none is sent.
\timing on
SELECT tracer.session_id(ts, '30 minutes') OVER (ORDER BY ts) AS session
  FROM bench.session_rows OFFSET 1000000;
\timing off
