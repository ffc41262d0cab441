-- The graph is cached; one edge is added and committed; the next call patches.
SELECT tracer.upstream_count(:'asset');
SELECT tracer.link(format('warehouse.schema_%s.table_%s', u % 1000, u), format('warehouse.schema_%s.table_%s', d % 1000, d))
  FROM (SELECT 1 + floor(random() * 100000)::int AS u, 900001 + floor(random() * 100000)::int AS d OFFSET 0) s;
\timing on
SELECT tracer.upstream_count(:'asset');
\timing off
