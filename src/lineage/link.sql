/*
 * Writing lineage by name, and reading it so.
 */
CREATE VIEW tracer.lineage_edges AS
SELECT u.name AS upstream, d.name AS downstream, l.kind, l.source, l.lag, l.created_at, l.last_seen_at, l.expired_at
  FROM (SELECT upstream, downstream, kind, source, lag, created_at, last_seen_at, NULL::timestamptz AS expired_at FROM tracer.lineage
        UNION ALL
        SELECT upstream, downstream, kind, source, lag, created_at, last_seen_at, expired_at FROM tracer.lineage_expired) AS l
  JOIN tracer.asset u ON u.asset_id = l.upstream
  JOIN tracer.asset d ON d.asset_id = l.downstream;
COMMENT ON VIEW tracer.lineage_edges IS 'tracer.lineage and tracer.lineage_expired with names.';
COMMENT ON COLUMN tracer.lineage_edges.upstream IS 'Canonical name of what feeds or runs.';
COMMENT ON COLUMN tracer.lineage_edges.downstream IS 'Canonical name of what is fed or run.';
COMMENT ON COLUMN tracer.lineage_edges.kind IS 'As in tracer.lineage.';
COMMENT ON COLUMN tracer.lineage_edges.source IS 'Who said so.';
COMMENT ON COLUMN tracer.lineage_edges.lag IS 'How much later than the horizon a failure may show downstream; NULL: none.';
COMMENT ON COLUMN tracer.lineage_edges.created_at IS 'When the edge was first declared.';
COMMENT ON COLUMN tracer.lineage_edges.last_seen_at IS 'When its source last said so, to within a day; NULL: it does not expire.';
COMMENT ON COLUMN tracer.lineage_edges.expired_at IS 'Since when it is no longer walked, not having been seen for lineage_ttl; NULL: it is walked.';

/*
 * What callers of link() and unlink() may get wrong about a list of edges.
 */
