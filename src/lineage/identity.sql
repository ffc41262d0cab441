/*
 * Identity: from the name that a tool uses to the one canonical asset behind it.
 *
 * A name stands for, in this order,
 *
 *   1  the asset that is called exactly so;
 *   2  what tracer.asset_alias says;
 *   3  what the first matching row of tracer.alias_rule makes of it, which may
 *      again be an asset's name or an alias, exactly or as in 4;
 *   4  the one asset whose name, or one of whose aliases, is the same but for
 *      quotes and case (tracer.fold_name), if it is the only one;
 *   5  itself.
 *
 * Each step is a statement or a convention of spelling; likeness decides
 * nothing (tracer.suggest_assets() only proposes). The outcome is a function of
 * the four tables as they stand, so correlation that asks again after a change
 * ends where it would have ended from scratch.
 */
CREATE FUNCTION tracer.fold_name(name text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tracer_fold_name';
COMMENT ON FUNCTION tracer.fold_name(text) IS 'A name without the differences that tools make in spelling it: parts between dots and slashes lose their enclosing quotes ("", ``, []), ASCII letters become lower case. Same for every locale.';

CREATE INDEX asset_folded ON tracer.asset (tracer.fold_name(name));
CREATE INDEX asset_alias_folded ON tracer.asset_alias (tracer.fold_name(alias));

CREATE TABLE tracer.alias_rule (
    name        text PRIMARY KEY CHECK (name <> ''),
    pattern     text NOT NULL CHECK (pattern <> '' AND '' ~ pattern IS NOT NULL),
    template    text NOT NULL,
    position    int NOT NULL DEFAULT 100,
    description text
);
SELECT pg_catalog.pg_extension_config_dump('tracer.alias_rule', '');

COMMENT ON TABLE tracer.alias_rule IS 'How names of a whole namespace are turned into canonical ones: the first rule whose pattern matches a name that is neither asset nor alias gives regexp_replace(name, pattern, template). A change takes effect at the next pass, for alerts younger than max_incident_age; assets that were declared under such names before are joined by tracer.merge_by_rules().';
COMMENT ON COLUMN tracer.alias_rule.name IS 'Name of the rule.';
COMMENT ON COLUMN tracer.alias_rule.pattern IS 'Regular expression, as the operator ~ takes it: matches anywhere in the name unless anchored with ^ and $.';
COMMENT ON COLUMN tracer.alias_rule.template IS 'What takes the place of what matched, \1 to \9 standing for what the parentheses matched, as in regexp_replace(). A rule that leaves nothing is passed over.';
COMMENT ON COLUMN tracer.alias_rule.position IS 'Rules are tried in this order, then by name.';
COMMENT ON COLUMN tracer.alias_rule.description IS 'For people.';

/*
 * Steps 3 and 4, for many names at once or one: what is spelt the same is found
 * by index or by hash, as the planner sees fit.
 */
CREATE FUNCTION tracer.derived_names(names text[]) RETURNS TABLE (called text, name text)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT r.called,
           coalesce(min(a.name), min(s.asset), CASE WHEN min(f.name) = max(f.name) THEN min(f.name) END, r.ruled)
      FROM (SELECT x.called, x.ruled, tracer.fold_name(coalesce(x.ruled, x.called)) AS folded
              FROM (SELECT n.called,
                           (SELECT nullif(regexp_replace(n.called, u.pattern, u.template), '')
                              FROM tracer.alias_rule u
                             WHERE n.called ~ u.pattern AND regexp_replace(n.called, u.pattern, u.template) <> ''
                             ORDER BY u.position, u.name COLLATE "C"
                             LIMIT 1) AS ruled
                      FROM unnest(derived_names.names) AS n (called)
                    OFFSET 0) AS x              -- so that the rules are gone through once
            OFFSET 0) AS r
      LEFT JOIN tracer.asset a ON a.name = r.ruled
      LEFT JOIN tracer.asset_alias s ON s.alias = r.ruled
      LEFT JOIN (SELECT tracer.fold_name(t.name) AS folded, t.name FROM tracer.asset t
                 UNION ALL
                 SELECT tracer.fold_name(l.alias), l.asset FROM tracer.asset_alias l) AS f ON f.folded = r.folded
     GROUP BY r.called, r.ruled;
END;
COMMENT ON FUNCTION tracer.derived_names(text[]) IS 'What rules and spelling make of names that are neither assets nor aliases: each once, with NULL where they say nothing, so that it stands for itself. tracer.canonical() and tracer.resolve_names() are the functions to call.';

CREATE FUNCTION tracer.canonical(name text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(
    (SELECT a.name FROM tracer.asset a WHERE a.name = canonical.name),
    (SELECT s.asset FROM tracer.asset_alias s WHERE s.alias = canonical.name),
    (SELECT d.name FROM tracer.derived_names(ARRAY[canonical.name]) d),
    canonical.name);
COMMENT ON FUNCTION tracer.canonical(text) IS 'The canonical name that a name stands for: itself if an asset is called so, else what tracer.asset_alias says, else what tracer.alias_rule makes of it, else the one asset spelt the same but for quotes and case, else itself. NULL for NULL.';

CREATE FUNCTION tracer.resolve_names(names text[]) RETURNS TABLE (called text, name text)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH n AS MATERIALIZED (
        SELECT u.called, coalesce(a.name, s.asset) AS name
          FROM (SELECT DISTINCT x.called FROM unnest(resolve_names.names) AS x (called)) AS u
          LEFT JOIN tracer.asset a ON a.name = u.called
          LEFT JOIN tracer.asset_alias s ON s.alias = u.called
    )
    SELECT n.called, n.name FROM n WHERE n.name IS NOT NULL
    UNION ALL
    SELECT d.called, coalesce(d.name, d.called)
      FROM tracer.derived_names((SELECT array_agg(n.called) FROM n WHERE n.name IS NULL)) d;
END;
COMMENT ON FUNCTION tracer.resolve_names(text[]) IS 'Each of these names once, with the canonical name that it stands for (tracer.canonical), for many at once.';

CREATE FUNCTION tracer.resolve_assets(names text[]) RETURNS TABLE (called text, asset_id bigint)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT n.called, a.asset_id FROM tracer.resolve_names(resolve_assets.names) n JOIN tracer.asset a ON a.name = n.name;
END;
COMMENT ON FUNCTION tracer.resolve_assets(text[]) IS 'Each of these names that stands for a declared asset once, with that asset''s id.';

CREATE FUNCTION tracer.name_similarity(a text, b text) RETURNS real
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tracer_name_similarity';
COMMENT ON FUNCTION tracer.name_similarity(text, text) IS 'How alike two names are, 0 to 1: the share of trigrams that they have in common, or the mean of that and of the share of the shorter one''s words that the other has too, whichever is more; quotes and case apart. 1 only where they are the same but for those.';

CREATE FUNCTION tracer.suggest_assets(name text, n int DEFAULT 3) RETURNS TABLE (asset text, score real)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 3
SET search_path = pg_catalog, pg_temp
AS $$
SELECT c.asset, max(c.score)
  FROM (SELECT a.name AS asset, tracer.name_similarity(suggest_assets.name, a.name) AS score FROM tracer.asset a
        UNION ALL
        SELECT a.name, tracer.name_similarity(suggest_assets.name, l.alias)
          FROM tracer.asset_alias l JOIN tracer.asset a ON a.name = l.asset) AS c
 WHERE c.score >= 0.3
 GROUP BY c.asset
 ORDER BY max(c.score) DESC, c.asset COLLATE "C"
 LIMIT suggest_assets.n
$$;
COMMENT ON FUNCTION tracer.suggest_assets(text, int) IS 'Assets whose name or one of whose aliases is most like this name, the best first, at most n (NULL: all), none below a score of 0.30 (tracer.name_similarity). Proposals for people: tracer never joins on them.';
