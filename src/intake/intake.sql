/*
 * Intake: bodies in, rows out.
 *
 * tracer.ingest() takes what a tool sends as it is. A source says which reader
 * turns such a body into rows of tracer.intake_row; the folder sources holds the
 * readers, one file for each tool, and this file what they share. Nothing that
 * arrives is lost: what cannot be read is kept in tracer.quarantine, and an
 * alert is raised all the same.
 */

-- What a reader says. The constructors in rows.sql name the columns.
CREATE TYPE tracer.intake_row AS (
    what        text,
    asset       text,
    title       text,
    severity    text,
    status      text,
    dedup_key   text,
    at          timestamptz,
    description text,
    labels      jsonb,
    url         text,
    payload     jsonb,
    run_id      text,
    kind        text,
    author      text,
    upstream    text,
    origin      text,
    details     jsonb
);
COMMENT ON TYPE tracer.intake_row IS 'One thing that a body says. Columns that do not matter to it are NULL.';
COMMENT ON COLUMN tracer.intake_row.what IS 'alert; success (of a check: ends what fires under its key and leaves nothing where nothing does); change; edge; import (origin has said all its edges: those it no longer says go); asset; action (of a person); nothing (understood, and of no interest).';
COMMENT ON COLUMN tracer.intake_row.asset IS 'Name of the asset; of an edge, the downstream one. Of an alert, where none of the labels in tracer.source.asset_labels names it.';
COMMENT ON COLUMN tracer.intake_row.title IS 'What happened, in one line; of nothing and of an action, what it was.';
COMMENT ON COLUMN tracer.intake_row.severity IS 'The tool''s own word (tracer.severity_of); NULL or unknown: error.';
COMMENT ON COLUMN tracer.intake_row.status IS 'firing or resolved; NULL: firing.';
COMMENT ON COLUMN tracer.intake_row.dedup_key IS 'What the tool calls the same alert, or change; NULL: asset and title.';
COMMENT ON COLUMN tracer.intake_row.at IS 'When it happened; NULL: the tool does not say, so when it arrived.';
COMMENT ON COLUMN tracer.intake_row.description IS 'More text.';
COMMENT ON COLUMN tracer.intake_row.labels IS 'Labels as a JSON object.';
COMMENT ON COLUMN tracer.intake_row.url IS 'Where to see it.';
COMMENT ON COLUMN tracer.intake_row.payload IS 'Its own part of the body.';
COMMENT ON COLUMN tracer.intake_row.run_id IS 'The execution that it happened in.';
COMMENT ON COLUMN tracer.intake_row.kind IS 'Kind of the change, of the edge, of the asset; which action.';
COMMENT ON COLUMN tracer.intake_row.author IS 'Who made the change or did the action; the asset''s owner.';
COMMENT ON COLUMN tracer.intake_row.upstream IS 'Of an edge, what feeds or runs.';
COMMENT ON COLUMN tracer.intake_row.origin IS 'Of an edge and an import, who says so (tracer.lineage.source); NULL: the source.';
COMMENT ON COLUMN tracer.intake_row.details IS 'Of an asset: tier, tags, due, runbook_url, description, aliases. Of an action: asset, note. Of an edge: its columns, [[upstream''s, downstream''s], ...].';

-- What came twice: an event is known by its digest.
CREATE TABLE tracer.intake_event (
    event_id uuid PRIMARY KEY,
    state    text,
    seen_at  timestamptz NOT NULL
);
SELECT pg_catalog.pg_extension_config_dump('tracer.intake_event', '');
COMMENT ON TABLE tracer.intake_event IS 'Events that tracer.ingest() has taken, so that one delivered twice is one alert. Old rows may be deleted.';
COMMENT ON COLUMN tracer.intake_event.event_id IS 'Digest of source, key, asset and, where the tool says it, status and time.';
COMMENT ON COLUMN tracer.intake_event.state IS 'Where the tool says no time: digest of what it said last under this key; NULL: it says the time.';
COMMENT ON COLUMN tracer.intake_event.seen_at IS 'When it was last taken.';

