/*
 * What tools say about names.
 *
 * Names are joined by what is said of them, and joining that cannot be undone is
 * left to people. A tool's word therefore counts where it says something new: a
 * name that stood for nothing becomes an alias, and an asset that was not there
 * yet becomes another name of the one that its own aliases lead to. Where the
 * name stands for another asset already, two tools contradict each other, or say
 * that two assets are one: that is a claim, kept in tracer.alias_claim and shown
 * by tracer.alias_conflicts, until somebody merges the two or says no.
 */
CREATE TABLE tracer.alias_claim (
    alias         text NOT NULL,
    namespace     text NOT NULL,
    asset         text NOT NULL,
    first_said_at timestamptz NOT NULL DEFAULT now(),
    last_said_at  timestamptz NOT NULL DEFAULT now(),
    rejected_by   text,
    PRIMARY KEY (alias, namespace)
);
SELECT pg_catalog.pg_extension_config_dump('tracer.alias_claim', '');

COMMENT ON TABLE tracer.alias_claim IS 'What tools say of names that stand for another asset already. Changes nothing by itself; tracer.alias_conflicts shows what of it is open.';
COMMENT ON COLUMN tracer.alias_claim.alias IS 'The name.';
COMMENT ON COLUMN tracer.alias_claim.namespace IS 'The tool or importer that says so.';
COMMENT ON COLUMN tracer.alias_claim.asset IS 'What it says that the name stands for, as it spells it.';
COMMENT ON COLUMN tracer.alias_claim.first_said_at IS 'When it first said so.';
COMMENT ON COLUMN tracer.alias_claim.last_said_at IS 'When it last did, to within a day.';
COMMENT ON COLUMN tracer.alias_claim.rejected_by IS 'Who said no (tracer.reject_alias); NULL: nobody.';

CREATE VIEW tracer.alias_conflicts AS
SELECT c.alias, c.namespace, k.name AS asset, d.name AS stands_for,
       CASE WHEN d.name = c.alias THEN 'it is the name of that asset'
            WHEN l.alias IS NOT NULL THEN 'alias, as said by ' || l.namespace
            WHEN tracer.fold_name(d.name) = tracer.fold_name(c.alias)
                 OR EXISTS (SELECT FROM tracer.asset_alias s WHERE s.asset = d.name AND tracer.fold_name(s.alias) = tracer.fold_name(c.alias)) THEN 'it is spelt so'
            ELSE 'a rule makes it so' END AS because,
       c.first_said_at, c.last_said_at
  FROM tracer.alias_claim c
  JOIN tracer.asset k ON k.name = tracer.canonical(c.asset)
  JOIN tracer.asset d ON d.name = tracer.canonical(c.alias)
  LEFT JOIN tracer.asset_alias l ON l.alias = c.alias
 WHERE k.asset_id <> d.asset_id
   AND c.rejected_by IS NULL
   AND l.namespace IS DISTINCT FROM 'manual';
COMMENT ON VIEW tracer.alias_conflicts IS 'Names of which a tool says that they stand for one asset, while they stand for another: either the two assets are one (tracer.merge_assets, tracer.merge_by_claims) or the tool is wrong (tracer.reject_alias). Until somebody decides, the name stands for what it did.';
COMMENT ON COLUMN tracer.alias_conflicts.alias IS 'The name.';
COMMENT ON COLUMN tracer.alias_conflicts.namespace IS 'The tool or importer that says otherwise.';
COMMENT ON COLUMN tracer.alias_conflicts.asset IS 'The asset that it means.';
COMMENT ON COLUMN tracer.alias_conflicts.stands_for IS 'The asset that the name stands for.';
COMMENT ON COLUMN tracer.alias_conflicts.because IS 'Why it does.';
COMMENT ON COLUMN tracer.alias_conflicts.first_said_at IS 'When the tool first said otherwise.';
COMMENT ON COLUMN tracer.alias_conflicts.last_said_at IS 'When it last did, to within a day: a claim that is not repeated may be out of date.';

