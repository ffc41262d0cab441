/*
 * Any tool: fields found by JSON paths.
 *
 * fields of tracer.source is an object: which path, or which paths tried in
 * order, lead to each field of an alert. Paths are PostgreSQL's jsonpath, lax,
 * from one item; items says where the items are. A field may also be
 * {"path": ..., "map": {...}, "default": ...}; key names the fields, or gives the
 * paths, that make the deduplication key.
 */
CREATE FUNCTION tracer.generic_fields() RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
SELECT '{
  "items": ["$.alerts[*]", "$.events[*]", "$[*]"],
  "title": ["$.title", "$.summary", "$.alert_name", "$.alertname", "$.name", "$.subject", "$.message", "$.text", "$.description"],
  "asset": ["$.asset", "$.dataset", "$.table", "$.model", "$.resource", "$.pipeline", "$.job", "$.service", "$.host", "$.metadata.repository"],
  "severity": ["$.severity", "$.level", "$.priority", "$.urgency"],
  "status": ["$.status", "$.state", "$.event_type", "$.action"],
  "dedup_key": ["$.dedup_key", "$.deduplication_key", "$.dedup", "$.fingerprint", "$.alias", "$.incident_key", "$.event_id", "$.alert_id"],
  "at": ["$.fired_at", "$.timestamp", "$.time", "$.occurred_at", "$.created_at", "$.date"],
  "description": ["$.description", "$.details", "$.body", "$.message", "$.text"],
  "labels": ["$.labels", "$.tags", "$.metadata", "$.custom_details"],
  "url": ["$.url", "$.link", "$.source_url", "$.html_url", "$.metadata.source_url"],
  "run_id": ["$.run_id", "$.metadata.run_id"]
}'::jsonb
$$;
COMMENT ON FUNCTION tracer.generic_fields() IS 'Where the generic reader looks for the fields of an alert unless tracer.source.fields says otherwise.';

