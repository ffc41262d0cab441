-- A stand-in for tracer.ingest() where the intake room is not built in: one
-- alert for each element of a JSON array, one for any other JSON, a quarantined
-- row for what is no JSON. The gateway must not know the difference.
DO $do$
BEGIN
    IF to_regprocedure('tracer.ingest(text, bytea, jsonb)') IS NOT NULL THEN
        RETURN;
    END IF;
    CREATE TABLE tracer.quarantine (source text, body bytea, headers jsonb, reason text, at timestamptz NOT NULL DEFAULT now());
    CREATE FUNCTION tracer.ingest(source text, body bytea, headers jsonb DEFAULT '{}', OUT alerts bigint, OUT changes bigint, OUT edges bigint, OUT assets bigint, OUT quarantined bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        doc jsonb;
    BEGIN
        SELECT 0, 0, 0, 0, 0 INTO alerts, changes, edges, assets, quarantined;
        BEGIN
            doc := convert_from(body, 'UTF8')::jsonb;
        EXCEPTION WHEN OTHERS THEN
            INSERT INTO tracer.quarantine (source, body, headers, reason) VALUES (ingest.source, ingest.body, ingest.headers, SQLERRM);
            quarantined := 1;
            RETURN;
        END;
        INSERT INTO tracer.alert (asset, title, source, dedup_key, labels, payload)
        SELECT coalesce(e.value -> 'labels' ->> 'asset', e.value ->> 'asset'),
               coalesce(e.value -> 'labels' ->> 'alertname', e.value ->> 'title', 'something'),
               ingest.source, e.value ->> 'dedup_key', e.value -> 'labels', e.value
          FROM jsonb_array_elements(CASE jsonb_typeof(doc) WHEN 'array' THEN doc ELSE jsonb_build_array(doc) END) AS e;
        GET DIAGNOSTICS alerts = ROW_COUNT;
    END
    $$;
    GRANT EXECUTE ON FUNCTION tracer.ingest(text, bytea, jsonb) TO PUBLIC;
END
$do$;
