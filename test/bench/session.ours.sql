\timing on
SELECT count(session), max(session)
  FROM (SELECT tracer.session_id(ts, '30 minutes') OVER (ORDER BY ts) AS session FROM bench.session_rows) s;
\timing off
