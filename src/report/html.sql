/*
 * The report as a page, for a phone in the middle of the night.
 *
 * One column, no script, nothing fetched from elsewhere; light or dark as the
 * reader's device is. What one needs first is above the fold, the long lists
 * are folded. All words go through tracer.html_words(): nothing that a tool or
 * a person wrote is markup here.
 */
CREATE FUNCTION tracer.html_words(words text, width int DEFAULT 300) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT replace(replace(replace(replace(replace(tracer.one_line(html_words.words, html_words.width),
         '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;')
$$;
COMMENT ON FUNCTION tracer.html_words(text, int) IS 'Words for HTML, on one line, with nothing in them that acts as markup. NULL gives NULL.';

CREATE FUNCTION tracer.html_link(words text, url text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE WHEN html_link.url ~ '^https?://[!#-;=?-Z_a-z~%]+$'
            THEN '<a href="' || tracer.html_words(html_link.url, NULL) || '">' || tracer.html_words(html_link.words) || '</a>'
            ELSE tracer.html_words(html_link.words) || coalesce(' <code>' || tracer.html_words(html_link.url) || '</code>', '') END
$$;
COMMENT ON FUNCTION tracer.html_link(text, text) IS 'A link for HTML; an address that is not plain http or https is shown, not linked.';

CREATE FUNCTION tracer.html_section(heading text, items text[], list text, folded boolean DEFAULT false) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE WHEN cardinality(items) > 0
            THEN CASE WHEN folded THEN '<details><summary>' || heading || E'</summary>\n' ELSE '<h2>' || heading || E'</h2>\n' END
                 || format('<%s>', list) || E'\n' || array_to_string(items, E'\n') || E'\n' || format('</%s>', split_part(list, ' ', 1))
                 || CASE WHEN folded THEN E'</details>\n' ELSE E'\n' END
            ELSE '' END
$$;
COMMENT ON FUNCTION tracer.html_section(text, text[], text, boolean) IS 'A heading over a list for the page; nothing for a list without items. folded: closed until it is touched.';

CREATE FUNCTION tracer.report_html(facts jsonb) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    opened timestamptz := (facts ->> 'opened_at')::timestamptz;
    ended  boolean := facts ->> 'status' = 'resolved';
    page   text;
    items  text[];
    head   text;
BEGIN
    page := E'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        || '<meta name="viewport" content="width=device-width, initial-scale=1">'
        || '<title>' || tracer.html_words(facts ->> 'title', 80) || E'</title>\n<style>\n'
        || ':root{color-scheme:light dark;--line:#8884;--soft:#8882}' || E'\n'
        || 'body{font:1rem/1.45 system-ui,sans-serif;margin:0 auto;padding:1rem;max-width:46rem;overflow-wrap:anywhere}' || E'\n'
        || 'h1{font-size:1.35rem;line-height:1.25;margin:.5rem 0}h2,summary{font-size:1.05rem;font-weight:600;margin:1.4rem 0 .4rem}' || E'\n'
        || 'summary{padding:.4rem 0;cursor:pointer}ul,ol{margin:0;padding-left:1.3rem}li{margin:.3rem 0}small{opacity:.75}' || E'\n'
        || 'dl{margin:0}dt{font-size:.8rem;opacity:.75;margin-top:.6rem}dd{margin:0}' || E'\n'
        || '.tag{display:inline-block;padding:.1rem .55rem;border-radius:1rem;background:var(--soft);font-size:.85rem}' || E'\n'
        || '.critical,.error{background:#c22;color:#fff}.warning{background:#b60;color:#fff}.resolved{background:#274;color:#fff}' || E'\n'
        || '.tree{list-style:none;padding:0}.tree li{border-left:3px solid var(--line);padding:.1rem 0 .1rem .6rem}' || E'\n'
        || '.tree .root{border-color:#c22}.tree .ended{border-color:#274;opacity:.75}.n{font-variant-numeric:tabular-nums}' || E'\n'
        || 'pre{background:var(--soft);padding:.6rem;white-space:pre-wrap;font-size:.85rem}a{color:LinkText}' || E'\n'
        || E'</style></head><body>\n';

    page := page || format(E'<p><span class="tag %s">%s</span> <span class="tag %s">%s</span> <small>incident %s%s</small></p>\n<h1>%s</h1>\n<dl>\n',
        CASE WHEN ended THEN 'resolved' ELSE '' END, tracer.html_words(facts ->> 'status'),
        CASE WHEN ended THEN '' ELSE tracer.html_words(facts ->> 'severity') END, tracer.html_words(facts ->> 'severity'),
        facts ->> 'incident', CASE WHEN facts ->> 'asked' <> facts ->> 'incident' THEN ', formerly ' || (facts ->> 'asked') ELSE '' END,
        tracer.html_words(coalesce(facts ->> 'title', '?')));
    SELECT string_agg(format(E'<dt>%s</dt><dd>%s</dd>\n', r.term, r.words), '' ORDER BY r.n) INTO head
      FROM (VALUES
             (1, 'Cause', tracer.html_words(tracer.cause_sentence(facts), 400)),
             (2, 'It says', coalesce(tracer.html_words(nullif(facts -> 'root' ->> 'alert_description', '')), '')
                            || coalesce(' ' || CASE WHEN facts -> 'root' ->> 'alert_url' ~ '^https?://' THEN tracer.html_link('Open in the tool', facts -> 'root' ->> 'alert_url') END, '')),
             (3, 'Owner', tracer.html_words(tracer.owner_sentence(facts))),
             (4, 'Since', to_char(opened, 'YYYY-MM-DD HH24:MI TZ') || ', ' || tracer.counted((facts ->> 'alert_count')::bigint, 'alert')
                          || ' on ' || tracer.counted((facts ->> 'asset_count')::bigint, 'asset')
                          || ' of ' || tracer.counted((facts ->> 'team_count')::bigint, 'team')),
             (5, 'Due', (SELECT string_agg(tracer.html_words(tracer.deadline_words(d.value, opened)), '<br>' ORDER BY d.n)
                           FROM jsonb_array_elements(facts -> 'deadlines') WITH ORDINALITY AS d (value, n) WHERE d.n <= 6)),
             (6, 'Guide', (SELECT string_agg(tracer.html_link(d.value ->> 'asset', d.value ->> 'url'), '<br>' ORDER BY d.n)
                             FROM jsonb_array_elements(facts -> 'runbooks') WITH ORDINALITY AS d (value, n)))) AS r (n, term, words)
     WHERE r.words <> '';
    page := page || head || E'</dl>\n';

    -- The cascade, as deep as a phone is wide.
    SELECT array_agg(format('<li class="%s" style="margin-left:%srem"><b>%s</b>: %s<br><small><span class="n">%s</span>%s%s</small></li>',
                            CASE WHEN c.value ->> 'resolved_at' IS NOT NULL THEN 'ended'
                                 WHEN c.value ->> 'depth' = '0' THEN 'root' ELSE '' END,
                            least((c.value ->> 'depth')::int, 8) * 0.7,
                            coalesce(tracer.html_words(c.value ->> 'asset', 120), '(no asset)'),
                            coalesce(tracer.html_link(c.value ->> 'title', CASE WHEN c.value ->> 'url' ~ '^https?://' THEN c.value ->> 'url' END), '?'),
                            CASE WHEN c.n = 1 THEN tracer.when_words((c.value ->> 'at')::timestamptz, opened)
                                 ELSE '+' || tracer.span((c.value ->> 'after_seconds')::float8) END,
                            coalesce(', ' || tracer.html_words(c.value ->> 'owner', 60), ''),
                            CASE WHEN c.value ->> 'resolved_at' IS NOT NULL THEN ', resolved' ELSE '' END) ORDER BY c.n) INTO items
      FROM jsonb_array_elements(facts -> 'cascade') WITH ORDINALITY AS c (value, n)
     WHERE c.n <= 60;
    IF (facts -> 'root' ->> 'suspect')::boolean THEN
        items := format('<li class="root"><b>%s</b>: suspected, no alert of its own</li>', tracer.html_words(facts -> 'root' ->> 'origin_asset', 120)) || items;
    END IF;
    IF (facts ->> 'cascade_count')::bigint > 60 THEN
        items := items || format('<li>and %s more</li>', (facts ->> 'cascade_count')::bigint - 60);
    END IF;
    page := page || tracer.html_section('What failed, because of what', items, 'ul class="tree"');

    SELECT array_agg(format('<li>%s%s</li>', tracer.html_words(q.value ->> 'asset', 120), coalesce(' <small>' || tracer.html_words(q.value ->> 'owner', 60) || '</small>', '')) ORDER BY q.n) INTO items
      FROM jsonb_array_elements(facts -> 'affected' -> 'quiet') WITH ORDINALITY AS q (value, n)
     WHERE q.n <= 20;
    IF (facts -> 'affected' ->> 'quiet_count')::bigint > 20 THEN
        items := items || format('<li>and %s more</li>', (facts -> 'affected' ->> 'quiet_count')::bigint - 20);
    END IF;
    page := page || tracer.html_section('Below it, still quiet', items, 'ul');

    IF NOT ended THEN
        SELECT array_agg(format('<li>%s%s</li>', tracer.html_words(r.value ->> 'asset', 120), coalesce(' <small>' || tracer.html_words(r.value ->> 'owner', 60) || '</small>', '')) ORDER BY r.n) INTO items
          FROM jsonb_array_elements(facts -> 'recovery') WITH ORDINALITY AS r (value, n)
         WHERE r.n <= 40;
        page := page || tracer.html_section('To re-run, in this order', items, 'ol');
    END IF;

    SELECT array_agg('<li><b>' || tracer.html_words(c.value ->> 'asset', 120) || '</b>, score ' || (c.value ->> 'score') || '<ul>'
                     || (SELECT string_agg('<li><span class="n">' || to_char((e.value ->> 'weight')::numeric, 'FMS990.00') || '</span> '
                                           || CASE WHEN e.value ->> 'url' ~ '^https?://' THEN tracer.html_link(e.value ->> 'detail', e.value ->> 'url')
                                                   ELSE tracer.html_words(e.value ->> 'detail') END || '</li>', '' ORDER BY e.n)
                           FROM jsonb_array_elements(c.value -> 'evidence') WITH ORDINALITY AS e (value, n)) || '</ul></li>' ORDER BY c.n) INTO items
      FROM jsonb_array_elements(facts -> 'candidates') WITH ORDINALITY AS c (value, n)
     WHERE c.n = 1 OR (c.value ->> 'score')::numeric > 0;
    page := page || tracer.html_section('Evidence', items, 'ul', true);

    SELECT array_agg(format('<li><small class="n">%s</small> %s%s%s%s</li>', to_char((t.value ->> 'at')::timestamptz, 'MM-DD HH24:MI'),
                            tracer.html_words(replace(t.value ->> 'kind', '_', ' ')), coalesce(' <b>' || tracer.html_words(t.value ->> 'asset', 120) || '</b>', ''),
                            coalesce(': ' || tracer.html_words(t.value ->> 'what'), ''), coalesce(' (' || tracer.html_words(t.value ->> 'who', 60) || ')', '')) ORDER BY t.n) INTO items
      FROM jsonb_array_elements(facts -> 'timeline') WITH ORDINALITY AS t (value, n)
     WHERE t.n <= 100;
    page := page || tracer.html_section('Timeline (' || to_char(opened, 'TZ') || ')', items, 'ul', true);

    SELECT array_agg(format('<li>Incident %s, %s: %s%s</li>', s.value ->> 'incident', tracer.when_words((s.value ->> 'opened_at')::timestamptz),
                            coalesce(tracer.html_words(s.value ->> 'note'), 'nobody wrote down what fixed it'),
                            coalesce(' ' || tracer.html_link('fix', nullif(s.value ->> 'fix_url', '')), '')) ORDER BY s.n) INTO items
      FROM jsonb_array_elements(facts -> 'similar') WITH ORDINALITY AS s (value, n);
    page := page || tracer.html_section('It began there before', items, 'ul', true);

    SELECT array_agg(tracer.html_words(s.value ->> 'sql', NULL) || '  -- ' || tracer.html_words(s.value ->> 'what') ORDER BY s.n) INTO items
      FROM jsonb_array_elements(facts -> 'next_steps') WITH ORDINALITY AS s (value, n);
    RETURN page || tracer.html_section('Next, in SQL', items, 'pre', true) || E'</body></html>\n';
END
$$;
COMMENT ON FUNCTION tracer.report_html(jsonb) IS 'Lays tracer.incident_facts() out as a page of HTML that needs no script and fetches nothing.';
