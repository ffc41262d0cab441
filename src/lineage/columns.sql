/*
 * Column lineage: which column comes from which. Shown, not walked: what walks
 * is the edge between the assets, which link_columns() declares with it.
 */
CREATE TABLE tracer.column_lineage (
    downstream        bigint NOT NULL,
    downstream_column text NOT NULL CHECK (downstream_column <> ''),
    upstream          bigint NOT NULL,
    upstream_column   text NOT NULL CHECK (upstream_column <> ''),
    source            text NOT NULL DEFAULT 'manual' CHECK (source <> ''),
    created_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (downstream, downstream_column, upstream, upstream_column, source)
);
CREATE INDEX column_lineage_upstream ON tracer.column_lineage (upstream, upstream_column);
SELECT pg_catalog.pg_extension_config_dump('tracer.column_lineage', '');

COMMENT ON TABLE tracer.column_lineage IS 'Which columns of an asset are computed from which of another. Written by tracer.link_columns() and importers; tracer.lineage_columns shows names.';
COMMENT ON COLUMN tracer.column_lineage.downstream IS 'Asset id of what is fed.';
COMMENT ON COLUMN tracer.column_lineage.downstream_column IS 'Its column.';
COMMENT ON COLUMN tracer.column_lineage.upstream IS 'Asset id of what feeds it.';
COMMENT ON COLUMN tracer.column_lineage.upstream_column IS 'The column that it is computed from, perhaps with others.';
COMMENT ON COLUMN tracer.column_lineage.source IS 'Who said so, as in tracer.lineage.';
COMMENT ON COLUMN tracer.column_lineage.created_at IS 'When it was first declared.';

CREATE VIEW tracer.lineage_columns AS
SELECT u.name AS upstream, c.upstream_column, d.name AS downstream, c.downstream_column, c.source, c.created_at
  FROM tracer.column_lineage c
  JOIN tracer.asset u ON u.asset_id = c.upstream
  JOIN tracer.asset d ON d.asset_id = c.downstream;
COMMENT ON VIEW tracer.lineage_columns IS 'tracer.column_lineage with names.';
COMMENT ON COLUMN tracer.lineage_columns.upstream IS 'Canonical name of what feeds.';
COMMENT ON COLUMN tracer.lineage_columns.upstream_column IS 'Its column.';
COMMENT ON COLUMN tracer.lineage_columns.downstream IS 'Canonical name of what is fed.';
COMMENT ON COLUMN tracer.lineage_columns.downstream_column IS 'Its column, computed from the other.';
COMMENT ON COLUMN tracer.lineage_columns.source IS 'Who said so.';
COMMENT ON COLUMN tracer.lineage_columns.created_at IS 'When it was first declared.';

CREATE FUNCTION tracer.columns_between(upstream bigint, downstream bigint) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT string_agg(c.pair, ', ' ORDER BY c.pair COLLATE "C") FILTER (WHERE c.i <= 3)
       || CASE WHEN max(c.i) > 3 THEN ' and ' || max(c.i) - 3 || ' more' ELSE '' END
  FROM (SELECT p.pair, row_number() OVER (ORDER BY p.pair COLLATE "C") AS i
          FROM (SELECT DISTINCT l.upstream_column || ' -> ' || l.downstream_column AS pair
                  FROM tracer.column_lineage l
                 WHERE l.upstream = columns_between.upstream AND l.downstream = columns_between.downstream) AS p) AS c
$$;
COMMENT ON FUNCTION tracer.columns_between(bigint, bigint) IS 'Which columns of the one asset feed which of the other, in words, the first three by name; NULL: nothing is known of columns, or an argument is NULL.';

CREATE FUNCTION tracer.link_columns(upstream text[], upstream_column text[], downstream text[], downstream_column text[], source text DEFAULT 'manual')
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    ups     text[];
    downs   text[];
    changed bigint;
BEGIN
    IF cardinality("link_columns".upstream) IS DISTINCT FROM cardinality("link_columns".downstream)
       OR cardinality("link_columns".upstream) IS DISTINCT FROM cardinality("link_columns".upstream_column)
       OR cardinality("link_columns".upstream) IS DISTINCT FROM cardinality("link_columns".downstream_column)
       OR "link_columns".upstream IS NULL THEN
        RAISE EXCEPTION 'arrays of assets and columns differ in length'
            USING ERRCODE = 'array_subscript_error',
                  HINT = 'The n-th column of the n-th upstream feeds the n-th column of the n-th downstream.';
    END IF;
    SELECT array_agg(p.u), array_agg(p.d) INTO ups, downs
      FROM (SELECT DISTINCT a.u, a.d FROM unnest("link_columns".upstream, "link_columns".downstream) a(u, d)) p;
    IF ups IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM tracer.link_said(ups, downs, array_fill('data'::text, ARRAY[cardinality(ups)]), "link_columns".source);
    WITH name AS MATERIALIZED (
        SELECT n.called, n.asset_id AS id FROM tracer.resolve_assets(ups || downs) n
    )
    INSERT INTO tracer.column_lineage (downstream, downstream_column, upstream, upstream_column, source)
    SELECT DISTINCT d.id, p.dc, u.id, p.uc, "link_columns".source
      FROM unnest("link_columns".upstream, "link_columns".upstream_column, "link_columns".downstream, "link_columns".downstream_column) p(u, uc, d, dc)
      JOIN name u ON u.called = p.u
      JOIN name d ON d.called = p.d
     WHERE u.id <> d.id
     ORDER BY 1, 2, 3, 4
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
$$;
COMMENT ON FUNCTION tracer.link_columns(text[], text[], text[], text[], text) IS 'Declares that each upstream''s column feeds the downstream''s column at the same place, and the edge (kind data) between the two assets; returns how many columns are new. Columns of one asset are passed over. Errors as tracer.link(), array_subscript_error for arrays of different length, not_null_violation and check_violation for a column that is NULL or empty.';

