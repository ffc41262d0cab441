-- The same pass without it.
\timing on
SELECT count(*) FROM tracer.backtest('2026-03-01', '2026-03-02');
\timing off
