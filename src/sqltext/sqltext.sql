/*
 * Lineage from SQL text (sql_lineage.c).
 */
CREATE FUNCTION tracer.sql_lineage(sql text, default_schema text DEFAULT NULL)
RETURNS TABLE (target text, source text, target_column text, source_column text)
LANGUAGE c STABLE PARALLEL RESTRICTED COST 1000 ROWS 20
AS 'MODULE_PATHNAME', 'tracer_sql_lineage';
COMMENT ON FUNCTION tracer.sql_lineage(text, text) IS 'What each statement of an SQL text writes (target; NULL: the result of a query) and from which tables, sorted, each row once. The two columns are NULL where a table only decides what is written, or where columns cannot be told. Names are schema.table without quotes; default_schema is put before those without a schema. A star is expanded where this database has the table. What a table gives to itself is left out, temporary tables of the text stand for what they were filled from. A NULL text: no rows. Errors: syntax_error, with line and column, where PostgreSQL''s grammar cannot read the text; name_too_long for a default_schema of 128 bytes or more.';

CREATE FUNCTION tracer.link_sql(sql text, default_schema text DEFAULT NULL, target text DEFAULT NULL, source text DEFAULT 'sql') RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    r       record;
    changed bigint;
BEGIN
    SELECT array_agg(x.source) AS us, array_agg(coalesce(x.target, "link_sql".target)) AS ds,
           coalesce(array_agg(x.source) FILTER (WHERE x.source_column IS NOT NULL), '{}') AS cu, coalesce(array_agg(x.source_column) FILTER (WHERE x.source_column IS NOT NULL), '{}') AS cuc,
           coalesce(array_agg(coalesce(x.target, "link_sql".target)) FILTER (WHERE x.source_column IS NOT NULL), '{}') AS cd,
           coalesce(array_agg(x.target_column) FILTER (WHERE x.source_column IS NOT NULL), '{}') AS cdc
      INTO r
      FROM tracer.sql_lineage("link_sql".sql, "link_sql".default_schema) x
     WHERE coalesce(x.target, "link_sql".target) IS NOT NULL;
    IF r.us IS NULL THEN
        RETURN 0;
    END IF;
    changed := tracer.link_said(r.us, r.ds, array_fill('data'::text, ARRAY[cardinality(r.us)]), "link_sql".source);
    PERFORM tracer.link_columns(r.cu, r.cuc, r.cd, r.cdc, "link_sql".source);
    RETURN changed;
END
$$;
COMMENT ON FUNCTION tracer.link_sql(text, text, text, text) IS 'Declares the lineage that tracer.sql_lineage() finds in an SQL text, columns too; returns the number of edges that are new. target is the asset that the result of a plain query becomes (a dbt model''s compiled SQL); NULL: plain queries declare nothing. Errors as tracer.sql_lineage() and tracer.link().';
