/*
 * Writing lineage by name, and reading it so.
 */
CREATE FUNCTION tracer.canonical(name text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(
    (SELECT a.name FROM tracer.asset a WHERE a.name = canonical.name),
    (SELECT s.asset FROM tracer.asset_alias s WHERE s.alias = canonical.name),
    canonical.name);
COMMENT ON FUNCTION tracer.canonical(text) IS 'The canonical name that a name stands for: itself if an asset is called so, else what tracer.asset_alias says, else itself. NULL for NULL.';

CREATE VIEW tracer.lineage_edges AS
SELECT u.name AS upstream, d.name AS downstream, l.kind, l.source, l.lag, l.created_at
  FROM tracer.lineage l
  JOIN tracer.asset u ON u.asset_id = l.upstream
  JOIN tracer.asset d ON d.asset_id = l.downstream;
COMMENT ON VIEW tracer.lineage_edges IS 'tracer.lineage with names.';
COMMENT ON COLUMN tracer.lineage_edges.upstream IS 'Canonical name of what feeds or runs.';
COMMENT ON COLUMN tracer.lineage_edges.downstream IS 'Canonical name of what is fed or run.';
COMMENT ON COLUMN tracer.lineage_edges.kind IS 'As in tracer.lineage.';
COMMENT ON COLUMN tracer.lineage_edges.source IS 'Who said so.';
COMMENT ON COLUMN tracer.lineage_edges.lag IS 'How much later than the horizon a failure may show downstream; NULL: none.';
COMMENT ON COLUMN tracer.lineage_edges.created_at IS 'When the edge was first declared.';

/*
 * One pass for any number of pairs. Assets are declared in order of name and
 * edges inserted in order of ids, so that two callers at once wait for each
 * other in one direction only. Every caller finishes with assets before it
 * touches an edge. Plans are made for the arrays at hand: one made for a pair
 * would join a million in nested loops.
 */
CREATE FUNCTION tracer.link(upstream text[], downstream text[], kind text DEFAULT 'data', source text DEFAULT 'manual', lag interval DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    itself  text;
    alias   text;
    changed bigint;
BEGIN
    IF array_ndims("link".upstream) > 1 OR array_ndims("link".downstream) > 1 THEN
        RAISE EXCEPTION 'arrays of upstream and downstream must have one dimension'
            USING ERRCODE = 'array_subscript_error',
                  HINT = 'The n-th upstream feeds the n-th downstream.';
    END IF;
    IF "link".upstream IS NULL OR "link".downstream IS NULL
       OR array_position("link".upstream, NULL) IS NOT NULL OR array_position("link".downstream, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'the name of an asset must not be NULL'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'Give both ends of every edge.';
    END IF;
    IF cardinality("link".upstream) <> cardinality("link".downstream) THEN
        RAISE EXCEPTION 'arrays of upstream and downstream differ in length: % and %', cardinality("link".upstream), cardinality("link".downstream)
            USING ERRCODE = 'array_subscript_error',
                  HINT = 'The n-th upstream feeds the n-th downstream.';
    END IF;
    IF '' = ANY ("link".upstream) OR '' = ANY ("link".downstream) THEN
        RAISE EXCEPTION 'the name of an asset must not be empty'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give both ends of every edge.';
    END IF;
    IF coalesce("link".kind, '') = '' OR coalesce("link".source, '') = '' THEN
        RAISE EXCEPTION 'kind and source of an edge must not be NULL or empty'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Leave them out for data and manual.';
    END IF;
    IF "link".lag < interval '0' OR "link".lag > interval '10 years' THEN
        RAISE EXCEPTION 'lag is out of range: %', "link".lag
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'It must lie between 0 and 10 years.';
    END IF;
    IF date_trunc('second', "link".lag) < "link".lag THEN
        "link".lag := date_trunc('second', "link".lag) + interval '1 second';
    END IF;

    SELECT p.u, p.d INTO itself, alias
      FROM unnest("link".upstream, "link".downstream) AS p(u, d)
     WHERE p.u = p.d LIMIT 1;
    IF NOT FOUND THEN
        SELECT p.u, p.d INTO itself, alias
          FROM unnest("link".upstream, "link".downstream) AS p(u, d)
         WHERE EXISTS (SELECT FROM tracer.asset_alias)
           AND tracer.canonical(p.u) = tracer.canonical(p.d) LIMIT 1;
    END IF;
    IF FOUND THEN
        RAISE EXCEPTION 'asset "%" cannot be upstream of itself', itself
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = format(CASE WHEN itself = alias THEN 'Both ends are "%s".' ELSE '"%s" and "%s" are names of one asset.' END, itself, alias),
                  HINT = 'Leave out edges from an asset to itself.';
    END IF;

    INSERT INTO tracer.asset (name)
    SELECT n.name
      FROM (SELECT unnest("link".upstream) UNION SELECT unnest("link".downstream)) AS n(name)
     WHERE NOT EXISTS (SELECT FROM tracer.asset a WHERE a.name = n.name)
       AND NOT EXISTS (SELECT FROM tracer.asset_alias s JOIN tracer.asset a ON a.name = s.asset WHERE s.alias = n.name)
     ORDER BY n.name COLLATE "C"
    ON CONFLICT (name) DO NOTHING;

    WITH name AS MATERIALIZED (
        SELECT n.name, coalesce(a.asset_id, b.asset_id) AS id
          FROM (SELECT unnest("link".upstream) UNION SELECT unnest("link".downstream)) AS n(name)
          LEFT JOIN tracer.asset a ON a.name = n.name
          LEFT JOIN tracer.asset_alias s ON s.alias = n.name
          LEFT JOIN tracer.asset b ON b.name = s.asset
    )
    INSERT INTO tracer.lineage AS l (upstream, downstream, kind, source, lag)
    SELECT DISTINCT u.id, d.id, "link".kind, "link".source, "link".lag
      FROM unnest("link".upstream, "link".downstream) AS p(u, d)
      JOIN name u ON u.name = p.u
      JOIN name d ON d.name = p.d
     ORDER BY u.id, d.id
    ON CONFLICT (upstream, downstream, kind, source) DO UPDATE
       SET lag = excluded.lag
     WHERE excluded.lag IS NOT NULL AND l.lag IS DISTINCT FROM excluded.lag;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
$$;
COMMENT ON FUNCTION tracer.link(text[], text[], text, text, interval) IS 'Declares that each upstream feeds the downstream at the same place, for many edges at once; otherwise as the form for one edge. Error beside its own: array_subscript_error for arrays of different length.';

CREATE FUNCTION tracer.link(upstream text, downstream text, kind text DEFAULT 'data', source text DEFAULT 'manual', lag interval DEFAULT NULL)
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT tracer.link(ARRAY["link".upstream], ARRAY["link".downstream], "link".kind, "link".source, "link".lag) $$;
COMMENT ON FUNCTION tracer.link(text, text, text, text, interval) IS 'Declares that upstream feeds (kind data) or runs (kind runs) downstream, as said by source; returns the number of edges that are new or changed. Names may be aliases; an asset that nobody declared is. lag is rounded up to whole seconds; NULL leaves an edge that exists with the lag it has, interval ''0'' takes it away. Errors: null_value_not_allowed for a NULL name; invalid_parameter_value for an empty name, an edge from an asset to itself, or a lag that is negative or above 10 years.';

CREATE FUNCTION tracer.unlink(upstream text[], downstream text[], kind text DEFAULT NULL, source text DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    removed bigint;
BEGIN
    IF array_ndims("unlink".upstream) > 1 OR array_ndims("unlink".downstream) > 1 THEN
        RAISE EXCEPTION 'arrays of upstream and downstream must have one dimension'
            USING ERRCODE = 'array_subscript_error',
                  HINT = 'The n-th upstream feeds the n-th downstream.';
    END IF;
    IF "unlink".upstream IS NULL OR "unlink".downstream IS NULL
       OR array_position("unlink".upstream, NULL) IS NOT NULL OR array_position("unlink".downstream, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'the name of an asset must not be NULL'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'Give both ends of every edge.';
    END IF;
    IF cardinality("unlink".upstream) <> cardinality("unlink".downstream) THEN
        RAISE EXCEPTION 'arrays of upstream and downstream differ in length: % and %', cardinality("unlink".upstream), cardinality("unlink".downstream)
            USING ERRCODE = 'array_subscript_error',
                  HINT = 'The n-th upstream feeds the n-th downstream.';
    END IF;

    -- Locked in one order, so that two callers cannot wait in a circle.
    WITH name AS MATERIALIZED (
        SELECT n.name, coalesce(a.asset_id, b.asset_id) AS id
          FROM (SELECT unnest("unlink".upstream) UNION SELECT unnest("unlink".downstream)) AS n(name)
          LEFT JOIN tracer.asset a ON a.name = n.name
          LEFT JOIN tracer.asset_alias s ON s.alias = n.name
          LEFT JOIN tracer.asset b ON b.name = s.asset
    ), pair AS MATERIALIZED (
        SELECT DISTINCT u.id AS up, d.id AS down
          FROM unnest("unlink".upstream, "unlink".downstream) AS p(u, d)
          JOIN name u ON u.name = p.u
          JOIN name d ON d.name = p.d
    ), victim AS MATERIALIZED (
        SELECT l.upstream, l.downstream, l.kind, l.source
          FROM tracer.lineage l
          JOIN pair p ON l.upstream = p.up AND l.downstream = p.down
         WHERE l.kind = coalesce("unlink".kind, l.kind)
           AND l.source = coalesce("unlink".source, l.source)
         ORDER BY l.upstream, l.downstream, l.kind, l.source
           FOR UPDATE OF l
    )
    DELETE FROM tracer.lineage l USING victim v
     WHERE l.upstream = v.upstream AND l.downstream = v.downstream
       AND l.kind = v.kind AND l.source = v.source;
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;
COMMENT ON FUNCTION tracer.unlink(text[], text[], text, text) IS 'Takes back many edges at once; otherwise as the form for one edge. Error beside its own: array_subscript_error for arrays of different length.';

CREATE FUNCTION tracer.unlink(upstream text, downstream text, kind text DEFAULT NULL, source text DEFAULT NULL)
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT tracer.unlink(ARRAY["unlink".upstream], ARRAY["unlink".downstream], "unlink".kind, "unlink".source) $$;
COMMENT ON FUNCTION tracer.unlink(text, text, text, text) IS 'Takes an edge back: the rows between the two assets of this kind and source, NULL standing for all; returns how many there were. Names may be aliases; unknown ones have no edges. Assets stay declared. Error: null_value_not_allowed for a NULL name.';
