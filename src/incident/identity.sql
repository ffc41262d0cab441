/*
 * Names that correlation could not place, and what people and importers do about
 * them. What a name stands for: src/lineage/identity.sql.
 */
CREATE VIEW tracer.unresolved_names AS
SELECT n.name, n.alerts, n.first_seen, n.last_seen, n.sources,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('asset', s.asset, 'score', round(s.score::numeric, 2))
                                  ORDER BY s.score DESC, s.asset COLLATE "C"), '[]')
          FROM tracer.suggest_assets(n.name) s) AS suggestions
  FROM (SELECT k.asset AS name,
               sum(e.alert_count)::bigint AS alerts,
               min(e.started_at) AS first_seen,
               max(e.last_fired_at) AS last_seen,
               array_agg(DISTINCT k.source) AS sources
          FROM tracer.alert_key k
          JOIN tracer.episode e ON e.key_id = k.key_id
         WHERE k.asset IS NOT NULL
           AND k.asset_id IS NULL
         GROUP BY k.asset) AS n
 WHERE NOT EXISTS (SELECT FROM tracer.asset t WHERE t.name = tracer.canonical(n.name));
COMMENT ON VIEW tracer.unresolved_names IS 'Names in alerts that stand for no asset: such alerts stand alone until the name is declared. tracer.accept_alias() does so.';
COMMENT ON COLUMN tracer.unresolved_names.name IS 'The name as the tool spells it, or what a rule made of it.';
COMMENT ON COLUMN tracer.unresolved_names.alerts IS 'Alerts that fired with it.';
COMMENT ON COLUMN tracer.unresolved_names.first_seen IS 'When the first of them fired.';
COMMENT ON COLUMN tracer.unresolved_names.last_seen IS 'When the latest fired.';
COMMENT ON COLUMN tracer.unresolved_names.sources IS 'Tools that use it.';
COMMENT ON COLUMN tracer.unresolved_names.suggestions IS 'The assets most like it, at most three, the best first: [{"asset": ..., "score": 0 to 1}]; empty where none is. Proposals only (tracer.suggest_assets).';

/*
 * Two assets become one, for any number of pairs. What refers to assets by id or
 * by name, and outlives a pass, is moved first; then alerts young enough to be
 * placed anew find the asset by its new alias, and at last the keys of older ones
 * are moved by tracer.move_keys().
 */