CREATE FUNCTION tracer.check_edges(upstream text[], downstream text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF array_ndims("check_edges".upstream) > 1 OR array_ndims("check_edges".downstream) > 1 THEN
        RAISE EXCEPTION 'arrays of upstream and downstream must have one dimension'
            USING ERRCODE = 'array_subscript_error',
                  HINT = 'The n-th upstream feeds the n-th downstream.';
    END IF;
    IF "check_edges".upstream IS NULL OR "check_edges".downstream IS NULL
       OR array_position("check_edges".upstream, NULL) IS NOT NULL OR array_position("check_edges".downstream, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'the name of an asset must not be NULL'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'Give both ends of every edge.';
    END IF;
    IF cardinality("check_edges".upstream) <> cardinality("check_edges".downstream) THEN
        RAISE EXCEPTION 'arrays of upstream and downstream differ in length: % and %', cardinality("check_edges".upstream), cardinality("check_edges".downstream)
            USING ERRCODE = 'array_subscript_error',
                  HINT = 'The n-th upstream feeds the n-th downstream.';
    END IF;
END
$$;
COMMENT ON FUNCTION tracer.check_edges(text[], text[]) IS 'Nothing, or an error where these cannot be the ends of edges: null_value_not_allowed for a NULL name, array_subscript_error for arrays of different length or of more than one dimension.';

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
    said    text[];     -- names as given, each once
    meant   text[];     -- and what they stand for
    ups     bigint[];
    downs   bigint[];
    seen    timestamptz;
    changed bigint;
    fresh   bigint;
BEGIN
    PERFORM tracer.check_edges("link".upstream, "link".downstream);
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

    LOOP
        SELECT array_agg(r.called), array_agg(r.name) INTO said, meant
          FROM tracer.resolve_names("link".upstream || "link".downstream) r;
        INSERT INTO tracer.asset (name)
        SELECT n.name
          FROM (SELECT DISTINCT u.name FROM unnest(meant) u(name)) n
         WHERE NOT EXISTS (SELECT FROM tracer.asset a WHERE a.name = n.name)
         ORDER BY n.name COLLATE "C"
        ON CONFLICT (name) DO NOTHING;

        WITH name AS MATERIALIZED (
            SELECT n.called, a.asset_id AS id
              FROM unnest(said, meant) n(called, name) JOIN tracer.asset a ON a.name = n.name
        )
        SELECT array_agg(e.u), array_agg(e.d) INTO ups, downs
          FROM (SELECT DISTINCT u.id AS u, d.id AS d
                  FROM unnest("link".upstream, "link".downstream) AS p(u, d)
                  JOIN name u ON u.called = p.u
                  JOIN name d ON d.called = p.d
                 ORDER BY u.id, d.id) AS e;

        -- Held, in order of name like all that locks assets, before their edges are:
        -- a foreign key would do so in the midst of them. Edges that are there lock
        -- nothing. What was merged into another or deleted meanwhile is looked up anew.
        PERFORM FROM tracer.asset a
          WHERE a.asset_id IN (SELECT unnest(ARRAY[p.u, p.d])
                                 FROM unnest(ups, downs) p(u, d)
                                WHERE NOT EXISTS (SELECT FROM tracer.lineage l
                                                   WHERE l.upstream = p.u AND l.downstream = p.d
                                                     AND l.kind = "link".kind AND l.source = "link".source))
          ORDER BY a.name COLLATE "C" FOR KEY SHARE;
        EXIT WHEN NOT EXISTS (SELECT FROM unnest(ups || downs) i(id)
                               WHERE NOT EXISTS (SELECT FROM tracer.asset a WHERE a.asset_id = i.id));
    END LOOP;
    SELECT a.name INTO itself
      FROM unnest(ups, downs) p(u, d) JOIN tracer.asset a ON a.asset_id = p.u
     WHERE p.u = p.d;
    IF FOUND THEN
        SELECT p.u, p.d INTO itself, alias
          FROM unnest("link".upstream, "link".downstream) p(u, d)
         WHERE tracer.canonical(p.u) = itself AND tracer.canonical(p.d) = itself LIMIT 1;
        RAISE EXCEPTION 'asset "%" cannot be upstream of itself', itself
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = format(CASE WHEN itself = alias THEN 'Both ends are "%s".' ELSE '"%s" and "%s" are names of one asset.' END, itself, alias),
                  HINT = 'Leave out edges from an asset to itself.';
    END IF;

    -- An edge seen again is marked so once a day at most, and comes back if it
    -- had expired. What another session marks meanwhile need not wait for us.
    changed := 0;
    IF "link".source <> 'manual' THEN
        seen := now();
        WITH again AS MATERIALIZED (
            SELECT l.upstream, l.downstream
              FROM unnest(ups, downs) p(u, d)
              JOIN tracer.lineage l ON l.upstream = p.u AND l.downstream = p.d
             WHERE l.kind = "link".kind AND l.source = "link".source AND l.last_seen_at < seen - interval '1 day'
               FOR UPDATE OF l SKIP LOCKED
        )
        UPDATE tracer.lineage l SET last_seen_at = seen
          FROM again g
         WHERE l.upstream = g.upstream AND l.downstream = g.downstream
           AND l.kind = "link".kind AND l.source = "link".source;
    END IF;
    IF EXISTS (SELECT FROM tracer.lineage_expired x WHERE x.source = "link".source) THEN
        WITH back AS (
            DELETE FROM tracer.lineage_expired x USING unnest(ups, downs) p(u, d)
             WHERE x.upstream = p.u AND x.downstream = p.d AND x.kind = "link".kind AND x.source = "link".source
            RETURNING x.*
        )
        INSERT INTO tracer.lineage (upstream, downstream, kind, source, lag, created_at, last_seen_at)
        SELECT b.upstream, b.downstream, b.kind, b.source, coalesce("link".lag, b.lag), b.created_at, seen
          FROM back b ORDER BY b.upstream, b.downstream
        ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS changed = ROW_COUNT;
    END IF;

    INSERT INTO tracer.lineage AS l (upstream, downstream, kind, source, lag, last_seen_at)
    SELECT p.u, p.d, "link".kind, "link".source, "link".lag, seen
      FROM unnest(ups, downs) p(u, d)
     ORDER BY p.u, p.d
    ON CONFLICT (upstream, downstream, kind, source) DO UPDATE
       SET lag = excluded.lag
     WHERE excluded.lag IS NOT NULL AND l.lag IS DISTINCT FROM excluded.lag;
    GET DIAGNOSTICS fresh = ROW_COUNT;
    changed := changed + fresh;
    RETURN changed;
END
$$;
COMMENT ON FUNCTION tracer.link(text[], text[], text, text, interval) IS 'Declares that each upstream feeds the downstream at the same place, for many edges at once; otherwise as the form for one edge. Error beside its own: array_subscript_error for arrays of different length.';

CREATE FUNCTION tracer.link(upstream text, downstream text, kind text DEFAULT 'data', source text DEFAULT 'manual', lag interval DEFAULT NULL)
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT tracer.link(ARRAY["link".upstream], ARRAY["link".downstream], "link".kind, "link".source, "link".lag) $$;
COMMENT ON FUNCTION tracer.link(text, text, text, text, interval) IS 'Declares that upstream feeds (kind data) or runs (kind runs) downstream, as said by source; returns the number of edges that are new or changed. Names may be aliases; an asset that nobody declared is. lag is rounded up to whole seconds; NULL leaves an edge that exists with the lag it has, interval ''0'' takes it away. An edge from another source than manual expires when that source has not named it for lineage_ttl. Errors: null_value_not_allowed for a NULL name; invalid_parameter_value for an empty name, an edge from an asset to itself, or a lag that is negative or above 10 years.';

CREATE FUNCTION tracer.hold_source(source text) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tracer_hold_source';
COMMENT ON FUNCTION tracer.hold_source(text) IS 'Waits for whoever replaces the lineage of a source and keeps others from it until the end of the transaction. Not for users.';

-- What tracer.link() does first, for edges of several kinds: kind by kind, names
-- would be declared and assets held in no order.
CREATE FUNCTION tracer.hold_ends(upstream text[], downstream text[], kind text[], source text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
BEGIN
    WITH name AS MATERIALIZED (
        SELECT n.called, n.name FROM tracer.resolve_names("hold_ends".upstream || "hold_ends".downstream) n
    )
    INSERT INTO tracer.asset (name)
    SELECT e.name
      FROM (SELECT DISTINCT x.name
              FROM unnest("hold_ends".upstream, "hold_ends".downstream) p(u, d)
              JOIN name u ON u.called = p.u
              JOIN name d ON d.called = p.d
             CROSS JOIN LATERAL unnest(ARRAY[u.name, d.name]) x(name)
             WHERE u.name <> d.name AND p.u <> '' AND p.d <> '') AS e
     WHERE NOT EXISTS (SELECT FROM tracer.asset a WHERE a.name = e.name)
     ORDER BY e.name COLLATE "C"
    ON CONFLICT (name) DO NOTHING;

    PERFORM FROM tracer.asset a
      WHERE a.asset_id IN (
            WITH name AS MATERIALIZED (
                SELECT n.called, n.asset_id AS id FROM tracer.resolve_assets("hold_ends".upstream || "hold_ends".downstream) n
            )
            SELECT unnest(ARRAY[u.id, d.id])
              FROM unnest("hold_ends".upstream, "hold_ends".downstream, "hold_ends".kind) p(u, d, k)
              JOIN name u ON u.called = p.u
              JOIN name d ON d.called = p.d
             WHERE u.id <> d.id
               AND NOT EXISTS (SELECT FROM tracer.lineage l
                                WHERE l.upstream = u.id AND l.downstream = d.id AND l.kind = p.k AND l.source = "hold_ends".source))
      ORDER BY a.name COLLATE "C" FOR KEY SHARE;
END
$$;
COMMENT ON FUNCTION tracer.hold_ends(text[], text[], text[], text) IS 'Declares what these edges need and keeps the assets that get new ones from being merged or deleted until the end of the transaction. Not for users.';

CREATE FUNCTION tracer.link_said(upstream text[], downstream text[], kind text[], source text) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    k       record;
    changed bigint := 0;
BEGIN
    IF (SELECT count(DISTINCT x.k) FROM unnest("link_said".kind) x(k)) > 1 THEN
        PERFORM tracer.hold_ends("link_said".upstream, "link_said".downstream, "link_said".kind, "link_said".source);
    END IF;
    FOR k IN
        WITH name AS MATERIALIZED (
            SELECT n.called, n.name FROM tracer.resolve_names("link_said".upstream || "link_said".downstream) n
        )
        SELECT p.k AS kind, array_agg(coalesce(u.name, p.u)) AS ups, array_agg(coalesce(d.name, p.d)) AS downs
          FROM unnest("link_said".upstream, "link_said".downstream, "link_said".kind) p(u, d, k)
          LEFT JOIN name u ON u.called = p.u
          LEFT JOIN name d ON d.called = p.d
         WHERE u.name IS DISTINCT FROM d.name
         GROUP BY p.k ORDER BY p.k
    LOOP
        changed := changed + tracer.link(k.ups, k.downs, k.kind, "link_said".source);
    END LOOP;
    RETURN changed;
END
$$;
COMMENT ON FUNCTION tracer.link_said(text[], text[], text[], text) IS 'For importers: declares that each upstream feeds the downstream at the same place, by the kind there, as tracer.link(); but passes over edges whose ends are one asset, as a source need not know that two of its names are. Returns how many edges are new or changed. Errors as tracer.link().';

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
    PERFORM tracer.check_edges("unlink".upstream, "unlink".downstream);

    -- Locked in one order, so that two callers cannot wait in a circle.
    WITH name AS MATERIALIZED (
        SELECT n.called, n.asset_id AS id FROM tracer.resolve_assets("unlink".upstream || "unlink".downstream) n
    ), pair AS MATERIALIZED (
        SELECT DISTINCT u.id AS up, d.id AS down
          FROM unnest("unlink".upstream, "unlink".downstream) AS p(u, d)
          JOIN name u ON u.called = p.u
          JOIN name d ON d.called = p.d
    ), victim AS MATERIALIZED (
        SELECT l.upstream, l.downstream, l.kind, l.source
          FROM tracer.lineage l
          JOIN pair p ON l.upstream = p.up AND l.downstream = p.down
         WHERE l.kind = coalesce("unlink".kind, l.kind)
           AND l.source = coalesce("unlink".source, l.source)
         ORDER BY l.upstream, l.downstream, l.kind, l.source
           FOR UPDATE OF l
    ), expired AS (
        DELETE FROM tracer.lineage_expired l USING pair p
         WHERE l.upstream = p.up AND l.downstream = p.down
           AND l.kind = coalesce("unlink".kind, l.kind)
           AND l.source = coalesce("unlink".source, l.source)
        RETURNING 1
    ), walked AS (
        DELETE FROM tracer.lineage l USING victim v
         WHERE l.upstream = v.upstream AND l.downstream = v.downstream
           AND l.kind = v.kind AND l.source = v.source
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM expired) + (SELECT count(*) FROM walked) INTO removed;
    RETURN removed;
END
$$;
COMMENT ON FUNCTION tracer.unlink(text[], text[], text, text) IS 'Takes back many edges at once; otherwise as the form for one edge. Error beside its own: array_subscript_error for arrays of different length.';

CREATE FUNCTION tracer.unlink(upstream text, downstream text, kind text DEFAULT NULL, source text DEFAULT NULL)
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT tracer.unlink(ARRAY["unlink".upstream], ARRAY["unlink".downstream], "unlink".kind, "unlink".source) $$;
COMMENT ON FUNCTION tracer.unlink(text, text, text, text) IS 'Takes an edge back: the rows between the two assets of this kind and source, expired ones included, NULL standing for all; returns how many there were. Names may be aliases; unknown ones have no edges. Assets stay declared. Error: null_value_not_allowed for a NULL name.';

CREATE FUNCTION tracer.expire_lineage() RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
WITH old AS MATERIALIZED (
    SELECT l.upstream, l.downstream, l.kind, l.source
      FROM tracer.lineage l
     WHERE l.last_seen_at < now() - tracer.get('lineage_ttl')::interval
     ORDER BY l.upstream, l.downstream, l.kind, l.source
       FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM tracer.lineage l USING old o
     WHERE (l.upstream, l.downstream, l.kind, l.source) = (o.upstream, o.downstream, o.kind, o.source)
    RETURNING l.*
), kept AS (
    INSERT INTO tracer.lineage_expired (upstream, downstream, kind, source, lag, created_at, last_seen_at)
    SELECT g.upstream, g.downstream, g.kind, g.source, g.lag, g.created_at, g.last_seen_at FROM gone g
    ON CONFLICT (upstream, downstream, kind, source) DO UPDATE SET last_seen_at = excluded.last_seen_at, expired_at = now()
    RETURNING 1
), orphan AS (
    DELETE FROM tracer.lineage_expired x
     WHERE NOT EXISTS (SELECT FROM tracer.asset a WHERE a.asset_id = x.upstream)
        OR NOT EXISTS (SELECT FROM tracer.asset a WHERE a.asset_id = x.downstream)
)
SELECT count(*) FROM kept
$$;
COMMENT ON FUNCTION tracer.expire_lineage() IS 'Takes the edges that their source has not named for the setting lineage_ttl out of the walked lineage (to tracer.lineage_expired); returns how many. Edges without last_seen_at never expire. Run it daily, or leave it to importers, which end with it.';
