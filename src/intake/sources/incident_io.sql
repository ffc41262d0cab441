/*
 * incident.io: alert events as its HTTP sources take them.
 */
CREATE FUNCTION tracer.read_incident_io(body jsonb, headers jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN ARRAY(
        SELECT tracer.an_alert(
                 title       => e ->> 'title',
                 severity    => coalesce(e -> 'metadata' ->> 'severity', e -> 'metadata' ->> 'priority'),
                 status      => e ->> 'status',
                 dedup_key   => nullif(e ->> 'deduplication_key', ''),
                 description => e ->> 'description',
                 labels      => e -> 'metadata',
                 url         => coalesce(e ->> 'source_url', e -> 'metadata' ->> 'source_url'),
                 payload     => e)
          FROM tracer.elements(body) AS e
         WHERE e ? 'title');
END
$$;
COMMENT ON FUNCTION tracer.read_incident_io(jsonb, jsonb) IS 'Reader of the format incident_io: alert events with title, status, deduplication_key, metadata.';
