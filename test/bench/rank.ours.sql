-- The whole pass with the ranking.
\timing on
SELECT count(*) FROM tracer.backtest_evidence('2026-03-01', '2026-03-02');
\timing off
