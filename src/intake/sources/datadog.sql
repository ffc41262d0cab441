/*
 * Datadog: the webhook's default payload, whose title tells the transition
 * ([Triggered on {host:a}] name), and the payload of docs/intake.md, which names
 * the parts.
 */
CREATE FUNCTION tracer.read_datadog(body jsonb, headers jsonb) RETURNS tracer.intake_row[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    head       text[] := regexp_match(body ->> 'title', '\[((?:Re-?)?(?:Triggered|Recovered|Warn|No Data|Renotify|Alert|OK)[^\]{]*)(?:\{([^}]*)\})?\]', 'i');
    transition text := lower(coalesce(body ->> 'transition', body ->> 'alert_transition', head[1], body ->> 'alert_type'));
    scope      text := coalesce(nullif(body ->> 'scope', ''), head[2]);
    name       text := btrim(regexp_replace(regexp_replace(body ->> 'title', '^\s*\[P[1-5]\]', ''), '\[(?:(?:Re-?)?(?:Triggered|Recovered|Warn|No Data|Renotify|Alert|OK)[^\]{]*(?:\{[^}]*\})?)\]', '', 'i'));
BEGIN
    RETURN ARRAY(
        SELECT tracer.an_alert(
                 title       => coalesce(nullif(name, ''), body ->> 'event_title'),
                 asset       => nullif(body ->> 'hostname', ''),
                 severity    => coalesce(nullif(body ->> 'priority', ''), substring(body ->> 'title' FROM '^\s*\[(P[1-5])\]'), CASE WHEN transition LIKE '%warn%' OR transition LIKE '%no data%' THEN 'warning'
                                                                               WHEN body ->> 'alert_type' IN ('info', 'warning') THEN body ->> 'alert_type' END),
                 status      => CASE WHEN transition ~ 'recover|^(ok|success)' THEN 'resolved' END,
                 dedup_key   => coalesce(nullif(body ->> 'key', ''), nullif(body ->> 'aggreg_key', ''), concat_ws('|', name, scope)),
                 at          => tracer.time_of(coalesce(body ->> 'date', body ->> 'last_updated')),
                 description => btrim(coalesce(body ->> 'body', body ->> 'text_only_msg'), E'%\n '),
                 labels      => coalesce(tracer.tags_object(body -> 'tags'), '{}') || coalesce(tracer.tags_object(to_jsonb(scope)), '{}'),
                 url         => coalesce(body ->> 'link', body ->> 'url'),
                 payload     => body)
         WHERE body ? 'title' AND (body ? 'event_type' OR body ? 'transition' OR body ? 'alert_transition' OR body ? 'alert_type' OR head IS NOT NULL));
END
$$;
COMMENT ON FUNCTION tracer.read_datadog(jsonb, jsonb) IS 'Reader of the format datadog: the webhook integration''s default payload and that of docs/intake.md.';
