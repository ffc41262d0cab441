\timing on
SELECT asset FROM tracer.upstream(:'asset');
\timing off