-- Checks of tools that report successes: which of them ever failed.
CREATE TABLE tracer.intake_check (
    check_id     uuid PRIMARY KEY,
    fired        boolean NOT NULL,
    succeeded_at timestamptz
) WITH (fillfactor = 80);
SELECT pg_catalog.pg_extension_config_dump('tracer.intake_check', '');
COMMENT ON TABLE tracer.intake_check IS 'Checks of tools that report every success: a success becomes a resolve only where the check ever failed, so that thousands of green tests leave no alerts.';
COMMENT ON COLUMN tracer.intake_check.check_id IS 'Digest of source and dedup_key.';
COMMENT ON COLUMN tracer.intake_check.fired IS 'Whether it ever failed.';
COMMENT ON COLUMN tracer.intake_check.succeeded_at IS 'Its latest success, for failures that arrive after it; NULL: none.';

CREATE TABLE tracer.quarantine (
    quarantine_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source        text NOT NULL,
    reason        text NOT NULL,
    body          bytea NOT NULL,
    headers       jsonb,
    digest        uuid NOT NULL,
    times         bigint NOT NULL DEFAULT 1,
    received_at   timestamptz NOT NULL DEFAULT now(),
    last_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (digest)
);
SELECT pg_catalog.pg_extension_config_dump('tracer.quarantine', '');
SELECT pg_catalog.pg_extension_config_dump('tracer.quarantine_quarantine_id_seq', '');
COMMENT ON SEQUENCE tracer.quarantine_quarantine_id_seq IS 'Ids of tracer.quarantine.';
COMMENT ON TABLE tracer.quarantine IS 'Bodies that tracer.ingest() could not read, or had to repair, as they came. Once the reason is gone: SELECT tracer.ingest(source, body, headers) FROM tracer.quarantine WHERE ..., then delete them.';
COMMENT ON COLUMN tracer.quarantine.quarantine_id IS 'Id.';
COMMENT ON COLUMN tracer.quarantine.source IS 'The source that it was sent as.';
COMMENT ON COLUMN tracer.quarantine.reason IS 'What is wrong with it.';
COMMENT ON COLUMN tracer.quarantine.body IS 'The body, byte for byte.';
COMMENT ON COLUMN tracer.quarantine.headers IS 'Its headers.';
COMMENT ON COLUMN tracer.quarantine.digest IS 'Digest of source, reason and body.';
COMMENT ON COLUMN tracer.quarantine.times IS 'How often it came.';
COMMENT ON COLUMN tracer.quarantine.received_at IS 'When it first came.';
COMMENT ON COLUMN tracer.quarantine.last_at IS 'When it last came.';

CREATE FUNCTION tracer.repair_json(body text, OUT repaired text, OUT repairs text)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tracer_repair_json';
COMMENT ON FUNCTION tracer.repair_json(text) IS 'A text that is nearly JSON with what can safely be mended: trailing commas, bare control characters and unknown escapes in strings, NaN; and what was mended (NULL: nothing). A byte order mark goes, several documents become one array, a form''s field payload is decoded: nothing is wrong with those. Error: program_limit_exceeded above some 170 MB.';

CREATE FUNCTION tracer.repair_utf8(body bytea) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tracer_repair_utf8';
COMMENT ON FUNCTION tracer.repair_utf8(bytea) IS 'Any bytes as text: what is not valid UTF-8 becomes a replacement character. Error: program_limit_exceeded above some 340 MB.';

CREATE FUNCTION tracer.severity_of(word text) RETURNS tracer.severity
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE lower(word)
    WHEN 'critical' THEN 'critical'::tracer.severity WHEN 'error' THEN 'error' WHEN 'warning' THEN 'warning' WHEN 'info' THEN 'info'
    WHEN 'crit' THEN 'critical' WHEN 'fatal' THEN 'critical' WHEN 'emergency' THEN 'critical' WHEN 'disaster' THEN 'critical'
    WHEN 'page' THEN 'critical' WHEN 'blocker' THEN 'critical'
    WHEN 'p0' THEN 'critical' WHEN 'p1' THEN 'critical' WHEN 'sev0' THEN 'critical' WHEN 'sev1' THEN 'critical'
    WHEN 'sev-0' THEN 'critical' WHEN 'sev-1' THEN 'critical' WHEN 'urgent' THEN 'critical'
    WHEN 'err' THEN 'error' WHEN 'high' THEN 'error' WHEN 'major' THEN 'error' WHEN 'severe' THEN 'error'
    WHEN 'p2' THEN 'error' WHEN 'sev2' THEN 'error' WHEN 'sev-2' THEN 'error' WHEN 'fail' THEN 'error' WHEN 'failed' THEN 'error'
    WHEN 'warn' THEN 'warning' WHEN 'minor' THEN 'warning' WHEN 'medium' THEN 'warning' WHEN 'moderate' THEN 'warning'
    WHEN 'average' THEN 'warning' WHEN 'low' THEN 'warning' WHEN 'p3' THEN 'warning' WHEN 'p4' THEN 'warning'
    WHEN 'sev3' THEN 'warning' WHEN 'sev-3' THEN 'warning' WHEN 'sev4' THEN 'warning' WHEN 'sev-4' THEN 'warning'
    WHEN 'information' THEN 'info' WHEN 'informational' THEN 'info' WHEN 'notice' THEN 'info' WHEN 'debug' THEN 'info'
    WHEN 'none' THEN 'info' WHEN 'ok' THEN 'info' WHEN 'p5' THEN 'info' WHEN 'sev5' THEN 'info' WHEN 'sev-5' THEN 'info'
