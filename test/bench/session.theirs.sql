\timing on
SELECT count(session), max(session)
  FROM (SELECT 1 + sum(CASE WHEN ts - before > interval '30 minutes' THEN 1 ELSE 0 END)
                       OVER (ORDER BY ts ROWS UNBOUNDED PRECEDING) AS session
          FROM (SELECT ts, lag(ts) OVER (ORDER BY ts) AS before FROM bench.session_rows) l) s;
\timing off
