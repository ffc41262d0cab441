/*
 * Learning lineage that nobody declared, from what keeps following what.
 */
CREATE FUNCTION tracer.find_lineage(since timestamptz, until timestamptz, within text)
RETURNS TABLE (upstream text, downstream text, support bigint, confidence double precision,
               lag interval, lag_least interval, lag_most interval,
               unexplained bigint, failures bigint, chance double precision, rival text, rival_confidence double precision)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tracer_find_lineage';
COMMENT ON FUNCTION tracer.find_lineage(timestamptz, timestamptz, text) IS 'Figures behind tracer.suggest_lineage(). Not for users.';
