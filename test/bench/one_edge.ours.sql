-- The graph is cached; one edge is added and committed; the next call patches.
SELECT tracer.upstream_count(:'asset');
SELECT tracer.link((SELECT name FROM tracer.asset WHERE asset_id = 1 + floor(random() * 100000)::int + 0 * count(*)),
                   (SELECT name FROM tracer.asset WHERE asset_id = 900001 + floor(random() * 100000)::int + 0 * count(*)))
  FROM (SELECT 1) s;
\timing on
SELECT tracer.upstream_count(:'asset');
\timing off
