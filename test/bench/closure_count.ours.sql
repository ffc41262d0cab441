\timing on
SELECT tracer.upstream_count(:'asset');
\timing off
