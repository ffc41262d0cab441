-- A full rebuild: the first large question of a new session.
\connect
\timing on
SELECT tracer.upstream_count(:'asset');
\timing off
