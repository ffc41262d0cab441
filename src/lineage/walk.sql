/*
 * The walks over lineage (walk.c). Each takes a canonical name or an alias,
 * and needs SELECT on tracer.lineage, tracer.asset and tracer.asset_alias; on
 * tracer.alias_rule, too, for a name that is neither as it is spelt.
 */
CREATE FUNCTION tracer.walk_support(internal) RETURNS internal
LANGUAGE c STRICT
AS 'MODULE_PATHNAME', 'tracer_walk_support';
COMMENT ON FUNCTION tracer.walk_support(internal) IS 'Planner support: row estimates of the walks, from the cached graph where there is one.';

CREATE FUNCTION tracer.upstream(asset text, max_depth int DEFAULT NULL)
RETURNS TABLE (asset text, depth int)
LANGUAGE c STABLE PARALLEL RESTRICTED COST 1000 ROWS 100 SUPPORT tracer.walk_support
AS 'MODULE_PATHNAME', 'tracer_upstream';
COMMENT ON FUNCTION tracer.upstream(text, int) IS 'Everything that feeds an asset, directly or not: each asset once, with the edges of a shortest path as its depth, the asset itself left out. max_depth limits the depth (0: no rows); NULL: no limit. A NULL asset: no rows. Errors: undefined_object for an unknown asset, invalid_parameter_value for a negative max_depth.';

CREATE FUNCTION tracer.downstream(asset text, max_depth int DEFAULT NULL)
RETURNS TABLE (asset text, depth int)
LANGUAGE c STABLE PARALLEL RESTRICTED COST 1000 ROWS 100 SUPPORT tracer.walk_support
AS 'MODULE_PATHNAME', 'tracer_downstream';
COMMENT ON FUNCTION tracer.downstream(text, int) IS 'Everything that an asset feeds, directly or not; otherwise as tracer.upstream().';

CREATE FUNCTION tracer.upstream_count(asset text, max_depth int DEFAULT NULL) RETURNS bigint
LANGUAGE c STABLE PARALLEL RESTRICTED COST 1000
AS 'MODULE_PATHNAME', 'tracer_upstream_count';
COMMENT ON FUNCTION tracer.upstream_count(text, int) IS 'How many rows tracer.upstream() would return, without producing them. NULL for a NULL asset; errors as there.';

CREATE FUNCTION tracer.downstream_count(asset text, max_depth int DEFAULT NULL) RETURNS bigint
LANGUAGE c STABLE PARALLEL RESTRICTED COST 1000
AS 'MODULE_PATHNAME', 'tracer_downstream_count';
COMMENT ON FUNCTION tracer.downstream_count(text, int) IS 'The blast radius: how many rows tracer.downstream() would return, without producing them. NULL for a NULL asset; errors as there.';

CREATE FUNCTION tracer.upstream_roots(asset text)
RETURNS TABLE (asset text, depth int)
LANGUAGE c STABLE PARALLEL RESTRICTED COST 1000 ROWS 10
AS 'MODULE_PATHNAME', 'tracer_upstream_roots';
COMMENT ON FUNCTION tracer.upstream_roots(text) IS 'The most upstream assets that reach an asset, with their distance. A cycle with nothing above it is a root: all its members are returned. An asset with nothing upstream is its own root at depth 0. A NULL asset: no rows. Error: undefined_object for an unknown asset.';

CREATE FUNCTION tracer.lineage_path(from_asset text, to_asset text) RETURNS text[]
LANGUAGE c STABLE PARALLEL RESTRICTED COST 1000
AS 'MODULE_PATHNAME', 'tracer_lineage_path';
COMMENT ON FUNCTION tracer.lineage_path(text, text) IS 'A shortest path downstream from one asset to another, both included; the same every time. One element where both are the same asset, NULL where there is no path or an argument is NULL. Error: undefined_object for an unknown asset.';

CREATE FUNCTION tracer.lineage_cache(OUT state text, OUT nodes bigint, OUT edges bigint, OUT delta bigint, OUT builds bigint, OUT patches bigint, OUT bytes bigint)
RETURNS record
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'tracer_lineage_cache';
COMMENT ON FUNCTION tracer.lineage_cache() IS 'The lineage graph that this session has cached: its state (empty, current, or "to check" once a change may have come in), its size in nodes and edges, how far it was patched since it was built, how often this session built a graph and patched a pair, and its bytes, names apart.';
