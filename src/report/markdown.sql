/*
 * The report as Markdown, with the cascade as a Mermaid flowchart.
 *
 * Nothing that a tool or a person wrote may act as markup. Names stand in code
 * spans, in which only the backtick means anything; other words have every
 * character that Markdown or HTML could take for markup escaped; in the diagram
 * nodes are called n1, n2, ... and their labels hold entity codes for all that
 * Mermaid could misread.
 */
CREATE FUNCTION tracer.md_words(words text, width int DEFAULT 300) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT regexp_replace(
         replace(replace(replace(tracer.one_line(md_words.words, md_words.width), '&', '&amp;'), '<', '&lt;'), '>', '&gt;'),
         '([\\`*_{}\[\]()#+!|~$])', '\\\1', 'g')
$$;
COMMENT ON FUNCTION tracer.md_words(text, int) IS 'Words for Markdown, on one line, with nothing in them that acts as markup.';

CREATE FUNCTION tracer.md_code(words text, width int DEFAULT 200) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT '`' || CASE WHEN s = '' THEN ' ' ELSE s END || '`'
  FROM (SELECT replace(tracer.one_line(md_code.words, md_code.width), '`', '''') AS s) AS cleaned
$$;
COMMENT ON FUNCTION tracer.md_code(text, int) IS 'Words for Markdown as a code span; a backtick in them becomes an apostrophe. NULL gives NULL.';

CREATE FUNCTION tracer.md_link(words text, url text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE WHEN md_link.url ~ '^https?://[!#-;=?-Z_a-z~%]+$' AND md_link.url !~ '[()]'
            THEN '[' || tracer.md_words(md_link.words) || '](' || md_link.url || ')'
            ELSE tracer.md_words(md_link.words) || ' ' || tracer.md_code(md_link.url) END
$$;
COMMENT ON FUNCTION tracer.md_link(text, text) IS 'A link for Markdown; an address that is not plain http or https is shown, not linked.';

CREATE FUNCTION tracer.mermaid_label(words text, width int DEFAULT 60) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
-- # and ; are what entity codes are made of, so those two go first, by way of
-- two control characters, which one_line() leaves none of.
SELECT replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(
         translate(tracer.one_line(mermaid_label.words, mermaid_label.width), '#;', E'\x01\x02'),
         '"', '#quot;'), '<', '#lt;'), '>', '#gt;'), '&', '#amp;'), '`', '#96;'), '|', '#124;'),
         '\', '#92;'), '%', '#37;'), E'\x01', '#35;'), E'\x02', '#59;')
$$;
COMMENT ON FUNCTION tracer.mermaid_label(text, int) IS 'Words for a quoted label in a Mermaid diagram.';

CREATE FUNCTION tracer.report_mermaid(facts jsonb) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
-- One node for each asset, numbered by its first failure; 40 at most.
WITH failure AS (
    SELECT c.value ->> 'asset' AS asset, (c.value ->> 'n')::int AS n, (c.value ->> 'parent')::int AS parent,
           (c.value ->> 'depth')::int AS depth, c.value ->> 'title' AS title, (c.value ->> 'at')::timestamptz AS at,
           c.value ->> 'resolved_at' IS NOT NULL AS resolved,
           coalesce(c.value ->> 'asset', 'alert ' || (c.value ->> 'n')) AS name
      FROM jsonb_array_elements(report_mermaid.facts -> 'cascade') AS c
), node AS (
    SELECT f.name, min(f.n) AS n, bool_and(f.resolved) AS resolved, min(f.depth) AS depth,
           (array_agg(f.title ORDER BY f.n))[1] AS title, min(f.at) AS at
      FROM failure f
     GROUP BY f.name
     ORDER BY min(f.n)
     LIMIT 40
), edge AS (
    SELECT DISTINCT p.n AS u, d.n AS d
      FROM failure f
      JOIN failure g ON g.n = f.parent
      JOIN node p ON p.name = g.name
      JOIN node d ON d.name = f.name
     WHERE p.n <> d.n
)
SELECT E'flowchart TD\n'
       || CASE WHEN (r ->> 'suspect')::boolean
               THEN '  n0["' || tracer.mermaid_label(r ->> 'origin_asset') || E'<br/>suspected"]:::suspect\n' ELSE '' END
       || (SELECT string_agg(format('  n%s["%s<br/>%s %s"]%s', node.n, tracer.mermaid_label(node.name),
                                    tracer.when_words(node.at, (report_mermaid.facts ->> 'opened_at')::timestamptz), tracer.mermaid_label(node.title),
                                    CASE WHEN node.resolved THEN ':::recovered'
                                         WHEN node.depth = 0 AND node.name = r ->> 'asset' THEN ':::root' ELSE '' END),
                             E'\n' ORDER BY node.n) FROM node)
       || coalesce(E'\n' || (SELECT string_agg(format('  n%s -.-> n%s', 0, node.n), E'\n' ORDER BY node.n)
                               FROM node WHERE (r ->> 'suspect')::boolean AND node.depth = 1), '')
       || coalesce(E'\n' || (SELECT string_agg(format('  n%s --> n%s', edge.u, edge.d), E'\n' ORDER BY edge.d, edge.u) FROM edge), '')
       || E'\n  classDef root stroke:#c00,stroke-width:3px\n  classDef suspect stroke:#c00,stroke-dasharray:4'
       || E'\n  classDef recovered stroke:#080\n'
  FROM (SELECT report_mermaid.facts -> 'root' AS r) AS root
$$;
COMMENT ON FUNCTION tracer.report_mermaid(jsonb) IS 'The cascade of tracer.incident_facts() as a Mermaid flowchart: what failed because of what; at most 40 assets.';

CREATE FUNCTION tracer.report_markdown(facts jsonb) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    opened timestamptz := (facts ->> 'opened_at')::timestamptz;
    lines  text[];
    more   text[];
    shown  int;
BEGIN
    lines := ARRAY[
        '# ' || tracer.md_words(initcap(facts ->> 'status') || ', ' || (facts ->> 'severity') || ': ' || coalesce(facts ->> 'title', '?')),
        '',
        'Incident ' || (facts ->> 'incident')
            || CASE WHEN facts ->> 'asked' <> facts ->> 'incident' THEN ', formerly ' || (facts ->> 'asked') ELSE '' END,
        '',
        '- **Cause:** ' || tracer.md_words(tracer.cause_sentence(facts), 400),
        '- **It says:** ' || nullif(tracer.md_words(facts -> 'root' ->> 'alert_description'), ''),
        '- **Owner:** ' || tracer.md_words(tracer.owner_sentence(facts)),
        '- **Since:** ' || to_char(opened, 'YYYY-MM-DD HH24:MI TZ') || ', '
            || tracer.counted((facts ->> 'alert_count')::bigint, 'alert') || ' on '
            || tracer.counted((facts ->> 'asset_count')::bigint, 'asset') || ' of '
            || tracer.counted((facts ->> 'team_count')::bigint, 'team')];
    lines := array_remove(lines, NULL);
    SELECT array_agg('- **Due:** ' || tracer.md_words(tracer.deadline_words(d.value, opened)) ORDER BY d.n) INTO more
      FROM jsonb_array_elements(facts -> 'deadlines') WITH ORDINALITY AS d (value, n);
    lines := lines || more;
    SELECT array_agg('- **Guide:** ' || tracer.md_link(d.value ->> 'asset', d.value ->> 'url') ORDER BY d.n) INTO more
      FROM jsonb_array_elements(facts -> 'runbooks') WITH ORDINALITY AS d (value, n);
    lines := lines || more || ''::text || '## Evidence'::text || ''::text;
    SELECT array_agg('- ' || tracer.md_code(c.value ->> 'asset') || ' scores ' || (c.value ->> 'score')
                     || coalesce((SELECT string_agg(E'\n  - ' || to_char((e.value ->> 'weight')::numeric, 'FMS990.00') || ' ' || (e.value ->> 'kind') || ': '
                                           || CASE WHEN e.value ->> 'url' IS NULL THEN tracer.md_words(e.value ->> 'detail')
                                                   ELSE tracer.md_link(e.value ->> 'detail', e.value ->> 'url') END, '' ORDER BY e.n)
                                    FROM jsonb_array_elements(c.value -> 'evidence') WITH ORDINALITY AS e (value, n)), '') ORDER BY c.n) INTO more
      FROM jsonb_array_elements(facts -> 'candidates') WITH ORDINALITY AS c (value, n)
     WHERE c.n = 1 OR (c.value ->> 'score')::numeric > 0;
    lines := lines || more || ''::text || '## Cascade'::text || ''::text
             || '```mermaid'::text || rtrim(tracer.report_mermaid(facts), E'\n') || '```'::text || ''::text
             || CASE WHEN (facts ->> 'cascade_count')::bigint > 40
                     THEN ARRAY['Of ' || (facts ->> 'cascade_count') || ' failures the diagram shows those on the first 40 assets.', ''] END
             || '## Downstream'::text || ''::text
             || format('%s alerting, %s still quiet, %s recovered', facts -> 'affected' ->> 'alerting_count',
                       facts -> 'affected' ->> 'quiet_count', facts -> 'affected' ->> 'recovered_count');
    SELECT array_agg('- ' || tracer.md_code(q.value ->> 'asset') || coalesce(' (' || tracer.md_words(q.value ->> 'owner') || ')', '') || ', still quiet' ORDER BY q.n) INTO more
      FROM jsonb_array_elements(facts -> 'affected' -> 'quiet') WITH ORDINALITY AS q (value, n)
     WHERE q.n <= 20;
    shown := (facts -> 'affected' ->> 'quiet_count')::bigint - 20;
    IF more IS NOT NULL THEN
        lines := lines || ''::text || more || CASE WHEN shown > 0 THEN ARRAY[format('- and %s more', shown)] END;
    END IF;
    lines := lines || ''::text || '## Recovery'::text || ''::text;
    SELECT array_agg(r.n || '. ' || tracer.md_code(r.value ->> 'asset') || coalesce(' (' || tracer.md_words(r.value ->> 'owner') || ')', '')
                     || CASE r.value ->> 'state' WHEN 'alerting' THEN '' ELSE ', ' || (r.value ->> 'state') END ORDER BY r.n) INTO more
      FROM jsonb_array_elements(facts -> 'recovery') WITH ORDINALITY AS r (value, n)
     WHERE r.n <= 40;
    IF (facts ->> 'recovery_count')::bigint > 40 THEN
        more := more || format('%s more after these.', (facts ->> 'recovery_count')::bigint - 40);
    END IF;
    lines := lines || coalesce(more, ARRAY['Nothing to re-run is known.']) || ''::text || ('## Timeline (' || to_char(opened, 'TZ') || ')') || ''::text;
    shown := jsonb_array_length(facts -> 'timeline');
    SELECT array_agg(CASE WHEN t.n = 31 AND shown > 60 THEN format('- ... %s more ...', (facts ->> 'timeline_count')::bigint - 59)
                          ELSE '- ' || to_char((t.value ->> 'at')::timestamptz, 'YYYY-MM-DD HH24:MI') || ' ' || replace(t.value ->> 'kind', '_', ' ')
                               || coalesce(' ' || tracer.md_code(t.value ->> 'asset'), '') || ': ' || coalesce(tracer.md_words(t.value ->> 'what'), '')
                               || coalesce(' (' || tracer.md_words(t.value ->> 'who') || ')', '') END ORDER BY t.n) INTO more
      FROM jsonb_array_elements(facts -> 'timeline') WITH ORDINALITY AS t (value, n)
     WHERE shown <= 60 OR t.n <= 31 OR t.n > shown - 29;
    lines := lines || more;
    SELECT array_agg('- Incident ' || (s.value ->> 'incident') || ', ' || tracer.when_words((s.value ->> 'opened_at')::timestamptz) || ': '
                     || coalesce(tracer.md_words(s.value ->> 'note'), 'nobody wrote down what fixed it')
                     || coalesce(' ' || tracer.md_link('fix', nullif(s.value ->> 'fix_url', '')), '') ORDER BY s.n) INTO more
      FROM jsonb_array_elements(facts -> 'similar') WITH ORDINALITY AS s (value, n);
    IF more IS NOT NULL THEN
        lines := lines || ''::text || '## Before'::text || ''::text || more;
    END IF;
    SELECT array_agg((s.value ->> 'sql') || '  -- ' || (s.value ->> 'what') ORDER BY s.n) INTO more
      FROM jsonb_array_elements(facts -> 'next_steps') WITH ORDINALITY AS s (value, n);
    lines := lines || ''::text || '## Next'::text || ''::text || '````sql'::text || more || '````'::text;
    RETURN array_to_string(lines, E'\n') || E'\n';
END
$$;
COMMENT ON FUNCTION tracer.report_markdown(jsonb) IS 'Lays tracer.incident_facts() out as Markdown with a Mermaid diagram.';
