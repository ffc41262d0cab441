\connect
\timing on
WITH RECURSIVE closure (id) AS (
    SELECT upstream FROM bench.edge WHERE downstream = (SELECT asset_id FROM tracer.asset WHERE name = :'asset')
    UNION
    SELECT e.upstream FROM closure c JOIN bench.edge e ON e.downstream = c.id
)
SELECT count(*) FROM closure;
\timing off
