/*
 * Lineage from SQL text (sql_lineage.c).
 */
CREATE FUNCTION tracer.sql_lineage(sql text, default_schema text DEFAULT NULL)
RETURNS TABLE (target text, source text, target_column text, source_column text)
LANGUAGE c STABLE PARALLEL RESTRICTED COST 1000 ROWS 20
AS 'MODULE_PATHNAME', 'tracer_sql_lineage';
COMMENT ON FUNCTION tracer.sql_lineage(text, text) IS 'What each statement of an SQL text writes (target; NULL: the result of a query) and from which tables, sorted, each row once. The two columns are NULL where a table only decides what is written, or where columns cannot be told. Names are schema.table without quotes; default_schema is put before those without a schema. A star is expanded where this database has the table. What a table gives to itself is left out, temporary tables of the text stand for what they were filled from. A NULL text: no rows. Errors: syntax_error, with line and column, where PostgreSQL''s grammar cannot read the text; name_too_long for a default_schema of 128 bytes or more.';