CREATE FUNCTION tracer.replace_columns(upstream text[], upstream_column text[], downstream text[], downstream_column text[], source text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    removed bigint;
BEGIN
    WITH name AS MATERIALIZED (
        SELECT n.called, n.asset_id AS id FROM tracer.resolve_assets("replace_columns".upstream || "replace_columns".downstream) n
    ), said AS MATERIALIZED (
        SELECT DISTINCT u.id AS u, p.uc, d.id AS d, p.dc
          FROM unnest("replace_columns".upstream, "replace_columns".upstream_column, "replace_columns".downstream, "replace_columns".downstream_column) p(u, uc, d, dc)
          JOIN name u ON u.called = p.u
          JOIN name d ON d.called = p.d
    )
    DELETE FROM tracer.column_lineage c
     WHERE c.source = "replace_columns".source
       AND NOT EXISTS (SELECT FROM said s WHERE (s.u, s.uc, s.d, s.dc) = (c.upstream, c.upstream_column, c.downstream, c.downstream_column));
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed + tracer.link_columns("replace_columns".upstream, "replace_columns".upstream_column,
                                         "replace_columns".downstream, "replace_columns".downstream_column, "replace_columns".source);
END
$$;
COMMENT ON FUNCTION tracer.replace_columns(text[], text[], text[], text[], text) IS 'For importers: makes the columns of a source exactly these, as tracer.link_columns(), after tracer.replace_lineage(); returns how many are new or gone. A second call changes nothing. Errors as tracer.link_columns().';

/*
 * For importers that know all edges of their source: what they no longer name
 * goes.
 */
CREATE FUNCTION tracer.replace_lineage(upstream text[], downstream text[], kind text[], source text, OUT linked bigint, OUT unlinked bigint)
RETURNS record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
BEGIN
    IF coalesce("replace_lineage".source, 'manual') = 'manual' THEN
        RAISE EXCEPTION 'the edges of source % cannot be replaced', coalesce("replace_lineage".source, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give the importer''s own name; what people declare is theirs.';
    END IF;

    -- One run of an importer at a time, or two that say different things wait for
    -- each other. Then, each in one order, assets and the source's edges.
    PERFORM tracer.hold_source("replace_lineage".source);
    PERFORM tracer.hold_ends("replace_lineage".upstream, "replace_lineage".downstream, "replace_lineage".kind, "replace_lineage".source);
    PERFORM FROM tracer.lineage l
      WHERE l.source = "replace_lineage".source
      ORDER BY l.upstream, l.downstream, l.kind FOR UPDATE;
    linked := tracer.link_said("replace_lineage".upstream, "replace_lineage".downstream, "replace_lineage".kind, "replace_lineage".source);

    WITH name AS MATERIALIZED (
        SELECT n.called, n.asset_id AS id FROM tracer.resolve_assets("replace_lineage".upstream || "replace_lineage".downstream) n
    ), said AS MATERIALIZED (
        SELECT DISTINCT u.id AS up, d.id AS down, p.k
          FROM unnest("replace_lineage".upstream, "replace_lineage".downstream, "replace_lineage".kind) p(u, d, k)
          JOIN name u ON u.called = p.u
          JOIN name d ON d.called = p.d
    ), victim AS MATERIALIZED (
        SELECT l.upstream, l.downstream, l.kind
          FROM tracer.lineage l
         WHERE l.source = "replace_lineage".source
           AND NOT EXISTS (SELECT FROM said s WHERE s.up = l.upstream AND s.down = l.downstream AND s.k = l.kind)
         ORDER BY l.upstream, l.downstream, l.kind
           FOR UPDATE OF l
    ), expired AS (
        DELETE FROM tracer.lineage_expired l WHERE l.source = "replace_lineage".source
    ), gone AS (
        DELETE FROM tracer.lineage l USING victim v
         WHERE l.upstream = v.upstream AND l.downstream = v.downstream AND l.kind = v.kind AND l.source = "replace_lineage".source
        RETURNING 1
    )
    SELECT count(*) INTO unlinked FROM gone;
    DELETE FROM tracer.column_lineage c
     WHERE c.source = "replace_lineage".source
       AND NOT EXISTS (SELECT FROM tracer.lineage l
                        WHERE l.upstream = c.upstream AND l.downstream = c.downstream AND l.source = c.source);
END
$$;
COMMENT ON FUNCTION tracer.replace_lineage(text[], text[], text[], text) IS 'For importers: makes the edges of a source exactly these, each upstream feeding the downstream at the same place by the kind there. Links what is new, unlinks what is no longer named, with its columns; returns how many of each. A second call changes nothing. Errors as tracer.link(), invalid_parameter_value for the source manual.';
