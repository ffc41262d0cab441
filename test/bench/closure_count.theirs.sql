-- UNION, not UNION ALL: each asset once, which also ends on cycles.
\timing on
WITH RECURSIVE closure (id) AS (
    SELECT upstream FROM bench.edge WHERE downstream = :asset_id
    UNION
    SELECT e.upstream FROM closure c JOIN bench.edge e ON e.downstream = c.id
)
SELECT count(*) FROM closure;
\timing off
