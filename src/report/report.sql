/*
 * The report: what a tired engineer needs to know about one incident.
 *
 * tracer.incident_facts() gathers everything once, as one JSON document
 * (facts.sql); text.sql, markdown.sql and html.sql only lay it out, and the json format is
 * the document itself. So the three can never disagree, and another layout is
 * one function over the same document.
 *
 * Whatever a tool or a person wrote goes through tracer.one_line() before it is
 * laid out: it may hold line breaks, terminal escapes and direction overrides.
 */
CREATE FUNCTION tracer.report(incident bigint, format text DEFAULT 'text') RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    facts jsonb;
BEGIN
    IF format IS NULL OR format NOT IN ('text', 'markdown', 'html', 'json') THEN
        RAISE EXCEPTION 'unrecognized report format "%"', coalesce(format, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'The formats are text, markdown, html and json.';
    END IF;
    facts := tracer.incident_facts(incident);
    RETURN CASE format WHEN 'text' THEN tracer.report_text(facts)
                       WHEN 'markdown' THEN tracer.report_markdown(facts)
                       WHEN 'html' THEN tracer.report_html(facts)
                       ELSE jsonb_pretty(facts) END;
END
$$;
COMMENT ON FUNCTION tracer.report(bigint, text) IS 'The report on an incident: what broke, the likely root cause and its evidence, who owns it, deadlines, the cascade, what is affected, the order of recovery, timeline, next steps. format is text (for psql and mail), markdown (with a Mermaid diagram), html (a page that needs no script) or json. Times are in the session''s time zone. Errors: undefined_object for an unknown incident, invalid_parameter_value for an unknown format.';

CREATE FUNCTION tracer.one_line(words text, width int DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE WHEN length(s) > one_line.width THEN rtrim(left(s, greatest(one_line.width - 3, 1))) || '...' ELSE s END
  FROM (SELECT btrim(regexp_replace(
                 CASE getdatabaseencoding() WHEN 'UTF8'
                 THEN regexp_replace(one_line.words, '[\u0080-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+', ' ', 'g')
                 ELSE one_line.words END,
                 '[\x01-\x20\x7f]+', ' ', 'g')) AS s) AS cleaned
$$;
COMMENT ON FUNCTION tracer.one_line(text, int) IS 'Words on one line: control characters, line breaks, invisible characters and direction overrides become spaces, runs of spaces one; cut to width characters, the last three of which are dots. NULL width: not cut.';

CREATE FUNCTION tracer.wrap(words text, width int, indent int) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    word   text;
    line   text := '';
    result text := '';
BEGIN
    FOREACH word IN ARRAY string_to_array(words, ' ') LOOP
        IF line <> '' AND length(line) + 1 + length(word) > width - indent THEN
            result := result || line || E'\n' || repeat(' ', indent);
            line := word;
        ELSE
            line := line || CASE WHEN line = '' THEN '' ELSE ' ' END || word;
        END IF;
    END LOOP;
    RETURN result || line;
END
$$;
COMMENT ON FUNCTION tracer.wrap(text, int, int) IS 'Breaks one line into lines of at most width characters, the indentation of all but the first included; a longer word stays whole.';

CREATE FUNCTION tracer.when_words(at timestamptz, beside timestamptz DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT to_char(when_words.at, CASE WHEN when_words.at::date = when_words.beside::date
                                   THEN 'HH24:MI' ELSE 'YYYY-MM-DD HH24:MI' END)
$$;
COMMENT ON FUNCTION tracer.when_words(timestamptz, timestamptz) IS 'A time in the session''s time zone; without the date where it falls on the same day as beside.';

CREATE FUNCTION tracer.sql_string(words text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE WHEN sql_string.words ~ '[\x01-\x1f\x7f]'
            THEN 'E''' || replace(replace(replace(replace(replace(
                   regexp_replace(sql_string.words, '[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]', '?', 'g'),
                   '\', '\\'), '''', ''''''), E'\n', '\n'), E'\r', '\r'), E'\t', '\t') || ''''
            ELSE ltrim(quote_literal(sql_string.words)) END
$$;
COMMENT ON FUNCTION tracer.sql_string(text) IS 'A string constant for a statement that a person is to paste: on one line whatever it holds.';

CREATE FUNCTION tracer.counted(n bigint, noun text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT counted.n || ' ' || counted.noun || CASE counted.n WHEN 1 THEN '' ELSE 's' END $$;
COMMENT ON FUNCTION tracer.counted(bigint, text) IS 'A number and its noun: 1 alert, 2 alerts.';