END;
COMMENT ON FUNCTION tracer.severity_of(text) IS 'The severity that a tool''s word for it stands for, such as P1, high or fatal; NULL for a word that is none.';

CREATE FUNCTION tracer.time_of(word text) RETURNS timestamptz
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE
AS $$
DECLARE
    at timestamptz;
    n  numeric;
BEGIN
    IF word ~ '^\d{4}-\d\d-\d\d' THEN
        IF word ~ ':\d\d.*([Zz]|[+-]\d\d:?(\d\d)?|UTC|GMT)\s*$' THEN
            at := word::timestamptz;
        ELSE
            at := word::timestamp AT TIME ZONE 'UTC';
        END IF;
    ELSIF word ~ '^\d{9,20}(\.\d+)?$' THEN
        n := word::numeric;
        at := to_timestamp((CASE WHEN n < 1e11 THEN n WHEN n < 1e14 THEN n / 1e3 WHEN n < 1e17 THEN n / 1e6 ELSE n / 1e9 END)::double precision);
    ELSIF word ~ '^\w{3},? ' THEN
        at := word::timestamptz;
    END IF;
    RETURN CASE WHEN at BETWEEN '1970-01-02 00:00:00+00' AND '2200-01-01 00:00:00+00' THEN at END;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION tracer.time_of(text) IS 'The time that a tool''s word for it stands for: ISO 8601, which is UTC where it names no zone, seconds to nanoseconds since 1970, or as in mail. NULL for what is no time or lies outside 1970 to 2199, as the zero times of some tools do.';

CREATE FUNCTION tracer.elements(value jsonb) RETURNS SETOF jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10
AS $$ SELECT * FROM pg_catalog.jsonb_array_elements(CASE pg_catalog.jsonb_typeof(value) WHEN 'array' THEN value WHEN 'object' THEN pg_catalog.jsonb_build_array(value) ELSE '[]' END) $$;
COMMENT ON FUNCTION tracer.elements(jsonb) IS 'The elements of an array; an object counts as an array of itself; nothing for anything else.';

CREATE FUNCTION tracer.members(value jsonb) RETURNS TABLE (key text, value jsonb)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10
AS $$ SELECT * FROM pg_catalog.jsonb_each(CASE pg_catalog.jsonb_typeof($1) WHEN 'object' THEN $1 ELSE '{}' END) $$;
COMMENT ON FUNCTION tracer.members(jsonb) IS 'The members of an object; nothing for anything else.';

CREATE FUNCTION tracer.tags_object(tags jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
SELECT pg_catalog.jsonb_object_agg(coalesce(nullif(pg_catalog.split_part(t.tag, ':', 1), ''), t.tag),
                                   CASE WHEN strpos(t.tag, ':') > 0 THEN substr(t.tag, strpos(t.tag, ':') + 1) ELSE '' END)
  FROM pg_catalog.jsonb_array_elements_text(
         CASE jsonb_typeof(tags) WHEN 'array' THEN tags
                                 WHEN 'string' THEN to_jsonb(regexp_split_to_array(tags #>> '{}', '\s*,\s*')) ELSE '[]' END) AS t (tag)
 WHERE t.tag <> ''
$$;
COMMENT ON FUNCTION tracer.tags_object(jsonb) IS 'Tags of the form key:value, as an array or in one string with commas between, as an object; NULL where there are none.';
