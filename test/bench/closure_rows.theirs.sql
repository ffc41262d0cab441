\timing on
WITH RECURSIVE closure (id) AS (
    SELECT upstream FROM bench.edge WHERE downstream = :asset_id
    UNION
    SELECT e.upstream FROM closure c JOIN bench.edge e ON e.downstream = c.id
)
SELECT a.name FROM closure c JOIN tracer.asset a ON a.asset_id = c.id;
\timing off
