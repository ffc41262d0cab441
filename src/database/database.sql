/*
 * Lineage that this database knows itself: its catalog, and what its sessions
 * are seen to do (capture.c).
 */
CREATE TABLE tracer.lineage_captured (
    target  text NOT NULL,
    source  text,
    seen_at timestamptz NOT NULL
);
-- No key: who captures writes without looking, and is in nobody's way. So that
-- a publication of all tables still lets rows be deleted:
ALTER TABLE tracer.lineage_captured REPLICA IDENTITY FULL;

COMMENT ON TABLE tracer.lineage_captured IS 'What statements were seen to read and write while tracer.capture_lineage is on, until tracer.take_captured() makes edges of it. Not for users.';
COMMENT ON COLUMN tracer.lineage_captured.target IS 'Table that was written, as schema.table.';
COMMENT ON COLUMN tracer.lineage_captured.source IS 'Table that was read; NULL: a materialized view was refreshed, from what its definition names.';
COMMENT ON COLUMN tracer.lineage_captured.seen_at IS 'When.';

CREATE FUNCTION tracer.catalog_relations() RETURNS TABLE (oid oid, name text, kind text, is_partition boolean)
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT c.oid, n.nspname || '.' || c.relname,
       CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE 'table' END,
       c.relispartition
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p')
   AND c.relpersistence <> 't'
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'tracer') AND n.nspname !~ '^pg_(toast|temp)'
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
$$;
COMMENT ON FUNCTION tracer.catalog_relations() IS 'Tables and views of this database that are assets: not those of the system, of extensions or of sessions.';

CREATE FUNCTION tracer.view_sources() RETURNS TABLE (view oid, source oid)
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT DISTINCT r.ev_class, d.refobjid
  FROM pg_rewrite r
  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
   AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class
 WHERE r.rulename = '_RETURN'
$$;
COMMENT ON FUNCTION tracer.view_sources() IS 'What views and materialized views of this database read, directly.';

CREATE FUNCTION tracer.import_catalog(OUT assets bigint, OUT linked bigint, OUT unlinked bigint)
RETURNS record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    e record;
    c record;
BEGIN
    -- Names of this database first, so that edges find their assets; a table that
    -- another tool declared with its database is that one.
    PERFORM tracer.add_aliases(coalesce(array_agg(current_database() || '.' || r.name), '{}'), coalesce(array_agg(r.name), '{}'), 'catalog')
       FROM tracer.catalog_relations() r;
    INSERT INTO tracer.asset (name, kind)
    SELECT n.name, min(r.kind)
      FROM tracer.catalog_relations() r
      JOIN tracer.resolve_names((SELECT array_agg(x.name) FROM tracer.catalog_relations() x)) n ON n.called = r.name
     WHERE NOT r.is_partition
       AND NOT EXISTS (SELECT FROM tracer.asset a WHERE a.name = n.name)
     GROUP BY n.name ORDER BY n.name COLLATE "C"
    ON CONFLICT (name) DO NOTHING;
    GET DIAGNOSTICS assets = ROW_COUNT;

    SELECT coalesce(array_agg(u.name), '{}') AS ups, coalesce(array_agg(d.name), '{}') AS downs, coalesce(array_agg(x.kind), '{}') AS kinds
      INTO e
      FROM (SELECT v.source AS up, v.view AS down, 'data' AS kind FROM tracer.view_sources() v
            UNION
            SELECT k.confrelid, k.conrelid, 'foreign_key' FROM pg_constraint k WHERE k.contype = 'f' AND k.conparentid = 0
            UNION
            SELECT i.inhrelid, i.inhparent, CASE WHEN c.relispartition THEN 'partition' ELSE 'inheritance' END
              FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid) AS x
      JOIN tracer.catalog_relations() u ON u.oid = x.up
      JOIN tracer.catalog_relations() d ON d.oid = x.down
     WHERE u.oid <> d.oid;
    SELECT r.linked, r.unlinked INTO linked, unlinked
      FROM tracer.replace_lineage(e.ups, e.downs, e.kinds, 'catalog') r;

    -- Columns of views, from their definitions.
    SELECT coalesce(array_agg(l.source), '{}') AS us, coalesce(array_agg(l.source_column), '{}') AS ucs,
           coalesce(array_agg(v.name), '{}') AS ds, coalesce(array_agg(l.target_column), '{}') AS dcs
      INTO c
      FROM tracer.catalog_relations() v
     CROSS JOIN LATERAL tracer.sql_lineage(pg_get_viewdef(v.oid), NULL) l
      JOIN tracer.catalog_relations() s ON s.name = l.source
     WHERE v.kind IN ('view', 'materialized view') AND l.target_column IS NOT NULL;
    PERFORM tracer.replace_columns(c.us, c.ucs, c.ds, c.dcs, 'catalog');

    UPDATE tracer.asset a SET kind = r.kind
      FROM tracer.catalog_relations() r
     WHERE a.name = r.name AND a.kind IS NULL;
    PERFORM tracer.take_captured();
    PERFORM tracer.expire_lineage();
END
$$;
COMMENT ON FUNCTION tracer.import_catalog() IS 'Declares the tables and views of this database as assets named schema.table, with database.schema.table as another name, and their lineage: what views and materialized views read (kind data, columns too), foreign keys (from the table referred to), partitions and inheritance (from the child). Edges that its last call declared and that are no longer there are unlinked; a second call changes nothing. Returns how many assets are new and how many edges were linked and unlinked. Reads what each view names under a lock that only DDL waits for.';

CREATE FUNCTION tracer.take_captured() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ups     text[];
    downs   text[];
BEGIN
    WITH taken AS (
        DELETE FROM tracer.lineage_captured c RETURNING c.target, c.source
    ), edge AS (
        SELECT t.source AS u, t.target AS d FROM taken t WHERE t.source IS NOT NULL
        UNION
        SELECT s.name, t.target
          FROM taken t
          JOIN tracer.catalog_relations() v ON v.name = t.target
          JOIN tracer.view_sources() x ON x.view = v.oid
          JOIN tracer.catalog_relations() s ON s.oid = x.source
         WHERE t.source IS NULL
    )
    SELECT array_agg(e.u), array_agg(e.d) INTO ups, downs FROM edge e;
    IF ups IS NULL THEN
        RETURN 0;
    END IF;
    RETURN tracer.link_said(ups, downs, array_fill('data'::text, ARRAY[cardinality(ups)]), 'capture');
END
$$;
COMMENT ON FUNCTION tracer.take_captured() IS 'Makes edges (source capture) of what sessions with tracer.capture_lineage were seen to do; returns how many are new. tracer.import_catalog() ends with it; call it as often as edges should appear.';