CREATE FUNCTION tracer.join_assets(keep text[], duplicate text[], namespace text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    keeps   bigint[];
    drops   bigint[];
BEGIN
    PERFORM tracer.hold_correlation();
    -- Aliases, then assets, then edges, as importers take them.
    PERFORM FROM tracer.asset_alias l
      WHERE l.asset = ANY ("join_assets".duplicate) ORDER BY l.alias COLLATE "C" FOR UPDATE;
    -- Locked in order of name, like all that locks assets.
    PERFORM FROM tracer.asset a
      WHERE a.name = ANY ("join_assets".keep || "join_assets".duplicate) ORDER BY a.name COLLATE "C" FOR UPDATE;
    SELECT array_agg(k.asset_id ORDER BY d.asset_id), array_agg(d.asset_id ORDER BY d.asset_id) INTO keeps, drops
      FROM unnest("join_assets".keep, "join_assets".duplicate) p(k, d)
      JOIN tracer.asset k ON k.name = p.k
      JOIN tracer.asset d ON d.name = p.d;
    IF drops IS NULL THEN
        RETURN;
    END IF;
    -- Then their edges, like all that takes several: the deletion would in an order of its own.
    PERFORM FROM tracer.lineage e
      WHERE e.upstream = ANY (keeps || drops) OR e.downstream = ANY (keeps || drops)
      ORDER BY e.upstream, e.downstream, e.kind, e.source FOR UPDATE;

    -- What the kept asset does not say, the other does.
    UPDATE tracer.asset a
       SET kind = coalesce(a.kind, d.kind), owner = coalesce(a.owner, d.owner), tier = coalesce(a.tier, d.tier),
           due = coalesce(a.due, d.due), description = coalesce(a.description, d.description),
           runbook_url = coalesce(a.runbook_url, d.runbook_url),
           tags = CASE WHEN jsonb_typeof(a.tags) = 'object' AND jsonb_typeof(d.tags) = 'object' THEN d.tags || a.tags
                       ELSE coalesce(a.tags, d.tags) END,
           created_at = least(a.created_at, d.created_at)
      FROM unnest(keeps, drops) p(k, d) JOIN tracer.asset d ON d.asset_id = p.d
     WHERE a.asset_id = p.k;

    -- Edges, those that would lead from the asset to itself apart.
    INSERT INTO tracer.lineage AS l (upstream, downstream, kind, source, lag, created_at, last_seen_at)
    SELECT DISTINCT ON (1, 2, 3, 4) coalesce(u.k, e.upstream), coalesce(w.k, e.downstream), e.kind, e.source, e.lag, e.created_at, e.last_seen_at
      FROM tracer.lineage e
      LEFT JOIN unnest(keeps, drops) u(k, d) ON u.d = e.upstream
      LEFT JOIN unnest(keeps, drops) w(k, d) ON w.d = e.downstream
     WHERE (e.upstream = ANY (drops) OR e.downstream = ANY (drops))
       AND coalesce(u.k, e.upstream) <> coalesce(w.k, e.downstream)
     ORDER BY 1, 2, 3, 4, e.lag DESC NULLS LAST, e.created_at
    ON CONFLICT (upstream, downstream, kind, source) DO UPDATE
       SET lag = CASE WHEN excluded.lag IS NULL OR l.lag >= excluded.lag THEN l.lag ELSE excluded.lag END,
           created_at = least(l.created_at, excluded.created_at),
           last_seen_at = CASE WHEN l.last_seen_at IS NULL OR excluded.last_seen_at IS NULL THEN NULL
                               ELSE greatest(l.last_seen_at, excluded.last_seen_at) END;
    INSERT INTO tracer.lineage_expired (upstream, downstream, kind, source, lag, created_at, last_seen_at, expired_at)
    SELECT coalesce(u.k, e.upstream), coalesce(w.k, e.downstream), e.kind, e.source, e.lag, e.created_at, e.last_seen_at, e.expired_at
      FROM tracer.lineage_expired e
      LEFT JOIN unnest(keeps, drops) u(k, d) ON u.d = e.upstream
      LEFT JOIN unnest(keeps, drops) w(k, d) ON w.d = e.downstream
     WHERE (e.upstream = ANY (drops) OR e.downstream = ANY (drops))
       AND coalesce(u.k, e.upstream) <> coalesce(w.k, e.downstream)
    ON CONFLICT DO NOTHING;

    INSERT INTO tracer.column_lineage (downstream, downstream_column, upstream, upstream_column, source, created_at)
    SELECT coalesce(w.k, e.downstream), e.downstream_column, coalesce(u.k, e.upstream), e.upstream_column, e.source, e.created_at
      FROM tracer.column_lineage e
      LEFT JOIN unnest(keeps, drops) u(k, d) ON u.d = e.upstream
      LEFT JOIN unnest(keeps, drops) w(k, d) ON w.d = e.downstream
     WHERE (e.upstream = ANY (drops) OR e.downstream = ANY (drops))
       AND coalesce(u.k, e.upstream) <> coalesce(w.k, e.downstream)
    ON CONFLICT DO NOTHING;
    DELETE FROM tracer.column_lineage e WHERE e.upstream = ANY (drops) OR e.downstream = ANY (drops);
    DELETE FROM tracer.lineage_expired e WHERE e.upstream = ANY (drops) OR e.downstream = ANY (drops);

    -- Names: those of the duplicate, and its own.
    UPDATE tracer.asset_alias l SET asset = p.k
      FROM unnest("join_assets".keep, "join_assets".duplicate) p(k, d)
     WHERE l.asset = p.d;
    DELETE FROM tracer.asset_alias l WHERE l.alias = l.asset;
    INSERT INTO tracer.asset_alias AS l (alias, asset, namespace)
    SELECT d.name, k.name, "join_assets".namespace
      FROM unnest(keeps, drops) p(k, d) JOIN tracer.asset k ON k.asset_id = p.k JOIN tracer.asset d ON d.asset_id = p.d
    ON CONFLICT (alias) DO UPDATE SET asset = excluded.asset, namespace = excluded.namespace;

    -- What incidents, decisions and evidence remember.
    UPDATE tracer.incident i SET suspect_id = p.k FROM unnest(keeps, drops) p(k, d) WHERE i.suspect_id = p.d;
    UPDATE tracer.episode e SET suspect_id = p.k FROM unnest(keeps, drops) p(k, d) WHERE e.suspect_id = p.d;
    UPDATE tracer.evidence_row e SET asset_id = p.k, asset = k.name
      FROM unnest(keeps, drops) p(k, d) JOIN tracer.asset k ON k.asset_id = p.k
     WHERE e.asset_id = p.d;
    UPDATE tracer.decision d SET root_asset = p.k
      FROM unnest("join_assets".keep, "join_assets".duplicate) p(k, d)
     WHERE d.root_asset = p.d;

    -- What was decided about learned lineage. Of two decisions that are about one
    -- pair now, that stays which an edge may rest on, else the later one.
    WITH renamed AS (
        SELECT l.learned_id, coalesce(u.k, l.upstream) AS up, coalesce(w.k, l.downstream) AS down,
               row_number() OVER (PARTITION BY coalesce(u.k, l.upstream), coalesce(w.k, l.downstream)
                                  ORDER BY l.verdict COLLATE "C", l.decided_at DESC, l.learned_id DESC) AS n
          FROM tracer.learned_lineage l
          LEFT JOIN unnest("join_assets".keep, "join_assets".duplicate) u(k, d) ON u.d = l.upstream
          LEFT JOIN unnest("join_assets".keep, "join_assets".duplicate) w(k, d) ON w.d = l.downstream
    )
    DELETE FROM tracer.learned_lineage l USING renamed r
     WHERE r.learned_id = l.learned_id AND (r.n > 1 OR r.up = r.down);
    UPDATE tracer.learned_lineage l SET upstream = p.k
      FROM unnest("join_assets".keep, "join_assets".duplicate) p(k, d) WHERE l.upstream = p.d;
    UPDATE tracer.learned_lineage l SET downstream = p.k
      FROM unnest("join_assets".keep, "join_assets".duplicate) p(k, d) WHERE l.downstream = p.d;

    DELETE FROM tracer.asset a WHERE a.asset_id = ANY (drops);
    PERFORM tracer.regroup('{}');
    PERFORM tracer.move_keys("join_assets".keep, "join_assets".duplicate);
END
$$;
COMMENT ON FUNCTION tracer.join_assets(text[], text[], text) IS 'The work of tracer.merge_assets(): each duplicate becomes an alias of the asset at the same place, in that namespace, and alerts are placed anew. Not for users.';

-- The keys of alerts too old to be placed anew. The key that a tool's own
-- dedup_key leads to may be there under the kept asset already: then it gets
-- their alerts and episodes.
CREATE FUNCTION tracer.move_keys(keep text[], duplicate text[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    k record;
BEGIN
    FOR k IN
        SELECT o.key_id AS old, a.name, a.asset_id,
               (SELECT min(n.key_id) FROM tracer.alert_key n
                 WHERE n.source = o.source AND n.dedup_key = o.dedup_key AND n.asset = a.name
                   AND hashtextextended(n.dedup_key, 0) = hashtextextended(o.dedup_key, 0)
                   AND hashtextextended(n.source, 0) = hashtextextended(o.source, 0)) AS new
          FROM unnest("move_keys".keep, "move_keys".duplicate) p(k, d)
          JOIN tracer.alert_key o ON o.asset = p.d
          JOIN tracer.asset a ON a.name = p.k
    LOOP
        IF k.new IS NULL THEN
            UPDATE tracer.alert_key SET asset = k.name, asset_id = k.asset_id WHERE key_id = k.old;
        ELSE
            UPDATE tracer.placement SET key_id = k.new WHERE key_id = k.old;
            UPDATE tracer.episode SET key_id = k.new WHERE key_id = k.old;
            UPDATE tracer.alert_key n SET last_event_at = greatest(n.last_event_at, o.last_event_at)
              FROM tracer.alert_key o WHERE n.key_id = k.new AND o.key_id = k.old;
            DELETE FROM tracer.alert_key WHERE key_id = k.old;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION tracer.move_keys(text[], text[]) IS 'Gives the keys of old alerts on each duplicate to the asset at the same place, once a pass has placed the young ones anew. Not for users.';

CREATE FUNCTION tracer.merge_assets(keep text, duplicate text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    one    text := tracer.canonical(keep);
    other  text := tracer.canonical(duplicate);
    called text;
BEGIN
    FOREACH called IN ARRAY ARRAY[keep, duplicate] LOOP
        IF NOT EXISTS (SELECT FROM tracer.asset a WHERE a.name = tracer.canonical(called)) THEN
            RAISE EXCEPTION 'asset "%" does not exist', coalesce(called, 'NULL')
                USING ERRCODE = 'undefined_object',
                      HINT = 'A name without an asset of its own becomes another name of one with tracer.accept_alias().';
        END IF;
    END LOOP;
    IF one = other THEN
        RAISE EXCEPTION '"%" and "%" are one asset already', keep, duplicate
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'SELECT tracer.canonical(name) tells what a name stands for.';
    END IF;
    PERFORM tracer.join_assets(ARRAY[one], ARRAY[other], 'manual');
END
$$;
COMMENT ON FUNCTION tracer.merge_assets(text, text) IS 'Says that two assets are one: duplicate becomes another name of keep, which takes over its edges, aliases, alerts, incidents and history, and its owner, tier and the like where it has none itself. What alerted on either within max_incident_age is correlated anew. It cannot be undone. Errors: undefined_object for a name without asset, invalid_parameter_value where both are one.';

CREATE FUNCTION tracer.accept_alias(alias text, asset text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target text;
BEGIN
    -- First, as tracer.merge_assets() does: it moves aliases, and decides what the asset is called.
    PERFORM tracer.hold_correlation();
    target := tracer.canonical(accept_alias.asset);
    IF coalesce(accept_alias.alias, '') = '' THEN
        RAISE EXCEPTION 'the name to accept must not be NULL or empty'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'SELECT name, suggestions FROM tracer.unresolved_names lists the names that wait for an asset.';
    END IF;
    IF NOT EXISTS (SELECT FROM tracer.asset a WHERE a.name = target) THEN
        RAISE EXCEPTION 'asset "%" does not exist', coalesce(accept_alias.asset, 'NULL')
            USING ERRCODE = 'undefined_object',
                  HINT = 'Declare it with INSERT INTO tracer.asset (name), or name one of tracer.suggest_assets().';
    END IF;
    IF EXISTS (SELECT FROM tracer.asset a WHERE a.name = accept_alias.alias) THEN
        RAISE EXCEPTION '"%" is an asset itself', accept_alias.alias
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format('Where both are one: SELECT tracer.merge_assets(%L, %L).', target, accept_alias.alias);
    END IF;
    INSERT INTO tracer.asset_alias AS l (alias, asset, namespace) VALUES (accept_alias.alias, target, 'manual')
    ON CONFLICT ON CONSTRAINT asset_alias_pkey DO UPDATE SET asset = excluded.asset, namespace = excluded.namespace;
    PERFORM tracer.regroup('{}');
END
$$;
COMMENT ON FUNCTION tracer.accept_alias(text, text) IS 'Says that a name stands for an asset, from now on and for what alerted under it within max_incident_age, which is correlated anew. Takes the place of what an importer or an earlier call said of the name. Errors: null_value_not_allowed for a missing name, undefined_object for an unknown asset, invalid_parameter_value where the name is an asset itself (tracer.merge_assets).';

CREATE FUNCTION tracer.merge_by_rules() RETURNS TABLE (keep text, duplicate text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    keeps text[];
    drops text[];
BEGIN
    -- A rule may lead to a name that another one leads on from: what is to be
    -- kept is never taken away in the same call.
    SELECT array_agg(x.name), array_agg(x.called) INTO keeps, drops
      FROM (SELECT a.name AS called, d.name
              FROM tracer.asset a
             CROSS JOIN LATERAL (SELECT regexp_replace(a.name, u.pattern, u.template) AS made
                                   FROM tracer.alias_rule u
                                  WHERE a.name ~ u.pattern AND regexp_replace(a.name, u.pattern, u.template) <> ''
                                  ORDER BY u.position, u.name COLLATE "C" LIMIT 1) r
             CROSS JOIN LATERAL (SELECT tracer.canonical(r.made) AS name) d
             WHERE d.name <> a.name) AS x;
    INSERT INTO tracer.asset (name)
    SELECT DISTINCT k.name FROM unnest(keeps) k(name)
     WHERE NOT EXISTS (SELECT FROM tracer.asset a WHERE a.name = k.name)
     ORDER BY 1
    ON CONFLICT (name) DO NOTHING;
    SELECT array_agg(p.k), array_agg(p.d) INTO keeps, drops
      FROM unnest(keeps, drops) p(k, d)
     WHERE p.k <> ALL (drops);
    IF drops IS NOT NULL THEN
        PERFORM tracer.join_assets(keeps, drops, 'rule');
    END IF;
    RETURN QUERY SELECT * FROM unnest(keeps, drops);
END
$$;
COMMENT ON FUNCTION tracer.merge_by_rules() IS 'Joins every asset whose name a rule of tracer.alias_rule turns into another name with the asset of that name, which is declared if need be; returns what was joined. For rules that are written after assets were declared under both names. As tracer.merge_assets().';

CREATE FUNCTION tracer.merge_by_claims(namespace text DEFAULT NULL) RETURNS TABLE (keep text, duplicate text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    keeps text[];
    drops text[];
BEGIN
    -- What is to be kept is never taken away in the same call. Where two names
    -- lead crosswise, one way is enough.
    WITH pair AS MATERIALIZED (
        SELECT DISTINCT c.stands_for AS k, c.asset AS d
          FROM tracer.alias_conflicts c
         WHERE c.namespace = coalesce("merge_by_claims".namespace, c.namespace)
    ), one AS (
        SELECT DISTINCT ON (p.d COLLATE "C") p.k, p.d
          FROM pair p
         WHERE p.k COLLATE "C" < p.d COLLATE "C" OR NOT EXISTS (SELECT FROM pair q WHERE q.k = p.d AND q.d = p.k)
         ORDER BY p.d COLLATE "C", p.k COLLATE "C"
    )
    SELECT array_agg(o.k), array_agg(o.d) INTO keeps, drops
      FROM one o
     WHERE NOT EXISTS (SELECT FROM one q WHERE q.d = o.k);
    IF drops IS NOT NULL THEN
        PERFORM tracer.join_assets(keeps, drops, coalesce("merge_by_claims".namespace, 'manual'));
    END IF;
    RETURN QUERY SELECT * FROM unnest(keeps, drops);
END
$$;
COMMENT ON FUNCTION tracer.merge_by_claims(text) IS 'Believes what a tool says in tracer.alias_conflicts (NULL: all tools): each asset that it means is merged into the one that the name stands for, as by tracer.merge_assets(), which cannot be undone; returns what was joined. Call it again where one asset is in several conflicts.';