CREATE FUNCTION tracer.add_aliases(alias text[], asset text[], namespace text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    pairs   record;     -- each pair once, with what its names stand for; known: that is an asset
    joined  bigint;
    changed bigint;
BEGIN
    IF coalesce("add_aliases".namespace, '') = '' THEN
        RAISE EXCEPTION 'the namespace of aliases must not be NULL or empty'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give the name of the tool or importer that knows them.';
    END IF;
    IF "add_aliases".alias IS NULL OR "add_aliases".asset IS NULL
       OR cardinality("add_aliases".alias) <> cardinality("add_aliases".asset)
       OR array_position("add_aliases".alias, NULL) IS NOT NULL OR array_position("add_aliases".asset, NULL) IS NOT NULL
       OR '' = ANY ("add_aliases".alias) OR '' = ANY ("add_aliases".asset) THEN
        RAISE EXCEPTION 'aliases and assets must be arrays of one length, without NULL or empty names'
            USING ERRCODE = 'array_subscript_error',
                  HINT = 'The n-th alias is another name of the n-th asset.';
    END IF;

    WITH name AS MATERIALIZED (
        SELECT n.called, n.name, t.name IS NOT NULL AS known
          FROM tracer.resolve_names("add_aliases".alias || "add_aliases".asset) n
          LEFT JOIN tracer.asset t ON t.name = n.name
    ), pair AS MATERIALIZED (
        SELECT DISTINCT p.alias, p.asset, o.name AS other, o.known AS taken, k.name AS place, k.known
          FROM unnest("add_aliases".alias, "add_aliases".asset) p(alias, asset)
          JOIN name o ON o.called = p.alias
          JOIN name k ON k.called = p.asset
    ), attached AS (
        -- An asset that is not there yet and whose names lead to one that is. Not
        -- by what this tool itself said of them before, which it may now change.
        INSERT INTO tracer.asset_alias (alias, asset, namespace)
        SELECT p.asset, min(p.other), "add_aliases".namespace
          FROM pair p
          LEFT JOIN tracer.asset_alias l ON l.alias = p.alias
         WHERE NOT p.known AND p.place = p.asset AND p.taken AND l.namespace IS DISTINCT FROM "add_aliases".namespace
         GROUP BY p.asset
        HAVING min(p.other) = max(p.other)
        ON CONFLICT DO NOTHING
        RETURNING alias, asset
    )
    SELECT array_agg(p.alias) AS alias, array_agg(p.asset) AS asset, array_agg(coalesce(a.asset, p.place)) AS place,
           array_agg(p.other) AS other, array_agg(p.taken) AS taken, count(DISTINCT a.alias) AS attached
      INTO pairs
      FROM pair p LEFT JOIN attached a ON a.alias = p.asset;
    joined := pairs.attached;

    -- What contradicts: the name stands for another asset, which this call may
    -- be about to declare, and neither a person nor this tool itself says so.
    INSERT INTO tracer.alias_claim AS c (alias, namespace, asset)
    SELECT DISTINCT ON (p.alias COLLATE "C") p.alias, "add_aliases".namespace, p.asset
      FROM unnest(pairs.alias, pairs.asset, pairs.place, pairs.other, pairs.taken) p(alias, asset, place, other, taken)
      LEFT JOIN tracer.asset_alias l ON l.alias = p.alias
      LEFT JOIN (SELECT DISTINCT q.asset FROM unnest(pairs.asset) q(asset)) q ON q.asset = p.alias
     WHERE p.other <> p.place
       AND (p.taken AND (p.other = p.alias OR l.alias IS NULL OR l.namespace NOT IN ("add_aliases".namespace, 'manual'))
            OR q.asset IS NOT NULL)
     ORDER BY p.alias COLLATE "C", p.asset COLLATE "C"
    ON CONFLICT ON CONSTRAINT alias_claim_pkey DO UPDATE
       SET asset = excluded.asset, last_said_at = excluded.last_said_at,
           rejected_by = CASE WHEN c.asset = excluded.asset THEN c.rejected_by END,
           first_said_at = CASE WHEN c.asset = excluded.asset THEN c.first_said_at ELSE excluded.first_said_at END
     WHERE c.asset <> excluded.asset OR c.last_said_at < excluded.last_said_at - interval '1 day';

    INSERT INTO tracer.asset_alias AS l (alias, asset, namespace)
    SELECT DISTINCT ON (p.alias COLLATE "C") p.alias, p.place, "add_aliases".namespace
      FROM unnest(pairs.alias, pairs.asset, pairs.place, pairs.other, pairs.taken) p(alias, asset, place, other, taken)
      LEFT JOIN tracer.asset_alias o ON o.alias = p.alias
      LEFT JOIN (SELECT DISTINCT q.asset FROM unnest(pairs.asset) q(asset)) q ON q.asset = p.alias
      LEFT JOIN tracer.asset t ON t.name = p.alias
     WHERE p.alias <> p.place AND t.name IS NULL
       AND (q.asset IS NULL AND (NOT p.taken OR p.other = p.place) OR o.namespace = "add_aliases".namespace AND o.asset <> p.place)
     ORDER BY p.alias COLLATE "C", p.place COLLATE "C"
    ON CONFLICT (alias) DO UPDATE SET asset = excluded.asset
     WHERE l.namespace = excluded.namespace AND l.asset <> excluded.asset;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed + coalesce(joined, 0);
END
$$;
COMMENT ON FUNCTION tracer.add_aliases(text[], text[], text) IS 'For importers: says that each alias is another name of the asset at the same place, as known to namespace; returns how many aliases are new or changed. An asset that is not there yet becomes itself another name of the one asset that its aliases stand for, if there is one: call it before assets are declared. An alias that the same namespace gave before moves. What a person said stays; where a name stands for another asset, that is kept as a claim (tracer.alias_conflicts), and nothing is joined. Errors: array_subscript_error for arrays that do not fit, invalid_parameter_value without a namespace.';

CREATE FUNCTION tracer.reject_alias(alias text, asset text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE tracer.alias_claim c SET rejected_by = session_user
     WHERE c.alias = reject_alias.alias AND tracer.canonical(c.asset) = tracer.canonical(reject_alias.asset);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no tool says that "%" stands for "%"', coalesce(reject_alias.alias, 'NULL'), coalesce(reject_alias.asset, 'NULL')
            USING ERRCODE = 'undefined_object',
                  HINT = 'SELECT alias, asset FROM tracer.alias_conflicts lists what tools say.';
    END IF;
END
$$;
COMMENT ON FUNCTION tracer.reject_alias(text, text) IS 'Says no to what tools say of a name (tracer.alias_conflicts): it does not stand for that asset. Holds for as long as they say the same. Error: undefined_object where none does.';