CREATE FUNCTION tracer.field_value(item jsonb, field jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    paths jsonb := CASE jsonb_typeof(field) WHEN 'object' THEN field -> 'path' ELSE field END;
    value jsonb;
    path  text;
BEGIN
    FOR path IN
        SELECT p #>> '{}' FROM jsonb_array_elements(CASE jsonb_typeof(paths) WHEN 'array' THEN paths WHEN 'string' THEN jsonb_build_array(paths) ELSE '[]' END) AS p
    LOOP
        value := jsonb_path_query_first(item, path::jsonpath, silent => true);
        EXIT WHEN value IS NOT NULL AND value NOT IN ('null', '""');
        value := NULL;
    END LOOP;
    IF jsonb_typeof(field) = 'object' THEN
        value := coalesce(field -> 'map' -> (value #>> '{}'), value, field -> 'default');
    END IF;
    RETURN value;
END
$$;
COMMENT ON FUNCTION tracer.field_value(jsonb, jsonb) IS 'What a field of tracer.source.fields finds in an item: by the first of its paths that leads to something, its map and its default. Error: syntax_error for what is no JSON path.';

CREATE FUNCTION tracer.read_generic(body jsonb, fields jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    field  jsonb := tracer.generic_fields() || coalesce(fields, '{}');
    items  jsonb[];
    path   text;
    item   jsonb;
    labels jsonb;
    status text;
    title  text;
    rows   tracer.intake_row[] := '{}';
BEGIN
    FOR path IN SELECT p FROM jsonb_array_elements_text(CASE jsonb_typeof(field -> 'items') WHEN 'string' THEN jsonb_build_array(field -> 'items') ELSE field -> 'items' END) AS p
    LOOP
        items := ARRAY(SELECT i FROM jsonb_path_query(body, path::jsonpath, silent => true) AS i WHERE jsonb_typeof(i) = 'object');
        EXIT WHEN cardinality(items) > 0;
    END LOOP;
    FOREACH item IN ARRAY items LOOP
        status := lower(tracer.field_value(item, field -> 'status') #>> '{}');
        title := tracer.field_value(item, field -> 'title') #>> '{}';
        labels := tracer.field_value(item, field -> 'labels');
        labels := CASE jsonb_typeof(labels) WHEN 'object' THEN labels ELSE tracer.tags_object(labels) END;
        CONTINUE WHEN title IS NULL AND fields IS NULL AND status IS NULL;
        status := CASE WHEN status IN ('resolved', 'resolve', 'ok', 'closed', 'close', 'recovered', 'recovery', 'cleared', 'inactive', 'normal', 'up')
                       THEN 'resolved'
                       WHEN status IN ('success', 'succeeded', 'passed', 'pass', 'completed', 'complete') THEN 'success'
                       ELSE 'firing' END;
        rows := rows || CASE status
            WHEN 'success' THEN
                tracer.a_success(coalesce(tracer.generic_key(item, field), title), coalesce(title, 'Succeeded'),
                                 tracer.field_value(item, field -> 'asset') #>> '{}', tracer.time_of(tracer.field_value(item, field -> 'at') #>> '{}'))
            ELSE
                tracer.an_alert(
                    title       => coalesce(title, 'Alert without a title'),
                    asset       => tracer.field_value(item, field -> 'asset') #>> '{}',
                    severity    => tracer.field_value(item, field -> 'severity') #>> '{}',
                    status      => status,
                    dedup_key   => tracer.generic_key(item, field),
                    at          => tracer.time_of(tracer.field_value(item, field -> 'at') #>> '{}'),
                    description => tracer.field_value(item, field -> 'description') #>> '{}',
                    labels      => labels,
                    url         => tracer.field_value(item, field -> 'url') #>> '{}',
                    payload     => item,
                    run_id      => tracer.field_value(item, field -> 'run_id') #>> '{}')
            END;
    END LOOP;
    RETURN rows;
END
$$;
COMMENT ON FUNCTION tracer.read_generic(jsonb, jsonb) IS 'Reader of the format generic: the alerts of a body by the JSON paths in fields, over those of tracer.generic_fields(): items, title, asset, severity, status, dedup_key (or key), at, description, labels, url, run_id. A field is a path, an array of paths tried in order, or an object with path, map (from value to value) and default; key is an array of fields'' names and paths, whose values make the key.';

CREATE FUNCTION tracer.generic_key(item jsonb, fields jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
SELECT CASE WHEN jsonb_typeof(fields -> 'key') = 'array' THEN
                (SELECT nullif(string_agg(coalesce(tracer.field_value(item, coalesce(fields -> (k.part #>> '{}'), k.part)) #>> '{}', ''), '|' ORDER BY k.n), '')
                   FROM jsonb_array_elements(fields -> 'key') WITH ORDINALITY AS k (part, n))
            ELSE tracer.field_value(item, fields -> 'dedup_key') #>> '{}' END
$$;
COMMENT ON FUNCTION tracer.generic_key(jsonb, jsonb) IS 'The deduplication key that tracer.read_generic() makes of an item.';

-- A mistake in a source is told to whoever makes it, not found in quarantine later.
CREATE FUNCTION tracer.check_source() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    field record;
    path  jsonb;
BEGIN
    IF NEW.format IS NOT NULL AND NOT EXISTS (SELECT FROM tracer.source_formats() AS f WHERE f.format = NEW.format) THEN
        RAISE EXCEPTION 'unknown format "%"', NEW.format
            USING ERRCODE = 'invalid_parameter_value', HINT = 'SELECT * FROM tracer.source_formats() lists them.';
    ELSIF jsonb_typeof(NEW.fields) <> 'object' THEN
        RAISE EXCEPTION 'fields must be a JSON object, not %', NEW.fields
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Such as {"title": "$.what", "key": ["asset", "$.code"]}.';
    END IF;
    FOR field IN SELECT m.key AS name, m.value, CASE jsonb_typeof(m.value) WHEN 'object' THEN m.value -> 'path' ELSE m.value END AS paths FROM tracer.members(NEW.fields) AS m LOOP
        IF field.name <> 'key' AND NOT tracer.generic_fields() ? field.name THEN
            RAISE EXCEPTION 'unknown field "%"', field.name
                USING ERRCODE = 'invalid_parameter_value', HINT = 'There are key and those of tracer.generic_fields().';
        ELSIF jsonb_typeof(field.paths) NOT IN ('string', 'array') OR field.name IN ('items', 'key') AND jsonb_typeof(field.value) = 'object'
              OR field.name = 'key' AND jsonb_typeof(field.value) <> 'array' THEN
            RAISE EXCEPTION 'field "%" cannot be %', field.name, field.value
                USING ERRCODE = 'invalid_parameter_value', HINT = 'A field is a JSON path, an array of them, or an object with path, map and default; key is an array of fields and paths.';
        END IF;
        FOR path IN SELECT p FROM jsonb_array_elements(CASE jsonb_typeof(field.paths) WHEN 'array' THEN field.paths WHEN 'string' THEN jsonb_build_array(field.paths) ELSE '[]' END) AS p LOOP
            BEGIN
                CONTINUE WHEN field.name = 'key' AND tracer.generic_fields() ? (path #>> '{}');
                PERFORM (path #>> '{}')::jsonpath;
            EXCEPTION WHEN syntax_error OR data_exception THEN
                RAISE EXCEPTION 'field "%" has no JSON path in %: %', field.name, path, sqlerrm
                    USING ERRCODE = 'invalid_parameter_value', HINT = 'A path looks like $.target.name or $.checks[*].';
            END;
        END LOOP;
    END LOOP;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION tracer.check_source() IS 'Trigger function, before INSERT or UPDATE of tracer.source: its format exists, its fields are fields, their paths are JSON paths. Error: invalid_parameter_value.';
CREATE TRIGGER check_source BEFORE INSERT OR UPDATE OF format, fields ON tracer.source
    FOR EACH ROW EXECUTE FUNCTION tracer.check_source();
